//! The plain form that nearly every question has, read in one pass.
//!
//! What is not plain is not judged here: the strict reader takes it from the start, and explains what is wrong with it.
//! Whatever is read here, the strict reader would have read the same.

use client::wire::{Needed, SecretText, VerifyRequest};
use serde::{Deserialize, Deserializer};

/// The longest text in a plain question; shorter than every bound of the schema.
const TEXT_BYTES_MAX: usize = 64;
/// The longest key in one.
const KEY_BYTES_MAX: usize = 200;
/// The most permissions in one.
const PERMISSIONS_MAX: usize = 20;

/// Texts that stand in the body as they are: none has an escape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    key: &'a str,
    #[serde(borrow, default, deserialize_with = "not_null")]
    permissions: Option<Vec<&'a str>>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    domain: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    customer: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    client_ip: Option<&'a str>,
}

/// Reads a question, if it is a plain one.
pub fn read(body: &[u8]) -> Option<VerifyRequest> {
    let plain: Plain<'_> = serde_json::from_slice(body).ok()?;
    let mut permissions = plain.permissions.iter().flatten();
    let mut others = [plain.domain, plain.customer, plain.client_ip].into_iter().flatten();
    let is_plain = is_plain(plain.key, KEY_BYTES_MAX)
        && plain.permissions.as_ref().is_none_or(|names| names.len() <= PERMISSIONS_MAX)
        && permissions.all(|name| is_plain(name, TEXT_BYTES_MAX))
        && others.all(|text| is_plain(text, TEXT_BYTES_MAX));
    is_plain.then(|| VerifyRequest {
        key: SecretText::new(plain.key),
        permissions: plain.permissions.map(|names| Needed::each(names.into_iter().map(str::to_owned))),
        domain: plain.domain.map(str::to_owned),
        customer: plain.customer.map(str::to_owned),
        client_ip: plain.client_ip.map(str::to_owned),
        cost: None,
        limits: Vec::new(),
        organization: None,
        tags: Vec::new(),
        explain: false,
    })
}

/// A member that is there has a value: `null` is for the strict reader to refuse.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn is_plain(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use server::json::parse_slice;

    use super::*;

    /// What the strict reader makes of a body.
    fn strict(body: &[u8]) -> Option<String> {
        parse_slice::<VerifyRequest>(body).ok().map(|request| serde_json::to_string(&request).unwrap())
    }

    fn plain(body: &[u8]) -> Option<String> {
        read(body).map(|request| serde_json::to_string(&request).unwrap())
    }

    #[test]
    fn common_questions_are_plain() {
        let questions = [
            r#"{"key":"clv_prod_x"}"#,
            r#" {"key": "clv_prod_x", "permissions": ["documents.read", "a.b"], "domain": "shop.example.com"} "#,
            r#"{"client_ip":"203.0.113.9","customer":"cus_1","key":"","permissions":[]}"#,
        ];
        for question in questions {
            assert_eq!(plain(question.as_bytes()), strict(question.as_bytes()), "{question}");
            assert!(plain(question.as_bytes()).is_some(), "{question}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_strict_reader() {
        let questions = [
            r#"{"key":"a","key":"b"}"#,
            r#"{"key":"a","domain":null}"#,
            r#"{"key":"a","permissions":null}"#,
            r#"{"key":"a","permissions":{"any":["a.b"]}}"#,
            r#"{"key":"a","explain":true}"#,
            r#"{"key":"a\u0000"}"#,
            r#"{"key":"ä"}"#,
            r#"{"key":1}"#,
            r#"{"key":"a"}{}"#,
            r#"{"key":"a","other":1}"#,
            r#"{}"#,
            "\u{feff}{\"key\":\"a\"}",
        ];
        for question in questions {
            assert_eq!(plain(question.as_bytes()), None, "{question}");
        }
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let text = prop_oneof![
            4 => "[a-z.]{0,9}".prop_map(|text| format!("\"{text}\"")),
            1 => "\\PC{0,70}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            1 => "[ -~]{60,70}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            1 => Just("null".to_owned()),
            1 => Just("7".to_owned()),
        ];
        let list = prop::collection::vec(text.clone(), 0..23).prop_map(|items| format!("[{}]", items.join(",")));
        let member = (
            prop::sample::select(vec!["key", "permissions", "domain", "customer", "client_ip", "explain", "cost", "x"]),
            prop_oneof![3 => text.clone(), 1 => list],
        );
        let members = prop::collection::vec(member, 0..5);
        (text, members, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2)).prop_map(
            |(key, members, changes)| {
                let members = members.into_iter().map(|(name, value)| format!(",\"{name}\":{value}"));
                let mut body = format!("{{\"key\":{key}{}}}", members.collect::<String>()).into_bytes();
                for (at, byte) in changes {
                    let at = at.index(body.len());
                    body[at] = byte;
                }
                body
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_plainly_the_strict_reader_reads_the_same(body in bodies()) {
            if let Some(read) = plain(&body) {
                prop_assert_eq!(Some(read), strict(&body), "{}", String::from_utf8_lossy(&body));
            }
        }
    }
}
