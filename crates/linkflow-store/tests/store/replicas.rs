//! Reads that may come from a replica, and see what they have to all the same.

use linkflow_model::*;
use linkflow_store::*;

use crate::help::*;
use crate::server::{Servers, ask, servers};

#[tokio::test]
async fn a_read_with_a_token_sees_what_was_written_before_it_however_far_the_replica_lags() {
    let database = Database::new();
    let (dir, replica_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = replica_dir.path().join("replica");
    let of = servers().dir.to_str().unwrap();
    let replica = Servers::start(&path, &["replica", path.to_str().unwrap(), of]);
    let options = PgOptions {
        replica_urls: vec![replica.url(&database.name)],
        ..PgOptions::new(database.url(), dir.path().join("data"))
    };
    let store = Store::connect(options).unwrap();
    let w = World { dir, store, database: Some(database) };
    let behind = replica.url("postgres");

    let seen = w.accepted(0).await;
    let token = w.write_token().await.unwrap();
    let caught_up = format!("SELECT pg_last_wal_replay_lsn() - '0/0' >= {}", token.0);
    while ask(&behind, &caught_up) != ["t"] {}
    ask(&behind, "SELECT pg_wal_replay_pause()");
    while ask(&behind, "SELECT pg_get_wal_replay_pause_state()") != ["paused"] {}

    let unseen = w.accepted(1).await;
    let token = w.write_token().await.unwrap();
    let at = |token: u64| w.reading(Freshness::After(WriteToken(token)));
    assert_eq!(at(0).status_of(workspace(), seen).await.unwrap(), Some(Status::Ready));
    assert_eq!(at(0).status_of(workspace(), unseen).await.unwrap(), None, "this came from the replica");
    assert_eq!(at(token.0).status_of(workspace(), unseen).await.unwrap(), Some(Status::Ready));
    assert_eq!(w.status(unseen).await, Status::Ready, "others read from the primary");

    ask(&behind, "SELECT pg_wal_replay_resume()");
    drop(replica);
    assert_eq!(at(0).status_of(workspace(), unseen).await.unwrap(), Some(Status::Ready), "it is gone");
}
