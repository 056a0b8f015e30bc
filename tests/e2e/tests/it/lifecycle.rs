//! The life of a key, as its organization and whoever it guards see it.

use domain::environment::Environment::Production;
use serde_json::{Value, json};
use testkit::{Answer, World};

async fn verify(world: &World, key: &str) -> Answer {
    world.keys(Production).post("/v1/keys/verify", &json!({"key": key})).await.expect(200)
}

async fn verdict(world: &World, key: &str) -> String {
    verify(world, key).await.text("/verdict").to_owned()
}

#[tokio::test]
async fn a_key_is_made_used_up_rotated_revoked_and_never_valid_again() {
    let world = World::start().await;
    let organization = world.api(Production).organization_key();
    let limits = json!([{"name": "requests", "limit": 3, "window_ms": 600_000}]);
    let body = json!({"name": "story", "permissions": ["documents.read"], "limits": limits});
    let made = organization.post("/v1/organizations/acme/keys", &body).await.expect(201);
    let (key, first) = (made.text("/key/id").to_owned(), made.text("/secret").to_owned());
    let path = format!("/v1/organizations/acme/keys/{key}");

    let answer = verify(&world, &first).await;
    assert_eq!(answer.text("/verdict"), "VALID");
    assert_eq!(answer.body["limits"][0]["remaining"], 2);
    assert_eq!(answer.body["limits"][0]["enforced"], "global");

    let regenerated =
        organization.post(&format!("{path}/regenerate"), &json!({"overlap_seconds": 0})).await.expect(200);
    let second = regenerated.text("/secret").to_owned();
    assert_eq!(regenerated.text("/key/id"), key);
    assert_ne!(verdict(&world, &first).await, "VALID", "the old secret dies at once");
    assert_eq!(verdict(&world, &second).await, "VALID");
    assert_eq!(verdict(&world, &second).await, "VALID");
    assert_eq!(verdict(&world, &second).await, "RATE_LIMITED", "rotation does not give the budget back");

    organization.post(&format!("{path}/revoke"), &json!({"reason": "compromised"})).await.expect(200);
    assert_eq!(verdict(&world, &second).await, "REVOKED");
    let reactivated = organization.post_empty(&format!("{path}/reactivate")).await.expect(409);
    assert_eq!(reactivated.code(), "secret-compromised");

    organization.delete(&path).await.expect(200);
    organization.get(&path).await.expect(404);
    assert_ne!(verdict(&world, &second).await, "VALID");
}

#[tokio::test]
async fn a_revocation_is_seen_by_the_very_next_request_on_every_replica() {
    let world = World::builder().replicas(3).start().await;
    let made = world.api(Production).create_key(&json!({"name": "seen everywhere"})).await;
    let (key, secret) = (made.text("/key/id").to_owned(), made.text("/secret").to_owned());
    let ask = async |replica: usize| {
        let question = json!({"key": secret});
        let answer = world.keys_replica(Production, replica).post("/v1/keys/verify", &question).await.expect(200);
        answer.text("/verdict").to_owned()
    };
    for replica in 0..3 {
        assert_eq!(ask(replica).await, "VALID", "and every replica now has it in memory");
    }
    let organization = world.api(Production).organization_key();
    let path = format!("/v1/organizations/acme/keys/{key}/revoke");
    let revoked = organization.post(&path, &json!({"reason": "unused"})).await.expect(200);
    for replica in 0..3 {
        assert_eq!(ask(replica).await, "REVOKED");
    }
    assert_ne!(revoked.body["receipt"], Value::Null);
}
