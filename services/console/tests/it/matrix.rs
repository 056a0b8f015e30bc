//! The access matrix of the console: every operation of the table, by every kind of person.

use console::operation::{Route, Who};
use console::resources::ROUTES;
use http::Method;
use serde_json::json;
use store::control::Roles;
use testkit::Browser;

use crate::proxy::Installation;

/// A person of each kind, signed in; the first is nobody.
struct Cast(Vec<(&'static str, Browser)>);

impl Cast {
    async fn gather(installation: &Installation) -> Self {
        let acme = installation.world.acme;
        let mut cast = vec![("nobody", installation.console.browser())];
        let (_, _, stranger) =
            installation.member("stranger", installation.world.globex, &Roles::everywhere("owner")).await;
        cast.push(("stranger", stranger));
        for role in ["viewer", "auditor", "developer", "admin", "owner"] {
            cast.push((role, installation.member(role, acme, &Roles::everywhere(role)).await.2));
        }
        let admin = installation.console.add_server_admin("server@example.com", "four quiet words here").await;
        cast.push(("server-admin", installation.console.signed_in(admin).await));
        Self(cast)
    }
}

/// What a person is answered who may not: nothing else tells whether there is an organization.
fn refusal(route: &Route, person: &str) -> Option<u16> {
    let who = route.operation.who;
    match (person, who) {
        ("nobody", _) => Some(401),
        ("server-admin", _) | (_, Who::SignedIn) => None,
        (_, Who::ServerAdmins) => Some(403),
        ("stranger", Who::Members | Who::Managers) => Some(404),
        ("viewer" | "auditor" | "developer", Who::Managers) => Some(403),
        (_, Who::Members | Who::Managers) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_person_as_its_table_says() {
    let installation = Installation::start().await;
    let mut cast = Cast::gather(&installation).await;
    // What ends a session would end the others' turns; each is tested where it belongs.
    let is_asked = |route: &&Route| !route.path.contains("/account") && !route.path.contains("/session/");
    for route in ROUTES.iter().filter(is_asked) {
        let path = route.path.replace("{organization}", "acme");
        // No such member, invitation, device or person: whoever may is told so, and nothing is changed.
        let path = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        if ["delete_organization", "suspend_organization", "resume_organization"].contains(&route.operation.id) {
            continue;
        }
        for (name, person) in &mut cast.0 {
            let body =
                matches!(route.method, Method::POST | Method::PATCH | Method::PUT).then(|| json!({"unknown": 1}));
            let answer = person.call(route.method.clone(), &path, body.as_ref()).await;
            let status = answer.status.as_u16();
            match refusal(route, name) {
                Some(expected) => assert_eq!(status, expected, "{} as {name}: {}", route.operation.id, answer.body),
                None => {
                    let is_let_in = ![401, 403].contains(&status) && status < 500;
                    assert!(is_let_in, "{} as {name}: {status} {}", route.operation.id, answer.body);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dangerous_asks_for_a_fresh_proof() {
    let installation = Installation::start().await;
    let acme = installation.world.acme;
    let (user, ..) = installation.member("olivia", acme, &Roles::everywhere("owner")).await;
    let tired = chrono::TimeDelta::seconds(-1);
    let mut owner = installation.console.signed_in_with(user, store::control::Assurance::Password, tired).await;
    for route in ROUTES.iter().filter(|route| route.operation.needs_step_up) {
        if !matches!(route.operation.who, Who::Managers) {
            continue;
        }
        let path = route.path.replace("{organization}", "acme");
        let path = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        let answer = owner.call(route.method.clone(), &path, Some(&json!({}))).await;
        assert_eq!(answer.expect(403).code(), "step-up-required", "{}", route.operation.id);
    }
}
