//! A console's keys on loopback, and tokens of members that they have signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::members::{Assurance, Claims, SERVER_ADMIN, audience};
use chrono::{DateTime, TimeDelta, Utc};
use domain::environment::Environment;
use domain::ids::{MemberId, OrganizationId, SessionId, UserId};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use poem::{Endpoint, Request, Response};
use serde::Serialize;
use serde_json::json;
use server::listener::{self, Limits};
use server::metrics::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the tokens name as their console.
pub const ISSUER: &str = "https://console.test";
/// The id of the one key that is published.
pub const KEY_ID: &str = "test-1";
/// What stands before the 32 bytes of an Ed25519 key in PKCS #8.
const PKCS8_START: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Publishes a key, and signs with it. Dropping it stops it.
pub struct TokenSigner {
    /// Where the key is published.
    pub jwks_url: String,
    key: EncodingKey,
    /// The public key, as it is published.
    pub public_key: String,
    asked: Arc<AtomicUsize>,
    stopped: CancellationToken,
}

struct Publisher {
    body: String,
    asked: Arc<AtomicUsize>,
}

impl TokenSigner {
    /// Starts it on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let key = ed25519(&rand::random());
        let public_key = public_key(&key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let jwks_url = format!("http://{}/.well-known/jwks.json", listener.local_addr()?);
        let (asked, stopped) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let published =
            json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": public_key});
        let publisher = Publisher { body: json!({"keys": [published]}).to_string(), asked: Arc::clone(&asked) };
        let token = stopped.clone();
        tokio::spawn(
            async move { listener::serve(listener, publisher, Limits::promised(), &Metrics::new(), token).await },
        );
        Ok(Self { jwks_url, key, public_key, asked, stopped })
    }

    /// How often it was asked for its key.
    pub fn times_asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A token of a new member with this role.
    pub fn member(&self, environment: Environment, organization: OrganizationId, role: &str) -> String {
        self.sign(&member_claims(environment, organization, role))
    }

    /// A token of a new server admin, who has proved lately who they are.
    pub fn server_admin(&self, environment: Environment) -> String {
        self.sign(&server_admin_claims(environment))
    }

    /// A token that says this.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        self.sign_under(&header(), claims)
    }

    /// The same with another header.
    ///
    /// # Panics
    ///
    /// When the header is of another algorithm.
    pub fn sign_under(&self, header: &Header, claims: &impl Serialize) -> String {
        encode(header, claims, &self.key).expect("claims are JSON and the key is one")
    }
}

/// The header of good tokens.
pub fn header() -> Header {
    Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::EdDSA) }
}

/// What a good token of a new member says.
pub fn member_claims(environment: Environment, organization: OrganizationId, role: &str) -> Claims {
    let now = now();
    Claims {
        iss: ISSUER.to_owned(),
        aud: audience(environment),
        sub: MemberId::mint(now).to_string(),
        org: Some(organization),
        role: role.to_owned(),
        sid: SessionId::mint(now),
        email: format!("{role}@example.com"),
        assurance: Assurance::Password,
        step_up_until: None,
        iat: now.timestamp(),
        nbf: now.timestamp(),
        exp: (now + TimeDelta::seconds(60)).timestamp(),
        jti: "a-token".to_owned(),
    }
}

/// What a good token of a server admin says who has proved lately who they are.
pub fn server_admin_claims(environment: Environment) -> Claims {
    let now = now();
    Claims {
        sub: UserId::mint(now).to_string(),
        org: None,
        role: SERVER_ADMIN.to_owned(),
        step_up_until: Some((now + TimeDelta::minutes(10)).timestamp()),
        ..member_claims(environment, OrganizationId::INSTALLATION, SERVER_ADMIN)
    }
}

/// An Ed25519 key of these bytes.
pub fn ed25519(seed: &[u8; 32]) -> EncodingKey {
    EncodingKey::from_ed_der(&[&PKCS8_START[..], seed].concat())
}

fn public_key(key: &EncodingKey) -> anyhow::Result<String> {
    match Jwk::from_encoding_key(key, Algorithm::EdDSA)?.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) => Ok(pair.x),
        _ => anyhow::bail!("an Ed25519 key is a pair"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a console has a clock of its own")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Endpoint for Publisher {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Response::builder().content_type("application/json").body(self.body.clone()))
    }
}

impl Drop for TokenSigner {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}
