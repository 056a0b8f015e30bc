//! The rows of the page of promises: which findings each is made from.

use testkit::Finding;

/// A row.
pub struct Row {
    /// As in `P6`.
    pub promise: &'static str,
    /// The situation, as the page calls it.
    pub what: &'static str,
    /// What is promised.
    pub bound: &'static str,
    /// What the situations of its findings start with.
    pub situations: &'static [&'static str],
    /// What the bounds of its findings start with, where a situation has several.
    pub of_bound: &'static str,
    /// Which finding it tells.
    pub worst: Worst,
}

/// Which of several findings is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worst {
    /// The one with the highest figure.
    Highest,
    /// The one with the lowest figure.
    Lowest,
    /// They have no figures: how many kept their bound.
    Count,
}

impl Row {
    /// Whether it is made from this finding.
    pub fn is_of(&self, finding: &Finding) -> bool {
        finding.promise == self.promise
            && finding.bound.starts_with(self.of_bound)
            && self.situations.iter().any(|start| finding.situation.starts_with(start))
    }
}

const fn row(
    promise: &'static str,
    what: &'static str,
    bound: &'static str,
    situations: &'static [&'static str],
    worst: Worst,
) -> Row {
    Row { promise, what, bound, situations, of_bound: "", worst }
}

impl Row {
    /// Only findings whose bounds start so.
    const fn of_bound(self, of_bound: &'static str) -> Self {
        Self { of_bound, ..self }
    }
}

/// In the order of the page.
pub const ROWS: &[Row] = &[
    row(
        "P1",
        "a revoked key, both stores up",
        "refused in every question that begins after the answer",
        &["all is well;"],
        Worst::Highest,
    ),
    row(
        "P1",
        "a revoked key, a replica frozen meanwhile",
        "refused as soon as it wakes",
        &["a replica frozen"],
        Worst::Highest,
    ),
    row(
        "P1",
        "a revoked key, Redis away",
        "refused within 5 s",
        &["Redis killed;", "Redis frozen;", "Redis full", "Redis lost", "Redis answers"],
        Worst::Highest,
    )
    .of_bound("none begins more than 5 s"),
    row(
        "P1",
        "a revoked key, a replica reaches neither store",
        "refused within 30 s",
        &["both stores lost"],
        Worst::Highest,
    ),
    row("P5", "verification, both stores up", "≥ 99.99 % of good keys valid", &["all up"], Worst::Lowest),
    row(
        "P5",
        "verification while Redis, Postgres or both are away",
        "≥ 99.9 % of good keys valid",
        &["Redis", "Postgres", "both"],
        Worst::Lowest,
    )
    .of_bound("≥ 99.9 %"),
    row(
        "P5",
        "verification after they are back",
        "as before within 5 s",
        &["Redis", "Postgres", "both"],
        Worst::Highest,
    )
    .of_bound("as before"),
    row("P6", "a limit of 100, three replicas", "≤ 100 in any window", &["3 replicas, 100 per"], Worst::Highest),
    row(
        "P6",
        "a limit of 20, three replicas, Redis killed for longer than the window",
        "≤ 43 in any window",
        &["Redis killed, away"],
        Worst::Highest,
    ),
    row(
        "P7",
        "any or all processes killed",
        "no acknowledged write is lost, repeated ones are there once",
        &["kill -9"],
        Worst::Highest,
    ),
    row(
        "P8",
        "time of an answer about an existing id, without its secret",
        "not to be told from an unknown id by 20 µs",
        &["expired", "other", "revoked", "wrong"],
        Worst::Highest,
    ),
    row(
        "P11",
        "started without Postgres",
        "ready ≤ 5 s after it is back",
        &["started without Postgres"],
        Worst::Highest,
    ),
    row("P11", "all replicas start cold under load", "as before within 10 s", &["all replicas start"], Worst::Highest),
    row("P11", "replicas replaced one by one under load", "no answer is lost", &["replicas replaced"], Worst::Highest),
    row(
        "P13",
        "one by one at 2 × capacity",
        "aim: ≥ 70 % of the capacity done",
        &["verification one by one at 2 ×"],
        Worst::Lowest,
    )
    .of_bound("aim: ≥ 70 %"),
    row(
        "P13",
        "one by one at 5 × capacity",
        "aim: ≥ 70 % of the capacity done",
        &["verification one by one at 5 ×"],
        Worst::Lowest,
    )
    .of_bound("aim: ≥ 70 %"),
    row(
        "P13",
        "accepted at up to 5 × capacity",
        "aim: 99 % within 250 ms of being sent",
        &["verification"],
        Worst::Highest,
    )
    .of_bound("aim: 99 %"),
    row("P13", "live and ready at up to 5 × capacity", "≤ 250 ms", &["verification"], Worst::Highest)
        .of_bound("live and ready"),
    row("P13", "memory at up to 5 × capacity", "≤ 512 MiB, flat", &["memory of the key service"], Worst::Highest),
    row("P13", "revocation during floods", "≤ 1 s, never refused", &["revocation while"], Worst::Highest),
    row(
        "P13",
        "an organization at ten times its share",
        "others lose < 1 %",
        &["an organization at ten"],
        Worst::Highest,
    ),
    row("P14", "2,000 slow clients", "≥ 99.9 % of other requests served", &["2,000 slow"], Worst::Lowest),
    row("P14", "attacks over HTTP/2", "closed, memory bounded, others served", &["HTTP/2:"], Worst::Count),
    row(
        "P14",
        "a flood of unknown keys",
        "< 1 % of questions about known keys not served",
        &["a flood of unknown keys in batches"],
        Worst::Highest,
    )
    .of_bound("< 1 %"),
    row("P20", "parsers, a million inputs each", "no failure", &[""], Worst::Count),
    row(
        "P21",
        "identical creations, an API killed between commit and answer",
        "one key, its secret the same in every answer",
        &["50 identical", "20 identical"],
        Worst::Highest,
    ),
];
