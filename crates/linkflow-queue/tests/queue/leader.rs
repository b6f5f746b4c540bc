//! Elections among schedulers.

use std::time::{Duration, Instant};

use linkflow_queue::{Election, ElectionSettings};

use crate::servers::{Redis, free_port};
use crate::stage::soon;

const KEY: &str = "linkflow:scheduler:leader";

fn settings(redis: &Redis, ttl_ms: u64) -> ElectionSettings {
    let ttl = Duration::from_millis(ttl_ms);
    ElectionSettings { url: redis.url(), ca_certificate: None, key: KEY.to_owned(), ttl }
}

async fn wins(candidate: &Election) {
    soon(candidate.changes().wait_for(|leads| *leads)).await.unwrap();
    assert!(candidate.is_leader());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_another_follows_when_it_resigns() {
    let redis = Redis::start();
    let first = Election::stand(settings(&redis, 60_000)).await.unwrap();
    wins(&first).await;
    let second = Election::stand(settings(&redis, 1_000)).await.unwrap();
    assert!(!second.is_leader());
    first.resign().await;
    wins(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_dropped_makes_room() {
    let redis = Redis::start();
    let first = Election::stand(settings(&redis, 60_000)).await.unwrap();
    wins(&first).await;
    let second = Election::stand(settings(&redis, 1_000)).await.unwrap();
    drop(first);
    wins(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_is_renewed_long_before_it_ends() {
    let redis = Redis::start();
    let first = Election::stand(settings(&redis, 1_200)).await.unwrap();
    wins(&first).await;
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(first.is_leader());
        let left: i64 = redis.ask(&["PTTL", KEY]);
        assert!(left > 400, "{left} ms left");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_cannot_renew_steps_down_before_another_can_lead() {
    let redis = Redis::start();
    let first = Election::stand(settings(&redis, 4_000)).await.unwrap();
    wins(&first).await;
    let second = Election::stand(settings(&redis, 4_000)).await.unwrap();
    redis.process.signal("-STOP");
    let stopped = Instant::now();
    soon(first.changes().wait_for(|leads| !leads)).await.unwrap();
    assert!(!first.is_leader());
    assert!(stopped.elapsed() < Duration::from_millis(4_000), "{:?}", stopped.elapsed());
    redis.process.signal("-CONT");
    // One of them leads again, and never both.
    let end = Instant::now() + Duration::from_secs(15);
    while !first.is_leader() && !second.is_leader() {
        assert!(Instant::now() < end, "nobody leads");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..50 {
        assert!(!(first.is_leader() && second.is_leader()));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_key_was_taken_away_follows() {
    let redis = Redis::start();
    let first = Election::stand(settings(&redis, 1_000)).await.unwrap();
    wins(&first).await;
    redis.ask::<()>(&["SET", KEY, "somebody else"]);
    soon(first.changes().wait_for(|leads| !leads)).await.unwrap();
    first.resign().await;
    assert_eq!(redis.ask::<String>(&["GET", KEY]), "somebody else", "it is not theirs to delete");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let redis_url = format!("redis://127.0.0.1:{}", free_port());
    let of = |key: &str, ttl_s: u64| ElectionSettings {
        url: redis_url.clone(),
        ca_certificate: None,
        key: key.to_owned(),
        ttl: Duration::from_secs(ttl_s),
    };
    for (settings, want) in [
        (of("", 30), "`LEADER_ELECTION_KEY` must have 1 to 500 characters, got \"\""),
        (of("k", 0), "`LEADER_TTL` must be 1 s to 1 h, got 0ns"),
        (of("k", 3601), "`LEADER_TTL` must be 1 s to 1 h, got 3601s"),
    ] {
        let error = Election::stand(settings).await.err().expect("a refusal").to_string();
        assert_eq!(error, want);
    }
}
