//! The one dependency line: who may depend on whom of our own crates.

use crate::{Finding, Tree};

/// Each crate, and what it may depend on; a crate that is not here may not depend on any.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("shared/domain", &[]),
    ("shared/trace", &[]),
    ("shared/dev", &[]),
    ("shared/client", &["domain", "trace"]),
    ("shared/store", &["domain", "trace"]),
    ("shared/server", &["domain", "trace", "store"]),
    ("services/keys", &["domain", "trace", "store", "server", "client"]),
    ("services/api", &["domain", "trace", "store", "server", "client", "outbound"]),
    ("services/worker", &["domain", "store", "server"]),
    ("services/console", &["domain", "trace", "store", "server", "client", "outbound"]),
    ("services/claviger", &["domain", "dev", "store", "server", "client", "keys", "api", "worker", "console"]),
];

/// For tests alone: these may use whatever there is.
const TESTS: [&str; 7] =
    ["shared/testkit", "shared/fuzzing", "tests/e2e", "tests/chaos", "tests/load", "tests/tidy", "tests/bench"];
/// Depends on nearly everything, so that nothing that ships may depend on it.
const KIT: &str = "testkit";
/// Depend on nothing of ours, so that every crate's tests may use them.
const FOR_ALL_TESTS: [&str; 2] = ["dev", "fuzzing"];

/// Dependencies against the line.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let crates: Vec<&str> = tree.ending("/Cargo.toml").filter_map(|path| path.strip_suffix("/Cargo.toml")).collect();
    let own: Vec<&str> = crates.iter().filter_map(|folder| folder.rsplit('/').next()).collect();
    let mut found = Vec::new();
    for folder in crates.iter().filter(|folder| !TESTS.contains(folder)) {
        let path = format!("{folder}/Cargo.toml");
        let may_use = MAY_USE.iter().find(|(name, _)| name == folder).map_or(&[][..], |(_, names)| names);
        for (line, section, name) in dependencies(&tree.text(&path).unwrap_or_default()) {
            let is_kit_of_service = name == KIT && section == "dev-dependencies" && folder.starts_with("services/");
            let is_for_all = FOR_ALL_TESTS.contains(&name.as_str()) && section == "dev-dependencies";
            let is_for_tests = is_kit_of_service || is_for_all;
            if own.contains(&name.as_str()) && !may_use.contains(&name.as_str()) && !is_for_tests {
                found.push(Finding::at(&path, line, format!("{folder} may not depend on {name} ({section})")));
            }
        }
    }
    found
}

/// Line, section and name of each dependency.
fn dependencies(manifest: &str) -> Vec<(usize, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for (at, line) in manifest.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            found.push((at + 1, section.clone(), name.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn dependencies_run_one_way() {
        assert_kept(check);
    }

    #[test]
    fn a_dependency_against_the_line_is_found() {
        let found = findings(
            check,
            &[
                ("shared/domain/Cargo.toml", "[dependencies]\nstore.workspace = true\nserde.workspace = true\n"),
                (
                    "shared/store/Cargo.toml",
                    "[dependencies]\ndomain.workspace = true\n[dev-dependencies]\ntestkit = { path = \"\" }\n",
                ),
                ("shared/testkit/Cargo.toml", "[dependencies]\nkeys.workspace = true\n"),
                (
                    "services/keys/Cargo.toml",
                    "[dependencies]\ntestkit.workspace = true\n[dev-dependencies]\ntestkit.workspace = true\n",
                ),
                ("services/new/Cargo.toml", "[dependencies]\ndomain.workspace = true\n"),
            ],
        );
        assert_eq!(
            found,
            [
                "services/keys/Cargo.toml:2: services/keys may not depend on testkit (dependencies)",
                "services/new/Cargo.toml:2: services/new may not depend on domain (dependencies)",
                "shared/domain/Cargo.toml:2: shared/domain may not depend on store (dependencies)",
                "shared/store/Cargo.toml:4: shared/store may not depend on testkit (dev-dependencies)",
            ]
        );
    }
}
