//! Within `/v1` nothing is taken away: each published document keeps what its frozen copy promises.
//!
//! A frozen copy is the document without what only people read. A request that fitted must fit, and an answer must have what it
//! had; whoever reads answers has to expect more members and more words.

mod compare;

use serde_json::Value;

pub use self::compare::broken;
use crate::{Finding, Tree};

const FROZEN: &str = "/openapi-frozen.json";
/// What only people read.
const TOLD: [&str; 8] = ["description", "summary", "example", "title", "tags", "info", "servers", "x-enum-varnames"];

/// What a document no longer keeps of its frozen copy, and what the copy does not know yet.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in tree.ending(FROZEN) {
        let read = |path: &str| serde_json::from_str(&tree.text(path).unwrap_or_default()).unwrap_or_default();
        let (frozen, now): (Value, Value) = (read(path), read(&path.replace(FROZEN, "/openapi.json")));
        let broken = broken(&frozen, &now);
        if broken.is_empty() && frozen != freeze(now) {
            found.push(Finding::of(path, "the document has more: run `make fix`, which freezes it"));
        }
        found.extend(broken.into_iter().map(|what| Finding::of(path, what)));
    }
    found
}

/// The frozen copy of a document.
pub fn freeze(mut document: Value) -> Value {
    strip(&mut document, "");
    document
}

fn strip(place: &mut Value, at: &str) {
    match place {
        Value::Object(members) => {
            // A member of a body may be called `title`.
            if at != "properties" {
                members.retain(|name, _| !TOLD.contains(&name.as_str()));
            }
            members.iter_mut().for_each(|(name, member)| strip(member, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, "")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A document with one operation and one schema for both ways.
    fn document(request: Value, answer: Value) -> Value {
        let content =
            |name: &str| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        json!({
            "info": {"title": "t"},
            "paths": {"/v1/keys": {"post": {
                "operationId": "create_key",
                "description": "told",
                "parameters": [{"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["a", "b"]}}],
                "requestBody": {"required": true, "content": content("New")},
                "responses": {"201": {"headers": {"ETag": {}}, "content": content("Key")}}
            }}},
            "components": {"schemas": {"New": request, "Key": answer}}
        })
    }

    fn object(properties: Value, required: Value) -> Value {
        json!({"type": "object", "properties": properties, "required": required})
    }

    fn usual() -> Value {
        let request = object(
            json!({
                "name": {"type": "string", "maxLength": 100},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "ips": {"oneOf": [{"type": "string", "enum": ["all"]}, {"type": "array", "items": {"type": "string"}}]},
                "inner": {"allOf": [{"$ref": "#/components/schemas/New"}]},
            }),
            json!(["name"]),
        );
        let answer = object(
            json!({"id": {"type": "string"}, "note": {"type": "string", "nullable": true}}),
            json!(["id", "note"]),
        );
        document(request, answer)
    }

    fn after(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut now = usual();
        change(&mut now);
        broken(&freeze(usual()), &now)
    }

    #[test]
    fn published_documents_keep_their_promises() {
        let tree = Tree::repository();
        assert!(tree.ending(FROZEN).count() > 1, "both documents are frozen");
        if std::env::var_os("CLAVIGER_UPDATE").is_some() {
            extend(&tree);
        }
        crate::tree::planted::assert_kept(check);
    }

    /// Freezes what is new, of documents that break nothing.
    fn extend(tree: &Tree) {
        for path in tree.ending(FROZEN) {
            let read = |path: &str| serde_json::from_str(&tree.text(path).unwrap_or_default()).unwrap_or_default();
            let (frozen, now): (Value, Value) = (read(path), read(&path.replace(FROZEN, "/openapi.json")));
            if broken(&frozen, &now).is_empty() {
                let own = std::env::var("CARGO_MANIFEST_DIR").unwrap();
                let text = serde_json::to_string_pretty(&freeze(now)).unwrap() + "\n";
                std::fs::write(std::path::Path::new(&own).join("../..").join(path), text).unwrap();
            }
        }
    }

    #[test]
    fn what_only_adds_breaks_nothing() {
        assert_eq!(after(|_| ()), Vec::<String>::new());
        let found = after(|now| {
            now["paths"]["/v1/keys"]["get"] = json!({});
            let add = |place: &mut Value, item: Value| place.as_array_mut().unwrap().push(item);
            let parameters = &mut now["paths"]["/v1/keys"]["post"]["parameters"];
            add(parameters, json!({"name": "more", "in": "query", "schema": {}}));
            let schemas = &mut now["components"]["schemas"];
            schemas["New"]["properties"]["more"] = json!({"type": "string"});
            schemas["New"]["properties"]["name"]["maxLength"] = json!(200);
            schemas["New"]["properties"]["kind"]["enum"] = json!(["a", "b", "c"]);
            add(&mut schemas["New"]["properties"]["ips"]["oneOf"], json!({"type": "integer"}));
            schemas["Key"]["properties"]["more"] = json!({"type": "string"});
        });
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn what_takes_away_is_found() {
        let post = "/paths/~1v1~1keys/post";
        let new = "/components/schemas/New";
        let key = "/components/schemas/Key";
        let remove = |place: String, name: &'static str| {
            after(move |now| drop(now.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(name)))
        };
        let set = |place: String, value: Value| after(move |now| *now.pointer_mut(&place).unwrap() = value);
        for (found, expected) in [
            (remove("/paths/~1v1~1keys".to_owned(), "post"), "POST /v1/keys is gone"),
            (remove(format!("{post}/responses/201/headers"), "ETag"), "POST /v1/keys 201: the header ETag is gone"),
            (remove(format!("{new}/properties"), "kind"), "POST /v1/keys body.kind is gone"),
            (remove(format!("{key}/properties"), "note"), "POST /v1/keys 201.note is gone"),
            (set(format!("{post}/operationId"), json!("make")), "POST /v1/keys: its operationId is another"),
            (
                set(format!("{post}/parameters/0/schema/enum"), json!(["a"])),
                "POST /v1/keys sort: the word \"b\" is gone",
            ),
            (set(format!("{new}/required"), json!(["name", "kind"])), "POST /v1/keys body.kind is required"),
            (
                set(format!("{new}/properties/name/maxLength"), json!(10)),
                "POST /v1/keys body.name: maxLength is tighter",
            ),
            (
                set(format!("{new}/properties/name"), json!({"type": "integer"})),
                "POST /v1/keys body.name: its type is another",
            ),
            (
                set(format!("{new}/properties/ips/oneOf"), json!([{"type": "string", "enum": ["all"]}])),
                "POST /v1/keys body.ips: it no longer takes what it took",
            ),
            (set(format!("{key}/required"), json!(["id"])), "POST /v1/keys 201.note need not be there any more"),
            (
                set(format!("{key}/properties/id"), json!({"type": "string", "nullable": true})),
                "POST /v1/keys 201.id: whether it may be null is another",
            ),
        ] {
            assert_eq!(found.first().map(String::as_str), Some(expected), "{found:?}");
        }
    }

    #[test]
    fn a_copy_that_lacks_what_is_published_is_found() {
        let mut more = usual();
        more["components"]["schemas"]["Key"]["properties"]["more"] = json!({"type": "string"});
        let (frozen, now) = (freeze(usual()).to_string(), more.to_string());
        let files = [("services/a/openapi-frozen.json", frozen.as_str()), ("services/a/openapi.json", now.as_str())];
        let found = crate::tree::planted::findings(check, &files);
        assert_eq!(found, ["services/a/openapi-frozen.json: the document has more: run `make fix`, which freezes it"]);
    }
}
