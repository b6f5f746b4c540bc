//! Opening, closing and being told clearly what is wrong.

use std::os::unix::fs::PermissionsExt;

use linkflow_model::Status;
use linkflow_store::*;
use serde_json::json;

use crate::help::*;

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let w = world();
    let id = w.accepted(0).await;
    w.close().await;
    assert_eq!(w.accept(new(new_id(0), 0)).await.unwrap_err(), StoreError::Closed);
    assert!(!w.data().join("linkflow.db-wal").exists(), "everything is in the database file");
    let again = Store::open(&w.data(), Options::default()).unwrap();
    assert_eq!(again.status_of(workspace(), id).await.unwrap(), Some(Status::Ready));
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_directory() {
    let w = world();
    let error = Store::open(&w.data(), Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the data directory {} is in use by process {}; stop that process or choose another `--data-dir`",
            w.data().display(),
            std::process::id()
        )
    );
    w.close().await;
    assert!(Store::open(&w.data(), Options::default()).is_ok());
}

#[tokio::test]
async fn a_command_can_look_in_while_the_server_runs() {
    let w = world();
    let id = w.accepted(0).await;
    let guest = Store::open(&w.data(), Options { exclusive: false, ..Options::default() }).unwrap();
    assert_eq!(guest.status_of(workspace(), id).await.unwrap(), Some(Status::Ready));
    guest.request_cancel(workspace(), id, t(1)).await.unwrap();
    guest.close().await;
    w.accepted(1).await;
}

#[test]
fn others_cannot_look_into_a_new_directory() {
    let w = world();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&w.data()), 0o700);
    assert_eq!(mode(&w.data().join("linkflow.db")), 0o600);
}

#[tokio::test]
async fn data_of_a_later_version_are_left_alone() {
    let w = world();
    w.close().await;
    let raw = rusqlite::Connection::open(w.data().join("linkflow.db")).unwrap();
    raw.execute("INSERT INTO schema_version (version) VALUES (9999)", []).unwrap();
    drop(raw);
    let error = Store::open(&w.data(), Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 9999, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("linkflow.db"), "this is a letter to my aunt ".repeat(400)).unwrap();
    let error = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupted { .. }), "{error}");
}

#[test]
fn a_place_that_is_no_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("data"), Options::default()).unwrap_err();
    assert!(error.to_string().contains("file/data"), "{error}");
}

#[tokio::test]
async fn space_comes_back_to_the_disk() {
    let w = world();
    let key = w.worker(0).await;
    let mut x = 7u64;
    for n in 0..100 {
        let id = w.accepted(n).await;
        let claimed = w.claimed(&key, id, n).await;
        let noise: Vec<u64> = (0..12_000)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                x >> 11
            })
            .collect();
        let entries = vec![done(n, 1, json!({"noise": noise})), finished(n)];
        w.append(&key, append(&claimed, entries, success())).await.unwrap();
    }
    let before = w.size().await.unwrap();
    w.retain(t(10 * 86_400_000), Some(1), None).await.unwrap();
    let after = w.size().await.unwrap();
    assert!(before.database > 9_000_000, "{before:?}");
    assert!(after.database < before.database / 2, "{before:?} -> {after:?}");
    let file = std::fs::metadata(w.data().join("linkflow.db")).unwrap().len();
    assert_eq!(file, after.database, "the file itself is shorter");
}
