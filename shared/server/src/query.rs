//! Strict query strings: every parameter is known, comes once, and every mistake is named.

use std::{collections::BTreeMap, ops::RangeInclusive};

use chrono::{DateTime, Utc};
use domain::{
    instants::parse_instant,
    validation::{ValidationError, excerpt},
};
use poem::Request;

use crate::problem::{FieldError, Problem};

/// The door to a request's query.
#[derive(Debug)]
pub struct Query;

/// The parameters of one request. Readers collect mistakes; [`QueryParams::finish`] answers with all of them.
#[derive(Debug, Default)]
pub struct QueryParams {
    values: BTreeMap<String, String>,
    errors: Vec<FieldError>,
}

impl Query {
    /// Reads the query of `request`; a parameter that is not in `allowed`, comes twice or cannot be decoded is refused.
    pub fn parse(request: &Request, allowed: &[&str]) -> Result<QueryParams, Problem> {
        Self::parse_str(request.uri().query().unwrap_or_default(), allowed)
    }

    /// Reads a query string, the part behind the question mark.
    pub fn parse_str(query: &str, allowed: &[&str]) -> Result<QueryParams, Problem> {
        let mut params = QueryParams { values: BTreeMap::new(), errors: Vec::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decode(raw_name) else {
                params.refuse(raw_name, "encoding", "The name is not percent-encoded UTF-8.");
                continue;
            };
            if !allowed.contains(&name.as_str()) {
                params.refuse(&name, "unknown-parameter", "There is no such parameter.");
                continue;
            }
            let Some(value) = decode(raw_value) else {
                params.refuse(&name, "encoding", "The value is not percent-encoded UTF-8.");
                continue;
            };
            if value.chars().any(char::is_control) {
                params.refuse(&name, "control-character", "Send no control characters.");
            } else if params.values.insert(name.clone(), value).is_some() {
                params.refuse(&name, "repeated-parameter", "Send this parameter once.");
            }
        }
        if params.errors.is_empty() { Ok(params) } else { Err(Problem::validation(params.errors)) }
    }
}

impl QueryParams {
    /// The value of a parameter as it was sent, not yet judged.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The text of a parameter; an empty one is a mistake.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.values.get(name)?;
        if value.is_empty() {
            self.refuse(name, "too-short", "Send a value or leave the parameter out.");
            return None;
        }
        Some(value.clone())
    }

    /// A whole number within `range`, or `default` when it was not sent.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        let Some(text) = self.values.get(name) else { return default };
        let is_plain =
            !text.is_empty() && text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(number) if is_plain && range.contains(&number) => return number,
            Ok(_) if is_plain => {
                self.refuse(name, "range", format!("Send a number from {} to {}.", range.start(), range.end()));
            }
            Ok(_) | Err(_) => self.refuse(name, "type", "Send a whole number."),
        }
        default
    }

    /// A time as RFC 3339 has it, with its offset; read as bodies are, so that no time means two things.
    pub fn timestamp(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let text = self.text(name)?;
        match parse_instant(&text) {
            Ok(time) => Some(time),
            Err(_) => {
                self.refuse(name, "format", "Send a time as RFC 3339 has it, with an offset; encode + as %2B.");
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.refuse(name, "type", "Send true or false.");
                None
            }
        }
    }

    /// A value that `parse` reads into a domain type.
    pub fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, ValidationError>) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|refusal| self.refuse(name, refusal.code, refusal.message)).ok()
    }

    /// Records a mistake that the handler found itself.
    pub fn refuse(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        let pointer = format!("/query/{}", excerpt(name).replace('~', "~0").replace('/', "~1"));
        if self.errors.len() < crate::json::ERRORS_MAX {
            self.errors.push(FieldError::new(pointer, code, message));
        }
    }

    /// Fails when any reader found a mistake.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::validation(self.errors)) }
    }
}

/// Decodes one name or value of a form-encoded query; `None` for a broken escape or bytes that are no UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ErrorCode;

    const ALLOWED: &[&str] = &["limit", "status", "since", "deep"];

    #[test]
    fn what_cannot_be_read_without_guessing_is_refused() {
        let cases = [
            "nope=1",
            "limit=1&limit=2",
            "limit[]=1",
            "a[]=",
            "status=%zz",
            "status=%",
            "status=%4",
            "status=%ff",
            "status=%00",
            "status=a%0Ab",
            "%ff=1",
            "status=%1b",
            "LIMIT=1",
            "=1",
        ];
        for case in cases {
            let problem = Query::parse_str(case, ALLOWED).expect_err(case);
            assert_eq!(problem.code(), ErrorCode::Validation, "{case}");
        }
    }

    #[test]
    fn what_was_sent_is_what_is_read() {
        let mut params =
            Query::parse_str("limit=10&status=a%20b%2Bc+d&since=2026-01-01T00:00:00%2B02:00&&", ALLOWED).unwrap();
        assert_eq!(params.integer("limit", 1..=200, 50), 10);
        assert_eq!(params.text("status").as_deref(), Some("a b+c d"));
        assert_eq!(params.timestamp("since").unwrap().to_rfc3339(), "2025-12-31T22:00:00+00:00");
        assert_eq!(params.text("deep"), None);
        params.finish().unwrap();
        assert_eq!(Query::parse_str("", ALLOWED).unwrap().integer("limit", 1..=200, 50), 50);
    }

    #[test]
    fn a_number_is_whole_plain_and_in_range() {
        for text in ["0", "-1", "201", "1e9", "abc", "", "1.0", "+5", "%2B5", "0x1", "99999999999999999999", "١"] {
            let mut params = Query::parse_str(&format!("limit={text}"), ALLOWED).unwrap();
            assert_eq!(params.integer("limit", 1..=200, 50), 50, "{text}");
            params.finish().expect_err(text);
        }
    }

    #[test]
    fn a_time_has_its_offset_and_its_t() {
        for text in [
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01%2000:00:00Z",
            "1700000000",
            "2026-01-01T00:00:00-00:00",
            "2026-01-01T23:59:60Z",
            "2026-01-01T00:00:00.1234567Z",
            "0000-01-01T00:00:00Z",
        ] {
            let mut params = Query::parse_str(&format!("since={text}"), ALLOWED).unwrap();
            assert_eq!(params.timestamp("since"), None, "{text}");
            params.finish().expect_err(text);
        }
    }

    #[test]
    fn all_mistakes_of_the_readers_come_together() {
        let mut params = Query::parse_str("limit=x&status=&deep=maybe", ALLOWED).unwrap();
        params.integer("limit", 1..=2, 1);
        params.text("status");
        params.boolean("deep");
        let problem = params.finish().unwrap_err();
        assert_eq!(problem.code(), ErrorCode::Validation);
    }
}
