//! Keys that another system's verifier vouches for: how it is asked about a text, and what it says by its answer.
//!
//! A text goes to one place of the question that its owner chose, whole, and is never put together with other text by hand: into
//! a header, or into a member of a JSON object. No text that has Claviger's own form, or nearly so, is sent to anybody.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::environment::Environment;
use crate::secret::Prefix;
use crate::validation::{ValidationError, excerpt};

/// The longest URL of a verifier.
pub const URL_BYTES_MAX: usize = 500;
/// The most headers of its owner's that a question carries.
pub const HEADERS_MAX: usize = 10;
/// The longest value of one, and what stands before a key in one.
pub const HEADER_BYTES_MAX: usize = 1_000;
/// The longest name of one.
const NAME_BYTES_MAX: usize = 64;
/// The largest fixed part of a body.
const BODY_BYTES_MAX: usize = 4_096;
/// How deep a member may lie.
const DEPTH_MAX: usize = 8;
/// The longest path to a member.
const POINTER_BYTES_MAX: usize = 200;
/// How long a verifier may take, in milliseconds.
pub const TIMEOUT_MS: std::ops::RangeInclusive<u32> = 100..=5_000;
/// How often it may be asked in a minute.
pub const BUDGET_PER_MINUTE: std::ops::RangeInclusive<u32> = 1..=600;
/// How long its refusals are remembered, in seconds: a minute to 30 days.
pub const REFUSALS_SECONDS: std::ops::RangeInclusive<u32> = 60..=2_592_000;

/// What a client of HTTP says itself, or what would change whom it talks to.
const KEPT_HEADERS: [&str; 14] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AskMethod {
    /// Without a body.
    #[serde(rename = "GET")]
    Get,
    /// With a body in JSON.
    #[serde(rename = "POST")]
    Post,
}

/// Where a key's text goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// Into this header, behind a text such as `Bearer `.
    Header {
        /// Its name, in lower case.
        name: String,
        /// What stands before the key.
        prefix: String,
    },
    /// Into this member of the body: a JSON pointer.
    Member(String),
}

/// What says that a key is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The status.
    pub status: u16,
    /// A member of the answer in JSON, as a pointer, and what it has to be.
    pub member: Option<(String, Value)>,
}

/// How an organization's verifier is asked, but for the values of its headers, which are kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifierRequest {
    /// Where.
    pub url: String,
    /// How.
    pub method: AskMethod,
    /// Where the key's text goes.
    pub key: KeyPlace,
    /// What else the body says.
    pub body: Map<String, Value>,
    /// What says that a key is good.
    pub accepts: Acceptance,
}

/// A question about one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The header that holds the text, if one does.
    pub header: Option<(String, String)>,
    /// The body in JSON, if there is one.
    pub body: Option<Value>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The key is good.
    Accepted,
    /// It is not.
    Refused,
    /// Nothing: the verifier could not say.
    Unsaid,
}

impl VerifierRequest {
    /// Every mistake in it, each with the member that it is in.
    pub fn mistakes(&self) -> Vec<(&'static str, ValidationError)> {
        let mut mistakes = Vec::new();
        let mut note = |place, result: Result<(), ValidationError>| mistakes.extend(result.err().map(|it| (place, it)));
        match &self.key {
            KeyPlace::Header { name, prefix } => {
                note("/key_in/header", check_header_name(name));
                note("/key_in/prefix", check_header_value(prefix, 0));
            }
            KeyPlace::Member(pointer) => {
                note("/key_in/member", check_pointer(pointer));
                if self.method == AskMethod::Get {
                    let message = "a GET has no body; put the key into a header, or ask with POST";
                    note("/key_in/member", Err(ValidationError::new("contradiction", message)));
                }
                if self.filled(pointer, "").is_none() {
                    let message = "this place of the body is not that of a member of an object, or is taken";
                    note("/key_in/member", Err(ValidationError::new("contradiction", message)));
                }
            }
        }
        if self.method == AskMethod::Get && !self.body.is_empty() {
            note("/body", Err(ValidationError::new("contradiction", "a GET has no body; leave it out")));
        }
        if Value::Object(self.body.clone()).to_string().len() > BODY_BYTES_MAX {
            note("/body", Err(ValidationError::new("too-large", format!("at most {BODY_BYTES_MAX} bytes"))));
        }
        if !(200..=299).contains(&self.accepts.status) {
            note("/accepts/status", Err(ValidationError::new("range", "a status that accepts is 200 to 299")));
        }
        if let Some((pointer, value)) = &self.accepts.member {
            note("/accepts/member", check_pointer(pointer));
            if value.is_array() || value.is_object() || value.is_null() {
                let message = "compare with a text, a number or a boolean";
                note("/accepts/value", Err(ValidationError::new("value", message)));
            }
        }
        mistakes
    }

    /// The question about a text; `None` for one that cannot stand where it would go.
    pub fn question(&self, text: &str) -> Option<Question> {
        match &self.key {
            KeyPlace::Header { name, prefix } => {
                // What a header cannot carry as it is would arrive as something else.
                let is_fit = text.bytes().all(|byte| byte.is_ascii_graphic());
                let body = (self.method == AskMethod::Post).then(|| Value::Object(self.body.clone()));
                is_fit.then(|| Question { header: Some((name.clone(), format!("{prefix}{text}"))), body })
            }
            KeyPlace::Member(pointer) => Some(Question { header: None, body: Some(self.filled(pointer, text)?) }),
        }
    }

    /// What an answer with this status and body says. Only what a verifier says of the key itself is a refusal: it may be
    /// overloaded, away, or moved.
    pub fn judge(&self, status: u16, body: &[u8]) -> Judgement {
        if matches!(status, 100..=199 | 300..=399 | 407 | 408 | 421 | 425 | 429 | 500..) {
            return Judgement::Unsaid;
        }
        if status != self.accepts.status {
            return Judgement::Refused;
        }
        let Some((pointer, wanted)) = &self.accepts.member else { return Judgement::Accepted };
        match serde_json::from_slice::<Value>(body) {
            Ok(answer) if answer.pointer(pointer) == Some(wanted) => Judgement::Accepted,
            Ok(_) => Judgement::Refused,
            Err(_) => Judgement::Unsaid,
        }
    }

    /// The body with a text in one member that it does not have yet.
    fn filled(&self, pointer: &str, text: &str) -> Option<Value> {
        let mut body = Value::Object(self.body.clone());
        let tokens: Vec<String> = tokens(pointer).collect();
        let (last, parents) = tokens.split_last()?;
        let mut at = &mut body;
        for token in parents {
            let members = at.as_object_mut()?;
            at = members.entry(token.clone()).or_insert_with(|| Value::Object(Map::new()));
        }
        let members = at.as_object_mut()?;
        if members.contains_key(last) {
            return None;
        }
        members.insert(last.clone(), Value::from(text));
        Some(body)
    }
}

/// Whether a text may be told to a verifier at all. Everything that has Claviger's own form is not, nor what was meant to have it:
/// a mistyped or shortened key of ours holds most of a secret.
pub fn may_be_told(text: &str) -> bool {
    let folded = text.to_ascii_lowercase();
    let is_ours = |prefix: Prefix| folded.contains(&format!("{}_", prefix.as_str()));
    let is_tagged = |environment: Environment| {
        let tag = format!("_{}_", environment.tag());
        folded.split_once(&tag).is_some_and(|(_, rest)| rest.contains('_'))
    };
    !(is_ours(Prefix::organization()) || is_ours(Prefix::root()) || Environment::ALL.into_iter().any(is_tagged))
}

/// Checks the name of a header that an owner may set.
pub fn check_header_name(name: &str) -> Result<(), ValidationError> {
    let is_token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
        let message =
            format!("\"{}\" is no name of a header; write at most {NAME_BYTES_MAX} of a-z, 0-9 and -_.", excerpt(name));
        return Err(ValidationError::new("header", message));
    }
    if KEPT_HEADERS.contains(&name) {
        return Err(ValidationError::new("header", format!("{name} is set by whoever sends the request")));
    }
    Ok(())
}

/// Checks the value of one: printable ASCII of so many bytes at the least.
pub fn check_header_value(value: &str, bytes_min: usize) -> Result<(), ValidationError> {
    let is_printable = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_printable && (bytes_min..=HEADER_BYTES_MAX).contains(&value.len()) {
        return Ok(());
    }
    let message = format!("{bytes_min} to {HEADER_BYTES_MAX} printable ASCII characters");
    Err(ValidationError::new("header-value", message))
}

fn check_pointer(pointer: &str) -> Result<(), ValidationError> {
    let is_pointer = pointer.starts_with('/') && pointer.len() <= POINTER_BYTES_MAX;
    if is_pointer && tokens(pointer).count() <= DEPTH_MAX && !pointer.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("write a JSON pointer such as /key or /data/valid, at most {DEPTH_MAX} members deep");
    Err(ValidationError::new("pointer", message))
}

/// The members on the way to one: RFC 6901.
fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::PlainSecret;
    use serde_json::json;

    fn request(key: KeyPlace) -> VerifierRequest {
        VerifierRequest {
            url: "https://keys.example.com/verify".to_owned(),
            method: AskMethod::Post,
            key,
            body: json!({"api": "api_1", "more": {"a": 1}}).as_object().cloned().unwrap_or_default(),
            accepts: Acceptance { status: 200, member: Some(("/data/valid".to_owned(), json!(true))) },
        }
    }

    fn header(name: &str, prefix: &str) -> KeyPlace {
        KeyPlace::Header { name: name.to_owned(), prefix: prefix.to_owned() }
    }

    #[test]
    fn a_text_goes_to_its_place_whole_and_nowhere_else() {
        let hostile = "a\", \"admin\": true, \"x\": \"";
        let asked = request(KeyPlace::Member("/more/key".to_owned())).question(hostile).expect("a question");
        assert_eq!(asked.header, None);
        assert_eq!(asked.body, Some(json!({"api": "api_1", "more": {"a": 1, "key": hostile}})));
        let by_header = request(header("authorization", "Bearer "));
        let asked = by_header.question("acme_1").expect("a question");
        assert_eq!(asked.header, Some(("authorization".to_owned(), "Bearer acme_1".to_owned())));
        assert_eq!(asked.body, Some(json!({"api": "api_1", "more": {"a": 1}})));
        for text in ["a b", "a\r\nx-admin: 1", "ä", "a\u{0}"] {
            assert_eq!(by_header.question(text), None, "{text:?} cannot stand in a header");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_place() {
        let places = |request: VerifierRequest| -> Vec<&str> { request.mistakes().iter().map(|it| it.0).collect() };
        assert!(places(request(header("x-api-key", ""))).is_empty());
        assert!(places(request(KeyPlace::Member("/key".to_owned()))).is_empty());
        for name in ["host", "content-length", "transfer-encoding", "X-Api", "a b", "", "connection"] {
            assert_eq!(places(request(header(name, ""))), ["/key_in/header"], "{name}");
        }
        assert_eq!(places(request(header("x-api-key", "a\r\nb: "))), ["/key_in/prefix"]);
        for pointer in ["/api", "/api/key", "/more/a/key"] {
            assert_eq!(places(request(KeyPlace::Member(pointer.to_owned()))), ["/key_in/member"], "{pointer} is taken");
        }
        assert_eq!(places(request(KeyPlace::Member("key".to_owned())))[0], "/key_in/member");
        let get = VerifierRequest { method: AskMethod::Get, ..request(KeyPlace::Member("/key".to_owned())) };
        assert_eq!(places(get), ["/key_in/member", "/body"]);
        let accepts = |status, member| VerifierRequest {
            accepts: Acceptance { status, member },
            ..request(header("x-api-key", ""))
        };
        assert_eq!(places(accepts(401, None)), ["/accepts/status"]);
        let bad = Some(("valid".to_owned(), json!({})));
        assert_eq!(places(accepts(200, bad)), ["/accepts/member", "/accepts/value"]);
    }

    #[test]
    fn only_what_is_said_of_the_key_is_a_refusal() {
        let request = request(header("x-api-key", ""));
        let judge = |status, body: &str| request.judge(status, body.as_bytes());
        assert_eq!(judge(200, r#"{"data": {"valid": true}}"#), Judgement::Accepted);
        for (status, body) in [
            (200, r#"{"data": {"valid": false}}"#),
            (200, r#"{"data": {"valid": "true"}}"#),
            (200, r#"{"data": {"valid": 1}}"#),
            (200, r#"{"valid": true}"#),
            (200, "[]"),
            (401, r#"{"data": {"valid": true}}"#),
            (404, ""),
            (204, ""),
        ] {
            assert_eq!(judge(status, body), Judgement::Refused, "{status} {body}");
        }
        for (status, body) in
            [(200, ""), (200, "<html>"), (302, ""), (408, ""), (429, ""), (500, ""), (503, ""), (999, "")]
        {
            assert_eq!(judge(status, body), Judgement::Unsaid, "{status} {body}");
        }
    }

    #[test]
    fn nothing_that_was_meant_to_be_ours_is_told_to_anybody() {
        for environment in Environment::ALL {
            for prefix in ["clv", "clvroot", "acme"] {
                let prefix = Prefix::parse(prefix).expect("a prefix");
                let secret = PlainSecret::generate(&prefix, environment);
                let text = secret.expose();
                let padded = format!(" Bearer {text}\n");
                let mistyped = format!("{}x", &text[..text.len() - 1]);
                for near in [text, &padded, &mistyped, &text[..text.len() - 9], &text.to_uppercase()] {
                    assert!(!may_be_told(near), "{near}");
                }
            }
        }
        for other in ["unkey_3ZmxQqBEnUPN6iwcFm1S8dAT", "sk_live_4242", "acme_prod_7Jq2LxW0vT9cKd4R", "partner-7e1f"] {
            assert!(may_be_told(other), "{other}");
        }
    }
}
