//! The sections that the configurations of several services have in common.

use data_encoding::BASE64;
use domain::secret::{Pepper, PepperRing, distinct_bytes};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use store::DatabaseConfig;
use store::counters::RedisConfig;
use tokio_rustls::TlsAcceptor;

use crate::config::ConfigErrors;
use crate::listener::tls;

/// The shortest service token that is accepted.
pub const TOKEN_CHARS_MIN: usize = 32;
/// How many different characters it has at least: three in a million of 32 random hexadecimal digits have fewer.
const TOKEN_DISTINCT_MIN: usize = 9;
/// More often than this, metrics are work rather than a sign of it.
const METRICS_INTERVAL_MS_MIN: u64 = 100;

/// How much is logged, and in which form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `info`, `debug` and so on, or several as in `info,store=debug`.
    pub level: String,
    /// One JSON object per line, or text for people.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Text for people.
    Text,
}

/// Where traces and metrics are sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Base URL of an OTLP collector that takes protobuf over HTTP; empty sends nothing.
    pub otlp_endpoint: String,
    /// What every export carries, such as the collector's token.
    pub otlp_headers: Vec<OtlpHeader>,
    /// The part of the requests that are traced if their callers do not say.
    pub trace_ratio: f64,
    /// The time between two exports of the metrics.
    pub metrics_interval_ms: u64,
}

/// One header of every export.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpHeader {
    /// Its name.
    pub name: String,
    /// Its value, a secret.
    pub value: String,
}

impl std::fmt::Debug for OtlpHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtlpHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Sends nothing.
    pub const fn off() -> Self {
        Self { otlp_endpoint: String::new(), otlp_headers: Vec::new(), trace_ratio: 0.0, metrics_interval_ms: 15_000 }
    }

    /// Notes what the exporter could not work with, without the values of headers.
    pub fn check(&self, errors: &mut ConfigErrors) {
        let is_url =
            reqwest::Url::parse(&self.otlp_endpoint).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        if !self.otlp_endpoint.is_empty() && !is_url {
            errors.push("telemetry.otlp_endpoint", "is no http:// URL");
        }
        for (index, header) in self.otlp_headers.iter().enumerate() {
            if HeaderName::try_from(header.name.as_str()).is_err() {
                errors.push(format!("telemetry.otlp_headers.{index}.name"), "is no name of a header");
            }
            if HeaderValue::try_from(header.value.as_str()).is_err() {
                errors.push(format!("telemetry.otlp_headers.{index}.value"), "cannot stand in a header");
            }
        }
        if !(0.0..=1.0).contains(&self.trace_ratio) {
            errors.push("telemetry.trace_ratio", "is a number from 0 to 1");
        }
        if self.metrics_interval_ms < METRICS_INTERVAL_MS_MIN {
            errors.push("telemetry.metrics_interval_ms", "is at least 100");
        }
    }
}

/// The TLS that a listener speaks itself; without files it speaks plain HTTP.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain of certificates in PEM, the listener's own first.
    pub certificate_file: String,
    /// Its private key in PEM.
    pub key_file: String,
}

impl Tls {
    /// Notes a half of it without the other.
    pub fn check(&self, errors: &mut ConfigErrors) {
        match (self.certificate_file.is_empty(), self.key_file.is_empty()) {
            (true, false) => errors.push("server.tls.certificate_file", "is missing beside server.tls.key_file"),
            (false, true) => errors.push("server.tls.key_file", "is missing beside server.tls.certificate_file"),
            (true, true) | (false, false) => {}
        }
    }

    /// Reads the files, if there are any.
    pub fn acceptor(&self) -> std::io::Result<Option<TlsAcceptor>> {
        if self.certificate_file.is_empty() {
            return Ok(None);
        }
        let (certificate, key) = (std::fs::read(&self.certificate_file)?, std::fs::read(&self.key_file)?);
        tls::acceptor(&certificate, &key).map(Some)
    }
}

/// One pepper of an environment.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PepperEntry {
    /// What rows call it.
    pub id: String,
    /// 32 random bytes in base64.
    pub value: String,
}

impl std::fmt::Debug for PepperEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PepperEntry").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads the peppers of an environment: the first one is current, the others only prove. Each mistake comes with its
/// place and without the value.
pub fn read_peppers(entries: &[PepperEntry]) -> Result<PepperRing, Vec<(String, String)>> {
    let (mut peppers, mut mistakes) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        if entry.id.is_empty() {
            mistakes.push((format!("peppers.{index}.id"), "is missing".to_owned()));
        }
        let Ok(bytes) = BASE64.decode(entry.value.as_bytes()) else {
            mistakes.push((format!("peppers.{index}.value"), "is not base64".to_owned()));
            continue;
        };
        match Pepper::new(entry.id.as_str(), bytes) {
            Ok(pepper) => peppers.push(pepper),
            Err(refusal) => mistakes.push((format!("peppers.{index}.value"), refusal.message)),
        }
    }
    let mut peppers = peppers.into_iter();
    match (peppers.next(), mistakes.is_empty()) {
        (Some(current), true) => Ok(PepperRing::new(current, peppers.collect())),
        (None, true) => Err(vec![("peppers".to_owned(), "has to have at least one".to_owned())]),
        (_, false) => Err(mistakes),
    }
}

/// Notes what is missing of a database and a Redis; `at` is the section that they stand in, with its dot, or nothing.
pub fn check_stores(at: &str, database: &DatabaseConfig, redis: &RedisConfig, errors: &mut ConfigErrors) {
    if database.url.is_empty() {
        errors.push(format!("{at}database.url"), "is missing");
    }
    if database.pool_size == 0 {
        errors.push(format!("{at}database.pool_size"), "has to be at least 1");
    }
    if redis.url.is_empty() {
        errors.push(format!("{at}redis.url"), "is missing");
    } else if let Some(fault) = redis.url_fault() {
        errors.push(format!("{at}redis.url"), fault);
    }
    if let Some(fault) = redis.prefix_fault() {
        errors.push(format!("{at}redis.prefix"), fault);
    }
}

/// Notes a service token that anybody could guess.
pub fn check_token(path: String, token: &str, errors: &mut ConfigErrors) {
    if token.len() < TOKEN_CHARS_MIN {
        errors.push(path, "is missing or shorter than 32 characters");
    } else if distinct_bytes(token.as_bytes()) < TOKEN_DISTINCT_MIN {
        errors.push(path, "is a sample value; draw it at random");
    }
}
