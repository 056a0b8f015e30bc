//! Time: slow peers are cut, slow handlers are answered for, and a stop lets work end.

use std::time::Duration;

use server::{admission::AdmissionQueue, listener::Limits, metrics::Metrics};
use tokio::io::AsyncWriteExt;

use crate::edge::{Edge, PATIENCE, Wire};

const SHORT: Duration = Duration::from_millis(300);

/// Limits under which only the one that a test shortens is ever met.
fn long() -> Limits {
    Limits { header: PATIENCE * 2, body: PATIENCE * 2, idle: PATIENCE * 2, write: PATIENCE * 2, ..Limits::promised() }
}

async fn is_notified(notify: &tokio::sync::Notify) {
    tokio::time::timeout(PATIENCE, notify.notified()).await.expect("within patience");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let edge = Edge::with(Limits { header: SHORT, ..long() }, |config| config).await;
    for start in ["", "GET /v1/things HTT", "GET /v1/things HTTP/1.1\r\nHost: e", "PRI * HTT"] {
        let mut wire = edge.connect().await;
        wire.write(start).await;
        wire.closed().await;
    }
    let mut dripping = edge.connect().await;
    dripping.write("GET / HTTP/1.1\r\nX: ").await;
    let mut drops = tokio::time::interval(SHORT / 10);
    let drip = async {
        while dripping.stream.write_all(b"a").await.is_ok() {
            drops.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, drip).await.expect("a drip keeps no connection");
    assert!(edge.metrics.text().contains(r#"http_connections_cut_total{slow_at="header"} 5"#));
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_while_it_is_answered() {
    let edge = Edge::with(Limits { idle: SHORT, ..long() }, |config| config).await;
    let mut wire = edge.connect().await;
    wire.write("GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);
    wire.closed().await;
    // A later connection is closed for idleness first, so this one has outlived the limit.
    let mut waiting = edge.connect().await;
    waiting.write("GET /v1/slow HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    is_notified(&edge.signals.entered).await;
    edge.connect().await.closed().await;
    edge.signals.go_on.notify_one();
    assert_eq!(waiting.answer().await.json(), "done");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_closed() {
    let head =
        "POST /v1/things HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n";
    let whole = Limits { body: SHORT, ..long() };
    let rate = Limits { body_grace: SHORT, body_bytes_per_second_min: 1 << 20, ..long() };
    for limits in [whole, rate] {
        let edge = Edge::with(limits, |config| config).await;
        let mut wire = edge.connect().await;
        wire.write(format!("{head}{{\"name\"")).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-framing"));
        assert_eq!(answer.header("connection"), Some("close"));
        wire.closed().await;
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut() {
    let edge = Edge::with(Limits { write: SHORT, ..long() }, |config| config).await;
    let mut wire = edge.connect().await;
    wire.write("GET /v1/large HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    edge.shows(r#"http_connections_cut_total{slow_at="write"} 1"#).await;
}

#[tokio::test]
async fn a_slow_handler_is_answered_for_and_not_cancelled() {
    let edge = Edge::with(long(), |config| config.deadline(SHORT)).await;
    let answer = edge.get("/v1/slow", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    edge.signals.go_on.notify_one();
    is_notified(&edge.signals.finished).await;
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cancel_the_handler() {
    let edge = Edge::start().await;
    let mut wire = edge.connect().await;
    wire.write("GET /v1/slow HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    is_notified(&edge.signals.entered).await;
    drop(wire);
    edge.shows("http_connections 0").await;
    edge.signals.go_on.notify_one();
    is_notified(&edge.signals.finished).await;
}

/// An edge whose only permit is taken, and the request that has it.
async fn full() -> (Edge, Wire) {
    let queue = AdmissionQueue::fixed("test", 1, SHORT, &Metrics::new());
    let edge = Edge::admitting(long(), queue).await;
    let mut first = edge.connect().await;
    first.write("GET /v1/slow HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    is_notified(&edge.signals.entered).await;
    (edge, first)
}

#[tokio::test]
async fn work_beyond_the_bound_waits_and_is_then_rejected() {
    let (edge, mut first) = full().await;
    let second = edge.get("/v1/things", "X-Request-Id: a-known-one\r\n").await;
    assert_eq!((second.status, second.code().as_str()), (503, "overloaded"));
    assert_eq!(second.header("x-request-id"), Some("a-known-one"));
    assert_eq!(second.header("x-environment"), Some("staging"));
    let wait: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait));
    edge.shows(r#"http_requests_total{operation="list_things",outcome="overloaded"} 1"#).await;
    edge.signals.go_on.notify_one();
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(edge.get("/v1/things", "").await.status, 200);
}

#[tokio::test]
async fn rejected_requests_in_pieces_keep_their_connection_in_step() {
    let (edge, mut first) = full().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: edge\r\n\r\n");
    let body = "{\"name\":\"a\"}";
    let post = format!(
        "POST /v1/things HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let all = [get("/v1/things"), post, get("/v1/things?limit=9"), get("/v1/things/7")].concat();
    for at in [1, 10, all.len() / 2, all.len() - 1] {
        let mut wire = edge.connect().await;
        let (one, other) = all.split_at(at);
        wire.write(one).await;
        tokio::time::sleep(SHORT / 10).await;
        wire.write(other).await;
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(wire.answer().await.status);
        }
        assert_eq!(statuses, [503, 201, 503, 200], "in two pieces, the first of {at}");
    }
    edge.signals.go_on.notify_one();
    assert_eq!(first.answer().await.json(), "done");
}

#[tokio::test]
async fn two_listeners_of_a_process_share_its_queue() {
    let queue = AdmissionQueue::fixed("test", 4, SHORT, &Metrics::new());
    let development = Edge::admitting(long(), queue.beside_production()).await;
    let production = Edge::admitting(long(), queue).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut wire = development.connect().await;
        wire.write("GET /v1/slow HTTP/1.1\r\nHost: edge\r\n\r\n").await;
        is_notified(&development.signals.entered).await;
        slow.push(wire);
    }
    assert_eq!(development.get("/v1/things", "").await.status, 503, "its part is used up");
    assert_eq!(production.get("/v1/things", "").await.status, 200);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_lives_on() {
    let edge = Edge::start().await;
    let mut wire = edge.connect().await;
    for target in ["/v1/panic", "/v1/cause"] {
        wire.write(format!("GET {target} HTTP/1.1\r\nHost: edge\r\n\r\n")).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
        assert!(!answer.body.contains("bug") && !answer.body.contains("hunter2"));
    }
    wire.write("GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_lets_work_end() {
    let edge = Edge::with(long(), |config| config).await;
    let mut idle = edge.connect().await;
    idle.write("GET /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);
    let mut silent = edge.connect().await;
    let mut busy = edge.connect().await;
    busy.write("GET /v1/slow HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    is_notified(&edge.signals.entered).await;
    edge.shutdown.cancel();
    idle.closed().await;
    silent.closed().await;
    edge.signals.go_on.notify_one();
    let answer = busy.answer().await;
    assert_eq!(answer.json(), "done");
    assert_eq!(answer.header("connection"), Some("close"));
    tokio::time::timeout(PATIENCE, edge.served).await.expect("the listener ends").unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(edge.address).await.is_err());
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_the_drain() {
    let edge = Edge::with(Limits { drain: SHORT, ..long() }, |config| config).await;
    let mut busy = edge.connect().await;
    busy.write("GET /v1/slow HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    is_notified(&edge.signals.entered).await;
    edge.shutdown.cancel();
    tokio::time::timeout(PATIENCE, edge.served).await.expect("the listener ends").unwrap().unwrap();
}

#[tokio::test]
async fn http2_is_served_and_judged_the_same() {
    let edge = Edge::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = |path: &str| format!("http://{}{path}", edge.address);
    let calls = (0..50).map(|_| client.get(url("/v1/things?limit=3")).send());
    for response in futures_util::future::try_join_all(calls).await.unwrap() {
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        assert_eq!(response.headers()["x-environment"], "staging");
        assert_eq!(response.text().await.unwrap(), "3");
    }
    let refused =
        client.post(url("/v1/things")).header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let panicked = client.get(url("/v1/panic")).send().await.unwrap();
    assert_eq!(panicked.headers()["content-type"], "application/problem+json");
}
