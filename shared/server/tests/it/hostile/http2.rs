//! Floods of frames, of headers and of streams.

use super::frames::{self, END_HEADERS, END_STREAM};
use super::{Bystanders, GROWTH_MAX_KIB, attack, attack_bytes_max, limits, resident_kib};
use crate::edge::Edge;

/// Runs one attack while others are served; says how it ended. `frames` are sent behind `opening`, again and again.
#[expect(clippy::print_stdout, reason = "the measured figures are what the test is read for")]
async fn flood(name: &str, is_reading: bool, opening: Vec<u8>, again: impl FnMut(u32) -> Vec<u8>) -> Edge {
    let edge = Edge::with(limits(), |config| config).await;
    // Whatever is made once for good is made before.
    assert_eq!(edge.get("/v1/things", "").await.status, 200);
    let before = resident_kib();
    let bystanders = Bystanders::start(&edge, 4);
    let opening = [frames::preface(), opening].concat();
    let ended = attack(&edge, opening, is_reading, again).await;
    let growth = resident_kib().saturating_sub(before);
    let served = bystanders.finish().await;
    println!(
        "P14 http2 {name}: closed {}, {} KiB sent in {:.2} s, grown by {growth} KiB, others {} asked {} failed, slowest {} ms",
        ended.is_closed,
        ended.sent_bytes / 1024,
        ended.took.as_secs_f64(),
        served.asked,
        served.failed,
        served.slowest.as_millis(),
    );
    let worst =
        format!("closed: {}, {growth} KiB, {} of {} others failed", ended.is_closed, served.failed, served.asked);
    fuzzing::Finding::new("P14", &format!("HTTP/2: {name}"), "closed, memory bounded, others served", worst, 1)
        .record();
    assert!(ended.is_closed, "{name}: the connection lives on");
    assert!(ended.sent_bytes < attack_bytes_max(), "{name}: it was let send all it had");
    assert!(growth < GROWTH_MAX_KIB, "{name}: {growth} KiB more");
    assert!(served.asked > 0 && served.failed == 0, "{name}: {} of {} bystanders failed", served.failed, served.asked);
    edge
}

fn stream(number: u32) -> u32 {
    2 * number + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_reset_at_once_end_their_connection() {
    for path in ["/v1/things", "/v1/slow"] {
        let again = |number: u32| {
            let id = stream(number);
            [frames::headers(id, END_STREAM | END_HEADERS, &frames::request("GET", path)), frames::reset(id)].concat()
        };
        flood(&format!("rapid reset {path}"), true, Vec::new(), again).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_reset_while_answered_occupy_no_more_than_allowed() {
    let edge = Edge::with(limits(), |config| config).await;
    let bystanders = Bystanders::start(&edge, 4);
    // Slow enough for each to be taken up before it is reset.
    let mut number = 0;
    let (mut reader, mut writer) = tokio::net::TcpStream::connect(edge.address).await.unwrap().into_split();
    let draining = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    tokio::io::AsyncWriteExt::write_all(&mut writer, &frames::preface()).await.unwrap();
    while number < 1_000 {
        let ids: Vec<u32> = (number..number + 10).map(stream).collect();
        number += 10;
        let open = |id: &u32| frames::headers(*id, END_STREAM | END_HEADERS, &frames::request("GET", "/v1/slow"));
        let opened: Vec<u8> = ids.iter().flat_map(open).collect();
        let closed: Vec<u8> = ids.iter().flat_map(|id| frames::reset(*id)).collect();
        let mut sent = tokio::io::AsyncWriteExt::write_all(&mut writer, &opened).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if sent.is_ok() {
            sent = tokio::io::AsyncWriteExt::write_all(&mut writer, &closed).await;
        }
        if sent.is_err() {
            break;
        }
    }
    let is_closed = tokio::time::timeout(crate::edge::PATIENCE, draining).await.is_ok();
    let served = bystanders.finish().await;
    println!(
        "P14 http2 resets under way: closed {is_closed} after {number} streams, others {} asked {} failed",
        served.asked, served.failed
    );
    assert!(is_closed && number < 1_000, "{number} handlers were started");
    let text = edge.metrics.text();
    assert!(text.contains(r#"http_connections_cut_total{slow_at="resets"} 1"#), "{text}");
    assert!(served.asked > 0 && served.failed == 0, "{} of {} bystanders failed", served.failed, served.asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_carry_nothing_end_their_connection() {
    let post =
        [frames::request("POST", "/v1/things"), frames::field("content-type", "application/json", false)].concat();
    let opening = frames::headers(1, END_HEADERS, &post);
    // Each beside the others, and each may let the process grow by no more than one alone.
    let empty_settings = |_| frames::settings(&[]).repeat(100);
    let pings = |number: u32| frames::ping(u64::from(number)).repeat(100);
    let _edges = tokio::join!(
        flood("empty DATA", true, opening, |_| frames::data(1, 0, b"").repeat(100)),
        flood("SETTINGS", true, Vec::new(), empty_settings),
        flood("SETTINGS unread", false, Vec::new(), empty_settings),
        flood("PING", true, Vec::new(), pings),
        flood("PING unread", false, Vec::new(), pings),
        flood("WINDOW_UPDATE", true, Vec::new(), |_| frames::window_update(0, 1).repeat(100)),
        flood("PRIORITY", true, Vec::new(), |_| frames::frame(2, 0, 1, &[0, 0, 0, 0, 1]).repeat(100)),
        flood("unknown frames", true, Vec::new(), |_| frames::frame(0xfa, 0, 0, &[]).repeat(100)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_without_an_end_end_their_connection() {
    let opening = || frames::headers(1, END_STREAM, &frames::request("GET", "/v1/things"));
    flood("CONTINUATION", true, opening(), |number| {
        frames::continuation(1, 0, &frames::field(&format!("x-{number}"), "y", false))
    })
    .await;
    flood("empty CONTINUATION", true, opening(), |_| frames::continuation(1, 0, &[])).await;
    // A head that is begun and never ended has as long as any head.
    let edge = flood("half a head", true, opening(), |_| Vec::new()).await;
    assert!(
        edge.metrics.text().contains(r#"http_connections_cut_total{slow_at="header"} 1"#),
        "{}",
        edge.metrics.text()
    );
    let edge = flood("half a frame", true, opening()[..12].to_vec(), |_| Vec::new()).await;
    assert!(
        edge.metrics.text().contains(r#"http_connections_cut_total{slow_at="header"} 1"#),
        "{}",
        edge.metrics.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_list_that_unpacks_to_gigabytes_is_never_held() {
    let large = "a".repeat(3_900);
    let first = [frames::request("GET", "/v1/things"), frames::field("x-bomb", &large, true)].concat();
    let mut bomb = frames::headers(1, END_STREAM, &first);
    // Each byte stands for the 3,900 just stored: 64 MiB in a frame of 16 KiB.
    let index = vec![0xbe; 16 * 1024];
    bomb.extend(frames::continuation(1, END_HEADERS, &index));
    let mut number = 0;
    let again = |_| {
        number += 1;
        let id = stream(number);
        let block = [frames::request("GET", "/v1/things"), vec![0xbe; 15 * 1024]].concat();
        frames::headers(id, END_STREAM | END_HEADERS, &block)
    };
    flood("header bomb", true, bomb, again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_has_its_streams_and_not_one_more() {
    let edge = Edge::with(limits(), |config| config).await;
    let promised = limits().http2_streams;
    let opened: Vec<u8> = (0..promised + 20)
        .flat_map(|number| {
            frames::headers(stream(number), END_STREAM | END_HEADERS, &frames::request("GET", "/v1/slow"))
        })
        .collect();
    let mut wire = edge.connect().await;
    wire.write([frames::preface(), opened].concat()).await;
    let mut seen = Vec::new();
    let refused = |seen: &[u8]| {
        // RST_STREAM with REFUSED_STREAM.
        seen.windows(13).filter(|frame| frame[..5] == [0, 0, 4, 3, 0] && frame[9..] == [0, 0, 0, 7]).count()
    };
    while refused(&seen) < 20 {
        let mut chunk = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut wire.stream, &mut chunk);
        let count = tokio::time::timeout(crate::edge::PATIENCE, read).await.expect("refusals in time").unwrap();
        assert!(count > 0, "closed after {} refusals", refused(&seen));
        seen.extend_from_slice(&chunk[..count]);
    }
    println!("P14 http2 streams: {promised} open, {} more refused", refused(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_end_their_connection() {
    // With no window at all, the answers wait in memory while pings keep the connection alive.
    let closed_window = frames::settings(&[(frames::INITIAL_WINDOW, 0)]);
    let asked: Vec<u8> = (0..50)
        .flat_map(|number| {
            frames::headers(stream(number), END_STREAM | END_HEADERS, &frames::request("GET", "/v1/things"))
        })
        .collect();
    let edge = flood("closed window", true, [closed_window, asked].concat(), |_| Vec::new()).await;
    assert!(
        edge.metrics.text().contains(r#"http_connections_cut_total{slow_at="write"} 1"#),
        "{}",
        edge.metrics.text()
    );
}
