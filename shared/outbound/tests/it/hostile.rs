//! Eighty ways to have us call ourselves, our neighbours or a cloud's metadata.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, Method};
use outbound::{Answer, Names, Outbound, OutboundError, Request, TrustedOrigin};

use crate::server::Server;

fn request(url: &str) -> Request<'_> {
    Request {
        method: Method::POST,
        url,
        headers: HeaderMap::new(),
        body: b"question".to_vec(),
        timeout: Duration::from_secs(10),
        answer_max_bytes: 1_024,
    }
}

/// Names that all have these addresses.
fn names(addresses: &[&str]) -> Names {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Names::Fixed(Arc::new(move |_| addresses.clone()))
}

/// One that vouches for the server under its name.
fn trusting(server: &Server, names: Names) -> (Outbound, String) {
    let origin = format!("http://verifier.test:{}", server.address.port());
    (Outbound::new(names, vec![TrustedOrigin::parse(&origin).unwrap()]).unwrap(), origin)
}

/// Texts of hosts, all of which mean something that is not public.
const HOSTS: [&str; 44] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "127.0.0.1.",
    "127.255.255.254",
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.43518",
    "0xa9fea9fe",
    "2852039166",
    "025177524776",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.7",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::]",
    "[2001::1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fc00::1]",
];

/// URLs that are refused before anything is looked up, or name a host whose addresses are not public.
const URLS: [&str; 24] = [
    "",
    "//example.com",
    "example.com",
    "https:",
    "https://",
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://example.com/",
    "http://example.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://a@example.com/",
    "https://a:b@example.com/",
    "https://127.0.0.1@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com:99999/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://internal.example.com/",
    "https://127.0.0.1.nip.io/",
    "https://ⓛocalhost/",
    "https://１２７.0.0.1/",
    "https://metadata.google.internal/",
];

#[tokio::test]
async fn nothing_is_sent_to_what_is_not_public() {
    let server = Server::start().await;
    let port = server.address.port();
    let outbound = Outbound::new(names(&["127.0.0.1"]), Vec::new()).unwrap();
    let hosts = HOSTS.iter().map(|host| format!("https://{host}:{port}/"));
    let urls = URLS.iter().map(|url| (*url).to_owned());
    for url in hosts.chain(urls) {
        let refused = outbound.send(request(&url)).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Url | OutboundError::NotPublic), "{url}: {refused:?}");
    }
    for addresses in [
        ["127.0.0.1", "1.1.1.1"],
        ["1.1.1.1", "10.0.0.1"],
        ["::1", "2606:4700::1111"],
        ["::ffff:7f00:1", "1.1.1.1"],
        ["64:ff9b::7f00:1", "1.1.1.1"],
        ["2002:7f00:1::", "1.1.1.1"],
        ["fe80::1", "1.1.1.1"],
        ["169.254.169.254", "1.1.1.1"],
        ["0.0.0.0", "1.1.1.1"],
        ["100.64.0.1", "1.1.1.1"],
        ["192.168.0.1", "1.1.1.1"],
        ["172.16.0.1", "1.1.1.1"],
    ] {
        let outbound = Outbound::new(names(&addresses), Vec::new()).unwrap();
        let refused = outbound.send(request("https://example.com/")).await;
        assert_eq!(refused, Err(OutboundError::NotPublic), "{addresses:?}: one of several is enough");
    }
    let nowhere = Outbound::new(names(&[]), Vec::new()).unwrap();
    assert_eq!(nowhere.send(request("https://example.com/")).await, Err(OutboundError::NotPublic));
    assert_eq!(server.connections(), 0, "not even a connection was made");
}

#[tokio::test]
async fn a_name_is_resolved_once_and_its_answer_is_kept_to() {
    let server = Server::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // It is somebody else's from the second time on.
    let rebinding = Names::Fixed(Arc::new(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => vec!["127.0.0.1".parse().unwrap()],
        _ => vec!["127.0.0.2".parse().unwrap()],
    }));
    let (outbound, origin) = trusting(&server, rebinding);
    let answer = outbound.send(request(&format!("{origin}/ok"))).await;
    assert_eq!(answer, Ok(Answer { status: 200, body: b"ok".to_vec() }));
    assert_eq!((asked.load(Ordering::Relaxed), server.connections()), (1, 1));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let server = Server::start().await;
    let (outbound, origin) = trusting(&server, names(&["127.0.0.1"]));
    let answer = outbound.send(request(&format!("{origin}/redirect"))).await.unwrap();
    assert_eq!((answer.status, server.connections()), (302, 1));
}

#[tokio::test]
async fn neither_a_body_nor_a_wait_is_without_a_bound() {
    let server = Server::start().await;
    let (outbound, origin) = trusting(&server, names(&["127.0.0.1"]));
    assert_eq!(outbound.send(request(&format!("{origin}/endless"))).await, Err(OutboundError::TooLarge));
    let url = format!("{origin}/slow");
    let impatient = Request { timeout: Duration::from_millis(50), ..request(&url) };
    assert_eq!(outbound.send(impatient).await, Err(OutboundError::Timeout));
}

#[tokio::test]
async fn what_the_operator_vouches_for_is_one_origin_alone() {
    let (server, other) = (Server::start().await, Server::start().await);
    let (outbound, origin) = trusting(&server, names(&["127.0.0.1"]));
    assert!(outbound.send(request(&format!("{origin}/ok"))).await.is_ok());
    for url in [
        format!("http://verifier.test:{}/ok", other.address.port()),
        format!("http://other.test:{}/ok", server.address.port()),
        format!("http://127.0.0.1:{}/ok", server.address.port()),
        format!("http://user@verifier.test:{}/ok", server.address.port()),
    ] {
        assert_eq!(outbound.send(request(&url)).await, Err(OutboundError::Url), "{url}");
    }
    let url = format!("https://verifier.test:{}/ok", other.address.port());
    assert_eq!(outbound.send(request(&url)).await, Err(OutboundError::NotPublic), "nor another port of its host");
    assert_eq!((server.connections(), other.connections()), (1, 0));
}
