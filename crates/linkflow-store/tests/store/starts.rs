//! Executions that come to a worker with all that is needed to begin, and whose claim is written
//! with the first append.

use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

/// An execution as its hint brings it, and what the worker that takes it appends.
async fn started_by_hint(w: &World, ms: i64) -> Claimed {
    let accepted = w.accept(new(id(ms), ms)).await.unwrap();
    let start = accepted.start.expect("it is small and new").into_bytes();
    w.unclaimed(accepted.id, workspace(), &start).unwrap()
}

fn taking(claimed: &Claimed, entries: Vec<Entry>, then: Then, ms: i64) -> Append {
    Append { takes: true, started_at: Some(t(ms)), ..append(claimed, entries, then) }
}

#[tokio::test]
async fn what_comes_with_a_hint_is_what_a_claim_gives() {
    let w = world();
    let key = w.worker(0).await;
    let hinted = started_by_hint(&w, 5).await;
    assert_eq!(w.status(hinted.id).await, Status::Ready);
    let claimed = w.claimed(&key, hinted.id, 7).await;
    let same = Claimed { started_at: None, ..claimed };
    assert_eq!(format!("{hinted:?}"), format!("{same:?}"));
}

#[tokio::test]
async fn the_first_append_claims_and_the_same_append_again_is_answered_as_the_first() {
    let w = world();
    let key = w.worker(0).await;
    let hinted = started_by_hint(&w, 5).await;
    let end = taking(&hinted, vec![done(8, 1, json!({})), finished(9)], success(), 7);
    for _ in 0..2 {
        assert_eq!(w.append(&key, end.clone()).await.unwrap(), Appended::default());
    }
    let record = w.execution(workspace(), hinted.id).await.unwrap().unwrap();
    assert_eq!(
        (record.status, record.attempt, record.started_at, record.ended_at, record.ready_at),
        (Status::Success, 1, Some(t(7)), Some(t(9)), None)
    );
    assert_eq!(w.events(hinted.id).await.len(), 3);
    assert!(w.claim(&key, vec![hinted.id], t(10)).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_execution_goes_on_under_the_claim_that_its_first_append_made() {
    let w = world();
    let (key, other) = (w.worker(0).await, w.worker(0).await);
    let hinted = started_by_hint(&w, 5).await;
    for _ in 0..2 {
        w.append(&key, taking(&hinted, vec![began(8, 1)], Then::Keep, 7)).await.unwrap();
    }
    assert_eq!(w.status(hinted.id).await, Status::Running);
    let held = w.held_by(&key).await.unwrap();
    assert_eq!(held, [Holding { id: hinted.id, claim: 1, cancel_requested: false }]);
    assert!(w.claim(&other, vec![hinted.id], t(9)).await.unwrap().is_empty());
    let end = Append { seq: hinted.seq + 1, ..append(&hinted, vec![finished(9)], success()) };
    w.append(&key, end).await.unwrap();
    assert_eq!(w.status(hinted.id).await, Status::Success);
    assert_eq!(w.events(hinted.id).await.len(), 3);
}

#[tokio::test]
async fn a_claim_without_anything_to_write_holds_as_well() {
    let w = world();
    let key = w.worker(0).await;
    let hinted = started_by_hint(&w, 5).await;
    for _ in 0..2 {
        w.append(&key, taking(&hinted, Vec::new(), Then::Keep, 7)).await.unwrap();
    }
    let record = w.execution(workspace(), hinted.id).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempt, record.started_at), (Status::Running, 1, Some(t(7))));
    w.append(&key, append(&hinted, Vec::new(), rest(Some(99)))).await.unwrap();
    assert_eq!(w.status(hinted.id).await, Status::Waiting);
}

#[tokio::test]
async fn of_those_who_begin_with_the_same_execution_one_writes() {
    let w = world();
    let (a, b) = (w.worker(0).await, w.worker(0).await);
    let hinted = started_by_hint(&w, 5).await;
    w.append(&a, taking(&hinted, vec![began(8, 1)], Then::Keep, 7)).await.unwrap();
    let late = w.append(&b, taking(&hinted, vec![began(9, 1)], Then::Keep, 8)).await;
    assert_eq!(late, Err(AppendError::Conflict));
    assert_eq!(w.held_by(&b).await.unwrap(), []);

    let claimed = started_by_hint(&w, 20).await;
    let of_b = w.claimed(&b, claimed.id, 21).await;
    let late = w.append(&a, taking(&claimed, vec![finished(23)], success(), 22)).await;
    assert_eq!(late, Err(AppendError::Conflict));
    assert_eq!(w.events(claimed.id).await.len(), 1);

    // One that was given back and is ready again has been claimed before.
    w.append(&b, append(&of_b, Vec::new(), Then::Release)).await.unwrap();
    let late = w.append(&a, taking(&claimed, vec![finished(23)], success(), 22)).await;
    assert_eq!(late, Err(AppendError::Conflict));
    assert_eq!(w.status(claimed.id).await, Status::Ready);
}

#[tokio::test]
async fn a_worker_without_a_lease_takes_nothing() {
    let w = world();
    let key = w.worker(0).await;
    let hinted = started_by_hint(&w, 5).await;
    w.retire(&key).await.unwrap();
    let late = w.append(&key, taking(&hinted, vec![finished(9)], success(), 7)).await;
    assert_eq!(late, Err(AppendError::Fenced));
    assert_eq!(w.status(hinted.id).await, Status::Ready);
}

#[tokio::test]
async fn what_somebody_has_asked_to_end_is_claimed_first() {
    let w = world();
    let key = w.worker(0).await;
    let hinted = started_by_hint(&w, 5).await;
    w.request_cancel(workspace(), hinted.id, t(6)).await.unwrap();
    for then in [Then::Keep, success()] {
        let late = w.append(&key, taking(&hinted, vec![began(8, 1)], then, 7)).await;
        assert_eq!(late, Err(AppendError::Conflict));
    }
    assert!(w.claimed(&key, hinted.id, 8).await.cancel_requested);
}

#[tokio::test]
async fn what_is_large_or_belongs_to_others_is_read_from_the_store() {
    let w = world();
    let large = EntryData {
        outputs: Some(vec![std::sync::Arc::new(vec![Item::from_value(json!({"noise": noise()}))])]),
        ..EntryData::default()
    };
    let entries = vec![Entry { data: large, ..started(1) }];
    let parent = w.accepted(0).await;
    let others = [
        NewExecution { entries, ..new(id(1), 1) },
        child(parent, 1, 0, 2),
        NewExecution { retry_of: Some(parent), ..new(id(3), 3) },
    ];
    for new in others {
        assert_eq!(w.accept(new).await.unwrap().start, None);
    }
    // Nor does one begin twice that was accepted twice.
    let again = w.accept(new(parent, 0)).await.unwrap();
    assert_eq!((again.existing, again.start), (true, None));
    assert!(w.unclaimed(parent, workspace(), b"\x01 and nothing of it").is_err());
}

/// Text that does not become smaller.
fn noise() -> String {
    let mut n: u64 = 7;
    let mut next = || {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + ((n >> 33) % 26) as u8)
    };
    (0..4_000).map(|_| next()).collect()
}
