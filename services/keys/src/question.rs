//! A question as it came, read into what the checks work with; every mistake is named.

use std::net::IpAddr;

use client::wire::{COST_MAX, LimitAsked as LimitText, Needed as NeededText, VerifyRequest};
use domain::foreign::ForeignDigest;
use domain::hosts::HostName;
use domain::limit::{LIMITS_MAX, Limit};
use domain::limit_settings::Rate;
use domain::names::Tag;
use domain::permission::PermissionName;
use domain::priority::Priority;
use domain::secret::{Malformed, PlainSecret};
use domain::validation::ValidationError;
use domain::verify::{Needed, Purpose};
use server::problem::FieldError;

/// A limit that a question names.
#[derive(Debug, Clone)]
pub struct LimitAsked {
    pub name: String,
    pub cost: u64,
    /// What holds where the key has no limit of this name.
    pub limit: Option<Limit>,
}

/// A question that can be answered.
#[derive(Debug)]
pub struct Asked {
    /// The key, as far as its shape goes.
    pub secret: Result<PlainSecret, Malformed>,
    /// What a text of another form is known by, if it may be a secret that was issued elsewhere.
    pub foreign: Option<ForeignDigest>,
    pub needed: Needed,
    pub domain: Option<HostName>,
    /// A customer's id or external id.
    pub customer: Option<String>,
    pub client_ip: Option<IpAddr>,
    /// In credits.
    pub cost: i64,
    pub limits: Vec<LimitAsked>,
    pub is_explained: bool,
    pub purpose: Purpose,
    /// How urgent it is for its key's organization, whose share of the work in progress it takes. `None` within a batch,
    /// which is one piece of work and takes its share as a whole: half of a batch must not be charged for nothing.
    pub sharing: Option<Priority>,
}

impl Asked {
    /// The same question, counted for the organization of its key.
    #[must_use]
    pub fn sharing(self, priority: Priority) -> Self {
        Self { sharing: Some(priority), ..self }
    }

    /// What the Integration API asks about its own caller.
    pub fn about_caller(key: &str, client_ip: Option<IpAddr>) -> Self {
        Self {
            secret: PlainSecret::parse(key),
            // Our own API takes keys of our form alone.
            foreign: None,
            needed: Needed::All(Vec::new()),
            domain: None,
            customer: None,
            client_ip: client_ip.map(|address| address.to_canonical()),
            cost: 0,
            limits: Vec::new(),
            is_explained: false,
            purpose: Purpose::Caller,
            sharing: None,
        }
    }
}

/// Reads a question whose place in the request is `at`.
pub fn read(request: &VerifyRequest, at: &str) -> Result<Asked, Vec<FieldError>> {
    let mut reading = Reading { at, mistakes: Vec::new() };
    let needed = reading.needed(request.permissions.as_ref());
    let domain = request.domain.as_deref().and_then(|text| reading.domain(text));
    let client_ip = request.client_ip.as_deref().and_then(|text| reading.client_ip(text));
    let limits = reading.limits(&request.limits);
    for (index, tag) in request.tags.iter().enumerate() {
        reading.refused(&format!("/tags/{index}"), Tag::parse(tag).err());
    }
    let cost = request.cost.unwrap_or(1);
    if cost > COST_MAX {
        reading.mistake("/cost", "range", "A request costs at most 1000000000.");
    }
    if request.organization.is_some() {
        let message = "Leave it out: only the Integration API asks an organization's verifier.";
        reading.mistake("/organization", "contradiction", message);
    }
    if !reading.mistakes.is_empty() {
        return Err(reading.mistakes);
    }
    let text = request.key.expose();
    let secret = PlainSecret::parse(text);
    let foreign = if secret.is_err() { ForeignDigest::of_presented(text) } else { None };
    Ok(Asked {
        secret,
        foreign,
        needed,
        domain,
        customer: request.customer.clone(),
        client_ip,
        cost: i64::try_from(cost).unwrap_or(i64::MAX),
        limits,
        is_explained: request.explain,
        purpose: Purpose::Guard,
        sharing: None,
    })
}

struct Reading<'a> {
    at: &'a str,
    mistakes: Vec<FieldError>,
}

impl Reading<'_> {
    fn mistake(&mut self, pointer: &str, code: &'static str, message: impl Into<String>) {
        self.mistakes.push(FieldError::new(format!("{}{pointer}", self.at), code, message));
    }

    fn refused(&mut self, pointer: &str, refusal: Option<ValidationError>) {
        if let Some(refusal) = refusal {
            self.mistake(pointer, refusal.code, refusal.message);
        }
    }

    fn needed(&mut self, asked: Option<&NeededText>) -> Needed {
        match asked {
            None => Needed::All(Vec::new()),
            Some(NeededText::All(names)) => Needed::All(self.permissions(names, "/permissions")),
            Some(NeededText::Any { any }) => Needed::Any(self.permissions(any, "/permissions/any")),
        }
    }

    fn permissions(&mut self, names: &[String], pointer: &str) -> Vec<PermissionName> {
        let mut read = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            match PermissionName::parse(name) {
                Ok(name) => read.push(name),
                Err(refusal) => self.refused(&format!("{pointer}/{index}"), Some(refusal)),
            }
        }
        read
    }

    fn domain(&mut self, text: &str) -> Option<HostName> {
        match HostName::parse(text) {
            Ok(name) if name.is_wildcard() => {
                self.mistake("/domain", "wildcard", "A request is for one host, not for a wildcard.");
                None
            }
            Ok(name) => Some(name),
            Err(refusal) => {
                self.refused("/domain", Some(refusal));
                None
            }
        }
    }

    fn client_ip(&mut self, text: &str) -> Option<IpAddr> {
        match text.parse::<IpAddr>() {
            Ok(address) => Some(address.to_canonical()),
            Err(_) => {
                self.mistake("/client_ip", "address", "Send one IPv4 or IPv6 address, without port or zone.");
                None
            }
        }
    }

    fn limits(&mut self, asked: &[LimitText]) -> Vec<LimitAsked> {
        let mut read = Vec::with_capacity(asked.len());
        for (index, one) in asked.iter().enumerate() {
            let limit = self.limit(&format!("/limits/{index}"), one);
            read.push(LimitAsked { name: one.name.clone(), cost: one.cost, limit });
            if one.cost > COST_MAX {
                self.mistake(&format!("/limits/{index}/cost"), "range", "A request costs at most 1000000000.");
            }
            if asked[..index].iter().any(|earlier| earlier.name == one.name) {
                self.mistake(&format!("/limits/{index}/name"), "duplicate", "Name each limit once.");
            }
        }
        if read.iter().filter(|one| one.limit.is_some()).count() > LIMITS_MAX {
            self.mistake("/limits", "too-many", "Send at most 10 limits with numbers of their own.");
        }
        read
    }

    /// The numbers that come with a name, if they do.
    fn limit(&mut self, at: &str, asked: &LimitText) -> Option<Limit> {
        let (limit, window_ms) = match (asked.limit, asked.window_ms) {
            (None, None) => return None,
            (Some(limit), Some(window_ms)) => (limit, window_ms),
            (Some(_), None) | (None, Some(_)) => {
                self.mistake(at, "contradiction", "Send both limit and window_ms, or neither.");
                return None;
            }
        };
        self.refused(&format!("{at}/name"), Limit::check_name(&asked.name).err());
        match Rate::parse(limit, window_ms) {
            Ok(rate) => Some(rate.named(&asked.name)),
            Err(refusal) => {
                self.refused(at, Some(refusal));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Result<Asked, Vec<FieldError>> {
        read(&serde_json::from_str(json).unwrap(), "/requests/3")
    }

    #[test]
    fn every_mistake_is_named_where_it_was_made() {
        let mistakes = asked(
            r#"{"key":"x","permissions":{"any":["a.b","A.B"]},"domain":"*.shop.com","client_ip":"1.2.3.4:80",
                "cost":1000000001,"limits":[{"name":"a"},{"name":"a"}],"tags":[""]}"#,
        );
        let mut pointers: Vec<String> = mistakes.unwrap_err().into_iter().map(|mistake| mistake.pointer).collect();
        pointers.sort_unstable();
        let wanted = ["client_ip", "cost", "domain", "limits/1/name", "permissions/any/1", "tags/0"];
        assert_eq!(pointers, wanted.map(|pointer| format!("/requests/3/{pointer}")));
    }

    #[test]
    fn an_address_is_compared_in_its_plain_form() {
        let question = asked(r#"{"key":"x","client_ip":"::ffff:203.0.113.9"}"#).unwrap();
        assert_eq!(question.client_ip, "203.0.113.9".parse().ok());
        assert!(question.secret.is_err());
        assert_eq!(question.cost, 1);
    }

    mod fuzz {
        use domain::verify::Needed;
        use fuzzing::{Outcome, echo, fuzz, spoiled};
        use proptest::prelude::*;
        use server::json::parse_slice;

        use super::*;

        fn some_needed() -> impl Strategy<Value = String> {
            let name = prop_oneof![
                6 => "\"[a-z][a-z0-9_-]{0,9}\\.[a-z][a-z0-9_-]{0,9}\"",
                1 => "\"[a-zA-Z.*]{0,9}\"",
                1 => Just("\"*\"".to_owned()),
                1 => Just("null".to_owned()),
            ];
            let names = proptest::collection::vec(name, 0..5).prop_map(|names| format!("[{}]", names.join(",")));
            (0usize..6, names).prop_map(|(form, names)| match form {
                0 => format!("{{\"any\":{names}}}"),
                1 => format!("{{\"all\":{names}}}"),
                2 => format!("{{\"any\":{names},\"all\":{names}}}"),
                _ => names,
            })
        }

        /// The same expression, read off the plain JSON.
        fn plain(value: &serde_json::Value) -> Option<(bool, Vec<&str>)> {
            let (is_any, list) = match value.as_object() {
                None => (false, value),
                Some(members) if members.len() == 1 => (true, members.get("any")?),
                Some(_) => return None,
            };
            let names = list.as_array()?.iter().map(serde_json::Value::as_str).collect::<Option<Vec<_>>>()?;
            (!is_any || !names.is_empty()).then_some((is_any, names))
        }

        #[test]
        fn what_a_key_needs_is_exactly_what_the_question_says() {
            let texts = prop_oneof![some_needed(), spoiled(some_needed(), "[]{}:\",.*azny")];
            fuzz("needed permissions", texts, |text| {
                let body = format!("{{\"key\":\"x\",\"permissions\":{text}}}");
                let strict = parse_slice::<VerifyRequest>(body.as_bytes());
                if let Some(plain) = crate::plain::read(body.as_bytes()) {
                    let again =
                        strict.as_ref().ok().map(|request| serde_json::to_string(request).expect("a form is JSON"));
                    prop_assert_eq!(Some(serde_json::to_string(&plain).expect("a form is JSON")), again);
                }
                let Ok(request) = strict else { return Ok(Outcome::Refused) };
                // A spoiled expression can end early and let other members follow.
                let value: serde_json::Value = serde_json::from_str(&body).expect("it was just read");
                let (is_any, names) = match value.get("permissions") {
                    Some(permissions) => plain(permissions)
                        .ok_or_else(|| TestCaseError::fail(format!("{permissions} was taken for an expression")))?,
                    None => (false, Vec::new()),
                };
                match read(&request, "") {
                    Ok(asked) => {
                        let (was_any, read) = match asked.needed {
                            Needed::All(read) => (false, read),
                            Needed::Any(read) => (true, read),
                        };
                        prop_assert_eq!(was_any, is_any);
                        prop_assert_eq!(read.iter().map(PermissionName::as_str).collect::<Vec<_>>(), names);
                        Ok(Outcome::Accepted)
                    }
                    Err(mistakes) => {
                        prop_assert!(names.iter().any(|name| PermissionName::parse(name).is_err()));
                        let echoed = mistakes.iter().find_map(|mistake| echo(&mistake.message, &text));
                        prop_assert_eq!(echoed, None);
                        Ok(Outcome::Refused)
                    }
                }
            });
        }
    }
}
