//! Accepting, claiming, leases and dead letters.

use std::collections::HashSet;

use linkflow_model::*;
use linkflow_store::*;

use super::*;

#[tokio::test]
async fn what_was_accepted_is_claimed_with_its_journal_and_ends_once() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(5).await;
    assert_eq!(w.status(id).await, Status::Ready);

    let claimed = w.claimed(&key, id, 10).await;
    assert_eq!((claimed.attempt, claimed.seq, claimed.created_at), (1, 1, t(5)));
    assert_eq!(claimed.entries, vec![started(5)]);
    assert_eq!(w.status(id).await, Status::Running);

    let appended = w.append(&key, append(&claimed, vec![finished(20)], success())).await.unwrap();
    assert_eq!(appended, Appended::default());
    let record = w.execution(workspace(), id).await.unwrap().unwrap();
    assert_eq!(
        (record.status, record.started_at, record.ended_at),
        (Status::Success, Some(t(10)), Some(t(20)))
    );
    let late = w.append(&key, append(&claimed, vec![finished(30)], end(Status::Error, true))).await;
    assert_eq!(late, Err(AppendError::Ended));
}

#[tokio::test]
async fn a_hint_that_comes_twice_claims_once() {
    let w = world();
    let (a, b) = (w.worker(0).await, w.worker(0).await);
    assert!(a.epoch < b.epoch);
    let id = w.accepted(0).await;
    w.claimed(&a, id, 1).await;
    assert!(w.claim(&b, vec![id, id], t(1)).await.unwrap().is_empty());
    assert!(w.claim_ready(&b, 10, t(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_longest_ready_is_claimed_first() {
    let w = world();
    let key = w.worker(0).await;
    let (late, early) = (w.accepted(9).await, w.accepted(3).await);
    let order: Vec<_> = w.claim_ready(&key, 10, t(10)).await.unwrap().iter().map(|c| c.id).collect();
    assert_eq!(order, vec![early, late]);
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_execution() {
    let w = world();
    let with = |key: &str, fingerprint: &str| NewExecution {
        idempotency: Some(Idempotency { key: key.to_owned(), fingerprint: fingerprint.to_owned() }),
        ..new(id(0), 0)
    };
    let first = w.accept(with("order-7", "abc")).await.unwrap();
    let second = w.accept(with("order-7", "abc")).await.unwrap();
    assert_eq!((first.existing, second.existing, second.id), (false, true, first.id));
    let other = w.accept(with("order-7", "xyz")).await.unwrap_err();
    assert_eq!(other, StoreError::KeyReused { key: "order-7".to_owned() });
    assert_eq!(w.status_counts().await.unwrap()["ready"], 1);
}

#[tokio::test]
async fn accepting_the_same_id_again_changes_nothing() {
    let w = world();
    let new = new(id(0), 0);
    assert!(!w.accept(new.clone()).await.unwrap().existing);
    assert!(w.accept(new.clone()).await.unwrap().existing);
    assert_eq!(w.events(new.id).await.len(), 1);
}

#[tokio::test]
async fn all_of_a_list_are_accepted_or_none() {
    let w = world();
    let key =
        |fingerprint: &str| Some(Idempotency { key: "k".to_owned(), fingerprint: fingerprint.to_owned() });
    let list = vec![
        NewExecution { idempotency: key("a"), ..new(id(0), 0) },
        NewExecution { idempotency: key("b"), ..new(id(0), 0) },
    ];
    assert!(w.accept_many(list.clone()).await.is_err());
    assert_eq!(w.status_of(workspace(), list[0].id).await.unwrap(), None);
}

#[tokio::test]
async fn a_dead_workers_executions_go_to_another_and_its_late_writes_are_refused() {
    let w = world();
    let dead = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&dead, id, 1).await;
    assert!(w.reap(t(LEASE_MS as i64)).await.unwrap().is_empty(), "the lease holds to its last millisecond");
    assert_eq!(w.reap(t(LEASE_MS as i64 + 1)).await.unwrap(), vec![id]);

    assert!(!w.heartbeat(&dead, t(LEASE_MS as i64 + 2), LEASE_MS).await.unwrap());
    assert_eq!(w.append(&dead, keep(&claimed, vec![began(1, 1)])).await, Err(AppendError::Fenced));
    assert_eq!(w.claim(&dead, vec![id], t(0)).await.unwrap_err(), StoreError::Fenced);
    let next = w.worker(20_000).await;
    assert_eq!(w.claimed(&next, id, 20_000).await.attempt, 2);
}

#[tokio::test]
async fn a_worker_that_is_heard_of_keeps_its_lease() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    w.claimed(&key, id, 1).await;
    assert!(w.heartbeat(&key, t(10_000), LEASE_MS).await.unwrap());
    assert!(w.reap(t(20_000)).await.unwrap().is_empty());
    assert_eq!(w.workers().await.unwrap()[0].running, 1);
}

#[tokio::test]
async fn a_worker_that_retires_hands_back_what_it_holds() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    w.claimed(&key, id, 1).await;
    assert_eq!(w.retire(&key).await.unwrap(), vec![id]);
    assert_eq!(w.status(id).await, Status::Ready);
}

#[tokio::test]
async fn an_execution_that_kills_its_workers_is_dead_after_five_tries() {
    let w = world();
    let id = w.accepted(0).await;
    for n in 0..5 {
        let ms = n * 100_000;
        let key = w.worker(ms).await;
        assert_eq!(w.claimed(&key, id, ms).await.attempt, n as u32 + 1);
        assert_eq!(w.reap(t(ms + 50_000)).await.unwrap(), vec![id]);
    }
    let key = w.worker(600_000).await;
    assert!(w.claim(&key, vec![id], t(600_000)).await.unwrap().is_empty());
    let record = w.execution(workspace(), id).await.unwrap().unwrap();
    assert_eq!((record.status, record.ended_at), (Status::Dead, Some(t(600_000))));
    assert_eq!(
        record.error.as_deref(),
        Some("given up: 5 workers in a row ended while they ran it, or lost it")
    );
}

#[tokio::test]
async fn handing_back_and_coming_to_rest_are_no_failed_tries() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    for n in 0..12 {
        let claimed = w.claimed(&key, id, n).await;
        assert_eq!(claimed.attempt, 1);
        let then = if n % 2 == 0 { Then::Release } else { rest(Some(n)) };
        w.append(&key, append(&claimed, vec![began(n, 1)], then)).await.unwrap();
        w.wake_due(t(n), 10).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_ready_for_too_long_is_found_without_its_hint() {
    let w = world();
    let (old, fresh) = (w.accepted(0).await, w.accepted(3_000).await);
    let found = w.ready_older_than(t(4_000), 2_000, 10).await.unwrap();
    assert_eq!(found.iter().map(|r| r.id).collect::<Vec<_>>(), vec![old]);
    assert_eq!(found[0].queue, "default");
    assert_eq!(w.ready_older_than(t(6_000), 2_000, 10).await.unwrap().len(), 2, "{fresh} too");
}

#[tokio::test]
async fn nobody_sees_the_executions_of_another_workspace() {
    let w = world();
    let id = w.accepted(0).await;
    let other = WorkspaceId(uuid::Uuid::from_u128(99));
    assert!(w.load(other, id).await.unwrap().is_none());
    assert_eq!(w.status_of(other, id).await.unwrap(), None);
    assert_eq!(w.request_cancel(other, id, t(0)).await.unwrap(), CancelAsked::Unknown);
    assert_eq!(w.wake_by_call(Some(other), id, t(0), None).await.unwrap(), WakeCall::Unknown);
    assert_eq!(w.delete(other, vec![id]).await.unwrap(), 0);
}

#[tokio::test]
async fn many_callers_at_once_are_all_answered() {
    let w = world();
    let all: Vec<_> = (0..400)
        .map(|n| {
            let store = w.store.clone();
            tokio::spawn(async move { store.accept(new(id(n), n)).await.unwrap().id })
        })
        .collect();
    let mut ids = HashSet::new();
    for one in all {
        ids.insert(one.await.unwrap());
    }
    assert_eq!(ids.len(), 400);
    assert_eq!(w.status_counts().await.unwrap()["ready"], 400);
}

#[tokio::test]
async fn an_execution_whose_journal_is_damaged_is_dead_and_says_why() {
    let w = world();
    let key = w.worker(0).await;
    let (bad, good) = (w.accepted(0).await, w.accepted(1).await);
    w.damage(bad);
    let claimed: Vec<_> = w.claim_ready(&key, 10, t(2)).await.unwrap().iter().map(|c| c.id).collect();
    assert_eq!(claimed, vec![good]);
    let record = w.execution(workspace(), bad).await.unwrap().unwrap();
    assert_eq!(record.status, Status::Dead);
    assert!(record.error.unwrap().starts_with("its journal cannot be read: "));
}
