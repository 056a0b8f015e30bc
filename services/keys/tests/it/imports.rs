//! Secrets that were issued elsewhere and brought here, as text or as a digest.

use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::policy::RevokeReason;
use domain::secret::{Pepper, PepperRing, PlainSecret, Prefix, SecretHash};
use serde_json::json;
use store::{Import, NewSecret};

use testkit::keys_fixture::{ENVIRONMENT, KeysFixture, change, pepper_bytes, policy};

fn ring() -> PepperRing {
    PepperRing::new(Pepper::new("test", pepper_bytes()).unwrap(), Vec::new())
}

/// Imports a secret that is told apart from others' by `is_same`, and tells everybody as the API does.
async fn import_as(
    bench: &KeysFixture,
    organization: OrganizationId,
    secret: &NewSecret,
    is_same: impl Fn(OrganizationId, &SecretHash) -> Option<bool>,
) -> KeyId {
    let mut write = bench.write(organization).await;
    let import = Import { key: change(policy(), None), secret: secret.clone(), lookup_ids: vec![secret.lookup_id] };
    let keys = write.import_keys(&[import], |_, organization, hash| is_same(organization, hash)).await.unwrap();
    let key = keys[0].id;
    let committed = write.commit(Event::of("key.imported", key)).await.unwrap();
    bench.publish(organization, &committed).await;
    for other in &committed.elsewhere {
        bench.counters.publish(other.organization, &[other.generation], None).await.unwrap();
    }
    key
}

async fn import(bench: &KeysFixture, organization: OrganizationId, secret: &NewSecret) -> KeyId {
    import_as(bench, organization, secret, |_, _| Some(false)).await
}

/// What is stored of a secret of which only the digest came.
fn by_digest(organization: OrganizationId, plain: &PlainSecret) -> NewSecret {
    by_this_digest(organization, plain, &plain.digest())
}

/// The same with any digest under the secret's public id.
fn by_this_digest(organization: OrganizationId, plain: &PlainSecret, digest: &[u8; 32]) -> NewSecret {
    let hash = ring().hash_digest(organization, digest);
    NewSecret { hash, digest_hash: None, ..NewSecret::new(&ring(), organization, plain) }
}

/// What an organization's log says, in order.
async fn actions(bench: &KeysFixture, organization: OrganizationId) -> Vec<String> {
    let mut write = bench.write(organization).await;
    let events = write.list_events(0, 100).await.unwrap();
    assert!(events.iter().all(|event| event.organization == organization && !event.details.contains("globex")));
    events.into_iter().map(|event| event.action).collect()
}

/// How globex brings acme's secret: as its text, or as its digest.
fn copies(bench: &KeysFixture, plain: &PlainSecret) -> [NewSecret; 2] {
    [NewSecret::new(&ring(), bench.globex, plain), by_digest(bench.globex, plain)]
}

#[tokio::test]
async fn a_secret_that_two_organizations_hold_proves_neither_key() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(2).await;
    for at in 0..2 {
        let issued = bench.issue(policy()).await;
        let plain = PlainSecret::parse(&issued.secret).unwrap();
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID", "it is cached");
        }
        let is_same = |organization, hash: &SecretHash| match at {
            0 => Some(ring().proves(organization, &plain, hash)),
            _ => ring().proves_digest(organization, &plain.digest(), hash),
        };
        let before = (actions(&bench, bench.acme).await.len(), actions(&bench, bench.globex).await.len());
        let copy = import_as(&bench, bench.globex, &copies(&bench, &plain)[at], is_same).await;
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, &issued.secret).await, "NOT_FOUND", "from the import on");
        }
        assert_eq!(actions(&bench, bench.acme).await[before.0..], ["secret.duplicated"]);
        assert_eq!(actions(&bench, bench.globex).await[before.1..], ["secret.duplicated", "key.imported"]);

        let mut write = bench.write(bench.globex).await;
        write.delete_key(copy).await.unwrap().unwrap();
        let committed = write.commit(Event::of("key.deleted", copy)).await.unwrap();
        bench.publish(bench.globex, &committed).await;
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, &issued.secret).await, "NOT_FOUND", "whatever becomes of the copy");
        }
        let (renewed, secret) = bench.new_secret(bench.acme);
        let (seen, _) = bench.commit(Event::of("test", issued.id), async |write| write.find_key(issued.id).await).await;
        bench.regenerate(&seen.unwrap().unwrap(), &secret).await;
        let answer = bench.verify(&replicas[0], json!({"key": renewed.expose()})).await;
        assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(issued.id)));
        assert_eq!(bench.verdict(&replicas[0], &issued.secret).await, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_secret_that_anybody_compromised_is_dead_everywhere() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    for at in 0..2 {
        let issued = bench.issue(policy()).await;
        let plain = PlainSecret::parse(&issued.secret).unwrap();
        let is_same = |organization, hash: &SecretHash| Some(ring().proves(organization, &plain, hash));
        if at == 0 {
            import_as(&bench, bench.globex, &copies(&bench, &plain)[at], is_same).await;
        }
        let compromise = async |write: &mut store::Write| {
            write.revoke_key(issued.id, RevokeReason::Compromised, None).await.unwrap().unwrap()
        };
        let (_, committed) = bench.commit(Event::of("key.revoked", issued.id), compromise).await;
        bench.publish(bench.acme, &committed).await;
        if at == 1 {
            import_as(&bench, bench.globex, &copies(&bench, &plain)[at], is_same).await;
        }
        assert_eq!(bench.verdict(replica, &issued.secret).await, "REVOKED");
        let within = json!({"organization_id": bench.globex, "customers": "all", "domains": "all"});
        let body = json!({"within": within, "requests": [{"key": issued.secret}], "request_id": "req_test"});
        let (_, answer) = bench.ask(replica, "/internal/v1/verify", &body).await;
        assert_eq!(answer["results"][0]["verdict"], json!("NOT_FOUND"), "nor has globex it");
    }
}

#[tokio::test]
async fn an_id_without_its_secret_takes_nothing_from_its_holder() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    let plain = PlainSecret::parse(&issued.secret).unwrap();
    for number in 0..100 {
        let foreign = bench.insert_organization(&format!("foreign-{number}"), Vec::new()).await;
        let digest = [number; 32];
        let invented = by_this_digest(foreign, &plain, &digest);
        import_as(&bench, foreign, &invented, |organization, hash| ring().proves_digest(organization, &digest, hash))
            .await;
    }
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    assert!(!actions(&bench, bench.acme).await.contains(&"secret.duplicated".to_owned()));
    let (seen, _) = bench.commit(Event::of("test", issued.id), async |write| write.find_key(issued.id).await).await;
    assert_eq!(seen.unwrap().unwrap().generation, issued.key.generation, "its version is what its holder saw");
}

#[tokio::test]
async fn a_digest_proves_no_key_under_another_prefix() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    for own in [Prefix::root(), Prefix::organization()] {
        let plain = PlainSecret::generate(&own, ENVIRONMENT);
        let disguised = NewSecret { prefix: Prefix::parse("acme").unwrap(), ..by_digest(bench.acme, &plain) };
        import(&bench, bench.acme, &disguised).await;
        assert_eq!(bench.verdict(replica, plain.expose()).await, "NOT_FOUND", "{own:?}");
    }
    let plain = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
    let key = import(&bench, bench.acme, &by_digest(bench.acme, &plain)).await;
    let answer = bench.verify(replica, json!({"key": plain.expose()})).await;
    assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(key)), "under its own it does");
}

#[tokio::test]
async fn a_disguised_digest_does_not_shadow_the_root_key() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let plain = PlainSecret::generate(&Prefix::root(), ENVIRONMENT);
    let disguised = NewSecret { prefix: Prefix::parse("acme").unwrap(), ..by_digest(bench.acme, &plain) };
    import(&bench, bench.acme, &disguised).await;
    let installation = OrganizationId::INSTALLATION;
    let root = import(&bench, installation, &NewSecret::new(&ring(), installation, &plain)).await;
    let answer = bench.verify(replica, json!({"key": plain.expose()})).await;
    assert_eq!((&answer["verdict"], &answer["key_id"]), (&json!("VALID"), &json!(root)));
}
