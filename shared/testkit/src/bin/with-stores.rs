//! `with-stores COMMAND…`: runs a command beside a private Postgres and Redis, for a whole run of tests.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::Context;
use dev::{LocalOptions, Postgres, Redis};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives us a thread");
    match runtime.block_on(run()) {
        Ok(status) => {
            let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("with-stores: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<ExitStatus> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("usage: with-stores COMMAND [ARGUMENT…]")?;
    let folder = testkit::temporary_folder()?;
    let options = |name| LocalOptions { directory: folder.path().join(name), port: None, is_durable: false };
    let postgres = Postgres::start(options("postgres")).await?;
    let redis = Redis::start(options("redis")).await?;

    // From here on a signal ends the command first and the stores after it.
    let asked = server::shutdown::signal()?;
    let mut child = Command::new(&program)
        .args(arguments)
        .env("CLAVIGER_TEST_POSTGRES", postgres.superuser_url("postgres"))
        .env("CLAVIGER_TEST_REDIS", redis.server().admin_url())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).context("a process id that does not fit")?);
    let mut ended = tokio::task::spawn_blocking(move || child.wait());
    let status = tokio::select! {
        status = &mut ended => status,
        () = asked.cancelled() => {
            // It may have ended by itself, or have had the terminal's signal, too.
            let _ = kill(pid, Signal::SIGTERM);
            ended.await
        }
    };
    status.context("waiting for the command")?.context("waiting for the command")
}
