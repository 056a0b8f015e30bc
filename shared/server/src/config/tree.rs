//! Paths into a YAML tree.

use std::collections::BTreeSet;

use serde_path_to_error::{Path, Segment};
use serde_yaml_ng::{Mapping, Value};

/// One step down: a key, which is also an index where it meets a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step(String);

impl Step {
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The steps of an error's path.
pub(super) fn steps_of(path: &Path) -> Vec<Step> {
    let text = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step(index.to_string())),
        Segment::Map { key } => Some(Step(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(text).collect()
}

/// A path as people write it.
pub(super) fn join(path: &[Step]) -> String {
    path.iter().map(|step| step.0.as_str()).collect::<Vec<_>>().join(".")
}

/// Lays `over` onto `base`: mappings member by member, everything else as a whole.
pub(super) fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Mapping(base), Value::Mapping(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(known) => merge(known, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Sets the value at `path`, making mappings, and lists from their index 0, on the way; false where a list has no such index.
pub(super) fn set(tree: &mut Value, path: &[Step], value: Value) -> bool {
    let Some((step, rest)) = path.split_first() else {
        *tree = value;
        return true;
    };
    if tree.is_null() && step.0 == "0" {
        *tree = Value::Sequence(Vec::new());
    }
    if let Value::Sequence(items) = tree {
        let Ok(index) = step.0.parse::<usize>() else { return false };
        if index == items.len() {
            items.push(Value::Null);
        }
        return items.get_mut(index).is_some_and(|item| set(item, rest, value));
    }
    if !tree.is_mapping() {
        *tree = Value::Mapping(Mapping::new());
    }
    let Value::Mapping(members) = tree else { return false };
    set(members.entry(Value::from(step.0.as_str())).or_insert(Value::Null), rest, value)
}

/// Removes the member at `path`; false when there is none.
pub(super) fn remove(tree: &mut Value, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut place = tree;
    for step in parents {
        let Some(next) = child_mut(place, step) else { return false };
        place = next;
    }
    place.as_mapping_mut().is_some_and(|members| members.remove(last.0.as_str()).is_some())
}

/// The value at `path`.
pub(super) fn value_at<'t>(tree: &'t Value, path: &[Step]) -> Option<&'t Value> {
    path.iter().try_fold(tree, |place, step| match place {
        Value::Sequence(items) => items.get(step.0.parse::<usize>().ok()?),
        Value::Mapping(members) => members.get(step.0.as_str()),
        _ => None,
    })
}

fn child_mut<'t>(place: &'t mut Value, step: &Step) -> Option<&'t mut Value> {
    match place {
        Value::Sequence(items) => items.get_mut(step.0.parse::<usize>().ok()?),
        Value::Mapping(members) => members.get_mut(step.0.as_str()),
        _ => None,
    }
}

/// The paths of all members that are no mappings.
pub(super) fn paths(tree: &Value) -> BTreeSet<String> {
    fn walk(place: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        let Value::Mapping(members) = place else {
            found.insert(prefix.to_owned());
            return;
        };
        for (key, value) in members {
            let name = key.as_str().unwrap_or_default();
            walk(value, &if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }, found);
        }
    }
    let mut found = BTreeSet::new();
    walk(tree, "", &mut found);
    found
}
