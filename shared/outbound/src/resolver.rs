//! Names become addresses here alone, and a name with an address that is not public has none.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::addresses::is_public;
use crate::client::OutboundError;

/// Who says which addresses a name has.
#[derive(Clone)]
pub enum Names {
    /// The system's resolver.
    System,
    /// A function.
    Fixed(Arc<Addresses>),
}

/// The addresses of a name.
type Addresses = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// A scheme, host and port that the operator of the installation vouches for: there, plain HTTP and addresses that are not
/// public are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedOrigin(url::Origin);

/// Looks names up for a client, which connects to what it answers and to nothing else.
pub(crate) struct Resolver {
    pub(crate) names: Names,
    pub(crate) reach: Reach,
}

/// Where a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public addresses alone.
    Public,
    /// Anywhere.
    Everywhere,
}

impl TrustedOrigin {
    /// Reads `https://host:port`; anything behind it is left out.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        url.has_host().then(|| Self(url.origin()))
    }

    /// Whether this text is a URL below it, without a user.
    pub fn is_of_text(&self, text: &str) -> bool {
        Url::parse(text).is_ok_and(|url| self.is_of(&url) && url.username().is_empty() && url.password().is_none())
    }

    /// Whether a URL is below it.
    pub fn is_of(&self, url: &Url) -> bool {
        url.origin() == self.0
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (self.names.clone(), self.reach);
        Box::pin(async move {
            let found = names.find(name.as_str()).await?;
            // Of several, one that is not public spoils all: whoever chose it chose the others, too.
            let is_fit = reach == Reach::Everywhere || found.iter().all(|address| is_public(*address));
            if found.is_empty() || !is_fit {
                return Err(OutboundError::NotPublic.into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

impl Names {
    async fn find(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()),
            Self::Fixed(find) => Ok(find(name)),
        }
    }
}
