//! Lists of keys on the wire: a page, and how many keys there are.

use poem_openapi::Object;
use store::KeyCount;

use super::key::KeyBody;
use crate::page::Page;
use crate::wire::nullable::Nullable;

/// A page of a list of keys.
#[derive(Debug, Clone, Object)]
pub struct KeyPage {
    /// The items.
    pub items: Vec<KeyBody>,
    /// What to send as `cursor` for the next page; `null` on the last.
    pub next_cursor: Nullable<String>,
    /// With `count=true`: how many keys the filters let through, at most 10,000.
    #[oai(skip_serializing_if_is_none)]
    pub total: Option<i64>,
    /// With `count=true`: whether `total` is all of them. If not, there are more.
    #[oai(skip_serializing_if_is_none)]
    pub total_is_exact: Option<bool>,
}

impl KeyPage {
    /// A page, with a count if there is one.
    pub fn new(page: Page<KeyBody>, count: Option<KeyCount>) -> Self {
        Self {
            items: page.items,
            next_cursor: page.next_cursor,
            total: count.map(|count| count.total),
            total_is_exact: count.map(|count| count.is_exact),
        }
    }
}
