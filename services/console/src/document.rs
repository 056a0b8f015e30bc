//! The document of the console's own operations: what the framework writes, with who may use each and what it asks for.

use serde_json::{Value, json};

use crate::operation::{Descriptor, SCHEME, Who};
use crate::resources::ROUTES;

/// The document as `claviger openapi console` prints it.
pub fn openapi(generated: &str) -> String {
    let mut document: Value = serde_json::from_str(generated).expect("the framework writes JSON");
    let paths = document["paths"].as_object_mut().expect("a document has paths");
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|methods| methods.values_mut()) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        let route = ROUTES.iter().find(|route| route.operation.id == id).expect("every handler is in the table");
        complete(operation, route.operation);
    }
    let mut text = serde_json::to_string_pretty(&document).expect("a value is written");
    text.push('\n');
    text
}

/// Says who may, and takes away the mark of the operation, which is no security scheme.
fn complete(operation: &mut Value, row: &Descriptor) {
    if let Some(schemes) = operation["security"].as_array_mut() {
        schemes.retain(|scheme| scheme.get(SCHEME).is_some());
    }
    let who = match row.who {
        Who::SignedIn => "signed-in",
        Who::Members => "members",
        Who::Managers => "owners-and-admins",
        Who::ServerAdmins => "server-admins",
    };
    operation["x-who"] = json!(who);
    operation["x-step-up"] = json!(row.needs_step_up);
    let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let paging: &[&str] = if row.is_paged { &["limit", "cursor"] } else { &[] };
    let query = paging.iter().chain(row.query);
    parameters.extend(query.map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}})));
    operation["parameters"] = Value::Array(parameters);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_documented_with_who_may_use_it() {
        let document: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
        for route in ROUTES.iter() {
            let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
            assert_eq!(operation["operationId"], route.operation.id, "{} {}", route.method, route.path);
            assert!(operation["x-who"].is_string() && operation["x-step-up"].is_boolean(), "{}", route.path);
        }
    }
}
