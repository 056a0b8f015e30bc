//! The access matrix: every operation of the route table, by every kind of caller, in every environment.
//!
//! The table is printed and committed; a new operation, a new permission or a changed answer changes it. Run
//! `make fix` and review the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use api::operations::{Access, OPERATIONS, Operation};
use domain::environment::Environment;
use domain::permission::{Permission, Plane};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Installation, Side};

/// The columns, in the order in which they are printed.
const CALLERS: [&str; 11] = [
    "none",
    "malformed",
    "wrong-env",
    "expired",
    "revoked",
    "without",
    "exactly",
    "all-but",
    "customer",
    "other-org",
    "root",
];

/// One environment with a caller of each kind.
struct Cast<'a> {
    side: &'a Side,
    fixed: BTreeMap<&'static str, Caller>,
    exactly: BTreeMap<&'static str, Caller>,
    all_but: BTreeMap<&'static str, Caller>,
    customer: String,
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_the_matrix_says() {
    let installation = Installation::start().await;
    let mut table = String::from(HEADER);
    for environment in Environment::ALL {
        let cast = Cast::gather(&installation, environment).await;
        for operation in OPERATIONS {
            let _ = write!(table, "{:<22} {:<12}", operation.id, environment.name());
            for name in CALLERS {
                let status = cast.ask(operation, name).await;
                let _ = write!(table, " {name}={status}");
            }
            table.push('\n');
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/access-matrix.txt");
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
        let operation = OPERATIONS.iter().find(|row| line.starts_with(&format!("{} ", row.id))).unwrap();
        if operation.permission().is_some() {
            assert!(line.contains(" without=403") && line.contains(" all-but=403"), "{line}");
        }
        if matches!(operation.access, Access::Within(_)) {
            assert!(line.contains(" other-org=404") || line.contains(" other-org=403"), "{line}");
        }
        assert!(line.contains(" root=20"), "{line}");
        assert!(!line.contains("=5"), "{line}");
    }
}

impl<'a> Cast<'a> {
    async fn gather(installation: &'a Installation, environment: Environment) -> Self {
        let side = installation.side(environment);
        let elsewhere = Environment::ALL.into_iter().find(|other| *other != environment).unwrap();
        let customer = side.create_customer("Matrix customer").await;
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
        Self { side, fixed, exactly, all_but, customer }
    }

    fn caller(&self, operation: &Operation, name: &str) -> &Caller {
        let own = operation.permission().map(Permission::name);
        let of = |callers: &'_ BTreeMap<&'static str, Caller>| own.and_then(|own| callers.get(own)).is_some();
        match name {
            "exactly" if of(&self.exactly) => &self.exactly[own.unwrap()],
            "all-but" if of(&self.all_but) => &self.all_but[own.unwrap()],
            // A root permission cannot be given to an organization key, and some operations need none.
            "exactly" | "all-but" => &self.fixed["without"],
            fixed => &self.fixed[fixed],
        }
    }

    /// Makes what the operation works on, asks as the caller, and says what came back.
    async fn ask(&self, operation: &Operation, name: &str) -> u16 {
        let caller = self.caller(operation, name);
        let request = self.request(operation).await;
        let answer = match operation.method {
            "PATCH" => self.side.change(caller, &request.path, request.body, &request.if_match).await,
            method => self.side.ask(caller, method.parse().unwrap(), &request.path, request.body).await,
        };
        answer.status
    }

    /// A request that succeeds for whoever may make it, on objects of its own.
    async fn request(&self, operation: &Operation) -> Request {
        let side = self.side;
        let mut request = Request { path: operation.path.to_owned(), body: None, if_match: String::new() };
        if operation.id.ends_with("_organization") && operation.path.contains(":organization") {
            let organization = side.target_organization(operation.id).await;
            request.path = request.path.replace(":organization", &organization.id);
            request.if_match = organization.etag;
        }
        request.path = request.path.replace(":organization", side.organization());
        if request.path.contains(":key") {
            let body = json!({"name": side.fresh("target"), "customers": [self.customer]});
            let (key, _) = side.create_key(body).await;
            request.if_match = "\"1\"".to_owned();
            if operation.id == "reactivate_key" {
                side.root(Method::POST, &side.path(&format!("keys/{key}/revoke")), None).await;
            }
            if request.path.contains(":secret") {
                let secret = side.rotate(&key).await;
                request.path = request.path.replace(":secret", &secret);
            }
            request.path = request.path.replace(":key", &key);
        }
        if request.path.contains(":receipt") {
            request.path = request.path.replace(":receipt", &side.create_receipt(&self.customer).await);
        }
        if request.path.contains(":customer") {
            let is_shared = matches!(operation.id, "find_customer" | "list_customer_keys");
            let customer = if is_shared { self.customer.clone() } else { side.create_customer("Target").await };
            request.path = request.path.replace(":customer", &customer);
            request.if_match = "\"1\"".to_owned();
        }
        if request.path.contains(":domain") {
            request.path = request.path.replace(":domain", &side.create_domain().await);
        }
        request.body = body(operation.id, side, &self.customer);
        request
    }
}

struct Request {
    path: String,
    body: Option<Value>,
    if_match: String,
}

fn body(operation: &str, side: &Side, customer: &str) -> Option<Value> {
    let key = || side.organization_key().secret().to_owned();
    match operation {
        "create_organization" => Some(json!({"name": "New", "slug": side.fresh_slug()})),
        "update_organization" => Some(json!({"name": "Renamed"})),
        "create_key" => Some(json!({"name": side.fresh("made"), "customers": [customer]})),
        "import_key" => Some(json!({
            "key": {"name": side.fresh("imported"), "customers": [customer]}, "secret": side.foreign_secret(),
        })),
        "update_key" => Some(json!({"name": side.fresh("renamed")})),
        "verify_key" => Some(json!({"key": key()})),
        "verify_keys" => Some(json!({"requests": [{"key": key()}]})),
        "create_customer" => Some(json!({"name": "Made"})),
        "update_customer" => Some(json!({"name": "Renamed"})),
        "create_domain" => Some(json!({"name": side.fresh_host()})),
        _ => None,
    }
}

fn grantable() -> impl Iterator<Item = Permission> {
    Permission::ALL.iter().copied().filter(|permission| permission.plane() == Plane::Organization)
}
