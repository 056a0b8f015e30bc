//! A folder for servers that live as long as a test run: in memory where there is room, else on disk.

use std::path::Path;

use anyhow::Context;
use nix::sys::statvfs::statvfs;
use tempfile::{Builder, TempDir};

const MEMORY: &str = "/dev/shm";
/// A world takes some 25 MiB while it lasts; containers often have 64 MiB in all.
const ROOM_MIN: u64 = 4 << 30;

/// Makes it. Copying a database takes 20 ms in memory and ten times as long on many disks.
pub fn temporary_folder() -> anyhow::Result<TempDir> {
    let builder = || {
        let mut builder = Builder::new();
        builder.prefix("claviger-stores-");
        builder
    };
    let in_memory = has_room(Path::new(MEMORY)).then(|| builder().tempdir_in(MEMORY).ok()).flatten();
    in_memory.map_or_else(|| builder().tempdir().context("making a temporary folder"), Ok)
}

fn has_room(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|room| room.blocks_available().saturating_mul(room.fragment_size()) >= ROOM_MIN)
}
