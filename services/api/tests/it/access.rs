//! The access matrix: every operation of the route table, by every kind of caller, in every environment.
//!
//! The table is printed and committed; a new operation, a new permission or a changed answer changes it. Run
//! `make fix` and review the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::operation::{Reach, Route};
use api::resources::ROUTES;
use domain::environment::Environment;
use domain::permission::{Permission, Plane};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Installation, Side, manifest_dir};

/// The columns, in the order in which they are printed.
const CALLERS: [&str; 16] = [
    "none",
    "malformed",
    "wrong-env",
    "expired",
    "revoked",
    "without",
    "exactly",
    "all-but",
    "customer",
    "domain",
    "other-org",
    "root",
    "owner",
    "viewer",
    "other-member",
    "server-admin",
];

/// The domain that one caller is limited to; target keys are within it.
pub const DOMAIN: &str = "limited.example.com";

/// One environment with a caller of each kind.
pub struct Cast<'a> {
    pub side: &'a Side,
    installation: &'a Installation,
    fixed: BTreeMap<&'static str, Caller>,
    exactly: BTreeMap<&'static str, Caller>,
    all_but: BTreeMap<&'static str, Caller>,
    pub customer: String,
    pub domain: String,
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_the_matrix_says() {
    let installation = Installation::start().await;
    let mut table = String::from(HEADER);
    for environment in Environment::ALL {
        let cast = Cast::gather(&installation, environment).await;
        for route in ROUTES.iter() {
            let _ = write!(table, "{:<22} {:<12}", route.operation.id, environment.name());
            for name in CALLERS {
                let status = cast.ask(route, name).await.status;
                let _ = write!(table, " {name}={status}");
            }
            table.push('\n');
        }
    }
    let path = manifest_dir().join("tests/it/access-matrix.txt");
    if std::env::var_os("CLAVIGER_UPDATE").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (is, was)) in table.lines().zip(committed.lines()).enumerate() {
        assert_eq!(is, was, "line {} of access-matrix.txt; run `make fix` and review", line + 1);
    }
    assert_eq!(table.lines().count(), committed.lines().count(), "run `make fix` and review");
    check_rules(&table);
}

const HEADER: &str =
    "# operation x caller x environment -> status. Written by the test `access`; review every changed line.
";

/// What has to hold of every line, whatever is committed.
fn check_rules(table: &str) {
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        for refused in ["none", "malformed", "wrong-env", "expired", "revoked"] {
            assert!(line.contains(&format!(" {refused}=401")), "{line}");
        }
        let id = line.split_once(' ').unwrap().0;
        let operation = ROUTES.iter().find(|route| route.operation.id == id).unwrap().operation;
        if operation.permission.is_some() {
            assert!(line.contains(" without=403") && line.contains(" all-but=403"), "{line}");
        }
        if operation.reach == Reach::Organization {
            for stranger in ["other-org", "other-member"] {
                assert!(
                    line.contains(&format!(" {stranger}=404")) || line.contains(&format!(" {stranger}=403")),
                    "{line}"
                );
            }
        }
        // No key does what server admins do, and no member of an organization.
        let of_root = if operation.is_for_server_admins() { "403" } else { "20" };
        for caller in ["root", "owner"] {
            let is_refused = line.contains(&format!(" {caller}=403"));
            assert!(is_refused || !operation.is_for_server_admins(), "{line}");
        }
        // What comes of a verifier is held to what a key may later on: it is set with one.
        let of_admin = if id == "set_verifier" { "403" } else { "20" };
        let expected = [format!(" root={of_root}"), format!(" server-admin={of_admin}")];
        assert!(expected.iter().all(|answer| line.contains(answer)), "{line}");
        for (is_beyond, limited) in
            [(operation.is_beyond_customers, "customer"), (operation.is_beyond_domains, "domain")]
        {
            assert!(!is_beyond || line.contains(&format!(" {limited}=403")), "{line}");
        }
        assert!(!line.contains("=5"), "{line}");
    }
}

#[test]
fn a_change_of_what_is_shared_is_beyond_some_limit() {
    for route in ROUTES.iter().filter(|route| route.operation.action.is_some()) {
        let (operation, is_of_a_key) = (route.operation, route.path.contains("/keys"));
        let is_beyond = operation.is_beyond_customers || operation.is_beyond_domains;
        let is_of_no_key = operation.is_for_server_admins();
        assert!(is_of_a_key || is_beyond || is_of_no_key, "{} says not which limits it is beyond", operation.id);
    }
}

#[test]
fn every_permission_is_needed_by_an_operation() {
    for permission in Permission::ALL {
        let is_needed = ROUTES.iter().any(|route| route.operation.permission == Some(*permission));
        assert!(is_needed, "{} is needed by no operation", permission.name());
    }
}

#[test]
fn an_operation_reaches_what_its_path_names() {
    for route in ROUTES.iter() {
        let names_one = route.path.contains("{organization}") && route.operation.reach != Reach::Directory;
        assert_eq!(names_one, route.operation.reach == Reach::Organization, "{}", route.operation.id);
    }
}

impl<'a> Cast<'a> {
    pub async fn gather(installation: &'a Installation, environment: Environment) -> Self {
        let side = installation.side(environment);
        let elsewhere = Environment::ALL.into_iter().find(|other| *other != environment).unwrap();
        let customer = side.create_customer("Matrix customer").await;
        let made = side.root(Method::POST, &side.path("domains"), Some(json!({"name": DOMAIN}))).await;
        let domain = made["id"].as_str().unwrap().to_owned();
        let text = |member: &str| made[member].as_str().unwrap();
        installation.set_record(text("challenge_name"), text("challenge_value"));
        let all: Vec<&str> = grantable().map(Permission::name).collect();
        let mut fixed = BTreeMap::new();
        fixed.insert("none", Caller::anonymous());
        fixed.insert("malformed", Caller::with("clv_prod_nonsense"));
        fixed.insert("wrong-env", installation.side(elsewhere).organization_key());
        fixed.insert("without", side.create_key(json!({"name": "without", "permissions": []})).await.1);
        fixed.insert("other-org", side.other_organization_key());
        fixed.insert("root", side.root_key());
        let limited = json!({"name": "customer", "permissions": all, "customers": [customer]});
        fixed.insert("customer", side.create_key(limited).await.1);
        let limited = json!({"name": "domain", "permissions": all, "domains": [DOMAIN]});
        fixed.insert("domain", side.create_key(limited).await.1);
        let soon = installation.instant_in(std::time::Duration::from_millis(1_600)).await;
        let (expiring, caller) =
            side.create_key(json!({"name": "expired", "permissions": all, "expires_at": soon})).await;
        fixed.insert("expired", caller);
        let (revoked, caller) = side.create_key(json!({"name": "revoked", "permissions": all})).await;
        side.root(Method::POST, &side.path(&format!("keys/{revoked}/revoke")), None).await;
        fixed.insert("revoked", caller);
        let (mut exactly, mut all_but) = (BTreeMap::new(), BTreeMap::new());
        for permission in grantable() {
            let name = permission.name();
            let only = json!({"name": format!("exactly {name}"), "permissions": [name]});
            exactly.insert(name, side.create_key(only).await.1);
            let others: Vec<&str> = all.iter().copied().filter(|other| *other != name).collect();
            let others = json!({"name": format!("all but {name}"), "permissions": others});
            all_but.insert(name, side.create_key(others).await.1);
        }
        side.wait_until_expired(&expiring).await;
        Self { side, installation, fixed, exactly, all_but, customer, domain }
    }

    /// A server admin with a fresh token.
    pub fn server_admin(&self) -> Caller {
        self.installation.server_admin(self.side)
    }

    fn caller(&self, route: &Route, name: &str) -> Caller {
        let own = route.operation.permission.map(Permission::name);
        let of = |callers: &'_ BTreeMap<&'static str, Caller>| own.and_then(|own| callers.get(own)).is_some();
        match name {
            // A member's token is good for a minute, and the matrix takes longer.
            "owner" | "viewer" => self.installation.member(self.side, name),
            "other-member" => self.installation.other_member(self.side),
            "server-admin" => self.installation.server_admin(self.side),
            "exactly" if of(&self.exactly) => self.exactly[own.unwrap()].clone(),
            "all-but" if of(&self.all_but) => self.all_but[own.unwrap()].clone(),
            // A root permission cannot be given to an organization key, and some operations need none.
            "exactly" | "all-but" => self.fixed["without"].clone(),
            fixed => self.fixed[fixed].clone(),
        }
    }

    /// Makes what the operation works on, asks as the caller, and gives what came back.
    pub async fn ask(&self, route: &Route, name: &str) -> Answer {
        self.ask_as(&self.caller(route, name), route, None).await
    }

    /// Makes what the operation works on, and asks with this body instead of the matrix's own.
    pub async fn ask_as(&self, caller: &Caller, route: &Route, other_body: Option<Value>) -> Answer {
        let Example { names, body, if_match } = crate::example(self, route.operation).await;
        let body = other_body.or(body);
        let mut path = route.path.clone();
        for (name, value) in names.into_iter().chain([("organization", self.side.organization().to_owned())]) {
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        match &route.method {
            &Method::PATCH => self.side.change(caller, &path, body, &if_match).await,
            method => self.side.ask(caller, method.clone(), &path, body).await,
        }
    }
}

/// What a request of an operation needs, so that it succeeds for whoever may make it. Each resource makes its own.
#[derive(Default)]
pub struct Example {
    names: Vec<(&'static str, String)>,
    body: Option<Value>,
    if_match: String,
}

impl Example {
    /// With this in the place of `{name}` in the path.
    pub fn at(name: &'static str, value: &str) -> Self {
        Self::default().and(name, value)
    }

    /// And with this in the place of `{name}`.
    pub fn and(mut self, name: &'static str, value: &str) -> Self {
        self.names.push((name, value.to_owned()));
        self
    }

    /// With this body.
    pub fn of(body: Value) -> Self {
        Self::default().with(body)
    }

    /// And with this body.
    pub fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// And after this version was seen.
    pub fn seen(self, version: &str) -> Self {
        Self { if_match: version.to_owned(), ..self }
    }
}

fn grantable() -> impl Iterator<Item = Permission> {
    Permission::ALL.iter().copied().filter(|permission| permission.plane() == Plane::Organization)
}
