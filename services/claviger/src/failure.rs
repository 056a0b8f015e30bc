//! How a command reports a failure: one message on standard error, and an exit code for scripts.

use std::process::ExitCode;

use server::config::ConfigErrors;

/// `EX_CONFIG` of sysexits: restarting with the same configuration will not help.
const EXIT_CONFIGURATION: u8 = 78;

/// A configuration error; the text names settings and never their values.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not usable\n  {0}")]
pub struct Unusable(pub String);

/// Prints why, with its causes, and chooses the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("claviger: {error:#}");
    let is_configuration = error.chain().any(|cause| cause.is::<ConfigErrors>() || cause.is::<Unusable>());
    if is_configuration { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::FAILURE }
}
