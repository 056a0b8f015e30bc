//! Host names that a key may act for, in the ASCII form that the DNS carries, and the wildcard of one label.
//!
//! A name that is accepted has one spelling, stands below a public suffix, and is compared label by label.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::validation::{ValidationError, excerpt};

/// Longest host name, in characters of its ASCII form, the wildcard included.
pub const HOST_CHARS_MAX: usize = 253;
/// Longest label, in characters of its ASCII form.
pub const LABEL_CHARS_MAX: usize = 63;

/// Longest text that is parsed: four bytes for each character of the longest name.
const TEXT_BYTES_MAX: usize = 4 * HOST_CHARS_MAX;
const WILDCARD: &str = "*.";
/// Full-width and half-width dots, which UTS 46 reads as the ASCII one.
const WIDE_DOTS: [char; 3] = ['\u{3002}', '\u{FF0E}', '\u{FF61}'];
/// Last labels that RFC 2606, 6761, 6762, 7686, 9476, 3172 and ICANN have set apart from the public DNS.
const RESERVED: [&str; 9] = ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"];

/// A host name in lower-case ASCII (`xn--bcher-kva.de`), or `*.` and a name, which stands for exactly one more label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// Reads a host name in Unicode or ASCII, with at most one leading `*.`.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let dotted = text.replace(WIDE_DOTS, ".");
        check_parts(&dotted)?;
        let name = dotted.strip_prefix(WILDCARD).unwrap_or(&dotted);
        check_dots(name)?;
        let ascii = to_ascii(name)?;
        let unicode = to_unicode(&ascii)?;
        check_top(&ascii)?;
        check_public_suffix(&unicode, name.len() != dotted.len())?;
        let stored = if name.len() == dotted.len() { ascii } else { format!("{WILDCARD}{ascii}") };
        if stored.len() > HOST_CHARS_MAX {
            return Err(too_long());
        }
        Ok(Self(stored))
    }

    /// The name as stored and compared: ASCII, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people read it.
    pub fn unicode(&self) -> String {
        let (unicode, _) = Uts46::new().to_unicode(self.base().as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
        if self.is_wildcard() { format!("{WILDCARD}{unicode}") } else { unicode.into_owned() }
    }

    /// Says whether this is a wildcard and not the name of one host.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(WILDCARD)
    }

    /// Says whether the host `other` falls under this rule: the same name, or exactly one label below a wildcard's.
    ///
    /// A wildcard is never a host: it falls under nothing, not even under itself.
    pub fn matches(&self, other: &Self) -> bool {
        if other.is_wildcard() {
            return false;
        }
        match self.0.strip_prefix(WILDCARD) {
            None => self.0 == other.0,
            Some(base) => other.0.split_once('.').is_some_and(|(_, parent)| parent == base),
        }
    }

    /// Says whether a label could be confused with another: it mixes scripts, or all its letters look Latin.
    pub fn is_lookalike(&self) -> bool {
        self.unicode().split('.').any(is_lookalike_label)
    }

    fn base(&self) -> &str {
        self.0.strip_prefix(WILDCARD).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for HostName {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<Self, ValidationError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for HostName {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

/// Refuses URL parts around a host name and invisible characters, each with its own message.
fn check_parts(text: &str) -> Result<(), ValidationError> {
    let refused = |code, message: &str| Err(ValidationError::new(code, message));
    if text.is_empty() {
        return refused("empty", "must not be empty");
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_long());
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refused("host-name", "must not contain spaces or control characters");
    }
    if text.contains(is_invisible) {
        return Err(invisible());
    }
    if text.contains("://") {
        return refused("scheme", "must be a host name alone, without a scheme such as `https://`");
    }
    if text.contains('@') {
        return refused("user-info", "must be a host name alone, without a user before `@`");
    }
    if text.contains(['/', '\\', '?', '#']) {
        return refused("path", "must be a host name alone, without a path, query or fragment");
    }
    if text.starts_with('[') || text.parse::<std::net::IpAddr>().is_ok() {
        return Err(ip_literal());
    }
    if text.contains(':') {
        return refused("port", "must be a host name alone, without a port");
    }
    if text.strip_prefix(WILDCARD).unwrap_or(text).contains('*') {
        return refused("wildcard", "may have `*` only as the whole first label, as in `*.example.com`");
    }
    Ok(())
}

fn check_dots(name: &str) -> Result<(), ValidationError> {
    if name.is_empty() || name.starts_with('.') || name.contains("..") {
        return Err(ValidationError::new("empty-label", "must not have an empty label"));
    }
    if let Some(name) = name.strip_suffix('.') {
        return Err(ValidationError::new(
            "trailing-dot",
            format!("must not end with a dot; did you mean `{}`?", excerpt(name)),
        ));
    }
    Ok(())
}

/// The strict conversion of UTS 46: STD3 characters, hyphens, joiners and bidirectional rule, and DNS lengths.
fn to_ascii(name: &str) -> Result<String, ValidationError> {
    let convert = |length| Uts46::new().to_ascii(name.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, length);
    if let Ok(ascii) = convert(DnsLength::Verify) {
        return Ok(ascii.into_owned());
    }
    match convert(DnsLength::Ignore) {
        Ok(ascii) if ascii.split('.').any(|label| label.len() > LABEL_CHARS_MAX) => Err(ValidationError::new(
            "label-too-long",
            format!("must have at most {LABEL_CHARS_MAX} characters in a label"),
        )),
        Ok(_) => Err(too_long()),
        Err(_) => Err(ValidationError::new("host-name", format!("`{}` is not a host name", excerpt(name)))),
    }
}

/// The Unicode form of a converted name, provided that it converts back to the very same.
fn to_unicode(ascii: &str) -> Result<String, ValidationError> {
    let (unicode, result) = Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    if result.is_err() || to_ascii(&unicode)? != ascii {
        let message = format!("`{}` has an `xn--` label that stands for nothing", excerpt(ascii));
        return Err(ValidationError::new("host-name", message));
    }
    // A Persian or Indic name may lawfully hold a joiner, hidden in its `xn--` form; two names would look the same.
    if unicode.contains(is_invisible) {
        return Err(invisible());
    }
    Ok(unicode.into_owned())
}

fn check_top(ascii: &str) -> Result<(), ValidationError> {
    let (parents, top) = ascii.rsplit_once('.').unwrap_or(("", ascii));
    // As browsers do: a name that ends in a number, in any base, is an IPv4 address or nothing.
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if top.bytes().all(|byte| byte.is_ascii_digit()) || top.strip_prefix("0x").is_some_and(is_hexadecimal) {
        return Err(ip_literal());
    }
    if RESERVED.contains(&top) {
        return Err(ValidationError::new("reserved-name", format!("must not be under `{top}`, which is reserved")));
    }
    if parents.is_empty() {
        return Err(ValidationError::new("single-label", "must have at least two labels, as in `example.com`"));
    }
    Ok(())
}

/// Refuses public suffixes: `co.uk`, `*.co.uk`, and wildcards whose every child is one.
fn check_public_suffix(unicode: &str, is_wildcard: bool) -> Result<(), ValidationError> {
    let refused = |what: &str| {
        let message = format!("must be below a public suffix, and {what} `{}` is open to everybody", excerpt(unicode));
        Err(ValidationError::new("public-suffix", message))
    };
    if is_public_suffix(unicode) {
        return refused("everything under");
    }
    // The list holds some real names of one letter, so the child that stands for any other must not be one of those.
    if is_wildcard && is_public_suffix(&format!("any-child-at-all.{unicode}")) {
        return refused("everything two labels under");
    }
    Ok(())
}

fn is_public_suffix(unicode: &str) -> bool {
    // The list holds internationalized names in Unicode only.
    psl::suffix_str(unicode) == Some(unicode)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

fn invisible() -> ValidationError {
    ValidationError::new("invisible-character", "must not contain zero-width characters")
}

fn ip_literal() -> ValidationError {
    ValidationError::new("ip-literal", "must be a host name, not an address, and must not end in a number")
}

fn too_long() -> ValidationError {
    ValidationError::new("too-long", format!("must have at most {HOST_CHARS_MAX} characters"))
}

/// The scripts whose letters are confused with one another, as far as needed to detect a mixture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    EastAsian,
    Other,
}

fn is_lookalike_label(label: &str) -> bool {
    if label.is_ascii() {
        return false;
    }
    let letters = || label.chars().filter(|c| c.is_alphabetic());
    let mut scripts = letters().map(script);
    let Some(first) = scripts.next() else {
        return false;
    };
    // Japanese, Chinese and Korean names contain Latin letters as a matter of course.
    let belong =
        |a, b| a == b || matches!((a, b), (Script::Latin, Script::EastAsian) | (Script::EastAsian, Script::Latin));
    !scripts.all(|script| belong(first, script)) || letters().all(looks_latin)
}

fn script(c: char) -> Script {
    match c {
        'A'..='Z' | 'a'..='z' | '\u{AA}' | '\u{BA}' | '\u{C0}'..='\u{2FF}' => Script::Latin,
        '\u{1D00}'..='\u{1DBF}' | '\u{1E00}'..='\u{1EFF}' | '\u{2C60}'..='\u{2C7F}' => Script::Latin,
        '\u{A720}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}' => Script::Latin,
        '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => Script::Greek,
        '\u{400}'..='\u{52F}' | '\u{1C80}'..='\u{1C8F}' => Script::Cyrillic,
        '\u{2DE0}'..='\u{2DFF}' | '\u{A640}'..='\u{A69F}' => Script::Cyrillic,
        '\u{530}'..='\u{58F}' => Script::Armenian,
        '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}' => Script::EastAsian,
        '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' => Script::EastAsian,
        _ => Script::Other,
    }
}

/// Cyrillic, Greek and Armenian letters that pass for a Latin one, after Chromium's lists for whole-script look-alikes.
fn looks_latin(c: char) -> bool {
    const CYRILLIC: &str = "асԁеԍһіјӏорԗԛѕԝхуъьҽпгѵѡү";
    const GREEK: &str = "αγηικνορτυχωϲϳ";
    const ARMENIAN: &str = "աագզհյոսւցքօ";
    CYRILLIC.contains(c) || GREEK.contains(c) || ARMENIAN.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(text: &str) -> HostName {
        HostName::parse(text).expect(text)
    }

    #[test]
    fn an_accepted_name_is_stored_in_lower_case_ascii() {
        let labels_of_63 = format!("{0}.{0}.{0}.{1}.com", "a".repeat(63), "b".repeat(57));
        let table = [
            ("example.com", "example.com"),
            ("EXAMPLE.com", "example.com"),
            ("shop.example.com", "shop.example.com"),
            ("a.co.uk", "a.co.uk"),
            ("my-site.github.io", "my-site.github.io"),
            ("3com.com", "3com.com"),
            ("host.corp1", "host.corp1"),
            ("city.kawasaki.jp", "city.kawasaki.jp"),
            ("bücher.de", "xn--bcher-kva.de"),
            ("BÜCHER.de", "xn--bcher-kva.de"),
            ("bu\u{308}cher.de", "xn--bcher-kva.de"),
            ("XN--BCHER-KVA.de", "xn--bcher-kva.de"),
            ("faß.de", "xn--fa-hia.de"),
            ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
            ("example。com", "example.com"),
            ("shop｡example．com", "shop.example.com"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("*.example.com", "*.example.com"),
            ("*.EXAMPLE.com", "*.example.com"),
            ("*．example.com", "*.example.com"),
            ("*.bücher.de", "*.xn--bcher-kva.de"),
            ("*.shop.example.co.uk", "*.shop.example.co.uk"),
            ("аррӏе.com", "xn--80ak6aa92e.com"),
            (labels_of_63.as_str(), labels_of_63.as_str()),
        ];
        for (text, stored) in table {
            assert_eq!(HostName::parse(text).map(String::from), Ok(stored.to_owned()), "{text}");
        }
        assert_eq!(labels_of_63.len(), 253);
        assert_eq!(serde_json::from_str::<HostName>("\"EXAMPLE.com\"").ok(), Some(host("example.com")));
        assert!(serde_json::from_str::<HostName>("\"co.uk\"").is_err());
    }

    fn assert_refused(table: &[(&str, &str)]) {
        for (text, code) in table {
            assert_eq!(HostName::parse(text).map_err(|refusal| refusal.code), Err(*code), "{text}");
        }
    }

    #[test]
    fn an_address_in_any_base_is_not_a_name() {
        assert_refused(&[
            ("1.2.3.4", "ip-literal"),
            ("１.２.３.４", "ip-literal"),
            ("127.1", "ip-literal"),
            ("0x7f.1", "ip-literal"),
            ("127.0x1", "ip-literal"),
            ("0x7f000001", "ip-literal"),
            ("1.0x", "ip-literal"),
            ("2130706433", "ip-literal"),
            ("010.010.010.010", "ip-literal"),
            ("example.123", "ip-literal"),
            ("*.1.2.3", "ip-literal"),
            ("::1", "ip-literal"),
            ("[::1]", "ip-literal"),
            ("[::1]:443", "ip-literal"),
        ]);
    }

    #[test]
    fn a_name_that_belongs_to_nobody_or_to_everybody_is_refused() {
        assert_refused(&[
            ("com", "single-label"),
            ("intranet", "single-label"),
            ("*.com", "single-label"),
            ("*.intranet", "single-label"),
            ("localhost", "reserved-name"),
            ("LOCALHOST", "reserved-name"),
            ("app.localhost", "reserved-name"),
            ("a.test", "reserved-name"),
            ("a.example", "reserved-name"),
            ("a.invalid", "reserved-name"),
            ("printer.local", "reserved-name"),
            ("a.onion", "reserved-name"),
            ("a.internal", "reserved-name"),
            ("a.alt", "reserved-name"),
            ("1.0.0.10.in-addr.arpa", "reserved-name"),
            ("router.home.arpa", "reserved-name"),
            ("co.uk", "public-suffix"),
            ("*.co.uk", "public-suffix"),
            ("github.io", "public-suffix"),
            ("*.github.io", "public-suffix"),
            ("公司.cn", "public-suffix"),
            ("xn--55qx5d.cn", "public-suffix"),
            ("anything.ck", "public-suffix"),
            ("*.kawasaki.jp", "public-suffix"),
            ("*.compute.amazonaws.com.cn", "public-suffix"),
            ("*.sch.uk", "public-suffix"),
            ("*.nom.br", "public-suffix"),
        ]);
    }

    #[test]
    fn what_surrounds_a_host_in_a_url_is_refused() {
        assert_refused(&[
            ("example.com:443", "port"),
            ("https://example.com", "scheme"),
            ("example.com/path", "path"),
            ("example.com\\path", "path"),
            ("example.com?q", "path"),
            ("example.com#f", "path"),
            ("user@example.com", "user-info"),
        ]);
    }

    #[test]
    fn a_wildcard_is_only_ever_the_whole_first_label() {
        assert_refused(&[
            ("a.*.com", "wildcard"),
            ("*a.com", "wildcard"),
            ("a*.example.com", "wildcard"),
            ("*.*.example.com", "wildcard"),
            ("**.example.com", "wildcard"),
            ("*", "wildcard"),
        ]);
    }

    #[test]
    fn a_name_without_a_single_strict_conversion_is_refused() {
        assert_refused(&[
            ("＊.example.com", "host-name"),
            ("xn--example-.org", "host-name"),
            ("xn--example.org", "host-name"),
            ("xn--.org", "host-name"),
            ("xn--a.org", "host-name"),
            ("xn--bcher-kva\u{FC}.de", "host-name"),
            ("-a.com", "host-name"),
            ("a-.com", "host-name"),
            ("ab--c.com", "host-name"),
            ("a_b.com", "host-name"),
            ("_dmarc.example.com", "host-name"),
            ("a b.com", "host-name"),
            ("example.com ", "host-name"),
            ("example.com\n", "host-name"),
            ("exa\0mple.com", "host-name"),
            ("example.com,a.com", "host-name"),
            ("℀.com", "host-name"),
            ("%65xample.com", "host-name"),
            ("exam\u{200D}ple.com", "invisible-character"),
            ("exam\u{200C}ple.com", "invisible-character"),
            ("exam\u{200B}ple.com", "invisible-character"),
            ("exam\u{2060}ple.com", "invisible-character"),
            ("\u{FEFF}example.com", "invisible-character"),
            ("exam\u{AD}ple.com", "invisible-character"),
            ("xn--mgba3gch31f060k.com", "invisible-character"),
        ]);
    }

    #[test]
    fn a_name_has_the_labels_and_lengths_of_the_dns() {
        let label = format!("{}.com", "a".repeat(64));
        let long = format!("{0}.{0}.{0}.{1}.com", "a".repeat(63), "b".repeat(58));
        let long_wildcard = format!("*.{0}.{0}.{0}.{1}.com", "a".repeat(63), "b".repeat(56));
        let unicode_label = format!("{}.com", "ü".repeat(63));
        let endless = "a.".repeat(600);
        assert_refused(&[
            ("", "empty"),
            ("example.com.", "trailing-dot"),
            ("example.com。", "trailing-dot"),
            ("example..com", "empty-label"),
            ("example.．com", "empty-label"),
            (".example.com", "empty-label"),
            ("..", "empty-label"),
            (".", "empty-label"),
            ("*.", "empty-label"),
            (label.as_str(), "label-too-long"),
            (unicode_label.as_str(), "label-too-long"),
            (long.as_str(), "too-long"),
            (long_wildcard.as_str(), "too-long"),
            (endless.as_str(), "too-long"),
        ]);
    }

    #[test]
    fn a_rule_matches_whole_labels_and_never_a_suffix() {
        let table = [
            ("example.com", "EXAMPLE.com", true),
            ("example.com", "shop.example.com", false),
            ("example.com", "evilexample.com", false),
            ("bücher.de", "xn--bcher-kva.de", true),
            ("example.com", "example。com", true),
            ("*.example.com", "shop.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.shop.example.com", false),
            ("*.example.com", "evilexample.com", false),
            ("*.example.com", "shop.evilexample.com", false),
            ("*.example.com", "shop.example.com.evil.net", false),
            ("*.example.com", "*.example.com", false),
            ("*.example.com", "*.shop.example.com", false),
            ("shop.example.com", "*.example.com", false),
        ];
        for (rule, name, is_match) in table {
            assert_eq!(host(rule).matches(&host(name)), is_match, "{rule} {name}");
        }
    }

    #[test]
    fn a_lookalike_is_accepted_and_said_to_be_one() {
        let table = [
            ("аррӏе.com", true),
            ("аpple.com", true),
            ("gооgle.com", true),
            ("xn--80ak6aa92e.com", true),
            ("*.аррӏе.com", true),
            ("аррӏе.example.com", true),
            ("ρορ.com", true),
            ("apple.com", false),
            ("bücher.de", false),
            ("ʻokina.com", false),
            ("пример.рф", false),
            ("παράδειγμα.gr", false),
            ("日本語.jp", false),
            ("トヨタ-toyota.jp", false),
            ("例え123.jp", false),
            ("مثال.com", false),
            ("💩.la", false),
        ];
        for (text, is_lookalike) in table {
            assert_eq!(host(text).is_lookalike(), is_lookalike, "{text}");
        }
        assert_eq!(host("аррӏе.com").unicode(), "аррӏе.com");
        assert_eq!(host("*.XN--BCHER-KVA.de").unicode(), "*.bücher.de");
    }

    proptest! {
        #[test]
        fn every_name_reads_back_from_both_forms(text in "(\\*\\.)?([a-z0-9üßж本]{1,8}\\.){1,3}(com|de|co\\.uk|xn--p1ai)") {
            if let Ok(name) = HostName::parse(&text) {
                prop_assert_eq!(HostName::parse(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(HostName::parse(&name.unicode()), Ok(name.clone()));
                prop_assert!(name.as_str().is_ascii());
                prop_assert!(name.matches(&name) != name.is_wildcard());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), "[a-zA-Z0-9.*:/@\\-_üж．]{0,40}", "(xn--[a-z0-9-]{0,12}\\.){1,3}com"]) {
            if let Ok(name) = HostName::parse(&text) {
                prop_assert_eq!(HostName::parse(name.as_str()), Ok(name.clone()));
                let _ = (name.unicode(), name.is_lookalike());
            }
        }
    }
}
