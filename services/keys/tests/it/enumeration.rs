//! Whoever holds no secret cannot tell ids apart, by what is answered or by how long it takes.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::event::Event;
use domain::policy::{Policy, RevokeReason};
use domain::secret::{PlainSecret, Prefix};
use rand::seq::SliceRandom;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Bench, ENVIRONMENT, Replica, TOKEN, policy};
use crate::verdicts::wrong_secret;

const CLASSES: [&str; 6] =
    ["unknown id", "wrong secret", "other organization's id", "revoked", "expired", "unknown id, planted delay"];
const PLANTED: usize = 5;
/// Questions per class when the promise is measured, on a quiet machine and with optimized code.
const LONG_ROUNDS: usize = 20_000;
/// What is promised then.
const PROMISED_US: f64 = 20.0;
const PROMISED_PLANTED: Duration = Duration::from_micros(200);
/// Questions per class in every test run, as far as the time goes.
const SHORT_ROUNDS: usize = 1_000;
const SHORT_TIME: Duration = Duration::from_secs(30);
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
async fn presented(bench: &Bench, replica: &Replica) -> [String; 6] {
    let (active, revoked) = (bench.issue(policy()).await, bench.issue(policy()).await);
    let foreign = bench.issue_for(bench.globex, policy(), None).await;
    let expiring = Policy { expires_at: Some(bench.now().await + TimeDelta::milliseconds(1_500)), ..policy() };
    let expired = bench.issue(expiring).await;
    let revoke = async |write: &mut store::Write| {
        write.revoke_key(revoked.id, RevokeReason::Other, None).await.unwrap().unwrap();
    };
    let ((), committed) = bench.commit(Event::KeyRevoked(revoked.id), revoke).await;
    bench.publish(bench.acme, &committed).await;
    // All are warm, as keys are that somebody uses.
    for (secret, verdict) in [(&active, "VALID"), (&revoked, "REVOKED"), (&foreign, "VALID")] {
        assert_eq!(bench.verdict(replica, &secret.secret).await, verdict);
    }
    crate::bench::wait_for("expiry", async || bench.verdict(replica, &expired.secret).await == "EXPIRED").await;
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
    let bench = Bench::start("timing").await;
    let replica = &bench.replicas(1).await[0];
    let keys = presented(&bench, replica).await;
    let mut wire = Wire::connect(replica).await;
    let mut answers = Vec::new();
    for key in &keys {
        answers.push(lasting(&wire.ask(key, Duration::ZERO).await.1));
    }
    assert_eq!(answers[0].2, serde_json::json!({"verdict": "NOT_FOUND"}));
    for (class, answer) in CLASSES.iter().zip(&answers) {
        assert_eq!(answer, &answers[0], "{class}");
    }
    // How noisy it is here decides how large a delay has to be for this run to see it.
    let is_long = fuzzing::is_long();
    let probe = series(&mut wire, &keys, (100, SHORT_TIME / 5), Duration::ZERO).await;
    let noise_us = Difference::between(&probe[0], &probe[PLANTED]).chance_us;
    let planted =
        if is_long { PROMISED_PLANTED } else { PROMISED_PLANTED.max(Duration::from_secs_f64(4.0 * noise_us / 1e6)) };
    let amount = if is_long { (LONG_ROUNDS, Duration::from_secs(1_000)) } else { (SHORT_ROUNDS, SHORT_TIME) };
    let times = series(&mut wire, &keys, amount, planted).await;
    let mut mistakes = Vec::new();
    for (class, name) in CLASSES.iter().enumerate().skip(1) {
        let difference = Difference::between(&times[class], &times[0]);
        // Six times what chance makes of two equal series, where the promise is not measured.
        let bound_us = if is_long { PROMISED_US } else { PROMISED_US + 6.0 * difference.chance_us };
        println!(
            "P8 {name}: {} questions, median {:+.1} us against {:.0} us, bound {bound_us:.0} us, Welch {:+.1} and {:+.1}",
            times[class].len(),
            difference.median_us,
            median(&trimmed(&times[0])),
            difference.halves[0],
            difference.halves[1],
        );
        if class != PLANTED && is_long {
            let worst = format!("{:+.1} µs", difference.median_us);
            let bound = format!("not to be told apart by {bound_us:.0} µs");
            let situation = format!("{name}, against an unknown id");
            fuzzing::Finding::new("P8", &situation, &bound, worst, times[class].len() as u64).record();
        }
        match (class == PLANTED, difference.is_seen(bound_us)) {
            (true, false) => mistakes.push(format!("a delay of {planted:?} was not seen: this test sees nothing")),
            (false, true) => mistakes.push(format!("{name} can be told from an unknown id")),
            (true, true) | (false, false) => {}
        }
    }
    assert_eq!(mistakes, Vec::<String>::new());
}

/// The times of answers in microseconds, by class; in each round all classes are asked in an order of its own.
async fn series(
    wire: &mut Wire,
    keys: &[String; 6],
    (rounds, time): (usize, Duration),
    planted: Duration,
) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(rounds); keys.len()];
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let started = Instant::now();
    for _ in 0..rounds {
        if started.elapsed() > time && times[0].len() >= 100 {
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
