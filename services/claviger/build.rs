//! Tells the program of which commit it is: the image's build says so, and elsewhere git does.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CLAVIGER_COMMIT");
    // Written whenever HEAD moves.
    println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    let commit = std::env::var("CLAVIGER_COMMIT").ok().or_else(from_git).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=CLAVIGER_COMMIT={commit}");
}

fn from_git() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
