//! Secrets that are not of our form, brought from elsewhere: found by their digest alone.

use std::time::Duration;

use data_encoding::BASE64;
use domain::event::Event;
use domain::foreign::{ForeignDigest, ForeignHint, Presented, Wrapped};
use domain::ids::{KeyId, OrganizationId, ReceiptId};
use domain::policy::RevokeReason;
use domain::secret::{Pepper, PepperRing, PlainSecret, Prefix};
use serde_json::{Value, json};
use server::settings::PepperEntry;
use store::{Committed, Import, NewSecret};
use testkit::keys_fixture::{KeysFixture, Replica, change, pepper_bytes, policy, wait_for};

fn ring() -> PepperRing {
    PepperRing::new(Pepper::new("test", pepper_bytes()).unwrap(), Vec::new())
}

fn wrap(ring: &PepperRing, text: &str) -> Vec<Wrapped> {
    ring.wrap(&ForeignDigest::of_presented(text).unwrap())
}

/// A text of another form, different for each number.
fn text(number: u32) -> String {
    format!("acme_live_{:032x}", u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// A key of it to be.
fn to_import(wrapped: &[Wrapped]) -> Import {
    let secret = NewSecret::foreign(&wrapped[0], Prefix::organization(), ForeignHint::unknown());
    Import { key: change(policy(), None), secret, lookup_ids: Presented::Foreign(wrapped).lookup_ids() }
}

/// Makes a key of it as the API does, and tells everybody but of the first one.
async fn import(bench: &KeysFixture, organization: OrganizationId, wrapped: &[Wrapped]) -> (KeyId, Committed) {
    let mut write = bench.write(organization).await;
    let is_same = |_, holder, hash: &_| Some(ring().proves_presented(holder, Presented::Foreign(wrapped), hash));
    let key = write.import_keys(&[to_import(wrapped)], is_same).await.unwrap()[0].id;
    let committed = write.commit(Event::of("key.imported", key)).await.unwrap();
    bench.publish(organization, &committed).await;
    for other in &committed.elsewhere {
        bench.counters.publish(other.organization, &[other.generation], None).await.unwrap();
    }
    (key, committed)
}

/// The same, until every replica knows that there are such keys.
async fn import_first(bench: &KeysFixture, replicas: &[Replica], text: &str) -> KeyId {
    let (key, committed) = import(bench, bench.acme, &wrap(&ring(), text)).await;
    let receipt = ReceiptId::mint(bench.now().await);
    let generation = committed.foreign.unwrap();
    wait_for("acknowledgements", async || {
        // Who has only begun to follow hears the next one.
        bench.counters.publish(OrganizationId::INSTALLATION, &[generation], Some(receipt)).await.unwrap();
        bench.counters.find_acks(receipt).await.unwrap().len() == replicas.len()
    })
    .await;
    key
}

async fn misses(bench: &KeysFixture, replica: &Replica) -> String {
    let metrics = bench.metrics(replica).await;
    metrics.lines().filter(|line| line.contains("miss")).collect()
}

#[tokio::test]
async fn another_form_is_malformed_until_a_key_has_one() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(2).await;
    let before = misses(&bench, &replicas[0]).await;
    for number in 0..30 {
        assert_eq!(bench.verdict(&replicas[0], &text(number)).await, "MALFORMED");
    }
    assert_eq!(misses(&bench, &replicas[0]).await, before, "none was looked for");
    let key = import_first(&bench, &replicas, &text(1)).await;
    for replica in &replicas {
        let answer = bench.verify(replica, json!({"key": text(1)})).await;
        assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(key)), "with the next request");
        assert_eq!(bench.verdict(replica, &text(2)).await, "NOT_FOUND");
        assert_eq!(bench.verdict(replica, "").await, "MALFORMED");
        assert_eq!(bench.verdict(replica, &"x".repeat(2_000)).await, "MALFORMED");
    }
    let late = bench.replica(bench.config(3)).await;
    wait_for("readiness", async || bench.ready(&late).await.0 == 200).await;
    assert_eq!(bench.verdict(&late, &text(1)).await, "VALID", "nor does a replica that starts later miss it");
}

#[tokio::test]
async fn unknown_texts_are_throttled_like_unknown_keys() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(1).await;
    import_first(&bench, &replicas, &text(1)).await;
    let ask = async |number| {
        let question = json!({"key": text(number), "client_ip": "203.0.113.9"});
        bench.verify(&replicas[0], question).await["verdict"].clone()
    };
    assert_eq!(ask(1).await, "VALID");
    for number in 100..120 {
        assert_eq!(ask(number).await, "NOT_FOUND");
    }
    assert_eq!(ask(120).await, "RATE_LIMITED");
    assert_eq!(ask(1).await, "VALID", "what is known is still judged");
}

#[tokio::test]
async fn a_foreign_key_is_revoked_and_rotated_like_any_other() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(2).await;
    let key = import_first(&bench, &replicas, &text(1)).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &text(1)).await, "VALID", "it is cached");
    }
    let (renewed, secret) = bench.new_secret(bench.acme);
    let regenerate = async |write: &mut store::Write| {
        let seen = write.find_key(key).await.unwrap().unwrap();
        write.regenerate_key(&seen, &secret, Duration::from_secs(600)).await.unwrap().unwrap()
    };
    let (_, committed) = bench.commit(Event::of("key.regenerated", key), regenerate).await;
    bench.publish(bench.acme, &committed).await;
    for replica in &replicas {
        for secret in [text(1).as_str(), renewed.expose()] {
            let answer = bench.verify(replica, json!({"key": secret})).await;
            assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(key)));
        }
    }
    let revoke =
        async |write: &mut store::Write| write.revoke_key(key, RevokeReason::Other, None).await.unwrap().unwrap();
    let (_, committed) = bench.commit(Event::of("key.revoked", key), revoke).await;
    bench.publish(bench.acme, &committed).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &text(1)).await, "REVOKED");
        assert_eq!(bench.verdict(replica, renewed.expose()).await, "REVOKED");
    }
}

#[tokio::test]
async fn a_foreign_secret_that_two_hold_proves_neither_key() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(2).await;
    import_first(&bench, &replicas, &text(1)).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &text(1)).await, "VALID", "it is cached");
    }
    let (copy, _) = import(&bench, bench.globex, &wrap(&ring(), &text(1))).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &text(1)).await, "NOT_FOUND", "from the import on");
    }
    let third = bench.insert_organization("third", Vec::new()).await;
    import(&bench, third, &wrap(&ring(), &text(1))).await;
    let mut write = bench.write(bench.globex).await;
    write.delete_key(copy).await.unwrap().unwrap();
    let committed = write.commit(Event::of("key.deleted", copy)).await.unwrap();
    bench.publish(bench.globex, &committed).await;
    for replica in &replicas {
        assert_eq!(bench.verdict(replica, &text(1)).await, "NOT_FOUND", "whoever gives it up");
    }
    for organization in [bench.acme, bench.globex, third] {
        let events = bench.write(organization).await.list_events(0, 100).await.unwrap();
        let told = events.iter().filter(|event| event.action == "secret.duplicated").count();
        assert_eq!(told, 1, "each is told once");
    }
}

#[tokio::test]
async fn who_takes_over_a_given_up_secret_has_it_alone() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(1).await;
    let key = import_first(&bench, &replicas, &text(1)).await;
    assert_eq!(bench.verdict(&replicas[0], &text(1)).await, "VALID", "it is cached");
    let delete = async |write: &mut store::Write| write.delete_key(key).await.unwrap().unwrap();
    let (_, committed) = bench.commit(Event::of("key.deleted", key), delete).await;
    bench.publish(bench.acme, &committed).await;
    let (successor, _) = import(&bench, bench.globex, &wrap(&ring(), &text(1))).await;
    let answer = bench.verify(&replicas[0], json!({"key": text(1)})).await;
    assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(successor)));
}

#[tokio::test]
async fn two_imports_at_once_leave_no_secret_with_two_keys() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(1).await;
    import_first(&bench, &replicas, &text(0)).await;
    for number in 1..20 {
        let wrapped = wrap(&ring(), &text(number));
        tokio::join!(import(&bench, bench.acme, &wrapped), import(&bench, bench.globex, &wrapped));
        assert_eq!(bench.verdict(&replicas[0], &text(number)).await, "NOT_FOUND");
    }
}

#[tokio::test]
async fn the_digest_of_one_of_our_keys_makes_no_second_key() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(1).await;
    import_first(&bench, &replicas, &text(1)).await;
    let issued = bench.issue(policy()).await;
    let digest = ForeignDigest::from_bytes(PlainSecret::parse(&issued.secret).unwrap().digest());
    import(&bench, bench.globex, &ring().wrap(&digest)).await;
    let answer = bench.verify(&replicas[0], json!({"key": issued.secret})).await;
    assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(issued.id)));
}

#[tokio::test]
async fn a_rotated_pepper_still_finds_foreign_secrets() {
    let bench = KeysFixture::start().await;
    import(&bench, bench.acme, &wrap(&ring(), &text(1))).await;
    let newer: Vec<u8> = pepper_bytes().into_iter().map(|byte| byte ^ 0x35).collect();
    let mut config = bench.config(1);
    let own = config.environments.values_mut().next().unwrap();
    own.peppers.insert(0, PepperEntry { id: "newer".to_owned(), value: BASE64.encode(&newer) });
    let replica = bench.replica(config).await;
    wait_for("readiness", async || bench.ready(&replica).await.0 == 200).await;
    for _ in 0..2 {
        assert_eq!(bench.verdict(&replica, &text(1)).await, "VALID", "read, and from the cache");
    }
    assert_eq!(bench.verdict(&replica, &text(2)).await, "NOT_FOUND");
    let older = Pepper::new("test", pepper_bytes()).unwrap();
    let rotated = PepperRing::new(Pepper::new("newer", newer).unwrap(), vec![older]);
    import(&bench, bench.acme, &wrap(&rotated, &text(2))).await;
    assert_eq!(bench.verdict(&replica, &text(2)).await, "VALID");
    let wrapped = wrap(&rotated, &text(1));
    let is_same = |_, holder, hash: &_| Some(rotated.proves_presented(holder, Presented::Foreign(&wrapped), hash));
    let again = bench.write(bench.acme).await.import_keys(&[to_import(&wrapped)], is_same).await;
    assert!(again.is_err(), "what an older pepper wrapped is held already");
}

#[tokio::test]
async fn our_own_api_takes_no_foreign_credential() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(1).await;
    import_first(&bench, &replicas, &text(1)).await;
    let body = json!({"key": text(1), "client_ip": null, "request_id": "req_test"});
    let (status, answer): (u16, Value) = bench.ask(&replicas[0], "/internal/v1/authenticate", &body).await;
    assert_eq!((status, &answer["verdict"]), (200, &json!("MALFORMED")));
}
