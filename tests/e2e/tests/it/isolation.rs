//! Environments share a program and nothing else: what one of them issued is worth nothing in the others.

use domain::environment::Environment;
use serde_json::{Value, json};
use testkit::{Answer, World};

use crate::asking::{about, verdict, verify};

/// Every environment with every environment.
pub fn pairs() -> impl Iterator<Item = (Environment, Environment)> {
    Environment::ALL.into_iter().flat_map(|from| Environment::ALL.map(|to| (from, to)))
}

/// The same public id and secret part under the tag of another environment, with a checksum that fits: what somebody
/// presents who knows the form.
pub fn retagged(secret: &str, environment: Environment) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let parts: Vec<&str> = secret.split('_').collect();
    let [prefix, _, id, tail] = parts[..] else { panic!("a secret has four parts") };
    let body = format!("{prefix}_{}_{id}_{}", environment.tag(), &tail[..tail.len() - 6]);
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut check = [0_u8; 6];
    for digit in check.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    format!("{body}{}", std::str::from_utf8(&check).unwrap())
}

/// The secrets of an environment that open something there.
fn secrets(world: &World, environment: Environment) -> [&str; 3] {
    let environment = world.environment(environment);
    [&environment.organization_key, &environment.other_organization_key, &environment.root_key]
}

/// Presents a secret to an environment's API, to its key service, and to the door that the API itself uses; says what
/// each answered.
async fn present(world: &World, presented: &str, to: Environment) -> (Answer, Value, Value) {
    let guarded = world.api(to).with(presented).get("/v1/whoami").await;
    let verified = verify(world.keys(to), &about(presented)).await;
    let question = json!({"key": presented, "client_ip": null, "request_id": "req_1"});
    let internal =
        world.environment(to).internal_keys().post("/internal/v1/authenticate", &question).await.expect(200).body;
    (guarded, verified, internal)
}

/// Holds an environment to its refusal of a foreign secret, and to its silence about it.
async fn assert_refused(world: &World, presented: &str, to: Environment, code: &str, verdict: &str) {
    let (guarded, verified, internal) = present(world, presented, to).await;
    assert_eq!(guarded.expect(401).code(), code, "at {to}");
    let members: Vec<&str> = verified.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((verified["verdict"].as_str(), members), (Some(verdict), vec!["request_id", "verdict"]));
    assert_eq!((&internal["verdict"], &internal["authority"]), (&json!(verdict), &Value::Null));
}

#[tokio::test]
async fn a_key_opens_both_services_of_its_own_environment_only() {
    let world = World::start().await;
    let (mut accepted, mut refused) = (0, 0);
    for (from, to) in pairs() {
        for secret in secrets(&world, from) {
            let disguised = retagged(secret, to);
            assert_eq!(disguised == secret, from == to, "the disguise is made as the original is");
            if from == to {
                let (guarded, verified, internal) = present(&world, secret, to).await;
                assert_eq!(guarded.expect(200).text("/environment"), to.name());
                assert_eq!((&verified["verdict"], &internal["verdict"]), (&json!("VALID"), &json!("VALID")));
                accepted += 3;
                continue;
            }
            assert_refused(&world, secret, to, "wrong-environment", "WRONG_ENVIRONMENT").await;
            assert_refused(&world, &disguised, to, "credentials-invalid", "NOT_FOUND").await;
            refused += 6;
        }
    }
    println!("accepted {accepted} where they belong, refused {refused} elsewhere");
    assert_eq!((accepted, refused), (27, 108));
}

#[tokio::test]
async fn a_service_token_opens_the_listener_of_its_environment_only() {
    const PATHS: [&str; 4] =
        ["/v1/keys/verify", "/v1/keys/verify-batch", "/internal/v1/verify", "/internal/v1/authenticate"];
    let world = World::builder().replicas(2).start().await;
    let mut refused = 0;
    for (from, to) in pairs() {
        let token = world.keys(from).secret();
        let question = about(&world.environment(to).organization_key);
        for listener in &world.environment(to).keys {
            let holder = listener.with(token);
            if from == to {
                assert_eq!(verdict(&holder, &question).await, "VALID");
                continue;
            }
            for path in PATHS {
                assert_eq!(holder.post(path, &question).await.expect(401).code(), "credentials-invalid");
                refused += 1;
            }
        }
        // Nor is it a credential of the Integration API, of its own environment or another. Nor is the internal token, which
        // opens no listener but its own either.
        let internal = &world.environment(from).internal_token;
        for token in [token, internal.as_str()] {
            world.api(to).with(token).get("/v1/whoami").await.expect(401);
            refused += 1;
        }
        if from != to {
            for path in PATHS {
                let answer = world.keys(to).with(internal).post(path, &question).await;
                assert_eq!(answer.expect(401).code(), "credentials-invalid");
                refused += 1;
            }
        }
    }
    // Nor is any key of the environment, whatever it may do, a service token.
    for environment in Environment::ALL {
        for secret in secrets(&world, environment) {
            world.keys(environment).with(secret).post("/v1/keys/verify", &about(secret)).await.expect(401);
            refused += 1;
        }
    }
    println!("refused {refused}");
    assert_eq!(refused, 6 * 2 * 4 + 9 * 2 + 6 * 4 + 9);
}

#[tokio::test]
async fn a_cursor_is_worth_nothing_in_another_environment() {
    let world = World::start().await;
    let mut cursors = Vec::new();
    for environment in Environment::ALL {
        for path in ["/v1/organizations/acme/keys", "/v1/organizations"] {
            let root = world.api(environment).root_key();
            for name in ["one", "two"] {
                root.post("/v1/organizations/acme/keys", &json!({"name": format!("{name} {}", path.len())}))
                    .await
                    .expect(201);
            }
            let page = root.get(&format!("{path}?limit=1")).await.expect(200);
            cursors.push((environment, path, page.text("/next_cursor").to_owned()));
        }
    }
    let mut refused = 0;
    for (from, path, cursor) in &cursors {
        for to in Environment::ALL {
            let page = world.api(to).root_key().get(&format!("{path}?limit=1&cursor={cursor}")).await;
            if *from == to {
                page.expect(200);
                continue;
            }
            assert_eq!(page.expect(400).code(), "invalid-cursor");
            refused += 1;
        }
    }
    assert_eq!(refused, 12);
}

#[tokio::test]
async fn an_idempotency_key_repeats_nothing_of_another_environment() {
    let world = World::start().await;
    let create = async |environment, name: &str| -> Answer {
        let root = world.api(environment).root_key();
        let request = root.request(reqwest::Method::POST, "/v1/organizations/acme/keys");
        root.send(request.header("Idempotency-Key", "the same everywhere").json(&json!({"name": name}))).await
    };
    let (mut ids, mut shown) = (Vec::new(), Vec::new());
    for environment in Environment::ALL {
        let made = create(environment, "made once").await.expect(201);
        assert_eq!(made.text("/key/environment"), environment.name());
        let again = create(environment, "made once").await.expect(201);
        assert_eq!(again.text("/key/id"), made.text("/key/id"), "in its own environment it does repeat");
        assert_eq!(again.text("/secret"), made.text("/secret"));
        assert_eq!(create(environment, "something else").await.expect(422).code(), "idempotency-mismatch");
        ids.push(made.text("/key/id").to_owned());
        shown.push(made.text("/secret").to_owned());
    }
    for made in [&mut ids, &mut shown] {
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 3, "each environment made its own");
    }
}

#[tokio::test]
async fn nothing_in_a_request_names_an_environment() {
    const HEADERS: [&str; 11] = [
        "X-Environment",
        "Host",
        "X-Forwarded-Host",
        "X-Forwarded-Prefix",
        "X-Forwarded-Server",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Original-Host",
        "X-Script-Name",
        "Forwarded",
        "X-Claviger-Environment",
    ];
    let world = World::start().await;
    let mut tried = 0;
    for (named, at) in pairs().filter(|(named, at)| named != at) {
        let values = [named.name().to_owned(), format!("{named}.example.com"), format!("/{named}/v1/whoami")];
        for (header, value) in HEADERS.iter().flat_map(|header| values.iter().map(move |value| (*header, value))) {
            if header == "Host" && value.contains('/') {
                continue;
            }
            // Its own key stays its own, and the answer says where it comes from.
            let own = world.api(at).organization_key();
            let answer = own.send(own.request(reqwest::Method::GET, "/v1/whoami").header(header, value)).await;
            assert_eq!(answer.header("X-Environment"), at.name(), "{header}: {value}");
            assert_eq!(answer.expect(200).text("/environment"), at.name());
            // The key of the environment that the header names is still foreign, here and at the key service.
            let foreign = &world.environment(named).organization_key;
            let guest = world.api(at).with(foreign);
            let answer = guest.send(guest.request(reqwest::Method::GET, "/v1/whoami").header(header, value)).await;
            assert_eq!(answer.expect(401).code(), "wrong-environment", "{header}: {value}");
            let keys = world.keys(at);
            let request = keys.request(reqwest::Method::POST, "/v1/keys/verify").header(header, value);
            let answer = keys.send(request.json(&about(foreign))).await.expect(200);
            assert_eq!(answer.text("/verdict"), "WRONG_ENVIRONMENT", "{header}: {value}");
            tried += 1;
        }
        for path in [format!("/{named}/v1/whoami"), format!("/v1/{named}/whoami"), format!("/v1/whoami/{named}")] {
            world.api(at).with(&world.environment(named).organization_key).get(&path).await.expect(404);
        }
    }
    println!("{tried} headers changed nothing");
}
