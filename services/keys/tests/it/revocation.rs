//! A change is seen by the very next request on every replica.

use domain::event::Event;
use domain::policy::RevokeReason;
use store::counters::Replica;

use testkit::keys_fixture::{Issued, KeysFixture, policy, wait_for};

#[tokio::test]
async fn every_replica_refuses_a_revoked_key_from_the_next_request() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(3).await;
    for _ in 0..20 {
        let issued = bench.issue(policy()).await;
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
        }
        let committed = bench.revoke(issued.id).await;
        bench.publish(bench.acme, &committed).await;
        for replica in replicas.iter().rev() {
            assert_eq!(bench.verdict(replica, &issued.secret).await, "REVOKED");
        }
        let event = Event::of("key.reactivated", issued.id);
        let (_, committed) = bench.commit(event, async |write| write.reactivate_key(issued.id).await.unwrap()).await;
        bench.publish(bench.acme, &committed).await;
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID", "and the other way round");
        }
    }
}

/// The usual culprit is a cache of what was not found.
#[tokio::test]
async fn a_new_secret_works_everywhere_at_once_and_the_old_nowhere() {
    let bench = KeysFixture::start().await;
    let replicas = bench.replicas(3).await;
    let mut issued = bench.issue(policy()).await;
    for _ in 0..20 {
        let (plain, secret) = bench.new_secret(bench.acme);
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, plain.expose()).await, "NOT_FOUND", "asked for before it exists");
        }
        let key = bench.regenerate(&issued.key, &secret).await;
        for replica in &replicas {
            assert_eq!(bench.verdict(replica, plain.expose()).await, "VALID");
            assert_eq!(bench.verdict(replica, &issued.secret).await, "REVOKED");
        }
        issued = Issued { id: issued.id, key, secret: plain.expose().to_owned() };
    }
}

#[tokio::test]
async fn every_live_replica_acknowledges_and_a_stopped_one_need_not() {
    let bench = KeysFixture::start().await;
    let mut replicas = bench.replicas(2).await;
    let names: Vec<String> = replicas.iter().map(|replica| replica.name.clone()).collect();
    wait_for("the heartbeats", async || bench.counters.find_replicas().await.unwrap().len() == 2).await;
    let issued = bench.issue(policy()).await;
    let mut write = bench.write(bench.acme).await;
    let key = write.revoke_key(issued.id, RevokeReason::Other, None).await.unwrap().unwrap();
    let receipt = write.insert_receipt(key.id, key.generation).await.unwrap();
    let committed = write.commit(Event::of("key.revoked", issued.id)).await.unwrap();
    bench.counters.publish(bench.acme, &committed.generations, Some(receipt.id)).await.unwrap();
    wait_for("the acknowledgements", async || {
        let acks = bench.counters.find_acks(receipt.id).await.unwrap();
        names.iter().all(|name| acks.contains(name))
    })
    .await;
    replicas.remove(0).stop().await;
    let left = bench.counters.find_replicas().await.unwrap();
    assert_eq!(left, [Replica { name: names[1].clone(), is_silent: false }]);
}
