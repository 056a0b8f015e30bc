//! The edge: everything between a socket and a handler, and nothing that knows the product's rules.

pub mod admission;
pub mod answer;
pub mod config;
pub mod docs_pages;
pub mod document;
pub mod errors_page;
pub mod http;
pub mod json;
pub mod listener;
pub mod management;
pub mod metrics;
pub mod operation_id;
pub mod otlp;
pub mod problem;
pub mod query;
pub mod request_log;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod trusted_proxies;
pub mod watch;
