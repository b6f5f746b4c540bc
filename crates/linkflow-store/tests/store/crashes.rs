//! What a process that dies at any moment leaves behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use linkflow_engine::Event;
use linkflow_model::*;
use linkflow_store::*;

use crate::help::*;

const CHILD: &str = "LINKFLOW_STORE_TEST_CHILD";

fn check_integrity(dir: &std::path::Path) {
    let raw = rusqlite::Connection::open(dir.join("linkflow.db")).unwrap();
    let verdict: String = raw.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// Not a story: what the killed process of the next one does. It accepts and ends executions and
/// prints the id of each once that was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_will_be_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = Store::open(dir.as_ref(), Options::default()).unwrap();
    let key = store.register_worker(t(0), LEASE_MS, serde_json::json!({})).await.unwrap();
    let seed = u128::from(std::process::id()) << 32;
    let tasks: Vec<_> = (0..8u128)
        .map(|task| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                for n in 0..1_000_000u128 {
                    let id = ExecutionId::new(t(n as i64), seed + (task << 24) + n);
                    let new = new(id, n as i64);
                    store.accept(new).await.unwrap();
                    println!("accepted {id}");
                    let claimed = store.claim(&key, vec![id], t(0)).await.unwrap().remove(0);
                    store.append(&key, append(&claimed, vec![finished(1)], success())).await.unwrap();
                    println!("ended {id}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_that_was_answered_is_lost_when_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut accepted, mut ended) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::a_process_that_will_be_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut n = 0;
        for line in lines {
            // The last line may be cut.
            let Ok(line) = line else { break };
            match line.split_once(' ') {
                Some(("accepted", id)) => accepted.extend(id.parse::<ExecutionId>()),
                Some(("ended", id)) => ended.extend(id.parse::<ExecutionId>()),
                _ => continue,
            }
            n += 1;
            if n == 300 + round * 171 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(n >= 300, "the process ended by itself after {n} lines");
    }
    check_integrity(dir.path());
    let store = Store::open(dir.path(), Options::default()).unwrap();
    for id in accepted {
        let loaded = store.load(workspace(), id).await.unwrap().expect("it was answered");
        let is_over = matches!(loaded.entries.last().unwrap().event, Event::Finished { .. });
        assert_eq!(is_over, loaded.record.status == Status::Success, "row and journal agree about {id}");
    }
    for id in ended {
        assert_eq!(store.status_of(workspace(), id).await.unwrap(), Some(Status::Success));
    }
}

#[tokio::test]
async fn the_files_as_they_are_after_an_answer_hold_what_was_answered() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    w.append(&key, append(&claimed, vec![finished(2)], success())).await.unwrap();
    let copy = w.dir.path().join("copy");
    copy_dir(&w.data(), &copy);
    let restored = Store::open(&copy, Options::default()).unwrap();
    assert_eq!(restored.status_of(workspace(), id).await.unwrap(), Some(Status::Success));
}

#[tokio::test]
async fn a_log_that_was_cut_anywhere_gives_whole_transactions() {
    let w = world();
    let key = w.worker(0).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let id = w.accepted(n).await;
        let claimed = w.claimed(&key, id, n).await;
        w.append(&key, append(&claimed, vec![finished(n)], success())).await.unwrap();
        ids.push(id);
    }
    let log = w.data().join("linkflow.db-wal");
    let length = std::fs::metadata(&log).unwrap().len();
    for cut in (0..12).map(|n| length * n / 12 + n * 37) {
        let copy = w.dir.path().join(format!("copy-{cut}"));
        copy_dir(&w.data(), &copy);
        let file = std::fs::File::options().write(true).open(copy.join("linkflow.db-wal")).unwrap();
        file.set_len(cut).unwrap();
        let _ = std::fs::remove_file(copy.join("linkflow.db-shm"));
        let store = Store::open(&copy, Options::default()).unwrap();
        let mut is_behind_the_cut = false;
        for &id in &ids {
            match store.load(workspace(), id).await.unwrap() {
                None => is_behind_the_cut = true,
                Some(loaded) => {
                    assert!(!is_behind_the_cut, "cut at {cut}: {id} is there and an earlier one is not");
                    let is_over = loaded.entries.len() == 2;
                    assert_eq!(is_over, loaded.record.status == Status::Success, "cut at {cut}");
                }
            }
        }
        store.close().await;
        check_integrity(&copy);
    }
}

#[tokio::test]
async fn who_opens_a_directory_alone_need_not_wait_for_the_leases_of_those_before() {
    let w = world();
    let dead = w.worker(0).await;
    let id = w.accepted(1).await;
    let claimed = w.claimed(&dead, id, 2).await;
    w.store.close().await;
    let store = Store::open(&w.data(), Options::default()).unwrap();
    assert_eq!(store.reap(t(3)).await.unwrap(), [id], "its lease would have lasted 15 s more");
    assert_eq!(store.append(&dead, keep(&claimed, vec![])).await, Err(AppendError::Fenced));
}
