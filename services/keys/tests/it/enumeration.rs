//! Whoever holds no secret cannot tell ids apart by what is answered. That the time tells nothing either is measured in
//! `tests/chaos`.

use chrono::TimeDelta;
use domain::event::Event;
use domain::policy::{Policy, RevokeReason};
use domain::secret::{PlainSecret, Prefix};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use testkit::keys_fixture::wrong_secret;
use testkit::keys_fixture::{ENVIRONMENT, KeysFixture, Replica, TOKEN, policy};

const CLASSES: [&str; 5] = ["unknown id", "wrong secret", "other organization's id", "revoked", "expired"];

/// One connection that is kept, and the questions in it.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    async fn connect(replica: &Replica) -> Self {
        let stream = TcpStream::connect(replica.url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: vec![0; 16 * 1024] }
    }

    /// Asks, and tells the whole answer.
    async fn ask(&mut self, key: &str) -> String {
        let body = format!("{{\"key\":\"{key}\"}}");
        let request = format!(
            "POST /v1/keys/verify HTTP/1.1\r\nHost: keys\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut filled = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[filled..]).await.unwrap();
            assert!(count > 0, "the connection is kept");
            filled += count;
            // Every answer here is a JSON object, and nothing in one ends like it.
            if self.buffer[..filled].ends_with(b"}") {
                break;
            }
        }
        String::from_utf8(self.buffer[..filled].to_vec()).unwrap()
    }
}

/// An answer without what differs from request to request.
fn lasting(answer: &str) -> (String, Vec<String>, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, lines) = head.split_once("\r\n").unwrap();
    let is_own = |line: &&str| line.starts_with("x-request-id:") || line.starts_with("date:");
    let names = lines.lines().filter(is_own).map(|line| line.split_once(':').unwrap().0.to_owned());
    let lines = lines.lines().filter(|line| !is_own(line)).map(str::to_owned).chain(names.collect::<Vec<_>>());
    let mut body: Value = serde_json::from_str(body).unwrap();
    assert!(body.as_object_mut().unwrap().remove("request_id").is_some());
    (status.to_owned(), lines.collect(), body)
}

/// A key for each class, of which only the first has no row.
async fn presented(bench: &KeysFixture, replica: &Replica) -> [String; 5] {
    let (active, revoked) = (bench.issue(policy()).await, bench.issue(policy()).await);
    let foreign = bench.issue_for(bench.globex, policy(), None).await;
    let expiring = Policy { expires_at: Some(bench.now().await + TimeDelta::milliseconds(1_500)), ..policy() };
    let expired = bench.issue(expiring).await;
    let revoke = async |write: &mut store::Write| {
        write.revoke_key(revoked.id, RevokeReason::Other, None).await.unwrap().unwrap();
    };
    let ((), committed) = bench.commit(Event::of("key.revoked", revoked.id), revoke).await;
    bench.publish(bench.acme, &committed).await;
    // All are warm, as keys are that somebody uses.
    for (secret, verdict) in [(&active, "VALID"), (&revoked, "REVOKED"), (&foreign, "VALID")] {
        assert_eq!(bench.verdict(replica, &secret.secret).await, verdict);
    }
    testkit::keys_fixture::wait_for("expiry", async || bench.verdict(replica, &expired.secret).await == "EXPIRED")
        .await;
    let unknown = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT).expose().to_owned();
    let [active, foreign, revoked, expired] =
        [&active, &foreign, &revoked, &expired].map(|issued| wrong_secret(&issued.secret));
    [unknown, active, foreign, revoked, expired]
}

#[tokio::test]
async fn all_answers_are_the_same_without_a_secret() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let keys = presented(&bench, replica).await;
    let mut wire = Wire::connect(replica).await;
    let mut answers = Vec::new();
    for key in &keys {
        answers.push(lasting(&wire.ask(key).await));
    }
    assert_eq!(answers[0].2, serde_json::json!({"verdict": "NOT_FOUND"}));
    for (class, answer) in CLASSES.iter().zip(&answers) {
        assert_eq!(answer, &answers[0], "{class}");
    }
}
