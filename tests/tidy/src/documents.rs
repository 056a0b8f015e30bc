//! What the documents point at is there.

use crate::{Finding, Tree};

/// Links to files that are not there, and `make` targets that the Makefile does not have.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let makefile = tree.text("Makefile").unwrap_or_default();
    let has_target = |name: &str| makefile.lines().any(|line| line.starts_with(&format!("{name}:")));
    let mut found = Vec::new();
    for (path, number, line) in tree.lines(".md") {
        let lost = links(&line).filter(|link| !tree.has(&resolve(&path, link)));
        found.extend(lost.map(|link| Finding::at(&path, number, format!("{link} is not there"))));
        let unknown = targets(&line).filter(|name| !has_target(name));
        found.extend(unknown.map(|name| Finding::at(&path, number, format!("the Makefile has no target {name}"))));
    }
    found
}

/// Relative links, without their fragment.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|link| !link.contains("://") && !link.starts_with(['#', '/']) && !link.starts_with("mailto:"))
        .filter_map(|link| link.split('#').next())
}

/// The targets in `make name`, written as code.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let rests = line.split("`make ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next());
    rests.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

/// The path from the root of a link in a file.
fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn nothing_points_at_nothing() {
        assert_kept(check);
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let found = findings(
            check,
            &[
                ("Makefile", "run: ## start\n"),
                (
                    "README.md",
                    "[map](ARCHITECTURE.md#2-x) and [site](https://example.com/x)\n`make run` or `make walk`\n",
                ),
                ("docs/a.md", "[up](../README.md), [beside](./b.md), [here](#there)\n"),
            ],
        );
        assert_eq!(
            found,
            [
                "README.md:1: ARCHITECTURE.md is not there",
                "README.md:2: the Makefile has no target walk",
                "docs/a.md:1: ./b.md is not there",
            ]
        );
    }
}
