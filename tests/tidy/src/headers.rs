//! Every Rust file opens by saying what it is for.

use crate::{Finding, Tree};

/// Files that do not open with `//!` and a sentence.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let has_purpose = |path: &str| {
        let text = tree.text(path).unwrap_or_default();
        text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some_and(|purpose| purpose.contains(' '))
    };
    tree.ending(".rs")
        .filter(|path| !has_purpose(path))
        .map(|path| Finding::at(path, 1, "open with `//! ` and one sentence on what the file is for"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn every_file_says_what_it_is_for() {
        assert_kept(check);
    }

    #[test]
    fn a_file_without_a_purpose_is_found() {
        let found = findings(
            check,
            &[
                ("a/src/lib.rs", "//! Holds what is held.\n"),
                ("a/src/b.rs", "// A comment is no purpose.\n"),
                ("a/src/c.rs", "//! c\n"),
                ("a/src/d.rs", ""),
            ],
        );
        let paths: Vec<&str> = found.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(paths, ["a/src/b.rs", "a/src/c.rs", "a/src/d.rs"]);
    }
}
