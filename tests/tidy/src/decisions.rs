//! Decision records: numbered, dated, one form, and there when they are cited.

use crate::{Finding, Tree};

/// Where they are.
const FOLDER: &str = "docs/decisions/";
/// What each tells, in this order.
const HEADINGS: [&str; 4] = ["Context", "Decision", "Price", "Instead of"];

/// Records out of form or out of number, and citations of none.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut expected = 1;
    let records: Vec<&str> = tree.ending(".md").filter(|path| path.starts_with(FOLDER)).collect();
    for path in &records {
        match number_of(path) {
            Some(number) if number == expected => {}
            Some(number) => found.push(Finding::of(path, format!("{expected:04} is expected here, not {number:04}"))),
            None => {
                found.push(Finding::of(path, "a record is called NNNN-its-title.md"));
                continue;
            }
        }
        expected = number_of(path).map_or(expected, |number| number + 1);
        found.extend(form(tree, path).map(|what| Finding::of(path, what)));
    }
    for (path, line, text) in tree.lines("") {
        for (at, _) in text.match_indices(FOLDER) {
            let cited = text.get(at + FOLDER.len()..).and_then(|rest| rest.get(..4)).and_then(|it| it.parse().ok());
            let Some(cited) = cited else { continue };
            if !records.iter().any(|record| number_of(record) == Some(cited)) {
                found.push(Finding::at(&path, line, format!("there is no decision {cited:04}")));
            }
        }
    }
    found
}

fn number_of(path: &str) -> Option<u32> {
    let name = path.strip_prefix(FOLDER)?.strip_suffix(".md")?;
    let (number, title) = name.split_once('-')?;
    let is_title = title.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    (number.len() == 4 && is_title).then(|| number.parse().ok())?
}

/// What is wrong with a record's form.
fn form(tree: &Tree, path: &str) -> Option<String> {
    let text = tree.text(path)?;
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let number = number_of(path).map(|number| format!("# {number:04} "));
    if number.is_some_and(|title| !lines.next().unwrap_or_default().starts_with(&title)) {
        return Some("its first line is `# NNNN Title`, with its own number".to_owned());
    }
    if !is_date(lines.next().unwrap_or_default()) {
        return Some("the line after the title is the date, YYYY-MM-DD".to_owned());
    }
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    (headings != HEADINGS).then(|| format!("its headings are {}", HEADINGS.join(", ")))
}

fn is_date(line: &str) -> bool {
    line.len() == 10
        && line.char_indices().all(|(at, c)| if at == 4 || at == 7 { c == '-' } else { c.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted::{assert_kept, findings};

    const RECORD: &str = "# 0001 A\n\n2026-11-21\n\n## Context\n\n## Decision\n\n## Price\n\n## Instead of\n";

    fn record(name: &str) -> String {
        format!("{FOLDER}{name}")
    }

    fn told(name: &str, what: &str) -> String {
        format!("{FOLDER}{name}: {what}")
    }

    #[test]
    fn every_record_has_its_number_and_its_form() {
        assert_kept(check);
    }

    #[test]
    fn gaps_and_bad_forms_are_found() {
        let third = RECORD.replace("0001", "0003");
        let found = findings(
            check,
            &[
                (&record("0001-a.md"), RECORD),
                (&record("0003-c.md"), &third),
                (&record("0004-d.md"), &third),
                (&record("0005-e.md"), &RECORD.replace("0001", "0005").replace("## Price\n", "")),
                (&record("0006-f.md"), &RECORD.replace("0001", "0006").replace("2026-11-21", "today")),
                (&record("Notes.md"), RECORD),
                ("src/lib.rs", &format!("// {FOLDER}0001-a.md and {FOLDER}0002\n")),
            ],
        );
        assert_eq!(
            found,
            [
                told("0003-c.md", "0002 is expected here, not 0003"),
                told("0004-d.md", "its first line is `# NNNN Title`, with its own number"),
                told("0005-e.md", "its headings are Context, Decision, Price, Instead of"),
                told("0006-f.md", "the line after the title is the date, YYYY-MM-DD"),
                told("Notes.md", "a record is called NNNN-its-title.md"),
                "src/lib.rs:1: there is no decision 0002".to_owned(),
            ]
        );
    }
}
