//! The trace of an explained verification: every check with what it came to, not just the first that failed.

use client::wire::{TraceOutcome, TraceStep};
use domain::snapshot::Snapshot;
use domain::verify::{CHECKS, Failure, Question, STEP_CREDITS, STEP_LIMITS, STEPS_BEFORE};

/// What the two checks that would consume came to.
pub struct Consumption {
    /// The limit that would refuse.
    pub limit: Option<Failure>,
    /// How many limits there are.
    pub limits: usize,
    /// What is left of the credits, if the key has any.
    pub credits: Option<i64>,
    /// Whether that is too little.
    pub is_short: bool,
}

/// The steps, in the order of the policy.
pub fn trace(snapshot: &Snapshot, question: &Question, consumption: &Consumption) -> Vec<TraceStep> {
    let passed = STEPS_BEFORE.map(|check| step(check, TraceOutcome::Passed, None));
    let checks = CHECKS.iter().map(|(check, holds)| match holds(snapshot, question) {
        Ok(()) => step(check.name(), TraceOutcome::Passed, None),
        Err(failure) => step(check.name(), TraceOutcome::Failed, Some(told(&failure))),
    });
    let limits = match (&consumption.limit, consumption.limits) {
        (Some(failure), _) => step(STEP_LIMITS, TraceOutcome::Failed, Some(told(failure))),
        (None, 0) => step(STEP_LIMITS, TraceOutcome::Skipped, Some("there are no limits".to_owned())),
        (None, _) => step(STEP_LIMITS, TraceOutcome::Passed, None),
    };
    let credits = match (consumption.credits, consumption.is_short) {
        (None, _) => step(STEP_CREDITS, TraceOutcome::Skipped, Some("the key has no credits".to_owned())),
        (Some(left), true) => step(STEP_CREDITS, TraceOutcome::Failed, Some(format!("{left} left"))),
        (Some(left), false) => step(STEP_CREDITS, TraceOutcome::Passed, Some(format!("{left} left"))),
    };
    passed.into_iter().chain(checks).chain([limits, credits]).collect()
}

fn step(check: &str, outcome: TraceOutcome, detail: Option<String>) -> TraceStep {
    TraceStep { check: check.to_owned(), outcome, detail }
}

fn told(failure: &Failure) -> String {
    let mut text = failure.verdict.name().to_owned();
    if let Some(reason) = &failure.reason {
        text = format!("{text}: {}", reason.text());
    }
    if let Some(name) = &failure.limit_name {
        text = format!("{text}: {name}");
    }
    if !failure.missing_permissions.is_empty() {
        let missing: Vec<&str> = failure.missing_permissions.iter().map(|name| name.as_str()).collect();
        text = format!("{text}: {}", missing.join(", "));
    }
    text
}
