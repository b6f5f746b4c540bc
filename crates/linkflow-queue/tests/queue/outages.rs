//! Redis goes away, comes back empty, stands still or is emptied under load. The queue promises
//! nothing but to say so quickly and to go on afterwards.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use linkflow_queue::{Clock, Planted, Queue, QueueError, RedisQueue, Settings, Timers};

use crate::servers::{Redis, free_port};
use crate::stage::{Stage, job, jobs, numbers, settings, soon, tickets};

/// Tries until it works, as callers do that fall back to the store meanwhile.
async fn push_again_and_again(queue: &Queue, n: u128) {
    let pushed = async {
        while queue.push(jobs([n])).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(pushed).await;
}

#[track_caller]
fn is_unavailable<T: std::fmt::Debug>(answer: Result<T, QueueError>) {
    assert!(matches!(answer, Err(QueueError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so_at_once_and_found_when_it_comes() {
    let port = free_port();
    let clock = Clock::System;
    let queue = RedisQueue::open(settings(&format!("redis://127.0.0.1:{port}"), &clock)).await.unwrap();
    let queue = Queue::Redis(queue);
    let before = Instant::now();
    for _ in 0..100 {
        is_unavailable(queue.push(jobs([1])).await);
        is_unavailable(queue.take(1).await);
    }
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    let _redis = Redis::with(&["--port", &port.to_string()]);
    push_again_and_again(&queue, 1).await;
    assert_eq!(numbers(&soon(queue.take(1)).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_server_that_comes_back_empty_is_used_again() {
    let mut stage = Stage::in_redis().await;
    stage.push(jobs([1, 2])).await;
    let held = stage.take(1).await;
    let redis = stage.redis.as_mut().unwrap();
    redis.restart();
    push_again_and_again(&stage.queue, 3).await;
    assert_eq!(numbers(&stage.take(9).await), [3], "what it had is for the store to push again");
    stage.queue.done(tickets(&held)).await;
    stage.queue.maintain().await;
    let redis = stage.redis.as_ref().unwrap();
    let queues: BTreeSet<String> = redis.ask(&["SMEMBERS", "asynq:queues"]);
    assert!(queues.contains("default"), "the names of the queues are told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_waited_for_once_and_no_longer() {
    let stage = Stage::in_redis().await;
    stage.push(jobs([1, 2])).await;
    let held = stage.take(1).await;
    let redis = stage.redis.as_ref().unwrap();
    redis.process.signal("-STOP");
    let before = Instant::now();
    is_unavailable(stage.queue.push(jobs([3])).await);
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
    let before = Instant::now();
    is_unavailable(stage.queue.push(jobs([3])).await);
    // What is done is told when the server can be reached again.
    stage.queue.done(tickets(&held)).await;
    assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
    redis.process.signal("-CONT");
    push_again_and_again(&stage.queue, 3).await;
    stage.queue.maintain().await;
    let Queue::Redis(queue) = &stage.queue else { panic!("this stage has Redis") };
    assert_eq!(queue.n_held(), 0);
    assert_eq!(stage.redis.as_ref().unwrap().ask::<u64>(&["LLEN", "asynq:{default}:active"]), 0);
}

/// A queue that would wait for an hour before it looks by itself.
async fn one_that_only_listens(redis: &Redis, bug: Option<Planted>) -> Queue {
    let mut settings = Settings::new(&redis.url()).plant(bug);
    settings.timers = Timers { poll: Duration::from_secs(3600), ..Timers::default() };
    Queue::Redis(RedisQueue::open(settings).await.unwrap())
}

/// Pushes a job whenever the one before was taken, as fast as that goes. Says after how many one
/// stayed unnoticed.
async fn race(bug: Option<Planted>) -> Option<u128> {
    let redis = Redis::start();
    let queue = Arc::new(one_that_only_listens(&redis, bug).await);
    let pusher = one_that_only_listens(&redis, None).await;
    let (took, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let taker = tokio::spawn(async move {
        loop {
            let got = queue.take(1).await.unwrap();
            queue.done(tickets(&got)).await;
            if took.send(()).is_err() {
                return;
            }
        }
    });
    let mut stuck = None;
    for n in 0..400 {
        // Between right away and well after the taker has begun to wait.
        tokio::time::sleep(Duration::from_micros((n as u64 % 20) * 50)).await;
        pusher.push(vec![job(n)]).await.unwrap();
        if tokio::time::timeout(Duration::from_secs(3), taken.recv()).await.is_err() {
            stuck = Some(n);
            break;
        }
    }
    taker.abort();
    stuck
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_overheard_however_it_comes_in() {
    assert_eq!(race(None).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_wake_up_would_be_found() {
    assert!(race(Some(Planted::WakeUpLost)).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taker_whose_connections_are_cut_hears_of_jobs_again() {
    let redis = Redis::start();
    let queue = Arc::new(one_that_only_listens(&redis, None).await);
    let pusher = one_that_only_listens(&redis, None).await;
    for n in 0..3 {
        let taking = tokio::spawn({
            let queue = queue.clone();
            async move {
                loop {
                    match queue.take(1).await {
                        Ok(taken) => return taken,
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        for kind in ["normal", "pubsub"] {
            redis.ask::<u64>(&["CLIENT", "KILL", "TYPE", kind]);
        }
        push_again_and_again(&pusher, n).await;
        assert_eq!(numbers(&soon(taking).await.unwrap()), [n]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_owed_is_lost_when_the_server_is_emptied_under_load() {
    let redis = Redis::start();
    let n_jobs = 3_000_u128;
    // What a store would hold: everything not yet done.
    let owed: Arc<Mutex<BTreeSet<u128>>> = Arc::new(Mutex::new((0..n_jobs).collect()));
    let is_owed = |n: &u128| owed.lock().unwrap().contains(n);
    let mut workers = Vec::new();
    for _ in 0..3 {
        let queue = Queue::Redis(RedisQueue::open(Settings::new(&redis.url())).await.unwrap());
        let owed = owed.clone();
        workers.push(tokio::spawn(async move {
            loop {
                let taken = queue.take(20).await.unwrap();
                owed.lock().unwrap().retain(|n| !numbers(&taken).contains(n));
                queue.done(tickets(&taken)).await;
            }
        }));
    }
    let pusher = Queue::Redis(RedisQueue::open(Settings::new(&redis.url())).await.unwrap());
    let all: Vec<u128> = (0..n_jobs).collect();
    for (i, some) in all.chunks(100).enumerate() {
        pusher.push(jobs(some.iter().copied())).await.unwrap();
        if i % 3 == 0 {
            redis.ask::<()>(&["FLUSHALL"]);
        }
    }
    // The sweeper of the store pushes what is still owed.
    let swept = async {
        while !owed.lock().unwrap().is_empty() {
            let some: Vec<u128> = all.iter().copied().filter(is_owed).collect();
            pusher.push(jobs(some)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(swept).await;
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn duties_run_by_themselves() {
    let redis = Redis::start();
    let second = Duration::from_secs(1);
    let mut settings = Settings::new(&redis.url());
    settings.timers = Timers {
        lease: second,
        heartbeat: second / 10,
        recover: second / 10,
        unheard: Duration::from_secs(3),
        recover_grace: Duration::ZERO,
        forward: second / 10,
        janitor: second / 10,
        poll: second,
    };
    let dead = RedisQueue::open(settings.clone()).await.unwrap();
    let living = RedisQueue::open(settings).await.unwrap();
    dead.push(jobs([1])).await.unwrap();
    assert_eq!(soon(dead.take(1)).await.unwrap().len(), 1);
    drop(dead);
    assert_eq!(numbers(&soon(living.take(1)).await.unwrap()), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taker_that_waits_leaves_the_server_in_peace() {
    let redis = Redis::start();
    let queue = Arc::new(one_that_only_listens(&redis, None).await);
    queue.pause(&linkflow_queue::QueueName::default()).await.unwrap();
    queue.push(jobs([1])).await.unwrap();
    let taker = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take(1).await }
    });
    let n_commands = || {
        let stats: String = redis.ask(&["INFO", "stats"]);
        let line = stats.lines().find(|line| line.starts_with("total_commands_processed")).unwrap();
        line.split(':').nth(1).unwrap().parse::<u64>().unwrap()
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = n_commands();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let n = n_commands() - before;
    assert!(n < 20, "{n} commands in 0.7 s, though the queue is paused and nothing changes");
    taker.abort();
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let redis = Redis::with(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    let queue = Queue::Redis(RedisQueue::open(Settings::new(&redis.url())).await.unwrap());
    let health = queue.health().await.unwrap();
    assert_eq!((health.memory_bytes_max, health.is_evicting), (64 << 20, true));
    assert!(health.memory_bytes > 100_000 && health.latency < Duration::from_secs(1), "{health:?}");
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    assert!(!queue.health().await.unwrap().is_evicting);
}

#[tokio::test]
async fn a_server_that_is_full_refuses_jobs_and_gives_out_those_it_has() {
    let stage = Stage::in_redis().await;
    stage.push(jobs([1])).await;
    let redis = stage.redis.as_ref().unwrap();
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    is_unavailable(stage.queue.push(jobs([2])).await);
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(stage.push(jobs([2])).await, 1);
    assert_eq!(numbers(&stage.take(9).await), [1, 2]);
}
