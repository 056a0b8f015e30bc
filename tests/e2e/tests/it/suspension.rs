//! A suspended organization or customer is refused everywhere, and nobody else is; resumed, it is as before.

use domain::environment::Environment;
use serde_json::json;
use testkit::World;

use crate::asking::{about, assert_all, verdicts, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_organization_is_refused_and_resumes_unchanged() {
    let world = World::builder().replicas(3).start().await;
    let (environment, api) = (world.environment(Environment::Production), world.api(Environment::Production));
    let root = api.root_key();
    let revoked = api.create_key(&json!({"name": "revoked before"})).await;
    root.post_empty(&api.path(world.acme, &format!("keys/{}/revoke", revoked.text("/key/id")))).await.expect(200);
    let own = api.create_key(&json!({"name": "of the application", "permissions": ["documents.read"]})).await;
    let (own, revoked) = (about(own.text("/secret")), about(revoked.text("/secret")));
    let full = about(&environment.organization_key);

    for round in 0..3 {
        let suspended = root.post_empty("/v1/organizations/acme/suspend").await.expect(200);
        assert_eq!(suspended.text("/status"), "suspended");
        for question in [&own, &full, &revoked] {
            assert_all(&verdicts(environment, question).await, "SUSPENDED");
        }
        assert_eq!(verify(&environment.keys[1], &own).await["reason"], "ORGANIZATION_SUSPENDED");
        let guest = api.organization_key();
        for path in ["/v1/whoami", "/v1/organizations/acme/keys", "/v1/organizations/acme"] {
            assert_eq!(guest.get(path).await.expect(403).code(), "suspended");
        }
        let new = json!({"name": "while suspended"});
        assert_eq!(guest.post("/v1/organizations/acme/keys", &new).await.expect(403).code(), "suspended");
        let asked = api.other_organization().post("/v1/keys/verify", &own).await.expect(200);
        assert_eq!(asked.text("/verdict"), "NOT_FOUND", "what happens to others is none of its business");
        assert_eq!(root.post("/v1/keys/verify", &own).await.expect(200).text("/verdict"), "SUSPENDED");

        // The neighbours.
        assert_all(&verdicts(environment, &about(&environment.other_organization_key)).await, "VALID");
        api.other_organization().get("/v1/whoami").await.expect(200);
        root.get("/v1/organizations/acme/keys").await.expect(200);
        let staging = world.environment(Environment::Staging);
        assert_all(&verdicts(staging, &about(&staging.organization_key)).await, "VALID");

        assert_eq!(root.post_empty("/v1/organizations/acme/resume").await.expect(200).text("/status"), "active");
        for question in [&own, &full] {
            assert_all(&verdicts(environment, question).await, "VALID");
        }
        assert_all(&verdicts(environment, &revoked).await, "REVOKED");
        assert_eq!(
            guest.get("/v1/whoami").await.expect(200).text("/organization_id"),
            world.acme.to_string(),
            "{round}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_customer_is_refused_and_its_organization_not() {
    let world = World::builder().replicas(3).start().await;
    let (environment, api) = (world.environment(Environment::Development), world.api(Environment::Development));
    let caller = api.organization_key();
    for external_id in ["northwind", "initech"] {
        let body = json!({"name": external_id, "external_id": external_id});
        caller.post("/v1/organizations/acme/customers", &body).await.expect(201);
    }
    let own = api.create_key(&json!({"name": "northwind's", "customers": ["northwind"]})).await;
    let both = api.create_key(&json!({"name": "of both", "customers": ["northwind", "initech"]})).await;
    let general = api.create_key(&json!({"name": "of all"})).await;
    let for_customer = |secret: &str, customer: &str| json!({"key": secret, "customer": customer});
    let refused = [
        about(own.text("/secret")),
        for_customer(both.text("/secret"), "northwind"),
        for_customer(general.text("/secret"), "northwind"),
    ];
    let accepted = [
        for_customer(both.text("/secret"), "initech"),
        for_customer(general.text("/secret"), "initech"),
        about(general.text("/secret")),
    ];
    for _ in 0..3 {
        caller.post_empty("/v1/organizations/acme/customers/northwind/suspend").await.expect(200);
        for question in &refused {
            assert_all(&verdicts(environment, question).await, "SUSPENDED");
            assert_eq!(verify(&environment.keys[2], question).await["reason"], "CUSTOMER_SUSPENDED");
        }
        for question in &accepted {
            assert_all(&verdicts(environment, question).await, "VALID");
        }
        caller.post_empty("/v1/organizations/acme/customers/northwind/resume").await.expect(200);
        for question in refused.iter().chain(&accepted) {
            assert_all(&verdicts(environment, question).await, "VALID");
        }
    }
}
