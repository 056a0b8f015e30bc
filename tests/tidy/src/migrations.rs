//! Migrations are named by their instant and by what they do.

use crate::{Finding, Tree};

/// Migrations whose name does not say when and what, or whose instant is taken.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut previous = String::new();
    for path in tree.ending(".sql").filter(|path| path.starts_with("migrations/")) {
        let Some((place, instant)) = version_of(path) else {
            found.push(Finding::of(path, "a migration is called YYYYMMDDHHMMSS_verb_object.sql"));
            continue;
        };
        let version = format!("{place}/{instant}");
        if version == previous {
            found.push(Finding::of(path, "another migration has this instant"));
        }
        previous = version;
    }
    found
}

/// The folder and the instant.
fn version_of(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.rsplit_once('/')?;
    let (instant, name) = file.strip_suffix(".sql")?.split_once('_')?;
    let (verb, object) = name.split_once('_')?;
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (is_instant(instant) && is_word(verb) && is_word(object)).then_some((folder, instant))
}

fn is_instant(text: &str) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let is_day = part(4, 6).is_some_and(|month| (1..=12).contains(&month))
        && part(6, 8).is_some_and(|day| (1..=31).contains(&day));
    let is_time = part(8, 10).is_some_and(|hour| hour < 24)
        && part(10, 12).is_some_and(|minute| minute < 60)
        && part(12, 14).is_some_and(|second| second < 60);
    text.len() == 14 && part(0, 4).is_some_and(|year| year >= 2026) && is_day && is_time
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    #[test]
    fn every_migration_says_when_and_what() {
        assert_kept(check);
    }

    #[test]
    fn bad_names_and_taken_instants_are_found() {
        let found = findings(
            check,
            &[
                ("migrations/environment/20261121000000_create_environment.sql", ""),
                ("migrations/environment/20261121000000_drop_environment.sql", ""),
                ("migrations/environment/20261321000000_create_month.sql", ""),
                ("migrations/environment/2026_create_keys.sql", ""),
                ("migrations/environment/20261121000001_keys.sql", ""),
            ],
        );
        let form = "a migration is called YYYYMMDDHHMMSS_verb_object.sql";
        assert_eq!(
            found,
            [
                "migrations/environment/20261121000000_drop_environment.sql: another migration has this instant"
                    .to_owned(),
                format!("migrations/environment/20261121000001_keys.sql: {form}"),
                format!("migrations/environment/20261321000000_create_month.sql: {form}"),
                format!("migrations/environment/2026_create_keys.sql: {form}"),
            ]
        );
    }
}
