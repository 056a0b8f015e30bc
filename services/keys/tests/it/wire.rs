//! The listener's manners: its token, its strictness, its batches, and what the Integration API asks.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::wire::{AuthenticateRequest, BatchResult, SecretText, VerifyRequest};
use client::{KeysClient, KeysError};
use domain::priority::Priority;
use domain::verdict::Verdict;
use futures_util::future::join_all;
use serde_json::json;

use testkit::keys_fixture::{INTERNAL_TOKEN, KeysFixture, TOKEN, policy};

#[tokio::test]
async fn each_path_is_answered_with_its_own_token_alone() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, others) in [
        ("/v1/keys/verify", INTERNAL_TOKEN),
        ("/v1/keys/verify-batch", INTERNAL_TOKEN),
        ("/internal/v1/verify", TOKEN),
        ("/internal/v1/authenticate", TOKEN),
    ] {
        let url = format!("{}{path}", replica.url);
        let missing = http.post(&url).json(&json!({"key": "x"})).send().await.unwrap();
        assert_eq!(missing.status(), 401);
        assert_eq!(missing.headers()["www-authenticate"], "Bearer");
        let problem: serde_json::Value = missing.json().await.unwrap();
        assert_eq!(problem["code"], json!("credentials-missing"));
        for token in ["x".repeat(37), others.to_owned()] {
            let wrong = http.post(&url).bearer_auth(token).json(&json!({"key": "x"})).send().await.unwrap();
            assert_eq!(wrong.status(), 401, "{path}");
            let problem: serde_json::Value = wrong.json().await.unwrap();
            assert_eq!(problem["code"], json!("credentials-invalid"));
        }
        assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
    }
    assert_eq!(http.post(format!("{}/v1/keys", replica.url)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn bodies_are_read_strictly_and_keys_of_any_length_are_judged() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    for (body, status, code) in [
        (r#"{"key":"x","key":"y"}"#, 400, "duplicate-member"),
        (r#"{"key":"x""#, 400, "malformed-json"),
        (r#"{"key":"x","explian":true}"#, 422, "validation"),
        (r#"{"key":7}"#, 422, "validation"),
        (r#"{}"#, 422, "validation"),
        (r#"{"key":"x","cost":-1}"#, 422, "validation"),
        (r#"{"key":"x","cost":1000000001}"#, 422, "validation"),
        (r#"{"key":"x","permissions":{"any":[]}}"#, 422, "validation"),
        (r#"{"key":"x","client_ip":"1.2.3"}"#, 422, "validation"),
        (r#"{"key":"x","domain":"*.shop.com"}"#, 422, "validation"),
    ] {
        let (actual, text) = bench.ask_raw(replica, "/v1/keys/verify", body.to_owned()).await;
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((actual, problem["code"].as_str().unwrap()), (status, code), "{body}: {text}");
    }
    for length in [0, 1, 10 * 1024, 1024 * 1024] {
        assert_eq!(bench.verdict(replica, &"x".repeat(length)).await, "MALFORMED");
    }
}

#[tokio::test]
async fn a_batch_of_a_hundred_is_answered_in_order_and_no_more() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    let question = |at: usize| if at.is_multiple_of(3) { json!({"key": issued.secret}) } else { json!({"key": "x"}) };
    let batch = |number: usize| json!({"requests": (0..number).map(question).collect::<Vec<_>>()});
    let (status, answer) = bench.ask(replica, "/v1/keys/verify-batch", &batch(100)).await;
    assert_eq!(status, 200);
    let verdicts: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap()).collect();
    let expected: Vec<&str> =
        (0_usize..100).map(|at| if at.is_multiple_of(3) { "VALID" } else { "MALFORMED" }).collect();
    assert_eq!(verdicts, expected);
    assert_eq!(answer["results"][99]["limits"][0]["remaining"], json!(1_000 - 34));
    for wrong in [batch(101), batch(0)] {
        let (status, problem) = bench.ask(replica, "/v1/keys/verify-batch", &wrong).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/requests")));
    }
}

#[tokio::test]
async fn a_bad_question_of_a_batch_leaves_the_others_theirs() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    let (good, long) = (json!({"key": issued.secret}), "x".repeat(201));
    for (bad, pointer, code) in [
        (json!({"key": 5}), "/key", "type"),
        (json!({}), "/key", "required"),
        (json!(null), "", "type"),
        (json!([]), "", "type"),
        (json!({"key": "x", "customer": long}), "/customer", "too-long"),
        (json!({"key": "x", "customer": "a\u{1}"}), "/customer", "control-character"),
        (json!({"key": issued.secret, "surprise": 1}), "/surprise", "unknown-member"),
        (json!({"key": issued.secret, "permissions": ["A"]}), "/permissions/0", "permission"),
        (json!({"key": issued.secret, "permissions": {"any": []}}), "/permissions/any", "too-few"),
        (json!({"key": issued.secret, "client_ip": "here"}), "/client_ip", "address"),
        (json!({"key": issued.secret, "limits": [{"name": "nonsense"}]}), "/limits/0/name", "unknown-limit"),
    ] {
        let batch = json!({"requests": [good, bad, good]});
        let (status, answer) = bench.ask(replica, "/v1/keys/verify-batch", &batch).await;
        assert_eq!(status, 200, "{bad}: {answer}");
        let results = answer["results"].as_array().unwrap();
        assert_eq!((&results[0]["verdict"], &results[2]["verdict"]), (&json!("VALID"), &json!("VALID")), "{answer}");
        let refused = &results[1];
        assert_eq!((&refused["code"], refused.get("verdict")), (&json!("validation"), None), "{bad}");
        let (place, error) = (json!(format!("/requests/1{pointer}")), &refused["errors"][0]);
        assert_eq!((&error["pointer"], &error["code"]), (&place, &json!(code)), "{bad}: {refused}");
        assert_eq!(refused["request_id"], results[0]["request_id"]);
    }
    let left = bench.verify(replica, good.clone()).await["limits"][0]["remaining"].clone();
    assert_eq!(left, json!(1_000 - 2 * 11 - 1), "bad questions consume nothing");
    // What is no list of questions is no batch.
    for (batch, pointer) in [
        (json!({"requests": [good], "more": 1}), "/more"),
        (json!({"requests": good}), "/requests"),
        (json!({}), "/requests"),
    ] {
        let (status, problem) = bench.ask(replica, "/v1/keys/verify-batch", &batch).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{batch}");
    }
}

#[tokio::test]
async fn a_log_line_names_the_one_organization_of_its_questions() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let own = bench.issue(policy()).await;
    let other = bench.issue_for(bench.globex, policy(), None).await;
    let [own, other, unknown] = [&own.secret, &other.secret, "x"].map(|key| json!({"key": key}));
    let (logged, _guard) = catch();
    let (acme, globex) = (bench.acme.to_string(), bench.globex.to_string());
    for (questions, expected) in [
        (vec![&own], Some(&acme)),
        (vec![&other, &other], Some(&globex)),
        (vec![&unknown, &own, &unknown], Some(&acme)),
        (vec![&own, &other], None),
        (vec![&unknown], None),
    ] {
        let (status, answer) = bench.ask(replica, "/v1/keys/verify-batch", &json!({"requests": questions})).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(logged.organization().as_ref(), expected, "{questions:?}");
    }
    bench.verify(replica, other).await;
    assert_eq!(logged.organization(), Some(globex));
}

/// What this thread logs; the tests' runtimes have but one.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// The organization of the one request that was answered since it was asked for last.
    fn organization(&self) -> Option<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let requests: Vec<_> = lines.filter(|line| line["target"] == "request").collect();
        let [line] = requests.as_slice() else { panic!("{requests:?}") };
        line.get("organization").map(|id| id.as_str().unwrap().to_owned())
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn catch() -> (Logged, tracing::subscriber::DefaultGuard) {
    let logged = Logged::default();
    let writer = logged.clone();
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::DEBUG);
    (logged, tracing::subscriber::set_default(lines.with_writer(move || writer.clone()).finish()))
}

#[tokio::test]
async fn a_batch_takes_as_much_room_as_its_questions() {
    const ASKERS: usize = 64;
    // Of the places of one thread staging has half.
    const ROOM: usize = 4096 / 2;
    let bench = KeysFixture::alone().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID");
    let question = json!({"key": issued.secret});
    for questions in [1, 100] {
        let batch = json!({"requests": vec![question.clone(); questions]});
        let redis = bench.redis();
        redis.pause();
        // While Redis is silent, everything that was let in is in progress.
        let asking = (0..ASKERS).map(|_| bench.ask(replica, "/v1/keys/verify-batch", &batch));
        let resuming = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            redis.resume();
        };
        let (answers, ()) = futures_util::future::join(join_all(asking), resuming).await;
        let (let_in, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
        let has_room = ASKERS * questions <= ROOM;
        assert_eq!(refused.is_empty(), has_room, "{} of {questions} were let in", let_in.len());
        assert!((1..=ROOM.div_ceil(questions)).contains(&let_in.len()), "{} of {questions} were let in", let_in.len());
        assert!(refused.iter().all(|(status, answer)| *status == 503 && answer["code"] == "overloaded"), "{refused:?}");
    }
    // The places are free again, for what is let in beside nothing else alone.
    bench.verify(replica, question).await;
}

#[tokio::test]
async fn the_client_tells_the_integration_api_who_its_caller_is() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    let client = KeysClient::new(&replica.url, INTERNAL_TOKEN);
    let ask = async |key: &str| {
        let request_id = "req_test".to_owned();
        client
            .authenticate(
                &AuthenticateRequest { key: SecretText::new(key), client_ip: None, request_id },
                Priority::Writes,
            )
            .await
            .unwrap()
    };
    let answer = ask(&issued.secret).await;
    assert_eq!((answer.verdict, answer.degraded), (Verdict::Valid, false));
    let authority = answer.authority.unwrap().read().unwrap();
    assert_eq!(
        (authority.principal.key(), authority.organization, authority.slug.as_str()),
        (Some(issued.id), bench.acme, "acme")
    );
    assert_eq!(answer.limits[0].remaining, 999);
    let malformed = ask("x").await;
    assert!(malformed.verdict == Verdict::Malformed && malformed.authority.is_none());

    let question: VerifyRequest =
        serde_json::from_value(json!({"key": issued.secret, "limits": [{"name": "nonsense"}]})).unwrap();
    let good: VerifyRequest = serde_json::from_value(json!({"key": issued.secret})).unwrap();
    let results = client.verify(None, vec![question, good], "req_test").await.unwrap();
    let [BatchResult::Refused(refused), BatchResult::Answered(answer)] = results.as_slice() else {
        panic!("the mistake is told: {results:?}")
    };
    assert_eq!((refused.code.as_str(), answer.verdict), ("validation", Verdict::Valid));
    assert_eq!(refused.errors[0].pointer, "/requests/0/limits/0/name");
    let nowhere = KeysClient::new("http://127.0.0.1:1", "token");
    assert!(matches!(nowhere.verify(None, Vec::new(), "req_test").await, Err(KeysError::Unavailable(_))));
}
