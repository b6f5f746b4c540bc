//! The harness itself, for as long as `make test` can wait: a cluster with a handful of faults, and
//! one with a fault in how it is set up that the checker must find. `make chaos` does the same at length.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Two clusters at once would leave neither the time it needs.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The program under test: the one that `LINKFLOW_BIN` names, or the one beside the harness.
fn program() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_linkflow-chaos")).with_file_name("linkflow");
    let program = std::env::var_os("LINKFLOW_BIN").map_or(beside, PathBuf::from);
    let shown = program.display();
    assert!(program.is_file(), "{shown} is not there; build it with: cargo build -p linkflow");
    program
}

/// Runs the harness; what it said is shown when it does not end well.
fn check(words: &[&str]) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let report = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_linkflow-chaos"));
    command.arg("--program").arg(program()).arg("--out").arg(report.path().join("report.json"));
    if let Ok(seed) = std::env::var("LINKFLOW_SEED") {
        command.args(["--seed", &seed]);
    }
    let output = command.args(words).output().expect("the harness starts");
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}{said}");
    assert!(output.status.success(), "{words:?} did not end well; what it said is above");
}

#[test]
fn nothing_is_lost_or_done_twice_while_a_cluster_breaks() {
    let kinds = "worker-kill,api-kill,scheduler-kill,redis-flush,redis-kill,database-cut,commit-before,commit-after,\
                 clock-api,clock-scheduler,postgres-promote";
    // How long recoveries take on a busy machine says nothing; `make chaos` holds them to their limits.
    let small =
        ["--redis", "single", "--workers", "2", "--clients", "4", "--concurrency", "10", "--disk-mb", "0"];
    check(&[&["--executions", "300", "--faults", "11", "--lenient", "--only", kinds], &small[..]].concat());
}

/// The bugs of the program itself need one that was built for it: `make chaos ARGS=--planted`.
#[test]
fn a_standby_that_commits_do_not_wait_for_is_found_by_the_checker() {
    check(&["--clients", "4", "--concurrency", "10", "--planted", "asynchronous-standby"]);
}
