//! A flood of well-formed keys that do not exist: it costs memory and Postgres a bounded amount, and known keys go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::secret::{PlainSecret, Prefix};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use testkit::keys_fixture::{ENVIRONMENT, KeysFixture, Replica, TOKEN, policy};

/// Connections of the flood, and questions that each sends before it reads.
const FLOODERS: usize = 200;
const PIPELINED: usize = 10;
/// How much this process may grow, flood included.
const GROWTH_MAX_KIB: u64 = 64 * 1024;
/// A key that is new has to come through a flood, if not at the first attempt.
const NEW_KEY_TIME_MAX: Duration = Duration::from_secs(20);

/// What the flood was answered.
#[derive(Default)]
struct Flood {
    is_over: AtomicBool,
    not_found: AtomicUsize,
    unavailable: AtomicUsize,
    other: AtomicUsize,
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn question() -> Vec<u8> {
    let secret = PlainSecret::generate(&Prefix::organization(), ENVIRONMENT);
    let body = format!("{{\"key\":\"{}\"}}", secret.expose());
    format!(
        "POST /v1/keys/verify HTTP/1.1\r\nHost: keys\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Asks about one unknown key after another, many at a time, until the flood is over.
async fn pour(address: String, flood: Arc<Flood>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut unread = Vec::new();
    while !flood.is_over.load(Ordering::Relaxed) {
        let questions: Vec<u8> = (0..PIPELINED).flat_map(|_| question()).collect();
        stream.write_all(&questions).await.unwrap();
        let mut answered = 0;
        while answered < PIPELINED {
            let mut chunk = [0; 16 * 1024];
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "a caller with the token is not cut off");
            unread.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&unread);
            let whole = text.rfind("HTTP/1.1 ").unwrap_or(0);
            // The last answer may not be whole: it is counted by its status once the next begins, or at the end.
            let is_last = answered + text.matches("HTTP/1.1 ").count() == PIPELINED && text.ends_with('}');
            let counted = if is_last { text.len() } else { whole };
            answered += count_answers(&text[..counted], &flood);
            unread.drain(..counted);
        }
    }
}

fn count_answers(text: &str, flood: &Flood) -> usize {
    let answers = text.split("HTTP/1.1 ").skip(1);
    answers
        .inspect(|answer| {
            let is_not_found = answer.starts_with("200") && answer.contains("\"NOT_FOUND\"");
            let is_unavailable = answer.starts_with("503") && answer.contains("retry-after: 1");
            let counter = match (is_not_found, is_unavailable) {
                (true, _) => &flood.not_found,
                (false, true) => &flood.unavailable,
                (false, false) => &flood.other,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .count()
}

/// Transactions of this database so far.
async fn transactions(bench: &KeysFixture) -> i64 {
    let mut connection = PgConnection::connect(&bench.owner_url).await.unwrap();
    let sql = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()";
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

/// Asks about known keys in turn until the flood is over; says how many were answered, how many were not, and the times.
async fn ask_known(bench: &KeysFixture, replica: &Replica, keys: &[String], flood: &Flood) -> (usize, Vec<Duration>) {
    let (mut failed, mut times) = (0, Vec::new());
    for key in keys.iter().cycle() {
        if flood.is_over.load(Ordering::Relaxed) {
            break;
        }
        let started = Instant::now();
        let (status, answer) = bench.ask(replica, "/v1/keys/verify", &serde_json::json!({"key": key})).await;
        times.push(started.elapsed());
        failed += usize::from(status != 200 || answer["verdict"] != "VALID");
    }
    times.sort_unstable();
    (failed, times)
}

/// How long a key that was just made takes to be accepted.
async fn ask_new(bench: &KeysFixture, replica: &Replica) -> Duration {
    let issued = bench.issue(policy()).await;
    let (started, mut refusals) = (Instant::now(), std::collections::BTreeMap::<String, usize>::new());
    loop {
        let (status, answer) = bench.ask(replica, "/v1/keys/verify", &serde_json::json!({"key": issued.secret})).await;
        if status == 200 {
            assert_eq!(answer["verdict"], "VALID", "a new key is never said to be absent");
            return started.elapsed();
        }
        assert_eq!(status, 503, "{answer}");
        *refusals.entry(answer["code"].to_string()).or_default() += 1;
        assert!(started.elapsed() < NEW_KEY_TIME_MAX, "a new key did not come through: {refusals:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_keys_is_bounded_and_known_keys_go_on() {
    let bench = KeysFixture::start().await;
    let replica = &bench.replicas(1).await[0];
    let mut known = Vec::new();
    for _ in 0..20 {
        let mut lavish = policy();
        lavish.limits.clear();
        known.push(bench.issue(lavish).await.secret);
        assert_eq!(bench.verdict(replica, known.last().unwrap()).await, "VALID");
    }
    let lasting = Duration::from_secs(30);
    let address = replica.url.strip_prefix("http://").unwrap().to_owned();
    let flood = Arc::new(Flood::default());
    let (before, started) = (transactions(&bench).await, Instant::now());
    let pouring: Vec<_> = (0..FLOODERS).map(|_| tokio::spawn(pour(address.clone(), Arc::clone(&flood)))).collect();
    tokio::time::sleep(lasting / 5).await;
    let early_kib = resident_kib();
    let end = async {
        let new = [ask_new(&bench, replica).await, ask_new(&bench, replica).await];
        tokio::time::sleep(lasting.saturating_sub(started.elapsed())).await;
        let grown = resident_kib().saturating_sub(early_kib);
        flood.is_over.store(true, Ordering::Relaxed);
        (new, grown)
    };
    let ((failed, times), (new, grown)) =
        futures_util::future::join(ask_known(&bench, replica, &known, &flood), end).await;
    for one in pouring {
        one.await.unwrap();
    }
    let seconds = started.elapsed().as_secs_f64();
    // Counts of a backend come to light a while after it is idle.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let transactions = transactions(&bench).await - before;
    let [not_found, unavailable, other] =
        [&flood.not_found, &flood.unavailable, &flood.other].map(|counter| counter.load(Ordering::Relaxed));
    let asked = not_found + unavailable + other;
    println!(
        "P14 unknown keys: {asked} asked ({:.0}/s), {not_found} not found, {unavailable} refused, {other} else; {transactions} transactions ({:.0}/s); grown by {grown} KiB; {} known asked, {failed} failed, median {:?}, p99 {:?}; new keys after {new:?}",
        asked as f64 / seconds,
        transactions as f64 / seconds,
        times.len(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
    let worst = format!("{grown} KiB, {failed} of {} known keys failed", times.len());
    let bound = "memory is bounded, known keys are served";
    testkit::Finding::new("P14", "a flood of unknown keys", bound, worst, asked as u64).record();
    assert_eq!(other, 0, "every unknown key is not found, or to be asked again");
    assert!(not_found > 0 && times.len() > 50, "{not_found} {}", times.len());
    assert_eq!(failed, 0, "of {} questions about known keys", times.len());
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB more");
    // One read for each that was looked up, and nothing for those that were not; the rest is the replica's own.
    let own = 40.0 + seconds * 40.0;
    assert!(transactions as f64 <= not_found as f64 + own, "{transactions} transactions for {not_found} reads");
}
