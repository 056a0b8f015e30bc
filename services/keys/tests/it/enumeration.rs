//! Whoever holds no secret cannot tell ids apart by time.

use std::time::{Duration, Instant};

use domain::secret::{PlainSecret, Prefix};
use serde_json::json;

use crate::bench::{Bench, ENVIRONMENT, Replica, policy};
use crate::verdicts::wrong_secret;

const ROUNDS: usize = 300;
/// A busy machine blurs a series; a difference in work is in each of them.
const SERIES_MAX: usize = 8;
/// The promise is 20 µs in a release build on a quiet machine. Tests run unoptimized on a busy one, where one more
/// statement for ids that exist still shows: it costs more than this.
const DIFFERENCE_MAX: Duration = Duration::from_micros(50);

#[tokio::test]
async fn an_unknown_id_takes_as_long_as_a_known_one_with_a_wrong_secret() {
    let bench = Bench::start("timing").await;
    let replica = &bench.replicas(1).await[0];
    let issued = bench.issue(policy()).await;
    assert_eq!(bench.verdict(replica, &issued.secret).await, "VALID", "known, and warm");
    let known = wrong_secret(&issued.secret);
    let unknown = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT).expose().to_owned();
    let mut seen = Vec::new();
    for _ in 0..SERIES_MAX {
        let [known, unknown] = series(&bench, replica, [&known, &unknown]).await;
        if known.abs_diff(unknown) <= DIFFERENCE_MAX {
            return;
        }
        seen.push((known, unknown));
    }
    panic!("known and unknown ids differ in every series: {seen:?}");
}

/// The median time of an answer about each key, asked in turn.
async fn series(bench: &Bench, replica: &Replica, keys: [&str; 2]) -> [Duration; 2] {
    let mut times = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        for (times, key) in times.iter_mut().zip(keys) {
            let question = json!({"key": key});
            let started = Instant::now();
            bench.ask(replica, "/v1/keys/verify", &question).await;
            times.push(started.elapsed());
        }
    }
    times.map(median)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
