//! Who waits, whose turn it is, and how many may run side by side.

use std::collections::HashSet;

use linkflow_model::*;
use linkflow_store::*;

use super::*;

fn other() -> WorkspaceId {
    WorkspaceId(uuid::Uuid::from_u128(9))
}

async fn accepted_for(w: &World, workspace: WorkspaceId, queue: &str, ms: i64) -> ExecutionId {
    let new = NewExecution { workspace, queue: queue.to_owned(), ..new(new_id(ms), ms) };
    w.accept(new).await.unwrap().id
}

#[tokio::test]
async fn all_who_wait_are_found_and_of_each_what_has_waited_longest() {
    let w = world();
    assert!(w.who_waits().await.unwrap().is_empty());
    let mut busy = Vec::new();
    for ms in 0..20 {
        busy.push(accepted_for(&w, workspace(), "default", ms).await);
    }
    let quiet = accepted_for(&w, other(), "default", 30).await;
    let low = accepted_for(&w, workspace(), "low", 40).await;
    let waiting = |queue: &str, workspace| Waiting { queue: queue.to_owned(), workspace };
    let all = w.who_waits().await.unwrap();
    let want = [waiting("default", workspace()), waiting("default", other()), waiting("low", workspace())];
    assert_eq!(all, want);
    let wanted = all.into_iter().zip([2, 2, 0]).collect();
    let found = w.oldest_of(wanted, t(1_000)).await.unwrap();
    assert_eq!(found.iter().map(|r| r.id).collect::<HashSet<_>>(), [busy[0], busy[1], quiet].into());
    assert!(w.oldest_of(vec![(waiting("default", other()), 5)], t(30)).await.unwrap().is_empty());
    let swept: Vec<_> = w.ready_older_than(t(1_000), 0, 3).await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(swept, [busy[0], quiet, low], "everybody gets a share of the sweep");
    let places = w.places_of(vec![low, new_id(0)]).await.unwrap();
    assert_eq!(places, [ReadyRow { id: low, workspace: workspace(), queue: "low".to_owned() }]);
}

/// At most `n` of the stories' workflow side by side.
fn at_most(n: u32) -> Places {
    Places { of_workflows: [(workflow(), n)].into(), of_workspace: None }
}

async fn claim(w: &World, places: &Places, key: &WorkerKey, ids: &[ExecutionId], ms: i64) -> Vec<Claimed> {
    w.claim_within(places, key, ids.to_vec(), t(ms)).await.unwrap()
}

fn ids_of(claimed: &[Claimed]) -> Vec<ExecutionId> {
    claimed.iter().map(|c| c.id).collect()
}

#[tokio::test]
async fn who_finds_no_place_is_held_back_and_admitted_in_order_when_there_is_one() {
    let w = world();
    let key = w.worker(0).await;
    w.set_places(workflow(), Some(2)).await.unwrap();
    let places = Places { of_workflows: w.places_of_workflows().await.unwrap(), of_workspace: None };
    assert_eq!(places, at_most(2));
    let mut ids = Vec::new();
    for ms in 0..5 {
        ids.push(w.accepted(ms).await);
    }
    let first = claim(&w, &places, &key, &ids, 10).await;
    assert_eq!(ids_of(&first), ids[..2]);
    assert!(w.who_waits().await.unwrap().is_empty(), "no sweep finds those that are held back");
    assert_eq!(w.admit(&places, t(20)).await.unwrap(), (Vec::new(), 3));

    w.append(&key, append(&first[0], Vec::new(), rest(None))).await.unwrap();
    assert_eq!(w.admit(&places, t(30)).await.unwrap(), (vec![ids[2]], 2), "one that waits takes no place");
    assert_eq!(w.admit(&places, t(40)).await.unwrap().0, Vec::new(), "its place is kept for it");
    assert!(claim(&w, &places, &key, &ids[3..], 50).await.is_empty(), "from others too");
    assert_eq!(ids_of(&claim(&w, &places, &key, &ids[2..3], 60).await), ids[2..3]);

    assert_eq!(
        w.request_cancel(workspace(), ids[4], t(70)).await.unwrap(),
        CancelAsked::Asked { ready: vec![ids[4]] }
    );
    assert_eq!(ids_of(&claim(&w, &places, &key, &ids[4..], 80).await), ids[4..], "to end needs no place");
    w.set_places(workflow(), None).await.unwrap();
    let none = Places { of_workflows: w.places_of_workflows().await.unwrap(), of_workspace: None };
    assert_eq!(w.admit(&none, t(90)).await.unwrap().0, ids[3..4], "without a limit nobody is held back");
}

#[tokio::test]
async fn a_place_that_was_kept_in_vain_is_given_to_somebody_again() {
    let w = world();
    let key = w.worker(0).await;
    let (a, b) = (w.accepted(0).await, w.accepted(1).await);
    let held = claim(&w, &at_most(1), &key, &[a, b], 10).await;
    w.append(&key, append(&held[0], Vec::new(), rest(None))).await.unwrap();
    assert_eq!(w.admit(&at_most(1), t(20)).await.unwrap().0, [b]);
    assert_eq!(w.admit(&at_most(1), t(5_100)).await.unwrap().0, [b], "its hint may be lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_together_take_no_more_than_there_are_places() {
    let w = world();
    let places = Places { of_workflows: [(workflow(), 7)].into(), of_workspace: Some(5) };
    let mut ids = Vec::new();
    for ms in 0..60 {
        ids.push(w.accepted(ms).await);
    }
    let mut tasks = Vec::new();
    for n in 0..4 {
        let (store, places, ids) = (w.store.clone(), places.clone(), ids.clone());
        let key = w.worker(0).await;
        tasks.push(tokio::spawn(async move {
            let mut claimed = 0;
            for some in ids[n * 15..(n + 1) * 15].chunks(3) {
                claimed += store.claim_within(&places, &key, some.to_vec(), t(100)).await.unwrap().len();
            }
            claimed
        }));
    }
    let mut n = 0;
    for task in tasks {
        n += task.await.unwrap();
    }
    assert_eq!(n, 5, "the lower of the two limits");
    assert_eq!(w.status_counts().await.unwrap()["running"], 5);
}
