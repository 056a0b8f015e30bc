//! Whoever holds no secret cannot tell ids apart by how long an answer takes.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::event::Event;
use domain::policy::{Policy, RevokeReason};
use domain::secret::{PlainSecret, Prefix};
use rand::seq::SliceRandom;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use testkit::keys_fixture::wrong_secret;
use testkit::keys_fixture::{ENVIRONMENT, KeysFixture, Replica, TOKEN, policy};

const CLASSES: [&str; 6] =
    ["unknown id", "wrong secret", "other organization's id", "revoked", "expired", "unknown id, planted delay"];
const PLANTED: usize = 5;
/// Questions per class, and for how long they are asked at most.
const ROUNDS: usize = 20_000;
const TIME_MAX: Duration = Duration::from_secs(240);
/// What is promised on a quiet machine and with optimized code.
const PROMISED_US: f64 = 20.0;
const PROMISED_PLANTED: Duration = Duration::from_micros(200);
/// The share of the slowest that says more about the machine than about us.
const SLOWEST: f64 = 0.05;
const WELCH_MAX: f64 = 5.0;

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

    /// Asks and says how long the answer took, with the answer. `planted` is what the test hides in it.
    async fn ask(&mut self, key: &str, planted: Duration) -> (Duration, String) {
        let body = format!("{{\"key\":\"{key}\"}}");
        let request = format!(
            "POST /v1/keys/verify HTTP/1.1\r\nHost: keys\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
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
        // No sleep is as short as this.
        let answered = Instant::now();
        while answered.elapsed() < planted {
            std::hint::spin_loop();
        }
        (started.elapsed(), String::from_utf8(self.buffer[..filled].to_vec()).unwrap())
    }
}

/// A key for each class, of which only the first has no row.
async fn presented(bench: &KeysFixture, replica: &Replica) -> [String; 6] {
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
    let unknown = || PlainSecret::generate(&Prefix::organization(), ENVIRONMENT).expose().to_owned();
    let [active, foreign, revoked, expired] =
        [&active, &foreign, &revoked, &expired].map(|issued| wrong_secret(&issued.secret));
    [unknown(), active, foreign, revoked, expired, unknown()]
}

/// Mean and squared standard error of the mean.
fn moments(times: &[f64]) -> (f64, f64) {
    let number = times.len() as f64;
    let mean = times.iter().sum::<f64>() / number;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (number - 1.0);
    (mean, variance / number)
}

fn welch(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// In order, without the slowest.
fn trimmed(times: &[f64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.truncate(((1.0 - SLOWEST) * times.len() as f64) as usize);
    sorted
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

/// How two series differ: in their medians, by how much that can be chance, and in each half.
struct Difference {
    median_us: f64,
    chance_us: f64,
    halves: [f64; 2],
}

impl Difference {
    fn between(a: &[f64], b: &[f64]) -> Self {
        let (all_a, all_b) = (trimmed(a), trimmed(b));
        let halves = [0, 1].map(|half| {
            let part = |times: &[f64]| trimmed(&times[half * times.len() / 2..(half + 1) * times.len() / 2]);
            welch(&part(a), &part(b))
        });
        // The median of a series strays a quarter more than its mean.
        let chance_us = 1.25 * (moments(&all_a).1 + moments(&all_b).1).sqrt();
        Self { median_us: median(&all_a) - median(&all_b), chance_us, halves }
    }

    fn is_seen(&self, bound_us: f64) -> bool {
        self.median_us.abs() > bound_us || self.halves.iter().any(|t| t.abs() >= WELCH_MAX)
    }
}

#[tokio::test]
async fn ids_cannot_be_told_apart_without_a_secret() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let keys = presented(&bench, replica).await;
    let mut wire = Wire::connect(replica).await;
    let times = series(&mut wire, &keys, PROMISED_PLANTED).await;
    let mut mistakes = Vec::new();
    for (class, name) in CLASSES.iter().enumerate().skip(1) {
        let difference = Difference::between(&times[class], &times[0]);
        println!(
            "P8 {name}: {} questions, median {:+.1} us against {:.0} us, chance {:.1} us, Welch {:+.1} and {:+.1}",
            times[class].len(),
            difference.median_us,
            median(&trimmed(&times[0])),
            difference.chance_us,
            difference.halves[0],
            difference.halves[1],
        );
        if class != PLANTED {
            let worst = format!("{:+.1} µs", difference.median_us);
            let bound = format!("not to be told apart by {PROMISED_US:.0} µs");
            let situation = format!("{name}, against an unknown id");
            testkit::Finding::new("P8", &situation, &bound, worst, times[class].len() as u64).record();
        }
        match (class == PLANTED, difference.is_seen(PROMISED_US)) {
            (true, false) => {
                mistakes.push(format!("a delay of {PROMISED_PLANTED:?} was not seen: this test sees nothing"))
            }
            (false, true) => mistakes.push(format!("{name} can be told from an unknown id")),
            (true, true) | (false, false) => {}
        }
    }
    assert_eq!(mistakes, Vec::<String>::new());
}

/// The times of answers in microseconds, by class; in each round all classes are asked in an order of its own.
async fn series(wire: &mut Wire, keys: &[String; 6], planted: Duration) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(ROUNDS); keys.len()];
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        if started.elapsed() > TIME_MAX {
            break;
        }
        order.shuffle(&mut rand::rng());
        for class in &order {
            let delay = if *class == PLANTED { planted } else { Duration::ZERO };
            times[*class].push(wire.ask(&keys[*class], delay).await.0.as_secs_f64() * 1e6);
        }
    }
    times
}
