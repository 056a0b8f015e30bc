//! What a document breaks of an older one.

use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Bounds that a request may not find tighter, with whether less is tighter.
const BOUNDS: [(&str, bool); 8] = [
    ("maximum", true),
    ("maxLength", true),
    ("maxItems", true),
    ("maxProperties", true),
    ("minimum", false),
    ("minLength", false),
    ("minItems", false),
    ("minProperties", false),
];

/// What the document `now` breaks of the frozen one.
pub fn broken(frozen: &Value, now: &Value) -> Vec<String> {
    let mut walk = Walk { frozen, now, seen: Vec::new(), broken: Vec::new() };
    for (path, item) in members(&frozen["paths"]) {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            let at = format!("{} {path}", method.to_uppercase());
            match now["paths"][path].get(method) {
                Some(operation) => walk.operation(&item[method], operation, &at),
                None => walk.broken.push(format!("{at} is gone")),
            }
        }
    }
    walk.broken
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Answer,
}

struct Walk<'d> {
    frozen: &'d Value,
    now: &'d Value,
    /// The pairs that are being compared, for schemas that hold themselves.
    seen: Vec<(*const Value, *const Value)>,
    broken: Vec<String>,
}

impl<'d> Walk<'d> {
    fn operation(&mut self, old: &'d Value, new: &'d Value, at: &str) {
        if old["operationId"] != new["operationId"] {
            self.broken.push(format!("{at}: its operationId is another"));
        }
        if old["security"] != new["security"] {
            self.broken.push(format!("{at}: its credential is another"));
        }
        self.parameters(items(&old["parameters"]), items(&new["parameters"]), at);
        match (old.get("requestBody"), new.get("requestBody")) {
            (Some(_), None) => self.broken.push(format!("{at} takes no body any more")),
            (None, Some(body)) if body["required"] == true => self.broken.push(format!("{at} needs a body")),
            (Some(old), Some(new)) => {
                if new["required"] == true && old["required"] != true {
                    self.broken.push(format!("{at} needs a body"));
                }
                self.schema(schema_of(old), schema_of(new), Way::Request, &format!("{at} body"));
            }
            (None, _) => {}
        }
        for (status, answer) in members(&old["responses"]).filter(|(status, _)| status.starts_with('2')) {
            let Some(now) = new["responses"].get(status) else {
                self.broken.push(format!("{at} answers no {status} any more"));
                continue;
            };
            for (name, _) in members(&answer["headers"]).filter(|(name, _)| now["headers"].get(*name).is_none()) {
                self.broken.push(format!("{at} {status}: the header {name} is gone"));
            }
            self.schema(schema_of(answer), schema_of(now), Way::Answer, &format!("{at} {status}"));
        }
    }

    fn parameters(&mut self, old: &'d [Value], new: &'d [Value], at: &str) {
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in old {
            let name = format!("{at} {}", parameter["name"].as_str().unwrap_or_default());
            match new.iter().find(|other| same(parameter, other)) {
                Some(now) => {
                    if now["required"] == true && parameter["required"] != true {
                        self.broken.push(format!("{name} is required"));
                    }
                    self.schema(&parameter["schema"], &now["schema"], Way::Request, &name);
                }
                None => self.broken.push(format!("{name} is gone")),
            }
        }
        for parameter in new.iter().filter(|one| one["required"] == true && !old.iter().any(|other| same(one, other))) {
            self.broken.push(format!("{at} needs {}", parameter["name"].as_str().unwrap_or_default()));
        }
    }

    fn schema(&mut self, old: &'d Value, new: &'d Value, way: Way, at: &str) {
        let (old, new) = (resolved(self.frozen, old), resolved(self.now, new));
        let pair: (*const Value, *const Value) = (old, new);
        if self.seen.contains(&pair) {
            return;
        }
        self.seen.push(pair);
        match (alternatives(old), alternatives(new)) {
            (None, None) => self.plain(old, new, way, at),
            (Some(olds), Some(news)) => match way {
                Way::Request => olds.iter().for_each(|one| self.one_of(one, news, way, at)),
                // An answer may be of fewer kinds, not of more.
                Way::Answer => {
                    let is_known = |new: &&Value| olds.iter().any(|old| self.fits(old, new, way));
                    if !news.iter().collect::<Vec<_>>().iter().all(is_known) {
                        self.broken.push(format!("{at}: it may be of a kind that it was not"));
                    }
                }
            },
            (None, Some(news)) if way == Way::Request => self.one_of(old, news, way, at),
            (None, Some(_)) => self.broken.push(format!("{at}: it may be of a kind that it was not")),
            (Some(_), None) if way == Way::Request => self.broken.push(format!("{at}: it takes fewer kinds")),
            (Some(olds), None) => {
                if !olds.iter().any(|one| self.fits(one, new, way)) {
                    self.broken.push(format!("{at}: it is of a kind that it was not"));
                }
            }
        }
        self.seen.pop();
    }

    fn one_of(&mut self, old: &'d Value, news: &'d [Value], way: Way, at: &str) {
        if !news.iter().any(|new| self.fits(old, new, way)) {
            self.broken.push(format!("{at}: it no longer takes what it took"));
        }
    }

    fn fits(&self, old: &'d Value, new: &'d Value, way: Way) -> bool {
        let mut walk = Walk { frozen: self.frozen, now: self.now, seen: self.seen.clone(), broken: Vec::new() };
        walk.schema(old, new, way, "");
        walk.broken.is_empty()
    }

    fn plain(&mut self, old: &'d Value, new: &'d Value, way: Way, at: &str) {
        if is_nothing(old) && is_nothing(new) {
            return;
        }
        if old["type"] != new["type"] && !(way == Way::Request && new.get("type").is_none()) {
            return self.broken.push(format!("{at}: its type is another"));
        }
        let (was_null, is_null) = (old["nullable"] == true, new["nullable"] == true);
        if (way == Way::Request && was_null && !is_null) || (way == Way::Answer && is_null && !was_null) {
            self.broken.push(format!("{at}: whether it may be null is another"));
        }
        let words = items(&new["enum"]);
        for word in items(&old["enum"]).iter().filter(|word| !words.is_empty() && !words.contains(word)) {
            self.broken.push(format!("{at}: the word {word} is gone"));
        }
        if way == Way::Request {
            self.request_bounds(old, new, at);
        }
        if old.get("items").is_some() {
            self.schema(&old["items"], &new["items"], way, &format!("{at}[]"));
        }
        self.members_of(old, new, way, at);
    }

    fn request_bounds(&mut self, old: &Value, new: &Value, at: &str) {
        for (bound, less_is_tighter) in BOUNDS {
            let Some(now) = new[bound].as_f64() else { continue };
            let is_tighter = old[bound].as_f64().is_none_or(|was| if less_is_tighter { now < was } else { now > was });
            if is_tighter && (now > 0.0 || less_is_tighter) {
                self.broken.push(format!("{at}: {bound} is tighter"));
            }
        }
        for rule in ["pattern", "format"] {
            if new.get(rule).is_some() && new.get(rule) != old.get(rule) {
                self.broken.push(format!("{at}: {rule} is another"));
            }
        }
        if new["enum"].is_array() && !old["enum"].is_array() {
            self.broken.push(format!("{at}: it takes words of a list alone"));
        }
        if new["additionalProperties"] == false && old["additionalProperties"] != false {
            self.broken.push(format!("{at}: it takes no other members"));
        }
    }

    fn members_of(&mut self, old: &'d Value, new: &'d Value, way: Way, at: &str) {
        for (name, member) in members(&old["properties"]) {
            match new["properties"].get(name) {
                Some(now) => self.schema(member, now, way, &format!("{at}.{name}")),
                None => self.broken.push(format!("{at}.{name} is gone")),
            }
        }
        let (was, is) = (items(&old["required"]), items(&new["required"]));
        let (more, fewer) = if way == Way::Request { (is, was) } else { (was, is) };
        for name in more.iter().filter(|name| !fewer.contains(name)) {
            let change = if way == Way::Request { "is required" } else { "need not be there any more" };
            self.broken.push(format!("{at}.{} {change}", name.as_str().unwrap_or_default()));
        }
    }
}

fn resolved<'d>(document: &'d Value, mut schema: &'d Value) -> &'d Value {
    loop {
        let alone = items(&schema["allOf"]).first().filter(|_| items(&schema["allOf"]).len() == 1);
        let reference = alone.unwrap_or(schema)["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
        match reference.and_then(|pointer| document.pointer(pointer)) {
            Some(found) => schema = found,
            None => return schema,
        }
    }
}

fn alternatives(schema: &Value) -> Option<&[Value]> {
    let found = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    Some(found)
}

/// `null` alone, whatever it is said with.
fn is_nothing(schema: &Value) -> bool {
    items(&schema["enum"]) == [Value::Null]
}

fn schema_of(place: &Value) -> &Value {
    &place["content"]["application/json"]["schema"]
}

fn items(place: &Value) -> &[Value] {
    place.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn members(place: &Value) -> impl Iterator<Item = (&str, &Value)> {
    place.as_object().into_iter().flat_map(Map::iter).map(|(name, member)| (name.as_str(), member))
}
