//! A change that changes nothing writes nothing: no version, no event, no receipt, no outbox row.

use domain::event::Event;
use domain::ids::KeyId;
use domain::policy::{Credits, RevokeReason};
use store::{Committed, CreditsChange, KeyChange, NewCustomer, OrganizationChange, Write};

use crate::world::{World, host, name, new_customer, new_key, new_organization, new_secret};

const ROWS: &str =
    "select (select count(*) from events) + (select count(*) from receipts) + (select count(*) from outbox)
    + (select sum(generation)::bigint from keys) + (select sum(generation)::bigint from organizations)
    + (select sum(generation)::bigint from customers) + (select sum(generation)::bigint from domains)";

/// Commits what a request would, with the receipt of a change that takes power away.
async fn commit(mut write: Write, key: Option<(KeyId, i64)>) -> Committed {
    if let Some((key, generation)) = key {
        write.insert_receipt(key, generation).await.unwrap();
    }
    write.commit(Event::of("key.updated", KeyId::from_uuid(uuid::Uuid::nil()))).await.unwrap()
}

#[tokio::test]
async fn asking_for_what_is_so_already_writes_nothing() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "one").await;
    let balance = CreditsChange::Set(Some(Credits { remaining: 5, refill: None }));
    let change = KeyChange { credits: balance.clone(), ..new_key("same") };
    let key = world.insert_key(world.acme, &change).await.unwrap();
    let mut write = world.write(world.acme).await;
    let regenerated = write.regenerate_key(&key, &new_secret(world.acme).1, std::time::Duration::ZERO).await.unwrap();
    commit(write, None).await;
    let generation = regenerated.unwrap().generation;
    let mut write = world.write(world.acme).await;
    let old = write.list_secrets(key.id).await.unwrap().pop().unwrap();
    let domain = write.insert_domain(&host("same.example.com")).await.unwrap();
    commit(write, None).await;
    let organization = new_organization("acme");
    let organization = OrganizationChange {
        name: name("acme"),
        limits: organization.limits,
        default_limits: organization.default_limits,
    };

    let before = world.count(ROWS).await;
    for _ in 0..3 {
        let mut write = world.write(world.acme).await;
        let unchanged = write.update_key(key.id, generation, &change).await.unwrap().unwrap();
        assert_eq!(unchanged.generation, generation);
        let told = commit(write, None).await;
        assert_eq!((told.generations.len(), told.outbox_ids.len()), (1, 0), "an earlier attempt may not have told it");
        let mut write = world.write(world.acme).await;
        write.reactivate_key(key.id).await.unwrap().unwrap();
        commit(write, None).await;
        let mut write = world.write(world.acme).await;
        write.retire_secret(key.id, old.id).await.unwrap().unwrap();
        commit(write, None).await;
        let mut write = world.write(world.acme).await;
        let same = NewCustomer { ..new_customer("one") };
        write.update_customer(customer.id, customer.generation, &same).await.unwrap().unwrap();
        commit(write, None).await;
        let mut write = world.write(world.acme).await;
        write.resume_customer(customer.id).await.unwrap().unwrap();
        commit(write, None).await;
        let mut write = world.write(world.acme).await;
        write.resume_organization().await.unwrap().unwrap();
        commit(write, None).await;
        let mut write = world.write(world.acme).await;
        let seen = write.find_organization().await.unwrap().unwrap().generation;
        write.update_organization(seen, &organization).await.unwrap().unwrap();
        commit(write, None).await;
        let mut write = world.write(world.acme).await;
        write.update_domain_verified(domain.id, None).await.unwrap().unwrap();
        assert!(commit(write, None).await.generations.is_empty());
    }
    assert_eq!(world.count(ROWS).await, before);
}

#[tokio::test]
async fn revoking_a_revoked_key_answers_with_its_receipt() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("once")).await.unwrap();
    let mut receipts = Vec::new();
    for at in 0..4 {
        let mut write = world.write(world.acme).await;
        let revoked = write.revoke_key(key.id, RevokeReason::Unused, None).await.unwrap().unwrap();
        receipts.push(write.insert_receipt(key.id, revoked.generation).await.unwrap());
        let committed = write.commit(Event::of("key.revoked", key.id)).await.unwrap();
        assert_eq!(committed.outbox_ids.is_empty(), at > 0);
        assert_eq!(committed.generations.len(), 1, "told again");
    }
    receipts.dedup();
    assert_eq!(receipts.len(), 1);
    assert_eq!(world.count("select count(*) from receipts").await, 1);
    assert_eq!(world.count("select count(*) from events where action = 'key.revoked'").await, 1);
    // A secret that turns out to be compromised later is a change.
    let mut write = world.write(world.acme).await;
    let compromised = write.revoke_key(key.id, RevokeReason::Compromised, None).await.unwrap().unwrap();
    assert_ne!(write.insert_receipt(key.id, compromised.generation).await.unwrap(), receipts[0]);
}
