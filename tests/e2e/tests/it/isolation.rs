//! Environments share a program and nothing else: what one of them issued is worth nothing in the others.

use domain::environment::Environment;
use serde_json::{Value, json};
use testkit::{Client, World};

use crate::asking::{about, assert_all, verdicts, verify};

/// Every environment with every environment.
fn pairs() -> impl Iterator<Item = (Environment, Environment)> {
    Environment::ALL.into_iter().flat_map(|from| Environment::ALL.map(|to| (from, to)))
}

/// The same public id and secret part under the tag of another environment, with a checksum that fits: what somebody
/// presents who knows the form.
fn retagged(secret: &str, environment: Environment) -> String {
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

#[tokio::test]
async fn a_key_opens_the_api_and_the_key_service_of_its_own_environment_and_no_other() {
    let world = World::start().await;
    let (mut accepted, mut refused) = (0, 0);
    for (from, to) in pairs() {
        for secret in secrets(&world, from) {
            let disguised = retagged(secret, to);
            assert_eq!(disguised == secret, from == to, "the disguise is made as the original is");
            for presented in [secret, &disguised] {
                let guarded = world.api(to).with(presented).get("/v1/whoami").await;
                let verified = verify(world.keys(to), &about(presented)).await;
                let question = json!({"key": presented, "client_ip": null, "request_id": "req_1"});
                let internal = world.keys(to).post("/internal/v1/authenticate", &question).await.expect(200).body;
                if from == to {
                    assert_eq!(guarded.expect(200).text("/environment"), to.name());
                    assert_eq!((&verified["verdict"], &internal["verdict"]), (&json!("VALID"), &json!("VALID")));
                    accepted += 3;
                    continue;
                }
                let (code, verdict) = if presented == secret {
                    ("wrong-environment", "WRONG_ENVIRONMENT")
                } else {
                    ("credentials-invalid", "NOT_FOUND")
                };
                assert_eq!(guarded.expect(401).code(), code, "{from} at {to}");
                let members: Vec<&String> = verified.as_object().unwrap().keys().collect();
                assert_eq!((verified["verdict"].as_str(), members), (Some(verdict), vec!["request_id", "verdict"]));
                assert_eq!((&internal["verdict"], &internal["authority"]), (&json!(verdict), &Value::Null));
                refused += 3;
            }
        }
    }
    println!("accepted {accepted} where they belong, refused {refused} elsewhere");
    assert_eq!((accepted, refused), (54, 108));
}
