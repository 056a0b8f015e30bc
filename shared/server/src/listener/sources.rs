//! How many connections there may be from one source.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

use super::Limits;

/// Open connections per source.
#[derive(Debug)]
pub(super) struct Sources {
    open: Mutex<HashMap<IpAddr, usize>>,
    max: usize,
    exempt: Vec<IpNet>,
    exempts_loopback: bool,
}

/// One admitted connection; its source may have another when this is dropped.
#[derive(Debug)]
pub(super) struct SourcePermit {
    sources: Arc<Sources>,
    source: Option<IpAddr>,
}

impl Sources {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            max: limits.connections_per_source,
            exempt: limits.exempt_sources.clone(),
            exempts_loopback: limits.exempts_loopback,
        })
    }

    /// Admits a connection unless its source has too many. Exempt proxies and, mostly, loopback stand for many clients.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<SourcePermit> {
        let peer = peer.to_canonical();
        let is_this_machine = self.exempts_loopback && peer.is_loopback();
        if is_this_machine || self.exempt.iter().any(|network| network.contains(&peer)) {
            return Some(SourcePermit { sources: Arc::clone(self), source: None });
        }
        let source = source_of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(source).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(SourcePermit { sources: Arc::clone(self), source: Some(source) })
    }
}

impl Drop for SourcePermit {
    fn drop(&mut self) {
        let Some(source) = self.source else { return };
        let mut open = self.sources.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&source);
            }
        }
    }
}

/// One host commonly owns a whole IPv6 /64.
fn source_of(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_connections_and_gets_them_back() {
        let exempt_sources = vec!["10.0.0.0/8".parse().unwrap()];
        let sources = Sources::new(&Limits { connections_per_source: 2, exempt_sources, ..Limits::promised() });
        let admit = |text: &str| sources.admit(text.parse().unwrap());
        let first = admit("192.0.2.1").unwrap();
        let _second = admit("::ffff:192.0.2.1").unwrap();
        assert!(admit("192.0.2.1").is_none());
        assert!(admit("192.0.2.2").is_some());
        drop(first);
        assert!(admit("192.0.2.1").is_some());
        let _many: Vec<_> = (0..10).map(|_| (admit("127.0.0.1").unwrap(), admit("10.1.1.1").unwrap())).collect();
        let _same_net = [admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap()];
        assert!(admit("2001:db8::3").is_none());
        assert!(admit("2001:db8:0:1::3").is_some());
    }
}
