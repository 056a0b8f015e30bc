//! Entries of the action log on the wire.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::KeyId;
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::{Map, Value};
use store::events::{ACTOR_NAME, EventRow};

use crate::query::query;
use crate::wire::instant::Instant;
use crate::wire::nullable::Nullable;

/// One change, with who made it and what differs.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Action")]
pub struct ActionBody {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub at: Instant,
    /// Who made it.
    pub actor: ActorBody,
    /// What was done, as `resource.what`; `docs/events.md` lists them.
    pub action: String,
    /// The id of what changed.
    pub subject: String,
    /// The members that differ, as they were; `null` where nothing was before.
    pub before: Nullable<Any<Value>>,
    /// The members that differ, as they are since; `null` where nothing is any more.
    pub after: Nullable<Any<Value>>,
    /// What else there is to say, such as the reason of a revocation.
    pub details: Any<Value>,
    /// The request that made it.
    pub request_id: String,
    /// Where the request came from.
    pub address: Nullable<String>,
}

/// Who made a change.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Actor")]
pub struct ActorBody {
    /// What it is.
    pub kind: ActorKind,
    /// Its id: of a key, a member or a server admin; `system:` and a word otherwise.
    pub id: String,
    /// What people call it, where that is known.
    pub name: Nullable<String>,
}

/// What can make a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum ActorKind {
    /// A key.
    Key,
    /// A person who was signed in to the console.
    Member,
    /// The installation itself: a job, or a command of its administrator.
    System,
}

query! {
    /// Which entries are listed.
    pub struct ActionQuery {
        /// Only about the thing with this id.
        subject: String,
        /// Only of the key, the member or the part of the system with this id.
        actor: String,
        /// Only of this kind, such as `key.created`.
        action: String,
        /// Only from this instant on.
        from: DateTime<Utc>,
        /// Only before this instant.
        to: DateTime<Utc>,
    }
}

impl ActorKind {
    fn of(actor: &str) -> Self {
        match actor.split_once('_') {
            Some(("key", _)) => Self::Key,
            Some(("mem" | "usr", _)) => Self::Member,
            Some(_) | None => Self::System,
        }
    }
}

impl ActionBody {
    /// The entry, with the names of keys that are known.
    pub fn new(row: &EventRow, key_names: &HashMap<KeyId, String>) -> Self {
        let mut details: Map<String, Value> = serde_json::from_str(&row.details).unwrap_or_default();
        let member_name = details.remove(ACTOR_NAME).and_then(|name| name.as_str().map(str::to_owned));
        let changed = details.remove("changed");
        let key_name = || row.actor.parse().ok().and_then(|key: KeyId| key_names.get(&key).cloned());
        Self {
            id: row.id.to_string(),
            at: Instant(row.at),
            actor: ActorBody {
                kind: ActorKind::of(&row.actor),
                id: row.actor.clone(),
                name: Nullable(member_name.or_else(key_name)),
            },
            action: row.action.clone(),
            subject: row.subject.clone(),
            before: Nullable(side(changed.as_ref(), "before").map(Any)),
            after: Nullable(side(changed.as_ref(), "after").map(Any)),
            details: Any(Value::Object(details)),
            request_id: row.request_id.clone(),
            address: Nullable(row.ip.map(|ip| ip.to_string())),
        }
    }
}

/// One side of every member that differs; nothing where no member has that side.
fn side(changed: Option<&Value>, name: &str) -> Option<Value> {
    let members = changed?.as_object()?;
    let side: Map<String, Value> =
        members.iter().filter_map(|(member, sides)| Some((member.clone(), sides.get(name)?.clone()))).collect();
    (!side.is_empty()).then_some(Value::Object(side))
}
