//! What workers hand back, look up, and accept along with something else.

use linkflow_engine::Wait;
use linkflow_model::*;
use linkflow_store::*;

use super::*;

#[tokio::test]
async fn what_is_handed_back_too_often_is_dead_with_the_last_error() {
    let w = world_with(Options { poison_limit: 2, ..Options::default() });
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    for n in 1..=2 {
        let claim = w.claimed(&key, id, n).await.claim;
        assert!(w.give_back(&key, (id, claim), t(n), format!("broke {n} times"), true).await.unwrap());
        assert_eq!(w.status(id).await, Status::Ready);
    }
    assert!(w.claim(&key, vec![id], t(9)).await.unwrap().is_empty());
    let record = w.execution(workspace(), id).await.unwrap().unwrap();
    assert_eq!(record.status, Status::Dead);
    assert!(record.error.unwrap().ends_with("; last error: broke 2 times"));
}

#[tokio::test]
async fn what_is_handed_back_for_the_stores_sake_does_not_count() {
    let w = world_with(Options { poison_limit: 1, ..Options::default() });
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    for n in 1..=5 {
        let claim = w.claimed(&key, id, n).await.claim;
        assert!(w.give_back(&key, (id, claim), t(n), "the disk is full".to_owned(), false).await.unwrap());
    }
}

#[tokio::test]
async fn only_the_worker_that_holds_it_hands_it_back() {
    let w = world();
    let (key, other) = (w.worker(0).await, w.worker(0).await);
    let id = w.accepted(0).await;
    let claim = w.claimed(&key, id, 1).await.claim;
    let holding = |cancel_requested| Holding { id, claim, cancel_requested };
    assert_eq!(w.held_by(&key).await.unwrap(), [holding(false)]);
    assert!(w.held_by(&other).await.unwrap().is_empty());
    assert!(!w.give_back(&other, (id, claim), t(2), String::new(), false).await.unwrap());
    w.request_cancel(workspace(), id, t(3)).await.unwrap();
    assert_eq!(w.held_by(&key).await.unwrap(), [holding(true)]);
    w.reap(t(1_000_000)).await.unwrap();
    assert!(
        !w.give_back(&key, (id, claim), t(4), String::new(), false).await.unwrap(),
        "its lease has ended"
    );
}

#[tokio::test]
async fn a_worker_that_retires_says_nothing_about_what_it_held() {
    let w = world_with(Options { poison_limit: 1, ..Options::default() });
    let id = w.accepted(0).await;
    for n in 1..=4 {
        let key = w.worker(n).await;
        w.claimed(&key, id, n).await;
        assert_eq!(w.retire(&key).await.unwrap(), [id]);
    }
}

#[tokio::test]
async fn children_are_accepted_while_their_parent_runs_on_and_end_before_it_rests() {
    let w = world();
    let key = w.worker(0).await;
    let parent = w.accepted(0).await;
    let mut claimed = w.claimed(&key, parent, 1).await;
    let one = child(parent, 1, 0, 2);
    let child_id = one.id;
    let then = Then::Accept { new: vec![one], then: Box::new(Then::Keep) };
    let entries = vec![parked(2, 1, Wait::Children { n: 1 })];
    let appended = w.append(&key, append(&claimed, entries, then)).await.unwrap();
    assert_eq!(appended.ready, [child_id]);
    assert_eq!(w.status(parent).await, Status::Running);
    let ends = w.claimed(&key, child_id, 3).await;
    w.append(&key, append(&ends, vec![finished(4)], success())).await.unwrap();
    claimed.seq += 1;
    let rests = w.append(&key, append(&claimed, vec![began(5, 2)], rest(None))).await.unwrap();
    assert_eq!(rests.ready, [parent], "its child has ended meanwhile");
}

#[tokio::test]
async fn no_child_is_accepted_once_its_parent_is_to_end() {
    let w = world();
    let key = w.worker(0).await;
    let parent = w.accepted(0).await;
    let claimed = w.claimed(&key, parent, 1).await;
    w.request_cancel(workspace(), parent, t(2)).await.unwrap();
    let then = Then::Park { wake_at: None, children: vec![child(parent, 1, 0, 2)] };
    let entries = vec![parked(2, 1, Wait::Children { n: 1 })];
    let appended = w.append(&key, append(&claimed, entries, then)).await.unwrap();
    assert_eq!(appended.ready, [parent]);
    assert!(w.children_of(parent, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_an_end_starts_is_there_with_it_and_only_once() {
    let w = world();
    let key = w.worker(0).await;
    let id = w.accepted(0).await;
    let claimed = w.claimed(&key, id, 1).await;
    let starts = new(new_id(3), 3);
    let then = Then::Accept { new: vec![starts.clone()], then: Box::new(end(Status::Error, true)) };
    let ends = append(&claimed, vec![finished(4)], then);
    assert_eq!(w.append(&key, ends.clone()).await.unwrap().ready, [starts.id]);
    w.append(&key, ends).await.unwrap();
    assert_eq!(w.status(starts.id).await, Status::Ready);
    assert_eq!(w.status_counts().await.unwrap()["ready"], 1);
}

#[tokio::test]
async fn an_execution_is_found_by_its_id_alone() {
    let w = world();
    let key = w.worker(0).await;
    let (open, over) = (w.accepted(0).await, w.accepted(0).await);
    let claimed = w.claimed(&key, over, 1).await;
    w.append(&key, append(&claimed, vec![finished(2)], success())).await.unwrap();
    assert_eq!(w.workspace_of(open).await.unwrap(), Some(workspace()));
    assert_eq!(w.workspace_of(new_id(0)).await.unwrap(), None);
    assert_eq!(w.ended_of(vec![open, over, new_id(0)]).await.unwrap(), [(over, workspace())]);
}

#[tokio::test]
async fn the_depth_of_calls_is_counted_up_to_a_bound() {
    let w = world();
    let mut deepest = w.accepted(0).await;
    for n in 0..5 {
        assert_eq!(w.depth_of(deepest, 100).await.unwrap(), n);
        deepest = w.store.accept(child(deepest, 1, 0, 1)).await.unwrap().id;
    }
    assert_eq!(w.depth_of(deepest, 3).await.unwrap(), 3);
}
