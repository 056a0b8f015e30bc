//! The end of a customer or a domain narrows the keys that were limited to it, and never widens one.

use domain::event::Event;
use domain::ids::CustomerId;
use domain::policy::{AllOr, RevokeReason};
use store::{Subject, conflict};

use crate::world::{World, conflict_name, for_customers, for_domains, host, new_key};

#[tokio::test]
async fn deleting_the_last_listed_customer_revokes_the_key() {
    let world = World::start().await;
    let (one, two) = (world.insert_customer(world.acme, "one").await, world.insert_customer(world.acme, "two").await);
    let only = world.insert_key(world.acme, &for_customers("only", &[one.id])).await.unwrap();
    let both = world.insert_key(world.acme, &for_customers("both", &[one.id, two.id])).await.unwrap();
    let all = world.insert_key(world.acme, &new_key("all")).await.unwrap();

    let mut write = world.write(world.acme).await;
    let deleted = write.delete_customer(one.id).await.unwrap().unwrap();
    assert_eq!((deleted.revoked, deleted.narrowed), (vec![only.id], vec![both.id]));
    let committed = write.commit(Event::of("customer.deleted", one.id)).await.unwrap();
    let bumped: Vec<(Subject, i64)> = committed.generations.iter().map(|made| (made.subject, made.value)).collect();
    assert_eq!(bumped.len(), 3);
    for subject in [Subject::Key(only.id), Subject::Key(both.id), Subject::Customer(one.id)] {
        assert!(bumped.contains(&(subject, 2)), "{subject:?}");
    }

    let only = world.find_key(world.acme, only.id).await.unwrap();
    assert_eq!(only.revoke_reason, Some(RevokeReason::ScopeRemoved));
    assert_eq!(only.policy.customers, AllOr::Only(Vec::new()), "an empty list and not \"all\"");
    let both = world.find_key(world.acme, both.id).await.unwrap();
    assert_eq!((both.revoked_at, both.policy.customers), (None, AllOr::Only(vec![two.id])));
    assert_eq!(world.find_key(world.acme, all.id).await, Some(all));
    assert_eq!(world.read(world.acme).await.find_customer("one").await.unwrap(), None);

    let mut write = world.write(world.acme).await;
    assert_eq!(conflict_name(write.reactivate_key(only.id).await), conflict::KEY_SCOPE_REMOVED);
    let given = write.update_key(only.id, 2, &for_customers("only", &[two.id])).await.unwrap().unwrap();
    assert!(given.revoked_at.is_some());
    assert!(write.reactivate_key(only.id).await.unwrap().unwrap().revoked_at.is_none());
}

#[tokio::test]
async fn deleting_the_last_listed_domain_revokes_the_key() {
    let world = World::start().await;
    let mut write = world.write(world.acme).await;
    let registered = write.insert_domain(&host("shop.example.com")).await.unwrap();
    write.commit(Event::of("domain.created", registered.id)).await.unwrap();
    let only = world.insert_key(world.acme, &for_domains("only", &["shop.example.com"])).await.unwrap();
    let both = for_domains("both", &["shop.example.com", "*.example.com"]);
    let both = world.insert_key(world.acme, &both).await.unwrap();
    let other = world.insert_key(world.globex, &for_domains("other", &["shop.example.com"])).await.unwrap();

    let mut write = world.write(world.acme).await;
    let deleted = write.delete_domain(registered.id).await.unwrap().unwrap();
    assert_eq!((deleted.revoked, deleted.narrowed), (vec![only.id], vec![both.id]));
    assert_eq!(write.delete_domain(registered.id).await.unwrap(), None);
    write.commit(Event::of("domain.deleted", registered.id)).await.unwrap();

    let only = world.find_key(world.acme, only.id).await.unwrap();
    assert_eq!((only.generation, only.revoke_reason), (2, Some(RevokeReason::ScopeRemoved)));
    assert_eq!(only.policy.domains, AllOr::Only(Vec::new()));
    let both = world.find_key(world.acme, both.id).await.unwrap();
    assert_eq!((both.revoked_at, both.policy.domains), (None, AllOr::Only(vec![host("*.example.com")])));
    assert_eq!(world.find_key(world.globex, other.id).await, Some(other));
}

#[tokio::test]
async fn a_key_that_was_revoked_before_keeps_its_reason() {
    let world = World::start().await;
    let customer = world.insert_customer(world.acme, "one").await;
    let key = world.insert_key(world.acme, &for_customers("only", &[customer.id])).await.unwrap();
    let mut write = world.write(world.acme).await;
    write.revoke_key(key.id, RevokeReason::Compromised, None).await.unwrap();
    write.delete_customer(customer.id).await.unwrap().unwrap();
    let key = write.find_key(key.id).await.unwrap().unwrap();
    assert_eq!((key.revoke_reason, key.generation), (Some(RevokeReason::Compromised), 3));
}

#[tokio::test]
async fn a_customer_of_another_organization_cannot_be_listed() {
    let world = World::start().await;
    let foreign = world.insert_customer(world.globex, "one").await;
    let absent = CustomerId::mint(foreign.created_at);
    for customer in [foreign.id, absent] {
        let result = world.insert_key(world.acme, &for_customers("mine", &[customer])).await;
        assert_eq!(conflict_name(result), "key_customers_customer_fkey");
    }
}
