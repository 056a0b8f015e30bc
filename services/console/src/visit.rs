//! A browser's request to one of the pages: where it comes from, and which of our cookies it has.

use std::net::IpAddr;

use http::HeaderMap;
use poem::Request;
use server::problem::Problem;
use store::control::ControlOrigin;

use crate::app::origin_of;
use crate::cookies::{self, Token};

/// Who has no address that can be told has one source together.
const UNKNOWN_SOURCE: &str = "unknown";

/// What a request says of its browser.
#[derive(Debug)]
pub struct Visit {
    /// For the logs.
    pub origin: ControlOrigin,
    /// The browser's own cookie.
    pub device: Option<Token>,
    /// Of a sign-in on its way.
    pub sign_in: Option<Token>,
    /// Of a session.
    pub session: Option<Token>,
}

impl Visit {
    /// The visit that a request is.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        let headers = request.headers();
        Ok(Self {
            origin: origin_of(request)?,
            device: cookies::read(headers, cookies::DEVICE),
            sign_in: cookies::read(headers, cookies::SIGN_IN),
            session: cookies::read(headers, cookies::SESSION),
        })
    }

    /// The visit that a call of the web app is.
    pub fn of_call(headers: &HeaderMap, origin: &ControlOrigin) -> Self {
        let device = cookies::read(headers, cookies::DEVICE);
        Self { origin: origin.clone(), device, sign_in: None, session: None }
    }

    /// What attempts from the same place are counted by: an address, or the network that one subscriber has of IPv6.
    pub fn source(&self) -> String {
        match self.origin.ip {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            None => UNKNOWN_SOURCE.to_owned(),
        }
    }

    /// What people call a browser like this one.
    pub fn device_label(&self) -> String {
        label_of(&self.origin.agent)
    }
}

/// What people call the browser that calls itself so.
pub fn label_of(agent: &str) -> String {
    let named =
        |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    let browser = named(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}
