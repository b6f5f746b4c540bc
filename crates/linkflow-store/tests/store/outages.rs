//! Connections that break, servers that restart, and tables of another version.

use std::process::Command;
use std::time::{Duration, Instant};

use linkflow_model::*;
use linkflow_store::*;

use crate::help::*;
use crate::proxy::{Cut, Proxy};
use crate::server::{Servers, servers};

/// A store whose connections go over a wire that can be cut.
fn wired() -> (World, Proxy) {
    wired_with(|_| {})
}

fn wired_with(change: impl FnOnce(&mut PgOptions)) -> (World, Proxy) {
    let database = Database::new();
    let proxy = Proxy::to(servers().postgres);
    let url = format!("postgres://linkflow@127.0.0.1:{}/{}?sslmode=disable", proxy.port, database.name);
    let dir = tempfile::tempdir().unwrap();
    let mut options = PgOptions { direct_url: Some(database.url()), ..PgOptions::new(url, dir.path()) };
    change(&mut options);
    let store = Store::connect(options).unwrap();
    (World { dir, store, database: Some(database) }, proxy)
}

fn rows(w: &World, sql: &str) -> String {
    w.database.as_ref().unwrap().run(sql).join(" ")
}

#[tokio::test]
async fn an_accept_whose_commit_is_cut_is_written_once_and_answered() {
    let (w, proxy) = wired();
    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        proxy.cut_next(cut);
        let id = id(0);
        let accepted = w.accept(new(id, 0)).await.unwrap();
        assert_eq!((accepted.id, accepted.existing), (id, false), "{cut:?}");
        let count = format!("SELECT count(*) FROM journal WHERE execution = '{id}'");
        assert_eq!(rows(&w, &count), "1", "{cut:?}");
    }
    assert_eq!(proxy.n_cuts(), 2);
}

#[tokio::test]
async fn connections_that_take_everything_and_answer_nothing_are_given_up_and_replaced() {
    let (w, proxy) = wired_with(|options| (options.read_timeout_ms, options.write_timeout_ms) = (500, 500));
    let key = w.worker(0).await;
    let old = w.accepted(0).await;
    w.execution(workspace(), old).await.unwrap();
    proxy.silence();
    let new = new(id(0), 0);
    let all = async {
        let accepted = w.accept(new.clone()).await.unwrap();
        assert!(w.heartbeat(&key, t(1), LEASE_MS).await.unwrap());
        assert!(w.execution(workspace(), accepted.id).await.unwrap().is_some());
        accepted
    };
    let accepted = tokio::time::timeout(Duration::from_secs(60), all).await.expect("nobody waits for ever");
    assert_eq!((accepted.id, accepted.existing), (new.id, false));
    assert_eq!(w.claimed(&key, new.id, 2).await.attempt, 1);
}

#[tokio::test]
async fn one_connection_without_an_answer_is_enough_to_believe_none_that_is_as_old() {
    let (w, proxy) = wired_with(|options| options.begin_timeout_ms = 2_000);
    let key = w.worker(0).await;
    let beat = || w.heartbeat(&key, t(1), LEASE_MS);
    for _ in 0..8 {
        futures_util::future::join_all((0..16).map(|_| beat())).await;
    }
    proxy.silence();
    let since = Instant::now();
    for _ in 0..16 {
        assert!(beat().await.unwrap());
    }
    // Four connections write; each of them finding it out by itself would take 8 s.
    assert!(since.elapsed() < Duration::from_secs(6), "took {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_when_the_database_fell_silent_is_given_up_with_what_came_after() {
    let (w, proxy) = wired_with(|options| options.begin_timeout_ms = 1_000);
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    let beat = || w.heartbeat(&key, t(3), LEASE_MS);
    // So that there is no writer without a connection.
    for _ in 0..8 {
        futures_util::future::join_all((0..16).map(|_| beat())).await;
    }
    let held = w.database.as_ref().unwrap().url();
    let holder = std::thread::spawn(move || {
        let lock = format!("SELECT 1 FROM executions WHERE id = '{id}' FOR UPDATE");
        crate::server::ask(&held, &format!("BEGIN; {lock}; SELECT pg_sleep(1)"))
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while rows(&w, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1)'") == "0" {}
    let since = Instant::now();
    let appended = tokio::spawn({
        let (store, key) = (w.store.clone(), key.clone());
        async move { store.append(&key, append(&claimed, vec![finished(2)], success())).await }
    });
    // Its transaction has begun, so it may take as long as a statement may: 12 s.
    while rows(&w, waits) == "0" {}
    proxy.silence();
    assert!(beat().await.unwrap());
    let _ = appended.await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(8), "took {:?}", since.elapsed());
    holder.join().unwrap();
}

#[tokio::test]
async fn a_connection_that_is_given_up_holds_nothing_at_the_server() {
    let (w, proxy) = wired_with(|options| {
        (options.writers, options.committers, options.store.readers) = (1, 1, 1);
        options.begin_timeout_ms = 300;
    });
    let key = w.worker(0).await;
    let old = w.accepted(0).await;
    w.execution(workspace(), old).await.unwrap();
    let connections = || proxy.n_open();
    let before = connections();
    proxy.silence();
    assert!(w.heartbeat(&key, t(1), LEASE_MS).await.unwrap());
    assert!(w.execution(workspace(), old).await.unwrap().is_some());
    let until = Instant::now() + Duration::from_secs(20);
    while connections() > before {
        assert!(Instant::now() < until, "{} connections are open, {before} were before", connections());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_database_that_takes_connections_and_greets_nobody_is_reached_once_it_does() {
    let (w, proxy) = wired_with(|options| {
        (options.begin_timeout_ms, options.connect_timeout_ms, options.patience_ms) = (300, 300, 60_000);
    });
    let key = w.worker(0).await;
    proxy.greet_nobody(true);
    proxy.silence();
    let beats = async { tokio::join!(w.heartbeat(&key, t(1), LEASE_MS), w.accept(new(id(0), 0))) };
    let greeted = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        proxy.greet_nobody(false);
    };
    let all = async { tokio::join!(beats, greeted).0 };
    let (beat, accepted) =
        tokio::time::timeout(Duration::from_secs(45), all).await.expect("nobody waits for ever");
    assert!(beat.unwrap());
    assert!(!accepted.unwrap().existing);
}

#[tokio::test]
async fn an_append_whose_commit_is_cut_is_written_once_and_answered() {
    let (w, proxy) = wired();
    let key = w.worker(0).await;
    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        for then in [Then::Keep, success(), end(Status::Error, false), Then::Release] {
            let id = w.accepted(0).await;
            let claimed = w.claimed(&key, id, 1).await;
            proxy.cut_next(cut);
            let append = append(&claimed, vec![began(2, 1)], then);
            let answer = w.append(&key, append.clone()).await;
            match (&append.then, cut) {
                // It is not known to be harmless twice, so whoever asked decides.
                (Then::Release, Cut::BeforeCommit) => {
                    assert!(
                        matches!(answer, Err(AppendError::Store(StoreError::Unavailable { .. }))),
                        "{answer:?}"
                    );
                    assert_eq!(w.status(id).await, Status::Running);
                }
                _ => drop(answer.unwrap_or_else(|e| panic!("{cut:?}, {:?}: {e}", append.then))),
            }
            let n = if matches!(append.then, Then::Finish { keep_data: false, .. }) { 0 } else { 2 };
            if w.status(id).await != Status::Running || matches!(append.then, Then::Keep) {
                assert_eq!(w.events(id).await.len(), n, "{cut:?}, {:?}", append.then);
            }
        }
    }
    assert_eq!(proxy.n_cuts(), 8);
}

#[tokio::test]
async fn a_claim_whose_answer_gets_lost_is_known_to_the_database() {
    let (w, proxy) = wired();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    proxy.cut_next(Cut::AfterCommit);
    let claimed = w.claim(&key, vec![id], t(1)).await.unwrap();
    // The worker finds what it holds and has not heard of, and hands it back.
    match claimed.len() {
        0 => assert_eq!(w.held_by(&key).await.unwrap()[0].id, id),
        _ => assert_eq!(claimed[0].entries.len(), 1),
    }
}

#[tokio::test]
async fn what_people_save_is_saved_once_or_not_at_all_when_the_commit_is_cut() {
    let (w, proxy) = wired();
    let space = w.ensure_workspace(workspace(), "Default".to_owned(), t(0)).await.unwrap().id;
    let make =
        |n: u128| w.create_variable(space, VariableId::new(t(0), n), format!("V{n}"), String::new(), t(0));
    proxy.cut_next(Cut::BeforeCommit);
    let refused = make(1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert_eq!(rows(&w, "SELECT count(*) FROM variables"), "0");
    proxy.cut_next(Cut::AfterCommit);
    make(2).await.unwrap();
    assert_eq!(rows(&w, "SELECT name FROM variables"), "V2");
    assert_eq!(proxy.n_cuts(), 2);
}

#[tokio::test]
async fn connections_that_died_while_nobody_used_them_are_replaced() {
    let (w, proxy) = wired();
    let key = w.worker(0).await;
    for _ in 0..2 {
        let id = w.accepted(0).await;
        let claimed = w.claimed(&key, id, 1).await;
        proxy.cut_all();
        w.append(&key, append(&claimed, vec![finished(2)], success())).await.unwrap();
        proxy.cut_all();
        assert_eq!(w.status(id).await, Status::Success);
        assert!(w.heartbeat(&key, t(2), LEASE_MS).await.unwrap());
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_after_some_patience() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://u:secret@127.0.0.1:{nobody}/d");
    let options = PgOptions { patience_ms: 100, ..PgOptions::new(url, dir.path()) };
    let error = Store::connect(options).unwrap_err().to_string();
    assert!(error.starts_with("the database cannot be reached (") && error.contains("refused"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn several_that_start_at_once_make_the_tables_once() {
    let database = Database::empty();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| migrate(&database.url()))).collect();
        for one in all {
            one.join().unwrap().unwrap();
        }
    });
    let made = database.run("SELECT version FROM schema_version ORDER BY version");
    assert_eq!(made.len() as i64, known_schema());
}

#[test]
fn tables_of_a_later_version_are_left_alone() {
    let database = Database::empty();
    migrate(&database.url()).unwrap();
    database.run("INSERT INTO schema_version (version) VALUES (9999)");
    let dir = tempfile::tempdir().unwrap();
    let error = Store::connect(PgOptions::new(database.url(), dir.path())).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 9999, .. }), "{error}");
}

#[tokio::test]
async fn who_comes_while_the_database_stands_still_is_turned_away_or_waits_and_nothing_is_lost() {
    let database = Database::new();
    let dir = tempfile::tempdir().unwrap();
    let few = Options { writes_queued_max: 4, ..Options::default() };
    let options = PgOptions { store: few, committers: 1, ..PgOptions::new(database.url(), dir.path()) };
    let store = Store::connect(options).unwrap();
    let w = World { dir, store, database: Some(database) };
    w.accepted(0).await;
    let held = w.database.as_ref().unwrap().url();
    let holder = std::thread::spawn(move || {
        crate::server::ask(&held, "BEGIN; LOCK TABLE executions IN EXCLUSIVE MODE; SELECT pg_sleep(1)")
    });
    let waits =
        "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'executions'::regclass";
    while rows(&w, waits) == "0" {}
    let begun = Instant::now();
    let all: Vec<_> = (0..50)
        .map(|n| {
            let store = w.store.clone();
            tokio::spawn(async move { store.accept(new(id(n), n)).await })
        })
        .collect();
    let (mut n_accepted, mut n_busy) = (0, 0);
    for one in all {
        match one.await.unwrap() {
            Ok(_) => n_accepted += 1,
            Err(StoreError::Busy { .. }) => n_busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    holder.join().unwrap();
    assert!(n_accepted > 0 && n_busy > 0, "{n_accepted} accepted, {n_busy} turned away");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(w.status_counts().await.unwrap()["ready"], n_accepted + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_crashes_and_comes_back_loses_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server");
    let server = Servers::start(&path, &["serve", path.to_str().unwrap()]);
    let data = dir.path().join("data");
    let store = Store::connect(PgOptions::new(server.url("postgres"), data)).unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                for n in 0..150 {
                    let id = id(n);
                    if store.accept(new(id, n)).await.is_ok() {
                        accepted.push(id);
                    }
                }
                accepted
            })
        })
        .collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres.sh");
    let restarted = Command::new("bash").args([script, "restart", path.to_str().unwrap()]).status().unwrap();
    assert!(restarted.success());
    let mut n = 0;
    for task in tasks {
        for id in task.await.unwrap() {
            n += 1;
            assert_eq!(store.status_of(workspace(), id).await.unwrap(), Some(Status::Ready));
        }
    }
    assert!(n > 500, "{n} of 600 were accepted, and the server was away for a moment only");
    store.close().await;
}
