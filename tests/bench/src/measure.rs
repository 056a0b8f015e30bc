//! Cases, and the rounds in which all of them take turns.

use std::time::Duration;

use crate::Bench;
use crate::cpu::{Family, Spent};
use crate::latency::median;
use crate::load::{Load, Plan, Until};
use crate::redis_load::RedisPlan;

/// How often a turn is tried.
const TURN_TRIES: usize = 4;

/// What is measured, again and again.
pub struct Case {
    /// Its name in the report.
    pub name: String,
    /// The servers that answer.
    pub servers: Vec<Family>,
    /// The stores behind them.
    pub stores: Stores,
    /// What is sent.
    pub work: Work,
    /// How many things one request asks for: the cost is told for each.
    pub things: u32,
    next: usize,
    samples: Vec<Sample>,
}

/// What is sent.
pub enum Work {
    /// To a server, by HTTP.
    Http(Plan),
    /// To Redis itself.
    Redis(RedisPlan),
}

/// The stores whose cost is told.
#[derive(Debug, Clone, Copy)]
pub struct Stores {
    /// Redis.
    pub redis: Family,
    /// Postgres with its backends.
    pub postgres: Family,
}

/// One turn: costs are processor time for each thing that was asked, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Of the servers.
    pub server_us: f64,
    /// Of Redis.
    pub redis_us: f64,
    /// Of Postgres.
    pub postgres_us: f64,
    /// Half of the answers took at most this long.
    pub p50_us: f64,
    /// Of a hundred answers 99 took at most this long.
    pub p99_us: f64,
    /// Answers in a second.
    pub per_second: f64,
}

/// How long turns take and how many there are.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How often each case has its turn.
    pub rounds: usize,
    /// How long a turn is measured.
    pub turn: Duration,
    /// How long it runs before that.
    pub warm_up: Duration,
}

impl Case {
    /// A case by HTTP.
    pub fn http(name: impl Into<String>, (servers, stores): (&[Family], Stores), plan: Plan) -> Self {
        Self::new(name.into(), (servers.to_vec(), stores), Work::Http(plan))
    }

    /// A case of Redis alone.
    pub fn redis(name: &str, stores: Stores, plan: RedisPlan) -> Self {
        Self::new(name.to_owned(), (Vec::new(), stores), Work::Redis(plan))
    }

    /// The same, with requests that ask for so many things each.
    pub fn things(self, things: u32) -> Self {
        Self { things, ..self }
    }

    fn new(name: String, (servers, stores): (Vec<Family>, Stores), work: Work) -> Self {
        Self { name, servers, stores, work, things: 1, next: 0, samples: Vec::new() }
    }

    /// How many ask at the same time.
    pub fn connections(&self) -> usize {
        match &self.work {
            Work::Http(plan) => plan.connections,
            Work::Redis(plan) => plan.callers,
        }
    }

    /// The median of each figure over all rounds.
    pub fn median(&self) -> Sample {
        let of = |figure: fn(&Sample) -> f64| median(self.samples.iter().map(figure).collect());
        Sample {
            server_us: of(|sample| sample.server_us),
            redis_us: of(|sample| sample.redis_us),
            postgres_us: of(|sample| sample.postgres_us),
            p50_us: of(|sample| sample.p50_us),
            p99_us: of(|sample| sample.p99_us),
            per_second: of(|sample| sample.per_second),
        }
    }

    /// The median over all rounds of what a figure is of another case's in the same round.
    pub fn ratio(&self, other: &Self, figure: fn(&Sample) -> f64) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(own, others)| figure(own) / figure(others)).collect())
    }

    /// One turn; another when an answer was wrong, as it may be where everybody waits for the processor.
    fn take_turn_patiently(&mut self, bench: &Bench) -> anyhow::Result<Sample> {
        for _ in 1..TURN_TRIES {
            match self.take_turn(bench) {
                Ok(sample) => return Ok(sample),
                Err(error) => eprintln!("  {}: once more: {error:#}", self.name),
            }
        }
        self.take_turn(bench)
    }

    /// One turn.
    fn take_turn(&mut self, bench: &Bench) -> anyhow::Result<Sample> {
        let pace = bench.pace;
        let read_accounts = || Accounts::of(&self.servers, self.stores);
        let (accounts, mut outcome) = match &self.work {
            Work::Http(plan) => {
                let mut load = Load::open(plan, self.next)?;
                let warmed_up = load.run(Until::Elapsed(pace.warm_up))?;
                let accounts = read_accounts();
                let outcome = load.run(Until::Elapsed(pace.turn))?;
                // Before any answer is judged: what was asked once may not be asked again.
                self.next = load.next();
                warmed_up.all_right()?;
                (accounts, outcome.all_right()?)
            }
            Work::Redis(plan) => {
                bench.runtime.block_on(plan.run(pace.warm_up))?;
                let accounts = read_accounts();
                (accounts, bench.runtime.block_on(plan.run(pace.turn))?)
            }
        };
        let [server, redis, postgres] = Accounts::of(&self.servers, self.stores).since(&accounts);
        let count = outcome.right as f64;
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / (count * f64::from(self.things));
        let sample = Sample {
            server_us: each(server),
            redis_us: each(redis),
            postgres_us: each(postgres),
            p50_us: outcome.latencies.percentile_us(50),
            p99_us: outcome.latencies.percentile_us(99),
            per_second: count / outcome.elapsed.as_secs_f64(),
        };
        self.samples.push(sample);
        Ok(sample)
    }
}

impl Sample {
    /// Of servers and stores together.
    pub fn total_us(&self) -> f64 {
        self.server_us + self.redis_us + self.postgres_us
    }

    /// Of the server and Redis: what a verification of a warm key needs.
    pub fn server_and_redis_us(&self) -> f64 {
        self.server_us + self.redis_us
    }
}

/// Gives every case its turn, round after round.
pub fn take_turns(cases: &mut [Case], bench: &Bench) -> anyhow::Result<()> {
    for round in 1..=bench.pace.rounds {
        eprintln!("round {round} of {}", bench.pace.rounds);
        for case in &mut *cases {
            let sample = case.take_turn_patiently(bench)?;
            let Sample { server_us, redis_us, postgres_us, p50_us, .. } = sample;
            eprintln!(
                "  {:<44} server {server_us:7.2}  redis {redis_us:6.2}  postgres {postgres_us:7.2}  p50 {p50_us:8.1} µs",
                case.name
            );
        }
    }
    Ok(())
}

/// What servers and stores have run so far.
pub struct Accounts {
    servers: Vec<(Family, Spent)>,
    redis: Spent,
    postgres: Spent,
}

impl Accounts {
    /// Reads them.
    pub fn of(servers: &[Family], stores: Stores) -> Self {
        Self {
            servers: servers.iter().map(|family| (*family, family.spent())).collect(),
            redis: stores.redis.spent(),
            postgres: stores.postgres.spent(),
        }
    }

    /// What servers, Redis and Postgres have run between `earlier` and this.
    pub fn since(&self, earlier: &Self) -> [Duration; 3] {
        let servers = self.servers.iter().zip(&earlier.servers).map(|((_, now), (_, then))| now.since(then)).sum();
        [servers, self.redis.since(&earlier.redis), self.postgres.since(&earlier.postgres)]
    }
}
