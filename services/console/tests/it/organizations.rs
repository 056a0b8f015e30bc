//! Organizations across environments, and their people.

use std::time::Duration;

use domain::environment::Environment;
use http::Method;
use serde_json::{Value, json};
use store::control::Roles;
use testkit::{Browser, await_that};

use crate::proxy::Installation;

const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "four quiet words here";

async fn admin(installation: &Installation) -> Browser {
    let user = installation.console.add_server_admin("ada@example.com", PASSWORD).await;
    installation.console.signed_in(user).await
}

fn states(organization: &Value) -> Vec<String> {
    let places = organization["environments"].as_array().unwrap();
    places.iter().map(|place| place["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_made_in_its_environments_under_one_id() {
    let installation = Installation::start().await;
    let mut admin = admin(&installation).await;
    let new = json!({"name": "Initech", "slug": "initech", "environments": ["production", "staging"],
        "owner_email": "bill@example.com"});
    let made = admin.call(Method::POST, "/bff/control/v1/organizations", Some(&new)).await.expect(201);
    assert!(made.text("/invite_link").contains("/invite/"));
    assert_eq!(states(&made.body["organization"]), ["ready", "ready"]);
    let id = made.text("/organization/id").to_owned();
    for environment in [Environment::Production, Environment::Staging] {
        let there = installation.world.api(environment).root_key();
        let found = there.get(&format!("/v1/organizations/{id}")).await.expect(200);
        assert_eq!(found.text("/slug"), "initech");
    }
    let elsewhere = installation.world.api(Environment::Development).root_key();
    elsewhere.get(&format!("/v1/organizations/{id}")).await.expect(404);
    let wanted = format!("/bff/control/v1/organizations/{id}/provisionings/development");
    let place = admin.call(Method::POST, &wanted, None).await.expect(200);
    assert_eq!(place.text("/state"), "ready");
    let taken = admin.call(Method::POST, "/bff/control/v1/organizations", Some(&new)).await;
    taken.expect(409);
    admin.call(Method::DELETE, &format!("/bff/control/v1/organizations/{id}"), None).await.expect(204);
    elsewhere.get(&format!("/v1/organizations/{id}")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_made_in_one_environment_is_found_and_adopted() {
    let installation = Installation::start().await;
    let mut admin = admin(&installation).await;
    let staging = installation.world.api(Environment::Staging).root_key();
    let made = staging.post("/v1/organizations", &json!({"name": "Lonely", "slug": "lonely"})).await.expect(201);
    let found = admin.call(Method::GET, "/bff/control/v1/organizations/unadopted", None).await.expect(200);
    let items = found.body["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!((&items[0]["slug"], &items[0]["environment"]), (&json!("lonely"), &json!("staging")));
    let adoption = json!({"environment": "staging", "id": made.text("/id")});
    let adopted = admin.call(Method::POST, "/bff/control/v1/organizations/adopt", Some(&adoption)).await.expect(201);
    assert_eq!(adopted.text("/id"), made.text("/id"));
    let found = admin.call(Method::GET, "/bff/control/v1/organizations/unadopted", None).await.expect(200);
    assert_eq!(found.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_until_it_works() {
    let installation = Installation::start().await;
    let mut admin = admin(&installation).await;
    // Somebody has the slug in staging.
    let staging = installation.world.api(Environment::Staging).root_key();
    let rival = staging.post("/v1/organizations", &json!({"name": "Rival", "slug": "wanted"})).await.expect(201);
    let new = json!({"name": "Wanted", "slug": "wanted", "environments": ["staging"]});
    let made = admin.call(Method::POST, "/bff/control/v1/organizations", Some(&new)).await.expect(201);
    assert_eq!(states(&made.body["organization"]), ["failed"]);
    let path = format!("/bff/control/v1/organizations/{}/provisionings", made.text("/organization/id"));
    let place = admin.call(Method::GET, &path, None).await.expect(200).body["items"][0].clone();
    assert!(place["reason"].as_str().unwrap().contains("slug"), "{place}");
    staging.delete(&format!("/v1/organizations/{}", rival.text("/id"))).await.expect(200);
    await_that("the console has tried again", PATIENCE, async || {
        let places = admin.call(Method::GET, &path, None).await.expect(200);
        places.body["items"][0]["state"] == "ready"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_and_an_admin_touches_no_owner() {
    let installation = Installation::start().await;
    let acme = installation.world.acme;
    let (_, owner_id, mut owner) = installation.member("olivia", acme, &Roles::everywhere("owner")).await;
    let (_, admin_id, mut admin) = installation.member("adam", acme, &Roles::everywhere("admin")).await;
    let (_, viewer_id, _) = installation.member("vera", acme, &Roles::everywhere("viewer")).await;
    let path = |member: &dyn std::fmt::Display| format!("/bff/control/v1/organizations/acme/members/{member}");
    let roles = |role: Value| json!({"roles": {"production": role}});
    for body in [roles(json!("viewer")), roles(Value::Null)] {
        let kept = owner.call(Method::PATCH, &path(&owner_id), Some(&body)).await;
        assert_eq!(kept.expect(409).code(), "conflict");
    }
    owner.call(Method::DELETE, &path(&owner_id), None).await.expect(409);
    for (target, role) in [(&owner_id, "viewer"), (&admin_id, "owner"), (&viewer_id, "owner")] {
        let refused = admin.call(Method::PATCH, &path(target), Some(&roles(json!(role)))).await;
        assert_eq!(refused.expect(403).code(), "exceeds-grantor");
    }
    admin.call(Method::DELETE, &path(&owner_id), None).await.expect(403);
    admin.call(Method::PATCH, &path(&viewer_id), Some(&roles(json!("admin")))).await.expect(200);
    owner.call(Method::PATCH, &path(&viewer_id), Some(&roles(json!("owner")))).await.expect(200);
    owner.call(Method::PATCH, &path(&owner_id), Some(&roles(json!("viewer")))).await.expect(200);
    let elsewhere = path(&viewer_id).replace("acme", "globex");
    owner.call(Method::PATCH, &elsewhere, Some(&roles(json!("owner")))).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_gives_no_more_than_its_makers_role() {
    let installation = Installation::start().await;
    let acme = installation.world.acme;
    let (_, _, mut admin) = installation.member("adam", acme, &Roles::everywhere("admin")).await;
    let path = "/bff/control/v1/organizations/acme/invites";
    let invite = |role: &str| json!({"emails": ["new@example.com"], "roles": {"staging": role}});
    let made = admin.call(Method::POST, path, Some(&invite("developer"))).await.expect(201);
    let (link, id) = (made.text("/items/0/link").to_owned(), made.text("/items/0/invite/id").to_owned());
    let listed = admin.call(Method::GET, path, None).await.expect(200);
    assert_eq!(listed.text("/items/0/email"), "new@example.com");
    assert!(!listed.body.to_string().contains(link.rsplit('/').next().unwrap()), "the link is shown once");
    assert_eq!(admin.call(Method::POST, path, Some(&invite("owner"))).await.expect(403).code(), "exceeds-grantor");
    let again = admin.call(Method::POST, &format!("{path}/{id}/resend"), None).await.expect(200);
    assert_ne!(again.text("/link"), link);
    for bad in [
        json!({"emails": [], "roles": {"staging": "viewer"}}),
        json!({"emails": ["x@y.z"], "roles": {}}),
        json!({"emails": ["nonsense"], "roles": {"staging": "viewer"}}),
        invite("root"),
    ] {
        admin.call(Method::POST, path, Some(&bad)).await.expect(422);
    }
    admin.call(Method::DELETE, &format!("{path}/{id}"), None).await.expect(204);
    assert_eq!(admin.call(Method::GET, path, None).await.expect(200).body["items"], json!([]));
    admin.call(Method::DELETE, &format!("{path}/{id}"), None).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_locks_themselves_out_with_a_policy() {
    let installation = Installation::start().await;
    let (_, _, mut owner) = installation.member("olivia", installation.world.acme, &Roles::everywhere("owner")).await;
    let path = "/bff/control/v1/organizations/acme/security";
    for policy in [json!({"second_factor_required": true}), json!({"networks": ["203.0.113.0/24"]})] {
        let refused = owner.call(Method::PATCH, path, Some(&policy)).await;
        assert_eq!(refused.code(), "would-lock-out", "{policy}");
    }
    let policy = json!({"networks": ["127.0.0.0/8", "203.0.113.7"], "session_hours": 8});
    let after = owner.call(Method::PATCH, path, Some(&policy)).await.expect(200);
    assert_eq!(after.body["networks"], json!(["127.0.0.0/8", "203.0.113.7/32"]));
    for bad in [json!({"networks": []}), json!({"networks": ["x"]}), json!({"session_hours": 0})] {
        owner.call(Method::PATCH, path, Some(&bad)).await.expect(422);
    }
}
