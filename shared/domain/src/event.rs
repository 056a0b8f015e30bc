//! What the action log says: one entry for each change, written by the commit that made it.

use std::fmt::Display;

use serde_json::{Map, Value, json};

/// A member of every body that says when it changed, which the entry's own time says already.
const NOT_LOGGED: &str = "updated_at";

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    action: &'static str,
    subject: String,
    details: Map<String, Value>,
}

impl Event {
    /// A change of one thing. `action` is `resource.action`; services declare theirs beside their operations, and
    /// `docs/events.md` lists them.
    pub fn of(action: &'static str, subject: impl Display) -> Self {
        Self { action, subject: subject.to_string(), details: Map::new() }
    }

    /// Keeps what differs between two views of the thing, member by member: `{"before": …, "after": …}`, with one of
    /// them alone where the thing did not exist before or does not any more. The views are what callers may see: they
    /// hold no secret.
    #[must_use]
    pub fn changed(mut self, before: Option<Value>, after: Option<Value>) -> Self {
        let (before, after) = (members(before), members(after));
        let mut changed = Map::new();
        for (name, old) in &before {
            match after.get(name) {
                Some(new) if new == old => {}
                Some(new) => drop(changed.insert(name.clone(), json!({"before": old, "after": new}))),
                None => drop(changed.insert(name.clone(), json!({"before": old}))),
            }
        }
        for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
            changed.insert(name.clone(), json!({"after": new}));
        }
        self.details.insert("changed".to_owned(), Value::Object(changed));
        self
    }

    /// Says more about the change: why, or what else came with it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl serde::Serialize) -> Self {
        self.details.insert(name.to_owned(), json!(value));
        self
    }

    /// `resource.action`, as the log shows it.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The id of what changed.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The rest, as the log keeps it.
    pub fn details(&self) -> Value {
        Value::Object(self.details.clone())
    }
}

fn members(view: Option<Value>) -> Map<String, Value> {
    let mut members = match view {
        Some(Value::Object(members)) => members,
        Some(_) | None => Map::new(),
    };
    members.remove(NOT_LOGGED);
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: Option<Value>, after: Option<Value>) -> Value {
        Event::of("thing.changed", "thg_1").changed(before, after).details()["changed"].take()
    }

    #[test]
    fn an_update_keeps_the_members_that_differ_and_no_others() {
        let before = json!({"name": "a", "limits": [1], "metadata": {"x": 1}, "end": null, "updated_at": 1});
        let after = json!({"name": "b", "limits": [1], "metadata": {"x": 2}, "end": null, "updated_at": 2});
        let expected = json!({
            "name": {"before": "a", "after": "b"},
            "metadata": {"before": {"x": 1}, "after": {"x": 2}},
        });
        assert_eq!(changed(Some(before.clone()), Some(after)), expected);
        assert_eq!(changed(Some(before.clone()), Some(before)), json!({}));
    }

    #[test]
    fn what_comes_or_goes_has_one_side() {
        let view = json!({"name": "a", "end": null});
        let after = json!({"name": {"after": "a"}, "end": {"after": null}});
        assert_eq!(changed(None, Some(view.clone())), after);
        let before = json!({"name": {"before": "a"}, "end": {"before": null}});
        assert_eq!(changed(Some(view), None), before);
    }
}
