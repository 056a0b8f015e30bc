//! `POST /v1/keys/verify-batch`: several questions, each read and answered by itself.

use std::borrow::Cow;

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Any, ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::verify::{VerifyAnswer, VerifyRequest};

/// The most questions in one batch.
pub const BATCH_MAX: usize = 100;

/// Several questions, answered in their order.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// 1 to 100 questions.
    #[oai(validator(min_items = 1, max_items = 100))]
    pub requests: Vec<VerifyRequest>,
}

/// The answers to a batch, in the order of its questions.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct BatchAnswer {
    /// One for each question.
    pub results: Vec<BatchResult>,
}

/// A batch as far as it is read as a whole: each question is read by itself.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct BatchShape {
    /// 1 to 100 questions.
    #[oai(validator(min_items = 1, max_items = 100))]
    pub requests: Vec<Any<Value>>,
}

/// What became of one question of a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchResult {
    /// The answer about its key.
    Answered(Box<VerifyAnswer>),
    /// Why it has none.
    Refused(QuestionRefused),
}

/// Why a question of a batch has no answer. It has no `verdict`; the other questions are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
pub struct QuestionRefused {
    /// The code of the problem that it would be by itself: `validation` or `insufficient-permissions`.
    pub code: String,
    /// What is wrong.
    pub detail: String,
    /// Each thing in the question that is not acceptable.
    pub errors: Vec<FieldError>,
    /// Names the request in the log.
    pub request_id: String,
}

/// One thing in a question that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Object)]
#[oai(rename = "QuestionError")]
pub struct FieldError {
    /// A JSON pointer into the body: `/requests/<i>/…`.
    pub pointer: String,
    /// What kind of mistake.
    pub code: String,
    /// What is wrong and what would be accepted.
    pub message: String,
}

impl Type for BatchResult {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "BatchResult".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        VerifyAnswer::register(registry);
        QuestionRefused::register(registry);
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let mut either = MetaSchema::ANY;
            either.description = Some(
                "What became of one question of a batch: the answer, which has a `verdict`, or why there is none.",
            );
            either.one_of = vec![VerifyAnswer::schema_ref(), QuestionRefused::schema_ref()];
            either
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for BatchResult {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

impl ToJSON for BatchResult {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}
