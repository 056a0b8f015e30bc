//! The client of the environments' Integration APIs.

use std::time::Duration;

use anyhow::Context;
use http::Method;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks the Integration APIs.
#[derive(Debug, Clone)]
pub struct Environments {
    http: reqwest::Client,
}

impl Environments {
    /// A client for all of them.
    pub fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("the client of the environments")?;
        Ok(Self { http })
    }

    /// A request that presents nothing.
    pub fn anonymous(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// A request to an environment's API, with a token.
    pub fn request(&self, method: Method, url: &str, token: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url).bearer_auth(token)
    }
}
