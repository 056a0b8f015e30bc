//! An organization's present verifier on the wire.

use std::collections::BTreeMap;

use client::wire::Metadata;
use domain::adoption::{
    Acceptance, AskMethod, HEADERS_MAX, KeyPlace, URL_BYTES_MAX, VerifierRequest, check_header_name, check_header_value,
};
use domain::validation::ValidationError;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use store::{AskOutcome, Verifier, VerifierAnswer};

use crate::fields::Fields;
use crate::resources::keys::wire::key_input::NewKey;
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

/// How a verifier is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum VerifierMethod {
    /// Without a body.
    #[oai(rename = "GET")]
    Get,
    /// With a body in JSON.
    #[oai(rename = "POST")]
    Post,
}

/// Where the text of a key goes in the question: `header` or `member`, one of the two.
#[derive(Debug, Clone, Object)]
#[oai(rename = "VerifierKeyPlace", deny_unknown_fields, skip_serializing_if_is_none)]
pub struct KeyPlaceBody {
    /// A header, in lower case.
    #[oai(validator(max_length = 64))]
    pub header: Option<String>,
    /// What stands before the key in that header, such as `Bearer ` with its space.
    #[oai(validator(max_length = 1000))]
    pub prefix: Option<String>,
    /// A member of the body, as a JSON pointer such as `/key`.
    #[oai(validator(max_length = 200))]
    pub member: Option<String>,
}

/// What an answer looks like that says that a key is good.
#[derive(Debug, Clone, Object)]
#[oai(rename = "VerifierAcceptance", deny_unknown_fields, skip_serializing_if_is_none)]
pub struct AcceptanceBody {
    /// Its status.
    #[oai(default = "ok", validator(minimum(value = "200"), maximum(value = "299")))]
    pub status: u16,
    /// A member of its body, as a JSON pointer such as `/data/valid`; without one the status says enough.
    #[oai(validator(max_length = 200))]
    pub member: Option<String>,
    /// What that member has to be: a text, a number or a boolean.
    pub value: Option<Value>,
}

/// The verifier that an organization has today, and the keys that come of it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "VerifierInput", deny_unknown_fields)]
pub struct VerifierInput {
    /// Where it is asked, below one of the origins that the installation's configuration allows.
    #[oai(validator(max_length = 500))]
    pub url: String,
    /// How it is asked.
    #[oai(default = "post")]
    pub method: VerifierMethod,
    /// Where the text of a key goes.
    pub key_in: KeyPlaceBody,
    /// Further headers, up to 10, such as a credential. Their values are sealed, and no answer shows them again.
    #[oai(default)]
    pub headers: BTreeMap<String, String>,
    /// What the body says beside the key.
    #[oai(default)]
    pub body: Metadata,
    /// What says that a key is good.
    pub accepts: AcceptanceBody,
    /// How long it may take.
    #[oai(default = "timeout_ms", validator(minimum(value = "100"), maximum(value = "5000")))]
    pub timeout_ms: u32,
    /// How often it may be asked in a minute, by all callers together.
    #[oai(default = "budget_per_minute", validator(minimum(value = "1"), maximum(value = "600")))]
    pub budget_per_minute: u32,
    /// How long it is not asked again about a text that it refused: a minute to 30 days.
    #[oai(default = "remember_refusals_seconds", validator(minimum(value = "60"), maximum(value = "2592000")))]
    pub remember_refusals_seconds: u32,
    /// From when on it is not asked any more.
    #[oai(validator(max_length = 64))]
    pub ends_at: String,
    /// What creates the keys that come of it, as for a key of one's own; each name is continued by an id. No more than the calling
    /// key holds, now and whenever a key comes of it. `secret` and `enabled` are left out here.
    pub keys: NewKey,
}

/// Whether keys come of a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum VerifierState {
    /// It is asked.
    Active,
    /// Its end has come.
    Ended,
    /// The key that set it could not make such keys now. Set it again.
    Stopped,
}

/// How often what happened since the verifier was first set.
#[derive(Debug, Clone, Object)]
pub struct VerifierCounts {
    /// It was asked.
    pub asked: u64,
    /// It accepted, and a key was made.
    pub accepted: u64,
    /// It refused.
    pub refused: u64,
    /// It did not say: no answer in time, an error, an answer that is none.
    pub unsaid: u64,
    /// It was not asked about an unknown text, because the minute's budget was spent or too many questions waited.
    pub unasked: u64,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum VerifierOutcome {
    /// It is being asked.
    Asking,
    /// It accepted, and a key was made.
    Accepted,
    /// It refused.
    Refused,
    /// It did not say.
    Unsaid,
}

/// One question. What it was about is not kept.
#[derive(Debug, Clone, Object)]
pub struct VerifierQuestion {
    /// When.
    pub at: Instant,
    /// What came of it.
    pub outcome: VerifierOutcome,
    /// The status of the answer, if there was one.
    pub status: Nullable<u16>,
    /// The key that was made.
    pub key_id: Nullable<String>,
}

/// The verifier, without the values of its headers, and what came of it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Verifier")]
pub struct VerifierBody {
    /// Whether it is asked.
    pub state: VerifierState,
    /// Why no keys come of it, if it is stopped.
    pub stopped_because: Nullable<String>,
    /// Where it is asked.
    pub url: String,
    /// How.
    pub method: VerifierMethod,
    /// Where the text of a key goes.
    pub key_in: KeyPlaceBody,
    /// The names of its further headers.
    pub header_names: Vec<String>,
    /// What the body says beside the key.
    pub body: Metadata,
    /// What says that a key is good.
    pub accepts: AcceptanceBody,
    /// How long it may take.
    pub timeout_ms: u32,
    /// How often it may be asked in a minute.
    pub budget_per_minute: u32,
    /// How long a refusal is remembered.
    pub remember_refusals_seconds: u32,
    /// From when on it is not asked any more.
    pub ends_at: Instant,
    /// What creates the keys that come of it.
    pub keys: Metadata,
    /// Who set it, and under whose authority the keys are made.
    pub set_by: String,
    /// When it was first set.
    pub created_at: Instant,
    /// When it was last set.
    pub updated_at: Instant,
    /// What came of it.
    pub counts: VerifierCounts,
    /// The last ten questions, newest first.
    pub recent: Vec<VerifierQuestion>,
}

/// What is stored of how a verifier is asked.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct StoredRequest {
    /// The request.
    #[serde(flatten)]
    pub request: VerifierRequest,
    /// The names of the headers whose values are sealed.
    pub header_names: Vec<String>,
}

fn ok() -> u16 {
    200
}

fn post() -> VerifierMethod {
    VerifierMethod::Post
}

fn timeout_ms() -> u32 {
    2_000
}

fn budget_per_minute() -> u32 {
    60
}

fn remember_refusals_seconds() -> u32 {
    3_600
}

impl VerifierInput {
    /// Reads how it is asked, but for whether it may be asked at that URL.
    pub fn read_request(&self, fields: &mut Fields) -> Option<StoredRequest> {
        if self.url.len() > URL_BYTES_MAX {
            fields.refuse("/url", ValidationError::new("too-long", format!("at most {URL_BYTES_MAX} bytes")));
        }
        if self.headers.len() > HEADERS_MAX {
            fields.refuse("/headers", ValidationError::new("too-many", format!("at most {HEADERS_MAX} headers")));
        }
        for (name, value) in &self.headers {
            fields.take(&format!("/headers/{name}"), check_header_name(name).and(check_header_value(value, 1)));
        }
        let key = fields.take("/key_in", self.key_in.read())?;
        if let KeyPlace::Header { name, .. } = &key
            && self.headers.contains_key(name)
        {
            fields.refuse("/key_in/header", ValidationError::new("contradiction", "this header has a value already"));
        }
        let member = match (&self.accepts.member, &self.accepts.value) {
            (Some(member), Some(value)) => Some((member.clone(), value.clone())),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let message = "send both member and value, or neither";
                fields.refuse("/accepts/member", ValidationError::new("contradiction", message));
                None
            }
        };
        let request = VerifierRequest {
            url: self.url.clone(),
            method: self.method.into(),
            key,
            body: self.body.clone().into_iter().collect(),
            accepts: Acceptance { status: self.accepts.status, member },
        };
        for (pointer, refusal) in request.mistakes() {
            fields.refuse(pointer, refusal);
        }
        Some(StoredRequest { request, header_names: self.headers.keys().cloned().collect() })
    }
}

impl KeyPlaceBody {
    fn read(&self) -> Result<KeyPlace, ValidationError> {
        match (&self.header, &self.prefix, &self.member) {
            (Some(name), prefix, None) => {
                Ok(KeyPlace::Header { name: name.clone(), prefix: prefix.clone().unwrap_or_default() })
            }
            (None, None, Some(member)) => Ok(KeyPlace::Member(member.clone())),
            (_, _, _) => {
                Err(ValidationError::new("contradiction", "send header, with or without prefix, or member alone"))
            }
        }
    }
}

impl From<&KeyPlace> for KeyPlaceBody {
    fn from(place: &KeyPlace) -> Self {
        match place {
            KeyPlace::Header { name, prefix } => {
                let prefix = Some(prefix.clone()).filter(|prefix| !prefix.is_empty());
                Self { header: Some(name.clone()), prefix, member: None }
            }
            KeyPlace::Member(pointer) => Self { header: None, prefix: None, member: Some(pointer.clone()) },
        }
    }
}

impl From<VerifierMethod> for AskMethod {
    fn from(method: VerifierMethod) -> Self {
        match method {
            VerifierMethod::Get => Self::Get,
            VerifierMethod::Post => Self::Post,
        }
    }
}

impl VerifierBody {
    /// A verifier as its row stands. `state` is with why, if it is stopped.
    pub fn new(
        row: &Verifier,
        stored: StoredRequest,
        (state, stopped_because): (VerifierState, Option<String>),
        recent: &[VerifierAnswer],
    ) -> Self {
        let StoredRequest { request, header_names } = stored;
        let (settings, counts) = (&row.settings, &row.counts);
        let (member, value) = request.accepts.member.unzip();
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        Self {
            state,
            stopped_because: Nullable(stopped_because),
            url: request.url,
            method: match request.method {
                AskMethod::Get => VerifierMethod::Get,
                AskMethod::Post => VerifierMethod::Post,
            },
            key_in: KeyPlaceBody::from(&request.key),
            header_names,
            body: request.body.into_iter().collect(),
            accepts: AcceptanceBody { status: request.accepts.status, member, value },
            timeout_ms: settings.timeout_ms,
            budget_per_minute: settings.budget_per_minute,
            remember_refusals_seconds: settings.refusals_seconds,
            ends_at: Instant(settings.ends_at),
            keys: settings.keys.as_object().cloned().unwrap_or_default().into_iter().collect(),
            set_by: row.set_by.clone(),
            created_at: Instant(row.created_at),
            updated_at: Instant(row.updated_at),
            counts: VerifierCounts {
                asked: count(counts.asked),
                accepted: count(counts.accepted),
                refused: count(counts.refused),
                unsaid: count(counts.unsaid),
                unasked: count(counts.unasked),
            },
            recent: recent.iter().map(VerifierQuestion::from).collect(),
        }
    }
}

impl From<&VerifierAnswer> for VerifierQuestion {
    fn from(row: &VerifierAnswer) -> Self {
        let (outcome, key) = match row.outcome {
            AskOutcome::Asking => (VerifierOutcome::Asking, None),
            AskOutcome::Accepted(key) => (VerifierOutcome::Accepted, Some(key.to_string())),
            AskOutcome::Refused => (VerifierOutcome::Refused, None),
            AskOutcome::Unsaid => (VerifierOutcome::Unsaid, None),
        };
        Self { at: Instant(row.asked_at), outcome, status: Nullable(row.status), key_id: Nullable(key) }
    }
}
