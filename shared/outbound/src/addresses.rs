//! Which addresses are anybody's: the registries of special-purpose addresses (RFC 6890 and its successors), turned round.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What is not globally reachable, or leads somewhere that is not.
const SPECIAL_V4: [(u32, u8); 18] = [
    (0x0000_0000, 8),  // this network
    (0x0a00_0000, 8),  // private
    (0x6440_0000, 10), // shared by carriers
    (0x7f00_0000, 8),  // loopback
    (0xa9fe_0000, 16), // link-local, and the metadata of clouds
    (0xac10_0000, 12), // private
    (0xc000_0000, 24), // protocol assignments
    (0xc000_0200, 24), // documentation
    (0xc01f_c400, 24), // AS112
    (0xc034_c100, 24), // AMT
    (0xc058_6300, 24), // 6to4 relays
    (0xc0a8_0000, 16), // private
    (0xc0af_3000, 24), // AS112
    (0xc612_0000, 15), // benchmarks
    (0xc633_6400, 24), // documentation
    (0xcb00_7100, 24), // documentation
    (0xe000_0000, 4),  // multicast
    (0xf000_0000, 4),  // reserved, and broadcast
];

/// Of the one block of IPv6 that is globally reachable, what is not, or wraps an address of IPv4.
const SPECIAL_V6: [(u128, u8); 5] = [
    (0x2001_0000 << 96, 23),      // protocol assignments, with Teredo, ORCHID and benchmarks
    (0x2001_0db8 << 96, 32),      // documentation
    (0x2002_0000 << 96, 16),      // 6to4
    (0x2620_004f_8000 << 80, 48), // AS112
    (0x3fff_0000 << 96, 20),      // documentation
];
/// What is assigned to anybody at all. Loopback, link-local, unique local, multicast, mapped and translated addresses (NAT64)
/// are outside.
const GLOBAL_V6: (u128, u8) = (0x2000_0000 << 96, 3);

/// Whether an address is one that anybody on the Internet may have.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|block| holds_v4(*block, address)),
        IpAddr::V6(address) => {
            holds_v6(GLOBAL_V6, address) && !SPECIAL_V6.iter().any(|block| holds_v6(*block, address))
        }
    }
}

fn holds_v4((start, length): (u32, u8), address: Ipv4Addr) -> bool {
    Ipv4Net::new_assert(Ipv4Addr::from(start), length).contains(&address)
}

fn holds_v6((start, length): (u128, u8), address: Ipv6Addr) -> bool {
    Ipv6Net::new_assert(Ipv6Addr::from(start), length).contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_anybody_may_have_is_public() {
        for public in
            ["1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.32.0.1", "198.20.0.1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for public in ["2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }
}
