//! Each parser against generated and spoiled texts: what it accepts, another reading accepts, and it reads back.

use std::net::IpAddr;

use domain::addresses::IpRule;
use domain::environment::Environment;
use domain::hosts::HostName;
use domain::instants::{format_instant, parse_instant};
use domain::permission::{Permission, PermissionName};
use domain::secret::{PlainSecret, Prefix};
use domain::validation::ValidationError;
use fuzzing::{Outcome, echo, fuzz, spoiled};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::oracles;

/// A refusal repeats little of what was sent and nothing that a terminal would obey.
fn refused(refusal: &ValidationError, text: &str) -> Result<Outcome, TestCaseError> {
    prop_assert_eq!(echo(&refusal.message, text), None);
    prop_assert!(!refusal.message.contains(char::is_control), "{:?}", refusal.message);
    prop_assert!(!refusal.code.is_empty() && refusal.message.len() < 600, "{:?}", refusal.message);
    Ok(Outcome::Refused)
}

fn some_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..90).prop_map(String::from_iter)
}

fn some_secret() -> impl Strategy<Value = String> {
    let part = proptest::collection::vec(0usize..62, 29..140);
    let prefix = prop_oneof!["clv", "clvroot", "[a-z][a-z0-9]{0,16}"];
    (prefix, 0usize..4, part, any::<bool>()).prop_map(|(prefix, tag, part, has_check)| {
        let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
        let letters: String = part.iter().map(|at| alphabet[*at]).collect();
        let split = 16.min(letters.len());
        let body =
            format!("{prefix}_{}_{}_{}", ["prod", "stag", "dev", "test"][tag], &letters[..split], &letters[split..]);
        let check = if has_check { oracles::check_of(&body) } else { String::new() };
        format!("{body}{check}")
    })
}

#[test]
fn a_key_string_is_accepted_if_its_form_and_check_are_right() {
    let issued = (any::<bool>(), 0usize..3).prop_map(|(is_root, environment)| {
        let prefix = if is_root { Prefix::root() } else { Prefix::organization() };
        PlainSecret::generate(&prefix, Environment::ALL[environment]).expose().to_owned()
    });
    // Half of them keep their right check however the body was spoiled.
    let sealed = (spoiled(some_secret(), "clvprod_0Zz"), any::<bool>())
        .prop_map(|(text, is_sealed)| if is_sealed { format!("{text}{}", oracles::check_of(&text)) } else { text });
    let texts = prop_oneof![2 => issued, 4 => some_secret(), 6 => sealed, 1 => some_text()];
    fuzz("key string", texts, |text| match PlainSecret::parse(&text) {
        Ok(secret) => {
            prop_assert!(oracles::is_secret(&text));
            prop_assert_eq!(secret.expose(), &text);
            let parts: Vec<&str> = text.split('_').collect();
            prop_assert_eq!(secret.prefix().as_str(), parts[0]);
            prop_assert_eq!(secret.environment().tag(), parts[1]);
            let id = secret.lookup_id();
            prop_assert_eq!(id.as_str(), parts[2]);
            prop_assert!(text.ends_with(secret.last4()));
            let shown = format!("{secret:?}");
            prop_assert!(!shown.contains(parts[3]));
            Ok(Outcome::Accepted)
        }
        Err(_) => {
            prop_assert!(!oracles::is_secret(&text));
            Ok(Outcome::Refused)
        }
    });
}

fn some_rule() -> impl Strategy<Value = String> {
    let v4 = any::<[u8; 4]>().prop_map(IpAddr::from);
    let v6 = any::<[u16; 8]>().prop_map(IpAddr::from);
    let sparse = (0usize..8, any::<u16>()).prop_map(|(at, word)| {
        let mut words = [0u16; 8];
        words[at] = word;
        IpAddr::from(words)
    });
    let mapped = any::<[u8; 4]>().prop_map(|bytes| IpAddr::V6(std::net::Ipv4Addr::from(bytes).to_ipv6_mapped()));
    let address = prop_oneof![4 => v4, 2 => v6, 2 => sparse, 1 => mapped];
    (address, proptest::option::of(0u8..131), any::<bool>()).prop_map(|(address, length, is_whole)| match length {
        None => address.to_string(),
        Some(length) => match ipnet::IpNet::new(address, length) {
            Ok(net) if is_whole => net.trunc().to_string(),
            Ok(_) | Err(_) => format!("{address}/{length}"),
        },
    })
}

#[test]
fn an_address_rule_is_what_ipnet_reads_and_writes_back_the_same() {
    let texts = prop_oneof![3 => some_rule(), 4 => spoiled(some_rule(), "0123456789abcdef.:/%x"), 1 => some_text()];
    fuzz("CIDR", texts, |text| match IpRule::parse(&text) {
        Ok(rule) => {
            prop_assert_eq!(Some(rule.net()), oracles::network(&text));
            prop_assert!(oracles::is_somebodys(rule.net()));
            prop_assert_eq!(IpRule::parse(&rule.to_string()), Ok(rule.clone()));
            prop_assert!(rule.contains(rule.net().addr()) && rule.encloses(&rule));
            Ok(Outcome::Accepted)
        }
        Err(refusal) => {
            // The other direction: what ipnet reads, and is somebody's, is not refused for its spelling.
            let is_fine = oracles::network(&text).is_some_and(oracles::is_somebodys);
            prop_assert!(!is_fine, "{} {}", refusal.code, refusal.message);
            refused(&refusal, &text)
        }
    });
}

fn some_host() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        4 => "[a-z0-9]{1,12}",
        1 => "[a-z0-9-]{1,64}",
        2 => "[a-zA-Zäöüßéжякαβ本語ｅ]{1,6}",
        1 => "xn--[a-z0-9-]{1,12}",
        1 => Just("bücher".to_owned()),
        1 => Just("xn--bcher-kva".to_owned()),
    ];
    let top = prop_oneof![
        4 => Just("com"), 1 => Just("de"), 1 => Just("co.uk"), 1 => Just("рф"), 1 => Just("xn--p1ai"), 1 => Just("localhost"), 1 => Just("0x7f"),
    ];
    let separator = prop_oneof![9 => Just("."), 1 => Just("。"), 1 => Just("．")];
    let labels = proptest::collection::vec((label, separator), 1..5);
    (any::<bool>(), labels, top).prop_map(|(is_wildcard, labels, top)| {
        let start = if is_wildcard { "*." } else { "" };
        let labels: String = labels.into_iter().flat_map(|(label, separator)| [label, separator.to_owned()]).collect();
        format!("{start}{labels}{top}")
    })
}

#[test]
fn a_host_name_is_what_a_browser_would_ask_the_dns_for() {
    let texts = prop_oneof![3 => some_host(), 4 => spoiled(some_host(), "az09-.*:/@xnäж"), 1 => some_text()];
    fuzz("domain", texts, |text| match HostName::parse(&text) {
        Ok(name) => {
            let stored = name.as_str();
            let base = stored.strip_prefix("*.").unwrap_or(stored);
            prop_assert!(oracles::is_dns_name(base), "{}", stored);
            // Another implementation of the same conversion: the URL standard's.
            let asked =
                text.strip_prefix('*').map_or(text.as_str(), |rest| rest.trim_start_matches(['.', '。', '．', '｡']));
            prop_assert_eq!(url::Host::parse(asked).ok(), Some(url::Host::Domain(base.to_owned())));
            prop_assert_eq!(HostName::parse(stored), Ok(name.clone()));
            prop_assert_eq!(HostName::parse(&name.unicode()), Ok(name.clone()));
            prop_assert_eq!(name.is_wildcard(), text.starts_with('*'));
            prop_assert!(name.matches(&name) != name.is_wildcard());
            prop_assert!(!name.unicode().contains(|c: char| c.is_control() || c.is_whitespace()));
            let _ = name.is_lookalike();
            Ok(Outcome::Accepted)
        }
        Err(refusal) => refused(&refusal, &text),
    });
}

fn some_instant() -> impl Strategy<Value = String> {
    let day = (0u32..10_000, 0u32..14, 0u32..33);
    let clock = (0u32..25, 0u32..61, 0u32..62);
    let fraction = prop_oneof![3 => Just(String::new()), 2 => "\\.[0-9]{1,6}", 1 => "\\.[0-9]{0,9}"];
    let offset = prop_oneof![4 => Just("Z".to_owned()), 1 => Just("z".to_owned()), 3 => "[+-][0-2][0-9]:[0-6][0-9]", 1 => Just("-00:00".to_owned())];
    (day, clock, fraction, offset).prop_map(|((year, month, day), (hour, minute, second), fraction, offset)| {
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}")
    })
}

#[test]
fn an_instant_is_accepted_exactly_when_the_calendar_has_it() {
    let texts = prop_oneof![3 => some_instant(), 4 => spoiled(some_instant(), "0123456789-:.TtZz+ "), 1 => some_text()];
    fuzz("date", texts, |text| match parse_instant(&text) {
        Ok(instant) => {
            prop_assert_eq!(Some(instant), oracles::instant(&text));
            prop_assert_eq!(parse_instant(&format_instant(instant)), Ok(instant));
            Ok(Outcome::Accepted)
        }
        Err(refusal) => {
            prop_assert_eq!(oracles::instant(&text), None);
            refused(&refusal, &text)
        }
    });
}

#[test]
fn a_permission_name_is_accepted_exactly_when_its_form_is_right() {
    let own = (0..Permission::ALL.len()).prop_map(|at| Permission::ALL[at].name().to_owned());
    let valid =
        prop_oneof![2 => own, 2 => "[a-z0-9][a-z0-9._:-]{0,104}", 1 => "[a-z]{1,9}[.:]\\*", 1 => Just("*".to_owned())]
            .boxed();
    let texts = prop_oneof![3 => valid.clone(), 4 => spoiled(valid, "az09_-.:*,/"), 1 => some_text()];
    fuzz("permission name", texts, |text| match PermissionName::parse(&text) {
        Ok(name) => {
            prop_assert!(oracles::is_permission(&text));
            prop_assert_eq!(name.as_str(), &text);
            prop_assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{text}\""));
            if let Err(refusal) = name.check_known(domain::policy::KeyKind::Organization, &[]) {
                refused(&refusal, &text)?;
            }
            Ok(Outcome::Accepted)
        }
        Err(refusal) => {
            prop_assert!(!oracles::is_permission(&text));
            refused(&refusal, &text)
        }
    });
}
