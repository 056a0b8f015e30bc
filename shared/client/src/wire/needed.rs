//! The permissions that a question needs: a list, all of them, or groups of which all or any are needed, one in another.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most permissions that one question names.
pub const NEEDED_MAX: usize = 100;
/// How deep groups may be in one another: a list or a group is one, a group in it is two.
pub const NEEDED_DEPTH_MAX: usize = 4;

/// Which permissions the key must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Needed {
    /// Each of these; an empty list asks for none.
    Each(Vec<NeededPart>),
    /// What the group says.
    Group(NeededGroup),
}

/// Several permissions or groups of which all or any are needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NeededGroup {
    /// Each of these.
    All(Vec<NeededPart>),
    /// At least one of these.
    Any(Vec<NeededPart>),
}

/// One part of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NeededPart {
    /// A permission.
    Name(String),
    /// Another group.
    Group(NeededGroup),
}

impl NeededGroup {
    const NAME: &str = "NeededGroup";

    /// A reference: groups are in groups.
    fn schema() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::NAME.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::NAME.to_owned(), |registry| {
            let mut member = |name: &str, word, about| {
                registry.create_schema::<Self, _>(name.to_owned(), |_| {
                    let mut group = MetaSchema::new("object");
                    group.description = Some(about);
                    group.properties = vec![(word, NeededPart::list(1))];
                    group.required = vec![word];
                    group
                });
                MetaSchemaRef::Reference(name.to_owned())
            };
            let mut either = MetaSchema::ANY;
            either.description = Some("Several permissions or groups of which all or any are needed.");
            either.one_of = vec![
                member("NeededAll", "all", "Each of these permissions or groups."),
                member("NeededAny", "any", "At least one of these permissions or groups."),
            ];
            either
        });
    }
}

impl NeededPart {
    const NAME: &str = "NeededPart";

    fn list(items_min: usize) -> MetaSchemaRef {
        let mut list = MetaSchema::new("array");
        list.items = Some(Box::new(MetaSchemaRef::Reference(Self::NAME.to_owned())));
        list.min_items = Some(items_min);
        list.max_items = Some(NEEDED_MAX);
        MetaSchemaRef::Inline(Box::new(list))
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::NAME.to_owned(), |_| {
            let mut either = MetaSchema::ANY;
            either.description = Some("A permission such as `documents.read`, or a group.");
            either.one_of = vec![String::schema_ref(), NeededGroup::schema()];
            either
        });
    }
}

impl Type for Needed {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Needed".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        NeededGroup::register(registry);
        NeededPart::register(registry);
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let mut either = MetaSchema::ANY;
            either.description = Some(
                "The permissions that a request needs: a list, all of them, or a group, in which groups may be, to a depth of 4. \
                At most 100 permissions in all.",
            );
            either.one_of = vec![NeededPart::list(0), NeededGroup::schema()];
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

impl Needed {
    /// Each of these permissions.
    pub fn each(names: impl IntoIterator<Item = String>) -> Self {
        Self::Each(names.into_iter().map(NeededPart::Name).collect())
    }
}
