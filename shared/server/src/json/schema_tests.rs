//! What the published schema refuses, case by case.

use std::collections::HashMap;

use poem_openapi::{Enum, Object, Union};

use super::*;
use crate::json::parse_slice;

/// A small form with one of everything.
#[derive(Debug, Object)]
struct Form {
    #[oai(validator(min_length = 1, max_length = 10))]
    name: String,
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    count: Option<i64>,
    small: Option<u8>,
    large: Option<u64>,
    ratio: Option<f64>,
    is_open: Option<bool>,
    #[oai(nullable)]
    note: Option<String>,
    #[oai(validator(max_items = 3, min_items = 1))]
    tags: Option<Vec<String>>,
    color: Option<Color>,
    #[oai(nullable)]
    inner: Option<Inner>,
    shape: Option<Shape>,
    either: Option<Either>,
    labels: Option<HashMap<String, String>>,
    metadata: Option<Value>,
    at: Option<DateTime<chrono::Utc>>,
    #[oai(read_only)]
    created_by: Option<String>,
    again: Option<Box<Form>>,
}

#[derive(Debug, Enum)]
#[oai(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
}

#[derive(Debug, Object)]
struct Inner {
    depth: i64,
}

#[derive(Debug, Object)]
struct Circle {
    radius: i64,
}

#[derive(Debug, Object)]
struct Square {
    side: i64,
}

#[derive(Debug, Union)]
#[oai(discriminator_name = "kind", rename_all = "lowercase")]
enum Shape {
    Circle(Circle),
    Square(Square),
}

#[derive(Debug, Union)]
enum Either {
    Inner(Inner),
    Circle(Circle),
}

fn mistakes(text: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(text).unwrap();
    check::<Form>(&value).into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
}

/// Wraps one member into a form that is otherwise right.
fn with(member: &str) -> Vec<String> {
    mistakes(&format!("{{\"name\":\"n\",{member}}}"))
}

#[test]
fn what_the_schema_allows_is_read() {
    let text = r#"{"name":"é","count":100,"small":255,"large":18446744073709551615,"ratio":1,"is_open":true,"note":null,
        "tags":["a"],"color":"red","inner":null,"shape":{"kind":"circle","radius":1},"either":{"depth":1},
        "labels":{"a":"line\nend"},"metadata":{"free":[1,null,{"x":"y"}]},"at":"2030-01-01T00:00:00Z","again":{"name":"m"}}"#;
    let form: Form = parse_slice(text.as_bytes()).unwrap();
    assert_eq!(form.name, "é");
    assert!(matches!(form.shape, Some(Shape::Circle(Circle { radius: 1 }))));
    assert!(form.again.is_some());
}

#[test]
fn all_mistakes_are_named_at_once_with_their_places() {
    assert_eq!(
        mistakes(r#"{"count":"1","tags":[1,"a",true],"inner":{"depth":1,"x":1},"nope":1}"#),
        [
            "/name required",
            "/count type",
            "/inner/x unknown-member",
            "/nope unknown-member",
            "/tags/0 type",
            "/tags/2 type"
        ]
    );
}

#[test]
fn a_value_of_another_type_is_never_coerced() {
    for (member, wanted) in [
        (r#""name":1"#, "/name type"),
        (r#""name":true"#, "/name type"),
        (r#""name":null"#, "/name type"),
        (r#""name":{}"#, "/name type"),
    ] {
        assert_eq!(mistakes(&format!("{{{member}}}")), [wanted], "{member}");
    }
    for (member, wanted) in [
        (r#""count":null"#, "/count type"),
        (r#""is_open":"true""#, "/is_open type"),
        (r#""is_open":1"#, "/is_open type"),
        (r#""tags":"a""#, "/tags type"),
        (r#""tags":{}"#, "/tags type"),
        (r#""inner":[]"#, "/inner type"),
        (r#""ratio":"1""#, "/ratio type"),
        (r#""labels":{"a":1}"#, "/labels/a type"),
    ] {
        assert_eq!(with(member), [wanted], "{member}");
    }
    assert_eq!(mistakes("[]"), [" type"]);
    assert_eq!(mistakes("null"), [" type"]);
}

#[test]
fn an_integer_is_written_as_an_integer_and_in_range() {
    for text in ["1.0", "1e3", "-0", "-0.0", "9223372036854775808", "1E2", "0.5"] {
        assert_eq!(with(&format!("\"count\":{text}")), ["/count type"], "{text}");
    }
    for text in ["-1", "101", "9223372036854775807"] {
        assert_eq!(with(&format!("\"count\":{text}")), ["/count range"], "{text}");
    }
    for text in ["256", "-1"] {
        assert_eq!(with(&format!("\"small\":{text}")), ["/small range"], "{text}");
    }
    assert_eq!(with("\"large\":-1"), ["/large range"]);
    assert_eq!(with("\"large\":18446744073709551616"), ["/large type"]);
}

#[test]
fn lengths_and_counts_are_kept() {
    assert_eq!(mistakes(r#"{"name":""}"#), ["/name too-short"]);
    assert_eq!(mistakes(r#"{"name":"ééééééééééé"}"#), ["/name too-long"]);
    assert_eq!(with(r#""tags":[]"#), ["/tags too-few"]);
    assert_eq!(with(r#""tags":["a","b","c","d"]"#), ["/tags too-many"]);
    assert_eq!(with(&format!("\"note\":\"{}\"", "x".repeat(4097))), ["/note too-long"]);
    assert_eq!(with(&format!("\"metadata\":[\"{}\"]", "x".repeat(4097))), ["/metadata/0 too-long"]);
    assert_eq!(with(&format!("\"metadata\":[{}1]", "1,".repeat(1000))), ["/metadata too-many"]);
    let members: Vec<String> = (0..1001).map(|index| format!("\"{index}\":\"\"")).collect();
    assert_eq!(with(&format!("\"labels\":{{{}}}", members.join(","))), ["/labels too-many"]);
    assert_eq!(with(&format!("\"metadata\":{{{}}}", members.join(","))), ["/metadata too-many"]);
}

#[test]
fn control_characters_are_refused_in_every_string_and_name() {
    assert_eq!(mistakes("{\"name\":\"a\\u0000\"}"), ["/name control-character"]);
    assert_eq!(with("\"note\":\"\\u001b[31m\""), ["/note control-character"]);
    assert_eq!(with("\"metadata\":{\"x\":[\"\\u0000\"]}"), ["/metadata/x/0 control-character"]);
    assert_eq!(with("\"metadata\":{\"\\u0000\":1}"), ["/metadata/\\0 control-character"]);
    assert_eq!(with("\"labels\":{\"\\u007f\":\"a\"}"), ["/labels/\\u{7f} control-character"]);
}

#[test]
fn choices_and_forms_are_closed() {
    assert_eq!(with(r#""color":"blue""#), ["/color enum"]);
    assert_eq!(with(r#""color":"Red""#), ["/color enum"]);
    assert_eq!(with(r#""shape":{"kind":"oval"}"#), ["/shape/kind enum"]);
    assert_eq!(with(r#""shape":{"radius":1}"#), ["/shape/kind enum"]);
    assert_eq!(
        with(r#""shape":{"kind":"square","radius":1}"#),
        ["/shape/side required", "/shape/radius unknown-member"]
    );
    assert_eq!(with(r#""either":7"#), ["/either type"]);
    assert_eq!(with(r#""either":{"depth":"x"}"#), ["/either/depth type"]);
    assert_eq!(with(r#""created_by":"me""#), ["/created_by read-only"]);
    assert_eq!(with(r#""at":"2030-01-01""#), ["/at format"]);
}

#[test]
fn no_answer_names_more_than_fifty_mistakes() {
    let items = vec!["1"; 900].join(",");
    let value: Value = serde_json::from_str(&format!("[{items}]")).unwrap();
    assert_eq!(check::<Vec<String>>(&value).len(), ERRORS_MAX);
}

#[test]
fn a_long_name_is_not_repeated_in_full() {
    let value = Value::Object([("x".repeat(500), Value::Null)].into_iter().collect());
    let errors = check::<Inner>(&value);
    assert!(errors.iter().all(|error| error.pointer.len() <= 65 && error.message.len() <= 64));
}
