//! `claviger openapi`: the documents that are committed as `services/api/openapi.json` and `services/keys/openapi.json`.

use std::io::Write;

use anyhow::Context;
use clap::ValueEnum;

/// Whose document.
#[derive(Clone, Copy, ValueEnum)]
pub enum Documented {
    /// The Integration API's
    Api,
    /// The key service's
    Keys,
    /// That of the console's own operations
    Console,
}

/// Prints the document.
pub fn print(service: Documented) -> anyhow::Result<()> {
    let document = match service {
        Documented::Api => api::openapi_json(),
        Documented::Keys => keys::openapi_json(),
        Documented::Console => console::openapi_json(),
    };
    let mut output = std::io::stdout().lock();
    write!(output, "{document}").context("writing to standard output")
}
