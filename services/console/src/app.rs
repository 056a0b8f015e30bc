//! What every handler of the console shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use domain::environment::Environment;
use http::HeaderMap;
use poem::Request;
use server::http::RequestContext;
use server::metrics::Metrics;
use server::problem::{ErrorCode, Problem};
use store::control::{Control, ControlOrigin, SessionLifetime};
use url::Url;

use crate::config::{Config, EnvironmentApi};
use crate::cookies;
use crate::environments::Environments;
use crate::mail::Mailer;
use crate::metrics::ConsoleMetrics;
use crate::passwords::{HashPool, Rules};
use crate::seal::Sealer;
use crate::signed::{SessionCache, SignedIn};
use crate::tokens::Tokens;

/// The console's dependencies.
pub struct App {
    /// People, sessions and the directory.
    pub control: Control,
    /// Sessions that were asked for a moment ago.
    pub sessions: SessionCache,
    /// How long they last.
    pub lifetime: SessionLifetime,
    /// Hashes passwords.
    pub passwords: HashPool,
    /// What new passwords have to be like.
    pub rules: Rules,
    /// Seals what has to be read again.
    pub sealer: Sealer,
    /// Vouches for people to the environments.
    pub tokens: Tokens,
    /// Asks the environments.
    pub apis: Environments,
    /// Sends mail, where the installation can.
    pub mail: Option<Mailer>,
    /// The environments that the console works in.
    pub environments: BTreeMap<Environment, EnvironmentApi>,
    /// Where browsers reach the console.
    pub public_url: Url,
    /// What this process counts.
    pub metrics: ConsoleMetrics,
}

impl App {
    /// An app over what the configuration names. Nothing has to be up: connections are made when they are first used.
    pub async fn connect(config: &Config, metrics: &Metrics) -> anyhow::Result<Arc<Self>> {
        let control = Control::connect(&config.database).await?;
        let sealer = Sealer::new(config.secrets.sealing_key().context("secrets.sealing_key")?);
        let public_url = config.server.public_url().context("server.public_url")?;
        let issuer = public_url.origin().ascii_serialization();
        Ok(Arc::new(Self {
            tokens: Tokens::new(control.clone(), sealer.clone(), issuer),
            apis: Environments::new()?,
            control,
            sessions: SessionCache::default(),
            lifetime: config.sessions.lifetime(),
            passwords: HashPool::new(config.passwords.hashing)?,
            rules: Rules::load(&config.passwords)?,
            sealer,
            mail: Mailer::connect(&config.mail)?,
            environments: config.environments.clone(),
            public_url,
            metrics: ConsoleMetrics::register(metrics),
        }))
    }

    /// Whom a request's cookie stands for, if its session holds.
    pub async fn find_signed_in(&self, headers: &HeaderMap) -> Result<Option<Arc<SignedIn>>, Problem> {
        let Some(token) = cookies::read(headers, cookies::SESSION) else { return Ok(None) };
        Ok(self.sessions.find(&self.control, &token, self.lifetime.idle).await?)
    }

    /// The console's own origin, as browsers write it.
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// A link to one of the console's pages, for a mail or for whoever hands it on.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}

/// Where a request comes from, for the logs.
pub fn origin_of(request: &Request) -> Result<ControlOrigin, Problem> {
    let context = request.data::<Arc<RequestContext>>().ok_or_else(|| Problem::new(ErrorCode::Internal))?;
    let agent = request.header(http::header::USER_AGENT).unwrap_or_default();
    Ok(ControlOrigin::new(context.request_id.clone(), context.client_ip, agent))
}
