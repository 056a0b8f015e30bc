//! What several of these tests need: keys made through the API, a load on them.

use std::time::{Duration, Instant};

use domain::secret::{PlainSecret, Prefix};
use http::Method;
use serde_json::{Value, json};
use testkit::{Client, EVERYTHING_LIMIT, FleetEnvironment, Load, Samples};

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);
/// How many questions tell whether a replica is well.
const PROBES: usize = 10;

/// Makes a key of `acme` that no load uses up; answers with its id and secret.
pub async fn make_key(api: &Client, name: &str) -> (String, String) {
    let limits = json!([{"name": "requests", "limit": EVERYTHING_LIMIT, "window_ms": 60_000}]);
    let body = json!({"name": name, "limits": limits});
    let deadline = Instant::now() + PATIENCE;
    loop {
        let made = api.post("/v1/organizations/acme/keys", &body).await;
        // A busy machine may take its Redis for away, and whoever makes credentials waits for it.
        if made.status.as_u16() == 503 && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let made = made.expect(201);
        return (made.text("/key/id").to_owned(), made.text("/secret").to_owned());
    }
}

/// Keys to ask for: many that are good, one that is revoked, one that nobody ever made.
pub struct KeySet {
    bodies: Vec<Value>,
    goods: usize,
}

impl KeySet {
    /// Makes them; each replica has seen each of them once.
    pub async fn make(place: &FleetEnvironment, goods: usize) -> Self {
        let root = place.root(0);
        let mut bodies = Vec::new();
        for number in 0..goods {
            bodies.push(json!({"key": make_key(&root, &format!("good {number}")).await.1}));
        }
        let (id, secret) = make_key(&root, "revoked").await;
        root.post_empty(&format!("/v1/organizations/acme/keys/{id}/revoke")).await.expect(200);
        bodies.push(json!({"key": secret}));
        bodies.push(json!({"key": PlainSecret::generate(&Prefix::organization(), place.environment).expose()}));
        let key_set = Self { bodies, goods };
        for replica in 0..place.keys_urls.len() {
            for (at, body) in key_set.bodies.iter().enumerate() {
                let answer = place.keys(replica).post("/v1/keys/verify", body).await.expect(200);
                assert_eq!(answer.text("/verdict"), key_set.expected(at));
            }
        }
        key_set
    }

    /// Whether a replica answers as it should, with limits that all replicas share: about each kind of key, and some of
    /// the good ones.
    pub async fn is_right(&self, keys: &Client) -> bool {
        for (at, body) in self.bodies.iter().enumerate().skip(self.bodies.len().saturating_sub(PROBES)) {
            let answer = keys.try_send(keys.request(Method::POST, "/v1/keys/verify").json(body)).await;
            let is_right = answer.is_ok_and(|answer| {
                let is_local = answer.body["limits"][0]["enforced"] == "local";
                answer.body["verdict"] == self.expected(at) && !is_local
            });
            if !is_right {
                return false;
            }
        }
        true
    }

    /// Questions about all of them to all replicas.
    pub fn load(&self, place: &FleetEnvironment) -> Load {
        Load::verifications(&place.keys_urls, &place.token, &self.bodies)
    }

    /// The right verdict about one of them.
    pub fn expected(&self, body: usize) -> &'static str {
        if body < self.goods {
            "VALID"
        } else if body == self.goods {
            "REVOKED"
        } else {
            "NOT_FOUND"
        }
    }

    /// The questions about good keys.
    pub fn goods(&self, samples: &Samples) -> Samples {
        samples.of(|sample| sample.body < self.goods)
    }

    /// How often a key that is not good was accepted.
    pub fn wrong_accepts(&self, samples: &Samples) -> usize {
        samples.of(|sample| sample.body >= self.goods && sample.outcome.is("VALID")).count()
    }
}
