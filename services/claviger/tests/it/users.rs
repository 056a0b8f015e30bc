//! `claviger admin user`: an account's way from its creation to a password, and back in.

use std::process::Output;

use testkit::ConsoleWorld;

use crate::commands::{claviger, text};

const SEALING_KEY: &str = "p2Gk1zv0xqYw3uJtSd9XbN7mAfLh5eRcVyI8oKUDZ4E=";

fn run(world: &ConsoleWorld, arguments: &[&str]) -> Output {
    let mut command = claviger(&["admin", "user"]);
    command.args(arguments);
    command
        .env("CLAVIGER__DATABASE__URL", &world.database.app_url)
        .env("CLAVIGER__SERVER__PUBLIC_URL", world.origin())
        .env("CLAVIGER__SECRETS__SEALING_KEY", SEALING_KEY)
        .env("CLAVIGER__ENVIRONMENTS__STAGING__API_URL", "http://127.0.0.1:9")
        .env("CLAVIGER__ENVIRONMENTS__STAGING__PUBLIC_URL", "http://127.0.0.1:9");
    command.output().unwrap()
}

/// What a command prints to standard output.
#[track_caller]
fn done(world: &ConsoleWorld, arguments: &[&str]) -> String {
    let output = run(world, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_lets_people_in() {
    let world = ConsoleWorld::start().await;
    let link = done(&world, &["create", "ada@example.com", "--name", "Ada", "--server-admin"]);
    let path = link.trim().strip_prefix(world.origin()).unwrap().to_owned();
    assert!(path.starts_with("/reset/"), "{path}");
    let mut browser = world.browser();
    browser.post_form(&path, &[("new_password", "a tangerine outpost")]).await.expect(200);
    let fields = [("email", "ada@example.com"), ("password", "a tangerine outpost")];
    browser.post_form("/login", &fields).await.expect(303);
    let session = browser.call(reqwest::Method::GET, "/bff/control/v1/session", None).await.expect(200);
    assert_eq!(session.body["user"]["is_server_admin"], true);
    let again = run(&world, &["create", "ADA@example.com", "--name", "Ada"]);
    assert!(!again.status.success() && text(&again.stderr).contains("already"));

    world.add_organization("halden").await;
    let link = done(&world, &["invite", "ines@example.com", "--organization", "halden", "--role", "viewer"]);
    let path = link.trim().strip_prefix(world.origin()).unwrap().to_owned();
    let fields = [("name", "Ines"), ("new_password", "four quiet words here")];
    world.browser().post_form(&path, &fields).await.expect(303);
    assert!(!run(&world, &["invite", "x@example.com", "--organization", "halden", "--role", "king"]).status.success());

    for _ in 0..11 {
        let wrong = [("email", "ines@example.com"), ("password", "another four words")];
        world.browser().post_form("/login", &wrong).await.expect(422);
    }
    let right = [("email", "ines@example.com"), ("password", "four quiet words here")];
    world.browser().post_form("/login", &right).await.expect(422);
    assert_eq!(done(&world, &["unlock", "ines@example.com"]), "");
    world.browser().post_form("/login", &right).await.expect(303);
    assert_eq!(done(&world, &["reset-2fa", "ines@example.com"]), "");
    assert!(done(&world, &["reset-password", "ines@example.com"]).contains("/reset/"));
    assert!(!run(&world, &["unlock", "nobody@example.com"]).status.success());
}
