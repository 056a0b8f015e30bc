//! Framing, headers and paths: each row of the catalogue of bad input, through a real socket.

use crate::edge::Edge;

const GET: &str = "GET /v1/things HTTP/1.1\r\n";
const POST: &str = "POST /v1/things HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n";

#[tokio::test]
async fn ambiguous_framing_is_refused_and_the_connection_closed() {
    let edge = Edge::start().await;
    for raw in [
        format!("{GET}\r\n"),
        format!("{GET}Host: edge\r\nHost: edge\r\n\r\n"),
        format!("{GET}Host: edge\r\nHost: other\r\n\r\n"),
        "GET http://other/v1/things HTTP/1.1\r\nHost: edge\r\n\r\n".to_owned(),
        format!("{GET}Host: a@edge\r\n\r\n"),
        format!("{GET}Host: edge, other\r\n\r\n"),
    ] {
        let mut wire = edge.connect().await;
        wire.write(&raw).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-framing"), "{raw:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{raw:?}");
        wire.closed().await;
    }
}

#[tokio::test]
async fn what_the_parser_refuses_is_400_and_closed() {
    let edge = Edge::start().await;
    for raw in [
        format!("{POST}Content-Length: 12\r\nContent-Length: 13\r\n\r\n{{\"name\":\"a\"}}x"),
        format!("{POST}Content-Length: +12\r\n\r\n{{\"name\":\"a\"}}"),
        format!("{POST}Content-Length: 12, 12\r\n\r\n{{\"name\":\"a\"}}"),
        format!("{POST}Transfer-Encoding: xchunked\r\n\r\n"),
        format!("{POST}Transfer-Encoding: chunked, identity\r\n\r\n"),
        format!("{GET}Host : edge\r\n\r\n"),
        format!("{GET}Host: edge\r\n folded\r\n\r\n"),
        format!("{GET}Host: edge\r\nX: a\0b\r\n\r\n"),
        "GET  /v1/things HTTP/1.1\r\nHost: edge\r\n\r\n".to_owned(),
        "GET /v1/things HTTP/9.9\r\nHost: edge\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}not http\r\n\r\n".to_owned(),
    ] {
        let mut wire = edge.connect().await;
        wire.write(&raw).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 400, "{raw:?}");
        wire.closed().await;
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_ignored_and_ends_the_connection() {
    let edge = Edge::start().await;
    let body = "c\r\n{\"name\":\"a\"}\r\n0\r\n\r\n";
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 400\r\n",
    ] {
        let mut wire = edge.connect().await;
        wire.write(format!("{POST}{lines}\r\n{body}{GET}Host: edge\r\n\r\n")).await;
        assert_eq!(wire.answer().await.status, 201, "{lines:?}");
        wire.closed().await;
    }
}

#[tokio::test]
async fn requests_in_pieces_and_in_one_are_answered_in_step() {
    let edge = Edge::start().await;
    let chunked = format!("{POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"nam\r\n7\r\ne\":\"a\"}}\r\n0\r\n\r\n");
    let refused = format!("{GET}Host: edge\r\nAccept: image/png\r\n\r\n");
    let all = format!("{GET}Host: edge\r\n\r\n{chunked}{refused}GET /v1/things/7 HTTP/1.1\r\nHost: edge\r\n\r\n");
    for piece in [all.len(), 7, 1] {
        let mut wire = edge.connect().await;
        for bytes in all.as_bytes().chunks(piece) {
            wire.write(bytes).await;
            tokio::task::yield_now().await;
        }
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(wire.answer().await.status);
        }
        assert_eq!(statuses, [200, 201, 406, 200], "in pieces of {piece}");
    }
}

#[tokio::test]
async fn one_host_in_target_and_header_is_answered() {
    let edge = Edge::start().await;
    assert_eq!(edge.send("GET http://EDGE/v1/things HTTP/1.1\r\nHost: edge\r\n\r\n").await.status, 200);
    assert_eq!(edge.send("GET /v1/things HTTP/1.0\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn a_second_credential_or_one_in_the_url_is_never_evaluated() {
    let edge = Edge::start().await;
    for lines in ["Authorization: a\r\nAuthorization: a\r\n", "Authorization: a\r\nX-Api-Key: b\r\n"] {
        assert_eq!(edge.get("/v1/things", lines).await.code(), "ambiguous-credentials", "{lines:?}");
    }
    let secret = "clv_prod_0123456789abcdef_x";
    for target in [
        "/v1/things?key=x".to_owned(),
        "/v1/things?api_key=x".to_owned(),
        "/v1/things?access_token=x".to_owned(),
        format!("/v1/things?q={secret}"),
        format!("/v1/things/{secret}"),
    ] {
        let answer = edge.get(&target, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "credential-in-url"), "{target}");
        assert!(!answer.body.contains(secret));
    }
}

#[tokio::test]
async fn sizes_are_limited_with_an_answer() {
    let edge = Edge::start().await;
    let large = |bytes: usize| format!("X: {}\r\n", "a".repeat(bytes));
    for bytes in [17 * 1024, 64 * 1024] {
        let answer = edge.get("/v1/things", &large(bytes)).await;
        assert_eq!((answer.status, answer.code().as_str()), (431, "headers-too-large"), "{bytes}");
    }
    assert_eq!(edge.get("/v1/things", &large(512 * 1024)).await.status, 431);
    assert_eq!(edge.get("/v1/things", &large(15 * 1024)).await.status, 200);
    let fields = |count: usize| (0..count).map(|index| format!("X-{index}: a\r\n")).collect::<String>();
    assert_eq!(edge.get("/v1/things", &fields(63)).await.status, 200);
    assert_eq!(edge.get("/v1/things", &fields(64)).await.code(), "headers-too-large");
    assert_eq!(edge.get("/v1/things", &fields(103)).await.status, 431);
    let answer = edge.get(&format!("/v1/{}", "a".repeat(9000)), "").await;
    assert_eq!((answer.status, answer.code().as_str()), (414, "uri-too-long"));
    assert_eq!(edge.get(&format!("/v1/{}", "a".repeat(70_000)), "").await.status, 414);
}

#[tokio::test]
async fn a_method_that_a_path_lacks_is_405_with_what_it_has() {
    let edge = Edge::start().await;
    for (line, allow) in [
        ("DELETE /v1/things", "GET, HEAD, POST"),
        ("TRACE /v1/things", "GET, HEAD, POST"),
        ("BREW /v1/things", "GET, HEAD, POST"),
        ("POST /v1/things/1", "GET, HEAD"),
        ("OPTIONS /v1/things", "GET, HEAD, POST"),
        ("TRACE /v1/nowhere", "GET, HEAD, POST"),
    ] {
        let answer = edge.send(format!("{line} HTTP/1.1\r\nHost: edge\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "method-not-allowed"), "{line}");
        assert_eq!(answer.header("allow"), Some(allow), "{line}");
    }
    let answer = edge.send("CONNECT edge:443 HTTP/1.1\r\nHost: edge:443\r\n\r\n").await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method-not-allowed"));
    let overridden = edge.get("/v1/things", "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /v1/panic\r\n").await;
    assert_eq!(overridden.status, 200);
}

#[tokio::test]
async fn a_path_has_one_spelling_and_every_other_is_a_404() {
    let edge = Edge::start().await;
    let others = [
        "/",
        "/v1//things",
        "/v1/things/",
        "/v1/%74hings",
        "/v1/x/../things",
        "/v1/%2e%2e/things",
        "/V1/things",
        "/v1/%00",
        "/v1/framework",
        "/v1/nowhere?limit=x",
    ];
    for target in others {
        let answer = edge.get(target, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"), "{target}");
    }
    let mut bodies = Vec::new();
    for target in
        ["/v1/things/%31", "/v1/things/1%2F2", "/v1/things/ten", "/v1/things/10", "/v1/things/99999999999999999999"]
    {
        let answer = edge.get(target, "X-Request-Id: same-request-id\r\n").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not-found"), "{target}");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "an absent thing and a hidden one answer with the same bytes");
}

#[tokio::test]
async fn content_headers_decide_before_the_body_is_read() {
    let edge = Edge::start().await;
    for (lines, code) in [
        ("", "unsupported-media-type"),
        ("Content-Type: text/plain\r\n", "unsupported-media-type"),
        ("Content-Type: application/json; charset=utf-16\r\n", "unsupported-media-type"),
        ("Content-Type: multipart/form-data; boundary=x\r\n", "unsupported-media-type"),
        ("Content-Type: application/json\r\nContent-Type: application/json\r\n", "unsupported-media-type"),
        ("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "unsupported-encoding"),
        ("Content-Type: application/json\r\nContent-Encoding: br, gzip\r\n", "unsupported-encoding"),
    ] {
        let answer = edge.post_as(lines, "{\"name\":\"a\"}").await;
        assert_eq!((answer.status, answer.code().as_str()), (415, code), "{lines:?}");
    }
    for (accept, status) in [
        ("text/csv", 406),
        ("image/*", 406),
        ("application/xml", 406),
        ("application/json;q=0", 406),
        ("", 406),
        ("*/*", 200),
        ("application/*", 200),
        ("application/json", 200),
        ("text/csv, application/problem+json", 200),
        ("text/html, image/png", 200),
        ("application/JSON; q=0.5", 200),
    ] {
        let answer = edge.get("/v1/things", &format!("Accept: {accept}\r\n")).await;
        assert_eq!(answer.status, status, "{accept}");
        assert!(status == 200 || answer.code() == "not-acceptable");
    }
    assert_eq!(edge.get("/v1/things", "Origin: h\u{e9}\r\n").await.status, 200);
}

#[tokio::test]
async fn every_answer_has_its_headers_and_a_harmless_id() {
    let edge = Edge::start().await;
    for target in ["/v1/things", "/v1/nowhere", "/v1/panic"] {
        let answer = edge.get(target, "").await;
        for (name, value) in [
            ("x-environment", "staging"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{target} {name}");
        }
        let id = answer.header("x-request-id").unwrap();
        assert!(id.starts_with("req_") && id.len() == 26, "{id}");
    }
    let fit = "abc-DEF-0123456789";
    assert_eq!(edge.get("/v1/things", &format!("X-Request-Id: {fit}\r\n")).await.header("x-request-id"), Some(fit));
    let too_long = "a".repeat(65);
    for unfit in ["short", "has space1", "semi;colon", "under_score", too_long.as_str(), "a\u{1b}[31mred"] {
        let answer = edge.get("/v1/things", &format!("X-Request-Id: {unfit}\r\n")).await;
        assert!(answer.header("x-request-id").is_none_or(|id| id.starts_with("req_")), "{unfit}");
    }
    let twice = edge.get("/v1/things", &format!("X-Request-Id: {fit}\r\nX-Request-Id: {fit}\r\n")).await;
    assert!(twice.header("x-request-id").unwrap().starts_with("req_"));
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let chain = "X-Forwarded-For: 203.0.113.9\r\n";
    let edge = Edge::start().await;
    assert_eq!(edge.get("/v1/context", chain).await.json(), "127.0.0.1");
    assert!(edge.metrics.text().contains("http_forwarded_ignored_total 1"));
    let trusted = ["127.0.0.1/32".parse().unwrap()];
    let behind = Edge::with(server::listener::Limits::promised(), |config| config.trusted_proxies(&trusted)).await;
    assert_eq!(behind.get("/v1/context", chain).await.json(), "203.0.113.9");
    assert_eq!(behind.get("/v1/context", "").await.json(), "denied");
    assert_eq!(behind.get("/v1/context", &format!("{chain}Connection: X-Forwarded-For\r\n")).await.json(), "denied");
}
