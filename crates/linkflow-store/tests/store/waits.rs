//! Rest and what ends it: time, calls, children, a wish to cancel.

use linkflow_engine::{Wait, Wake};
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

/// An execution that has parked `step` with `wait`.
async fn resting(w: &World, key: &WorkerKey, wait: Wait, wake_at: Option<i64>) -> ExecutionId {
    let id = w.accepted(0).await;
    let claimed = w.claimed(key, id, 1).await;
    w.append(key, append(&claimed, vec![parked(2, 1, wait)], rest(wake_at))).await.unwrap();
    id
}

#[tokio::test]
async fn an_execution_that_waits_for_a_time_is_woken_then_and_not_before() {
    let w = world();
    let key = w.worker(0).await;
    let id = resting(&w, &key, Wait::Until(t(500)), Some(500)).await;
    assert_eq!(w.status(id).await, Status::Waiting);
    assert!(w.wake_due(t(499), 10).await.unwrap().is_empty());
    assert_eq!(w.wake_due(t(500), 10).await.unwrap(), vec![id]);
    assert!(w.wake_due(t(500), 10).await.unwrap().is_empty());
    assert!(w.claimed(&key, id, 501).await.wakes.is_empty(), "that time has passed, the machine sees itself");
}

#[tokio::test]
async fn a_call_hands_its_payload_to_the_step_that_waits() {
    let w = world();
    let key = w.worker(0).await;
    let id = resting(&w, &key, Wait::Call { until: None }, None).await;
    let payload = Some(json!({"approved": true}));
    assert_eq!(w.wake_by_call(None, id, t(9), payload.clone()).await.unwrap(), WakeCall::Woken);
    assert_eq!(
        w.wake_by_call(None, id, t(9), None).await.unwrap(),
        WakeCall::NotWaiting(Status::Ready),
        "a second call comes too late"
    );
    let claimed = w.claimed(&key, id, 10).await;
    assert_eq!(claimed.wakes, vec![WakeRow { step: 1, by: Wake::Call, payload }]);

    w.append(&key, append(&claimed, vec![woken(11, 1, Wake::Call), finished(12)], success())).await.unwrap();
    let after = w.wake_by_call(Some(workspace()), id, t(13), None).await.unwrap();
    assert_eq!(after, WakeCall::NotWaiting(Status::Success));
    assert_eq!(w.wake_by_call(None, new_id(0), t(13), None).await.unwrap(), WakeCall::Unknown);
}

#[tokio::test]
async fn a_call_does_not_wake_what_waits_for_a_time() {
    let w = world();
    let key = w.worker(0).await;
    let id = resting(&w, &key, Wait::Until(t(500)), Some(500)).await;
    assert_eq!(w.wake_by_call(None, id, t(9), None).await.unwrap(), WakeCall::NotWaiting(Status::Waiting));
}

#[tokio::test]
async fn a_wake_up_outlives_the_worker_that_was_told() {
    let w = world();
    let key = w.worker(0).await;
    let id = resting(&w, &key, Wait::Call { until: None }, None).await;
    w.wake_by_call(None, id, t(9), Some(json!(1))).await.unwrap();
    assert_eq!(w.claimed(&key, id, 10).await.wakes.len(), 1);
    w.reap(t(100_000)).await.unwrap();
    let next = w.worker(100_000).await;
    assert_eq!(w.claimed(&next, id, 100_001).await.wakes.len(), 1);
}

#[tokio::test]
async fn what_a_lost_claim_was_told_of_is_told_again_and_an_earlier_claim_writes_no_more() {
    let w = world();
    let key = w.worker(0).await;
    let call = Wait::Call { until: None };
    let id = w.accepted(0).await;
    let first = w.claimed(&key, id, 1).await;
    let both = vec![parked(2, 1, call), parked(2, 2, call)];
    w.append(&key, append(&first, both, rest(None))).await.unwrap();
    w.wake_by_call(None, id, t(3), None).await.unwrap();
    let driven = w.claimed(&key, id, 4).await;
    w.wake_by_call(None, id, t(5), None).await.unwrap();
    // The worker loses sight of it, hands it back, and the answer to its next claim gets lost.
    assert!(w.give_back(&key, (id, driven.claim), t(6), "lost".to_owned(), false).await.unwrap());
    assert_eq!(w.claimed(&key, id, 7).await.wakes.len(), 2);
    // The first driver comes back, and knows of the first call only.
    let taken = vec![woken(8, 1, Wake::Call), done(8, 1, json!([1]))];
    let late = append(&driven, taken, rest(None));
    assert_eq!(w.append(&key, late).await, Err(AppendError::Conflict), "it would forget the second call");
    assert!(!w.give_back(&key, (id, driven.claim), t(8), "lost".to_owned(), false).await.unwrap());
    let held = w.held_by(&key).await.unwrap()[0];
    assert!(w.give_back(&key, (id, held.claim), t(8), "lost".to_owned(), false).await.unwrap());
    let again = w.claimed(&key, id, 9).await.wakes;
    assert_eq!(again.iter().map(|w| w.step).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_call_while_the_execution_runs_is_not_lost() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let mut claimed = w.claimed(&key, id, 1).await;
    let call = parked(2, 1, Wait::Call { until: None });
    w.append(&key, keep(&claimed, vec![call])).await.unwrap();
    assert_eq!(w.wake_by_call(None, id, t(3), None).await.unwrap(), WakeCall::Woken);
    claimed.seq += 1;
    let appended = w.append(&key, append(&claimed, vec![began(4, 2)], rest(None))).await.unwrap();
    assert_eq!(appended.ready, vec![id]);
    assert_eq!(w.claimed(&key, id, 5).await.wakes[0].step, 1);
}

#[tokio::test]
async fn the_end_of_the_last_child_wakes_the_parent() {
    let w = world();
    let key = w.worker(0).await;
    let parent = w.accepted(0).await;
    let claimed = w.claimed(&key, parent, 1).await;
    let children: Vec<_> = (0..3).map(|n| child(parent, 1, n, 2)).collect();
    let ids: Vec<_> = children.iter().map(|c| c.id).collect();
    let then = Then::Park { wake_at: None, children };
    let appended =
        w.append(&key, append(&claimed, vec![parked(2, 1, Wait::Children { n: 3 })], then)).await.unwrap();
    assert_eq!(appended.ready, ids);

    for (n, &id) in ids.iter().enumerate() {
        let claimed = w.claimed(&key, id, 3).await;
        assert_eq!(claimed.parent, Some(Parent { execution: parent, step: 1, index: n as u32 }));
        let status = if n == 1 { Status::Error } else { Status::Success };
        let appended = w.append(&key, append(&claimed, vec![finished(4)], end(status, false))).await.unwrap();
        let expected = if n == 2 { vec![parent] } else { vec![] };
        assert_eq!(appended.ready, expected, "after child {n}");
    }
    let woken = w.claimed(&key, parent, 5).await;
    assert_eq!(woken.wakes, vec![WakeRow { step: 1, by: Wake::Children, payload: None }]);
    let found = w.children_of(parent, 1).await.unwrap();
    assert_eq!(found.iter().map(|c| c.id).collect::<Vec<_>>(), ids);
    assert_eq!(found[1].error.as_deref(), Some("it did not work"));
    assert_eq!(w.events(ids[0]).await.len(), 2, "the parent still needs it");

    let entries = vec![crate::help::woken(6, 1, Wake::Children), finished(6)];
    w.append(&key, append(&woken, entries, success())).await.unwrap();
    assert_eq!(w.events(ids[0]).await.len(), 0, "nobody needs it any more");
    assert_eq!(w.events(parent).await.len(), 4);
}

#[tokio::test]
async fn a_child_that_is_given_up_wakes_its_parent_too() {
    let w = world_with(Options { poison_limit: 1, ..Options::default() });
    let key = w.worker(0).await;
    let parent_id = w.accepted(0).await;
    let parent = w.claimed(&key, parent_id, 1).await;
    let one = child(parent_id, 1, 0, 2);
    let child_id = one.id;
    let then = Then::Park { wake_at: None, children: vec![one] };
    w.append(&key, append(&parent, vec![parked(2, 1, Wait::Children { n: 1 })], then)).await.unwrap();
    let lost = w.claimed(&key, child_id, 3).await;
    assert!(w.give_back(&key, (child_id, lost.claim), t(4), "broke".to_owned(), true).await.unwrap());
    assert!(w.claim(&key, vec![child_id], t(5)).await.unwrap().is_empty());
    assert_eq!(w.status(child_id).await, Status::Dead);
    assert_eq!(w.status(parent_id).await, Status::Ready);
}

#[tokio::test]
async fn what_is_asked_to_end_is_handed_to_a_worker_that_ends_it() {
    let w = world();
    let key = w.worker(0).await;
    let waiting = resting(&w, &key, Wait::Until(t(1_000_000)), Some(1_000_000)).await;
    assert_eq!(
        w.request_cancel(workspace(), waiting, t(5)).await.unwrap(),
        CancelAsked::Asked { ready: vec![waiting] }
    );
    let claimed = w.claimed(&key, waiting, 6).await;
    assert!(claimed.cancel_requested);
    w.append(&key, append(&claimed, vec![finished(7)], end(Status::Canceled, true))).await.unwrap();
    assert_eq!(
        w.request_cancel(workspace(), waiting, t(8)).await.unwrap(),
        CancelAsked::Ended(Status::Canceled)
    );
}

#[tokio::test]
async fn a_running_execution_hears_of_the_wish_at_its_next_append() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let mut claimed = w.claimed(&key, id, 1).await;
    assert_eq!(w.request_cancel(workspace(), id, t(2)).await.unwrap(), CancelAsked::Asked { ready: vec![] });
    let appended = w.append(&key, keep(&claimed, vec![began(3, 1)])).await.unwrap();
    assert!(appended.cancel_requested);
    claimed.seq += 1;
    let parked = parked(4, 1, Wait::Until(t(999)));
    let appended = w.append(&key, append(&claimed, vec![parked], rest(Some(999)))).await.unwrap();
    assert_eq!(appended.ready, vec![id], "it does not rest while somebody wants its end");
}

#[tokio::test]
async fn the_wish_to_cancel_reaches_open_children() {
    let w = world();
    let key = w.worker(0).await;
    let parent = w.accepted(0).await;
    let claimed = w.claimed(&key, parent, 1).await;
    let one = child(parent, 1, 0, 2);
    let child_id = one.id;
    let then = Then::Park { wake_at: None, children: vec![one] };
    w.append(&key, append(&claimed, vec![parked(2, 1, Wait::Children { n: 1 })], then)).await.unwrap();
    assert_eq!(
        w.request_cancel(workspace(), parent, t(3)).await.unwrap(),
        CancelAsked::Asked { ready: vec![parent, child_id] }
    );
    assert!(w.claimed(&key, child_id, 4).await.cancel_requested);
}

#[tokio::test]
async fn a_payload_that_could_not_be_read_again_is_refused() {
    let w = world();
    let key = w.worker(0).await;
    let id = resting(&w, &key, Wait::Call { until: None }, None).await;
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let refused = w.wake_by_call(None, id, t(3), Some(deep)).await.unwrap_err();
    assert_eq!(refused.to_string(), "`payload` nests 200 levels deep, at most 127 can be stored");
    assert_eq!(w.status(id).await, Status::Waiting);
}
