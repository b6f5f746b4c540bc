//! What happens, for those who watch: one order at all processes, and nothing when nobody does.

use linkflow_queue::{Clock, FeedReader, RedisQueue};

use crate::servers::Redis;
use crate::stage::{NOON, worker};

async fn at(redis: &Redis) -> RedisQueue {
    worker(&redis.url(), &Clock::standing_at(NOON)).await
}

fn events(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// All that is there, waiting for the first.
async fn read(reader: &mut FeedReader) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    loop {
        let some = reader.read(all.is_empty()).await.unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some.into_iter().map(|(seq, event)| (seq, String::from_utf8(event).unwrap())));
    }
}

#[tokio::test]
async fn whoever_reads_sees_the_same_events_under_the_same_growing_numbers() {
    let redis = Redis::start();
    let (one, other) = (at(&redis).await, at(&redis).await);
    let begun = one.feed_watch().await.unwrap();
    for names in [["a", "b"], ["c", "d"]] {
        assert!(other.feed_add(&events(&names)).await.unwrap());
        assert!(one.feed_add(&events(&names)).await.unwrap());
    }
    let (mut mine, mut yours) =
        (one.feed_reader(begun.floor).await.unwrap(), other.feed_reader(begun.floor).await.unwrap());
    let seen = read(&mut mine).await;
    let names: String = seen.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, "ababcdcd");
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "{seen:?}");
    assert!(seen[0].0 > begun.newest);
    assert_eq!(seen, read(&mut yours).await);
    assert_eq!(one.feed_watch().await.unwrap().newest, seen[7].0);
    // Who comes back at another process gets the rest, each once.
    let mut rest = other.feed_reader(seen[4].0).await.unwrap();
    assert_eq!(read(&mut rest).await, seen[5..]);
}

#[tokio::test]
async fn nothing_is_taken_in_while_nobody_watches() {
    let redis = Redis::start();
    let queue = at(&redis).await;
    assert!(!queue.feed_add(&events(&["a"])).await.unwrap());
    assert_eq!(queue.feed_watched().await.unwrap(), None);
    assert_eq!(redis.ask::<i64>(&["EXISTS", "linkflow:{feed}:events"]), 0);
    let mut watching = queue.feed_watching();
    // The word may be said before the ear is open; whoever missed it asks.
    let mut begun = 0;
    while watching.try_recv().is_err() {
        redis.ask::<i64>(&["DEL", "linkflow:{feed}:watched"]);
        begun = queue.feed_watch().await.unwrap().begun;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(queue.feed_watched().await.unwrap(), Some(begun));
    assert!(queue.feed_add(&events(&["a"])).await.unwrap());
    for key in ["linkflow:{feed}:watched", "linkflow:{feed}:events"] {
        assert!((1..=20_000).contains(&redis.ask::<i64>(&["PTTL", key])), "{key} ends by itself");
    }
}

#[tokio::test]
async fn what_was_trimmed_or_began_anew_is_a_gap_that_can_be_seen() {
    let redis = Redis::start();
    let queue = at(&redis).await;
    let begun = queue.feed_watch().await.unwrap();
    let many: Vec<Vec<u8>> = (0..1_000).map(|n: u32| n.to_string().into_bytes()).collect();
    for _ in 0..6 {
        queue.feed_add(&many).await.unwrap();
    }
    let trimmed = queue.feed_watch().await.unwrap();
    assert_eq!(trimmed.begun, begun.begun);
    assert!(trimmed.floor > begun.floor, "{trimmed:?}");
    let all = read(&mut queue.feed_reader(0).await.unwrap()).await;
    assert!((4_096..4_300).contains(&all.len()), "{}", all.len());
    assert_eq!(all[0].0, trimmed.floor + 1);
    redis.ask::<String>(&["FLUSHALL"]);
    let anew = queue.feed_watch().await.unwrap();
    assert!(anew.begun > trimmed.begun && anew.floor > all[0].0, "{anew:?}");
}

#[tokio::test]
async fn a_reader_says_when_its_server_is_gone() {
    let mut redis = Redis::start();
    let queue = at(&redis).await;
    let begun = queue.feed_watch().await.unwrap();
    let mut reader = queue.feed_reader(begun.floor).await.unwrap();
    redis.process.kill();
    assert!(reader.read(true).await.is_err());
    redis.restart();
    let anew = loop {
        match queue.feed_watch().await {
            Ok(anew) => break anew,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert!(anew.begun > begun.begun);
}
