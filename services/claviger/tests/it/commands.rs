//! Commands that end by themselves: what they print, and with which code they exit.

use std::process::Command;

use domain::environment::Environment;
use testkit::World;

fn claviger(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.args(arguments).current_dir(std::env::temp_dir());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_unknown_setting_ends_the_process_with_78() {
    let mut worker = claviger(&["worker"]);
    worker.env("CLAVIGER__ENVIRONMENT", "staging").env("CLAVIGER__DATABSE__URL", "postgres://x");
    let output = worker.output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("CLAVIGER__DATABSE__URL"), "{}", text(&output.stderr));
}

#[test]
fn a_root_key_is_never_made_without_naming_the_environment() {
    let output = claviger(&["admin", "root-key", "create", "--name", "x", "--all"]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("--environment"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
}

#[tokio::test]
async fn a_root_key_that_was_made_works_and_only_its_secret_is_on_standard_output() {
    let world = World::start().await;
    let staging = world.environment(Environment::Staging);
    let create = |environment: &str, name: &str| {
        let pepper = &staging.pepper;
        claviger(&["admin", "root-key", "create", "--environment", environment, "--name", name])
            .args(["--permission", "organizations.list", "--limit", "10/60"])
            .env("CLAVIGER__ENVIRONMENT", "staging")
            .env("CLAVIGER__DATABASE__URL", &staging.database.app_url)
            .env("CLAVIGER__SECRETS__PEPPERS__0__ID", &pepper.0)
            .env("CLAVIGER__SECRETS__PEPPERS__0__VALUE", &pepper.1)
            .env("CLAVIGER__SECRETS__CURSOR_KEY", &pepper.1)
            .env("CLAVIGER__REDIS__URL", &staging.redis.url)
            .env("CLAVIGER__REDIS__PREFIX", &staging.redis.prefix)
            .env("CLAVIGER__KEYS__URL", world.keys(Environment::Staging).base_url())
            .env("CLAVIGER__KEYS__TOKEN", world.keys(Environment::Staging).secret())
            .output()
            .unwrap()
    };
    let wrong = create("production", "made by the command");
    assert!(!wrong.status.success() && wrong.stdout.is_empty());
    assert!(text(&wrong.stderr).contains("--environment says production"), "{}", text(&wrong.stderr));

    let output = create("staging", "made by the command");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let secret = text(&output.stdout);
    assert!(!text(&output.stderr).contains(secret.trim()));
    let caller = world.api(Environment::Staging).with(secret.trim());
    let listed = caller.get("/v1/organizations").await.expect(200);
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(2));
    caller.get("/v1/organizations/acme/keys").await.expect(403);
    world.api(Environment::Production).with(secret.trim()).get("/v1/organizations").await.expect(401);
}

#[test]
fn the_document_that_is_printed_is_the_committed_one() {
    let output = claviger(&["openapi"]).output().unwrap();
    let committed = include_str!("../../../api/openapi.json");
    assert!(text(&output.stdout) == committed, "services/api/openapi.json is old: run make fix");
}
