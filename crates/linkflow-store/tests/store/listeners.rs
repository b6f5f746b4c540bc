//! Listeners: one execution for what was heard, whoever else heard it.

use linkflow_store::*;
use serde_json::json;

use super::*;

fn new_listener(version: i64) -> NewListener {
    NewListener { workspace: workspace(), version, node: "n1".to_owned(), document: json!({"id": "n1"}) }
}

fn key(version: i64) -> ListenerKey {
    ListenerKey { workflow: workflow(), node: "n1".to_owned(), version }
}

async fn fired(w: &World, version: i64, by: &str, n: u64) -> bool {
    let new = new(id(n as i64), n as i64);
    let fired = w.fire_listener(key(version), by.to_owned(), vec![new.clone()]).await.unwrap();
    assert!(fired == Fired::Already || fired == Fired::Started(vec![new.id]), "{fired:?}");
    fired != Fired::Already
}

#[tokio::test]
async fn what_is_heard_by_one_who_lost_the_listener_starts_nothing() {
    let w = world();
    w.replace_listeners(workflow(), vec![new_listener(1)]).await.unwrap();
    assert!(!fired(&w, 1, "a", 0).await, "nobody holds it yet");
    assert!(w.claim_listener(key(1), "a".to_owned()).await.unwrap());
    assert!(fired(&w, 1, "a", 1).await);
    assert!(w.claim_listener(key(1), "b".to_owned()).await.unwrap());
    assert!(!fired(&w, 1, "a", 2).await);
    assert!(fired(&w, 1, "b", 3).await);
    assert!(!w.note_listener(key(1), "a".to_owned(), t(5), None).await.unwrap());
    assert!(w.note_listener(key(1), "b".to_owned(), t(6), None).await.unwrap());
    let found = w.listeners(workspace()).await.unwrap().remove(0);
    assert_eq!((found.holder.as_deref(), found.since, found.error), (Some("b"), Some(t(6)), None));
    w.note_listener(key(1), "b".to_owned(), t(7), Some("it is down".to_owned())).await.unwrap();
    let found = w.listeners(workspace()).await.unwrap().remove(0);
    assert_eq!(
        (found.since, found.error.as_deref(), found.failed_at),
        (None, Some("it is down"), Some(t(7)))
    );
}

#[tokio::test]
async fn one_that_is_not_wanted_any_more_stays_until_it_was_taken_back() {
    let w = world();
    w.replace_listeners(workflow(), vec![new_listener(1)]).await.unwrap();
    w.replace_listeners(workflow(), vec![new_listener(2)]).await.unwrap();
    let versions = async || {
        let all = w.all_listeners(10).await.unwrap();
        all.iter().map(|l| (l.key.version, l.is_wanted)).collect::<Vec<_>>()
    };
    assert_eq!(versions().await, [(2, true)], "nobody ever held the first one");
    assert!(w.claim_listener(key(2), "a".to_owned()).await.unwrap());
    w.replace_listeners(workflow(), vec![new_listener(3)]).await.unwrap();
    assert_eq!(versions().await, [(2, false), (3, true)]);
    assert!(!fired(&w, 2, "a", 1).await && !w.claim_listener(key(2), "a".to_owned()).await.unwrap());
    assert_eq!(w.listeners(workspace()).await.unwrap().len(), 1);
    w.forget_listener(key(3)).await.unwrap();
    w.forget_listener(key(2)).await.unwrap();
    assert_eq!(versions().await, [(3, true)], "one that is wanted is not forgotten");
    w.claim_listener(key(3), "a".to_owned()).await.unwrap();
    w.replace_listeners(workflow(), Vec::new()).await.unwrap();
    w.replace_listeners(workflow(), vec![new_listener(3)]).await.unwrap();
    assert_eq!(versions().await, [(3, true)], "it is wanted again before it was taken back");
}
