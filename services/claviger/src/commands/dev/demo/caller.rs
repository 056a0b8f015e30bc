//! A caller of one environment's API and key service.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// A caller of one environment.
pub struct Caller {
    http: reqwest::Client,
    api: String,
    keys: String,
    keys_token: String,
    /// What it presents to the API.
    pub credential: String,
}

impl Caller {
    /// A caller without a credential.
    pub fn new(api_port: u16, keys_port: u16, keys_token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(Self {
            http,
            api: format!("http://127.0.0.1:{api_port}/v1/organizations"),
            keys: format!("http://127.0.0.1:{keys_port}/v1/keys/verify"),
            keys_token: keys_token.to_owned(),
            credential: String::new(),
        })
    }

    /// Posts to a path behind `/v1/organizations/`.
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/{path}", self.api)).bearer_auth(&self.credential);
        let response = request.json(&body).send().await?;
        let status = response.status();
        if !status.is_success() {
            bail!("POST {path} answered {status}: {}", response.text().await?);
        }
        Ok(response.json().await?)
    }

    /// Presents a key, as a service would that guards something. What comes of it does not matter.
    pub async fn verify(&self, question: Value) -> anyhow::Result<()> {
        self.http.post(&self.keys).bearer_auth(&self.keys_token).json(&question).send().await?;
        Ok(())
    }
}

/// The text at a place of an answer.
pub fn text_at<'v>(value: &'v Value, pointer: &str) -> anyhow::Result<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("an answer without {pointer}"))
}
