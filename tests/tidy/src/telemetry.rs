//! Metrics are an interface: `docs/telemetry.md` lists each, and lists no other.

use std::collections::BTreeMap;

use crate::{Finding, Tree};

const LIST: &str = "docs/telemetry.md";

/// Metrics that are declared and not listed, or listed and not declared.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let declared = declared(tree);
    let listed: BTreeMap<String, usize> = tree
        .lines(LIST)
        .into_iter()
        .filter_map(|(_, number, line)| Some((listed_name(&line)?.to_owned(), number)))
        .collect();
    let unlisted = declared.iter().filter(|(name, _)| !listed.contains_key(*name));
    let undeclared = listed.iter().filter(|(name, _)| !declared.contains_key(*name));
    unlisted
        .map(|(name, (path, line))| Finding::at(path, *line, format!("{name} is not listed in {LIST}")))
        .chain(undeclared.map(|(name, line)| Finding::at(LIST, *line, format!("nothing declares {name}"))))
        .collect()
}

/// The names in `MetricRow { name: "…" }`, and where; tests may declare what they like.
fn declared(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut names = BTreeMap::new();
    let mut is_row = false;
    for (path, number, line) in tree.lines(".rs") {
        if path.starts_with("tests/") || path.contains("/tests/") {
            continue;
        }
        is_row |= line.contains("MetricRow {") && !line.contains("struct ");
        let name = line.split_once("name: \"").and_then(|(_, rest)| rest.split('"').next());
        if let Some(name) = name.filter(|_| is_row) {
            names.insert(name.to_owned(), (path, number));
            is_row = false;
        }
    }
    names
}

/// The metric that a row of the list is about: a name with an underscore, then the kind.
fn listed_name(line: &str) -> Option<&str> {
    let mut cells = line.strip_prefix("| `")?.split(" | ");
    let name = cells.next()?.strip_suffix('`')?;
    matches!(cells.next()?.trim(), "counter" | "gauge" | "histogram").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn every_metric_is_listed() {
        assert_kept(check);
    }

    #[test]
    fn what_is_missing_on_either_side_is_found() {
        let code = "let row = MetricRow {\n    name: \"keys_total\",\n};\nlet row = MetricRow { name: \"jobs_total\", help };\n";
        let list = "| name | kind |\n| `keys_total` | counter | | keys |\n| `old_total` | counter | | old |\n| `key.id` | the key |\n";
        let found = findings(check, &[("services/a/src/lib.rs", code), (LIST, list)]);
        assert_eq!(
            found,
            [
                "services/a/src/lib.rs:4: jobs_total is not listed in docs/telemetry.md",
                "docs/telemetry.md:3: nothing declares old_total",
            ]
        );
    }
}
