//! Throws generated and spoiled texts at a parser, a few thousand in every test run and a million when asked; and keeps
//! what tests have seen of promises.

mod findings;
mod spoil;

use std::cell::Cell;
use std::time::Instant;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

pub use findings::Finding;
pub use spoil::{spoiled, spoiled_bytes};

/// Executions of each parser in every test run.
const SHORT: u32 = 4_000;
/// Executions when `CLAVIGER_LONG` is 1: the figure that is promised.
const LONG: u32 = 1_000_000;

/// What a parser made of one input, if no property broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Accepted,
    /// It was refused.
    Refused,
}

/// Says whether the long form of the tests was asked for.
pub fn is_long() -> bool {
    std::env::var("CLAVIGER_LONG").is_ok_and(|value| value == "1")
}

/// Holds `property` against `inputs`, says how many there were, and shows the smallest that breaks it.
///
/// A generator that always or never makes what is accepted tests half a parser, and fails too. `PROPTEST_RNG_SEED`
/// repeats a run.
#[expect(clippy::print_stdout, reason = "the number of executions is what the test is read for")]
pub fn fuzz<S: Strategy>(parser: &str, inputs: S, property: impl Fn(S::Value) -> Result<Outcome, TestCaseError>) {
    let executions = if is_long() { LONG } else { SHORT };
    // What was found once is kept as a case of its own beside the test, where it can be read.
    let config = Config { cases: executions, failure_persistence: None, ..Config::default() };
    let (accepted, started) = (Cell::new(0u32), Instant::now());
    let judged = TestRunner::new(config).run(&inputs, |input| {
        if property(input)? == Outcome::Accepted {
            accepted.set(accepted.get() + 1);
        }
        Ok(())
    });
    match judged {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => panic!("{parser}: {reason}\nsmallest input: {input:?}"),
        Err(TestError::Abort(reason)) => panic!("{parser}: no more inputs: {reason}"),
    }
    let accepted = accepted.get();
    assert!((executions / 100..executions).contains(&accepted), "{parser}: {accepted} of {executions} were accepted");
    let seconds = started.elapsed().as_secs_f64();
    println!("P20 {parser}: {executions} executions, {accepted} accepted, 0 failures, {seconds:.1} s");
    Finding::new("P20", parser, "0 failures", "0", executions.into()).record();
}

/// Says what of `input` a message repeats although it is too long to: a run of more than 64 characters.
///
/// What a message writes around its excerpt can by chance be what surrounds it in the input, so two more are let pass.
pub fn echo<'a>(message: &str, input: &'a str) -> Option<&'a str> {
    const ECHO_CHARS_MAX: usize = 64;
    let places: Vec<usize> = input.char_indices().map(|(at, _)| at).chain([input.len()]).collect();
    let runs = places.windows(ECHO_CHARS_MAX + 4).map(|window| &input[window[0]..window[ECHO_CHARS_MAX + 3]]);
    runs.into_iter().find(|run| message.contains(run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::any;

    #[test]
    #[should_panic(expected = "smallest input: 100")]
    fn a_property_that_breaks_is_shown_with_its_smallest_input() {
        fuzz("numbers", 0u32..1000, |number| {
            if number < 100 { Ok(Outcome::Accepted) } else { Err(TestCaseError::fail("too large")) }
        });
    }

    #[test]
    #[should_panic(expected = "were accepted")]
    fn a_generator_that_reaches_nothing_proves_nothing() {
        fuzz("nothing", any::<u8>(), |_| Ok(Outcome::Refused));
    }

    #[test]
    fn an_echo_of_more_than_64_characters_is_found() {
        let input = "ä".repeat(67);
        assert_eq!(echo(&format!("`{input}`"), &input), Some(input.as_str()));
        assert_eq!(echo(&format!("`{}`", "ä".repeat(64)), &input), None);
    }
}
