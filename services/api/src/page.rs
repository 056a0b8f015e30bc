//! Lists in pages: what is asked for, the cursor of the next page, and the answer.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde_json::{Map, Value, json};
use server::problem::Problem;
use server::query::QueryParams;
use store::Slice;

use crate::app::App;
use crate::authenticate::Proven;
use crate::cursor::Binding;
use crate::operation::Descriptor;
use crate::query::Parameter;
use crate::wire::nullable::Nullable;

/// The most items of one page.
const LIMIT_MAX: i64 = 200;
/// The items of a page when nobody says.
const LIMIT_DEFAULT: i64 = 50;

/// The parameter that asks for a count. It says nothing about what is listed, and a cursor is good with and without it.
const COUNT: &str = "count";

/// The parameters of every list in pages.
pub const PAGING: &[Parameter] = &[
    Parameter {
        name: "limit",
        about: "Items per page, 1 to 200; 50 when left out.",
        schema: || json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
    },
    Parameter {
        name: "cursor",
        about: "The next_cursor of the page before.",
        schema: || json!({"type": "string", "minLength": 1}),
    },
];

/// Which page of a list is asked for.
#[derive(Debug)]
pub struct Paging {
    limit: i64,
    cursor: Option<String>,
    binding: Binding,
}

impl Paging {
    /// Reads `limit` and `cursor`. A cursor is bound to the list that it was made for: environment, organization,
    /// credential, operation, what else the path names, such as a customer, and filters.
    pub fn read(
        proven: &Proven,
        operation: &Descriptor,
        organization: OrganizationId,
        params: &mut QueryParams,
    ) -> Self {
        let filter = |parameter: &Parameter| {
            format!("{}={}\n", parameter.name, params.value(parameter.name).unwrap_or_default())
        };
        let filters: String = operation.query.iter().filter(|parameter| parameter.name != COUNT).map(filter).collect();
        let place = below_organization(proven.uri.path());
        let binding = bind(proven, operation, organization, format!("{place}\n{filters}"));
        let cursor = params.value("cursor").map(str::to_owned);
        Self { limit: params.integer("limit", 1..=LIMIT_MAX, LIMIT_DEFAULT), cursor, binding }
    }

    /// The part of the list that is asked for, or what is wrong with the cursor.
    pub fn slice(&self, app: &App, now: DateTime<Utc>) -> Result<Slice, Problem> {
        let after = match &self.cursor {
            Some(text) => Some(app.cursors.open(&self.binding, text, now)?),
            None => None,
        };
        Ok(Slice { limit: self.limit, after })
    }

    /// The answer: each row as it goes over the wire, and the cursor of what follows.
    pub fn page<R, T>(
        &self,
        (app, now): (&App, DateTime<Utc>),
        rows: &store::Page<R>,
        body: impl FnMut(&R) -> T,
    ) -> Page<T> {
        let next_cursor = rows.next.as_ref().map(|position| app.cursors.seal(&self.binding, position, now));
        Page { items: rows.items.iter().map(body).collect(), next_cursor: Nullable(next_cursor) }
    }
}

/// What a path says after the organization, which may be named by its id or its slug.
fn below_organization(path: &str) -> &str {
    path.splitn(5, '/').nth(4).unwrap_or_default()
}

/// What a text is bound to that whoever asks brings back for this operation in this organization.
pub fn bind(proven: &Proven, operation: &Descriptor, organization: OrganizationId, filters: String) -> Binding {
    Binding {
        environment: proven.app.environment,
        organization: organization.uuid(),
        credential: proven.authority.principal.uuid(),
        operation: operation.id,
        filters,
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Nullable<String>,
}

/// The framework's derive would call a page of customers `Page_Customer`.
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
            let next = Nullable::<String>::schema_ref();
            let next = next.merge(about("What to send as `cursor` for the next page; `null` on the last."));
            MetaSchema {
                title: Some(Self::name().into_owned()),
                description: Some("A page of a list, newest first."),
                required: vec!["items", "next_cursor"],
                properties: vec![("items", items), ("next_cursor", next)],
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
        let next = self.next_cursor.to_json().unwrap_or(Value::Null);
        let members = [("items", self.items.to_json().unwrap_or_default()), ("next_cursor", next)];
        Some(Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()))
    }
}
