//! What a process refuses to start with: every secret that it needs, missing, short or a sample, and in production a
//! database that does not hold it back.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use domain::environment::Environment;
use testkit::{Fault, Finding, Proxy, World, free_ports};

const DRAWN: &str = "3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
/// No two tokens of a process may be equal.
const DRAWN_TOKEN: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaG96tvu8=";
const SAMPLE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const SHORT: &str = "c2hvcnQgYnV0IGRyYXdu";
/// How soon it has to be over.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long one has to stay to have started.
const STAYS: Duration = Duration::from_millis(700);

/// A process with its secrets: the setting that a message has to name, and the variable that holds it.
struct Process {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    secrets: &'static [(&'static str, &'static str)],
}

const API: Process = Process {
    name: "api",
    settings: &[
        ("ENVIRONMENT", "production"),
        ("SERVER__INTEGRATION_PORT", "0"),
        ("SERVER__MANAGEMENT_PORT", "0"),
        ("DATABASE__URL", "postgres://app:secret@127.0.0.1:1/nothing"),
        ("REDIS__URL", "redis://127.0.0.1:1"),
        ("REDIS__PREFIX", "claviger:production:"),
        ("KEYS__URL", "http://127.0.0.1:1"),
        ("SECRETS__PEPPERS__0__ID", "one"),
    ],
    secrets: &[
        ("keys.internal_token", "KEYS__INTERNAL_TOKEN"),
        ("secrets.peppers.0.value", "SECRETS__PEPPERS__0__VALUE"),
        ("secrets.cursor_key", "SECRETS__CURSOR_KEY"),
    ],
};

const KEYS: Process = Process {
    name: "keys",
    settings: &[
        ("SERVER__MANAGEMENT_PORT", "0"),
        ("ENVIRONMENTS__PRODUCTION__PORT", "0"),
        ("ENVIRONMENTS__PRODUCTION__DATABASE__URL", "postgres://app:secret@127.0.0.1:1/nothing"),
        ("ENVIRONMENTS__PRODUCTION__DATABASE__POOL_SIZE", "2"),
        ("ENVIRONMENTS__PRODUCTION__REDIS__URL", "redis://127.0.0.1:1"),
        ("ENVIRONMENTS__PRODUCTION__REDIS__PREFIX", "claviger:production:"),
        ("ENVIRONMENTS__PRODUCTION__PEPPERS__0__ID", "one"),
    ],
    secrets: &[
        ("environments.production.service_token", "ENVIRONMENTS__PRODUCTION__SERVICE_TOKEN"),
        ("environments.production.internal_token", "ENVIRONMENTS__PRODUCTION__INTERNAL_TOKEN"),
        ("environments.production.peppers.0.value", "ENVIRONMENTS__PRODUCTION__PEPPERS__0__VALUE"),
    ],
};

/// It holds no secret; it has to start, and in production to be held back.
const WORKER: Process = Process {
    name: "worker",
    settings: &[
        ("ENVIRONMENT", "production"),
        ("SERVER__MANAGEMENT_PORT", "0"),
        ("DATABASE__URL", "postgres://app:secret@127.0.0.1:1/nothing"),
        ("REDIS__URL", "redis://127.0.0.1:1"),
        ("REDIS__PREFIX", "claviger:production:"),
    ],
    secrets: &[],
};

impl Process {
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
        command
            .args(["serve", self.name])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in self.settings {
            set(&mut command, name, value);
        }
        for (_, name) in self.secrets {
            set(&mut command, name, if name.ends_with("INTERNAL_TOKEN") { DRAWN_TOKEN } else { DRAWN });
        }
        command
    }
}

fn set(command: &mut Command, name: &str, value: &str) {
    command.env(format!("CLAVIGER__{name}"), value);
}

/// What a process that ends says, and how long that took.
fn ended(mut command: Command) -> (Output, Duration) {
    let started = Instant::now();
    let output = command.output().unwrap();
    (output, started.elapsed())
}

async fn assert_stays(mut command: Command, what: &str) {
    let mut process = command.spawn().unwrap();
    tokio::time::sleep(STAYS).await;
    let ended = process.try_wait().unwrap();
    process.kill().unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(ended.is_none(), "{what}: {ended:?} {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_bad_secret_ends_the_process_and_is_named_but_not_shown() {
    let mut times = Vec::new();
    for process in [&API, &KEYS, &WORKER] {
        assert_stays(process.command(), process.name).await;
        for (setting, variable) in process.secrets {
            for (fault, value) in [("missing", ""), ("short", SHORT), ("a sample", SAMPLE)] {
                let what = format!("{}: {setting} is {fault}", process.name);
                let mut command = process.command();
                set(&mut command, variable, value);
                let (output, time) = ended(command);
                let message = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.code(), Some(78), "{what}: {message}");
                assert!(message.contains(setting), "{what}: {message}");
                let is_shown = [SHORT, SAMPLE, DRAWN, DRAWN_TOKEN].into_iter().any(|secret| message.contains(secret));
                assert!(!is_shown, "{what}: {message}");
                times.push(time);
            }
        }
    }
    let worst = times.iter().max().unwrap();
    let bound = "ends with 78 within 1 s, names the setting and not its value";
    Finding::new("P11", "a secret missing, short or a sample", bound, format!("{worst:.2?}"), times.len() as u64)
        .record();
    assert!(*worst <= AT_ONCE || !fuzzing::is_long(), "{worst:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_owns_its_tables_ends_the_process_in_production() {
    let world = World::start().await;
    let (database, redis) = {
        let production = world.environment(Environment::Production);
        (production.database.owner_url.clone(), production.redis.clone())
    };
    let owned = |process: &Process| {
        let mut command = process.command();
        let at = if process.name == "keys" { "ENVIRONMENTS__PRODUCTION__" } else { "" };
        set(&mut command, &format!("{at}DATABASE__URL"), &database);
        set(&mut command, &format!("{at}REDIS__URL"), &redis.url);
        set(&mut command, &format!("{at}REDIS__PREFIX"), &redis.prefix);
        command
    };
    for process in [&API, &KEYS, &WORKER] {
        let (output, _) = tokio::task::block_in_place(|| ended(owned(process)));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{}: {message}", process.name);
        assert!(message.contains("the role owns tables") && !message.contains(&database), "{message}");
    }
    let mut elsewhere = owned(&WORKER);
    set(&mut elsewhere, "ENVIRONMENT", "staging");
    assert_stays(elsewhere, "a worker of staging").await;
    Finding::new("P11", "in production, a role that owns its tables", "ends with 78", "78", 3).record();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_comes_later_is_asked_for_its_role_first() {
    let world = World::start().await;
    let production = world.environment(Environment::Production);
    let (database, redis) = (production.database.owner_url.clone(), production.redis.clone());
    let direct = database.split(['@', '/']).nth(3).unwrap().to_owned();
    for process in [&API, &KEYS, &WORKER] {
        let proxy = Proxy::start(direct.parse().unwrap()).await.unwrap();
        proxy.set(Fault::Refused);
        let management = free_ports(1).unwrap()[0].to_string();
        let mut command = process.command();
        let at = if process.name == "keys" { "ENVIRONMENTS__PRODUCTION__" } else { "" };
        let url = database.replace(&direct, &proxy.address().to_string());
        set(&mut command, &format!("{at}DATABASE__URL"), &url);
        set(&mut command, &format!("{at}REDIS__URL"), &redis.url);
        set(&mut command, &format!("{at}REDIS__PREFIX"), &redis.prefix);
        set(&mut command, "SERVER__MANAGEMENT_PORT", &management);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = command.spawn().unwrap();
        let readiness = readiness(&management).await;
        assert!(readiness.starts_with("503"), "{}: {readiness}", process.name);
        proxy.set(Fault::None);
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut told = String::new();
        while !told.contains("the role owns tables") && Instant::now() < deadline {
            told = self::readiness(&management).await;
            assert!(told.starts_with("503"), "{} is ready: {told}", process.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.kill().unwrap();
        running.wait().unwrap();
        assert!(told.contains("the role owns tables"), "{}: {told}", process.name);
    }
}

#[test]
fn health_and_metrics_are_on_loopback_by_default() {
    for defaults in [api::DEFAULTS, keys::DEFAULTS, worker::DEFAULTS] {
        let defaults: serde_yaml_ng::Value = serde_yaml_ng::from_str(defaults).unwrap();
        assert_eq!(defaults["server"]["management_host"], "127.0.0.1");
    }
}

/// What the process says of whether it is ready, as soon as it says anything.
async fn readiness(management: &str) -> String {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match client.get(format!("http://127.0.0.1:{management}/health/ready")).send().await {
            Ok(answer) => return format!("{} {}", answer.status().as_u16(), answer.text().await.unwrap()),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
