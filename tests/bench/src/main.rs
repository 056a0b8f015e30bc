//! Measures what a request costs, beside ceilings that are measured in the same run.
//!
//! `bench` runs everything and writes the report; `bench profile` shows where the key service spends its time.

mod basics;
mod ceilings;
mod cpu;
mod foreign;
mod latency;
mod lists;
mod load;
mod logs;
mod machine;
mod measure;
mod outage;
mod profile;
mod redis_load;
mod replicas;
mod report;
mod request;
mod scale;
mod seed;
mod stage;
mod verify;
mod writes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::Runtime;

use crate::ceilings::Ceiling;
use crate::measure::Pace;
use crate::report::Report;

/// The same as the program's, so that ceilings differ from it in nothing but their work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what a request costs.
#[derive(Parser)]
struct Arguments {
    /// Fewer rounds, smaller sets; nothing is written.
    #[arg(long)]
    quick: bool,
    /// Where the report goes.
    #[arg(long, default_value = "docs/benchmarks.md")]
    report: PathBuf,
    /// Only these parts; nothing is written.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// A part of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Verifications of a thousand keys, the API, ceilings.
    Basics,
    /// Several key services.
    Replicas,
    /// Redis away.
    Outage,
    /// Keys made and revoked.
    Writes,
    /// The request log.
    Logs,
    /// Many keys.
    Scale,
    /// Keys of another form than ours.
    Foreign,
}

impl Part {
    fn measure(self, bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Basics => basics::measure(bench, report),
            Self::Replicas => replicas::measure(bench, report),
            Self::Outage => outage::measure(bench, report),
            Self::Writes => writes::measure(bench, report),
            Self::Logs => logs::measure(bench, report),
            Self::Scale => scale::measure(bench, report),
            Self::Foreign => foreign::measure(bench, report),
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Records the key service under load with perf and prints the symbols that took most.
    Profile {
        /// Where the recording goes.
        #[arg(long, default_value = "perf.data")]
        output: String,
    },
    /// One of the servers that ours are held against.
    #[command(hide = true)]
    Serve {
        ceiling: Ceiling,
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        database: Option<String>,
    },
}

/// How a run is made.
pub struct Bench {
    /// For what is not measured.
    pub runtime: Runtime,
    /// How long turns take.
    pub pace: Pace,
    /// Whether it is a short one.
    pub is_quick: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(Command::Serve { ceiling, address, database }) = &arguments.command {
        return runtime.block_on(ceiling.serve(*address, database.as_deref()));
    }
    stage::pin_load()?;
    let is_quick = arguments.quick;
    let bench = Bench { runtime, pace: pace(is_quick), is_quick };
    if let Some(Command::Profile { output }) = &arguments.command {
        return profile::run(&bench, output);
    }
    let parts = if arguments.only.is_empty() { Part::value_variants() } else { &arguments.only };
    let mut report = Report::default();
    for part in parts {
        part.measure(&bench, &mut report)?;
    }
    let text = report.text(bench.pace);
    #[expect(clippy::print_stdout, reason = "the report is what this program is for")]
    {
        println!("{text}");
    }
    if !is_quick && arguments.only.is_empty() {
        std::fs::write(&arguments.report, text)?;
    }
    Ok(())
}

fn pace(is_quick: bool) -> Pace {
    if is_quick {
        return Pace { rounds: 3, turn: Duration::from_millis(700), warm_up: Duration::from_millis(150) };
    }
    Pace { rounds: 7, turn: Duration::from_secs(2), warm_up: Duration::from_millis(300) }
}
