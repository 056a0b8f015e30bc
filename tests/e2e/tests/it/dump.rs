//! `pg_dump` and `psql`, as an operator uses them.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Everything in a database, as SQL.
pub async fn dump(url: &str) -> Vec<u8> {
    let output = Command::new(program("pg_dump")).arg(url).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs what [`dump`] made in an empty database.
pub async fn restore(url: &str, sql: &[u8]) {
    let mut psql = Command::new(program("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", url]);
    let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(sql).await.unwrap();
    drop(input);
    assert!(child.wait().await.unwrap().success(), "psql refused the dump");
}

/// Beside the newest server where Debian puts it, so that its version fits; else on `PATH`.
fn program(name: &str) -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = folders
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name))))
        .filter(|(_, file)| file.is_file())
        .collect();
    versions.sort();
    versions.pop().map_or_else(|| PathBuf::from(name), |(_, file)| file)
}
