//! What the outbox job promises.

use server::metrics::Metrics;
use worker::jobs::outbox;
use worker::metrics::WorkerMetrics;

use crate::bench::{Bench, stranger};

fn metrics() -> WorkerMetrics {
    WorkerMetrics::register(&Metrics::new())
}

#[tokio::test]
async fn redis_hears_of_a_change_that_the_commit_could_not_tell() {
    let bench = Bench::start("hears").await;
    let change = bench.commit_unheard("acme").await;
    assert_eq!(bench.heard(&change).await, None);
    bench.wait_until_due(1).await;

    let metrics = metrics();
    outbox::run(&bench.stores, &metrics).await;
    assert_eq!(bench.heard(&change).await, Some(change.generation.value));
    assert_eq!(bench.heard(&stranger(&change)).await, None, "and of nothing else");
    assert_eq!(bench.due().await, 0);
    assert_eq!(metrics.outbox_published.value(&[]), 1);

    outbox::run(&bench.stores, &metrics).await;
    assert_eq!(bench.heard(&change).await, Some(change.generation.value));
    assert_eq!(metrics.outbox_published.value(&[]), 1, "a second run changes nothing");
}

#[tokio::test]
async fn a_late_worker_never_brings_an_old_version_back() {
    let bench = Bench::start("late").await;
    let change = bench.commit_unheard("acme").await;
    bench.stores.counters.publish(change.organization, &[change.later()], None).await.unwrap();
    bench.wait_until_due(1).await;

    outbox::run(&bench.stores, &metrics()).await;
    assert_eq!(bench.heard(&change).await, Some(change.later().value));
    assert_eq!(bench.due().await, 0);
}

#[tokio::test]
async fn what_redis_does_not_hear_is_kept_counted_and_told_later() {
    let bench = Bench::start("kept").await;
    let changes = [bench.commit_unheard("acme").await, bench.commit_unheard("globex").await];
    bench.wait_until_due(2).await;

    let metrics = metrics();
    outbox::run(&bench.without_redis(), &metrics).await;
    assert_eq!(bench.due().await, 2);
    assert_eq!(metrics.outbox_failures.value(&["redis"]), 1, "once for the run, not once for each row");
    assert_eq!(metrics.outbox_published.value(&[]), 0);

    outbox::run(&bench.stores, &metrics).await;
    for change in &changes {
        assert_eq!(bench.heard(change).await, Some(change.generation.value));
    }
    assert_eq!(bench.due().await, 0);
}

#[tokio::test]
async fn a_version_that_redis_does_not_take_holds_up_no_other() {
    let bench = Bench::start("spoilt").await;
    let spoilt = bench.commit_unheard("acme").await;
    bench.spoil(&spoilt).await;
    let mut changes = Vec::new();
    // More than are read at once.
    for number in 0..210 {
        changes.push(bench.commit_unheard(&format!("globex-{number}")).await);
    }
    bench.wait_until_due(211).await;

    let metrics = metrics();
    outbox::run(&bench.stores, &metrics).await;
    for change in &changes {
        assert_eq!(bench.heard(change).await, Some(change.generation.value));
    }
    assert_eq!(bench.due().await, 1);
    assert_eq!((metrics.outbox_failures.value(&["redis"]), metrics.outbox_published.value(&[])), (1, 210));
}

#[tokio::test]
async fn two_workers_at_once_do_no_harm() {
    let bench = Bench::start("two").await;
    let mut changes = Vec::new();
    for number in 0..20 {
        changes.push(bench.commit_unheard(&format!("acme-{number}")).await);
    }
    bench.wait_until_due(20).await;

    let metrics = metrics();
    tokio::join!(outbox::run(&bench.stores, &metrics), outbox::run(&bench.stores, &metrics));
    for change in &changes {
        assert_eq!(bench.heard(change).await, Some(change.generation.value));
    }
    assert_eq!(bench.due().await, 0);
    assert_eq!(metrics.outbox_failures.value(&["redis"]) + metrics.outbox_failures.value(&["postgres"]), 0);
}
