//! `"all"` or a list: a restriction that is never left to be guessed.

use std::borrow::Cow;

use domain::policy;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

const ALL: &str = "all";

/// Everything, said as `"all"`, or these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllOr {
    /// `"all"`.
    All,
    /// A list. Whether it may be empty is for the operation to say.
    Only(Vec<String>),
}

impl AllOr {
    /// The wire form of a restriction.
    pub fn of<T: ToString>(restriction: &policy::AllOr<T>) -> Self {
        match restriction {
            policy::AllOr::All => Self::All,
            policy::AllOr::Only(items) => Self::Only(items.iter().map(ToString::to_string).collect()),
        }
    }

    /// The restriction, with each item read by `read`; the first item that cannot be read is the error.
    pub fn read<T, E>(&self, read: impl FnMut(&String) -> Result<T, E>) -> Result<policy::AllOr<T>, E> {
        match self {
            Self::All => Ok(policy::AllOr::All),
            Self::Only(items) => Ok(policy::AllOr::Only(items.iter().map(read).collect::<Result<_, _>>()?)),
        }
    }
}

impl Serialize for AllOr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str(ALL),
            Self::Only(items) => items.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AllOr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("\"all\" or a list"))
    }
}

impl AllOr {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::String(word) if word == ALL => Some(Self::All),
            Value::Array(items) => {
                let text = |item: Value| item.as_str().map(str::to_owned);
                items.into_iter().map(text).collect::<Option<Vec<String>>>().map(Self::Only)
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }
}

impl Type for AllOr {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "AllOr".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let mut all = MetaSchema::new("string");
        all.enum_items = vec![Value::from(ALL)];
        let mut list = MetaSchema::new("array");
        list.items = Some(Box::new(String::schema_ref()));
        let mut either = MetaSchema::ANY;
        either.one_of = vec![MetaSchemaRef::Inline(Box::new(all)), MetaSchemaRef::Inline(Box::new(list))];
        MetaSchemaRef::Inline(Box::new(either))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for AllOr {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Self::from_value(value.unwrap_or_default()).ok_or_else(|| ParseError::custom("\"all\" or a list"))
    }
}

impl ToJSON for AllOr {
    fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::All => Value::from(ALL),
            Self::Only(items) => Value::from(items.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_and_a_list_read_back_and_nothing_else_is_read() {
        for text in [r#""all""#, r#"["a","b"]"#, "[]"] {
            let read: AllOr = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
            assert_eq!(read.to_json().unwrap().to_string(), text);
        }
        for text in ["null", r#""ALL""#, "[1]", "{}", r#""a""#] {
            assert!(serde_json::from_str::<AllOr>(text).is_err(), "{text}");
        }
    }
}
