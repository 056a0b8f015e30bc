//! A change of a role holds on the next request of every key that has it, on every replica.

use domain::environment::Environment;
use serde_json::{Value, json};
use testkit::World;

use crate::asking::{about, assert_all, verdicts, verify};

const REFUSED: &str = "INSUFFICIENT_PERMISSIONS";

fn about_permission(secret: &str, permission: &str) -> Value {
    let mut question = about(secret);
    question["permissions"] = json!([permission]);
    question
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_role_holds_on_the_next_request_everywhere() {
    let world = World::builder().replicas(2).start().await;
    let (environment, api) = (world.environment(Environment::Production), world.api(Environment::Production));
    let (root, roles) = (api.root_key(), api.path(world.acme, "roles"));
    let body = json!({"name": "Desk", "permissions": ["documents.read", "keys.read"]});
    let role = root.post(&roles, &body).await.expect(201);
    let (id, path) = (role.text("/id"), format!("{roles}/{}", role.text("/id")));
    let mut secrets = Vec::new();
    for number in 0..3 {
        let made = api.create_key(&json!({"name": format!("desk {number}"), "roles": ["desk"]})).await;
        secrets.push(made.text("/secret").to_owned());
    }
    let neighbour = api.create_key(&json!({"name": "neighbour", "permissions": ["documents.read"]})).await;
    let all = async |permission: &str, expected: &str| {
        for secret in &secrets {
            assert_all(&verdicts(environment, &about_permission(secret, permission)).await, expected);
        }
        let neighbour = about_permission(neighbour.text("/secret"), "documents.read");
        assert_all(&verdicts(environment, &neighbour).await, "VALID");
    };
    let keys = api.path(world.acme, "keys");
    let change = async |body: Value| root.patch(&path, "*", &body).await.expect(200);
    for _ in 0..3 {
        all("documents.read", "VALID").await;
        api.with(&secrets[0]).get(&keys).await.expect(200);
        change(json!({"permissions": ["documents.write"]})).await;
        all("documents.read", REFUSED).await;
        api.with(&secrets[0]).get(&keys).await.expect(403);
        all("documents.write", "VALID").await;
        change(json!({"permissions": ["documents.read", "keys.read"]})).await;
    }
    let told = verify(&environment.keys[1], &about(&secrets[0])).await;
    assert_eq!(told["roles"], json!([{"id": id, "name": "Desk"}]));
    change(json!({"name": "Counter"})).await;
    for replica in &environment.keys {
        assert_eq!(verify(replica, &about(&secrets[0])).await["roles"][0]["name"], "Counter");
    }
    // The organization gives the permission up, and later the role.
    root.delete(&api.path(world.acme, "permissions/documents.read")).await.expect(200);
    for secret in &secrets {
        assert_all(&verdicts(environment, &about_permission(secret, "documents.read")).await, REFUSED);
        assert_all(&verdicts(environment, &about_permission(secret, "keys.read")).await, "VALID");
    }
    root.delete(&path).await.expect(200);
    root.post(&roles, &json!({"name": "Counter", "permissions": ["keys.read"]})).await.expect(201);
    for secret in &secrets {
        assert_all(&verdicts(environment, &about_permission(secret, "keys.read")).await, REFUSED);
        assert_eq!(verify(&environment.keys[0], &about(secret)).await["roles"], json!([]));
    }
}
