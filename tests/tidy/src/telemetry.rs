//! Metrics are an interface: `docs/telemetry.md` lists each, and lists no other. Alerts and the dashboard use what is listed.

use std::collections::BTreeMap;

use crate::{Finding, Tree};

const LIST: &str = "docs/telemetry.md";
/// Where alerts and the dashboard are.
const MONITORING: &str = "docs/monitoring/";
/// What Prometheus adds to the name of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Metrics that are declared and not listed, listed and not declared, or watched and not listed.
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
        .chain(watched(tree).into_iter().filter(|(_, _, name)| !listed.contains_key(name)).map(|(path, line, name)| {
            Finding::at(&path, line, format!("{name} is not listed in {LIST}, so that nobody will ever see it"))
        }))
        .collect()
}

/// Path, line and name of each metric in the alerts and the dashboard.
fn watched(tree: &Tree) -> Vec<(String, usize, String)> {
    let files = [".yaml", ".json"].into_iter().flat_map(|end| tree.lines(end));
    let files = files.filter(|(path, ..)| path.starts_with(MONITORING));
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (path, number, line) in files {
        let words = line.split(|c| !is_letter(c)).filter(|word| is_metric(word));
        found.extend(words.map(|word| (path.clone(), number, family(word).to_owned())));
    }
    found
}

/// The metric that a series belongs to.
fn family(series: &str) -> &str {
    PARTS.into_iter().find_map(|part| series.strip_suffix(part)).unwrap_or(series)
}

/// The names of metrics in the files called `metrics.rs`, and where; their tests may name what they like.
fn declared(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut names = BTreeMap::new();
    let mut in_tests_of = String::new();
    for (path, number, line) in tree.lines("/metrics.rs") {
        if line == "#[cfg(test)]" {
            in_tests_of.clone_from(&path);
        }
        for literal in line.split('"').skip(1).step_by(2) {
            if in_tests_of != path && is_metric(literal) {
                names.entry(literal.to_owned()).or_insert((path.clone(), number));
            }
        }
    }
    names
}

fn is_metric(literal: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_ours = ["claviger_", "http_", "admission_"].into_iter().any(|start| literal.starts_with(start));
    is_ours && literal.chars().all(is_letter)
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
    fn an_alert_on_what_nobody_counts_is_found() {
        let code = "name: \"claviger_keys_total\",\nname: \"claviger_wait_seconds\"\n";
        let list = "| `claviger_keys_total` | counter | | keys |\n| `claviger_wait_seconds` | histogram | | waits |\n";
        let alerts = "expr: rate(claviger_keys_total[5m]) > 0\nexpr: rate(claviger_kees_total[5m]) > 0\n";
        let dashboard = "{\"expr\": \"sum(claviger_wait_seconds_bucket) / http_requests_total\"}\n";
        let found = findings(
            check,
            &[
                ("services/a/src/metrics.rs", code),
                (LIST, list),
                ("docs/monitoring/alerts.yaml", alerts),
                ("docs/monitoring/dashboard.json", dashboard),
            ],
        );
        let unseen = "is not listed in docs/telemetry.md, so that nobody will ever see it";
        assert_eq!(
            found,
            [
                format!("docs/monitoring/alerts.yaml:2: claviger_kees_total {unseen}"),
                format!("docs/monitoring/dashboard.json:1: http_requests_total {unseen}"),
            ]
        );
    }

    #[test]
    fn what_is_missing_on_either_side_is_found() {
        let code = "name: \"claviger_keys_total\",\ncounter(\"claviger_jobs_total\", \"Jobs.\", &[\"kind\"])\n";
        let tests = "#[cfg(test)]\nmod tests { \"claviger_things_total\" }\n";
        let list = "| name | kind |\n| `claviger_keys_total` | counter | | keys |\n| `old_total` | counter | | old |\n| `key.id` | the key |\n";
        let found = findings(check, &[("services/a/src/metrics.rs", &format!("{code}{tests}")), (LIST, list)]);
        assert_eq!(
            found,
            [
                "services/a/src/metrics.rs:2: claviger_jobs_total is not listed in docs/telemetry.md",
                "docs/telemetry.md:3: nothing declares old_total",
            ]
        );
    }
}
