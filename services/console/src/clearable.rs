//! A member of a change that may be left out, be `null`, or have a value: three different wishes.
//!
//! The framework's own type for this does not say in its schema that `null` is taken, and the schema is what a body is
//! held against.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

/// What a change wants of something that can be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clearable<T> {
    /// It stays: the member was left out.
    Undefined,
    /// It goes: the member was `null`.
    Null,
    /// It becomes this.
    Value(T),
}

impl<T: Type> Type for Clearable<T> {
    const IS_REQUIRED: bool = false;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("clearable_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let schema = match T::schema_ref() {
            MetaSchemaRef::Inline(schema) => MetaSchema { nullable: true, ..*schema },
            reference @ MetaSchemaRef::Reference(_) => {
                MetaSchema { nullable: true, all_of: vec![reference], ..MetaSchema::ANY }
            }
        };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Clearable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None => Ok(Self::Undefined),
            Some(Value::Null) => Ok(Self::Null),
            value => Ok(Self::Value(T::parse_from_json(value).map_err(ParseError::propagate)?)),
        }
    }
}

impl<T: ToJSON> ToJSON for Clearable<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Undefined => None,
            Self::Null => Some(Value::Null),
            Self::Value(value) => value.to_json(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::Object;

    #[derive(Object)]
    struct Change {
        hours: Clearable<i32>,
    }

    #[test]
    fn left_out_null_and_a_value_are_three_wishes() {
        let read = |body: &str| server::json::parse_slice::<Change>(body.as_bytes()).map(|change| change.hours).ok();
        assert_eq!(read("{}"), Some(Clearable::Undefined));
        assert_eq!(read(r#"{"hours": null}"#), Some(Clearable::Null));
        assert_eq!(read(r#"{"hours": 8}"#), Some(Clearable::Value(8)));
        assert_eq!(read(r#"{"hours": "8"}"#), None);
    }
}
