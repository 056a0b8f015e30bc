//! `claviger admin`: what only the administrator of an installation may do, with the configuration of an API or of the
//! console.

mod print;
mod user;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use clap::{Args, Subcommand, ValueEnum};
use domain::addresses::{IpRule, reduce};
use domain::environment::Environment;
use domain::limit::{LIMIT_MAX, Limit, WINDOW_MS_MAX, WINDOW_MS_MIN};
use domain::names::{Name, note};
use domain::permission::PermissionName;
use domain::policy::{AllOr, KeyKind, RevokeReason};
use domain::secret::PlainSecret;
use domain::validation::ValidationError;
use store::counters::Counters;
use store::{DatabaseConfig, Store};

use self::user::UserCommand;
use super::serve::load_api;
use crate::root_key::{Effect, NewRootKey, RootKeys, create};

const PATIENCE_MS: u64 = 10_000;
/// How long a root key is valid unless something else is asked for.
const LIFETIME_DAYS: u32 = 90;
const LIFETIME_DAYS_MAX: i64 = 3_650;
/// The longest that an old secret may go on working.
const OVERLAP_SECONDS_MAX: u64 = 604_800;
const IPS_MAX: usize = 100;

/// Administration.
#[derive(Subcommand)]
pub enum Admin {
    /// Root keys: across the organizations of one environment
    #[command(subcommand)]
    RootKey(RootKey),
    /// People of the console: accounts, second factors, invitations
    #[command(subcommand)]
    User(UserCommand),
}

/// Root keys. A secret is printed once, alone, to standard output; everything about it to standard error.
#[derive(Subcommand)]
pub enum RootKey {
    /// Create a root key; its secret is printed once, to standard output, and everything else to standard error
    Create(CreateRootKey),
    /// List the root keys, newest first
    List(Place),
    /// Show one root key with its secrets' hints
    Show(Reference),
    /// Revoke a root key: it is refused from the next request on
    Revoke(RevokeRootKey),
    /// Give a root key a new secret, which is printed as by create; the old one stops working at once
    Regenerate(RegenerateRootKey),
}

/// Which environment, said twice: by name and by configuration.
#[derive(Args)]
pub struct Place {
    /// The environment; it has to be the one that the configuration is of
    #[arg(long)]
    environment: Environment,
    /// The configuration of that environment's API: its database, its Redis and its peppers
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One root key.
#[derive(Args)]
pub struct Reference {
    /// Its id (key_…), or the 16 characters after the tag in its newest secret
    key: String,
    #[command(flatten)]
    place: Place,
}

/// A root key to be created.
#[derive(Args)]
pub struct CreateRootKey {
    #[command(flatten)]
    place: Place,
    /// What people will call it
    #[arg(long)]
    name: String,
    /// What it may do, as resource.action; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", required_unless_present = "all", conflicts_with = "all")]
    permissions: Vec<String>,
    /// It may do everything: what is still to come, and every organization's own permissions
    #[arg(long)]
    all: bool,
    /// How many requests in how many seconds
    #[arg(long, value_name = "REQUESTS/SECONDS", default_value = "1000/60", value_parser = read_limit)]
    limit: Limit,
    /// For how many days it is valid; 90 unless the environment allows less
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=LIFETIME_DAYS_MAX))]
    expires_in_days: Option<i64>,
    /// It has no end
    #[arg(long, conflicts_with = "expires_in_days")]
    never_expires: bool,
    /// An address or network from which it is accepted, as in 203.0.113.0/24; may be repeated
    #[arg(long = "ip", value_name = "CIDR")]
    ips: Vec<String>,
}

/// What ends a root key.
#[derive(Args)]
pub struct RevokeRootKey {
    #[command(flatten)]
    reference: Reference,
    /// Why; the secret of a compromised key never works again
    #[arg(long, value_enum, default_value = "other")]
    reason: Reason,
    /// In your own words, for the action log
    #[arg(long)]
    note: Option<String>,
}

/// What renews a root key.
#[derive(Args)]
pub struct RegenerateRootKey {
    #[command(flatten)]
    reference: Reference,
    /// For how many seconds the old secret goes on working, at most seven days
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=OVERLAP_SECONDS_MAX))]
    overlap_seconds: u64,
}

/// Why a key is revoked.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Reason {
    Compromised,
    Superseded,
    Unused,
    OwnerLeft,
    Other,
}

impl Admin {
    /// Does it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::RootKey(command) => command.run().await,
            Self::User(command) => command.run().await,
        }
    }
}

impl RootKey {
    async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(place) => {
                let keys = place.root_keys().await?;
                let (listed, now) = keys.list().await?;
                print::list(&listed, keys.environment, now)
            }
            Self::Show(reference) => {
                let keys = reference.place.root_keys().await?;
                let (key, secrets, now) = keys.find(&reference.key).await?;
                print::one(&key, &secrets, keys.environment, now)
            }
            Self::Revoke(revoke) => revoke.run().await,
            Self::Regenerate(regenerate) => regenerate.run().await,
        }
    }
}

impl Place {
    fn load(&self) -> anyhow::Result<api::Config> {
        let config = load_api(self.config.as_deref())?;
        if config.environment != self.environment {
            bail!("--environment says {}, and the configuration is of {}", self.environment, config.environment);
        }
        Ok(config)
    }

    async fn root_keys(&self) -> anyhow::Result<RootKeys> {
        connect(&self.load()?).await
    }
}

async fn connect(config: &api::Config) -> anyhow::Result<RootKeys> {
    // A person waits here, not a request.
    let database = DatabaseConfig { acquire_timeout_ms: PATIENCE_MS, ..config.database.clone() };
    Ok(RootKeys {
        environment: config.environment,
        store: Store::connect(&database).await?,
        counters: Counters::connect(&config.redis),
        peppers: config.secrets.ring()?,
    })
}

impl CreateRootKey {
    async fn run(self) -> anyhow::Result<()> {
        let config = self.place.load()?;
        let new = NewRootKey {
            name: Name::parse(&self.name).context("--name")?,
            permissions: self.permissions()?,
            limit: self.limit.clone(),
            lifetime: self.lifetime(config.policy.key_lifetime_days_max)?,
            ips: self.ips(config.policy.require_ips)?,
        };
        let keys = connect(&config).await?;
        let (key, secret) = create(&keys.store, keys.environment, &keys.peppers, new).await?;
        eprintln!("Created the root key {} of {}, valid {}.", key.id, keys.environment, print::until(&key));
        print_secret(&secret)
    }

    fn permissions(&self) -> anyhow::Result<Vec<PermissionName>> {
        if self.all {
            return Ok(vec![PermissionName::parse(PermissionName::WILDCARD)?]);
        }
        let read = |text: &String| {
            let name = PermissionName::parse(text)?;
            name.check_known(KeyKind::Root, &[])?;
            Ok(name)
        };
        let names: Result<Vec<_>, ValidationError> = self.permissions.iter().map(read).collect();
        names.context("--permission")
    }

    /// For how long the key is valid, within what the environment allows; 0 is no bound.
    fn lifetime(&self, days_max: u32) -> anyhow::Result<Option<TimeDelta>> {
        let most = if days_max == 0 { i64::MAX } else { i64::from(days_max) };
        let days = match (self.never_expires, self.expires_in_days) {
            (true, _) if days_max > 0 => {
                bail!("--never-expires: keys of this environment expire within {days_max} days")
            }
            (true, _) => return Ok(None),
            (false, None) => i64::from(LIFETIME_DAYS).min(most),
            (false, Some(days)) if days > most => {
                bail!("--expires-in-days: keys of this environment expire within {days_max} days")
            }
            (false, Some(days)) => days,
        };
        Ok(Some(TimeDelta::days(days)))
    }

    fn ips(&self, are_required: bool) -> anyhow::Result<AllOr<IpRule>> {
        if self.ips.is_empty() {
            if are_required {
                bail!("--ip: keys of this environment name the addresses from which they are accepted");
            }
            return Ok(AllOr::All);
        }
        if self.ips.len() > IPS_MAX {
            bail!("--ip: at most {IPS_MAX}");
        }
        let rules: Result<Vec<_>, ValidationError> = self.ips.iter().map(|text| IpRule::parse(text)).collect();
        Ok(AllOr::Only(reduce(rules.context("--ip")?)))
    }
}

impl RevokeRootKey {
    async fn run(self) -> anyhow::Result<()> {
        let note = self.note.as_deref().map(note).transpose().context("--note")?;
        let keys = self.reference.place.root_keys().await?;
        let (key, effect) = keys.revoke(&self.reference.key, self.reason.read(), note.as_deref()).await?;
        match effect {
            Some(effect) => eprintln!("Revoked {} ({}). {}", key.id, key.name, in_effect(effect)),
            None => eprintln!("{} ({}) was revoked before; nothing changed.", key.id, key.name),
        }
        Ok(())
    }
}

impl RegenerateRootKey {
    async fn run(self) -> anyhow::Result<()> {
        let keys = self.reference.place.root_keys().await?;
        let overlap = Duration::from_secs(self.overlap_seconds);
        let (key, secret, effect) = keys.regenerate(&self.reference.key, overlap).await?;
        eprintln!("{} ({}) has a new secret. It is valid {}.", key.id, key.name, print::until(&key));
        match self.overlap_seconds {
            0 => eprintln!("The old secret is refused. {}", in_effect(effect)),
            seconds => eprintln!("The old secret works for {seconds} s more, unless it was compromised."),
        }
        if key.revoked_at.is_some() {
            eprintln!("The key itself stays revoked.");
        }
        print_secret(&secret)
    }
}

impl Reason {
    const fn read(self) -> RevokeReason {
        match self {
            Self::Compromised => RevokeReason::Compromised,
            Self::Superseded => RevokeReason::Superseded,
            Self::Unused => RevokeReason::Unused,
            Self::OwnerLeft => RevokeReason::OwnerLeft,
            Self::Other => RevokeReason::Other,
        }
    }
}

const fn in_effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Now => "In effect from the next request on.",
        Effect::Soon => "In effect within 5 s: Redis, or a replica of the key service, could not be told at once.",
    }
}

fn print_secret(secret: &PlainSecret) -> anyhow::Result<()> {
    eprintln!("This is the only time that its secret is shown:");
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", secret.expose()).context("writing to standard output")
}

/// Reads `1000/60`: so many requests in so many seconds.
fn read_limit(text: &str) -> Result<Limit, String> {
    let numbers = text.split_once('/').and_then(|(limit, seconds)| {
        Some((limit.parse::<u64>().ok()?, seconds.parse::<u64>().ok()?.checked_mul(1_000)?))
    });
    let (limit, window_ms) = numbers.ok_or("write requests/seconds, as in 1000/60")?;
    if !(1..=LIMIT_MAX).contains(&limit) || !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&window_ms) {
        return Err(format!("1 to {LIMIT_MAX} requests in 1 to {} seconds", WINDOW_MS_MAX / 1_000));
    }
    Ok(Limit { name: "requests".to_owned(), limit, window_ms, auto: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_requests_in_seconds() {
        let limit = read_limit("1000/60").unwrap();
        assert_eq!((limit.limit, limit.window_ms), (1_000, 60_000));
        for bad in ["", "1000", "0/60", "10/0", "-1/60", "1/99999999", "1000000001/60", "1/18446744073709551615"] {
            assert!(read_limit(bad).is_err(), "{bad}");
        }
    }

    fn new(expires_in_days: Option<i64>, never_expires: bool, ips: &[&str]) -> CreateRootKey {
        CreateRootKey {
            place: Place { environment: Environment::Staging, config: None },
            name: "x".to_owned(),
            permissions: Vec::new(),
            all: true,
            limit: Limit::platform_default(),
            expires_in_days,
            never_expires,
            ips: ips.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn a_root_key_ends_after_90_days_unless_told_otherwise() {
        let days = |new: CreateRootKey, most| new.lifetime(most).ok().map(|life| life.map(|life| life.num_days()));
        assert_eq!(days(new(None, false, &[]), 0), Some(Some(90)));
        assert_eq!(days(new(None, true, &[]), 0), Some(None));
        assert_eq!(days(new(Some(365), false, &[]), 0), Some(Some(365)));
        assert_eq!(days(new(None, false, &[]), 30), Some(Some(30)), "the environment allows no more");
        assert_eq!(days(new(Some(31), false, &[]), 30), None);
        assert_eq!(days(new(None, true, &[]), 30), None);
    }

    #[test]
    fn addresses_are_rules_that_api_keys_take_too() {
        assert_eq!(new(None, false, &[]).ips(false).unwrap(), AllOr::All);
        assert!(new(None, false, &[]).ips(true).is_err(), "the environment demands some");
        let rules = new(None, false, &["203.0.113.0/24", "203.0.113.7"]).ips(true).unwrap();
        assert_eq!(rules, AllOr::Only(vec![IpRule::parse("203.0.113.0/24").unwrap()]));
        assert!(new(None, false, &["300.1.1.1"]).ips(false).is_err());
    }
}
