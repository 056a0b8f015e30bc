//! The installation as it is run: the real program, a process for each service, every one of them telling all it knows.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER};
use dev::{LocalDatabase, LocalOptions, Postgres, Process, Redis, RedisUser, StopSignal};
use domain::environment::Environment;
use rand::RngExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Collector;
use testkit::free_ports;
use tokio::process::Command;

const READY_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Three environments in seven processes, with a Postgres and a Redis of their own. Fields end in this order.
pub struct Installation {
    /// The services.
    pub processes: Vec<Process>,
    /// Each environment.
    pub places: Vec<InstalledEnvironment>,
    /// Where health and metrics are.
    pub management: Vec<u16>,
    /// What nobody may ever read outside the configuration.
    pub confidential: Vec<Vec<u8>>,
    /// What every process sends each of its requests' spans to.
    pub collector: Collector,
    pub postgres: Postgres,
    pub redis: Redis,
    folder: TempDir,
}

/// One environment.
pub struct InstalledEnvironment {
    pub environment: Environment,
    pub database: LocalDatabase,
    pub redis: RedisUser,
    pub api: String,
    pub keys: String,
    pub token: String,
    pub internal_token: String,
    /// Made with the administrator's command.
    pub root_key: String,
}

/// What is drawn for an environment.
struct Drawn {
    pepper: [u8; 32],
    cursor_key: [u8; 32],
    token: String,
    internal_token: String,
}

impl Installation {
    /// Starts everything at level TRACE and waits until it is ready.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = |name: &str| {
            // Production refuses a Postgres that may lose what it confirmed.
            LocalOptions { directory: folder.path().join(name), port: None, is_durable: true }
        };
        let postgres = Postgres::start(options("postgres")).await.unwrap();
        let redis = Redis::start(options("redis")).await.unwrap();
        let [api_ports, keys_ports, api_management, worker_management] = [(); 4].map(|()| ports::<3>());
        let [keys_management] = ports::<1>();
        let mut installation = Self {
            processes: Vec::new(),
            places: Vec::new(),
            management: [&[keys_management][..], &api_management, &worker_management].concat(),
            confidential: Vec::new(),
            collector: Collector::start().await.unwrap(),
            postgres,
            redis,
            folder,
        };
        let telemetry = installation.telemetry();
        let mut environments = serde_json::Map::new();
        for (at, environment) in Environment::ALL.into_iter().enumerate() {
            let drawn = Drawn::draw();
            let (database, user) = installation.ground(environment).await;
            let api = format!("http://127.0.0.1:{}", api_ports[at]);
            let keys = format!("http://127.0.0.1:{}", keys_ports[at]);
            let stores = installation.stores(&database, &user);
            let peppers = json!([{"id": "one", "value": BASE64.encode(&drawn.pepper)}]);
            let log = json!({"level": "trace", "format": if at == 0 { "json" } else { "text" }});
            let own = json!({"port": keys_ports[at], "service_token": drawn.token, "peppers": peppers, "internal_token": drawn.internal_token});
            environments.insert(environment.name().to_owned(), merged(own, &stores));
            let own = json!({
                "environment": environment,
                "server": {"host": "127.0.0.1", "integration_port": api_ports[at], "management_port": api_management[at]},
                "keys": {"url": keys, "internal_token": drawn.internal_token},
                "secrets": {"peppers": peppers, "cursor_key": BASE64.encode(&drawn.cursor_key)},
                "log": log,
                "telemetry": telemetry,
            });
            let config = installation.write(&format!("api-{environment}"), &merged(own, &stores));
            let server = json!({"management_port": worker_management[at]});
            let own = json!({"environment": environment, "server": server, "log": log, "telemetry": telemetry});
            installation.write(&format!("worker-{environment}"), &merged(own, &stores));
            let root_key = installation.make_root_key(environment, &config).await;
            installation.confide(&drawn, &database, &user);
            let (token, internal_token) = (drawn.token, drawn.internal_token);
            installation.places.push(InstalledEnvironment {
                environment,
                database,
                redis: user,
                api,
                keys,
                token,
                internal_token,
                root_key,
            });
        }
        let keys = json!({
            "server": {"host": "127.0.0.1", "management_port": keys_management},
            "environments": environments,
            "log": {"level": "trace", "format": "text"},
            "telemetry": telemetry,
        });
        installation.write("keys", &keys);
        installation.launch().await;
        installation
    }

    /// A file in the folder that goes with the installation.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until every process says that it is ready and misses nothing.
    pub async fn await_ready(&self) {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
        for port in &self.management {
            let url = format!("http://127.0.0.1:{port}/health/ready");
            let deadline = Instant::now() + READY_TIME_MAX;
            loop {
                let health: Value = match http.get(&url).send().await {
                    Ok(answer) => answer.json().await.unwrap_or_default(),
                    Err(_) => Value::Null,
                };
                if health["status"] == "ready" && health["degraded"] == json!([]) {
                    break;
                }
                let words = self.processes.iter().filter(|process| process.ended().is_some()).map(Process::last_words);
                let words: Vec<String> = words.collect();
                assert!(words.is_empty() && Instant::now() < deadline, "not ready: {health} {words:#?}");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Runs the program to its end and keeps what it says beside the logs; says how it ended and its standard output.
    pub async fn run(&self, name: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(program()).args(arguments).output().await.unwrap();
        std::fs::write(self.log(name), &output.stderr).unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// Writes a configuration. JSON is YAML.
    pub fn write(&self, name: &str, config: &Value) -> PathBuf {
        let path = self.file(&format!("{name}.yaml"));
        std::fs::write(&path, serde_json::to_vec(config).unwrap()).unwrap();
        path
    }

    /// Where a process says what it has to say.
    pub fn log(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.log"))
    }

    async fn ground(&self, environment: Environment) -> (LocalDatabase, RedisUser) {
        let name = format!("claviger_{environment}");
        let created = self.postgres.cluster().create_database(&name, &format!("{name}_owner"), &name).await;
        let database = created.unwrap();
        store::migrate(&database.owner_url, &database.app_role).await.unwrap();
        let password = HEXLOWER.encode(&rand::rng().random::<[u8; 24]>());
        let user = RedisUser { name: environment.to_string(), password, prefix: format!("claviger:{environment}:") };
        self.redis.create_user(&user).await.unwrap();
        (database, user)
    }

    fn stores(&self, database: &LocalDatabase, user: &RedisUser) -> Value {
        json!({
            "database": {"url": database.app_url, "pool_size": 5},
            "redis": {"url": self.redis.url(user), "prefix": user.prefix, "timeout_ms": 1_000},
        })
    }

    fn telemetry(&mut self) -> Value {
        let token = HEXLOWER.encode(&rand::rng().random::<[u8; 24]>());
        self.confidential.push(token.clone().into_bytes());
        json!({
            "otlp_endpoint": self.collector.url(),
            "otlp_headers": [{"name": "authorization", "value": format!("Bearer {token}")}],
            "trace_ratio": 1.0,
            "metrics_interval_ms": 500,
        })
    }

    async fn make_root_key(&self, environment: Environment, config: &Path) -> String {
        let (environment, config) = (environment.name(), config.to_str().unwrap());
        let flags =
            ["--environment", environment, "--config", config, "--name", "root", "--all", "--limit", "1000000/60"];
        let arguments = [&["admin", "root-key", "create", "--never-expires"][..], &flags].concat();
        let (status, shown) = self.run(&format!("admin-{environment}"), &arguments).await;
        assert_eq!(status, Some(0));
        shown.trim().to_owned()
    }

    fn confide(&mut self, drawn: &Drawn, database: &LocalDatabase, user: &RedisUser) {
        let password = database.app_url.split(['@', ':']).nth(2).unwrap();
        let texts = [drawn.token.as_str(), &drawn.internal_token, password, &user.password];
        self.confidential.extend(texts.map(|text| text.as_bytes().to_vec()));
        for bytes in [drawn.pepper, drawn.cursor_key] {
            self.confidential.extend([bytes.to_vec(), BASE64.encode(&bytes).into_bytes()]);
        }
    }

    async fn launch(&mut self) {
        let of_each =
            ["api", "worker"].iter().flat_map(|kind| Environment::ALL.map(|one| (*kind, format!("{kind}-{one}"))));
        for (command, name) in [("keys", "keys".to_owned())].into_iter().chain(of_each) {
            let config = self.file(&format!("{name}.yaml"));
            let arguments = [OsStr::new("serve"), OsStr::new(command), OsStr::new("--config"), config.as_os_str()];
            let log = self.log(&name);
            let process = Process::start(&name, &program(), &arguments, &log, StopSignal::Terminate);
            self.processes.push(process.unwrap());
        }
        self.await_ready().await;
    }
}

impl Drawn {
    fn draw() -> Self {
        let mut random = rand::rng();
        Self {
            pepper: random.random(),
            cursor_key: random.random(),
            token: HEXLOWER.encode(&random.random::<[u8; 24]>()),
            internal_token: HEXLOWER.encode(&random.random::<[u8; 24]>()),
        }
    }
}

/// The program beside the tests: no crate may depend on a program, so it has to be built with them.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let file = own.parent().and_then(Path::parent).unwrap().join("claviger");
    assert!(
        file.is_file(),
        "{} is not built: run `cargo build -p claviger` first, as `make test` does",
        file.display()
    );
    file
}

/// As many as a place needs.
fn ports<const COUNT: usize>() -> [u16; COUNT] {
    free_ports(COUNT).unwrap().try_into().unwrap()
}

fn merged(mut own: Value, others: &Value) -> Value {
    own.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    own
}
