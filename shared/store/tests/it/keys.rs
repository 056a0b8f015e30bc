//! The life of a key: made, changed, revoked, reactivated, regenerated, deleted.

use std::time::Duration;

use chrono::TimeDelta;
use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::policy::{AllOr, Credits, KeyKind, KeyStatus, Policy, RevokeReason};
use domain::refill::{Refill, RefillInterval};
use store::{CreditsChange, Key, KeyChange, Secret, Subject, conflict};

use crate::world::{World, conflict_name, for_customers, key_with, later, new_key, new_secret, policy};

async fn revoke(world: &World, id: KeyId, reason: RevokeReason) -> Key {
    let mut write = world.write(world.acme).await;
    let key = write.revoke_key(id, reason, Some("because")).await.unwrap().unwrap();
    write.commit(Event::of("key.revoked", id)).await.unwrap();
    key
}

async fn regenerate(world: &World, seen: &Key, overlap: Duration) -> Key {
    let mut write = world.write(world.acme).await;
    let key = write.regenerate_key(seen, &new_secret(world.acme).1, overlap).await.unwrap().unwrap();
    write.commit(Event::of("key.regenerated", seen.id)).await.unwrap();
    key
}

async fn secrets(world: &World, id: KeyId) -> Vec<Secret> {
    world.read(world.acme).await.list_secrets(id).await.unwrap()
}

#[tokio::test]
async fn a_key_reads_back_as_it_was_made() {
    let world = World::start().await;
    let now = world.store.now().await.unwrap();
    let ips = ["10.0.0.0/8", "2001:db8::1"].iter().map(|text| text.parse().unwrap()).collect();
    let bound = Policy {
        domains: AllOr::Only(vec![crate::world::host("*.example.com")]),
        ips: AllOr::Only(ips),
        not_before: Some(later(now, 60)),
        expires_at: Some(later(now, 3_600)),
        ..policy()
    };
    let key = world.insert_key(world.acme, &key_with("Main Website", bound.clone())).await.unwrap();
    assert_eq!(key.policy, bound);
    assert_eq!((key.kind, key.name.as_str(), key.generation), (KeyKind::Organization, "Main Website", 1));
    assert_eq!((key.created_by.as_str(), key.secrets_active), ("system:test", 1));
    assert_eq!(key.status(now), KeyStatus::Scheduled);
    assert_eq!(world.find_key(world.acme, key.id).await, Some(key));
}

#[tokio::test]
async fn a_key_with_customers_and_credits_reads_back_as_it_was_made() {
    let world = World::start().await;
    let mut customers =
        [world.insert_customer(world.acme, "one").await, world.insert_customer(world.acme, "two").await];
    customers.sort_by_key(|customer| customer.id);
    let refill = Refill { amount: 100, interval: RefillInterval::Monthly { day: 31 } };
    let credits = Credits { remaining: 7, refill: Some(refill) };
    let new = KeyChange {
        credits: CreditsChange::Set(Some(credits.clone())),
        ..for_customers("bound", &customers.each_ref().map(|customer| customer.id))
    };
    let mut write = world.write(world.acme).await;
    let key = write.insert_key(&new, &new_secret(world.acme).1).await.unwrap();
    let committed = write.commit(Event::of("key.created", key.id)).await.unwrap();
    assert_eq!((&key.policy, &key.credits), (&new.policy, &Some(credits)));
    assert_eq!(world.find_key(world.acme, key.id).await, Some(key));
    assert_eq!((committed.generations, committed.outbox_ids), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_key_of_the_installation_is_a_root_key_and_no_other_is() {
    let world = World::start().await;
    let root = world.insert_key(OrganizationId::INSTALLATION, &new_key("root")).await.unwrap();
    assert_eq!((root.kind, root.prefix.as_str()), (KeyKind::Root, "clvroot"));
    assert_eq!(world.find_key(world.acme, root.id).await, None);
}

#[tokio::test]
async fn names_clash_by_folded_form_and_are_free_after_deletion() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("Straße ①")).await.unwrap();
    let clash = world.insert_key(world.acme, &new_key("STRASSE 1")).await;
    assert_eq!(conflict_name(clash), "keys_organization_name_unique");
    world.insert_key(world.globex, &new_key("STRASSE 1")).await.unwrap();

    let mut write = world.write(world.acme).await;
    let deleted = write.delete_key(key.id).await.unwrap().unwrap();
    assert_eq!((deleted.generation, deleted.secrets_active), (2, 0));
    write.commit(Event::of("key.deleted", key.id)).await.unwrap();
    assert_eq!(world.find_key(world.acme, key.id).await, None);
    assert_eq!(world.write(world.acme).await.delete_key(key.id).await.unwrap(), None);
    world.insert_key(world.acme, &new_key("strasse 1")).await.unwrap();
}

#[tokio::test]
async fn of_two_changes_of_the_same_version_one_is_stale() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    let (mut one, mut two) = (world.write(world.acme).await, world.write(world.acme).await);
    let changed = one.update_key(key.id, key.generation, &new_key("one")).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.generation), ("one", 2));
    let second = tokio::spawn(async move { two.update_key(key.id, 1, &new_key("two")).await.unwrap() });
    one.commit(Event::of("key.updated", key.id)).await.unwrap();
    assert_eq!(second.await.unwrap(), None);
}

#[tokio::test]
async fn revoking_twice_changes_nothing_more() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    let revoked = revoke(&world, key.id, RevokeReason::Unused).await;
    assert_eq!((revoked.generation, revoked.revoke_reason), (2, Some(RevokeReason::Unused)));
    assert_eq!(revoked.status(revoked.updated_at), KeyStatus::Inactive);
    let again = revoke(&world, key.id, RevokeReason::Other).await;
    assert_eq!(again, revoked);
}

#[tokio::test]
async fn a_second_revoke_with_a_receipt_publishes_the_version_again() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    revoke(&world, key.id, RevokeReason::Unused).await;
    let mut write = world.write(world.acme).await;
    let again = write.revoke_key(key.id, RevokeReason::Unused, None).await.unwrap().unwrap();
    let receipt = write.insert_receipt(key.id, again.generation).await.unwrap();
    let committed = write.commit(Event::of("key.revoked", key.id)).await.unwrap();
    assert_eq!(committed.generations[0].subject, Subject::Key(key.id));
    assert_eq!(committed.generations[0].value, 2);
    assert_eq!(world.read(world.acme).await.find_receipt(receipt.id).await.unwrap(), Some(receipt.clone()));
    assert_eq!(world.read(world.globex).await.find_receipt(receipt.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_revoke_can_be_undone() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    revoke(&world, key.id, RevokeReason::OwnerLeft).await;
    let mut write = world.write(world.acme).await;
    let key = write.reactivate_key(key.id).await.unwrap().unwrap();
    assert_eq!((key.revoked_at, key.revoke_reason, key.revoke_note, key.generation), (None, None, None, 3));
}

#[tokio::test]
async fn a_secret_revoked_as_compromised_never_works_again() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    revoke(&world, key.id, RevokeReason::Unused).await;
    let key = revoke(&world, key.id, RevokeReason::Compromised).await;
    assert_eq!((key.generation, key.revoke_reason, key.secrets_active), (3, Some(RevokeReason::Compromised), 0));
    let refused = world.write(world.acme).await.reactivate_key(key.id).await;
    assert_eq!(conflict_name(refused), conflict::SECRET_COMPROMISED);

    // A generous overlap gives the compromised one nothing.
    let key = regenerate(&world, &key, Duration::from_secs(3_600)).await;
    assert!(key.revoked_at.is_some(), "regenerating leaves the status as it is");
    let mut write = world.write(world.acme).await;
    assert!(write.reactivate_key(key.id).await.unwrap().unwrap().revoked_at.is_none());
    write.commit(Event::of("key.reactivated", key.id)).await.unwrap();
    let listed = secrets(&world, key.id).await;
    assert_eq!((listed[0].retires_at, listed[0].is_compromised), (None, false));
    assert!(listed[1].is_compromised && listed[1].retires_at.unwrap() <= key.updated_at);
}

#[tokio::test]
async fn an_expired_key_cannot_be_reactivated() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    revoke(&world, key.id, RevokeReason::Unused).await;
    world.run("update keys set expires_at = now() - interval '1 second'").await;
    let refused = world.write(world.acme).await.reactivate_key(key.id).await;
    assert_eq!(conflict_name(refused), conflict::KEY_EXPIRED);
}

#[tokio::test]
async fn an_old_secret_ends_at_once_with_its_overlap_or_its_key() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    let key = regenerate(&world, &key, Duration::ZERO).await;
    let listed = secrets(&world, key.id).await;
    assert_eq!(listed[1].retires_at, Some(key.updated_at));
    assert_eq!((key.generation, key.secrets_active), (2, 1));
    assert_eq!(key.lookup_id, listed[0].lookup_id);

    let key = regenerate(&world, &key, Duration::from_secs(600)).await;
    assert_eq!(key.secrets_active, 2);
    assert_eq!(secrets(&world, key.id).await[1].retires_at, Some(key.updated_at + TimeDelta::seconds(600)));

    // A key has two secrets at most: the one that was already leaving leaves now.
    let key = regenerate(&world, &key, Duration::from_secs(600)).await;
    assert_eq!(key.secrets_active, 2);

    let end = later(key.updated_at, 60);
    let mut write = world.write(world.acme).await;
    let shorter = key_with("first", Policy { expires_at: Some(end), ..policy() });
    let key = write.update_key(key.id, key.generation, &shorter).await.unwrap().unwrap();
    write.commit(Event::of("key.updated", key.id)).await.unwrap();
    assert_eq!(secrets(&world, key.id).await[1].retires_at, Some(end));
    let key = regenerate(&world, &key, Duration::from_secs(600)).await;
    assert_eq!(secrets(&world, key.id).await[1].retires_at, Some(end));
}

#[tokio::test]
async fn of_two_rotations_at_once_one_wins() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    let (mut one, mut two) = (world.write(world.acme).await, world.write(world.acme).await);
    let seen_by_one = one.find_key(key.id).await.unwrap().unwrap();
    let seen_by_two = two.find_key(key.id).await.unwrap().unwrap();
    let (secret_one, secret_two) = (new_secret(world.acme).1, new_secret(world.acme).1);
    one.regenerate_key(&seen_by_one, &secret_one, Duration::ZERO).await.unwrap().unwrap();
    let second = tokio::spawn(async move { two.regenerate_key(&seen_by_two, &secret_two, Duration::ZERO).await });
    one.commit(Event::of("key.regenerated", key.id)).await.unwrap();
    assert_eq!(conflict_name(second.await.unwrap()), conflict::KEY_CHANGED);
    assert_eq!(world.find_key(world.acme, key.id).await.unwrap().lookup_id, secret_one.lookup_id.as_str());
}

#[tokio::test]
async fn only_an_older_secret_can_be_retired_early() {
    let world = World::start().await;
    let key = world.insert_key(world.acme, &new_key("first")).await.unwrap();
    let key = regenerate(&world, &key, Duration::from_secs(600)).await;
    let listed = secrets(&world, key.id).await;
    let mut write = world.write(world.acme).await;
    let retired = write.retire_secret(key.id, listed[1].id).await.unwrap().unwrap();
    assert_eq!((retired.secrets_active, retired.generation), (1, key.generation + 1));
    let again = write.retire_secret(key.id, listed[1].id).await.unwrap().unwrap();
    assert_eq!(again.generation, retired.generation);
    assert_eq!(conflict_name(write.retire_secret(key.id, listed[0].id).await), conflict::SECRET_IS_NEWEST);
}

#[tokio::test]
async fn a_public_id_is_taken_once_and_a_foreign_one_says_nothing() {
    let world = World::start().await;
    let (_, secret) = new_secret(world.acme);
    let mut write = world.write(world.acme).await;
    write.insert_key(&new_key("one"), &secret).await.unwrap();
    let clash = write.insert_key(&new_key("two"), &secret).await;
    assert_eq!(conflict_name(clash), "secrets_organization_lookup_id_unique");
    let mut write = world.write(world.globex).await;
    write.insert_key(&new_key("one"), &secret).await.unwrap();
}

#[tokio::test]
async fn a_deleted_organization_takes_no_keys() {
    let world = World::start().await;
    let mut write = world.write(world.acme).await;
    write.delete_organization().await.unwrap().unwrap();
    write.commit(Event::of("organization.deleted", world.acme)).await.unwrap();
    assert_eq!(conflict_name(world.insert_key(world.acme, &new_key("late")).await), "keys_organization_fkey");
}
