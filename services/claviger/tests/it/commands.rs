//! Commands that end by themselves: what they print, and with which code they exit.

use std::process::Command;

pub fn claviger(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command.args(arguments).current_dir(std::env::temp_dir());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_unknown_setting_ends_the_process_with_78() {
    let mut worker = claviger(&["serve", "worker"]);
    worker.env("CLAVIGER__ENVIRONMENT", "staging").env("CLAVIGER__DATABSE__URL", "postgres://x");
    let output = worker.output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("CLAVIGER__DATABSE__URL"), "{}", text(&output.stderr));
}

#[test]
fn an_old_server_subcommand_names_the_new_one() {
    for name in ["api", "keys", "worker"] {
        let output = claviger(&[name, "--config", "/nowhere"]).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains(&format!("claviger serve {name}")), "{}", text(&output.stderr));
    }
}

#[test]
fn the_document_that_is_printed_is_the_committed_one() {
    let output = claviger(&["openapi"]).output().unwrap();
    let committed = include_str!("../../../api/openapi.json");
    assert!(text(&output.stdout) == committed, "services/api/openapi.json is old: run make fix");
}
