//! The tokens with which the console vouches for people to the environments: of a minute, and never seen by a browser.

mod keys;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use domain::environment::Environment;
use domain::ids::{MemberId, OrganizationId, SessionId, UserId};
use jsonwebtoken::{Algorithm, Header, encode};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::Serialize;
use serde_json::{Value, json};
use server::problem::{ErrorCode, Problem};
use store::control::{Assurance, Control};

use self::keys::{Keys, PublishedKey};
use crate::seal::Sealer;
use crate::signed::SignedIn;

/// For how long a token is good.
const LIFETIME_SECONDS: i64 = 60;
/// After so long the keys are read again.
const KEYS_AGE_MAX: Duration = Duration::from_secs(30);
/// The role of a person who administers the installation.
const SERVER_ADMIN: &str = "server-admin";

/// As whom a person acts in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActingAs {
    /// A member of an organization, in a role that it has in this environment.
    Member {
        /// Which member.
        member: MemberId,
        /// Of which organization.
        organization: OrganizationId,
        /// In which role.
        role: String,
    },
    /// A server admin.
    ServerAdmin(UserId),
}

/// On whose behalf a token is made.
pub struct Behalf<'a> {
    /// The person's address.
    pub email: &'a str,
    /// The session.
    pub session: SessionId,
    /// How the person signed in.
    pub assurance: Assurance,
    /// Until when the person may do what needs a fresh proof.
    pub step_up_until: Option<DateTime<Utc>>,
    /// The database's time.
    pub now: DateTime<Utc>,
}

impl<'a> Behalf<'a> {
    /// A signed-in person's.
    pub fn of(signed: &'a SignedIn) -> Self {
        Self {
            email: &signed.user.email,
            session: signed.session.id,
            assurance: signed.session.assurance,
            step_up_until: signed.session.step_up_until,
            now: signed.now(),
        }
    }
}

/// Makes tokens, and publishes the keys that prove them.
pub struct Tokens {
    control: Control,
    sealer: Sealer,
    issuer: String,
    known: Mutex<Option<(Arc<Keys>, Instant)>>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<OrganizationId>,
    role: &'a str,
    sid: SessionId,
    email: &'a str,
    assurance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up_until: Option<i64>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

impl Tokens {
    /// Tokens of the console at this origin.
    pub fn new(control: Control, sealer: Sealer, issuer: String) -> Self {
        Self { control, sealer, issuer, known: Mutex::new(None) }
    }

    /// A token for one environment.
    pub async fn make(&self, behalf: &Behalf<'_>, acting: &ActingAs, to: Environment) -> Result<String, Problem> {
        let keys = self.keys().await?;
        let (sub, org, role) = match acting {
            ActingAs::Member { member, organization, role } => (member.to_string(), Some(*organization), role.as_str()),
            ActingAs::ServerAdmin(user) => (user.to_string(), None, SERVER_ADMIN),
        };
        let now = behalf.now.timestamp();
        let claims = Claims {
            iss: &self.issuer,
            aud: format!("claviger-api:{to}"),
            sub,
            org,
            role,
            sid: behalf.session,
            email: behalf.email,
            assurance: behalf.assurance.name(),
            step_up_until: behalf.step_up_until.map(|until| until.timestamp()),
            iat: now,
            nbf: now,
            exp: now + LIFETIME_SECONDS,
            jti: random_id(),
        };
        let header = Header { kid: Some(keys.current.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &keys.current.key).map_err(|error| Problem::new(ErrorCode::Internal).source(error))
    }

    /// What is published at `/.well-known/jwks.json`.
    pub async fn published(&self) -> Result<Value, Problem> {
        let one = |key: &PublishedKey| json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.x});
        Ok(json!({"keys": self.keys().await?.published.iter().map(one).collect::<Vec<_>>()}))
    }

    /// The keys as they were a moment ago.
    async fn keys(&self) -> Result<Arc<Keys>, Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((keys, read)) = known
            && read.elapsed() < KEYS_AGE_MAX
        {
            return Ok(keys);
        }
        let keys = Arc::new(keys::read(&self.control, &self.sealer).await?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&keys), Instant::now()));
        Ok(keys)
    }
}

fn random_id() -> String {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).expect("the system has random numbers");
    HEXLOWER.encode(&bytes)
}
