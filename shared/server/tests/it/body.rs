//! Bodies: each row of the catalogue of bad JSON, through a real socket.

use std::io::{Read, Write};

use crate::edge::{Edge, PATIENCE};

#[tokio::test]
async fn a_right_body_is_created() {
    let edge = Edge::start().await;
    let answer = edge.post(r#"{"name":"a","count":1,"note":null}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.json(), serde_json::json!({"name":"a","count":1,"note":null}));
}

#[tokio::test]
async fn what_cannot_be_read_is_400() {
    let edge = Edge::start().await;
    let cases: &[&[u8]] = &[
        b"",
        b"\xEF\xBB\xBF{\"name\":\"a\"}",
        b"{\"name\":\"a\"} x",
        b"{\"name\":\"a\"}{\"name\":\"a\"}",
        b"{\"name\":NaN}",
        b"{\"count\":01}",
        b"{\"count\":1e400}",
        b"{'name':'a'}",
        b"{\"name\":\"\\ud800\"}",
        b"{\"name\":\"\xff\"}",
    ];
    for case in cases {
        let answer = edge.post(case).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "malformed-json"),
            "{}",
            String::from_utf8_lossy(case)
        );
    }
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(edge.post(deep).await.code(), "malformed-json");
    let twice = edge.post(r#"{"name":"a","note":"b","name":"c"}"#).await;
    assert_eq!((twice.status, twice.code().as_str()), (400, "duplicate-member"));
    assert!(twice.json()["detail"].as_str().unwrap().contains("\"name\""));
}

#[tokio::test]
async fn what_was_read_but_is_unacceptable_is_422_with_all_mistakes() {
    let edge = Edge::start().await;
    let answer = edge.post(r#"{"count":1.0,"note":"\u0000","x":1}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "validation"));
    let json = answer.json();
    let mistakes: Vec<String> = json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    assert_eq!(mistakes, ["/name required", "/count type", "/note control-character", "/x unknown-member"]);
    for (body, code) in [
        (r#"{"name":1}"#, "type"),
        (r#"{"name":null}"#, "type"),
        (r#"{"name":"a","count":9223372036854775808}"#, "type"),
        (r#"{"name":"a","count":-0}"#, "type"),
        (r#"{"name":"a","count":1e3}"#, "type"),
        (r#"{"name":"a","count":null}"#, "type"),
    ] {
        let answer = edge.post(body).await;
        assert_eq!((answer.status, answer.json()["errors"][0]["code"].as_str()), (422, Some(code)), "{body}");
    }
}

#[tokio::test]
async fn a_body_is_counted_while_it_is_read() {
    let edge = Edge::start().await;
    let declared =
        "POST /v1/things HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n";
    assert_eq!(edge.send(declared).await.code(), "payload-too-large");
    let chunked = |bytes: usize| {
        let body = format!("{{\"name\":\"a\",\"note\":\"{}\"}}", " ".repeat(bytes));
        format!(
            "POST /v1/things HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    assert_eq!(edge.send(chunked(100)).await.status, 201);
    let answer = edge.send(chunked(70_000)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "payload-too-large"));
}

/// Clients that write all they have before they read: a reset would take the answer from them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_sent_whole_is_answered_to_every_client() {
    let edge = std::sync::Arc::new(Edge::start().await);
    let refused = [
        ("Content-Type: application/json\r\nContent-Length: 3000000\r\n", (413, "payload-too-large")),
        ("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", (415, "unsupported-media-type")),
        ("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", (413, "payload-too-large")),
    ];
    let clients = (0..60).map(|number| {
        let (edge, (lines, expected)) = (edge.clone(), refused[number % refused.len()]);
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(edge.address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let chunk = format!("{:x}\r\n{}\r\n", 30_000, "x".repeat(30_000));
            let body = if lines.contains("chunked") { chunk.repeat(100) + "0\r\n\r\n" } else { "x".repeat(3_000_000) };
            write!(stream, "POST /v1/things HTTP/1.1\r\nHost: edge\r\n{lines}\r\n{body}").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
            assert_eq!(status, Some(expected.0), "{lines:?}: {answer}");
            assert!(answer.contains(expected.1), "{answer}");
        })
    });
    for client in futures_util::future::join_all(clients).await {
        client.unwrap();
    }
}

#[tokio::test]
async fn a_query_is_as_strict_as_a_body() {
    let edge = Edge::start().await;
    assert_eq!(edge.get("/v1/things?limit=7", "").await.json(), 7);
    for (query, code) in [
        ("limit=0", "range"),
        ("limit=201", "range"),
        ("limit=abc", "type"),
        ("limit=1&limit=2", "repeated-parameter"),
        ("limit[]=1", "unknown-parameter"),
        ("nope=1", "unknown-parameter"),
        ("q=%ff", "encoding"),
        ("q=%zz", "encoding"),
        ("q=%00", "control-character"),
    ] {
        let answer = edge.get(&format!("/v1/things?{query}"), "").await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "validation"), "{query}");
        assert_eq!(answer.json()["errors"][0]["code"], code, "{query}");
        assert!(answer.json()["errors"][0]["pointer"].as_str().unwrap().starts_with("/query/"));
    }
}
