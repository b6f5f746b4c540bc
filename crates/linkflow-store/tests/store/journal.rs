//! Appending: order, fencing, repetition, large data.

use linkflow_engine::Event;
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

#[tokio::test]
async fn the_slower_of_two_holders_finds_its_place_taken() {
    let w = world();
    let (slow, fast) = (w.worker(0).await, w.worker(0).await);
    let id = w.accepted(0).await;
    let stale = w.claimed(&slow, id, 1).await;
    assert!(w.heartbeat(&fast, t(20_000), LEASE_MS).await.unwrap());
    w.reap(t(20_000)).await.unwrap();
    let held = w.claimed(&fast, id, 20_001).await;
    w.append(&fast, keep(&held, vec![began(20_002, 1)])).await.unwrap();
    assert_eq!(w.append(&slow, keep(&stale, vec![began(5, 1)])).await, Err(AppendError::Fenced));
    // Even a worker with a lease writes only to what it holds.
    let third = w.worker(20_000).await;
    assert_eq!(w.append(&third, keep(&stale, vec![began(5, 1)])).await, Err(AppendError::Conflict));
    assert_eq!(w.append(&fast, keep(&held, vec![began(5, 1)])).await, Err(AppendError::Conflict));
    assert_eq!(w.events(id).await.len(), 2);
}

#[tokio::test]
async fn an_append_whose_answer_got_lost_can_be_repeated() {
    let w = world();
    let key = w.worker(0).await;
    for then in [Then::Keep, rest(Some(100)), success(), end(Status::Error, false)] {
        let id = w.accepted(0).await;
        let claimed = w.claimed(&key, id, 1).await;
        let once = append(&claimed, vec![began(2, 1), done(3, 1, json!({"a": 1}))], then);
        w.append(&key, once.clone()).await.unwrap();
        let before = w.load(workspace(), id).await.unwrap().unwrap();
        assert!(w.append(&key, once.clone()).await.is_ok(), "again: {:?}", once.then);
        let after = w.load(workspace(), id).await.unwrap().unwrap();
        assert_eq!((before.record, before.entries), (after.record, after.entries));
    }
}

#[tokio::test]
async fn a_gap_in_the_journal_is_refused() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let mut claimed = w.claimed(&key, id, 1).await;
    claimed.seq = 7;
    assert_eq!(w.append(&key, keep(&claimed, vec![began(2, 1)])).await, Err(AppendError::Conflict));
}

#[tokio::test]
async fn one_bad_append_does_not_harm_the_others_of_its_batch() {
    let w = world();
    let key = w.worker(0).await;
    let mut appends = Vec::new();
    for n in 0..50 {
        let id = w.accepted(n).await;
        let mut claimed = w.claimed(&key, id, n).await;
        claimed.seq += u64::from(n % 5 == 0);
        appends.push(append(&claimed, vec![finished(n)], success()));
    }
    let tasks: Vec<_> = appends
        .into_iter()
        .map(|append| {
            let (store, key) = (w.store.clone(), key.clone());
            tokio::spawn(async move { store.append(&key, append).await.is_ok() })
        })
        .collect();
    let mut n_good = 0;
    for task in tasks {
        n_good += usize::from(task.await.unwrap());
    }
    assert_eq!(n_good, 40);
    let counts = w.status_counts().await.unwrap();
    assert_eq!((counts["success"], counts["running"]), (40, 10));
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_write() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    {
        let mut call = Box::pin(w.append(&key, append(&claimed, vec![finished(2)], success())));
        let waker = std::task::Waker::noop();
        // Polled once, so that it is handed over, and then dropped.
        let _ = call.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    let begun = std::time::Instant::now();
    while w.status(id).await != Status::Success {
        assert!(begun.elapsed().as_secs() < 10, "it was handed over and never done");
    }
}

#[tokio::test]
async fn large_data_lie_beside_the_database_and_come_back() {
    let w = world_with(Options { inline_bytes_max: 4_000, ..Options::default() });
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    // Pseudo-random, so that it does not compress well.
    let mut x = 1u64;
    let noise: Vec<u64> = (0..5_000)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            x >> 11
        })
        .collect();
    let large = done(2, 1, json!({"noise": noise}));
    w.append(&key, keep(&claimed, vec![large.clone()])).await.unwrap();
    assert_eq!(w.load(workspace(), id).await.unwrap().unwrap().entries[1], large);
    let blobs: Vec<_> = std::fs::read_dir(w.blob_dir()).unwrap().collect();
    assert_eq!(blobs.len(), 1);
}

#[tokio::test]
async fn an_end_that_keeps_no_data_leaves_only_the_row() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    let custom = Object::from_iter([("customer".to_owned(), json!("acme"))]);
    let then = Then::Finish {
        status: Status::Error,
        error: Some("no route to host".to_owned()),
        error_node: Some("Fetch".to_owned()),
        keep_data: false,
        custom_data: Some(custom.clone()),
    };
    w.append(&key, append(&claimed, vec![finished(3)], then)).await.unwrap();
    let loaded = w.load(workspace(), id).await.unwrap().unwrap();
    assert!(loaded.entries.is_empty());
    assert_eq!(loaded.record.error_node.as_deref(), Some("Fetch"));
    assert_eq!(loaded.record.custom_data, Some(custom.into()));
}

#[tokio::test]
async fn an_end_has_a_terminal_status() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    let refused = w.append(&key, append(&claimed, vec![], end(Status::Waiting, true))).await.unwrap_err();
    assert_eq!(refused.to_string(), "`status` must be one in which an execution ends, got waiting");
}

#[tokio::test]
async fn appends_without_entries_are_fine() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    w.append(&key, keep(&claimed, vec![])).await.unwrap();
    w.append(
        &key,
        append(&claimed, vec![Entry::of(Event::Canceled { at: t(4) })], end(Status::Canceled, true)),
    )
    .await
    .unwrap();
    assert_eq!(w.status(id).await, Status::Canceled);
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
