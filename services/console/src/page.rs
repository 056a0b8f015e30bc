//! Lists of the console's own: `{items, next_cursor}`, newest first.

use std::borrow::Cow;

use chrono::DateTime;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde_json::{Map, Value};
use server::problem::{ErrorCode, Problem};
use server::query::QueryParams;
use store::{Position, Slice, SortValue};
use uuid::Uuid;

/// The most items of one page.
const LIMIT_MAX: i64 = 200;
/// The items of a page when nobody says.
const LIMIT_DEFAULT: i64 = 50;

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is always whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// A page of what was read.
    pub fn of<R>(rows: &store::Page<R>, body: impl FnMut(&R) -> T) -> Self {
        Self { items: rows.items.iter().map(body).collect(), next_cursor: rows.next.as_ref().map(written) }
    }
}

/// The part of a list that `limit` and `cursor` ask for. A cursor is a place, and says nothing that its holder may not
/// know.
pub fn slice(query: &mut QueryParams) -> Result<Slice, Problem> {
    let limit = query.integer("limit", 1..=LIMIT_MAX, LIMIT_DEFAULT);
    let after = match query.value("cursor") {
        Some(text) => Some(read(text).ok_or_else(|| Problem::new(ErrorCode::InvalidCursor))?),
        None => None,
    };
    Ok(Slice { limit, after })
}

fn written(position: &Position) -> String {
    let micros = match position.value {
        SortValue::At(at) => at.timestamp_micros(),
        SortValue::Never | SortValue::Text(_) => 0,
    };
    format!("{micros}.{}", position.id.simple())
}

fn read(text: &str) -> Option<Position> {
    let (micros, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
    Some(Position { value: SortValue::At(at), id: Uuid::try_parse(id).ok()? })
}

/// The framework's derive would call a page of members `Page_Member`.
impl<T: Type> Type for Page<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            T::register(registry);
            let about = |text| MetaSchema { description: Some(text), ..MetaSchema::ANY };
            let items = Vec::<T>::schema_ref().merge(about("The items."));
            let next = MetaSchema { nullable: true, ..about("The `cursor` of the next page; `null` on the last.") };
            MetaSchema {
                title: Some(Self::name().into_owned()),
                description: Some("A page of a list."),
                required: vec!["items", "next_cursor"],
                properties: vec![("items", items), ("next_cursor", String::schema_ref().merge(next))],
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

impl<T: Type + ToJSON> ToJSON for Page<T> {
    fn to_json(&self) -> Option<Value> {
        let next = self.next_cursor.clone().map_or(Value::Null, Value::String);
        let members = [("items", self.items.to_json().unwrap_or_default()), ("next_cursor", next)];
        Some(Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()))
    }
}
