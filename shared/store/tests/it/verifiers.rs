//! What an organization's verifier is asked: once over all replicas, within a budget, and remembered within bounds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::event::Event;
use domain::foreign::{ForeignDigest, Wrapped};
use domain::ids::OrganizationId;
use serde_json::json;
use store::{ANSWERS_MAX, ASKING_MAX, AskOutcome, Claim, NewVerifier};

use crate::world::{World, later, origin, peppers, scope};

const LEASE: Duration = Duration::from_secs(60);

pub fn verifier(now: DateTime<Utc>) -> NewVerifier {
    NewVerifier {
        request: json!({}),
        pepper_id: "test".to_owned(),
        sealed_headers: vec![1],
        timeout_ms: 1_000,
        budget_per_minute: 600,
        refusals_seconds: 3_600,
        ends_at: later(now, 3_600),
        keys: json!({"name": "adopted"}),
        permissions_since: 1,
    }
}

fn wrapped(text: &str) -> Vec<Wrapped> {
    peppers().wrap(&ForeignDigest::of_presented(text).unwrap())
}

async fn set(world: &World, organization: OrganizationId, change: impl FnOnce(&mut NewVerifier)) {
    let mut write = world.write(organization).await;
    let mut new = verifier(write.now());
    change(&mut new);
    write.set_verifier(&new).await.unwrap();
    write.commit(Event::of("verifier.set", organization)).await.unwrap();
}

pub async fn claim(world: &World, organization: OrganizationId, text: &str) -> Claim {
    world.store.claim_question(&scope(organization), &wrapped(text), LEASE).await.unwrap()
}

#[tokio::test]
async fn of_all_replicas_one_asks_and_all_learn_what_was_said() {
    let world = World::start().await;
    set(&world, world.acme, |_| {}).await;
    assert!(matches!(claim(&world, world.globex, "text").await, Claim::Nobody), "it has no verifier");
    let Claim::Granted(asking) = claim(&world, world.acme, "text").await else { panic!("nobody has asked") };
    for _ in 0..3 {
        assert!(matches!(claim(&world, world.acme, "text").await, Claim::Held(AskOutcome::Asking)));
    }
    let said = (AskOutcome::Refused, Some(401));
    world.store.settle_question(&scope(world.acme), &asking, said).await.unwrap();
    assert!(matches!(claim(&world, world.acme, "text").await, Claim::Held(AskOutcome::Refused)));
    let shown = world.read(world.acme).await.list_verifier_answers().await.unwrap();
    assert_eq!((shown.len(), shown[0].outcome, shown[0].status), (1, AskOutcome::Refused, Some(401)));
    let counts = world.read(world.acme).await.find_verifier().await.unwrap().unwrap().counts;
    assert_eq!((counts.asked, counts.refused, counts.accepted), (1, 1, 0));
    set(&world, world.acme, |_| {}).await;
    let Claim::Granted(again) = claim(&world, world.acme, "text").await else {
        panic!("another verifier is asked anew")
    };
    world.store.settle_question(&scope(world.acme), &asking, said).await.unwrap();
    assert!(
        matches!(claim(&world, world.acme, "text").await, Claim::Held(AskOutcome::Asking)),
        "what the one before said counts for nothing"
    );
    world.store.settle_question(&scope(world.acme), &again, (AskOutcome::Unsaid, None)).await.unwrap();
    assert!(
        matches!(claim(&world, world.acme, "text").await, Claim::Granted(_)),
        "what was not said is not remembered"
    );
    let ended = world.store.now().await.unwrap();
    set(&world, world.acme, |new| new.ends_at = ended).await;
    assert!(matches!(claim(&world, world.acme, "other").await, Claim::Nobody));
}

#[tokio::test]
async fn of_many_claims_at_once_one_is_granted() {
    let world = World::start().await;
    set(&world, world.acme, |_| {}).await;
    let claims = futures_util::future::join_all((0..8).map(|_| claim(&world, world.acme, "text"))).await;
    assert_eq!(claims.iter().filter(|claim| matches!(claim, Claim::Granted(_))).count(), 1);
}

#[tokio::test]
async fn neither_budget_nor_room_is_without_a_bound() {
    let world = World::start().await;
    set(&world, world.acme, |_| {}).await;
    for at in 0..ASKING_MAX {
        assert!(matches!(claim(&world, world.acme, &format!("text {at}")).await, Claim::Granted(_)));
    }
    assert!(matches!(claim(&world, world.acme, "one more").await, Claim::Unasked), "too many wait");
    set(&world, world.acme, |new| new.budget_per_minute = 1).await;
    // Of a minute that has just begun: this one must not end between the two.
    world
        .run("update verifiers set budget_at = date_trunc('minute', now() + interval '1 minute'), budget_used = 0")
        .await;
    world.run("update verifiers set budget_at = date_trunc('minute', now()), budget_used = 1").await;
    let spent = claim(&world, world.acme, "text").await;
    let is_next_minute = matches!(spent, Claim::Granted(_));
    assert!(is_next_minute || matches!(spent, Claim::Unasked));
    if !is_next_minute {
        let counts = world.read(world.acme).await.find_verifier().await.unwrap().unwrap().counts;
        assert_eq!(counts.unasked, 2);
    }
    let own = world.acme.uuid();
    let many = ANSWERS_MAX + 50;
    world
        .run(&format!(
            "insert into verifier_answers (organization_id, hash, outcome, asked_at, holds_until)
            select '{own}', sha256(n::text::bytea), 'refused', now() - n * interval '1 second', now() + interval '1 hour'
            from generate_series(1, {many}) n"
        ))
        .await;
    world.run("update verifiers set asked = 100, budget_per_minute = 600").await;
    assert!(matches!(claim(&world, world.acme, "the next").await, Claim::Granted(_)));
    let kept = world.count("select count(*) from verifier_answers where outcome = 'refused'").await;
    assert_eq!(kept, ANSWERS_MAX);
}

#[tokio::test]
async fn what_a_key_has_is_asked_of_nobody() {
    let world = World::start().await;
    set(&world, world.acme, |_| {}).await;
    let Claim::Granted(asking) = claim(&world, world.acme, "text").await else { panic!("nobody has asked") };
    let mut write = world.store.write(&scope(world.acme), &origin()).await.unwrap();
    assert!(write.hold_verifier(&asking).await.unwrap());
    let text = wrapped("text");
    let secret = store::NewSecret::foreign(
        &text[0],
        domain::secret::Prefix::organization(),
        domain::foreign::ForeignHint::unknown(),
    );
    let lookup_ids = text.iter().map(|one| one.lookup_id).collect();
    let import = store::Import { key: crate::world::new_key("adopted"), secret, lookup_ids };
    let made = write.adopt_key((&asking, 200), import, |_| None, |_, _, _| Some(false)).await.unwrap();
    let (key, _) = made.expect("it was the caller's to ask");
    assert!(matches!(claim(&world, world.acme, "text").await, Claim::Held(AskOutcome::Accepted(id)) if id == key.id));
    set(&world, world.globex, |_| {}).await;
    assert!(matches!(claim(&world, world.globex, "text").await, Claim::Known), "another organization has it");
    let mut write = world.write(world.acme).await;
    write.delete_key(key.id).await.unwrap();
    write.delete_verifier().await.unwrap();
    write.commit(Event::of("key.deleted", key.id)).await.unwrap();
    set(&world, world.acme, |_| {}).await;
    assert!(
        matches!(claim(&world, world.acme, "text").await, Claim::Held(AskOutcome::Accepted(_))),
        "it never comes back"
    );
}
