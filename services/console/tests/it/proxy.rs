//! What the web app asks of an environment: in the name of whoever is signed in, and of nobody else.

use std::time::Duration;

use chrono::TimeDelta;
use domain::environment::Environment;
use domain::event::Event;
use domain::ids::{MemberId, OrganizationId, UserId};
use domain::names::{Name, Slug};
use http::Method;
use serde_json::{Value, json};
use store::control::{Assurance, EndReason, Roles};
use testkit::{Answer, Browser, ConsoleWorld, World, await_that, free_ports};

const PATIENCE: Duration = Duration::from_secs(20);
const PASSWORD: &str = "four quiet words here";

/// Three environments with a console beside them.
pub struct Installation {
    pub world: World,
    pub console: ConsoleWorld,
}

impl Installation {
    pub async fn start() -> Self {
        let port = free_ports(1).unwrap()[0];
        let origin = format!("http://localhost:{port}");
        let world =
            World::builder().console(&origin, &format!("http://127.0.0.1:{port}/.well-known/jwks.json")).start().await;
        let console = ConsoleWorld::builder().port(port).beside(&world).start().await;
        let installation = Self { world, console };
        for (id, slug) in [(installation.world.acme, "acme"), (installation.world.globex, "globex")] {
            let mut write = installation.console.write().await;
            let (slug, name) = (Slug::parse(slug).unwrap(), Name::parse(slug).unwrap());
            write.insert_control_organization(id, &slug, &name).await.unwrap();
            write.commit(id, &Event::of("organization.created", id)).await.unwrap();
        }
        installation
    }

    /// A new member with these roles, signed in.
    pub async fn member(&self, name: &str, organization: OrganizationId, roles: &Roles) -> (UserId, MemberId, Browser) {
        let user = self.console.add_user(&format!("{name}@example.com"), PASSWORD).await;
        let mut write = self.console.write().await;
        let member = write.insert_membership(organization, user, roles).await.unwrap();
        write.commit(organization, &Event::of("member.added", member)).await.unwrap();
        (user, member, self.console.signed_in(user).await)
    }
}

async fn ask(browser: &mut Browser, method: Method, path: &str, body: Option<Value>) -> Answer {
    browser.call(method, path, body.as_ref()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_acts_in_an_environment_under_its_own_name() {
    let installation = Installation::start().await;
    let roles = Roles { production: None, ..Roles::everywhere("developer") };
    let (_, member, mut browser) = installation.member("dana", installation.world.acme, &roles).await;
    let path = "/bff/staging/v1/organizations/acme/keys";
    let made = ask(&mut browser, Method::POST, path, Some(json!({"name": "made in the console"}))).await.expect(201);
    assert_eq!(made.text("/key/created_by"), member.to_string());
    let id = made.text("/key/id").to_owned();
    let shown = ask(&mut browser, Method::GET, &format!("{path}/{id}"), None).await.expect(200);
    assert_eq!(shown.headers["etag"], "\"1\"");
    assert_eq!(shown.headers["cache-control"], "no-store");
    // What the role does not hold, where there is no role, and where there is no membership.
    let refused =
        ask(&mut browser, Method::POST, "/bff/staging/v1/organizations/acme/customers", Some(json!({"name": "x"})));
    assert_eq!(refused.await.expect(403).code(), "insufficient-permissions");
    let no_role = ask(&mut browser, Method::GET, "/bff/production/v1/organizations/acme/keys", None).await;
    assert_eq!(no_role.expect(403).code(), "insufficient-permissions");
    for stranger in ["globex".to_owned(), installation.world.globex.to_string(), "nobody".to_owned()] {
        let path = format!("/bff/staging/v1/organizations/{stranger}/keys");
        ask(&mut browser, Method::GET, &path, None).await.expect(404);
    }
    for installation_wide in ["/bff/staging/v1/organizations", "/bff/staging/v1/root-keys"] {
        ask(&mut browser, Method::GET, installation_wide, None).await.expect(403);
    }
    ask(&mut browser, Method::GET, "/bff/staging/v1/permissions", None).await.expect(200);
    for nowhere in
        ["/bff/staging/v1/organizations/acme/../globex/keys", "/bff/staging/internal/v1/verify", "/bff/nowhere/v1/x"]
    {
        assert!([400, 404].contains(&ask(&mut browser, Method::GET, nowhere, None).await.status.as_u16()), "{nowhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_browser_names_anybody() {
    let installation = Installation::start().await;
    let (_, member, browser) = installation.member("vera", installation.world.acme, &Roles::everywhere("viewer")).await;
    let path = "/bff/staging/v1/whoami";
    let forged = installation.world.members.server_admin(Environment::Staging);
    let mut asking = browser.at(&installation.console.urls[0]);
    for (name, value) in [
        ("authorization", format!("Bearer {forged}")),
        ("authorization", format!("Bearer {}", installation.world.environment(Environment::Staging).root_key)),
        ("x-claviger-member", "mem_0000000000000000000000".to_owned()),
        ("x-claviger-organization", installation.world.acme.to_string()),
        ("x-environment", "production".to_owned()),
        ("cookie", "__Host-claviger=another".to_owned()),
    ] {
        let request = asking.request(Method::GET, path).header(name, value);
        let answer = asking.send(request).await;
        // Two credentials at once are nobody's: whatever is answered, it is about nobody else.
        if answer.status == 200 {
            assert_eq!(answer.text("/member/id"), member.to_string(), "{name}");
        } else {
            assert!(answer.status.is_client_error(), "{name} {}", answer.status);
        }
    }
    let request = asking.request(Method::GET, path).header("x-claviger-organization", "globex");
    assert_eq!(asking.send(request).await.status, 404, "it is no member there");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_and_an_ended_session_change_nothing() {
    let installation = Installation::start().await;
    let (user, _, mut browser) =
        installation.member("olivia", installation.world.acme, &Roles::everywhere("owner")).await;
    let path = "/bff/staging/v1/organizations/acme/keys";
    let body = json!({"name": "forged"});
    let bare = browser.request(Method::POST, path).json(&body).header("origin", "https://evil.test");
    assert_eq!(browser.send(bare).await.expect(403).code(), "cross-origin");
    let mut nobody = installation.console.browser();
    assert_eq!(ask(&mut nobody, Method::GET, path, None).await.expect(401).code(), "session-ended");
    ask(&mut browser, Method::GET, path, None).await.expect(200);
    let mut write = installation.console.write().await;
    write.end_sessions(user, None, EndReason::Revoked).await.unwrap();
    write.commit_bookkeeping().await.unwrap();
    await_that("the session has ended", PATIENCE, async || {
        ask(&mut browser, Method::GET, path, None).await.status == 401
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_holds_on_the_next_request() {
    let installation = Installation::start().await;
    let acme = installation.world.acme;
    let (_, member, mut browser) = installation.member("adam", acme, &Roles::everywhere("developer")).await;
    let (_, _, mut owner) = installation.member("olivia", acme, &Roles::everywhere("owner")).await;
    let path = "/bff/development/v1/organizations/acme/keys";
    ask(&mut browser, Method::POST, path, Some(json!({"name": "one"}))).await.expect(201);
    let change = format!("/bff/control/v1/organizations/acme/members/{member}");
    let roles = json!({"roles": {"development": "viewer"}});
    ask(&mut owner, Method::PATCH, &change, Some(roles)).await.expect(200);
    ask(&mut browser, Method::POST, path, Some(json!({"name": "two"}))).await.expect(403);
    ask(&mut owner, Method::DELETE, &change, None).await.expect(204);
    ask(&mut browser, Method::GET, path, None).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn root_keys_are_a_server_admins_who_has_proven_it_lately() {
    let installation = Installation::start().await;
    let admin = installation.console.add_server_admin("ada@example.com", PASSWORD).await;
    let (path, body) = ("/bff/production/v1/root-keys", || Some(json!({"name": "made in the console"})));
    let mut tired = installation.console.signed_in_with(admin, Assurance::Password, TimeDelta::seconds(-1)).await;
    ask(&mut tired, Method::GET, path, None).await.expect(200);
    assert_eq!(ask(&mut tired, Method::POST, path, body()).await.expect(403).code(), "step-up-required");
    let mut fresh = installation.console.signed_in(admin).await;
    let made = ask(&mut fresh, Method::POST, path, body()).await.expect(201);
    assert_eq!(made.text("/key/created_by"), admin.to_string());
    ask(&mut fresh, Method::GET, "/bff/production/v1/organizations/acme/keys", None).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_public_key_is_there_before_it_signs() {
    let installation = Installation::start().await;
    let mut browser = installation.console.browser();
    let keys = browser.get("/.well-known/jwks.json").await.expect(200).body["keys"].clone();
    let keys = keys.as_array().unwrap();
    assert_eq!(keys.len(), 2, "the current one and the next");
    for key in keys {
        let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}
