//! A Redis that is lost, full, or slow.

use std::time::{Duration, Instant};

use domain::ids::OrganizationId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{TestRedis, key, limit, organization, wait_for};
use crate::connections::RedisConfig;
use crate::counters::{Change, Counters, Expected, LimitSpend, Mode, Reach, Source, SpendRequest};
use crate::generation::Generation;

#[tokio::test]
async fn a_lost_redis_is_away_at_once_and_returns_as_another_run() {
    let mut test_redis = TestRedis::start().await;
    let counters = Counters::connect(&RedisConfig { timeout_ms: 100, ..test_redis.config() });
    wait_for(|| counters.run(OrganizationId::INSTALLATION).is_some()).await;
    let first = counters.run(OrganizationId::INSTALLATION);
    test_redis.server.pause();
    assert!(counters.now().await.is_err(), "the only one that waits");
    let started = Instant::now();
    assert!(counters.now().await.is_err(), "the breaker is open");
    assert!(started.elapsed() < Duration::from_millis(20), "and costs nothing: {:?}", started.elapsed());
    test_redis.server.resume();
    wait_for(|| counters.run(OrganizationId::INSTALLATION) == first).await;
    assert!(counters.now().await.is_ok());
    test_redis.server.restart().await.unwrap();
    let _ = counters.now().await;
    wait_for(|| counters.run(OrganizationId::INSTALLATION).is_some_and(|run| Some(run) != first)).await;
    assert!(counters.now().await.is_ok());
}

#[tokio::test]
async fn a_full_redis_takes_versions_and_tells_them_on() {
    let test_redis = TestRedis::start().await;
    let counters = test_redis.counters().await;
    let wait = Duration::from_millis(500);
    let mut changes = counters.follow(wait).await.unwrap();
    let fill =
        async |bytes: &str| test_redis.server.server().command(&["CONFIG", "SET", "maxmemory", bytes]).await.unwrap();
    fill("1").await;
    let generations = vec![Generation { subject: key(1), value: 2 }];
    assert_eq!(counters.publish(organization(1), &generations, None).await.unwrap(), Reach::Full);
    assert_eq!(changes.next(wait).await.unwrap(), [Change { generations: generations.clone(), receipt: None }]);
    let expected = [Expected { generation: Generation { value: 1, ..generations[0] }, source: Source::Cache }];
    let request = SpendRequest { organization: organization(1), expected: &expected, limits: &[], mode: Mode::Look };
    assert_eq!(counters.spend(&request).await.unwrap().generations, [Some(2)]);
    fill("0").await;
    assert_eq!(counters.publish(organization(1), &generations, None).await.unwrap(), Reach::All);
}

#[tokio::test]
async fn who_queues_behind_a_lost_call_is_told_when_that_is() {
    let test_redis = TestRedis::start().await;
    let counters = Counters::connect(&RedisConfig { timeout_ms: 1_000, ..test_redis.config() });
    wait_for(|| counters.run(OrganizationId::INSTALLATION).is_some()).await;
    test_redis.server.pause();
    let limit = limit("requests", 1, 1_000);
    let spend = [LimitSpend { owner: key(1).into(), limit: &limit, cost: 1 }];
    let request = SpendRequest { organization: organization(1), expected: &[], limits: &spend, mode: Mode::Spend };
    let started = Instant::now();
    let (sent, queued) = tokio::join!(counters.spend(&request), counters.spend(&request));
    assert!(sent.is_err() && queued.is_err());
    assert!(started.elapsed() < Duration::from_millis(1_700), "not one after the other: {:?}", started.elapsed());
}

/// A Redis in front of this one that answers everything this much later, for as long as the sender says so.
async fn delayed(target: u16) -> (u16, watch::Sender<Duration>) {
    let (delay, delays) = watch::channel(Duration::ZERO);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let ((mut asking, told), (answers, mut asked)) = (client.into_split(), server.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut asking, &mut asked).await });
            tokio::spawn(tell_late(answers, told, delays.clone()));
        }
    });
    (port, delay)
}

async fn tell_late(mut answers: OwnedReadHalf, mut told: OwnedWriteHalf, delays: watch::Receiver<Duration>) {
    let mut answer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = answers.read(&mut answer).await {
        let delay = *delays.borrow();
        tokio::time::sleep(delay).await;
        if told.write_all(&answer[..length]).await.is_err() {
            return;
        }
    }
}

/// It would be given up with the first call, which would have waited for it in vain, and be taken back, and so on.
#[tokio::test]
async fn a_redis_that_is_slower_than_a_call_may_be_is_not_taken_back() {
    let test_redis = TestRedis::start().await;
    let url = test_redis.server.url(&test_redis.user);
    let (port, delay) = delayed(test_redis.server.port()).await;
    delay.send(Duration::from_millis(70)).unwrap();
    let late = url.replace(&test_redis.server.port().to_string(), &port.to_string());
    let config = RedisConfig { timeout_ms: 35, ..RedisConfig::new(late, &test_redis.user.prefix) };
    let counters = Counters::connect(&config);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        assert_eq!(counters.run(OrganizationId::INSTALLATION), None, "after {:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    delay.send(Duration::ZERO).unwrap();
    wait_for(|| counters.run(OrganizationId::INSTALLATION).is_some()).await;
}
