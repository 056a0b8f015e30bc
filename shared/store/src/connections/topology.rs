//! Which servers a URL names: one, those that sentinels watch, or a cluster.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

const UNREADABLE: &str = "is none of redis://host:port, redis-sentinel://host:port,host:port/master and \
    redis-cluster://host:port,host:port (each also with rediss)";
const SENTINEL_PORT: u16 = 26_379;

/// A server among several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// How one logs in at every server of a topology, and whether by TLS.
#[derive(Clone)]
pub(super) struct Login(ConnectionInfo);

/// What a URL names.
pub(super) enum Topology {
    /// One server, or whatever stands in front of it.
    Single(Box<ConnectionInfo>),
    /// The server that most of these sentinels call their master.
    Sentinel {
        /// All sentinels: a majority of those that are listed decides.
        sentinels: Vec<ConnectionInfo>,
        /// The name that they watch it under.
        master: String,
        /// For the master itself.
        login: Login,
    },
    /// The masters of a cluster.
    Cluster {
        /// Where to begin to ask who they are.
        seeds: Vec<Address>,
        /// For all of them.
        login: Login,
    },
}

impl Address {
    pub(super) fn of(address: &ConnectionAddr) -> Self {
        match address {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Self { host: host.clone(), port: *port }
            }
            ConnectionAddr::Unix(path) => Self { host: path.display().to_string(), port: 0 },
            other => Self { host: other.to_string(), port: 0 },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Login {
    /// How one server is reached.
    pub(super) fn at(&self, address: &Address) -> ConnectionInfo {
        let (host, port) = (address.host.clone(), address.port);
        let place = match self.0.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.0.clone().set_addr(place)
    }
}

impl Topology {
    /// Reads a URL; what is wrong with it otherwise, in words that show nothing of it.
    pub(super) fn read(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(UNREADABLE)?;
        let (tls, kind) = match scheme.split_once('-') {
            Some(("redis", kind)) => ("redis", kind),
            Some(("rediss", kind)) => ("rediss", kind),
            Some(_) => return Err(UNREADABLE),
            None => return url.into_connection_info().map(Box::new).map(Self::Single).map_err(|_| UNREADABLE),
        };
        let parts = Parts::read(tls, rest);
        match kind {
            "sentinel" => parts.sentinel(),
            "cluster" => parts.cluster(),
            _ => Err(UNREADABLE),
        }
    }
}

/// A URL with several hosts, taken apart.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn read(scheme: &'a str, rest: &'a str) -> Self {
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        Self { scheme, user, hosts: hosts.split(',').map(str::trim).collect(), path, query }
    }

    fn sentinel(self) -> Result<Topology, &'static str> {
        if self.path.is_empty() || self.path.contains('/') {
            return Err("has to end with the name of the master: redis-sentinel://host:port,host:port/master");
        }
        let user = self.sentinel_user()?;
        let with_port = |host: &str| if has_port(host) { host.to_owned() } else { format!("{host}:{SENTINEL_PORT}") };
        let sentinels: Result<Vec<ConnectionInfo>, _> =
            self.hosts.iter().map(|host| self.server(user.as_deref(), &with_port(host))).collect();
        let login = Login(self.server(self.user, self.hosts.first().ok_or(UNREADABLE)?)?);
        Ok(Topology::Sentinel { sentinels: sentinels?, master: self.path.to_owned(), login })
    }

    fn cluster(self) -> Result<Topology, &'static str> {
        if !self.path.is_empty() || self.query.is_some() {
            return Err("names servers and nothing else: a cluster has one database and no settings here");
        }
        let servers: Result<Vec<ConnectionInfo>, _> =
            self.hosts.iter().map(|host| self.server(self.user, host)).collect();
        let servers = servers?;
        let seeds = servers.iter().map(|server| Address::of(server.addr())).collect();
        Ok(Topology::Cluster { seeds, login: Login(servers.into_iter().next().ok_or(UNREADABLE)?) })
    }

    /// `sentinel_user` and `sentinel_password`, where sentinels want a login; it is never the master's.
    fn sentinel_user(&self) -> Result<Option<String>, &'static str> {
        let (mut name, mut password) = ("", None);
        for setting in self.query.into_iter().flat_map(|query| query.split('&')) {
            match setting.split_once('=') {
                Some(("sentinel_user", value)) => name = value,
                Some(("sentinel_password", value)) => password = Some(value),
                _ => return Err("takes sentinel_user and sentinel_password as parameters, and no others"),
            }
        }
        match password {
            Some(password) => Ok(Some(format!("{name}:{password}"))),
            None if name.is_empty() => Ok(None),
            None => Err("has a sentinel_user without a sentinel_password"),
        }
    }

    fn server(&self, user: Option<&str>, host: &str) -> Result<ConnectionInfo, &'static str> {
        if host.is_empty() {
            return Err("names a server without a host");
        }
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        format!("{}://{user}{host}/", self.scheme).into_connection_info().map_err(|_| UNREADABLE)
    }
}

fn has_port(host: &str) -> bool {
    let rest = host.rsplit(']').next().unwrap_or(host);
    rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_read_from_one_url() {
        let url = "redis-sentinel://app:p%40ss@a:1,b,[::1]/main?sentinel_password=other";
        let Ok(Topology::Sentinel { sentinels, master, login }) = Topology::read(url) else { panic!("{url}") };
        let places: Vec<String> = sentinels.iter().map(|sentinel| Address::of(sentinel.addr()).to_string()).collect();
        assert_eq!((places.join(" "), master.as_str()), ("a:1 b:26379 ::1:26379".to_owned(), "main"));
        assert_eq!(sentinels[0].redis_settings().password(), Some("other"));
        let at = login.at(&Address { host: "c".to_owned(), port: 7 });
        assert_eq!((at.redis_settings().username(), at.redis_settings().password()), (Some("app"), Some("p@ss")));
        assert_eq!(Address::of(at.addr()).to_string(), "c:7");

        let url = "rediss-cluster://app:pass@a:1,b:2";
        let Ok(Topology::Cluster { seeds, login }) = Topology::read(url) else { panic!("{url}") };
        assert_eq!(seeds.iter().map(Address::to_string).collect::<Vec<_>>(), ["a:1", "b:2"]);
        assert!(matches!(login.at(&seeds[1]).addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        assert!(matches!(Topology::read("redis://a:1/"), Ok(Topology::Single(_))));
    }

    #[test]
    fn a_mistake_is_told_without_showing_the_url() {
        let wrong = [
            "",
            "a:1",
            "http://a:1",
            "redis-somehow://a:1",
            "redis-sentinel://a:1,b:2",
            "redis-sentinel://a:1,,b:2/main",
            "redis-sentinel://a:1/main?hunter2=3",
            "redis-cluster://u:hunter2@a:1/3",
            "redis-cluster://u:hunter2@",
        ];
        for url in wrong {
            let Err(message) = Topology::read(url) else { panic!("{url}") };
            assert!(!message.contains("hunter2"));
        }
    }
}
