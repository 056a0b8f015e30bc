//! A folder for servers that live as long as a test run: in memory where there is room, else on disk.

use std::path::Path;

use anyhow::Context;
use nix::sys::statvfs::statvfs;
use tempfile::{Builder, TempDir};

const MEMORY: &str = "/dev/shm";
/// A world takes some 25 MiB while it lasts; containers often have 64 MiB in all.
const ROOM_MIN: u64 = 4 << 30;

/// What the folders' names start with; the id of the process that made it follows.
const PREFIX: &str = "claviger-stores-";

/// Makes it. Copying a database takes 20 ms in memory and ten times as long on many disks.
pub fn temporary_folder() -> anyhow::Result<TempDir> {
    let name = format!("{PREFIX}{}-", std::process::id());
    let in_memory = has_room(Path::new(MEMORY)).then(|| {
        remove_abandoned(Path::new(MEMORY));
        Builder::new().prefix(&name).tempdir_in(MEMORY).ok()
    });
    let made = in_memory.flatten().map_or_else(|| Builder::new().prefix(&name).tempdir(), Ok);
    made.context("making a temporary folder")
}

fn has_room(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|room| room.blocks_available().saturating_mul(room.fragment_size()) >= ROOM_MIN)
}

/// Removes what killed runs left behind: memory is too dear to wait for the next start of the machine.
fn remove_abandoned(memory: &Path) {
    for entry in std::fs::read_dir(memory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker.to_string()).exists()) {
            // Somebody else's, or swept by somebody else at this very moment.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
