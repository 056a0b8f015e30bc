//! Secrets are in one response each and nowhere else: not in any log at any level, not at rest, not in Redis, not in
//! metrics; and the search that says so finds what is planted beside them.

use std::time::Duration;

use data_encoding::BASE64;
use domain::secret::{PlainSecret, Prefix};
use rand::RngExt;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::haystacks::{Haystack, connect, gather_dead, gather_live};
use crate::monitor::Monitor;
use crate::processes::{Installation, InstalledEnvironment};
use crate::search::Search;

const WORDS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Everything that was issued or brought along, as the one who was told it knows it.
#[derive(Default)]
struct Issued(Vec<String>);

impl Issued {
    /// Keeps a whole secret and gives it back.
    fn keep(&mut self, secret: &str) -> String {
        self.0.push(secret.to_owned());
        secret.to_owned()
    }

    /// The parts that prove: what stands behind the public id, without the checksum.
    fn parts(&self) -> impl Iterator<Item = Vec<u8>> {
        self.0.iter().map(|secret| {
            let tail = secret.rsplit('_').next().unwrap();
            tail.as_bytes()[..tail.len() - 6].to_vec()
        })
    }
}

fn random_text(length: usize) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(WORDS.as_bytes()[random.random_range(0..WORDS.len())])).collect()
}

/// A caller that can write requests as wrong as it likes.
struct Caller<'p> {
    place: &'p InstalledEnvironment,
    http: Client,
}

impl<'p> Caller<'p> {
    /// HTTP/2 tells more in a log than HTTP/1.1: every header field of every frame.
    fn new(place: &'p InstalledEnvironment, is_http2: bool) -> Self {
        let builder = Client::builder().no_proxy().timeout(Duration::from_secs(20));
        let builder = if is_http2 { builder.http2_prior_knowledge() } else { builder };
        Self { place, http: builder.build().unwrap() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn api(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.place.api))
    }

    fn keys(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.place.keys)).bearer_auth(&self.place.token)
    }

    fn internal_keys(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.place.keys)).bearer_auth(&self.place.internal_token)
    }

    /// Asks the API as the holder of a secret, and expects a status.
    async fn ask(&self, credential: &str, path: &str, body: &Value, status: u16) -> Value {
        let request = self.api(Method::POST, path).bearer_auth(credential).json(body);
        let (found, answer) = self.send(request).await;
        assert_eq!(found.as_u16(), status, "{path}: {answer:#}");
        answer
    }
}

/// Everything that issues, takes and ends a secret, as it should be done.
async fn use_as_meant(place: &InstalledEnvironment, issued: &mut Issued) {
    let caller = Caller::new(place, false);
    let root = issued.keep(&place.root_key);
    caller.ask(&root, "/v1/organizations", &json!({"name": "Acme", "slug": "acme"}), 201).await;
    let keys = "/v1/organizations/acme/keys";
    let everything = json!({"name": "everything", "permissions": ["keys.create", "keys.read", "keys.verify"]});
    let made = caller.ask(&root, keys, &everything, 201).await;
    let own = issued.keep(made["secret"].as_str().unwrap());

    let part = random_text(40);
    let brought = json!({"name": "brought along", "secret": part, "prefix": "acme"});
    let made = caller.ask(&root, keys, &brought, 201).await;
    assert!(made["secret"].as_str().unwrap().contains(&part));
    issued.keep(made["secret"].as_str().unwrap());
    let again = json!({"name": "brought along", "secret": issued.keep(&format!("x_{}123456", random_text(40)))[2..]});
    caller.ask(&root, keys, &again, 409).await;

    let foreign = PlainSecret::generate(&Prefix::organization(), place.environment);
    let foreign = issued.keep(foreign.expose());
    let import = json!({"key": {"name": "imported"}, "secret": foreign});
    caller.ask(&root, &format!("{keys}/import"), &import, 201).await;
    caller.ask(&root, &format!("{keys}/import"), &import, 409).await;

    // Created under an Idempotency-Key, repeated, and mistaken for another; at last given a new secret.
    let create = |name: &str| {
        let request = caller.api(Method::POST, keys).bearer_auth(&root).header("Idempotency-Key", "once");
        caller.send(request.json(&json!({"name": name})))
    };
    let (first, second) = (create("once").await, create("once").await);
    assert_eq!((first.0.as_u16(), &first.1["secret"]), (201, &second.1["secret"]));
    assert_eq!(create("twice").await.0.as_u16(), 422);
    issued.keep(first.1["secret"].as_str().unwrap());
    let regenerate = format!("{keys}/{}/regenerate", first.1["key"]["id"].as_str().unwrap());
    let regenerated = caller.ask(&root, &regenerate, &json!({"overlap_seconds": 60}), 200).await;
    let new = issued.keep(regenerated["secret"].as_str().unwrap());

    for is_http2 in [false, true] {
        let caller = Caller::new(place, is_http2);
        let whoami = caller.api(Method::GET, "/v1/whoami").bearer_auth(&own);
        assert_eq!(caller.send(whoami).await.0.as_u16(), 200);
        let question = json!({"key": new, "explain": true});
        caller.ask(&own, "/v1/keys/verify", &question, 200).await;
        caller.ask(&own, "/v1/keys/verify-batch", &json!({"requests": [question, {"key": foreign}]}), 200).await;
        let (status, answer) = caller.send(caller.keys("/v1/keys/verify").json(&json!({"key": new}))).await;
        assert_eq!((status.as_u16(), &answer["verdict"]), (200, &json!("VALID")));
    }
    let revoke = regenerate.replace("regenerate", "revoke");
    caller.ask(&root, &revoke, &json!({"reason": "compromised"}), 200).await;
}

/// Bodies that hold a secret and cannot be read, or must not be accepted, with what they get.
fn wrong_bodies(secret: &str) -> Vec<(String, u16)> {
    vec![
        (format!(r#"{{"key": "{secret}"#), 400),
        (format!(r#"{{"key": "{secret}"}} {secret}"#), 400),
        (format!(r#"{{"key": "{secret}", "key": "{secret}"}}"#), 400),
        (format!(r#"{{"{secret}": 1, "{secret}": 2}}"#), 400),
        (secret.to_owned(), 400),
        (format!(r#"{{"key": ["{secret}"]}}"#), 422),
        (format!(r#"{{"key": {{"{secret}": "{secret}"}}}}"#), 422),
        (format!(r#"{{"key": "x", "{secret}": "{secret}"}}"#), 422),
        (format!(r#"{{"key": "x", "customer": "{secret}{}"}}"#, "x".repeat(200)), 422),
        (format!(r#"{{"key": "x", "client_ip": "{secret}"}}"#), 422),
        (format!(r#"{{"key": "x", "permissions": ["{secret}"]}}"#), 422),
        (format!(r#"{{"key": "x", "domain": "{secret}"}}"#), 422),
    ]
}

/// Requests with a secret where it does not belong, with what they get.
fn wrong_places(caller: &Caller<'_>, secret: &str) -> Vec<(reqwest::RequestBuilder, u16)> {
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let get = |path: &str| caller.api(Method::GET, path);
    let whoami = || get("/v1/whoami");
    let basic = BASE64.encode(format!("user:{secret}").as_bytes());
    vec![
        (get(&format!("/v1/whoami?key={secret}")), 400),
        (get(&format!("/v1/whoami?anything={secret}")), 400),
        (get(&format!("/v1/whoami?anything={percent}")), 400),
        (get(&format!("/v1/whoami?{secret}")), 400),
        (get(&format!("/v1/organizations/{secret}/keys")).bearer_auth(secret), 400),
        (get(&format!("/v1/organizations/acme/keys/{secret}")), 400),
        (get(&format!("/{percent}")), 400),
        (whoami().header("X-Api-Key", secret), 401),
        (whoami().header("X-Api-Key", secret).bearer_auth(secret), 400),
        (whoami().header("Cookie", format!("key={secret}")), 401),
        (whoami().header("Authorization", secret), 401),
        (whoami().header("Authorization", format!("Basic {basic}")), 401),
        (whoami().header("Authorization", format!("Bearer  {secret}")), 400),
        (whoami().header("Authorization", format!("Bearer {secret}x")), 401),
        (whoami().header("Authorization", format!("Bearer {}", &secret[..secret.len() - 1])), 401),
        (whoami().header("Authorization", format!("Bearer \"{secret}\"")), 401),
        (whoami().header("X-Request-Id", secret), 401),
        (whoami().header("User-Agent", secret).header("Referer", format!("https://example.com/{secret}")), 401),
        (whoami().header("Accept", secret), 406),
        (whoami().header("Content-Encoding", secret), 415),
        (whoami().header("X-Forwarded-For", secret).header("Traceparent", secret), 401),
        (caller.api(Method::POST, "/v1/keys/verify").bearer_auth(secret).body(secret.to_owned()), 415),
        (caller.keys("/v1/keys/verify").body(secret.to_owned()), 415),
        (caller.keys(&format!("/v1/keys/verify?key={secret}")), 400),
        (caller.keys(&format!("/v1/{secret}")), 400),
        (caller.http.post(format!("{}/v1/keys/verify", caller.place.keys)).bearer_auth(secret), 401),
    ]
}

/// Everything that people and programs do wrong with a secret in their hands.
async fn use_as_not_meant(place: &InstalledEnvironment, issued: &mut Issued) {
    let root = place.root_key.clone();
    let made = Caller::new(place, false);
    let keys = "/v1/organizations/acme/keys";
    let everything = json!({"name": "misused", "permissions": ["keys.create", "keys.read", "keys.verify"]});
    let made = made.ask(&root, keys, &everything, 201).await;
    let secret = issued.keep(made["secret"].as_str().unwrap());
    for is_http2 in [false, true] {
        let caller = Caller::new(place, is_http2);
        for (body, status) in wrong_bodies(&secret) {
            let typed = |request: reqwest::RequestBuilder| {
                request.header("Content-Type", "application/json").body(body.clone())
            };
            for request in
                [caller.api(Method::POST, "/v1/keys/verify").bearer_auth(&secret), caller.keys("/v1/keys/verify")]
            {
                let (found, answer) = caller.send(typed(request)).await;
                assert_eq!(found.as_u16(), status, "{body}: {answer:#}");
            }
            let (found, _) = caller.send(typed(caller.internal_keys("/internal/v1/authenticate"))).await;
            assert_eq!(found.as_u16(), 400, "{body}");
        }
        for (request, status) in wrong_places(&caller, &secret) {
            let described = format!("{request:?}");
            let (found, answer) = caller.send(request).await;
            assert_eq!(found.as_u16(), status, "{described}: {answer:#}");
        }
        for body in [
            json!({"name": "k", "secret": secret}),
            json!({"name": secret.repeat(2)}),
            json!({"name": "k", "prefix": secret}),
        ] {
            caller.ask(&secret, keys, &body, 422).await;
        }
        let huge = json!({"name": "k", "metadata": {"key": secret.repeat(2_000)}});
        caller.ask(&secret, keys, &huge, 413).await;
        let request = caller.api(Method::POST, keys).bearer_auth(&root).header("Idempotency-Key", &secret);
        let (found, answer) = caller.send(request.json(&json!({"name": "under a secret"}))).await;
        assert_eq!(found.as_u16(), 400, "{answer:#}");
        let request = caller.api(Method::PATCH, &format!("{keys}/x")).bearer_auth(&root).header("If-Match", &secret);
        assert_eq!(caller.send(request.json(&json!({}))).await.0.as_u16(), 404);
    }
}

/// A store goes away while a secret is being made, and one while it is being looked at.
async fn use_while_stores_fail(installation: &mut Installation, issued: &mut Issued) {
    installation.postgres.kill();
    for place in &installation.places {
        let caller = Caller::new(place, false);
        let part = random_text(40);
        issued.keep(&format!("x_{part}123456"));
        let request = caller.api(Method::POST, "/v1/organizations/acme/keys").bearer_auth(&place.root_key);
        let (status, answer) = caller.send(request.json(&json!({"name": "too late", "secret": part}))).await;
        assert_eq!(status.as_u16(), 503, "{answer:#}");
        let unknown = PlainSecret::generate(&Prefix::organization(), place.environment);
        let question = json!({"key": issued.keep(unknown.expose())});
        let (status, _) = caller.send(caller.keys("/v1/keys/verify").json(&question)).await;
        assert_eq!(status.as_u16(), 503);
    }
    installation.postgres.restart().await.unwrap();
    installation.await_ready().await;
}

/// A configuration with mistakes right beside what is confidential.
async fn start_with_mistakes(installation: &Installation) {
    for (name, mistake) in [
        ("mistaken-token", json!({"keys": {"url": "nowhere", "internal_token": "short", "surplus": 1}})),
        ("mistaken-secrets", json!({"secrets": {"peppers": "not a list", "cursor_key": 7}})),
    ] {
        let file = std::fs::read(installation.file("api-production.yaml")).unwrap();
        let mut config: Value = serde_json::from_slice(&file).unwrap();
        for (section, members) in mistake.as_object().unwrap() {
            config[section].as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        }
        // What is nearly right is the likeliest to be shown with the complaint.
        let pepper = config["secrets"]["peppers"][0]["value"].as_str().map(|value| format!("{value}x"));
        if let Some(pepper) = pepper {
            config["secrets"]["peppers"][0]["value"] = Value::String(pepper);
        }
        let path = installation.write(name, &config);
        let (status, _) = installation.run(name, &["serve", "api", "--config", path.to_str().unwrap()]).await;
        assert_eq!(status, Some(78));
    }
}

/// Puts a text into every place that is searched, by the ways that lead there.
async fn plant(installation: &Installation, canary: &str) {
    for place in &installation.places {
        let caller = Caller::new(place, false);
        let customer = json!({"name": canary});
        caller.ask(&place.root_key, "/v1/organizations/acme/customers", &customer, 201).await;
        let (status, _) = caller.send(caller.api(Method::GET, &format!("/v1/{canary}"))).await;
        assert_eq!(status.as_u16(), 404);
        let (status, _) = caller.send(caller.keys(&format!("/v1/{canary}"))).await;
        assert_eq!(status.as_u16(), 404);
        let mut connection = connect(&installation.redis.url(&place.redis)).await;
        let key = format!("{}canary", place.redis.prefix);
        redis::cmd("SET").arg(key).arg(canary).query_async::<()>(&mut connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_anywhere_but_in_the_one_response_that_shows_it() {
    let mut installation = Installation::start().await;
    let monitor = Monitor::start(installation.redis.server().admin_url()).await;
    let (mut issued, canary) = (Issued::default(), random_text(32));
    for place in &installation.places {
        use_as_meant(place, &mut issued).await;
        use_as_not_meant(place, &mut issued).await;
    }
    start_with_mistakes(&installation).await;
    plant(&installation, &canary).await;
    let mut haystacks = gather_live(&installation, monitor).await;
    use_while_stores_fail(&mut installation, &mut issued).await;
    installation.processes.clear();
    installation.postgres.stop();
    haystacks.extend(gather_dead(&installation));

    let spans = installation.collector.spans();
    assert!(spans.len() > 100, "every request is traced, and these are {} spans", spans.len());
    let secrets = Search::new(issued.parts().chain(installation.confidential.iter().cloned()));
    let planted = Search::new([&canary]);
    let (mut bytes, mut leaks) = (0, Vec::new());
    for Haystack { name, bytes: haystack, has_canary } in &mut haystacks {
        assert!(haystack.len() > 20 || name.starts_with("admin-"), "{name} is empty");
        let is_service = ["api-", "worker-", "keys.log"].iter().any(|start| name.starts_with(start));
        if is_service {
            // A worker has nothing to say that is finer than DEBUG.
            let level = if name.starts_with("worker-") { "DEBUG" } else { "TRACE" };
            assert!(String::from_utf8_lossy(haystack).contains(level), "{name} tells less than all");
        }
        if let Some(found) = secrets.find(haystack) {
            leaks.push(format!("{name} holds secret {} as {}: {}", found.secret, found.form, found.around));
        }
        assert_eq!(planted.find(haystack).is_some(), *has_canary, "{name} and the canary");
        haystack.extend(canary.bytes());
        assert!(planted.find(haystack).is_some(), "the search misses what is at the end of {name}");
        bytes += haystack.len();
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
    println!(
        "{} secrets and {} values of the configuration: nowhere in {} places of together {:.1} MB",
        issued.0.len(),
        installation.confidential.len(),
        haystacks.len(),
        bytes as f64 / 1e6
    );
}
