//! Durability: what was acknowledged is there after any of the processes were killed; what was not is settled by repeating it.

mod repeats;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, future, stream};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::{Answer, Client, Finding, Fleet};

const SEED: u64 = 7;
const WRITERS: usize = 10;
/// Of each writer; 200 writes a second of all.
const PAUSE: Duration = Duration::from_millis(50);
/// A bit for each process that is killed.
const VICTIMS: u32 = 0b11111;
/// How soon after the last restart all is as before.
const RECOVERY_MAX: Duration = Duration::from_secs(5);
const TRIES_MAX: usize = 200;
const AT_ONCE: usize = 8;

/// One write as its client sees it.
#[derive(Debug, Clone)]
struct Write {
    path: String,
    body: Value,
    /// The same whenever it is repeated.
    repeat: String,
    /// The number of the key in its writer's ledger.
    key: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Create,
    Regenerate,
    Revoke,
}

/// What a client knows of a key that it made.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Empty until its creation was acknowledged.
    id: String,
    /// The newest first.
    secrets: Vec<String>,
    regenerated: usize,
    is_revoked: bool,
}

/// One client: writes one thing after the other, and keeps what it was told.
struct Writer {
    number: usize,
    apis: Vec<Client>,
    random: StdRng,
    ledger: Vec<Known>,
    /// Written and never answered.
    open: Vec<Write>,
    acknowledged: Arc<AtomicU64>,
}

impl Writer {
    async fn run(mut self, is_over: Arc<AtomicBool>) -> Self {
        let mut due = tokio::time::interval(PAUSE);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !is_over.load(Ordering::Relaxed) {
            due.tick().await;
            let write = self.choose();
            let api = self.random.random_range(0..self.apis.len());
            match send(&self.apis[api], &write).await {
                Ok(answer) => self.note(&write, &answer),
                Err(_) => self.open.push(write),
            }
        }
        self
    }

    /// Half of all writes make keys; the others change one whose state is known.
    fn choose(&mut self) -> Write {
        let is_known = |(number, key): &(usize, &Known)| {
            !key.id.is_empty() && !key.is_revoked && !self.open.iter().any(|write| write.key == *number)
        };
        let known: Vec<usize> = self.ledger.iter().enumerate().filter(is_known).map(|(number, _)| number).collect();
        let repeat = format!("{:032x}", self.random.random::<u128>());
        if known.is_empty() || self.random.random_bool(0.5) {
            self.ledger.push(Known::default());
            let key = self.ledger.len() - 1;
            let body = json!({"name": format!("durable {} {key}", self.number)});
            return Write { path: "keys".to_owned(), body, repeat, key, kind: Kind::Create };
        }
        let key = known[self.random.random_range(0..known.len())];
        let (kind, verb) = match self.random.random_bool(0.6) {
            true => (Kind::Regenerate, "regenerate"),
            false => (Kind::Revoke, "revoke"),
        };
        Write { path: format!("keys/{}/{verb}", self.ledger[key].id), body: json!({}), repeat, key, kind }
    }

    fn note(&mut self, write: &Write, answer: &Answer) {
        let known = &mut self.ledger[write.key];
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        match write.kind {
            Kind::Create => known.id = answer.text("/key/id").to_owned(),
            Kind::Regenerate => known.regenerated += 1,
            Kind::Revoke => known.is_revoked = true,
        }
        if write.kind != Kind::Revoke {
            known.secrets.insert(0, answer.text("/secret").to_owned());
        }
    }

    /// Repeats what was never answered until it is, and says how much that was.
    async fn settle(&mut self) -> u64 {
        let open = std::mem::take(&mut self.open);
        for write in &open {
            let answer = settle(&self.apis[0], write).await;
            self.note(write, &answer);
        }
        open.len() as u64
    }
}

/// Sends a write; what happened instead when it was not acknowledged.
async fn send(api: &Client, write: &Write) -> Result<Answer, String> {
    let path = format!("/v1/organizations/acme/{}", write.path);
    let mut request = api.request(reqwest::Method::POST, &path).json(&write.body);
    if write.kind != Kind::Revoke {
        request = request.header("Idempotency-Key", &write.repeat);
    }
    let answer = api.try_send(request).await.map_err(|error| format!("{error:?}"))?;
    match answer.status.as_u16() {
        200 | 201 => Ok(answer),
        // In flight with itself: the request before it has lost its client and not yet ended.
        409 if answer.body["code"] == "idempotency-in-flight" => Err(answer.body.to_string()),
        500.. => Err(answer.body.to_string()),
        status => panic!("{status} to {write:?}: {:#}", answer.body),
    }
}

async fn settle(api: &Client, write: &Write) -> Answer {
    let mut instead = String::new();
    for _ in 0..TRIES_MAX {
        match send(api, write).await {
            Ok(answer) => return answer,
            Err(error) => instead = error,
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{write:?} is never answered: {instead}")
}

/// Kills the processes whose bits are set, and starts them again.
async fn kill_some(fleet: &mut Fleet, random: &mut StdRng, chosen: u32) -> Vec<&'static str> {
    let names = ["API 0", "API 1", "key service", "Postgres", "Redis"];
    let is_chosen = |at: usize| chosen & (1 << at) != 0;
    let killed = (0..names.len()).filter(|at| is_chosen(*at)).map(|at| names[at]).collect();
    let kills: [&dyn Fn(); 5] = [
        &|| fleet.apis[0].kill(),
        &|| fleet.apis[1].kill(),
        &|| fleet.keys[0].kill(),
        &|| fleet.postgres.kill(),
        &|| fleet.redis.kill(),
    ];
    for (_, kill) in kills.iter().enumerate().filter(|(at, _)| is_chosen(*at)) {
        kill();
    }
    tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
    if is_chosen(3) {
        fleet.postgres.restart().await.unwrap();
    }
    if is_chosen(4) {
        fleet.redis.restart().await.unwrap();
    }
    for at in (0..2).filter(|at| is_chosen(*at)) {
        fleet.apis[at].restart().unwrap();
    }
    if is_chosen(2) {
        fleet.keys[0].restart().unwrap();
    }
    for member in fleet.members() {
        member.await_ready().await.unwrap();
    }
    killed
}

/// Compares what clients were told with what verifications say: the newest secret proves its key, and no other does.
async fn count_lost(fleet: &Fleet, known: &[Known]) -> usize {
    let keys = fleet.place().keys(0);
    let verdict = async |secret: &String| {
        let deadline = Instant::now() + RECOVERY_MAX;
        loop {
            let answer = keys.post("/v1/keys/verify", &json!({"key": secret})).await;
            // Connections to a Postgres that was killed are noticed by using them.
            if answer.status.as_u16() == 503 && Instant::now() < deadline {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return answer.expect(200).text("/verdict").to_owned();
        }
    };
    let checks = known.iter().flat_map(|key| {
        let newest = if key.is_revoked { "REVOKED" } else { "VALID" };
        key.secrets.iter().enumerate().map(move |(age, secret)| (key, secret, (age == 0).then_some(newest)))
    });
    let checked = stream::iter(checks).map(async |(key, secret, expected)| {
        let said = verdict(secret).await;
        let is_lost = expected.map_or(said == "VALID", |expected| said != expected);
        if is_lost {
            println!("{said} instead of {expected:?}: {key:?}");
        }
        usize::from(is_lost)
    });
    checked.buffer_unordered(AT_ONCE).fold(0, async |sum, lost| sum + lost).await
}

/// Counts keys and regenerations that are there more or less than once.
async fn count_odd(fleet: &Fleet, known: &[Known]) -> usize {
    let url = fleet.postgres.superuser_url(&fleet.place().database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "select subject, count(*) filter (where action = 'key.created'), count(*) filter (where action = 'key.regenerated')
        from events group by subject";
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    let rows: BTreeMap<String, (i64, i64)> = rows.into_iter().map(|(id, made, again)| (id, (made, again))).collect();
    let is_odd = |key: &&Known| {
        let expected = (1, i64::try_from(key.regenerated).unwrap());
        let found = rows.get(&key.id).copied().unwrap_or_default();
        if found != expected {
            println!("{}: made and regenerated {found:?} instead of {expected:?} times", key.id);
        }
        found != expected
    };
    let odd = known.iter().filter(is_odd).count();
    let sql = "select count(*) from keys where name like 'durable %' and deleted_at is null";
    let kept: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    odd + usize::try_from(kept).unwrap().abs_diff(known.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_whatever_is_killed() {
    println!("seed {SEED}");
    let mut fleet = Fleet::builder().apis(2).durable().start().await;
    let mut random = StdRng::seed_from_u64(SEED);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|number| {
            let apis = (0..2).map(|api| fleet.place().api(api)).collect();
            let random = StdRng::seed_from_u64(SEED + 1 + number as u64);
            Writer {
                number,
                apis,
                random,
                ledger: Vec::new(),
                open: Vec::new(),
                acknowledged: Arc::clone(&acknowledged),
            }
        })
        .collect();
    let (mut unanswered, mut lost, mut odd, mut writing) = (0, 0, 0, Duration::ZERO);
    let rounds = 50;
    for round in 0..rounds {
        let is_over = Arc::new(AtomicBool::new(false));
        let began = Instant::now();
        let running: Vec<_> = writers.drain(..).map(|writer| tokio::spawn(writer.run(Arc::clone(&is_over)))).collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(400..1_500))).await;
        // All of them at first; then any.
        let chosen = if round == 0 { VICTIMS } else { random.random_range(1..=VICTIMS) };
        let killed = kill_some(&mut fleet, &mut random, chosen).await;
        is_over.store(true, Ordering::Relaxed);
        writing += began.elapsed();
        writers = future::join_all(running).await.into_iter().map(Result::unwrap).collect();
        let mut settled = 0;
        for writer in &mut writers {
            settled += writer.settle().await;
        }
        unanswered += settled;
        let known: Vec<Known> = writers.iter().flat_map(|writer| writer.ledger.clone()).collect();
        lost += count_lost(&fleet, &known).await;
        odd += count_odd(&fleet, &known).await;
        println!("round {round}: killed {killed:?}; {settled} writes without an answer, {} keys", known.len());
        assert_eq!((lost, odd), (0, 0), "after killing {killed:?}");
        // What was compared once and is not written any more cannot get lost later: Postgres has it in its files.
        for writer in &mut writers {
            writer.ledger.clear();
        }
        forget(&fleet).await;
    }
    let total = acknowledged.load(Ordering::Relaxed);
    let worst =
        format!("{lost} lost, {odd} not exactly once; {unanswered} had no answer and were settled by repeating them");
    let bound = "0 acknowledged writes lost; repeated ones there once";
    println!("{:.0} writes a second", total as f64 / writing.as_secs_f64());
    let situation =
        format!("kill -9 of any or all of API, key service, Postgres, Redis, {rounds} rounds; not the power");
    Finding::new("P7", &situation, bound, worst, total).record();
}

/// Takes the keys of a round out of the way of the next one's names.
async fn forget(fleet: &Fleet) {
    let url = fleet.postgres.superuser_url(&fleet.place().database.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "update keys set deleted_at = now() where name like 'durable %' and deleted_at is null";
    sqlx::query(sql).execute(&mut connection).await.unwrap();
}
