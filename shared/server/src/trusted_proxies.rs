//! Whose address a request comes from, when proxies stand in between.
//!
//! A header counts only as far as a trusted hop vouches for it; whatever cannot be read denies.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// The one header that is read; `Forwarded`, `X-Real-IP` and vendors' headers are ignored.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many hops a chain may name.
const HOPS_MAX: usize = 64;

/// The client's address, or `None` when a trusted proxy's chain is missing, unreadable or over-long.
///
/// From a peer that is not trusted it is the peer itself, whatever headers it sent. From a trusted peer the chain is
/// walked from the right and stops at the first hop that is not trusted.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    if names_it_hop_by_hop(headers) {
        return None;
    }
    let mut lines = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR) {
        lines.push(value.to_str().ok()?);
    }
    let hops: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).take(HOPS_MAX + 1).collect();
    if hops.len() > HOPS_MAX {
        return None;
    }
    let mut client = None;
    for hop in hops.iter().rev() {
        let address = hop.trim_matches([' ', '\t']).parse::<IpAddr>().ok()?.to_canonical();
        client = Some(address);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    client
}

/// Says whether a peer that is not trusted sent a forwarding header: ignored, but worth counting.
pub fn is_ignored_chain(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    headers.contains_key(X_FORWARDED_FOR) && !is_trusted(peer.to_canonical(), trusted)
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// A client that lists the header in `Connection` may make a proxy drop the real chain.
fn names_it_hop_by_hop(headers: &HeaderMap) -> bool {
    let options = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case(X_FORWARDED_FOR.as_str()))
}

#[cfg(test)]
#[path = "trusted_proxies_tests.rs"]
mod tests;
