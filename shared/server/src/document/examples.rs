//! A real request and a real answer of each operation, in files that a test sends to a running installation.

use serde_json::Value;

/// The examples of a service, by operation.
#[derive(Debug)]
pub struct Examples {
    requests: Value,
    answers: Value,
}

impl Examples {
    /// Reads the two files.
    ///
    /// Panics where they are not JSON: before a process answers anybody, and in every test.
    pub fn read(requests: &str, answers: &str) -> Self {
        let read = |text| serde_json::from_str(text).expect("the examples are JSON");
        Self { requests: read(requests), answers: read(answers) }
    }

    /// Puts each beside its schema.
    pub(super) fn show(&self, document: &mut Value) {
        for item in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
            for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                let body = operation.pointer_mut("/requestBody/content/application~1json");
                put(body, self.requests.get(&id));
                let answers = operation["responses"].as_object_mut().into_iter().flatten();
                for (_, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
                    put(answer.pointer_mut("/content/application~1json"), self.answers.get(&id));
                }
            }
        }
    }
}

fn put(content: Option<&mut Value>, example: Option<&Value>) {
    if let (Some(content), Some(example)) = (content, example) {
        content["example"] = example.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_example_stands_beside_its_schema() {
        let mut document = json!({"paths": {"/a": {"post": {
            "operationId": "make",
            "requestBody": {"content": {"application/json": {"schema": {}}}},
            "responses": {"200": {"content": {"application/json": {"schema": {}}}}, "default": {"$ref": "#/x"}}
        }}}});
        Examples::read(r#"{"make": {"a": 1}}"#, r#"{"make": {"b": 2}, "other": {}}"#).show(&mut document);
        let operation = &document["paths"]["/a"]["post"];
        assert_eq!(operation["requestBody"]["content"]["application/json"]["example"], json!({"a": 1}));
        assert_eq!(operation["responses"]["200"]["content"]["application/json"]["example"], json!({"b": 2}));
        assert_eq!(operation["responses"]["default"], json!({"$ref": "#/x"}));
    }
}
