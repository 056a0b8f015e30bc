//! `claviger openapi`: the document that is committed as `services/api/openapi.json`.

use std::io::Write;

use anyhow::Context;

/// Prints the document.
pub fn print() -> anyhow::Result<()> {
    let document = api::openapi_json();
    let mut output = std::io::stdout().lock();
    write!(output, "{document}").context("writing to standard output")
}
