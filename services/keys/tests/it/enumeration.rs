//! Whoever holds no secret cannot tell ids apart by time.

use std::time::{Duration, Instant};

use domain::secret::{PlainSecret, Prefix};
use serde_json::json;

use crate::bench::{Bench, ENVIRONMENT, policy};
use crate::verdicts::wrong_secret;

const ROUNDS: usize = 800;
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
    let mut times = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        for (times, key) in times.iter_mut().zip([&known, &unknown]) {
            let question = json!({"key": key});
            let started = Instant::now();
            bench.ask(replica, "/v1/keys/verify", &question).await;
            times.push(started.elapsed());
        }
    }
    let [known, unknown] = times.map(median);
    let difference = known.abs_diff(unknown);

    assert!(difference <= DIFFERENCE_MAX, "{known:?} for a known id, {unknown:?} for an unknown one");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
