//! Where log lines go and in what form.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, util::SubscriberInitExt};

/// A level that cannot be read, or a second initialization.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The level is no filter.
    #[error("the log level is not understood")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Something in this process logs already.
    #[error("logging was set up twice")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging to standard error: one JSON object per line, or text for people.
///
/// `level` is `info`, `debug` and so on, or several as in `info,store=debug`.
pub fn init(json: bool, level: &str) -> Result<(), InitError> {
    let filter = EnvFilter::try_new(level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()?;
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).finish().try_init()?;
    }
    Ok(())
}
