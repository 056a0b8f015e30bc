//! Searches bytes for secrets, whole or in part, plain or in any of the disguises that logs and stores put on.

use std::collections::HashMap;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};

/// So many characters of a secret are enough to be found.
const PART: usize = 12;
/// What decides, together, whether a place is worth a closer look.
const FIRST: usize = 3;

/// What is searched for.
pub struct Search {
    parts: HashMap<[u8; PART], Vec<Part>>,
    firsts: Vec<bool>,
}

/// Twelve characters of a secret, in a disguise.
struct Part {
    form: &'static str,
    secret: usize,
    text: Vec<u8>,
}

/// A place where a secret was found.
#[derive(Debug)]
pub struct Finding {
    /// In which disguise.
    pub form: &'static str,
    /// Which of the secrets.
    pub secret: usize,
    /// What is there.
    pub around: String,
}

impl Search {
    /// A search for every 12 characters of these texts.
    pub fn new<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut search = Self { parts: HashMap::new(), firsts: vec![false; 1 << (8 * FIRST)] };
        for (secret, text) in texts.into_iter().enumerate() {
            let text = text.as_ref();
            assert!(text.len() >= PART, "too short to be told from anything else");
            for window in text.windows(PART) {
                for (form, text) in disguises(window) {
                    search.add(Part { form, secret, text });
                }
            }
        }
        search
    }

    /// The first place where one of them is.
    pub fn find(&self, bytes: &[u8]) -> Option<Finding> {
        for at in 0..bytes.len().saturating_sub(PART - 1) {
            if !self.firsts[first(&bytes[at..])] {
                continue;
            }
            let start: &[u8; PART] = bytes[at..at + PART].try_into().expect("cut to this length");
            let parts = self.parts.get(start).map(Vec::as_slice).unwrap_or_default();
            if let Some(part) = parts.iter().find(|part| bytes[at..].starts_with(&part.text)) {
                let around = &bytes[at.saturating_sub(120)..(at + 80).min(bytes.len())];
                let around = String::from_utf8_lossy(around).into_owned();
                return Some(Finding { form: part.form, secret: part.secret, around });
            }
        }
        None
    }

    fn add(&mut self, part: Part) {
        let start: [u8; PART] = part.text[..PART].try_into().expect("no disguise is shorter than what it hides");
        self.firsts[first(&part.text)] = true;
        self.parts.entry(start).or_default().push(part);
    }
}

fn first(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

/// The forms in which text turns up. Twelve bytes are sixteen characters of base64, however the text around is aligned:
/// one of three neighbouring windows starts where a group of it does.
fn disguises(window: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: fn(&u8) -> String, between: &str| window.iter().map(form).collect::<Vec<_>>().join(between);
    let reversed: Vec<u8> = window.iter().rev().copied().collect();
    let texts = [
        ("base64", BASE64.encode(window)),
        ("hex", HEXLOWER.encode(window)),
        ("upper-case hex", HEXUPPER.encode(window)),
        ("percent-encoded", each(|byte| format!("%{byte:02x}"), "")),
        ("upper-case percent-encoded", each(|byte| format!("%{byte:02X}"), "")),
        ("JSON escapes", each(|byte| format!("\\u{byte:04x}"), "")),
        ("upper-case JSON escapes", each(|byte| format!("\\u{byte:04X}"), "")),
        ("byte escapes", each(|byte| format!("\\x{byte:02x}"), "")),
        ("a list of bytes", each(|byte| byte.to_string(), ", ")),
        ("a list of bytes without spaces", each(|byte| byte.to_string(), ",")),
        ("a list of hex bytes", each(|byte| format!("{byte:02x}"), " ")),
    ];
    let texts = texts.into_iter().map(|(form, text)| (form, text.into_bytes()));
    [("plain", window.to_vec()), ("reversed", reversed)].into_iter().chain(texts).collect()
}

#[test]
fn a_secret_is_found_in_every_disguise_and_nowhere_else() {
    let secret = b"Zx81QpLm27RtYv90AbCdEf34GhIjKl56";
    let search = Search::new([b"another0secret1of2others3", &secret[..]]);
    let whole = [
        ("plain", secret.to_vec()),
        ("reversed", secret.iter().rev().copied().collect()),
        ("base64", BASE64.encode(secret).into_bytes()),
        ("base64", BASE64.encode(&[b"x", &secret[..]].concat()).into_bytes()),
        ("base64", BASE64.encode(&[b"xy", &secret[..]].concat()).into_bytes()),
        ("base64", data_encoding::BASE64URL_NOPAD.encode(&[b"??", &secret[..]].concat()).into_bytes()),
        ("hex", HEXLOWER.encode(secret).into_bytes()),
        ("upper-case hex", HEXUPPER.encode(secret).into_bytes()),
        ("a list of bytes", format!("{secret:?}").into_bytes()),
        ("a list of bytes without spaces", serde_json::to_vec(&secret[..]).unwrap()),
        ("plain", secret[5..17].to_vec()),
    ];
    for (form, text) in &whole {
        for haystack in [text.clone(), [b"some text before ", &text[..], b" and after"].concat()] {
            let found = search.find(&haystack).unwrap_or_else(|| panic!("{form} is not found"));
            assert_eq!((found.form, found.secret), (*form, 1));
        }
    }
    for (form, text) in disguises(&secret[3..15]) {
        assert_eq!(search.find(&text).unwrap().form, form);
    }
    for innocent in [&b""[..], b"short", &secret[5..16], b"Zx81QpLm27R-tYv90AbCdEf-34GhIjKl56", &[0; 4_096]] {
        assert!(search.find(innocent).is_none());
    }
}
