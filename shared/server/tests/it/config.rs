//! Configuration: precedence, and mistakes told together without telling values.

use std::{collections::BTreeMap, io::Write};

use serde::{Deserialize, Serialize};
use server::config::{ConfigErrors, load, undocumented};

const DEFAULTS: &str = "
server: {host: 127.0.0.1, port: 3003, trusted_proxies: []}
flags: {is_open: true}
database: {url: 'postgres://localhost', pool_size: 10}
secrets: {peppers: []}
places: {}
log: {level: info, format: json}
";

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Config {
    server: Server,
    flags: Flags,
    database: Database,
    secrets: Secrets,
    places: BTreeMap<String, Place>,
    log: Log,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Server {
    host: std::net::IpAddr,
    port: u16,
    trusted_proxies: Vec<ipnet::IpNet>,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Flags {
    is_open: bool,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Database {
    url: String,
    pool_size: u32,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Secrets {
    peppers: Vec<Pepper>,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Pepper {
    id: String,
    value: String,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Place {
    port: u16,
    token: String,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Log {
    level: String,
    format: Format,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Text,
}

fn load_with(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(file.as_bytes()).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(DEFAULTS, Some(on_disk.path()), variables)
}

fn paths(errors: &ConfigErrors) -> Vec<&str> {
    let mut paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_variable_beats_the_file_and_the_file_beats_the_defaults() {
    let file = "server: {port: 4000, host: '::1'}\ndatabase: {pool_size: 3}\n";
    let variables = [
        ("CLAVIGER__SERVER__PORT", "5000"),
        ("CLAVIGER__SERVER__TRUSTED_PROXIES", "[10.0.0.0/8]"),
        ("CLAVIGER__FLAGS__IS_OPEN", "false"),
        ("CLAVIGER__DATABASE__URL", "12345"),
        ("CLAVIGER__SECRETS__PEPPERS__0__ID", "p1"),
        ("CLAVIGER__SECRETS__PEPPERS__0__VALUE", "a: b"),
        ("CLAVIGER__PLACES__PRODUCTION__PORT", "1"),
        ("CLAVIGER__PLACES__PRODUCTION__TOKEN", "true"),
        ("CLAVIGER_CONFIG", "ignored"),
        ("PATH", "ignored"),
    ];
    let config = load_with(file, &variables).unwrap();
    assert_eq!((config.server.port, config.server.host.to_string().as_str()), (5000, "::1"));
    assert_eq!((config.database.url.as_str(), config.database.pool_size), ("12345", 3));
    assert!(!config.flags.is_open);
    assert_eq!(config.secrets.peppers, [Pepper { id: "p1".into(), value: "a: b".into() }]);
    assert_eq!(config.places["production"], Place { port: 1, token: "true".into() });
    assert_eq!(config.log.format, Format::Json);
}

#[test]
fn defaults_alone_are_a_configuration_and_name_every_setting() {
    assert!(load::<Config>(DEFAULTS, None, std::iter::empty()).is_ok());
    assert!(load_with("", &[]).is_ok());
    assert_eq!(undocumented::<Config>(DEFAULTS), Vec::<String>::new());
    let drifted = DEFAULTS.replace("pool_size: 10", "pool_size: 10}\nextra: {a: 1");
    assert_eq!(undocumented::<Config>(&drifted), ["the defaults do not load"]);
}

#[test]
fn all_mistakes_are_told_together_and_none_of_their_values() {
    let file = "
server: {port: hunter2-a, host: hunter2-b, nope: 1}
flagz: {is_open: true}
database: hunter2-c
secrets: {peppers: [{id: a}, {value: b, extra: hunter2-d}]}
places: {staging: {port: 70000}}
log: {format: hunter2-e}
";
    let errors = load_with(file, &[("CLAVIGER__FLAGS__IS_OPEN", "hunter2-f"), ("CLAVIGER__", "x")]).unwrap_err();
    assert_eq!(
        paths(&errors),
        [
            "CLAVIGER__",
            "database",
            "flags.is_open",
            "flagz",
            "log.format",
            "places.staging.port",
            "places.staging.token",
            "secrets.peppers.0.value",
            "secrets.peppers.1.extra",
            "secrets.peppers.1.id",
            "server.host",
            "server.nope",
            "server.port",
        ]
    );
    let text = errors.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("set by CLAVIGER__FLAGS__IS_OPEN"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = std::path::Path::new("/nonexistent/claviger.yaml");
    let errors = load::<Config>(DEFAULTS, Some(missing), std::iter::empty()).unwrap_err();
    assert_eq!(paths(&errors), ["/nonexistent/claviger.yaml"]);
    for file in ["server: [", "a: 1\na: 2\n", "- 1\n"] {
        let errors = load_with(file, &[("CLAVIGER__SERVER__PORT", "x")]).unwrap_err();
        assert_eq!(errors.iter().count(), 2, "the file and the variable: {errors}");
    }
}
