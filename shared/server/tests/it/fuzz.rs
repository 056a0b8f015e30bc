//! Bodies and query strings against generated and spoiled input, with the plain readers of others as a second opinion.

use std::{collections::BTreeMap, fmt};

use fuzzing::{Outcome, echo, fuzz, spoiled, spoiled_bytes};
use poem_openapi::{Object, types::ToJSON};
use proptest::{prelude::*, test_runner::TestCaseError};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use server::{
    json::{parse_slice, parse_value},
    problem::{ErrorCode, Problem},
    query::Query,
};

const DEPTH_MAX: usize = 16;
const ENTRIES_MAX: usize = 1_000;
const STRING_MAX_BYTES: usize = 4_096;

/// A document's own text of a refusal: short, without controls, and no long piece of the input.
fn refused(problem: Problem, input: &str) -> Result<Outcome, TestCaseError> {
    let response = problem.into_response("req_fuzz");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let body = runtime.block_on(response.into_body().into_string()).expect("an answer in memory");
    let answer: Value = serde_json::from_str(&body).expect("a problem is JSON");
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    prop_assert!(errors.len() <= 50);
    let members = errors.iter().flat_map(|error| ["code", "message"].map(|name| error[name].as_str()));
    let texts = members.chain([answer["detail"].as_str(), answer["title"].as_str()]).flatten();
    for text in texts {
        prop_assert_eq!(echo(text, input), None, "{}", text);
        prop_assert!(!text.contains(char::is_control), "{:?}", text);
    }
    for step in errors.iter().filter_map(|error| error["pointer"].as_str()).flat_map(|pointer| pointer.split('/')) {
        // Each of the 64 characters may have been written as two.
        prop_assert!(step.chars().count() <= 128 && !step.contains(char::is_control), "{:?}", step);
    }
    Ok(Outcome::Refused)
}

/// What a lenient reader saw: how many members were written, and how deep.
struct Seen {
    members: usize,
    depth: usize,
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seeing)
    }
}

struct Seeing;

impl<'de> Visitor<'de> for Seeing {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Seen, E> {
        Ok(Seen { members: 0, depth: 0 })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Seen, E> {
        self.visit_unit()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Seen, E> {
        self.visit_unit()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Seen, E> {
        self.visit_unit()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Seen, E> {
        self.visit_unit()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Seen, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen, A::Error> {
        let mut seen = Seen { members: 0, depth: 0 };
        while let Some(item) = items.next_element::<Seen>()? {
            seen = Seen { members: seen.members + item.members, depth: seen.depth.max(item.depth) };
        }
        Ok(Seen { depth: seen.depth + 1, ..seen })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Seen, A::Error> {
        let mut seen = Seen { members: 0, depth: 0 };
        while let Some((_, value)) = members.next_entry::<IgnoredName, Seen>()? {
            seen = Seen { members: seen.members + value.members + 1, depth: seen.depth.max(value.depth) };
        }
        Ok(Seen { depth: seen.depth + 1, ..seen })
    }
}

/// A name that is read like any string, so that a broken one is broken here too.
struct IgnoredName;

impl<'de> Deserialize<'de> for IgnoredName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self)
    }
}

fn members(value: &Value) -> usize {
    match value {
        Value::Object(own) => own.len() + own.values().map(members).sum::<usize>(),
        Value::Array(items) => items.iter().map(members).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Object(own) => own.values().any(has_fraction),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Number(number) => number.is_f64(),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The limits of every value.
fn is_within_limits(value: &Value) -> bool {
    let is_text = |text: &str| !text.chars().any(|c| (c < ' ' && !"\t\r\n".contains(c)) || c == '\u{7f}');
    match value {
        Value::Object(own) => {
            own.len() <= ENTRIES_MAX && own.iter().all(|(name, value)| is_text(name) && is_within_limits(value))
        }
        Value::Array(items) => items.len() <= ENTRIES_MAX && items.iter().all(is_within_limits),
        Value::String(text) => is_text(text) && text.len() <= STRING_MAX_BYTES,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Written by hand rather than by a serializer: names repeat, numbers and escapes come in every spelling.
fn some_json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?[0-9]{1,4}",
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        Just("9223372036854775808".to_owned()),
    ];
    let piece = prop_oneof![
        6 => "[a-z]{0,4}", 1 => Just("\\u0061".to_owned()), 1 => Just("\\n".to_owned()), 1 => Just("\\ud83d\\ude00".to_owned()),
        1 => Just("\\u0000".to_owned()), 1 => Just("é💥".to_owned()), 1 => Just("\\ud800".to_owned()), 1 => Just("\\\"".to_owned()),
    ];
    let text = proptest::collection::vec(piece, 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat())).boxed();
    let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number, text.clone()];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        let name = prop_oneof![2 => "\"[a-d]\"", 1 => text.clone()];
        let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..4), space.clone())
                .prop_map(|(items, space)| format!("[{space}{}]", items.join(","))),
            (proptest::collection::vec((name, inner.clone()), 0..4), space).prop_map(|(members, space)| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("{name}{space}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
            (inner, 1usize..20).prop_map(|(value, depth)| format!("{}{value}{}", "[".repeat(depth), "]".repeat(depth))),
        ]
    })
}

fn some_body() -> impl Strategy<Value = Vec<u8>> {
    let valid = || some_json().prop_map(String::into_bytes);
    let marked = some_json().prop_map(|text| format!("\u{feff}{text}").into_bytes());
    prop_oneof![
        4 => valid(), 6 => spoiled_bytes(valid(), "{}[]:,\"\\u0019eE+-. ntf"), 1 => marked,
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ]
}

#[test]
fn strict_json_is_serde_json_without_duplicates_and_depth() {
    fuzz("strict JSON", some_body(), |bytes| {
        let plain = serde_json::from_slice::<Value>(&bytes);
        let judged = parse_value(&bytes);
        let Ok(plain) = plain else {
            prop_assert_eq!(judged.as_ref().err().map(Problem::code).is_some(), true);
            let problem = judged.expect_err("refused, as just seen");
            // Reading stops at the first fault, so a member named twice before it is told instead.
            prop_assert!(matches!(problem.code(), ErrorCode::MalformedJson | ErrorCode::DuplicateMember));
            return refused(problem, &String::from_utf8_lossy(&bytes));
        };
        let seen: Seen = serde_json::from_slice(&bytes).expect("it was read once");
        let (is_deep, is_double) = (seen.depth > DEPTH_MAX, seen.members > members(&plain));
        let code = judged.as_ref().err().map(Problem::code);
        match (is_deep, is_double) {
            (true, true) => prop_assert!(matches!(code, Some(ErrorCode::MalformedJson | ErrorCode::DuplicateMember))),
            (true, false) => prop_assert_eq!(code, Some(ErrorCode::MalformedJson)),
            (false, true) => prop_assert_eq!(code, Some(ErrorCode::DuplicateMember)),
            (false, false) if !is_within_limits(&plain) => prop_assert_eq!(code, Some(ErrorCode::Validation)),
            (false, false) => prop_assert_eq!(code, None),
        }
        match judged {
            Ok(value) => {
                prop_assert_eq!(&value, &plain);
                // The reader may miss the nearest fraction by one in the last place, and then again on the way back.
                if !has_fraction(&value) {
                    prop_assert_eq!(parse_value(value.to_string().as_bytes()).ok(), Some(value));
                }
                Ok(Outcome::Accepted)
            }
            Err(problem) => refused(problem, &String::from_utf8_lossy(&bytes)),
        }
    });
}

#[derive(Debug, Object, PartialEq)]
struct Form {
    #[oai(validator(min_length = 1, max_length = 6))]
    name: String,
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    count: Option<i64>,
    large: Option<u64>,
    small: Option<u8>,
    is_open: Option<bool>,
    #[oai(nullable)]
    note: Option<String>,
    #[oai(validator(max_items = 3))]
    tags: Option<Vec<String>>,
    inner: Option<Box<Form>>,
}

fn some_form() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "\"[a-z]{0,7}\"",
        "-?[0-9]{1,3}",
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1.0".to_owned()),
        Just("[\"a\"]".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just("\"\\u0007\"".to_owned()),
    ]
    .boxed();
    let right = prop_oneof![
        "\"count\":(0|[1-9][0-9]?|100)",
        "\"large\":[1-9][0-9]{0,17}",
        "\"small\":1[0-9]{0,2}",
        "\"is_open\":(true|false)",
        "\"note\":(null|\"[a-z]{0,5}\")",
        "\"tags\":\\[(\"[a-z]\",){0,2}\"[a-z]\"\\]",
        "\"inner\":\\{\"name\":\"[a-z]{1,6}\"\\}",
    ];
    let wrong = ("(count|large|small|is_open|note|tags|inner|name|nope)", value)
        .prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let member = prop_oneof![4 => right, 1 => wrong];
    ("\"name\":\"[a-zé]{1,6}\"", proptest::collection::vec(member, 0..4))
        .prop_map(|(name, rest)| format!("{{{}}}", [vec![name], rest].concat().join(",")))
}

#[test]
fn a_form_that_fits_is_kept_as_written_and_another_named() {
    let texts = prop_oneof![some_form(), spoiled(some_form(), "{}[]:,\"0123456789nulltruefalse")];
    fuzz("JSON schema", texts, |text| match parse_slice::<Form>(text.as_bytes()) {
        Ok(form) => {
            let plain: Value = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            // Nothing was coerced, dropped or made up: what is written again is what was sent, but for absent members.
            let kept = without_null(form.to_json().expect("a form is JSON"));
            prop_assert_eq!(&kept, &without_null(plain));
            prop_assert!((1..=6).contains(&form.name.chars().count()));
            prop_assert!(form.count.is_none_or(|count| (0..=100).contains(&count)));
            prop_assert!(form.tags.as_ref().is_none_or(|tags| tags.len() <= 3));
            Ok(Outcome::Accepted)
        }
        Err(problem) => refused(problem, &text),
    });
}

fn without_null(value: Value) -> Value {
    match value {
        Value::Object(own) => {
            let kept = own.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_null(value))).collect())
        }
        other => other,
    }
}

fn some_query() -> impl Strategy<Value = String> {
    let name = prop_oneof![6 => "(limit|status|since|deep)", 1 => "[a-z]{1,6}", 1 => Just("%6cimit".to_owned()), 1 => Just("limit[]".to_owned())];
    let value = prop_oneof![
        "-?[0-9]{1,5}",
        "[a-z ]{0,6}",
        "(%[0-9a-fA-F]{2}){1,3}",
        Just("a+b".to_owned()),
        Just("%C3%A9".to_owned()),
        Just("2026-01-31T10:00:00Z".to_owned()),
        Just("2026-01-31T10:00:00.5%2B02:00".to_owned()),
        Just("true".to_owned()),
    ];
    proptest::collection::vec((name, value), 0..4).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    })
}

#[test]
fn a_query_has_every_parameter_known_and_once() {
    const ALLOWED: [&str; 4] = ["limit", "status", "since", "deep"];
    let texts = prop_oneof![some_query(), spoiled(some_query(), "%&=+;?[]limtsau0129afAF")];
    fuzz("query string", texts, |text| {
        let mut url = reqwest::Url::parse("http://edge/").expect("a URL");
        url.set_query(Some(&text));
        let plain: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let mut params = match Query::parse_str(&text, &ALLOWED) {
            Ok(params) => params,
            Err(problem) => return refused(problem, &text),
        };
        let mut named = BTreeMap::new();
        // The other reader never sees controls, and puts a mark where the bytes are no UTF-8.
        prop_assert!(!plain.iter().any(|(_, value)| value.contains(char::is_control)));
        for (name, value) in plain {
            prop_assert!(ALLOWED.contains(&name.as_str()), "{}", name);
            prop_assert_eq!(params.value(&name), Some(value.as_str()));
            prop_assert!(named.insert(name, value).is_none(), "twice");
        }
        let limit = params.integer("limit", 1..=200, 50);
        prop_assert!((1..=200).contains(&limit));
        if let Some(since) = params.timestamp("since") {
            prop_assert_eq!(domain::instants::parse_instant(&named["since"]), Ok(since));
        }
        params.boolean("deep");
        match params.finish() {
            Ok(()) => {
                let sent = named.get("limit").map(|text| text.parse::<i64>().map_err(drop));
                prop_assert_eq!(sent.unwrap_or(Ok(50)), Ok(limit));
                Ok(Outcome::Accepted)
            }
            Err(problem) => refused(problem, &text),
        }
    });
}
