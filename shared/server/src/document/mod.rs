//! The published document, completed: what the framework writes of the code, made into what readers and generators of clients
//! need.

mod close;
mod examples;
mod members;
mod mend;
mod responses;

use serde_json::{Value, json};

pub use examples::Examples;
pub use members::Member;
pub use responses::Headers;

const COMPONENTS: &str = "#/components/schemas/";

/// What a service knows of its document that the framework does not.
#[derive(Debug)]
pub struct Completion<'a> {
    /// Answers whose members are `null` or absent when they have nothing to say.
    pub nullable_answers: &'a [&'a str],
    /// What is said of single members.
    pub members: Vec<Member>,
    /// What answers come with.
    pub headers: Headers<'a>,
    /// A real request and a real answer of each operation.
    pub examples: Examples,
}

/// The document as it is served and committed, from what the framework wrote.
pub fn complete(mut document: Value, completion: &Completion<'_>) -> String {
    completion.nullable_answers.iter().for_each(|name| allow_null(&mut document, name));
    mend::mend(&mut document);
    close::close_request_objects(&mut document);
    members::of_problems().iter().chain(&completion.members).for_each(|member| member.say(&mut document));
    responses::complete(&mut document, completion.headers);
    mend::prune(&mut document);
    completion.examples.show(&mut document);
    document["info"]["contact"] = json!({"name": "Claviger", "url": "https://docs.claviger.dev"});
    document["info"]["license"] = json!({"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"});
    document["servers"] = json!([{"url": "/", "description": "The environment that serves this document."}]);
    document["openapi"] = json!("3.0.3");
    let mut text = serde_json::to_string_pretty(&document).expect("a value is written");
    text.push('\n');
    text
}

/// Lets every member of an answer be `null` that need not be there.
fn allow_null(document: &mut Value, name: &str) {
    let schema = &mut document["components"]["schemas"][name];
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (member, schema) in schema["properties"].as_object_mut().into_iter().flatten() {
        if required.iter().any(|name| name == member.as_str()) {
            continue;
        }
        if schema["$ref"].is_string() {
            *schema = json!({"allOf": [schema.take()]});
        }
        schema["nullable"] = Value::Bool(true);
    }
}

/// A reference to a schema of the document.
pub fn reference_to(name: &str) -> Value {
    json!({"$ref": format!("{COMPONENTS}{name}")})
}
