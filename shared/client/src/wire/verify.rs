//! `POST /v1/keys/verify`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::environment::Environment;
use domain::ids::{KeyId, OrganizationId, SecretId};
use domain::policy::KeyKind;
use domain::verdict::Verdict;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::needed::Needed;
use super::secret_text::SecretText;
use super::words::{EnvironmentName, KeyKindName, TraceOutcome, VerdictName};

/// The most that one request may cost.
pub const COST_MAX: u64 = 1_000_000_000;

/// The organization's own notes on an object.
pub type Metadata = BTreeMap<String, Value>;

/// A question about a presented key.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// The key as it was presented.
    pub key: SecretText,
    /// The permissions that it must hold: a list, all of them; or `{"all": [...]}` or `{"any": [...]}`, one in another to a depth
    /// of 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Needed>,
    /// The host name that the request is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The customer that the request is for: its id or your own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(max_length = 200))]
    pub customer: Option<String>,
    /// The address that the request came from. A key with an address rule is refused without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(max_length = 64))]
    pub client_ip: Option<String>,
    /// What the request costs in credits; 1 when left out, and 0 asks for the balance without spending. A key without credits
    /// spends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(maximum(value = "1000000000")))]
    pub cost: Option<u64>,
    /// What the request costs of named limits. Each other limit of the key is charged 1, unless it is not `auto`: then only what
    /// names it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[oai(default, validator(max_items = 30))]
    pub limits: Vec<LimitAsked>,
    /// Whose verifier the Integration API asks about a text that is unknown here, by the id of the organization; left out, that of
    /// the calling key's. The key service itself asks nobody, and refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(max_length = 64))]
    pub organization: Option<String>,
    /// Your own notes on the request, for its log entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[oai(default, validator(max_items = 20, max_length = 100))]
    pub tags: Vec<String>,
    /// Whether to run every check, consume nothing, and return what each came to.
    #[serde(default)]
    #[oai(default)]
    pub explain: bool,
}

/// A limit that a request names, with what it costs there. With `limit` and `window_ms` it need not be one of the key's: where the
/// key, its customer and its organization have none of this name, the request is counted by these numbers, for this key. Through
/// the Integration API that needs `limits.spend`.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct LimitAsked {
    /// The limit's name.
    #[oai(validator(max_length = 40))]
    pub name: String,
    /// What the request costs; 0 only looks.
    #[serde(default = "one")]
    #[oai(default = "one", validator(maximum(value = "1000000000")))]
    pub cost: u64,
    /// Requests (or cost) per window where the key has no limit of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    pub limit: Option<u64>,
    /// The window of that, in milliseconds: one second to 31 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1000"), maximum(value = "2678400000")))]
    pub window_ms: Option<u64>,
}

fn one() -> u64 {
    1
}

/// The answer about a key. Before the secret is proven it is the verdict and the request's id alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerifyAnswer {
    /// `VALID`, or the first check that failed.
    pub verdict: Verdict,
    /// What is told to whoever proved the secret.
    #[serde(flatten)]
    pub proven: Option<Proven>,
    /// Names the request in the log.
    pub request_id: String,
}

/// What is told about a key once its secret is proven.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proven {
    /// The finer reason, if there is one.
    pub reason: Option<String>,
    /// The limit that refused the request, if one did.
    pub limit_name: Option<String>,
    /// The key.
    pub key_id: KeyId,
    /// Which of its secrets.
    pub secret_id: SecretId,
    /// The key's name.
    pub name: String,
    /// Root or organization.
    pub kind: KeyKind,
    /// Where it is valid.
    pub environment: Environment,
    /// Whose key it is.
    pub organization_id: OrganizationId,
    /// The customer that the request is for, if one is known.
    pub customer: Option<VerdictCustomer>,
    /// What it holds, of its own and by its roles.
    pub permissions: Vec<String>,
    /// Its roles.
    pub roles: Vec<RoleName>,
    /// The organization's own notes on it.
    pub metadata: Metadata,
    /// When it ends.
    pub expires_at: Option<String>,
    /// What is left of its credits, whatever the verdict; `null` for a key without credits, and beside a refusal while the
    /// balance cannot be read.
    pub credits: Option<i64>,
    /// What is left of each limit.
    pub limits: Vec<LimitState>,
    /// How long until the same request would be admitted, when a limit refused it. Absent when waiting never helps: the cost is
    /// above the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The permissions that it lacks.
    pub missing_permissions: Vec<String>,
    /// What each check came to, when explained.
    pub trace: Option<Vec<TraceStep>>,
}

/// The customer that a verified request is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Object)]
pub struct VerdictCustomer {
    /// Its id.
    pub id: String,
    /// Your own id for it.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Your own notes on it.
    pub metadata: Metadata,
}

/// A role of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct RoleName {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Who counts a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum Enforced {
    /// All replicas together, exactly.
    Global,
    /// This replica its share, while the counters are away.
    Local,
}

/// Whose a limit is: what else is charged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum LimitOwner {
    /// The key's own.
    Key,
    /// The customer's, which all of its keys share.
    Customer,
    /// The organization's, which all of its keys share.
    Organization,
    /// That of a person who is signed in to the console.
    Member,
}

/// How much of a limit is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct LimitState {
    /// The limit's name.
    pub name: String,
    /// Whose it is. A key, its customer and its organization may each have one of the same name.
    pub of: LimitOwner,
    /// What it allows per window.
    pub limit: u64,
    /// The window's length.
    pub window_ms: u64,
    /// What is left now.
    pub remaining: u64,
    /// How long until the oldest counted request has left the window and its place is free: at most 33/32 of the window. 0 when
    /// none is counted.
    pub reset_ms: u64,
    /// Who counts.
    pub enforced: Enforced,
}

/// One check of an explained verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct TraceStep {
    /// The check.
    pub check: String,
    /// What it came to.
    pub outcome: TraceOutcome,
    /// More, in words.
    pub detail: Option<String>,
}

/// The document's form of [`VerifyAnswer`]: one object in which everything but two members may be absent.
#[derive(Object)]
#[oai(rename = "VerifyAnswer")]
struct VerifyAnswerSchema {
    /// `VALID`, or the first check that failed.
    verdict: VerdictName,
    /// The finer reason, if there is one. This and all that follows is absent until the secret is proven, and for a key that was
    /// deleted.
    reason: Option<String>,
    /// The limit that refused the request, if one did.
    limit_name: Option<String>,
    /// The key.
    key_id: Option<String>,
    /// Which of its secrets.
    secret_id: Option<String>,
    /// The key's name.
    name: Option<String>,
    /// Root or organization.
    kind: Option<KeyKindName>,
    /// Where it is valid.
    environment: Option<EnvironmentName>,
    /// Whose key it is.
    organization_id: Option<String>,
    /// The customer that the request is for, if one is known.
    customer: Option<VerdictCustomer>,
    /// What it holds, of its own and by its roles.
    permissions: Option<Vec<String>>,
    /// Its roles. Their names can change: ask for permissions, and let nothing depend on a name.
    roles: Option<Vec<RoleName>>,
    /// The organization's own notes on it.
    metadata: Option<Metadata>,
    /// When it ends: RFC 3339, UTC, microseconds.
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
    /// What is left of its credits, whatever the verdict; `null` for a key without credits, and beside a refusal while the
    /// balance cannot be read.
    credits: Option<i64>,
    /// What is left of each limit.
    limits: Option<Vec<LimitState>>,
    /// How long until the same request would be admitted; only when a limit refused it. Absent when waiting never helps: the
    /// cost is above the limit.
    retry_after_ms: Option<u64>,
    /// The permissions that it lacks: each that is named in a part of the question which is not met.
    missing_permissions: Option<Vec<String>>,
    /// What each check came to, when explained.
    trace: Option<Vec<TraceStep>>,
    /// Names the request in the log.
    request_id: String,
}

impl Type for VerifyAnswer {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        VerifyAnswerSchema::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        VerifyAnswerSchema::schema_ref()
    }

    fn register(registry: &mut Registry) {
        VerifyAnswerSchema::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for VerifyAnswer {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

impl ToJSON for VerifyAnswer {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unproven_answer_has_two_members() {
        let answer = VerifyAnswer { verdict: Verdict::NotFound, proven: None, request_id: "req_1".to_owned() };
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"verdict":"NOT_FOUND","request_id":"req_1"}"#);
        let read: VerifyAnswer = serde_json::from_str(r#"{"verdict":"NOT_FOUND","request_id":"req_1"}"#).unwrap();
        assert!(read.proven.is_none());
    }

    #[test]
    fn a_secret_is_never_printed_with_its_request() {
        let request: VerifyRequest = serde_json::from_str(r#"{"key":"clv_prod_x"}"#).unwrap();
        assert!(!format!("{request:?}").contains("clv_prod"));
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"key":"clv_prod_x","explain":false}"#);
    }
}
