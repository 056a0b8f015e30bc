//! What the tests of this crate ask of a running installation: callers, requests, and objects to work on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::environment::Environment;
use domain::secret::{PlainSecret, Prefix};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::World;

/// Three environments that serve.
pub struct Installation {
    sides: Vec<Side>,
    world: World,
}

/// One environment.
pub struct Side {
    environment: Environment,
    http: reqwest::Client,
    base: String,
    organization: String,
    root: Caller,
    own: Caller,
    other: Caller,
    count: AtomicU64,
}

/// Somebody who asks, with what it presents.
#[derive(Clone)]
pub struct Caller(Option<String>);

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

/// An organization to work on.
pub struct Target {
    pub id: String,
    pub etag: String,
}

/// This crate's folder in the checkout that cargo runs in, for builds are shared between checkouts.
pub fn manifest_dir() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where this crate is").into()
}

impl Installation {
    pub async fn start() -> Self {
        Self::of(World::start().await)
    }

    /// One whose organizations may name a verifier at this origin of this machine.
    pub async fn with_verifier(url: &str) -> Self {
        Self::of(World::builder().verifier(url).start().await)
    }

    fn of(world: World) -> Self {
        let side = |environment| {
            let place = world.environment(environment);
            Side {
                environment,
                http: reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build().unwrap(),
                base: place.api.base_url().to_owned(),
                organization: world.acme.to_string(),
                root: Caller::with(&place.root_key),
                own: Caller::with(&place.organization_key),
                other: Caller::with(&place.other_organization_key),
                count: AtomicU64::new(0),
            }
        };
        let sides = Environment::ALL.into_iter().map(side).collect();
        Self { sides, world }
    }

    /// A member of the side's organization, with a fresh token.
    pub fn member(&self, side: &Side, role: &str) -> Caller {
        Caller::with(&self.world.members.member(side.environment, self.world.acme, role))
    }

    /// An owner of the other organization.
    pub fn other_member(&self, side: &Side) -> Caller {
        Caller::with(&self.world.members.member(side.environment, self.world.globex, "owner"))
    }

    /// A server admin who has proved lately who they are.
    pub fn server_admin(&self, side: &Side) -> Caller {
        Caller::with(&self.world.members.server_admin(side.environment))
    }

    /// Who signs the tokens of members.
    pub fn signer(&self) -> &testkit::TokenSigner {
        &self.world.members
    }

    /// The organization of most requests.
    pub fn acme(&self) -> domain::ids::OrganizationId {
        self.world.acme
    }

    pub fn side(&self, environment: Environment) -> &Side {
        self.sides.iter().find(|side| side.environment == environment).unwrap()
    }

    /// Asks with this text as the whole of `Authorization`.
    pub async fn ask_with(&self, environment: Environment, authorization: &str, path: &str) -> Answer {
        let side = self.side(environment);
        let request = side.http.get(format!("{}{path}", side.base)).header("Authorization", authorization);
        side.send(&Caller::anonymous(), request, None).await
    }

    /// Gives a name its one TXT record.
    pub fn set_record(&self, name: &str, value: &str) {
        self.world.names.set(name, value);
    }

    /// What is stored of the secret of the creation under an Idempotency-Key.
    pub async fn sealed_secret(&self, environment: Environment, attempt: &str) -> Vec<u8> {
        let sql = "select sealed_secret from idempotency where key = $1";
        let mut superuser = self.superuser(environment).await;
        sqlx::query_scalar(sql).bind(attempt.to_owned()).fetch_one(&mut superuser).await.unwrap()
    }

    /// The newest entry of all action logs: its action and its details.
    pub async fn last_event(&self, environment: Environment) -> (String, Value) {
        let sql = "select action, details::text from events order by at desc, seq desc limit 1";
        let mut superuser = self.superuser(environment).await;
        let (action, details): (String, String) = sqlx::query_as(sql).fetch_one(&mut superuser).await.unwrap();
        (action, serde_json::from_str(&details).unwrap())
    }

    /// How many entries hold this text.
    pub async fn count_events_with(&self, environment: Environment, text: &str) -> i64 {
        let sql = "select count(*) from events where strpos(details::text, $1) > 0";
        let mut superuser = self.superuser(environment).await;
        sqlx::query_scalar(sql).bind(text.to_owned()).fetch_one(&mut superuser).await.unwrap()
    }

    /// Makes the kept answers of creations older by so much.
    pub async fn age_replays(&self, environment: Environment, by: &str) {
        let sql = "update idempotency set created_at = created_at - $1::text::interval";
        let mut superuser = self.superuser(environment).await;
        sqlx::query(sql).bind(by.to_owned()).execute(&mut superuser).await.unwrap();
    }

    /// One number, of all organizations' rows.
    pub async fn count(&self, environment: Environment, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.superuser(environment).await).await.unwrap()
    }

    /// Many keys of an organization at once, with the tag `filled`; their secrets are nobody's.
    pub async fn fill_keys(&self, environment: Environment, organization: &str, count: i32) {
        let organization: domain::ids::OrganizationId = organization.parse().unwrap();
        let sql = "with made as (
                insert into keys
                    (organization_id, id, kind, name, name_folded, permissions, is_for_all_customers, limits, metadata, tags,
                    created_at, created_by, updated_at)
                select $1, gen_random_uuid(), 'organization', 'filled ' || n, 'filled ' || n, '{}', true,
                    '[{\"name\": \"requests\", \"limit\": 10, \"window_ms\": 60000}]', '{}', '{filled}', now(), 'test', now()
                from generate_series(1, $2) n
                returning organization_id, id
            )
            insert into secrets (organization_id, id, key_id, prefix, lookup_id, last4, hash, hash_scheme, pepper_id, created_at)
            select organization_id, gen_random_uuid(), id, 'clv', left(replace(gen_random_uuid()::text, '-', ''), 16), 'abcd',
                decode(repeat('00', 32), 'hex'), 'text', 'none', now()
            from made";
        let mut superuser = self.superuser(environment).await;
        sqlx::query(sql).bind(organization.uuid()).bind(count).execute(&mut superuser).await.unwrap();
    }

    /// What the key service says to whoever verifies without the Integration API.
    pub async fn ask_key_service(&self, environment: Environment, body: &Value) -> (u16, Value) {
        let answer = self.world.keys(environment).post("/v1/keys/verify", body).await;
        (answer.status.as_u16(), answer.body.clone())
    }

    /// Runs a statement on all organizations' rows.
    pub async fn run(&self, environment: Environment, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.superuser(environment).await).await.unwrap();
    }

    async fn superuser(&self, environment: Environment) -> PgConnection {
        let database = &self.world.environment(environment).database.name;
        PgConnection::connect(&self.world.servers().cluster.superuser_url(database)).await.unwrap()
    }

    /// An instant a little ahead of the database's clock, which is this machine's.
    pub async fn instant_in(&self, wait: Duration) -> String {
        now_plus(TimeDelta::from_std(wait).unwrap())
    }
}

/// An instant so many hours ahead.
pub fn hours_ahead(hours: i64) -> String {
    now_plus(TimeDelta::hours(hours))
}

#[expect(clippy::disallowed_methods, reason = "the stores run on this machine, so its clock is theirs")]
fn now_plus(wait: TimeDelta) -> String {
    let at: DateTime<Utc> = Utc::now() + wait;
    domain::instants::format_instant(at)
}

impl Caller {
    pub fn anonymous() -> Self {
        Self(None)
    }

    pub fn with(secret: &str) -> Self {
        Self(Some(secret.to_owned()))
    }

    pub fn secret(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    /// The answer without what differs from request to request.
    pub fn without_request_id(&self) -> (u16, String) {
        let mut body = self.json();
        body.as_object_mut().unwrap().remove("request_id").unwrap();
        (self.status, body.to_string())
    }
}

impl Side {
    pub fn root_key(&self) -> Caller {
        self.root.clone()
    }

    pub fn organization_key(&self) -> Caller {
        self.own.clone()
    }

    pub fn other_organization_key(&self) -> Caller {
        self.other.clone()
    }

    pub fn organization(&self) -> &str {
        &self.organization
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v1/organizations/{}/{rest}", self.organization)
    }

    pub fn fresh(&self, word: &str) -> String {
        format!("{word} {}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    pub fn fresh_slug(&self) -> String {
        self.fresh("made").replace(' ', "-")
    }

    /// The id of an organization that nobody has made.
    pub fn fresh_organization_id(&self) -> String {
        domain::ids::OrganizationId::from_uuid(uuid::Uuid::from_u128(rand::random())).to_string()
    }

    pub fn fresh_host(&self) -> String {
        format!("{}.example.com", self.fresh("host").replace(' ', "-"))
    }

    /// A whole secret of this environment's form that this installation did not issue.
    pub fn foreign_secret(&self) -> String {
        PlainSecret::generate(&Prefix::organization(), self.environment).expose().to_owned()
    }

    /// The SHA-256 of a text in hex.
    pub fn sha256(&self, text: &str) -> String {
        use sha2::Digest as _;
        data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(text.as_bytes()))
    }

    /// Creates something under an Idempotency-Key.
    pub async fn ask_once(&self, caller: &Caller, path: &str, body: &Value, attempt: &str) -> Answer {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(caller.secret()).json(body);
        let response = request.header("Idempotency-Key", attempt).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn ask(&self, caller: &Caller, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.send(caller, self.http.request(method, format!("{}{path}", self.base)), body).await
    }

    /// Asks for a change of the version that the caller has seen.
    pub async fn change(&self, caller: &Caller, path: &str, body: Option<Value>, version: &str) -> Answer {
        let request = self.http.patch(format!("{}{path}", self.base)).header("If-Match", version);
        self.send(caller, request, body).await
    }

    async fn send(&self, caller: &Caller, mut request: reqwest::RequestBuilder, body: Option<Value>) -> Answer {
        if let Some(secret) = &caller.0 {
            request = request.bearer_auth(secret);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    /// Asks as the root key and insists on success.
    pub async fn root(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.ask(&self.root, method, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// A key of the organization: its id, and a caller that presents its secret.
    pub async fn create_key(&self, body: Value) -> (String, Caller) {
        let made = self.root(Method::POST, &self.path("keys"), Some(body)).await;
        let caller = Caller::with(made["secret"].as_str().unwrap());
        (made["key"]["id"].as_str().unwrap().to_owned(), caller)
    }

    pub async fn create_customer(&self, name: &str) -> String {
        let made = self.root(Method::POST, &self.path("customers"), Some(json!({"name": name}))).await;
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn create_domain(&self) -> String {
        let made = self.root(Method::POST, &self.path("domains"), Some(json!({"name": self.fresh_host()}))).await;
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn create_receipt(&self, customer: &str) -> String {
        let (key, _) = self.create_key(json!({"name": self.fresh("receipt"), "customers": [customer]})).await;
        let revoked = self.root(Method::POST, &self.path(&format!("keys/{key}/revoke")), None).await;
        revoked["receipt"]["id"].as_str().unwrap().to_owned()
    }

    /// Regenerates with an overlap and says which secret is the old one.
    pub async fn rotate(&self, key: &str) -> String {
        let body = json!({"overlap_seconds": 600});
        self.root(Method::POST, &self.path(&format!("keys/{key}/regenerate")), Some(body)).await;
        let secrets = self.root(Method::GET, &self.path(&format!("keys/{key}/secrets")), None).await;
        secrets["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The organization itself, or one of its own for operations that would end it.
    pub async fn target_organization(&self, operation: &str) -> Target {
        let id = match operation {
            "delete_organization" | "suspend_organization" | "resume_organization" => {
                let body = json!({"name": "Target", "slug": self.fresh_slug()});
                let made = self.root(Method::POST, "/v1/organizations", Some(body)).await;
                made["id"].as_str().unwrap().to_owned()
            }
            _ => self.organization.clone(),
        };
        let path = format!("/v1/organizations/{id}");
        let found = self.ask(&self.root, Method::GET, &path, None).await;
        Target { id, etag: found.headers["etag"].to_str().unwrap().to_owned() }
    }

    pub async fn wait_until_expired(&self, key: &str) {
        let path = self.path(&format!("keys/{key}"));
        for _ in 0..200 {
            if self.root(Method::GET, &path, None).await["status"] == "expired" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the key does not expire");
    }
}
