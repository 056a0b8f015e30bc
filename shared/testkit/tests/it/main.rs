//! `with-stores` and worlds, as test runs rely on them.

#![expect(clippy::unwrap_used, reason = "what a test needs is part of the test")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domain::environment::Environment;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use testkit::World;

fn with_stores(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-stores"));
    command.args(["sh", "-c", script]);
    command
}

/// `127.0.0.1:port` of a URL with credentials.
fn address(url: &str) -> String {
    let rest = url.rsplit('@').next().unwrap();
    rest.split('/').next().unwrap().trim().to_owned()
}

#[test]
fn the_command_finds_both_stores_and_its_exit_code_is_passed_on() {
    let script = "test -n \"$CLAVIGER_TEST_POSTGRES\" && test -n \"$CLAVIGER_TEST_REDIS\" && exit 7";
    assert_eq!(with_stores(script).status().unwrap().code(), Some(7));
    assert_eq!(with_stores("kill -KILL $$").status().unwrap().code(), Some(137));
}

#[tokio::test]
async fn no_server_outlives_a_run_that_is_killed() {
    let script = "echo $CLAVIGER_TEST_POSTGRES; echo $CLAVIGER_TEST_REDIS; exec cat";
    let mut run = with_stores(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let addresses = [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()].map(|url| address(&url));
    for address in &addresses {
        TcpStream::connect(address).unwrap();
    }
    kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), Signal::SIGKILL).unwrap();
    run.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    for address in &addresses {
        while TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < deadline, "somebody still listens on {address}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn two_worlds_know_nothing_of_each_other() {
    let (one, other) = (World::start().await, World::start().await);
    let secret = &one.environment(Environment::Staging).organization_key;
    let question = json!({"key": secret});
    let at_home = one.keys(Environment::Staging).post("/v1/keys/verify", &question).await.expect(200);
    assert_eq!(at_home.text("/verdict"), "VALID");
    let elsewhere = other.keys(Environment::Staging).post("/v1/keys/verify", &question).await.expect(200);
    assert_eq!(elsewhere.text("/verdict"), "NOT_FOUND");
}

#[tokio::test]
async fn a_world_comes_back_after_its_own_stores_were_killed() {
    let mut world = World::builder().own_postgres().own_redis().start().await;
    world.redis().kill();
    world.redis().restart().await.unwrap();
    world.postgres().kill();
    world.postgres().restart().await.unwrap();
    let organization = world.api(Environment::Production).organization_key();
    let deadline = Instant::now() + Duration::from_secs(20);
    while organization.get("/v1/organizations/acme/keys").await.status != 200 {
        assert!(Instant::now() < deadline, "the API does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
