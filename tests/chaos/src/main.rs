//! `chaos FINDINGS PAGE COMMIT`: puts what a run of the tests has found into the page of promises, one line for each row.
//! A row of which the run has found nothing keeps the line that it has.

mod rows;

use std::fmt::Write;

use anyhow::Context;
use testkit::Finding;

use crate::rows::{ROWS, Row, Worst};

const HEAD: &str = "# Promises

What is promised, and the worst that `make chaos` has seen of it at a commit. `make chaos` writes this table; a run of one
group (`make chaos GROUP=overload`) replaces the rows of that group. Every finding of the last run is in `promises.jsonl` in
the target folder. An *aim* is published as measured; the test fails where any other bound is crossed.

| promise | bound | worst seen | commit |
| --- | --- | --- | --- |
";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [findings, page, commit] = arguments.as_slice() else {
        anyhow::bail!("usage: chaos FINDINGS PAGE COMMIT");
    };
    let text = std::fs::read_to_string(findings).with_context(|| format!("reading {findings}"))?;
    let findings = text.lines().map(serde_json::from_str).collect::<Result<Vec<Finding>, _>>()?;
    anyhow::ensure!(!findings.is_empty(), "no test has found anything");
    let before = std::fs::read_to_string(page).unwrap_or_default();
    std::fs::write(page, merged(&before, &findings, commit)?).with_context(|| format!("writing {page}"))
}

/// The page with a new line for each row of which there are findings.
fn merged(before: &str, findings: &[Finding], commit: &str) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    for row in ROWS {
        let own: Vec<&Finding> = findings.iter().filter(|finding| row.is_of(finding)).collect();
        let start = format!("| {}: {} |", row.promise, row.what);
        if own.is_empty() {
            let kept = before.lines().find(|line| line.starts_with(&start));
            kept.map_or(Ok(()), |line| writeln!(page, "{line}"))?;
        } else {
            writeln!(page, "{start} {} | {} | {commit} |", row.bound, worst(row, &own))?;
        }
    }
    Ok(page)
}

/// What was seen, in short: the worst figure of several findings, or how many of them kept their bound.
fn worst(row: &Row, findings: &[&Finding]) -> String {
    let short = |finding: &Finding| finding.worst.split(';').next().unwrap_or_default().trim().to_owned();
    let missed = findings.iter().filter(|finding| finding.is_missed).count();
    let figure = |finding: &&&Finding| match row.worst {
        Worst::Highest => figure(&finding.worst),
        Worst::Lowest => -figure(&finding.worst),
        Worst::Count => 0.0,
    };
    let judged = findings.iter().filter(|finding| missed == 0 || finding.is_missed);
    let seen = match (row.worst, judged.max_by(|a, b| figure(a).total_cmp(&figure(b)))) {
        (Worst::Count, _) | (_, None) => format!("{} of {} kept", findings.len() - missed, findings.len()),
        (Worst::Highest | Worst::Lowest, Some(finding)) => short(finding),
    };
    if missed > 0 { format!("**not kept:** {seen}") } else { seen }
}

/// The first number of a text; nothing is 0.
fn figure(text: &str) -> f64 {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| is_part(*c)).collect();
    digits.trim_end_matches('.').parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_replaces_its_own_rows_and_keeps_the_others() {
        let of = |promise: &str, situation: &str, worst: &str| Finding::new(promise, situation, "", worst, 1);
        let first = [
            of("P1", "all is well; one by one", "none; the last began 1 ms before"),
            of("P21", "50 identical creations", "one"),
            of("P20", "JSON", "0"),
            of("P20", "dates", "0").missed(true),
        ];
        let page = merged("", &first, "aaa").unwrap();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| P")).collect();
        assert_eq!(rows.len(), 3, "{page}");
        assert!(rows[0].starts_with("| P1: ") && rows[0].ends_with("| none | aaa |"), "{page}");
        assert!(rows[1].ends_with("| **not kept:** 1 of 2 kept | aaa |"), "{page}");

        let second = merged(&page, &[of("P20", "JSON", "0")], "bbb").unwrap();
        assert!(second.contains(rows[0]) && second.contains(rows[2]), "{second}");
        assert!(second.contains("| 1 of 1 kept | bbb |") && !second.contains("not kept"), "{second}");
    }

    #[test]
    fn the_worst_of_several_is_told() {
        let row = |worst| Row { promise: "P1", what: "", bound: "", situations: &[""], of_bound: "", worst };
        let found = ["9 ms; and more", "30 ms", "0 ms"].map(|worst| Finding::new("P1", "", "", worst, 1));
        let found: Vec<&Finding> = found.iter().collect();
        assert_eq!(worst(&row(Worst::Highest), &found), "30 ms");
        assert_eq!(worst(&row(Worst::Lowest), &found), "0 ms");
        assert_eq!(worst(&row(Worst::Count), &found), "3 of 3 kept");
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let mut names: Vec<_> = ROWS.iter().map(|row| (row.promise, row.what)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }
}
