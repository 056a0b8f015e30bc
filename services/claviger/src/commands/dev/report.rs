//! The output of `claviger dev`: `dev.json` for scripts, a table and commands to paste for people.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use domain::environment::Environment;
use serde::{Deserialize, Serialize};

use super::configs::console_url;
use super::demo::Demo;
use super::folder::{Folder, Secrets, write_private};
use super::people;
use super::ports::Ports;

/// Commands to try first.
const LINES_TO_PASTE: &str = r#"Who am I, and what may I do?
  curl -s API/v1/whoami -H 'Authorization: Bearer ORGANIZATION'
All organizations, with the root key:
  curl -s API/v1/organizations -H 'Authorization: Bearer ROOT'
A new key; the answer shows its secret, this once:
  curl -s API/v1/organizations/acme/keys -H 'Authorization: Bearer ORGANIZATION' \
    -H 'Content-Type: application/json' -d '{"name": "My key of '$(date +%T)'", "permissions": ["documents.read"]}'
May this key read documents?
  curl -s KEYS/v1/keys/verify -H 'Authorization: Bearer TOKEN' \
    -H 'Content-Type: application/json' -d '{"key": "ORGANIZATION", "permissions": ["documents.read"]}'

"#;

/// `dev.json`.
#[derive(Serialize, Deserialize)]
pub struct DevFile {
    /// A file of an earlier version has none.
    #[serde(default)]
    console: DevConsole,
    organization: DevOrganization,
    environments: DevEnvironments,
}

#[derive(Default, Serialize, Deserialize)]
struct DevConsole {
    url: String,
    email: String,
    password: String,
    member_email: String,
    member_password: String,
}

#[derive(Serialize, Deserialize)]
struct DevOrganization {
    id: String,
    slug: String,
}

#[derive(Serialize, Deserialize)]
struct DevEnvironments {
    production: DevEnvironment,
    staging: DevEnvironment,
    development: DevEnvironment,
}

#[derive(Serialize, Deserialize)]
struct DevEnvironment {
    api_url: String,
    keys_url: String,
    keys_token: String,
    root_key: String,
    organization_key: String,
}

impl DevFile {
    /// Reads what an earlier start wrote.
    pub fn read(folder: &Folder) -> anyhow::Result<Option<Self>> {
        let path = folder.dev_json();
        if !path.exists() {
            return Ok(None);
        }
        let read = || Ok::<_, anyhow::Error>(serde_json::from_str(&std::fs::read_to_string(&path)?)?);
        read().with_context(|| format!("{} cannot be read; claviger dev --reset starts afresh", path.display()))
    }

    /// The file of a first start.
    pub fn new(demo: Demo, ports: Ports, secrets: &Secrets) -> anyhow::Result<Self> {
        let mut keys = demo.keys.into_iter();
        let mut next = |environment| {
            let keys = keys.next().context("an environment without demo keys")?;
            Ok::<_, anyhow::Error>(DevEnvironment {
                api_url: api_url(ports, environment),
                keys_url: keys_url(ports, environment),
                keys_token: secrets.of(environment).keys_token.clone(),
                root_key: keys.root_key,
                organization_key: keys.organization_key,
            })
        };
        Ok(Self {
            console: DevConsole::new(ports, secrets),
            organization: DevOrganization { id: demo.acme.to_string(), slug: "acme".to_owned() },
            environments: DevEnvironments {
                production: next(Environment::Production)?,
                staging: next(Environment::Staging)?,
                development: next(Environment::Development)?,
            },
        })
    }

    /// The same keys with the ports of this start.
    pub fn moved(mut self, ports: Ports, secrets: &Secrets) -> Self {
        self.console = DevConsole::new(ports, secrets);
        for environment in Environment::ALL {
            let entry = match environment {
                Environment::Production => &mut self.environments.production,
                Environment::Staging => &mut self.environments.staging,
                Environment::Development => &mut self.environments.development,
            };
            entry.api_url = api_url(ports, environment);
            entry.keys_url = keys_url(ports, environment);
        }
        self
    }

    /// Writes it, readable by its owner only.
    pub fn write(&self, folder: &Folder) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        write_private(&folder.dev_json(), &text)
    }

    /// Prints the table and the lines to paste.
    pub fn print(&self, ports: Ports, seconds: f64) -> anyhow::Result<()> {
        let mut output = std::io::stdout().lock();
        output.write_all(self.text(ports, seconds)?.as_bytes()).context("writing to standard output")
    }

    fn text(&self, ports: Ports, seconds: f64) -> anyhow::Result<String> {
        let mut text = format!("\nClaviger is ready ({seconds:.1} s). Ctrl-C stops everything.\n\n");
        writeln!(text, "{:<13} {:<23} {:<23} documentation", "environment", "Integration API", "key service")?;
        let environments = &self.environments;
        let entries = [&environments.production, &environments.staging, &environments.development];
        for (environment, entry) in Environment::ALL.into_iter().zip(entries) {
            let (api, keys) = (&entry.api_url, &entry.keys_url);
            writeln!(text, "{:<13} {api:<23} {keys:<23} {api}/v1/docs", environment.name())?;
        }
        let DevConsole { url, email, password, member_email, member_password } = &self.console;
        writeln!(text, "\nThe console is at {url}")?;
        writeln!(text, "  server admin      {email:<20} {password}")?;
        writeln!(text, "  owner of acme     {member_email:<20} {member_password}")?;
        let (postgres, redis) = (ports.postgres(), ports.redis());
        writeln!(text, "\nPostgres on port {postgres}, Redis on port {redis}, logs in .claviger/logs,")?;
        writeln!(text, "keys and tokens for scripts in .claviger/dev.json. The organization is acme.\n")?;
        let DevEnvironment { api_url, keys_url, keys_token, root_key, organization_key } = &environments.production;
        let lines = [("API", api_url), ("KEYS", keys_url), ("TOKEN", keys_token), ("ROOT", root_key)];
        let lines = lines.into_iter().chain([("ORGANIZATION", organization_key)]);
        text.push_str(&lines.fold(LINES_TO_PASTE.to_owned(), |text, (name, value)| text.replace(name, value)));
        Ok(text)
    }
}

impl DevConsole {
    fn new(ports: Ports, secrets: &Secrets) -> Self {
        Self {
            url: console_url(ports),
            email: people::ADMIN.to_owned(),
            password: secrets.console.admin_password.clone(),
            member_email: people::OWNER.to_owned(),
            member_password: secrets.console.member_password.clone(),
        }
    }
}

fn api_url(ports: Ports, environment: Environment) -> String {
    format!("http://127.0.0.1:{}", ports.api(environment))
}

fn keys_url(ports: Ports, environment: Environment) -> String {
    format!("http://127.0.0.1:{}", ports.keys(environment))
}
