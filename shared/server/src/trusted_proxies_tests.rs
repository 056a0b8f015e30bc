//! Header combinations against three topologies: direct, one proxy, two proxies.

use super::*;

const NONE: &[&str] = &[];
const ONE: &[&str] = &["10.0.0.1/32"];
const TWO: &[&str] = &["10.0.0.0/8", "2001:db8:aaaa::/48"];

fn judge(peer: &str, chain: &[&str], trusted: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for value in chain {
        headers.append(X_FORWARDED_FOR, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let trusted: Vec<IpNet> = trusted.iter().map(|text| text.parse().unwrap()).collect();
    client_ip(peer.parse().unwrap(), &headers, &trusted).map_or("denied".to_owned(), |address| address.to_string())
}

#[test]
fn no_header_moves_a_direct_peer() {
    let thousand = vec!["1.1.1.1"; 1000].join(",");
    let chains: &[&[&str]] = &[
        &[],
        &["203.0.113.9"],
        &["203.0.113.9", "198.51.100.1"],
        &["203.0.113.9, 10.0.0.1"],
        &["127.0.0.1"],
        &["::1"],
        &["unknown"],
        &[""],
        &["for=1.2.3.4"],
        &["203.0.113.9:80"],
        &["é"],
        &[&thousand],
    ];
    for chain in chains {
        assert_eq!(judge("192.0.2.7", chain, NONE), "192.0.2.7", "{chain:?}");
        assert_eq!(judge("::ffff:192.0.2.7", chain, NONE), "192.0.2.7", "{chain:?}");
        assert_eq!(judge("2001:db8::7", chain, NONE), "2001:db8::7", "{chain:?}");
        assert_eq!(judge("192.0.2.7", chain, ONE), "192.0.2.7", "an untrusted peer: {chain:?}");
    }
}

#[test]
fn one_proxy_vouches_for_the_rightmost_hop_only() {
    let cases: &[(&[&str], &str)] = &[
        (&["203.0.113.9"], "203.0.113.9"),
        (&["  203.0.113.9\t"], "203.0.113.9"),
        (&["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (&["1.1.1.1,203.0.113.9"], "203.0.113.9"),
        (&["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        (&["unknown, 203.0.113.9"], "203.0.113.9"),
        (&["10.0.0.1, 203.0.113.9"], "203.0.113.9"),
        (&["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
        (&["203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        (&["10.0.0.1"], "10.0.0.1"),
        (&["10.0.0.2"], "10.0.0.2"),
        (&["2001:db8::9"], "2001:db8::9"),
        (&["2001:DB8:0::9"], "2001:db8::9"),
        (&["::ffff:203.0.113.9"], "203.0.113.9"),
        (&["::ffff:cb00:7109"], "203.0.113.9"),
        (&["203.0.113.9, ::ffff:10.0.0.1"], "203.0.113.9"),
    ];
    for (chain, wanted) in cases {
        assert_eq!(judge("10.0.0.1", chain, ONE), *wanted, "{chain:?}");
        assert_eq!(judge("::ffff:10.0.0.1", chain, ONE), *wanted, "mapped peer: {chain:?}");
    }
}

#[test]
fn what_a_trusted_proxy_sends_unreadably_is_denied() {
    let thousand = vec!["1.1.1.1"; 1000].join(",");
    let sixty_five = vec!["1.1.1.1"; 65].join(",");
    let chains: &[&[&str]] = &[
        &[],
        &[""],
        &[" "],
        &[","],
        &["203.0.113.9,"],
        &["203.0.113.9, "],
        &["unknown"],
        &["203.0.113.9, unknown"],
        &["203.0.113.9", ""],
        &["203.0.113.9:4711"],
        &["[2001:db8::9]"],
        &["[2001:db8::9]:443"],
        &["fe80::1%eth0"],
        &["203.0.113.09"],
        &["0xcb.0.113.9"],
        &["3405803785"],
        &["127.1"],
        &["203.0.113.9/32"],
        &["203.0.113.256"],
        &["203.0.113"],
        &["localhost"],
        &["for=203.0.113.9"],
        &["_hidden"],
        &["\"203.0.113.9\""],
        &["203.0.113.9;10.0.0.1"],
        &["203.0.113.9 198.51.100.1"],
        &["٢٠٣.0.113.9"],
        &["é"],
        &[&sixty_five],
        &[&thousand],
    ];
    for chain in chains {
        assert_eq!(judge("10.0.0.1", chain, ONE), "denied", "{chain:?}");
    }
}

#[test]
fn two_proxies_are_walked_through_from_the_right() {
    let cases: &[(&[&str], &str)] = &[
        (&["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (&["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
        (&["198.51.100.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (&["10.9.9.9, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (&["203.0.113.9, 2001:db8:aaaa::5"], "203.0.113.9"),
        (&["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        (&["garbage, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (&["203.0.113.9, garbage, 10.1.2.3"], "denied"),
        (&["203.0.113.9, , 10.1.2.3"], "denied"),
        (&["garbage, 10.1.2.3"], "denied"),
        (&["10.1.2.3, 203.0.113.9"], "203.0.113.9"),
    ];
    for (chain, wanted) in cases {
        assert_eq!(judge("10.0.0.1", chain, TWO), *wanted, "{chain:?}");
        assert_eq!(judge("2001:db8:aaaa::1", chain, TWO), *wanted, "{chain:?}");
    }
}

#[test]
fn a_client_cannot_have_the_chain_dropped() {
    let trusted: Vec<IpNet> = vec!["10.0.0.1/32".parse().unwrap()];
    for option in ["X-Forwarded-For", "close, x-forwarded-for", "x-forwarded-for ,keep-alive"] {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "203.0.113.9".parse().unwrap());
        headers.insert(header::CONNECTION, option.parse().unwrap());
        assert_eq!(client_ip("10.0.0.1".parse().unwrap(), &headers, &trusted), None, "{option}");
    }
    let mut headers = HeaderMap::new();
    for name in ["forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip"] {
        headers.insert(HeaderName::from_static(name), "203.0.113.9".parse().unwrap());
    }
    assert_eq!(client_ip("10.0.0.1".parse().unwrap(), &headers, &trusted), None, "other headers are no chain");
    assert_eq!(client_ip("10.0.0.1".parse().unwrap(), &headers, &[]), Some("10.0.0.1".parse().unwrap()));
}
