//! What the outbox job promises.

use server::metrics::Metrics;
use worker::jobs::outbox;
use worker::metrics::WorkerMetrics;

use crate::fixture::{WorkerFixture, stranger};

fn metrics() -> WorkerMetrics {
    WorkerMetrics::register(&Metrics::new())
}

#[tokio::test]
async fn redis_hears_of_a_change_that_the_commit_could_not_tell() {
    let fixture = WorkerFixture::start().await;
    let change = fixture.commit_unheard("acme").await;
    assert_eq!(fixture.heard(&change).await, None);
    fixture.wait_until_due(1).await;

    let metrics = metrics();
    outbox::run(&fixture.stores, &metrics).await;
    assert_eq!(fixture.heard(&change).await, Some(change.generation.value));
    assert_eq!(fixture.heard(&stranger(&change)).await, None, "and of nothing else");
    assert_eq!(fixture.due().await, 0);
    assert_eq!(metrics.outbox_published.value(&[]), 1);

    outbox::run(&fixture.stores, &metrics).await;
    assert_eq!(fixture.heard(&change).await, Some(change.generation.value));
    assert_eq!(metrics.outbox_published.value(&[]), 1, "a second run changes nothing");
}

#[tokio::test]
async fn a_late_worker_never_brings_an_old_version_back() {
    let fixture = WorkerFixture::start().await;
    let change = fixture.commit_unheard("acme").await;
    fixture.stores.counters.publish(change.organization, &[change.later()], None).await.unwrap();
    fixture.wait_until_due(1).await;

    outbox::run(&fixture.stores, &metrics()).await;
    assert_eq!(fixture.heard(&change).await, Some(change.later().value));
    assert_eq!(fixture.due().await, 0);
}

#[tokio::test]
async fn what_redis_does_not_hear_is_kept_counted_and_told_later() {
    let fixture = WorkerFixture::start().await;
    let changes = [fixture.commit_unheard("acme").await, fixture.commit_unheard("globex").await];
    fixture.wait_until_due(2).await;

    let metrics = metrics();
    outbox::run(&fixture.without_redis(), &metrics).await;
    assert_eq!(fixture.due().await, 2);
    assert_eq!(metrics.outbox_failures.value(&["redis"]), 1, "once for the run, not once for each row");
    assert_eq!(metrics.outbox_published.value(&[]), 0);

    outbox::run(&fixture.stores, &metrics).await;
    for change in &changes {
        assert_eq!(fixture.heard(change).await, Some(change.generation.value));
    }
    assert_eq!(fixture.due().await, 0);
}

#[tokio::test]
async fn a_version_that_redis_does_not_take_holds_up_no_other() {
    let fixture = WorkerFixture::start().await;
    let spoilt = fixture.commit_unheard("acme").await;
    fixture.spoil(&spoilt).await;
    let mut changes = Vec::new();
    // More than are read at once.
    for number in 0..210 {
        changes.push(fixture.commit_unheard(&format!("globex-{number}")).await);
    }
    fixture.wait_until_due(211).await;

    let metrics = metrics();
    outbox::run(&fixture.stores, &metrics).await;
    for change in &changes {
        assert_eq!(fixture.heard(change).await, Some(change.generation.value));
    }
    assert_eq!(fixture.due().await, 1);
    assert_eq!((metrics.outbox_failures.value(&["redis"]), metrics.outbox_published.value(&[])), (1, 210));
}

#[tokio::test]
async fn two_workers_at_once_do_no_harm() {
    let fixture = WorkerFixture::start().await;
    let mut changes = Vec::new();
    for number in 0..20 {
        changes.push(fixture.commit_unheard(&format!("acme-{number}")).await);
    }
    fixture.wait_until_due(20).await;

    let metrics = metrics();
    tokio::join!(outbox::run(&fixture.stores, &metrics), outbox::run(&fixture.stores, &metrics));
    for change in &changes {
        assert_eq!(fixture.heard(change).await, Some(change.generation.value));
    }
    assert_eq!(fixture.due().await, 0);
    assert_eq!(metrics.outbox_failures.value(&["redis"]) + metrics.outbox_failures.value(&["postgres"]), 0);
}
