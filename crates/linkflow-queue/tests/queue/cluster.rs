//! Redis behind Sentinels, and as a cluster: a lost master is survived, and jobs that went with it
//! are what the store pushes again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use linkflow_queue::{Job, Queue, RedisQueue, Settings, Timers};

use crate::servers::{Cluster, Watched};
use crate::stage::{job_of, numbers, soon, tickets};

async fn worker(url: &str) -> Queue {
    let mut settings = Settings::new(url);
    settings.queues = "critical:6,default:3,low:1".parse().unwrap();
    settings.partitions = Some(1);
    // Nobody finds a job by looking now and then, only by being told.
    settings.timers = Timers { poll: Duration::from_secs(3600), ..Timers::default() };
    Queue::Redis(RedisQueue::open(settings).await.unwrap())
}

const QUEUES: [&str; 6] =
    ["critical", "default", "low", "workflow:partition:0", "workflow:partition:1", "workflow:partition:2"];

/// Jobs in all queues, which lie on all masters.
fn spread(ns: std::ops::Range<u128>) -> Vec<Job> {
    ns.map(|n| job_of(1, QUEUES[n as usize % QUEUES.len()], n)).collect()
}

/// Does all jobs, pushing again what is still owed, as the store's sweeper does. Returns how long
/// it took.
async fn do_all(queue: &Queue, ns: std::ops::Range<u128>) -> Duration {
    let began = Instant::now();
    let mut owed: BTreeSet<u128> = ns.clone().collect();
    let working = async {
        while !owed.is_empty() {
            let again: Vec<Job> = spread(ns.clone())
                .into_iter()
                .filter(|job| owed.contains(&(job.execution.0.as_u128() & 0xffff_ffff)))
                .collect();
            // Some queues may be out of reach while others work.
            let _ = queue.push(again).await;
            while let Ok(Ok(taken)) = tokio::time::timeout(Duration::from_millis(200), queue.take(50)).await {
                owed.retain(|n| !numbers(&taken).contains(n));
                queue.done(tickets(&taken)).await;
            }
        }
    };
    soon(working).await;
    began.elapsed()
}

/// A taker that waits is woken by a push to each queue.
async fn each_queue_wakes(queue: &Queue, first: u128) {
    for job in spread(first..first + QUEUES.len() as u128) {
        let want = job.execution;
        let (taken, pushed) = tokio::join!(soon(queue.take(1)), async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            queue.push(vec![job]).await
        });
        pushed.unwrap();
        let taken = taken.unwrap();
        assert_eq!(numbers(&taken), [want.0.as_u128() & 0xffff_ffff]);
        queue.done(tickets(&taken)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_by_sentinels_is_survived() {
    let mut watched = tokio::task::block_in_place(Watched::start);
    let queue = worker(&watched.url()).await;
    do_all(&queue, 0..60).await;
    each_queue_wakes(&queue, 100).await;
    watched.servers[0].process.kill();
    let lasted = do_all(&queue, 200..260).await;
    println!("60 jobs across the failover took {lasted:?}");
    each_queue_wakes(&queue, 300).await;
    let role: String = watched.servers[1].ask(&["INFO", "replication"]);
    assert!(role.contains("role:master"), "{role}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_master_of_a_cluster_is_survived() {
    let mut cluster = tokio::task::block_in_place(Cluster::start);
    let queue = worker(&cluster.url()).await;
    queue.push(spread(0..6)).await.unwrap();
    queue.maintain().await;
    do_all(&queue, 0..60).await;
    each_queue_wakes(&queue, 100).await;
    cluster.master_of("asynq:{default}:pending").process.kill();
    let lasted = do_all(&queue, 200..260).await;
    println!("60 jobs across the failover took {lasted:?}");
    queue.maintain().await;
    each_queue_wakes(&queue, 300).await;
    let stats = queue.stats().await.unwrap();
    assert!(stats.iter().all(|s| s.pending == 0 && s.active == 0), "{stats:?}");
}
