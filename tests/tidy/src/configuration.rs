//! The defaults of a service document its configuration: a sentence stands above every setting.

use crate::{Finding, Tree};

/// Settings without a comment above them.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in tree.ending("config.default.yaml") {
        let text = tree.text(path).unwrap_or_default();
        let mut above = "";
        for (at, line) in text.lines().enumerate() {
            if let Some(setting) = setting_of(line)
                && !above.trim_start().starts_with("# ")
            {
                found.push(Finding::at(path, at + 1, format!("say above `{setting}` what it is")));
            }
            above = line;
        }
    }
    found
}

/// The name, if the line gives a setting its value; a section's line gives none.
fn setting_of(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(':')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!value.trim().is_empty() && name.trim_start().chars().all(is_name)).then(|| name.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn every_setting_is_documented() {
        assert_kept(check);
    }

    #[test]
    fn a_setting_without_a_comment_is_found() {
        let text = "# What this is.\nenvironment: \"\"\n\nlog:\n  # How much.\n  level: info\n  format: json\n";
        let found = findings(check, &[("services/a/config.default.yaml", text)]);
        assert_eq!(found, ["services/a/config.default.yaml:7: say above `format` what it is"]);
    }
}
