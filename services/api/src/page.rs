//! Reads what a list is asked for, and makes the cursor of its next page.

use chrono::{DateTime, Utc};
use domain::ids::OrganizationId;
use server::problem::Problem;
use server::query::{Query, QueryParams};
use store::{Page, Slice};
use uuid::Uuid;

use crate::app::App;
use crate::caller::Caller;
use crate::cursor::{Binding, Position};
use crate::wire::nullable::Nullable;

/// The most items of one page.
pub const LIMIT_MAX: i64 = 200;
/// The items of a page when nobody says.
pub const LIMIT_DEFAULT: i64 = 50;

/// A list as it was asked for. Read the filters off [`Self::filters`], then take the [`Self::slice`].
pub struct PageRequest {
    /// The operation's own parameters; what is wrong with them is told by [`Self::slice`].
    pub filters: QueryParams,
    limit: i64,
    cursor: Option<String>,
    binding: Binding,
}

impl PageRequest {
    /// Reads `limit` and `cursor`; the route table names all parameters, and another one is refused.
    pub fn read(app: &App, caller: &Caller, organization: OrganizationId) -> Result<Self, Problem> {
        let operation = caller.operation;
        let names: Vec<&str> = operation.parameters().map(|parameter| parameter.name).collect();
        let mut filters = Query::parse_str(caller.uri.query().unwrap_or_default(), &names)?;
        let limit = filters.integer("limit", 1..=LIMIT_MAX, LIMIT_DEFAULT);
        let cursor = filters.value("cursor").map(str::to_owned);
        let own = names.iter().filter(|name| !matches!(**name, "limit" | "cursor"));
        let own = own.map(|name| format!("{name}={}\n", filters.value(name).unwrap_or_default())).collect();
        let binding = Binding {
            environment: app.environment,
            organization: organization.uuid(),
            credential: caller.authority.key.uuid(),
            operation: operation.id,
            filters: own,
        };
        Ok(Self { filters, limit, cursor, binding })
    }

    /// The part of the list that is asked for, or what is wrong with the question.
    pub fn slice(&mut self, app: &App, now: DateTime<Utc>) -> Result<Slice, Problem> {
        std::mem::take(&mut self.filters).finish()?;
        let after = match &self.cursor {
            Some(text) => Some(app.cursors.open(&self.binding, text, now)?),
            None => None,
        };
        Ok(Slice { limit: self.limit, after: after.map(|position| (position.created_at, position.id)) })
    }

    /// The cursor behind the last item of a page, if there is more.
    pub fn next_cursor<T>(
        &self,
        app: &App,
        page: &Page<T>,
        now: DateTime<Utc>,
        position: impl Fn(&T) -> (DateTime<Utc>, Uuid),
    ) -> Nullable<String> {
        let last = page.items.last().filter(|_| page.has_more);
        Nullable(last.map(|item| {
            let (created_at, id) = position(item);
            app.cursors.seal(&self.binding, Position { created_at, id }, now)
        }))
    }
}
