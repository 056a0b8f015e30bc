//! `claviger admin root-key`: a root key's life from its creation to its end, and a row that is changed by hand.

use std::process::Output;
use std::time::Duration;

use domain::environment::Environment;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::{EnvironmentWorld, World};

use crate::commands::{claviger, text};

/// An administrator of staging, with the configuration of its API.
struct Administrator<'w> {
    world: &'w World,
    staging: &'w EnvironmentWorld,
}

impl<'w> Administrator<'w> {
    fn of(world: &'w World) -> Self {
        Self { world, staging: world.environment(Environment::Staging) }
    }

    fn run(&self, environment: &str, arguments: &[&str]) -> Output {
        let (staging, keys) = (self.staging, self.world.keys(Environment::Staging));
        let mut command = claviger(&["admin", "root-key"]);
        command.args(arguments).args(["--environment", environment]);
        command
            .env("CLAVIGER__ENVIRONMENT", "staging")
            .env("CLAVIGER__DATABASE__URL", &staging.database.app_url)
            .env("CLAVIGER__SECRETS__PEPPERS__0__ID", &staging.pepper.0)
            .env("CLAVIGER__SECRETS__PEPPERS__0__VALUE", &staging.pepper.1)
            .env("CLAVIGER__SECRETS__CURSOR_KEY", &staging.pepper.1)
            .env("CLAVIGER__REDIS__URL", &staging.redis.url)
            .env("CLAVIGER__REDIS__PREFIX", &staging.redis.prefix)
            .env("CLAVIGER__KEYS__URL", keys.base_url())
            .env("CLAVIGER__KEYS__INTERNAL_TOKEN", &staging.internal_token);
        command.output().unwrap()
    }

    /// What a command prints to standard output, and to standard error.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run("staging", arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        (text(&output.stdout), text(&output.stderr))
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], why: &str) {
        let output = self.run("staging", arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }

    async fn status_with(&self, secret: &str) -> u16 {
        let caller = self.world.api(Environment::Staging).with(secret.trim());
        caller.get("/v1/organizations").await.status.as_u16()
    }
}

/// The 16 characters after the tag.
fn public_id(secret: &str) -> &str {
    secret.split('_').nth(2).unwrap()
}

#[test]
fn a_root_key_is_never_created_without_naming_the_environment() {
    for arguments in [&["create", "--name", "x", "--all"][..], &["list"], &["revoke", "key_1"]] {
        let output = claviger(&["admin", "root-key"]).args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains("--environment"), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
}

#[tokio::test]
async fn only_the_secret_of_a_new_root_key_is_on_standard_output() {
    let world = World::start().await;
    let admin = Administrator::of(&world);
    let create = ["create", "--name", "made by the command", "--permission", "organizations.list", "--limit", "10/60"];
    let wrong = admin.run("production", &create);
    assert!(!wrong.status.success() && wrong.stdout.is_empty());
    assert!(text(&wrong.stderr).contains("--environment says production"), "{}", text(&wrong.stderr));

    let (secret, told) = admin.done(&create);
    assert!(!told.contains(secret.trim()) && told.contains("valid until"), "{told}");
    let caller = world.api(Environment::Staging).with(secret.trim());
    let listed = caller.get("/v1/organizations").await.expect(200);
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(2));
    caller.get("/v1/organizations/acme/keys").await.expect(403);
    world.api(Environment::Production).with(secret.trim()).get("/v1/organizations").await.expect(401);

    admin.refused(&create, "of this name already");
    let create = |more: &[&'static str]| [&["create", "--name", "y", "--all"], more].concat();
    admin.refused(&create(&["--ip", "300.0.0.1"]), "--ip");
    admin.refused(&create(&["--expires-in-days", "0"]), "--expires-in-days");
    admin.refused(&create(&["--expires-in-days", "5", "--never-expires"]), "cannot be used with");
    admin.refused(&["create", "--name", "y", "--permission", "keys.raed"], "did you mean keys.read");
    let (elsewhere, _) = admin.done(&create(&["--ip", "192.0.2.0/24", "--never-expires"]));
    assert_eq!(admin.status_with(&elsewhere).await, 403, "the tests come from another address");
}

#[tokio::test]
async fn a_leaked_root_key_is_found_rotated_and_revoked() {
    let world = World::start().await;
    let admin = Administrator::of(&world);
    let (first, _) = admin.done(&["create", "--name", "leaked", "--permission", "organizations.list"]);
    assert_eq!(admin.status_with(&first).await, 200);
    let (listed, _) = admin.done(&["list"]);
    let line = listed.lines().find(|line| line.ends_with("leaked")).unwrap();
    assert!(line.contains("active") && line.contains(public_id(&first)) && !listed.contains(first.trim()), "{listed}");
    let id = line.split_whitespace().next().unwrap();

    let (second, told) = admin.done(&["regenerate", public_id(&first)]);
    assert!(told.contains("next request"), "{told}");
    assert_eq!((admin.status_with(&first).await, admin.status_with(&second).await), (401, 200));
    let (third, _) = admin.done(&["regenerate", id, "--overlap-seconds", "600"]);
    assert_eq!((admin.status_with(&second).await, admin.status_with(&third).await), (200, 200));

    let revoke = ["revoke", id, "--reason", "compromised", "--note", "seen in a log"];
    let (_, told) = admin.done(&revoke);
    assert!(told.contains("next request"), "{told}");
    assert_eq!((admin.status_with(&second).await, admin.status_with(&third).await), (401, 401));
    assert!(admin.done(&revoke).1.contains("nothing changed"));
    let (shown, _) = admin.done(&["show", id]);
    for part in ["inactive", "compromised", "seen in a log", "organizations.list", public_id(&third)] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for secret in [&first, &second, &third] {
        assert!(!shown.contains(secret.trim()));
        admin.refused(&["revoke", secret.trim()], "no place on a command line");
    }
    admin.refused(&["show", "key_0000000000000000000000"], "no root key");
    let count = "select count(*) from events where action in ('root-key.regenerated', 'root-key.revoked')";
    let mut superuser = superuser(&world).await;
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut superuser).await.unwrap(), 3);
}

#[tokio::test]
async fn a_root_key_revoked_by_hand_is_refused_within_the_hard_age() {
    let world = World::builder().workers().start().await;
    let admin = Administrator::of(&world);
    let (secret, _) = admin.done(&["create", "--name", "by hand", "--permission", "organizations.list"]);
    assert_eq!(admin.status_with(&secret).await, 200, "a replica of the key service has it in its cache");
    let body = json!({"key": secret.trim()});
    let sql = "update keys set revoked_at = now(), revoke_reason = 'compromised' where name = 'by hand'";
    sqlx::query(sql).execute(&mut superuser(&world).await).await.unwrap();
    // A worker publishes it a second later; the bound of the test is for a busy machine.
    for _ in 0..600 {
        let answer = world.keys(Environment::Staging).post("/v1/keys/verify", &body).await;
        if answer.body["verdict"] == "REVOKED" {
            assert_eq!(admin.status_with(&secret).await, 401);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the key service does not hear of a row that was changed by hand");
}

async fn superuser(world: &World) -> PgConnection {
    let database = &world.environment(Environment::Staging).database.name;
    PgConnection::connect(&world.servers().cluster.superuser_url(database)).await.unwrap()
}
