//! The permissions that a question needs: a list, all of them, or `{"any": [...]}`, one of them.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most permissions that one question names.
const NEEDED_MAX: usize = 100;

/// Which permissions the key must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Needed {
    /// Each of these.
    All(Vec<String>),
    /// At least one of these.
    Any {
        /// The permissions.
        any: Vec<String>,
    },
}

impl Type for Needed {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Needed".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let mut any = MetaSchema::new("object");
        any.properties = vec![("any", list(1))];
        any.required = vec!["any"];
        let mut either = MetaSchema::ANY;
        either.one_of = vec![list(0), MetaSchemaRef::Inline(Box::new(any))];
        MetaSchemaRef::Inline(Box::new(either))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

fn list(items_min: usize) -> MetaSchemaRef {
    let mut list = MetaSchema::new("array");
    list.items = Some(Box::new(String::schema_ref()));
    list.min_items = Some(items_min);
    list.max_items = Some(NEEDED_MAX);
    MetaSchemaRef::Inline(Box::new(list))
}

impl ParseFromJSON for Needed {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}

impl ToJSON for Needed {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}
