//! One request is one trace across the processes that answer it; and a collector that is ill makes nobody else ill.

use std::time::{Duration, Instant};

use domain::environment::Environment;
use http::Method;
use serde_json::json;
use testkit::{Answer, Collector, Mood, ReceivedSpan, Series, World};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const STAGING: Environment = Environment::Staging;

async fn whoami(world: &World, traceparent: &str) -> Answer {
    let place = world.environment(STAGING);
    let client = place.api.with(&place.organization_key);
    client.send(client.request(Method::GET, "/v1/whoami").header("traceparent", traceparent)).await.expect(200)
}

fn named<'s>(spans: &'s [ReceivedSpan], name: &str) -> &'s ReceivedSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} among {spans:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_is_one_trace_from_the_caller_to_the_key_service() {
    let collector = Collector::start().await.unwrap();
    let world = World::builder().otlp_endpoint(&collector.url()).start().await;
    whoami(&world, &format!("00-{TRACE}-{CALLER}-01")).await;
    whoami(&world, &format!("00-{}-{CALLER}-00", TRACE.replace('0', "1"))).await;
    whoami(&world, &format!("00-{TRACE}-{CALLER}-nonsense")).await;
    whoami(&world, &format!("00-{TRACE}-{CALLER}-01")).await;

    let count = |spans: &[ReceivedSpan], name: &str| spans.iter().filter(|span| span.name == name).count();
    let are_there = |spans: &[ReceivedSpan]| count(spans, "whoami") == 2 && count(spans, "authenticate_caller") == 2;
    let spans = collector.await_spans(are_there).await;
    assert!(spans.iter().all(|span| span.trace_id == TRACE), "only what the caller asked to see: {spans:#?}");
    let first = named(&spans, "whoami");
    assert_eq!((first.service.as_str(), first.parent_id.as_str()), ("claviger-api", CALLER));
    let call = named(&spans, "POST /internal/v1/authenticate");
    assert_eq!((call.service.as_str(), &call.parent_id), ("claviger-api", &first.span_id));
    let answer = named(&spans, "authenticate_caller");
    assert_eq!((answer.service.as_str(), &answer.parent_id), ("claviger-keys", &call.span_id));
    assert_eq!(named(&spans, "redis.spend").parent_id, answer.span_id);
    let read = spans.iter().find(|span| span.name == "db.secrets.select" && span.service == "claviger-keys").unwrap();
    assert_eq!(read.parent_id, answer.span_id, "a read for the cache belongs to who waits for it");

    let key = world.environment(STAGING).organization_key_id.to_string();
    let organization = world.acme.to_string();
    for (span, route, verdict) in [(first, "/v1/whoami", "VALID"), (answer, "/internal/v1/authenticate", "VALID")] {
        for (attribute, value) in [
            ("http.route", route),
            ("http.response.status_code", "200"),
            ("claviger.environment", "staging"),
            ("claviger.key.id", &key),
            ("claviger.organization.id", &organization),
            ("claviger.verdict", verdict),
        ] {
            assert_eq!(span.attributes.get(attribute).map(String::as_str), Some(value), "{attribute} of {span:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_tells_whose_mistake_it_was_and_nothing_that_was_sent() {
    let collector = Collector::start().await.unwrap();
    let world = World::builder().otlp_endpoint(&collector.url()).start().await;
    let place = world.environment(STAGING);
    let client = place.api.with(&place.organization_key);
    let ask = async |path: &str| {
        let request = client.request(Method::GET, path).header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
        client.send(request.header("tracestate", "canary=canary").header("user-agent", "canary")).await
    };
    ask("/v1/canary?canary=canary").await.expect(404);
    ask("/v1/organizations/canary/keys").await.expect(404);
    let spans = collector.await_spans(|spans| spans.iter().any(|span| span.name == "list_keys")).await;
    let error = |span: &ReceivedSpan| span.attributes.get("error.type").cloned();
    for name in ["GET", "list_keys"] {
        let span = named(&spans, name);
        assert_eq!((error(span).as_deref(), span.is_failed), (Some("not-found"), false), "{span:#?}");
    }
    let route = named(&spans, "list_keys").attributes["http.route"].clone();
    assert_eq!(route, "/v1/organizations/{organization}/keys");
    assert!(!named(&spans, "GET").attributes.contains_key("http.route"));
    assert!(!collector.bytes().windows(6).any(|window| window == b"canary"), "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_has_the_numbers_that_the_process_shows() {
    let collector = Collector::start().await.unwrap();
    let world = World::builder().otlp_endpoint(&collector.url()).workers().start().await;
    for _ in 0..3 {
        whoami(&world, "").await;
    }
    let counted = ("claviger-api".to_owned(), vec!["whoami".to_owned(), "ok".to_owned()]);
    collector.await_series("http_requests_total", |series| series.get(&counted) == Some(&3.0)).await;
    let counted = ("claviger-keys".to_owned(), vec!["staging".to_owned(), "VALID".to_owned()]);
    collector.await_series("claviger_verifications_total", |series| series.get(&counted) == Some(&3.0)).await;
    let checks = |series: &Series| series.keys().filter(|(service, _)| service == "claviger-worker").count();
    collector.await_series("claviger_check_up", |series| checks(series) == 2).await;
    assert_eq!(collector.spans(), [], "nobody asked for a trace");
    assert!(collector.was_always_told("x-collector-token", "the token of the collector"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_fails_or_hangs_or_is_gone_harms_no_request() {
    let collector = Collector::start().await.unwrap();
    let mut world = World::builder().otlp_endpoint(&collector.url()).start().await;
    for mood in [Mood::Fails, Mood::Hangs] {
        collector.set_mood(mood);
        for _ in 0..50 {
            let started = Instant::now();
            whoami(&world, &format!("00-{TRACE}-{CALLER}-01")).await;
            assert!(started.elapsed() < Duration::from_secs(2), "{mood:?}: {:?}", started.elapsed());
        }
    }
    drop(collector);
    let place = world.environment(STAGING);
    let question = json!({"key": place.organization_key});
    for _ in 0..50 {
        let keys = world.keys(STAGING);
        let request = keys.request(Method::POST, "/v1/keys/verify").json(&question);
        let answer = keys.send(request.header("traceparent", format!("00-{TRACE}-{CALLER}-01"))).await.expect(200);
        assert_eq!(answer.body["verdict"], "VALID");
    }
    let started = Instant::now();
    world.stop_keys_replica(0).await;
    assert!(started.elapsed() < Duration::from_secs(15), "a process does not wait for it to the end of days");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_finished_when_the_process_is_stopped_still_arrives() {
    let collector = Collector::start().await.unwrap();
    let mut world = World::builder().otlp_endpoint(&collector.url()).start().await;
    whoami(&world, &format!("00-{TRACE}-{CALLER}-01")).await;
    world.stop_keys_replica(0).await;
    let spans = collector.spans();
    assert_eq!(named(&spans, "authenticate_caller").trace_id, TRACE);
}
