//! Who presents one wrong key after another is not listened to for a while, whatever it presents.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::limit::{Limit, Window};

/// How many unproven secrets one source may present in a minute.
const FAILURES_PER_MINUTE: u64 = 20;
const MINUTE_MS: u64 = 60_000;
/// How many sources are remembered; beyond, the memory starts anew.
const SOURCES_MAX: usize = 50_000;

/// Counts the failures of each source, in this replica. Loopback is no source.
#[derive(Debug)]
pub struct Throttle {
    limit: Limit,
    sources: Mutex<HashMap<IpAddr, Window>>,
}

impl Throttle {
    /// Nobody has failed yet.
    pub fn new() -> Self {
        let limit = Limit { name: "failures".to_owned(), limit: FAILURES_PER_MINUTE, window_ms: MINUTE_MS };
        Self { limit, sources: Mutex::default() }
    }

    /// How long the source has to wait, if it has failed too often.
    pub fn wait_ms(&self, source: Option<IpAddr>, now_ms: u64) -> Option<u64> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let window = sources.get_mut(&counted(source)?)?;
        let mut probe = window.clone();
        let spending = probe.spend(&self.limit, 1, now_us(now_ms));
        (!spending.is_admitted).then_some(spending.retry_after_ms)
    }

    /// Counts a failure.
    pub fn count(&self, source: Option<IpAddr>, now_ms: u64) {
        let Some(source) = counted(source) else { return };
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= SOURCES_MAX {
            sources.clear();
        }
        let window = sources.entry(source).or_insert_with(|| Window::new(MINUTE_MS));
        window.spend(&self.limit, 1, now_us(now_ms));
    }
}

/// A whole /64 of IPv6 is one source: its holder has all of its addresses.
fn counted(source: Option<IpAddr>) -> Option<IpAddr> {
    let source = source?.to_canonical();
    match source {
        _ if source.is_loopback() => None,
        IpAddr::V4(_) => Some(source),
        IpAddr::V6(address) => Some(IpAddr::V6((u128::from(address) >> 64 << 64).into())),
    }
}

/// Far from zero, so that the first cells of a window are as good as any.
fn now_us(now_ms: u64) -> u64 {
    1_000_000_000_000 + now_ms * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_fails_too_often_waits_and_others_do_not() {
        let throttle = Throttle::new();
        let source = "2001:db8::1".parse().ok();
        for _ in 0..FAILURES_PER_MINUTE {
            assert_eq!(throttle.wait_ms(source, 5), None);
            throttle.count(source, 5);
        }
        assert!(throttle.wait_ms("2001:db8::2".parse().ok(), 6).is_some(), "the same network");
        assert_eq!(throttle.wait_ms("2001:db8:0:1::1".parse().ok(), 6), None);
        assert_eq!(throttle.wait_ms(source, 62_000), None, "a minute later");
        for _ in 0..100 {
            throttle.count("127.0.0.1".parse().ok(), 5);
        }
        assert_eq!(throttle.wait_ms("127.0.0.1".parse().ok(), 6), None);
        assert_eq!(throttle.wait_ms(None, 6), None);
    }
}
