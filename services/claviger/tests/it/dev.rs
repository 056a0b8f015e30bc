//! `claviger dev`: from nothing to three environments, and back to nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

const FIRST_PORT: u16 = 3000;
const LAST_PORT: u16 = 3033;

/// `claviger dev` in a folder of its own.
struct Dev {
    child: Child,
}

impl Dev {
    fn start(folder: &Path, offset: u16) -> Self {
        let log = fs::File::create(folder.join("output")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_claviger"))
            .args(["dev", "--port-offset", &offset.to_string()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child }
    }

    async fn until_ready(folder: &Path, offset: u16) -> Self {
        let mut dev = Self::start(folder, offset);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !output(folder).contains("Claviger is ready") {
            let ended = dev.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}\n{}", output(folder));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        dev
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    async fn ended(mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nobody listens on any of its ports.
    async fn ports_are_free(offset: u16) {
        let deadline = Instant::now() + Duration::from_secs(20);
        for port in FIRST_PORT + offset..=LAST_PORT + offset {
            while TcpListener::bind(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "somebody still listens on port {port}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // A failed test leaves nothing behind either: the children die with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(folder: &Path) -> String {
    fs::read_to_string(folder.join("output")).unwrap_or_default()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
    folder
}

/// Below the ports that the system gives out by itself; another for each test.
fn free_offset(start: u16) -> u16 {
    let step = u16::try_from(std::process::id() % 200).unwrap() * 40;
    let is_free = |offset: &u16| {
        (FIRST_PORT + offset..=LAST_PORT + offset).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
    };
    (0..50).map(|at| start + (step + at * 40) % 8_000).find(is_free).expect("some ports are free")
}

fn dev_json(folder: &Path) -> Value {
    let path = folder.join(".claviger/dev.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

async fn is_served(file: &Value) {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    for environment in ["production", "staging", "development"] {
        let entry = &file["environments"][environment];
        let at = |name: &str| entry[name].as_str().unwrap().to_owned();
        for key in ["organization_key", "root_key"] {
            let whoami = http.get(format!("{}/v1/whoami", at("api_url"))).bearer_auth(at(key)).send().await.unwrap();
            assert_eq!(whoami.status(), 200, "{environment} {key}");
            assert_eq!(whoami.headers()["x-environment"], environment);
        }
        let question = json!({"key": at("organization_key"), "permissions": ["documents.read"]});
        let verify = http.post(format!("{}/v1/keys/verify", at("keys_url"))).bearer_auth(at("keys_token"));
        let answer: Value = verify.json(&question).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["verdict"], "VALID", "{answer:#}");
        assert_eq!(answer["organization_id"], file["organization"]["id"], "the same in every environment");
        assert_eq!(answer["environment"], environment);
    }
}

#[tokio::test]
async fn a_second_start_finds_the_data_of_all_three_environments() {
    let folder = folder();
    let offset = free_offset(4_000);
    let first = Dev::until_ready(folder.path(), offset).await;
    let file = dev_json(folder.path());
    is_served(&file).await;

    let second = Dev::start(folder.path(), offset).ended().await;
    assert!(!second.success(), "two in one folder");

    first.signal(Signal::SIGINT);
    assert!(first.ended().await.success());
    Dev::ports_are_free(offset).await;

    let moved = free_offset(offset + 100);
    let again = Dev::until_ready(folder.path(), moved).await;
    let found = dev_json(folder.path());
    assert_eq!(found["organization"], file["organization"]);
    let key = "/environments/staging/organization_key";
    assert_eq!(found.pointer(key), file.pointer(key));
    is_served(&found).await;
    again.signal(Signal::SIGTERM);
    assert!(again.ended().await.success());
}

#[tokio::test]
async fn nothing_outlives_a_kill_and_the_next_start_goes_on() {
    let folder = folder();
    let offset = free_offset(13_000);
    let first = Dev::until_ready(folder.path(), offset).await;
    let file = dev_json(folder.path());
    first.signal(Signal::SIGKILL);
    first.ended().await;
    Dev::ports_are_free(offset).await;
    let second = Dev::until_ready(folder.path(), offset).await;
    is_served(&file).await;
    second.signal(Signal::SIGINT);
    second.ended().await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let folder = folder();
    let offset = free_offset(22_000);
    let taken = TcpListener::bind(("127.0.0.1", 3014 + offset)).unwrap();
    let status = Dev::start(folder.path(), offset).ended().await;
    assert!(!status.success());
    let told = output(folder.path());
    assert!(told.contains(&format!("port {}", 3014 + offset)), "{told}");
    assert!(told.contains("keys staging") && told.contains("--port-offset"), "{told}");
    drop(taken);
}
