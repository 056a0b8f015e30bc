//! The parameters of a query: declared as a struct, read strictly, and published in the document as they are read.

use chrono::{DateTime, Utc};
use domain::policy::KeyStatus;
use domain::validation::ValidationError;
use serde_json::{Value, json};
use server::query::QueryParams;
use store::{KeySort, KeySortBy};

/// One parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does, for the document.
    pub about: &'static str,
    /// Its schema in the document.
    pub schema: fn() -> Value,
}

/// What an operation takes in its query. `query!` makes it of a struct.
pub trait QueryParameters: Sized + Send + Sync {
    /// Its parameters, in the order of the document.
    const PARAMETERS: &'static [Parameter];

    /// Reads them; mistakes stay with `params`.
    fn read(params: &mut QueryParams) -> Self;
}

/// The query of an operation that takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoQuery;

impl QueryParameters for NoQuery {
    const PARAMETERS: &'static [Parameter] = &[];

    fn read(_params: &mut QueryParams) -> Self {
        Self
    }
}

/// A value that a parameter can have.
pub trait QueryValue: Sized {
    /// What the document says of it.
    fn schema() -> Value;

    /// Reads it, if it was sent; a mistake stays with `params`.
    fn read(params: &mut QueryParams, name: &str) -> Option<Self>;
}

impl QueryValue for String {
    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }

    fn read(params: &mut QueryParams, name: &str) -> Option<Self> {
        params.text(name)
    }
}

impl QueryValue for DateTime<Utc> {
    fn schema() -> Value {
        json!({"type": "string", "format": "date-time"})
    }

    fn read(params: &mut QueryParams, name: &str) -> Option<Self> {
        params.timestamp(name)
    }
}

impl QueryValue for KeyStatus {
    fn schema() -> Value {
        json!({"type": "string", "enum": ["active", "inactive", "expired", "scheduled"]})
    }

    fn read(params: &mut QueryParams, name: &str) -> Option<Self> {
        let known = "active, inactive, expired or scheduled";
        params.parsed(name, |text| Self::parse(text).ok_or_else(|| ValidationError::new("enum", known)))
    }
}

impl QueryValue for bool {
    fn schema() -> Value {
        json!({"type": "boolean"})
    }

    fn read(params: &mut QueryParams, name: &str) -> Option<Self> {
        params.boolean(name)
    }
}

impl QueryValue for KeySort {
    fn schema() -> Value {
        let both = |by: KeySortBy| [by.name().to_owned(), format!("-{}", by.name())];
        let values: Vec<String> = KeySortBy::ALL.into_iter().flat_map(both).collect();
        json!({"type": "string", "enum": values})
    }

    fn read(params: &mut QueryParams, name: &str) -> Option<Self> {
        let known = "created_at, name, last_used_at or expires_at, with - in front for the greatest first";
        params.parsed(name, |text| Self::parse(text).ok_or_else(|| ValidationError::new("enum", known)))
    }
}

/// Declares a query. Each parameter may be left out; its doc comment is what customers read.
macro_rules! query {
    ($(#[$about:meta])* pub struct $query:ident { $($(#[doc = $line:literal])+ $name:ident: $type:ty,)+ }) => {
        $(#[$about])*
        #[derive(Debug)]
        pub struct $query {
            $($(#[doc = $line])+ pub $name: Option<$type>,)+
        }

        impl $crate::query::QueryParameters for $query {
            const PARAMETERS: &'static [$crate::query::Parameter] = &[$($crate::query::Parameter {
                name: stringify!($name),
                about: concat!($($line),+),
                schema: <$type as $crate::query::QueryValue>::schema,
            }),+];

            fn read(params: &mut server::query::QueryParams) -> Self {
                Self { $($name: <$type as $crate::query::QueryValue>::read(params, stringify!($name)),)+ }
            }
        }
    };
}
pub(crate) use query;
