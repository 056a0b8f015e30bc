//! What the document says of single members that their types in the code do not.

use domain::verdict::Verdict;
use serde_json::{Map, Value, json};

use super::mend::nothing;
use super::reference_to;
use crate::problem::ErrorCode;

/// A member, with what the document adds.
#[derive(Debug, Clone)]
pub struct Member {
    at: &'static str,
    fact: Fact,
}

#[derive(Debug, Clone)]
enum Fact {
    Facets(Value),
    Named(&'static str, Value),
    Schema(Value),
}

impl From<(&'static str, Option<&'static str>, Value)> for Member {
    /// Where, the name of its schema if it gets one of its own, and what is said.
    fn from((at, name, schema): (&'static str, Option<&'static str>, Value)) -> Self {
        match name {
            Some(name) => Self::named(at, name, schema),
            None => Self::with(at, schema),
        }
    }
}

impl Member {
    /// Adds lengths, patterns and the like: `at` is a `Schema`, a `Schema.member`, or a `Schema.member[]` for the items of a list.
    pub fn with(at: &'static str, facets: Value) -> Self {
        Self { at, fact: Fact::Facets(facets) }
    }

    /// Says that a member is of the schema `name`, which the document then has.
    pub fn named(at: &'static str, name: &'static str, schema: Value) -> Self {
        Self { at, fact: Fact::Named(name, schema) }
    }

    /// Adds a schema that members refer to.
    pub fn schema(name: &'static str, schema: Value) -> Self {
        Self { at: name, fact: Fact::Schema(schema) }
    }

    /// Says that a member is one of these words, in a schema of that name.
    pub fn one_of(
        at: &'static str,
        name: &'static str,
        about: &str,
        words: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let words: Vec<&str> = words.into_iter().collect();
        Self::named(at, name, json!({"type": "string", "enum": words, "description": about}))
    }

    /// Says what is known of it in the document.
    ///
    /// Panics where there is no such member: before a process answers anybody, and in every test.
    pub(super) fn say(&self, document: &mut Value) {
        let schemas = &mut document["components"]["schemas"];
        let place =
            |schemas| find(schemas, self.at).unwrap_or_else(|| panic!("there is no {} in the document", self.at));
        match &self.fact {
            Fact::Schema(schema) => schemas[self.at] = schema.clone(),
            Fact::Facets(facets) => {
                place(schemas)
                    .extend(facets.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
            }
            Fact::Named(name, schema) => {
                refer(place(schemas), name);
                schemas[name] = schema.clone();
            }
        }
    }
}

/// What every document says of failures.
pub(super) fn of_problems() -> Vec<Member> {
    let codes = ErrorCode::ALL.iter().map(|code| code.name());
    let verdicts = Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Valid).map(Verdict::name);
    vec![
        Member::one_of("Problem.reason", "ProblemReason", "The verdict about the credential.", verdicts),
        Member::one_of("Problem.code", "ErrorCode", "What went wrong; the page of `type` explains each.", codes),
        Member::with("Problem.type", json!({"format": "uri-reference"})),
        Member::with("Problem.status", json!({"minimum": 400, "maximum": 599})),
    ]
}

fn find<'a>(schemas: &'a mut Value, at: &str) -> Option<&'a mut Map<String, Value>> {
    let Some((schema, member)) = at.split_once('.') else { return schemas.get_mut(at)?.as_object_mut() };
    let (member, is_item) = member.strip_suffix("[]").map_or((member, false), |member| (member, true));
    let place = schemas.get_mut(schema)?.get_mut("properties")?.get_mut(member)?;
    if is_item { place.get_mut("items")?.as_object_mut() } else { place.as_object_mut() }
}

/// Keeps what is said about the member, and drops what is said about its type.
fn refer(place: &mut Map<String, Value>, name: &str) {
    let is_nullable = place.get("nullable") == Some(&Value::Bool(true)) || place.contains_key("oneOf");
    place.retain(|key, _| matches!(key.as_str(), "description" | "default"));
    if is_nullable {
        place.insert("oneOf".to_owned(), json!([reference_to(name), nothing()]));
    } else {
        place.insert("allOf".to_owned(), json!([reference_to(name)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_told_more_of() {
        let mut document = json!({"components": {"schemas": {"Key": {"properties": {
            "name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
            "reason": {"type": "string", "nullable": true, "description": "Why."}
        }}}}});
        Member::with("Key.name", json!({"maxLength": 3})).say(&mut document);
        Member::with("Key.tags[]", json!({"maxLength": 4})).say(&mut document);
        Member::one_of("Key.reason", "Reason", "A reason.", ["lost"]).say(&mut document);
        let members = &document["components"]["schemas"]["Key"]["properties"];
        assert_eq!(members["name"]["maxLength"], 3);
        assert_eq!(members["tags"]["items"]["maxLength"], 4);
        assert_eq!(members["reason"], json!({"description": "Why.", "oneOf": [reference_to("Reason"), nothing()]}));
        assert_eq!(document["components"]["schemas"]["Reason"]["enum"], json!(["lost"]));
    }

    #[test]
    #[should_panic(expected = "there is no Key.gone in the document")]
    fn a_row_about_a_member_that_is_gone_is_told() {
        Member::with("Key.gone", json!({})).say(&mut json!({"components": {"schemas": {"Key": {"properties": {}}}}}));
    }
}
