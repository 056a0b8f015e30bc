//! `.claviger` in the current folder: data, configuration, logs, and secrets that survive restarts.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use data_encoding::{BASE64, HEXLOWER};
use domain::environment::Environment;
use rand::TryRng;
use serde::{Deserialize, Serialize};

const NAME: &str = ".claviger";
/// People type these passwords, on their own machine.
const PASSWORD_BYTES: usize = 8;
/// Where the stores' data goes if only root can reach the current folder: the servers do not run as root.
const ELSEWHERE: &str = "/var/lib/claviger-dev";

/// The folder, locked for this process.
pub struct Folder {
    root: PathBuf,
    _lock: File,
}

/// Random secrets, generated on the first start.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// Of each environment.
    pub production: EnvironmentSecrets,
    pub staging: EnvironmentSecrets,
    pub development: EnvironmentSecrets,
    /// Of the console. A folder of an earlier version has none.
    #[serde(default = "ConsoleSecrets::draw")]
    pub console: ConsoleSecrets,
}

/// The console's secrets, with the passwords of the demo's people.
#[derive(Serialize, Deserialize)]
pub struct ConsoleSecrets {
    /// 32 bytes in base64.
    pub sealing_key: String,
    /// Of the server admin.
    pub admin_password: String,
    /// Of everybody else.
    pub member_password: String,
}

/// The secrets of one environment's services.
#[derive(Serialize, Deserialize)]
pub struct EnvironmentSecrets {
    /// 32 bytes in base64.
    pub pepper: String,
    /// The service token of the key service's listener.
    pub keys_token: String,
    /// The internal token of that listener. A folder of an earlier version has none; nobody else keeps it.
    #[serde(default = "draw_token")]
    pub internal_token: String,
    /// 32 bytes in base64.
    pub cursor_key: String,
}

impl Folder {
    /// Creates the folder if needed, and locks it against another `claviger dev`.
    pub fn open() -> anyhow::Result<Self> {
        let root = std::env::current_dir().context("finding the current folder")?.join(NAME);
        make_folder(&root, 0o711)?;
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(root.join("lock"));
        let lock = lock.with_context(|| format!("opening {}", root.join("lock").display()))?;
        if lock.try_lock().is_err() {
            bail!("another claviger dev runs in this folder");
        }
        Ok(Self { root, _lock: lock })
    }

    /// Deletes everything: data, keys and secrets.
    pub fn reset(&self) -> anyhow::Result<()> {
        if let Ok(stores) = self.root.join("stores").canonicalize() {
            remove(&stores)?;
        }
        for entry in fs::read_dir(&self.root).context("reading .claviger")? {
            let entry = entry.context("reading .claviger")?;
            if entry.file_name() != "lock" {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes the folders inside, and starts the logs afresh.
    pub fn prepare(&self) -> anyhow::Result<()> {
        let logs = self.root.join("logs");
        if logs.exists() {
            remove(&logs)?;
        }
        make_folder(&logs, 0o700)?;
        make_folder(&self.root.join("config"), 0o700)?;
        let stores = self.root.join("stores");
        if stores.exists() {
            return Ok(());
        }
        if dev::is_reachable(&stores)? {
            return make_folder(&stores, 0o711);
        }
        let elsewhere = Path::new(ELSEWHERE).join(HEXLOWER.encode(&draw::<8>()));
        make_folder(&elsewhere, 0o711)?;
        // A dangling link does not `exist()`, and is still in the way.
        let _ = fs::remove_file(&stores);
        symlink(&elsewhere, &stores).with_context(|| format!("linking {}", stores.display()))
    }

    /// Where a store keeps its data.
    pub fn store(&self, name: &str) -> anyhow::Result<PathBuf> {
        let stores = self.root.join("stores");
        let real = stores.canonicalize().with_context(|| format!("finding {}", stores.display()))?;
        Ok(real.join(name))
    }

    /// Where a process logs.
    pub fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// Writes a process' configuration and says where.
    pub fn write_config(&self, name: &str, settings: &serde_json::Value) -> anyhow::Result<PathBuf> {
        let path = self.root.join("config").join(format!("{name}.yaml"));
        write_private(&path, &serde_yaml_ng::to_string(settings).context("writing YAML")?)?;
        Ok(path)
    }

    /// The file for scripts.
    pub fn dev_json(&self) -> PathBuf {
        self.root.join("dev.json")
    }

    /// Marks demo data as incomplete; it remains if creating them is interrupted.
    pub fn unfinished_demo(&self) -> PathBuf {
        self.root.join("demo.unfinished")
    }

    /// The secrets that survive restarts, generated if there are none.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        let path = self.root.join("secrets.json");
        if path.exists() {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let secrets: Secrets =
                serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
            // What an earlier version did not have was drawn just now, and has to be the same the next time.
            write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
            return Ok(secrets);
        }
        let secrets = Secrets {
            production: EnvironmentSecrets::draw(),
            staging: EnvironmentSecrets::draw(),
            development: EnvironmentSecrets::draw(),
            console: ConsoleSecrets::draw(),
        };
        write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
        Ok(secrets)
    }
}

impl Secrets {
    /// The secrets of one environment.
    pub fn of(&self, environment: Environment) -> &EnvironmentSecrets {
        match environment {
            Environment::Production => &self.production,
            Environment::Staging => &self.staging,
            Environment::Development => &self.development,
        }
    }
}

impl ConsoleSecrets {
    fn draw() -> Self {
        let password = || HEXLOWER.encode(&draw::<PASSWORD_BYTES>());
        Self { sealing_key: BASE64.encode(&draw::<32>()), admin_password: password(), member_password: password() }
    }
}

impl EnvironmentSecrets {
    fn draw() -> Self {
        Self {
            pepper: BASE64.encode(&draw::<32>()),
            keys_token: draw_token(),
            internal_token: draw_token(),
            cursor_key: BASE64.encode(&draw::<32>()),
        }
    }
}

fn draw_token() -> String {
    HEXLOWER.encode(&draw::<32>())
}

/// Writes a file atomically, readable by its owner only.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Random letters and digits, for passwords.
pub fn draw_password() -> String {
    HEXLOWER.encode(&draw::<24>())
}

fn draw<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
    bytes
}

fn make_folder(path: &Path, mode: u32) -> anyhow::Result<()> {
    let make = || {
        DirBuilder::new().recursive(true).mode(mode).create(path)?;
        // Independent of the umask.
        fs::set_permissions(path, PermissionsExt::from_mode(mode))
    };
    make().with_context(|| format!("making {}", path.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("removing {}", path.display()))
}
