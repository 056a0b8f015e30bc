//! What a member's token says, and when it is believed.

use chrono::{DateTime, Utc};
use domain::access::{Member, PersonId};
use domain::environment::Environment;
use domain::ids::{OrganizationId, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};

/// The role of a person who administers the installation, in a token that names no organization.
pub const SERVER_ADMIN: &str = "server-admin";
/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 4 * 1024;
const KEY_ID_BYTES_MAX: usize = 64;
const EMAIL_BYTES_MAX: usize = 320;
/// For how long a token may be made at most.
const LIFETIME_SECONDS_MAX: i64 = 60;
/// How far the clocks of the console and of the database may be apart.
const LEEWAY_SECONDS: i64 = 5;

/// The audience of tokens for one environment.
pub fn audience(environment: Environment) -> String {
    format!("claviger-api:{environment}")
}

/// What the console says of a signed-in person, as the token spells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The console's public URL.
    pub iss: String,
    /// `claviger-api:` and the environment.
    pub aud: String,
    /// `mem_…` in an organization; `usr_…` of a server admin.
    pub sub: String,
    /// The organization; absent for a server admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrganizationId>,
    /// The role in this environment: a built-in one, an own one of the organization (`role_…`), or `server-admin`.
    pub role: String,
    /// The session in the console.
    pub sid: SessionId,
    /// What people call the person.
    pub email: String,
    /// How the person signed in.
    pub assurance: Assurance,
    /// Until when the person may do what needs a fresh proof, in unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up_until: Option<i64>,
    /// When it was made, in unix seconds like the rest.
    pub iat: i64,
    /// From when on it is good.
    pub nbf: i64,
    /// Until when it is good.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assurance {
    /// With a password alone.
    Password,
    /// With a second factor, too.
    SecondFactor,
}

/// Reads tokens of one console for one environment.
pub struct Reader {
    issuer: String,
    audience: String,
    validation: Validation,
}

impl Reader {
    /// Tokens of this issuer for this environment.
    pub fn new(issuer: &str, environment: Environment) -> Self {
        let audience = audience(environment);
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // By the database's clock, in `Claims::member_at`.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { issuer: issuer.to_owned(), audience, validation }
    }

    /// Which key a token says that it was signed with; `None` if it cannot be one of the console's. It names no key, no
    /// certificate and no address of its own, and no algorithm but the one there is.
    pub fn key_id(&self, token: &str) -> Option<String> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let header = decode_header(token).ok()?;
        let is_plain = header.alg == Algorithm::EdDSA
            && header.typ.as_deref() == Some("JWT")
            && header.crit.is_none()
            && header.jku.is_none()
            && header.jwk.is_none()
            && header.x5u.is_none()
            && header.x5c.is_none();
        header.kid.filter(|id| is_plain && (1..=KEY_ID_BYTES_MAX).contains(&id.len()))
    }

    /// What the token says, if the key has signed it for this environment.
    pub fn read(&self, token: &str, key: &DecodingKey) -> Option<Claims> {
        let claims = decode::<Claims>(token, key, &self.validation).ok()?.claims;
        // Both are one text here, where the standard allows a list.
        let is_ours = claims.iss == self.issuer && claims.aud == self.audience;
        (is_ours && claims.jti.len() <= KEY_ID_BYTES_MAX && claims.email.len() <= EMAIL_BYTES_MAX).then_some(claims)
    }
}

impl Claims {
    /// The person, if the token is good at `now`.
    pub fn member_at(&self, now: DateTime<Utc>) -> Option<Member> {
        let now = now.timestamp();
        let lifetime = self.exp.checked_sub(self.iat)?;
        let is_good = (1..=LIFETIME_SECONDS_MAX).contains(&lifetime)
            && self.iat <= now.checked_add(LEEWAY_SECONDS)?
            && self.nbf <= now.checked_add(LEEWAY_SECONDS)?
            && now.checked_sub(LEEWAY_SECONDS)? < self.exp;
        let step_up_until = match self.step_up_until {
            Some(seconds) => Some(DateTime::from_timestamp(seconds, 0)?),
            None => None,
        };
        let id = self.person().filter(|_| is_good)?;
        Some(Member {
            id,
            email: self.email.clone(),
            role: self.role.clone(),
            session: self.sid,
            has_second_factor: self.assurance == Assurance::SecondFactor,
            step_up_until,
        })
    }

    /// A member is of an organization, and a server admin is of none.
    fn person(&self) -> Option<PersonId> {
        match (self.org, self.role == SERVER_ADMIN) {
            (Some(organization), false) if !organization.is_installation() => {
                self.sub.parse().ok().map(PersonId::Member)
            }
            (None, true) => self.sub.parse().ok().map(PersonId::User),
            (Some(_), _) | (None, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn claims() -> Claims {
        Claims {
            iss: "https://console.example.com".to_owned(),
            aud: audience(Environment::Staging),
            sub: domain::ids::MemberId::mint(DateTime::UNIX_EPOCH).to_string(),
            org: Some(OrganizationId::mint(DateTime::UNIX_EPOCH)),
            role: "viewer".to_owned(),
            sid: SessionId::mint(DateTime::UNIX_EPOCH),
            email: "vera@example.com".to_owned(),
            assurance: Assurance::Password,
            step_up_until: None,
            iat: NOW,
            nbf: NOW,
            exp: NOW + 60,
            jti: "1".to_owned(),
        }
    }

    fn is_good(change: impl FnOnce(&mut Claims), at: i64) -> bool {
        let mut claims = claims();
        change(&mut claims);
        claims.member_at(DateTime::from_timestamp(at, 0).unwrap()).is_some()
    }

    #[test]
    fn a_token_is_good_for_its_minute_give_or_take_a_little() {
        for (at, expected) in [(-5, true), (-6, false), (0, true), (59, true), (64, true), (65, false), (3_600, false)]
        {
            assert_eq!(is_good(|_| {}, NOW + at), expected, "{at}");
        }
        assert!(!is_good(|claims| claims.exp = NOW + 61, NOW), "made for more than a minute");
        assert!(!is_good(|claims| claims.exp = NOW, NOW), "made for no time");
        assert!(!is_good(|claims| claims.nbf = NOW + 6, NOW));
        for extreme in [i64::MIN, i64::MAX] {
            assert!(!is_good(|claims| claims.exp = extreme, NOW));
            assert!(!is_good(|claims| claims.iat = extreme, NOW));
            assert!(!is_good(|claims| claims.step_up_until = Some(extreme), NOW));
        }
    }

    #[test]
    fn a_member_is_in_an_organization_and_a_server_admin_in_none() {
        let user = || domain::ids::UserId::mint(DateTime::UNIX_EPOCH).to_string();
        assert!(is_good(
            |claims| {
                (claims.sub, claims.org, claims.role) = (user(), None, SERVER_ADMIN.to_owned());
            },
            NOW
        ));
        assert!(!is_good(|claims| claims.sub = user(), NOW));
        assert!(!is_good(|claims| claims.org = None, NOW));
        assert!(!is_good(|claims| claims.org = Some(OrganizationId::INSTALLATION), NOW));
        assert!(!is_good(|claims| claims.role = SERVER_ADMIN.to_owned(), NOW));
        assert!(!is_good(|claims| (claims.org, claims.role) = (None, SERVER_ADMIN.to_owned()), NOW));
        assert!(!is_good(|claims| claims.sub = "key_1".to_owned(), NOW));
    }
}
