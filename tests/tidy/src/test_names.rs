//! A test's name is the guarantee that it holds, short enough for one line of a report.

use crate::{Finding, Tree};

/// Characters of a test's name.
const CHARS_MAX: usize = 60;

/// Tests with longer names.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut is_test = false;
    for (path, number, line) in tree.lines(".rs") {
        let line = line.trim();
        if let Some(attribute) = line.strip_prefix("#[") {
            is_test |= is_of_test(attribute);
        } else if let Some((_, rest)) = line.split_once("fn ") {
            let chars = rest.split(['(', '<']).next().unwrap_or_default().chars().count();
            if is_test && chars > CHARS_MAX {
                let what = format!("a name of {chars} characters, where {CHARS_MAX} is the limit");
                found.push(Finding::at(&path, number, what));
            }
            is_test = false;
        }
    }
    found
}

/// `test]`, `tokio::test]` or `tokio::test(…`.
fn is_of_test(attribute: &str) -> bool {
    let name = attribute.split(['(', ']']).next().unwrap_or_default();
    name == "test" || name.ends_with("::test")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn every_test_has_a_short_name() {
        assert_kept(check);
    }

    #[test]
    fn a_long_name_of_a_test_is_found_and_of_another_function_not() {
        let long = "a".repeat(CHARS_MAX + 1);
        let whole = "a".repeat(CHARS_MAX);
        let code = format!(
            "#[test]\nfn {long}() {{}}\n\n#[tokio::test(flavor = \"multi_thread\")]\n#[expect(x)]\nasync fn {long}() {{}}\n\
             fn {long}() {{}}\n#[test]\nfn {whole}() {{}}\n"
        );
        let what = "a name of 61 characters, where 60 is the limit";
        assert_eq!(findings(check, &[("a/src/b.rs", &code)]), [2, 6].map(|line| format!("a/src/b.rs:{line}: {what}")));
    }
}
