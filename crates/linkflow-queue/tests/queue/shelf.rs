//! Values that processes share for a while: brought once, and gone for all when they are forgotten.

use std::time::Duration;

use linkflow_queue::{Clock, RedisQueue, Shelved, Slip};

use crate::servers::Redis;
use crate::stage::{NOON, worker};

const LONG: Duration = Duration::from_secs(600);

async fn two(redis: &Redis) -> (RedisQueue, RedisQueue) {
    let clock = Clock::standing_at(NOON);
    (worker(&redis.url(), &clock).await, worker(&redis.url(), &clock).await)
}

async fn missing(queue: &RedisQueue, name: &str) -> Slip {
    match queue.shelved("people", name).await.unwrap() {
        Shelved::Missing(slip) => slip,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_is_asked_to_bring_a_value_and_others_wait_and_find_it() {
    let redis = Redis::start();
    let (one, other) = two(&redis).await;
    let slip = missing(&one, "ada").await;
    assert_eq!(other.shelved("people", "ada").await.unwrap(), Shelved::Coming);
    one.shelve(slip.clone(), b"may read", LONG).await.unwrap();
    assert_eq!(other.shelved("people", "ada").await.unwrap(), Shelved::Found(b"may read".to_vec()));
    // A slip is good for once.
    one.shelve(slip, b"something else", LONG).await.unwrap();
    assert_eq!(one.shelved("people", "ada").await.unwrap(), Shelved::Found(b"may read".to_vec()));
    let nobody = missing(&one, "bob").await;
    one.bring_nothing(nobody).await.unwrap();
    missing(&other, "bob").await;
}

#[tokio::test]
async fn a_forgotten_topic_is_gone_for_all_and_what_was_read_before_does_not_come_back() {
    let redis = Redis::start();
    let (one, other) = two(&redis).await;
    let slip = missing(&one, "ada").await;
    one.shelve(slip, b"may read", LONG).await.unwrap();
    // Read before somebody changed it, and brought after.
    let late = missing(&other, "bob").await;
    one.clear_shelf("people").await.unwrap();
    other.shelve(late, b"may write", LONG).await.unwrap();
    missing(&one, "ada").await;
    missing(&one, "bob").await;
}

#[tokio::test]
async fn values_go_by_themselves() {
    let redis = Redis::start();
    let (one, other) = two(&redis).await;
    let slip = missing(&one, "ada").await;
    one.shelve(slip, b"may read", Duration::from_millis(30)).await.unwrap();
    let by = std::time::Instant::now() + Duration::from_secs(20);
    while matches!(other.shelved("people", "ada").await.unwrap(), Shelved::Found(_)) {
        assert!(std::time::Instant::now() < by, "it is there for too long");
    }
}
