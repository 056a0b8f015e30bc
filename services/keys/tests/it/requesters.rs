//! What one requester claims or asks touches no other, and tells it nothing of what is not its own.

use std::net::IpAddr;

use client::wire::{AllOr as WireAllOr, AuthenticateRequest, BatchResult, SecretText, VerifyRequest, Within};
use client::{KeysClient, KeysError};
use domain::ids::{CustomerId, OrganizationId};
use domain::policy::{AllOr, Policy};
use domain::priority::Priority;
use domain::secret::{PlainSecret, Prefix};
use serde_json::{Value, json};

use testkit::keys_fixture::{ENVIRONMENT, INTERNAL_TOKEN, Issued, KeysFixture, Replica, TOKEN, limit, policy};

/// A source that questions claim, and how often it may fail in a minute.
const SOURCE: &str = "203.0.113.9";
const FAILURES_MAX: usize = 20;

/// Everybody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Service,
    Batch,
    Authentication,
    RootKey,
    Acme,
    Globex,
}

impl Who {
    const ALL: [Self; 6] = [Self::Service, Self::Batch, Self::Authentication, Self::RootKey, Self::Acme, Self::Globex];

    /// Services are one requester, however they ask.
    fn is_same(self, other: Self) -> bool {
        let is_service = |who| matches!(who, Self::Service | Self::Batch);
        self == other || is_service(self) && is_service(other)
    }

    /// The verdict about a key that it presents from the source.
    async fn ask(self, bench: &KeysFixture, replica: &Replica, key: &str) -> String {
        let request = json!({"key": key, "client_ip": SOURCE});
        let through = |within: Value| json!({"within": within, "requests": [request], "request_id": "req_test"});
        let within = |organization: OrganizationId| json!({"organization_id": organization, "customers": "all", "domains": "all"});
        let (path, body) = match self {
            Self::Service => ("/v1/keys/verify", request),
            Self::Batch => ("/v1/keys/verify-batch", json!({"requests": [request]})),
            Self::Authentication => {
                ("/internal/v1/authenticate", json!({"key": key, "client_ip": SOURCE, "request_id": "req_test"}))
            }
            Self::RootKey => ("/internal/v1/verify", through(Value::Null)),
            Self::Acme => ("/internal/v1/verify", through(within(bench.acme))),
            Self::Globex => ("/internal/v1/verify", through(within(bench.globex))),
        };
        let (status, answer) = bench.ask(replica, path, &body).await;
        assert_eq!(status, 200, "{answer}");
        let told = answer.pointer("/results/0/verdict").or(answer.get("verdict"));
        told.unwrap().as_str().unwrap().to_owned()
    }

    async fn issue(self, bench: &KeysFixture) -> Issued {
        let organization = if self == Self::Globex { bench.globex } else { bench.acme };
        bench.issue_for(organization, policy(), None).await
    }
}

fn unknown() -> String {
    PlainSecret::generate(&Prefix::organization(), ENVIRONMENT).expose().to_owned()
}

#[tokio::test]
async fn a_source_that_one_requester_claims_is_throttled_for_it_alone() {
    let bench = KeysFixture::start().await;
    for claimant in Who::ALL {
        let replica = &bench.replicas(1).await[0];
        let cached = claimant.issue(&bench).await;
        assert_eq!(claimant.ask(&bench, replica, &cached.secret).await, "VALID");
        for _ in 0..FAILURES_MAX {
            assert_eq!(claimant.ask(&bench, replica, &unknown()).await, "NOT_FOUND");
        }
        assert_eq!(claimant.ask(&bench, replica, &unknown()).await, "RATE_LIMITED", "{claimant:?} itself");
        assert_eq!(claimant.ask(&bench, replica, &cached.secret).await, "VALID", "what is known goes on");
        for other in Who::ALL {
            let uncached = other.issue(&bench).await;
            let verdict = if other.is_same(claimant) { "RATE_LIMITED" } else { "VALID" };
            assert_eq!(other.ask(&bench, replica, &uncached.secret).await, verdict, "{claimant:?}, then {other:?}");
        }
    }
}

#[tokio::test]
async fn another_organizations_key_is_answered_as_an_unknown_one() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let foreign = bench.issue_for(bench.globex, policy(), None).await.secret;
    for _ in 0..FAILURES_MAX {
        assert_eq!(Who::Acme.ask(&bench, replica, &foreign).await, "NOT_FOUND");
    }
    // It counts as one, and is throttled as one although the cache knows it.
    for key in [&unknown(), &foreign] {
        assert_eq!(Who::Acme.ask(&bench, replica, key).await, "RATE_LIMITED");
    }
}

/// What a caller that may know of this much is answered, by status.
async fn ask_within(bench: &KeysFixture, replica: &Replica, within: &Value, question: Value) -> (u16, Value) {
    let body = json!({"within": within, "requests": [question], "request_id": "req_same"});
    bench.ask(replica, "/internal/v1/verify", &body).await
}

#[tokio::test]
async fn a_wrong_question_tells_nothing_of_anothers_key() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let foreign = bench.issue_for(bench.globex, policy(), None).await.secret;
    let customer = bench.insert_customer("inside", vec![]).await;
    let own = bench.issue(policy()).await.secret;
    let acme = json!({"organization_id": bench.acme, "customers": "all", "domains": "all"});
    let limited = json!({"organization_id": bench.acme, "customers": [customer.id], "domains": "all"});
    // A key of no limits reaches beyond a caller that is limited to a customer.
    for (within, hidden) in [(&acme, &foreign), (&limited, &own)] {
        assert_eq!(bench.verdict(replica, hidden).await, "VALID", "it is cached");
        for more in [
            json!({"limits": [{"name": "nonsense"}]}),
            json!({"limits": [{"name": "requests"}]}),
            json!({"customer": "nobody"}),
            json!({"customer": "inside", "explain": true}),
            json!({"permissions": ["a.b"], "cost": 5}),
        ] {
            for key in [hidden, &unknown()] {
                let mut question = more.clone();
                question["key"] = json!(key);
                let answer = ask_within(&bench, replica, within, question).await;
                let expected = json!({"results": [{"verdict": "NOT_FOUND", "request_id": "req_same"}]});
                assert_eq!(answer, (200, expected), "{more}");
            }
        }
    }
    let mistaken = json!({"key": own, "limits": [{"name": "nonsense"}]});
    let (_, answer) = ask_within(&bench, replica, &acme, mistaken).await;
    assert_eq!(answer["results"][0]["code"], json!("validation"), "about its own key it is told");
}

#[tokio::test]
async fn a_limited_caller_learns_nothing_of_other_customers() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let inside = bench.insert_customer("inside", vec![limit("own", 5)]).await;
    let outside = bench.insert_customer("outside", vec![limit("hidden", 5)]).await;
    let only = |id: CustomerId| Policy { customers: AllOr::Only(vec![id]), ..policy() };
    let key = bench.issue(only(inside.id)).await.secret;
    let within = json!({"organization_id": bench.acme, "customers": [inside.id], "domains": "all"});
    let ask = async |question: Value| ask_within(&bench, replica, &within, question).await;
    let mut answers = Vec::new();
    for customer in ["outside", &outside.id.to_string(), "nobody"] {
        let (status, mut answer) = ask(json!({"key": key, "customer": customer, "explain": true})).await;
        assert_eq!((status, &answer["results"][0]["verdict"]), (200, &json!("FORBIDDEN")));
        answer["results"][0]["customer"].as_null().unwrap();
        assert!(!answer.to_string().contains("hidden"), "{answer}");
        // Time goes on between the answers.
        for one in answer["results"][0]["limits"].as_array_mut().unwrap() {
            one["reset_ms"] = Value::Null;
        }
        answers.push(answer);
        let named = json!({"key": key, "customer": customer, "limits": [{"name": "hidden"}]});
        let (status, answer) = ask(named).await;
        assert_eq!((status, &answer["results"][0]["code"]), (200, &json!("validation")), "{customer}");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let (_, answer) = ask(json!({"key": key, "customer": "inside"})).await;
    let told = json!({"id": inside.id, "external_id": "inside", "name": "inside", "metadata": {}});
    assert_eq!(answer["results"][0]["customer"], told);
}

#[tokio::test]
async fn the_api_is_told_of_its_mistakes_and_of_no_foreign_key() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let foreign = bench.issue_for(bench.globex, policy(), None).await;
    let keys = KeysClient::new(&replica.url, INTERNAL_TOKEN);
    let within = || Within { organization_id: bench.acme, customers: WireAllOr::All, domains: WireAllOr::All };
    let question: VerifyRequest =
        serde_json::from_value(json!({"key": foreign.secret, "limits": [{"name": "nonsense"}]})).unwrap();
    let answers = keys.verify(Some(within()), vec![question], "req_test").await.unwrap();
    assert!(matches!(&answers[0], BatchResult::Answered(answer) if answer.proven.is_none()));
    let with_service_token = KeysClient::new(&replica.url, TOKEN);
    let request =
        AuthenticateRequest { key: SecretText::new("x"), client_ip: None::<IpAddr>, request_id: "req_test".to_owned() };
    let refused = with_service_token.authenticate(&request, Priority::Revocation).await;
    assert!(matches!(refused, Err(KeysError::Unexpected(status)) if status == 401));
}
