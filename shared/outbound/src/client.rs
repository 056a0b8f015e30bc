//! One request, and what came of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::addresses::is_public;
use crate::resolver::{Names, Reach, Resolver, TrustedOrigin};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends requests to servers that a tenant names. Clones share their connections.
#[derive(Clone)]
pub struct Outbound {
    /// To public addresses alone.
    public: reqwest::Client,
    /// To what the operator vouches for.
    vouched: reqwest::Client,
    trusted: Arc<[TrustedOrigin]>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How.
    pub method: Method,
    /// Where to: `https`, without a user.
    pub url: &'a str,
    /// With which headers.
    pub headers: HeaderMap,
    /// With which body.
    pub body: Vec<u8>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// How much of an answer is read.
    pub answer_max_bytes: usize,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; a redirect is one like any other.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL is none that is asked.
    #[error("the URL has to be https, without a user name")]
    Url,
    /// The host has an address that is not public, or none.
    #[error("the host has no public address")]
    NotPublic,
    /// Not in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or not to the end.
    #[error("the connection failed")]
    Connection,
    /// More than was to be read.
    #[error("the answer is too large")]
    TooLarge,
}

impl Outbound {
    /// Asks these names, and lets the operator's own origins be what others may not be.
    pub fn new(names: Names, trusted: Vec<TrustedOrigin>) -> Result<Self, reqwest::Error> {
        let client = |reach| {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .dns_resolver(Arc::new(Resolver { names: names.clone(), reach }))
                .build()
        };
        Ok(Self { public: client(Reach::Public)?, vouched: client(Reach::Everywhere)?, trusted: trusted.into() })
    }

    /// Sends it, once.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, OutboundError> {
        let (client, url) = self.check(request.url)?;
        let timeout = request.timeout;
        tokio::time::timeout(timeout, exchange(client, url, request)).await.unwrap_or(Err(OutboundError::Timeout))
    }

    /// The URL, if it may be asked, and who asks it. What a host is called says nothing of its addresses yet.
    fn check(&self, text: &str) -> Result<(&reqwest::Client, Url), OutboundError> {
        let url = Url::parse(text).map_err(|_| OutboundError::Url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Url);
        }
        if self.trusted.iter().any(|origin| origin.is_of(&url)) {
            return Ok((&self.vouched, url));
        }
        let address = match url.host() {
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            None => return Err(OutboundError::Url),
        };
        match (url.scheme(), address) {
            ("https", Some(address)) if !is_public(address) => Err(OutboundError::NotPublic),
            ("https", _) => Ok((&self.public, url)),
            (_, _) => Err(OutboundError::Url),
        }
    }
}

async fn exchange(client: &reqwest::Client, url: Url, request: Request<'_>) -> Result<Answer, OutboundError> {
    let sent = client.request(request.method, url).headers(request.headers).body(request.body).send();
    let mut response = sent.await.map_err(|error| reason(&error))?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > request.answer_max_bytes {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

/// What the resolver said, if it was that; the client's own words name hosts and addresses, and are for nobody.
fn reason(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(own) = one.downcast_ref::<OutboundError>() {
            return *own;
        }
        cause = one.source();
    }
    if error.is_timeout() { OutboundError::Timeout } else { OutboundError::Connection }
}
