//! Production, staging and development are worlds of their own.

use domain::environment::Environment;
use serde_json::json;
use testkit::World;

#[tokio::test]
async fn a_key_of_one_environment_is_nothing_in_another() {
    let world = World::start().await;
    for home in Environment::ALL {
        let secret = world.environment(home).organization_key.clone();
        for elsewhere in Environment::ALL.into_iter().filter(|other| *other != home) {
            let refused = world.api(elsewhere).with(&secret).get("/v1/whoami").await.expect(401);
            assert_eq!(refused.code(), "wrong-environment", "{home} in {elsewhere}");
            let answer = world.keys(elsewhere).post("/v1/keys/verify", &json!({"key": secret})).await.expect(200);
            assert_eq!(answer.text("/verdict"), "WRONG_ENVIRONMENT");
            let token = world.keys(home).secret();
            let crossed = world.keys(elsewhere).with(token).post("/v1/keys/verify", &json!({"key": secret})).await;
            crossed.expect(401);
        }
        world.api(home).with(&secret).get("/v1/whoami").await.expect(200);
    }
}

#[tokio::test]
async fn what_is_made_in_one_environment_is_in_no_other() {
    let world = World::start().await;
    let body = json!({"name": "Northwind", "external_id": "northwind"});
    let staging = world.api(Environment::Staging).organization_key();
    staging.post("/v1/organizations/acme/customers", &body).await.expect(201);
    staging.get("/v1/organizations/acme/customers/northwind").await.expect(200);
    let production = world.api(Environment::Production).organization_key();
    production.get("/v1/organizations/acme/customers/northwind").await.expect(404);
}
