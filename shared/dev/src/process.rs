//! A child process that dies with its parent, has a log file, and can be stopped, frozen and killed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use crate::{Error, binaries};

const STOP_TIME_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);
const LAST_WORDS: usize = 1_500;

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Postgres' fast shutdown.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl StopSignal {
    const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
        }
    }

    const fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::SIGINT,
            Self::Terminate => Signal::SIGTERM,
        }
    }
}

/// A running child. Dropping it stops it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    stop: StopSignal,
    pid: Pid,
    child: Mutex<Child>,
}

impl Process {
    /// Starts `program` with `arguments` as the present user, everything it says going to `log`.
    pub fn start(
        name: &str,
        program: &Path,
        arguments: &[&OsStr],
        log: &Path,
        stop: StopSignal,
    ) -> Result<Self, Error> {
        let mut command = guarded(stop)?;
        command.arg(program).args(arguments);
        // What somebody set for one process must not set up all of them.
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"CLAVIGER__") {
                command.env_remove(variable);
            }
        }
        Self::launch(name, command, log, stop)
    }

    /// Starts a server: never as root, with an environment that holds nothing of ours.
    pub(crate) fn start_server(
        name: &str,
        program: &Path,
        arguments: &[&OsStr],
        log: &Path,
        stop: StopSignal,
    ) -> Result<Self, Error> {
        let mut command = guarded(stop)?;
        give_up_root(&mut command)?;
        command.arg(program).args(arguments);
        isolate(&mut command);
        Self::launch(name, command, log, stop)
    }

    fn launch(name: &str, mut command: Command, log: &Path, stop: StopSignal) -> Result<Self, Error> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.map_err(Error::system(format!("opening {}", log.display())))?;
        let second = file.try_clone().map_err(Error::system(format!("opening {}", log.display())))?;
        // Its own process group: Ctrl-C in a terminal reaches us alone, and we stop things in their order.
        command.stdin(Stdio::null()).stdout(file).stderr(second).process_group(0);
        let child = spawn(command).map_err(Error::system(format!("starting {name}")))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"));
        Ok(Self { name: name.into(), log: log.into(), stop, pid, child: Mutex::new(child) })
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// The file that holds everything it says.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let tail = &bytes[bytes.len().saturating_sub(LAST_WORDS)..];
        String::from_utf8_lossy(tail).trim().to_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten()
    }

    /// Asks it to end, without waiting.
    pub fn ask_to_stop(&self) {
        if self.ended().is_none() {
            self.send(self.pid, self.stop.signal());
        }
    }

    /// Asks it to end, waits, and kills it when it takes too long.
    pub fn stop(&self) {
        self.resume();
        self.ask_to_stop();
        if !self.wait(STOP_TIME_MAX) {
            self.kill();
        }
    }

    /// Kills it and its children and waits until all are gone.
    pub fn kill(&self) {
        let family = self.family();
        for pid in &family {
            self.send(*pid, Signal::SIGKILL);
        }
        self.wait(STOP_TIME_MAX);
        let deadline = Instant::now() + STOP_TIME_MAX;
        while family.iter().any(|pid| is_alive(*pid)) && Instant::now() < deadline {
            nap();
        }
    }

    /// Freezes it and its children: connections open and then hear nothing.
    pub fn pause(&self) {
        for pid in self.family() {
            self.send(pid, Signal::SIGSTOP);
        }
    }

    /// Ends a freeze.
    pub fn resume(&self) {
        for pid in self.family() {
            self.send(pid, Signal::SIGCONT);
        }
    }

    /// Waits for the end; says whether it came.
    pub fn wait(&self, time_max: Duration) -> bool {
        let deadline = Instant::now() + time_max;
        while self.ended().is_none() {
            if Instant::now() >= deadline {
                return false;
            }
            nap();
        }
        true
    }

    /// The process and its children, none when it has ended: an id may be another's by then.
    fn family(&self) -> Vec<Pid> {
        if self.ended().is_some() {
            return Vec::new();
        }
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = std::fs::read_to_string(path).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw);
        std::iter::once(self.pid).chain(children).collect()
    }

    fn send(&self, pid: Pid, signal: Signal) {
        // Gone already is as good as told.
        let _ = kill(pid, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a program to its end as the servers' user; its error output comes back when it refuses.
pub(crate) fn run_as_server(program: &Path, arguments: &[&OsStr]) -> Result<(), Error> {
    let name = program.display().to_string();
    let mut command = guarded(StopSignal::Terminate)?;
    give_up_root(&mut command)?;
    command.arg(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    isolate(&mut command);
    let child = spawn(command).map_err(Error::system(format!("starting {name}")))?;
    let output = child.wait_with_output().map_err(Error::system(format!("waiting for {name}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Refused(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Gives a file or folder to the servers' user, which only root has to do.
pub(crate) fn give_to_server(path: &Path) -> Result<(), Error> {
    let Some(user) = server_user()? else { return Ok(()) };
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(Error::system(format!(
        "giving {} to {}",
        path.display(),
        user.name
    )))
}

/// Says whether the servers' user can get to a folder that it owns here; as root, some home folders are closed to it.
pub fn is_reachable(directory: &Path) -> Result<bool, Error> {
    let Some(user) = server_user()? else { return Ok(true) };
    let is_open = |folder: &Path| {
        let Ok(metadata) = folder.metadata() else { return true };
        let bit = if metadata.uid() == user.uid.as_raw() {
            0o100
        } else if metadata.gid() == user.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    };
    Ok(directory.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).all(is_open))
}

/// Lets the servers' user pass through a folder of root's own, such as a temporary one.
pub(crate) fn open_for_server(folder: &Path) -> Result<(), Error> {
    if server_user()?.is_none() {
        return Ok(());
    }
    let failure = || format!("opening {} for search", folder.display());
    let metadata = folder.metadata().map_err(Error::system(failure()))?;
    let mode = metadata.mode() | 0o011;
    if metadata.uid() == geteuid().as_raw() && mode != metadata.mode() {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(mode)).map_err(Error::system(failure()))?;
    }
    Ok(())
}

/// Says whether a process with this id runs and is called `name`.
pub(crate) fn is_running(id: i32, name: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim() == name)
}

/// `setpriv` with the order to signal the child when we die.
fn guarded(stop: StopSignal) -> Result<Command, Error> {
    let mut command = Command::new(binaries::setpriv()?);
    command.arg("--pdeathsig").arg(stop.name());
    Ok(command)
}

/// As root, become `postgres` or `nobody`: Postgres refuses uid 0, and Redis has no need of it.
fn give_up_root(command: &mut Command) -> Result<(), Error> {
    if let Some(user) = server_user()? {
        let (uid, gid) = (format!("--reuid={}", user.uid), format!("--regid={}", user.gid));
        command.arg(uid).arg(gid).arg("--clear-groups");
    }
    Ok(())
}

fn isolate(command: &mut Command) {
    command.current_dir("/").env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
}

fn server_user() -> Result<Option<User>, Error> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let found = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
    found
        .map(Some)
        .ok_or_else(|| Error::Missing("root needs a user `postgres` or `nobody` to run the servers as".into()))
}

#[expect(clippy::disallowed_methods, reason = "a drop cannot await, and nothing else runs while servers go down")]
fn nap() {
    std::thread::sleep(POLL);
}

fn is_alive(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

type Birth = (Command, Sender<io::Result<Child>>);

/// Spawns on one thread that lives as long as the process: the death signal is that of the thread, not of the process.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Mutex<Sender<Birth>>> = LazyLock::new(|| {
        let (sender, births) = channel::<Birth>();
        std::thread::Builder::new()
            .name("spawner".into())
            .spawn(move || {
                for (mut command, reply) in births {
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        Mutex::new(sender)
    });
    let (reply, answer) = channel();
    let sender = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    sender.send((command, reply)).expect("the spawner never ends");
    answer.recv().expect("the spawner answers")
}
