//! A word that lifts a restriction, or what restricts: `"unlimited"` or a balance, `"none"` or a list.

use std::borrow::Cow;

use poem_openapi::Enum;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

/// Nothing restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum UnlimitedWord {
    /// The word.
    Unlimited,
}

/// There is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum NoneWord {
    /// The word.
    None,
}

/// One word, an enumeration of its own, or a value that is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordOr<W, T> {
    /// The word.
    Word(W),
    /// What it stands against.
    Value(T),
}

impl<W: Type, T: Type> Type for WordOr<W, T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        let value: String = T::name().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}Or{value}", W::name().trim_end_matches("Word")).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            W::register(registry);
            T::register(registry);
            MetaSchema { one_of: vec![W::schema_ref(), T::schema_ref()], ..MetaSchema::ANY }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<W: ParseFromJSON, T: ParseFromJSON> ParseFromJSON for WordOr<W, T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        if value.as_ref().is_some_and(Value::is_string) {
            return W::parse_from_json(value).map(Self::Word).map_err(ParseError::propagate);
        }
        T::parse_from_json(value).map(Self::Value).map_err(ParseError::propagate)
    }
}

impl<W: ToJSON, T: ToJSON> ToJSON for WordOr<W, T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Word(word) => word.to_json(),
            Self::Value(value) => value.to_json(),
        }
    }
}
