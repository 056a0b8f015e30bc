//! A question as it came, read into what the checks work with; every mistake is named.

use std::net::IpAddr;

use client::wire::{
    COST_MAX, LimitAsked as LimitText, NEEDED_DEPTH_MAX, NEEDED_MAX, Needed as NeededText, NeededGroup, NeededPart,
    VerifyRequest,
};
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
        let mut names = 0;
        let needed = match asked {
            None => Needed::All(Vec::new()),
            Some(NeededText::Each(parts)) => Needed::All(self.parts(parts, "/permissions", (1, &mut names))),
            Some(NeededText::Group(group)) => self.group(group, "/permissions", (1, &mut names)),
        };
        if names > NEEDED_MAX {
            self.mistake("/permissions", "too-many", format!("Name at most {NEEDED_MAX} permissions."));
        }
        needed
    }

    fn group(&mut self, group: &NeededGroup, pointer: &str, (depth, names): (usize, &mut usize)) -> Needed {
        let (word, parts) = match group {
            NeededGroup::All(parts) => ("all", parts),
            NeededGroup::Any(parts) => ("any", parts),
        };
        if depth > NEEDED_DEPTH_MAX {
            self.mistake(pointer, "too-deep", format!("Put groups in one another to a depth of {NEEDED_DEPTH_MAX}."));
            return Needed::Any(Vec::new());
        }
        let pointer = format!("{pointer}/{word}");
        if parts.is_empty() {
            self.mistake(&pointer, "too-few", "Send at least 1 items.");
        }
        let parts = self.parts(parts, &pointer, (depth, names));
        match group {
            NeededGroup::All(_) => Needed::All(parts),
            NeededGroup::Any(_) => Needed::Any(parts),
        }
    }

    fn parts(&mut self, parts: &[NeededPart], pointer: &str, (depth, names): (usize, &mut usize)) -> Vec<Needed> {
        let mut read = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let at = || format!("{pointer}/{index}");
            match part {
                NeededPart::Group(group) => read.push(self.group(group, &at(), (depth + 1, names))),
                NeededPart::Name(name) => {
                    *names += 1;
                    match PermissionName::parse(name) {
                        Ok(name) => read.push(Needed::One(name)),
                        Err(refusal) => self.refused(&at(), Some(refusal)),
                    }
                }
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
            let list = |part: BoxedStrategy<String>| {
                proptest::collection::vec(part, 0..4).prop_map(|parts| format!("[{}]", parts.join(",")))
            };
            let groups = name.boxed().prop_recursive(5, 40, 4, move |part| {
                (0usize..8, list(part)).prop_map(|(form, parts)| match form {
                    0..=3 => format!("{{\"any\":{parts}}}"),
                    4..=6 => format!("{{\"all\":{parts}}}"),
                    _ => format!("{{\"any\":{parts},\"all\":{parts}}}"),
                })
            });
            prop_oneof![1 => groups.clone(), 1 => list(groups.boxed())]
        }

        /// The same expression, read off the plain JSON; `None` where it is none.
        fn plain(value: &serde_json::Value, depth: usize) -> Option<Needed> {
            if let Some(name) = value.as_str() {
                return (depth > 1).then(|| PermissionName::parse(name).ok().map(Needed::One)).flatten();
            }
            let parts = |list: &serde_json::Value| -> Option<Vec<Needed>> {
                list.as_array()?.iter().map(|part| plain(part, depth + 1)).collect()
            };
            if value.is_array() {
                return (depth == 1).then(|| parts(value).map(Needed::All)).flatten();
            }
            let members = value.as_object().filter(|members| members.len() == 1 && depth <= NEEDED_DEPTH_MAX)?;
            let (word, list) = members.iter().next()?;
            let parts = parts(list).filter(|parts| !parts.is_empty())?;
            match word.as_str() {
                "all" => Some(Needed::All(parts)),
                "any" => Some(Needed::Any(parts)),
                _ => None,
            }
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
                let value = serde_json::from_str::<serde_json::Value>(&body).ok();
                // A spoiled expression can end early and let other members follow.
                let said = match value.as_ref().map(|value| value.get("permissions")) {
                    Some(Some(permissions)) => plain(permissions, 1),
                    Some(None) => Some(Needed::All(Vec::new())),
                    None => None,
                };
                let Ok(request) = strict else { return Ok(Outcome::Refused) };
                match read(&request, "") {
                    Ok(asked) => {
                        prop_assert_eq!(Some(asked.needed), said);
                        Ok(Outcome::Accepted)
                    }
                    Err(mistakes) => {
                        prop_assert_eq!(said, None, "{:?}", mistakes);
                        let echoed = mistakes.iter().find_map(|mistake| echo(&mistake.message, &text));
                        prop_assert_eq!(echoed, None);
                        Ok(Outcome::Refused)
                    }
                }
            });
        }
    }

    #[test]
    fn groups_are_read_to_a_depth_of_four_and_a_hundred_names() {
        let needed = |text: &str| asked(&format!(r#"{{"key":"x","permissions":{text}}}"#)).map(|asked| asked.needed);
        let pointers = |text: &str| {
            let mistakes = needed(text).unwrap_err();
            mistakes.into_iter().map(|mistake| format!("{} {}", mistake.pointer, mistake.code)).collect::<Vec<_>>()
        };
        assert!(needed(r#"["a.b",{"any":["c.d",{"all":["e.f",{"any":["g.h"]}]}]}]"#).is_ok());
        assert_eq!(
            pointers(r#"{"any":[{"all":[{"any":[{"all":[{"any":["a.b"]}]}]}]}]}"#),
            ["/requests/3/permissions/any/0/all/0/any/0/all/0 too-deep"]
        );
        assert_eq!(
            pointers(r#"[{"any":[{"all":["a.b","A"]}]}]"#),
            ["/requests/3/permissions/0/any/0/all/1 permission"]
        );
        assert_eq!(pointers(r#"{"any":[]}"#), ["/requests/3/permissions/any too-few"]);
        let names = vec![r#""a.b""#; 60].join(",");
        assert_eq!(pointers(&format!(r#"[{names},{{"any":[{names}]}}]"#)), ["/requests/3/permissions too-many"]);
    }
}
