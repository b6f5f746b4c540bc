//! Opening, closing and being told clearly what is wrong.

use std::os::unix::fs::PermissionsExt;

use linkflow_model::Status;
use linkflow_store::*;

use crate::help::*;

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let w = world();
    let id = w.accepted(0).await;
    w.close().await;
    assert_eq!(w.accept(new(super::help::id(0), 0)).await.unwrap_err(), StoreError::Closed);
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
async fn who_comes_when_too_much_is_queued_is_turned_away_and_the_rest_is_done() {
    let w = world_with(Options { writes_queued_max: 4, ..Options::default() });
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = w.store.clone();
            let new = new(id(n), n);
            tokio::spawn(async move { (new.id, store.accept(new).await) })
        })
        .collect();
    let (mut n_accepted, mut n_busy) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            (id, Ok(_)) => {
                n_accepted += 1;
                assert_eq!(w.status(id).await, Status::Ready);
            }
            (id, Err(StoreError::Busy { retry_after_ms })) => {
                n_busy += 1;
                assert!(retry_after_ms > 0);
                assert_eq!(w.status_of(workspace(), id).await.unwrap(), None);
            }
            (_, Err(error)) => panic!("{error}"),
        }
    }
    assert!(n_accepted >= 4 && n_busy > 0, "{n_accepted} accepted, {n_busy} turned away");
}
