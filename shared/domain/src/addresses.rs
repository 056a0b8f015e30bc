//! Allowed client addresses: single addresses and CIDR blocks, in a spelling that all parsers read alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::validation::{ValidationError, excerpt};

/// Most entries in one allowlist, counted as sent.
pub const IP_RULES_MAX: usize = 100;

const IPV4_BITS: u8 = 32;
const IPV6_BITS: u8 = 128;
/// The length of `::ffff:0:0/96`, which holds the IPv4 addresses written as IPv6.
const MAPPED_BITS: u8 = 96;

/// One entry of an allowlist: a network without host bits, and IPv4 always as IPv4.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpRule(IpNet);

impl IpRule {
    /// Reads an address (`192.0.2.7`, `2001:db8::1`) or a CIDR block (`10.0.0.0/8`).
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        check_characters(text)?;
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (parse_address(address, text)?, Some(length)),
            None => (parse_address(text, text)?, None),
        };
        let bits = if address.is_ipv4() { IPV4_BITS } else { IPV6_BITS };
        let length = length.map_or(Ok(bits), |length| parse_length(length, bits))?;
        match address {
            IpAddr::V4(_) => Self::from_parts(address, length),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Err(mapped(v4, length)),
                None => Self::from_parts(address, length),
            },
        }
    }

    /// Says whether `address` is in this network; an IPv4 address that arrived as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Says whether every address of `other` is in this network.
    pub fn encloses(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// The network that a row holds.
    pub const fn net(&self) -> IpNet {
        self.0
    }

    fn from_parts(address: IpAddr, length: u8) -> Result<Self, ValidationError> {
        if length == 0 {
            let which = if address.is_ipv4() { "IPv4 address" } else { "IPv6 address and no IPv4 one" };
            let message = format!("matches every {which}; to allow all addresses send `\"all\"` instead of a list");
            return Err(ValidationError::new("allow-all", message));
        }
        let net = IpNet::new_assert(address, length);
        check_usable(net)?;
        let whole = net.trunc();
        if whole != net {
            // If the block itself is unusable, there is nothing to suggest.
            check_usable(whole)?;
            let message = format!("has bits set beyond its prefix length; did you mean `{whole}`?");
            return Err(ValidationError::new("host-bits-set", message));
        }
        Ok(Self(net))
    }
}

impl std::fmt::Display for IpRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl std::str::FromStr for IpRule {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<Self, ValidationError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for IpRule {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<IpRule> for String {
    fn from(rule: IpRule) -> Self {
        rule.to_string()
    }
}

/// Drops every entry that another one encloses and sorts the rest: IPv4 first, then by address.
///
/// Neighbours are not merged: two listed addresses stay two, and two halves never become everything.
pub fn reduce(mut rules: Vec<IpRule>) -> Vec<IpRule> {
    // A network sorts before everything inside it, and networks are nested or disjoint, so the last one kept decides.
    rules.sort();
    let mut kept: Vec<IpRule> = Vec::with_capacity(rules.len());
    for rule in rules {
        if !kept.last().is_some_and(|last| last.encloses(&rule)) {
            kept.push(rule);
        }
    }
    kept
}

fn check_characters(text: &str) -> Result<(), ValidationError> {
    if text.is_empty() {
        return Err(ValidationError::new("empty", "must not be empty"));
    }
    if text.contains('%') {
        return Err(ValidationError::new("zone", "must not name an interface; leave out `%` and what follows"));
    }
    Ok(())
}

fn parse_address(address: &str, text: &str) -> Result<IpAddr, ValidationError> {
    // `010` is ten to one parser and eight to another; the standard library refuses it too, with less to say.
    let is_dotted = address.contains('.') && address.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    if is_dotted && address.split('.').any(has_leading_zero) {
        return Err(leading_zero());
    }
    address.parse().map_err(|_| {
        if address.contains('-') {
            return ValidationError::new(
                "not-an-ip",
                "must be an address or a CIDR block; write a range as CIDR blocks",
            );
        }
        let message =
            format!("`{}` is not an IPv4 or IPv6 address, or a CIDR block such as `10.0.0.0/8`", excerpt(text));
        ValidationError::new("not-an-ip", message)
    })
}

fn parse_length(length: &str, bits: u8) -> Result<u8, ValidationError> {
    let is_digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits && has_leading_zero(length) {
        return Err(leading_zero());
    }
    let parsed = if is_digits { length.parse::<u8>().ok() } else { None };
    parsed.filter(|length| *length <= bits).ok_or_else(|| {
        ValidationError::new("prefix-length", format!("must have a prefix length from 1 to {bits} after the `/`"))
    })
}

fn has_leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

fn leading_zero() -> ValidationError {
    ValidationError::new("leading-zero", "must not have numbers with leading zeros, which some programs read as octal")
}

fn mapped(v4: Ipv4Addr, length: u8) -> ValidationError {
    let Some(length) = length.checked_sub(MAPPED_BITS) else {
        return ValidationError::new("ipv4-mapped", "must be written as IPv4");
    };
    if length == 0 {
        return IpRule::from_parts(v4.into(), length).expect_err("it matches every IPv4 address");
    }
    let whole = Ipv4Net::new_assert(v4, length).trunc();
    match IpRule::from_parts(whole.addr().into(), length) {
        Ok(rule) => ValidationError::new("ipv4-mapped", format!("must be written as IPv4; did you mean `{rule}`?")),
        Err(refusal) => refusal,
    }
}

fn check_usable(net: IpNet) -> Result<(), ValidationError> {
    let is_single = net.prefix_len() == net.max_prefix_len();
    if net.addr().is_multicast() {
        return Err(ValidationError::new("multicast", "is multicast, from which no request comes"));
    }
    if is_single && net.addr() == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(ValidationError::new("broadcast", "is the broadcast address, from which no request comes"));
    }
    let is_unspecified = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)].contains(&net.addr());
    if is_single && is_unspecified {
        return Err(ValidationError::new("unspecified", "is the unspecified address, from which no request comes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(text: &str) -> IpRule {
        IpRule::parse(text).expect(text)
    }

    #[test]
    fn an_accepted_rule_is_stored_in_one_spelling() {
        let table = [
            ("192.168.1.1", "192.168.1.1"),
            ("192.168.1.1/32", "192.168.1.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/1", "0.0.0.0/1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("2001:0db8:0:0:0:0:0:1/128", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1"),
            ("127.0.0.1", "127.0.0.1"),
            ("fe80::1", "fe80::1"),
        ];
        for (text, stored) in table {
            assert_eq!(rule(text).to_string(), stored);
            assert_eq!(serde_json::to_value(rule(text)).ok(), Some(stored.into()));
        }
        assert!(serde_json::from_str::<IpRule>("\"10.1.2.3/8\"").is_err());
    }

    #[test]
    fn a_rule_that_two_programs_could_read_differently_is_refused() {
        let table = [
            ("", "empty"),
            ("10.1.2.3/8", "host-bits-set"),
            ("2001:db8::1/32", "host-bits-set"),
            ("010.0.0.0/8", "leading-zero"),
            ("10.0.0.01", "leading-zero"),
            ("10.0.0.0/08", "leading-zero"),
            ("0.0.0.0/00", "leading-zero"),
            ("10.0.0.0/-1", "prefix-length"),
            ("10.0.0.0/33", "prefix-length"),
            ("2001:db8::/129", "prefix-length"),
            ("10.0.0.0/256", "prefix-length"),
            ("10.0.0.0/", "prefix-length"),
            ("10.0.0.0/+8", "prefix-length"),
            ("10.0.0.0/ 8", "prefix-length"),
            ("10.0.0.0/8 ", "prefix-length"),
            ("10.0.0.0/8/8", "prefix-length"),
            ("10.0.0.0/255.0.0.0", "prefix-length"),
            ("10.0.0.0/٨", "prefix-length"),
            ("١٠.0.0.0/8", "not-an-ip"),
            ("10.0.0.1 ", "not-an-ip"),
            (" 10.0.0.1", "not-an-ip"),
            ("10.0.0.1\n", "not-an-ip"),
            ("1.1/16", "not-an-ip"),
            ("/8", "not-an-ip"),
            ("::ffff:10.0.0.0/104", "ipv4-mapped"),
            ("::ffff:10.1.2.3", "ipv4-mapped"),
            ("::FFFF:0a01:0203/104", "ipv4-mapped"),
            ("::ffff:10.0.0.0/90", "ipv4-mapped"),
            ("::ffff:224.0.0.1", "multicast"),
            ("::ffff:0:0/96", "allow-all"),
            ("0.0.0.0/0", "allow-all"),
            ("10.0.0.0/0", "allow-all"),
            ("::/0", "allow-all"),
            ("fe80::1%eth0", "zone"),
            ("224.0.0.1", "multicast"),
            ("239.0.0.0/8", "multicast"),
            ("239.1.1.1/4", "multicast"),
            ("ff02::1", "multicast"),
            ("ff00::/8", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("0.0.0.0", "unspecified"),
            ("0.0.0.0/32", "unspecified"),
            ("::", "unspecified"),
            ("10.0.0.1-10.0.0.9", "not-an-ip"),
            ("10.0.0.*", "not-an-ip"),
            ("example.com", "not-an-ip"),
            ("localhost", "not-an-ip"),
            ("0x7f.1", "not-an-ip"),
            ("0x7f000001", "not-an-ip"),
            ("127.1", "not-an-ip"),
            ("2130706433", "not-an-ip"),
            ("[::1]", "not-an-ip"),
            ("10.0.0.1:80", "not-an-ip"),
            ("10.0.0.1,10.0.0.2", "not-an-ip"),
        ];
        for (text, code) in table {
            assert_eq!(IpRule::parse(text).expect_err(text).code, code, "{text}");
        }
    }

    #[test]
    fn the_corrected_form_is_suggested() {
        let table = [
            ("10.1.2.3/8", "`10.0.0.0/8`"),
            ("2001:db8::1/32", "`2001:db8::/32`"),
            ("::ffff:10.0.0.0/104", "`10.0.0.0/8`"),
            ("::ffff:10.1.2.3/104", "`10.0.0.0/8`"),
            ("::ffff:10.1.2.3", "`10.1.2.3`"),
            ("0.0.0.0/0", "`\"all\"`"),
            ("::/0", "no IPv4"),
        ];
        for (text, suggestion) in table {
            let message = IpRule::parse(text).expect_err(text).message;
            assert!(message.contains(suggestion), "{text}: {message}");
        }
    }

    #[test]
    fn an_ipv4_client_matches_however_it_arrived() {
        let is_in = |net: &str, address: &str| rule(net).contains(address.parse().expect(address));
        assert!(is_in("10.0.0.0/8", "10.1.2.3"));
        assert!(is_in("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(is_in("10.1.2.3", "::ffff:a01:203"));
        assert!(!is_in("10.0.0.0/8", "11.0.0.1"));
        assert!(!is_in("10.0.0.0/8", "::10.1.2.3"));
        assert!(!is_in("::/1", "10.1.2.3"));
        assert!(!is_in("::/1", "::ffff:10.1.2.3"));
        assert!(is_in("2001:db8::/32", "2001:db8::7"));
    }

    #[test]
    fn overlaps_are_dropped_and_neighbours_are_not_joined() {
        let reduced = |texts: &[&str]| -> Vec<String> {
            reduce(texts.iter().map(|text| rule(text)).collect()).iter().map(IpRule::to_string).collect()
        };
        assert_eq!(reduced(&[]), Vec::<String>::new());
        assert_eq!(reduced(&["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "10.1.2.3"]), ["10.0.0.0/8"]);
        assert_eq!(reduced(&["2001:db8::1", "10.0.0.2", "10.0.0.1"]), ["10.0.0.1", "10.0.0.2", "2001:db8::1"]);
        assert_eq!(reduced(&["128.0.0.0/1", "0.0.0.0/1"]), ["0.0.0.0/1", "128.0.0.0/1"]);
    }

    fn some_rule() -> impl Strategy<Value = IpRule> {
        // Few distinct high bits, so that networks meet.
        let v4 = (0u32..8, any::<u32>(), 1u8..=32).prop_map(|(high, low, length)| {
            IpNet::new_assert(Ipv4Addr::from(high << 24 | low & 0x00FF_00FF).into(), length)
        });
        let v6 = (0u128..4, any::<u8>(), 1u8..=128).prop_map(|(high, low, length)| {
            IpNet::new_assert(Ipv6Addr::from(0x2001 << 112 | high << 64 | u128::from(low)).into(), length)
        });
        prop_oneof![v4, v6].prop_filter_map("usable", |net| IpRule::parse(&net.trunc().to_string()).ok())
    }

    proptest! {
        #[test]
        fn every_rule_reads_back(rule in some_rule()) {
            prop_assert_eq!(IpRule::parse(&rule.to_string()), Ok(rule));
        }

        #[test]
        fn reducing_keeps_membership(rules in prop::collection::vec(some_rule(), 0..12), probe in some_rule()) {
            let reduced = reduce(rules.clone());
            let is_in = |rules: &[IpRule], address| rules.iter().any(|rule| rule.contains(address));
            for net in rules.iter().chain([&probe]).map(IpRule::net) {
                for address in [net.network(), net.broadcast()] {
                    prop_assert_eq!(is_in(&rules, address), is_in(&reduced, address));
                }
            }
            for (i, rule) in reduced.iter().enumerate() {
                prop_assert!(!reduced.iter().enumerate().any(|(j, other)| i != j && other.encloses(rule)));
            }
            let reversed: Vec<IpRule> = rules.into_iter().rev().collect();
            prop_assert_eq!(&reduce(reversed), &reduced);
            prop_assert_eq!(&reduce(reduced.clone()), &reduced);
        }

        #[test]
        fn every_suggestion_is_accepted(address: IpAddr, length in 0u8..=128) {
            if let Err(refusal) = IpRule::parse(&format!("{address}/{length}"))
                && let Some((_, rest)) = refusal.message.split_once("did you mean `")
            {
                let suggestion = rest.split('`').next().expect("a closing backtick");
                prop_assert!(IpRule::parse(suggestion).is_ok(), "{}", suggestion);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), "[0-9a-fx:./%]{0,24}"]) {
            let _ = IpRule::parse(&text);
        }
    }
}
