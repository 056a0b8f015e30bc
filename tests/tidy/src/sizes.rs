//! Files that one can read in one go.

use crate::{Finding, Tree};

/// Lines of a Rust file, without its tests.
pub const RUST_LINES_MAX: usize = 400;
/// Lines of a file of the web app that people write.
pub const WEB_LINES_MAX: usize = 400;
/// Lines of the map: who reads it reads all of it.
pub const ARCHITECTURE_LINES_MAX: usize = 200;

/// Files that are longer than they may be.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let code = tree.ending(".rs").filter(|path| !is_all_tests(path)).map(|path| (path, RUST_LINES_MAX));
    let map = tree.ending("ARCHITECTURE.md").map(|path| (path, ARCHITECTURE_LINES_MAX));
    let web = tree
        .ending(".ts")
        .chain(tree.ending(".tsx"))
        .filter(|path| !path.ends_with(".gen.ts"))
        .map(|path| (path, WEB_LINES_MAX));
    code.chain(map)
        .chain(web)
        .filter_map(|(path, limit)| {
            let lines = lines_before_tests(&tree.text(path)?);
            let what = || format!("{lines} lines, where {limit} is the limit: is this two things?");
            (lines > limit).then(|| Finding::of(path, what()))
        })
        .collect()
}

fn is_all_tests(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// Counts up to the attribute that opens the tests.
fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let opens = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(opens).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn no_file_is_longer_than_it_may_be() {
        assert_kept(check);
    }

    #[test]
    fn a_long_file_is_found_and_long_tests_are_not() {
        let line = "//! A line.\n";
        let tests = format!("{line}#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(RUST_LINES_MAX));
        let found = findings(
            check,
            &[
                ("a/src/long.rs", &line.repeat(RUST_LINES_MAX + 1)),
                ("a/src/tested.rs", &tests),
                ("a/src/whole.rs", &line.repeat(RUST_LINES_MAX)),
                ("a/tests/it/long.rs", &line.repeat(RUST_LINES_MAX + 1)),
                ("ARCHITECTURE.md", &line.repeat(ARCHITECTURE_LINES_MAX + 1)),
            ],
        );
        assert_eq!(
            found,
            [
                "a/src/long.rs: 401 lines, where 400 is the limit: is this two things?",
                "ARCHITECTURE.md: 201 lines, where 200 is the limit: is this two things?",
            ]
        );
    }
}
