//! Reads one JSON document: no duplicate members, no depth without end, nothing before or after it.

use std::{cell::RefCell, fmt};

use domain::validation::excerpt;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{ErrorCode, FieldError, Problem};

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 16;

/// Reads `bytes` as one document.
pub(super) fn read(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Err(Problem::new(ErrorCode::MalformedJson).detail("The operation needs a body, and none was sent."));
    }
    let mistake = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Strict { depth: 0, parent: None, mistake: &mistake }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| match mistake.take() {
        Some(Mistake::Duplicate { pointer, name }) => Problem::new(ErrorCode::DuplicateMember)
            .detail(format!("The member \"{}\" is named twice in one object.", excerpt(&name)))
            .errors(vec![FieldError::new(pointer, "duplicate-member", "Named twice.")]),
        Some(Mistake::Depth) => Problem::new(ErrorCode::MalformedJson)
            .detail(format!("Arrays and objects nest deeper than {DEPTH_MAX} levels.")),
        None => Problem::new(ErrorCode::MalformedJson).detail(format!(
            "The body is not one JSON document in UTF-8; reading stopped at line {} column {}.",
            error.line(),
            error.column()
        )),
    })
}

enum Mistake {
    Duplicate { pointer: String, name: String },
    Depth,
}

/// One step of the way down to the value being read; borrowed from the stack, so that a clean document costs no pointer.
#[derive(Clone, Copy)]
struct Step<'a> {
    parent: Option<&'a Step<'a>>,
    place: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Member(&'a str),
    Item(usize),
}

impl Step<'_> {
    fn pointer(&self) -> String {
        let mut pointer = self.parent.map(Step::pointer).unwrap_or_default();
        match self.place {
            Place::Member(name) => push_member(&mut pointer, name),
            Place::Item(index) => push_item(&mut pointer, index),
        }
        pointer
    }
}

/// Appends a member to a JSON pointer, escaped as RFC 6901 wants and no longer than a message may be.
pub(super) fn push_member(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&excerpt(name).replace('~', "~0").replace('/', "~1"));
}

/// Appends an array index to a JSON pointer.
pub(super) fn push_item(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(&index.to_string());
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    parent: Option<&'a Step<'a>>,
    mistake: &'a RefCell<Option<Mistake>>,
}

impl<'a> Strict<'a> {
    fn descend<E: Error>(&self) -> Result<usize, E> {
        if self.depth == DEPTH_MAX {
            self.mistake.replace(Some(Mistake::Depth));
            return Err(E::custom("too deep"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.descend()?;
        let mut array = Vec::new();
        loop {
            let step = Step { parent: self.parent, place: Place::Item(array.len()) };
            let seed = Strict { depth, parent: Some(&step), mistake: self.mistake };
            match items.next_element_seed(seed)? {
                Some(item) => array.push(item),
                None => return Ok(Value::Array(array)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.descend()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let step = Step { parent: self.parent, place: Place::Member(&name) };
            if object.contains_key(&name) {
                let pointer = step.pointer();
                self.mistake.replace(Some(Mistake::Duplicate { pointer, name }));
                return Err(A::Error::custom("duplicate member"));
            }
            let value = members.next_value_seed(Strict { depth, parent: Some(&step), mistake: self.mistake })?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(text: impl AsRef<[u8]>) -> Option<ErrorCode> {
        read(text.as_ref()).err().map(|problem| problem.code())
    }

    #[test]
    fn what_is_not_one_document_is_malformed() {
        let cases: &[&[u8]] = &[
            b"",
            b" ",
            b"\xEF\xBB\xBF{}",
            b"{}x",
            b"{} {}",
            b"[1,]",
            b"{'a':1}",
            b"{\"a\":NaN}",
            b"[Infinity]",
            b"[01]",
            b"[1e400]",
            b"[.5]",
            b"[+1]",
            b"[\"\\ud800\"]",
            b"[\"\\udc00\\ud800\"]",
            b"[\"\xff\"]",
            b"[\"a\nb\"]",
            b"{\"a\"}",
            b"{a:1}",
            b"[1",
            b"// x\n[]",
            b"\0",
        ];
        for case in cases {
            assert_eq!(code_of(case), Some(ErrorCode::MalformedJson), "{}", String::from_utf8_lossy(case));
        }
    }

    #[test]
    fn a_member_named_twice_is_refused_at_any_depth_and_spelling() {
        for case in [r#"{"a":1,"a":2}"#, r#"{"x":[{"a":1,"b":0,"a":1}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(code_of(case), Some(ErrorCode::DuplicateMember), "{case}");
        }
        assert_eq!(code_of(r#"{"a":{"a":1},"b":{"a":1}}"#), None);
    }

    #[test]
    fn sixteen_levels_are_read_and_seventeen_are_not() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(code_of(nested(16)), None);
        assert_eq!(code_of(nested(17)), Some(ErrorCode::MalformedJson));
        assert_eq!(code_of("[".repeat(60_000)), Some(ErrorCode::MalformedJson));
        assert_eq!(code_of(r#"{"a":"#.repeat(17)), Some(ErrorCode::MalformedJson));
    }
}
