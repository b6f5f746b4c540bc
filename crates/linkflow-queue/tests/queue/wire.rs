//! What is in Redis after each step: asynq's keys, to the letter.

use std::collections::HashMap;
use std::time::Duration;

use linkflow_queue::{Queue, QueueName, Taken, partition_queue};

use crate::servers::Redis;
use crate::stage::{Stage, execution, job, job_of, jobs, numbers, settings, soon, tickets, worker};

fn id(n: u128) -> String {
    execution(n).to_string()
}

/// The keys of the default queue that exist, without those of tasks and counters.
fn keys(redis: &Redis) -> String {
    let all: Vec<String> = redis.ask(&["KEYS", "asynq:{default}:*"]);
    let mut short: Vec<&str> = all.iter().filter_map(|key| key.strip_prefix("asynq:{default}:")).collect();
    short.retain(|key| !key.starts_with("t:") && !key.starts_with("processed") && !key.starts_with("failed"));
    short.sort_unstable();
    short.join(" ")
}

fn task(redis: &Redis, n: u128) -> HashMap<String, Vec<u8>> {
    redis.ask(&["HGETALL", &format!("asynq:{{default}}:t:{}", id(n))])
}

fn text(task: &HashMap<String, Vec<u8>>, field: &str) -> String {
    task.get(field).map_or("-".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The state that the hash names, which asynq's inspector believes.
fn state(redis: &Redis, n: u128) -> String {
    text(&task(redis, n), "state")
}

#[tokio::test]
async fn a_job_that_is_done_leaves_nothing_but_counters() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    stage.push(jobs([1])).await;
    let one = task(redis, 1);
    assert_eq!(text(&one, "state"), "pending");
    assert_eq!(text(&one, "pending_since"), "1795435200000000000");
    assert_eq!(redis.ask::<Vec<String>>(&["SMEMBERS", "asynq:queues"]), ["default"]);
    assert_eq!(keys(redis), "pending");

    let held = stage.take(1).await;
    let one = task(redis, 1);
    assert_eq!((text(&one, "state"), text(&one, "pending_since")), ("active".to_owned(), "-".to_owned()));
    assert_eq!(redis.ask::<f64>(&["ZSCORE", "asynq:{default}:lease", &id(1)]), 1_795_435_230.0);
    assert_eq!(keys(redis), "active lease");

    stage.queue.done(tickets(&held)).await;
    assert_eq!(keys(redis), "");
    assert!(task(redis, 1).is_empty());
    assert_eq!(redis.ask::<u64>(&["GET", "asynq:{default}:processed"]), 1);
    assert_eq!(redis.ask::<u64>(&["GET", "asynq:{default}:processed:2026-11-23"]), 1);
    let ends: i64 = redis.ask(&["EXPIRETIME", "asynq:{default}:processed:2026-11-23"]);
    assert_eq!(ends, 1_795_435_200 + 90 * 24 * 3600);
}

#[tokio::test]
async fn what_failed_lies_where_its_state_says() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    stage.push(jobs([1, 2])).await;
    let held = stage.take(2).await;
    stage.queue.retry(held[0].ticket().clone(), "later", 0).await;
    stage.queue.archive(held[1].ticket().clone(), "never").await;
    assert_eq!((state(redis, 1), state(redis, 2)), ("retry".to_owned(), "archived".to_owned()));
    assert_eq!(redis.ask::<f64>(&["ZSCORE", "asynq:{default}:retry", &id(1)]), 1_795_435_215.0);
    assert_eq!(redis.ask::<f64>(&["ZSCORE", "asynq:{default}:archived", &id(2)]), 1_795_435_200.0);
    assert_eq!(keys(redis), "archived retry");
    assert_eq!(redis.ask::<u64>(&["GET", "asynq:{default}:failed:2026-11-23"]), 2);
}

#[tokio::test]
async fn what_is_given_back_has_waited_since_it_came() {
    let stage = Stage::in_redis().await;
    stage.push(jobs([1])).await;
    stage.clock.turn_ms(5_000);
    let held = stage.take(1).await;
    stage.clock.turn_ms(5_000);
    stage.queue.give_back(tickets(&held)).await;
    let stats = stage.queue.stats().await.unwrap();
    assert_eq!((stats[0].pending, stats[0].wait_ms), (1, 10_000));
}

#[tokio::test]
async fn completed_jobs_are_kept_for_their_time_and_then_forgotten() {
    let (redis, clock) = (Redis::start(), linkflow_queue::Clock::standing_at(crate::stage::NOON));
    let mut settings = settings(&redis.url(), &clock);
    settings.retention_s = 60;
    let queue = Queue::Redis(linkflow_queue::RedisQueue::open(settings).await.unwrap());
    queue.push(jobs([1])).await.unwrap();
    let held = soon(queue.take(1)).await.unwrap();
    queue.done(tickets(&held)).await;
    assert_eq!((keys(&redis), state(&redis, 1)), ("completed".to_owned(), "completed".to_owned()));
    clock.turn_ms(59_000);
    queue.maintain().await;
    assert_eq!(keys(&redis), "completed");
    clock.turn_ms(1_000);
    queue.maintain().await;
    assert_eq!(keys(&redis), "");
    assert!(task(&redis, 1).is_empty());
}

#[tokio::test]
async fn a_lock_keeps_a_second_job_out_until_the_first_is_done() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    let Queue::Redis(queue) = &stage.queue else { panic!("this stage has Redis") };
    let hour = Duration::from_secs(3600);
    assert!(queue.push_unique(&job(1), hour).await.unwrap());
    assert!(!queue.push_unique(&job(1), hour).await.unwrap());
    let locks: Vec<String> = redis.ask(&["KEYS", "asynq:{default}:unique:workflow:execute:*"]);
    assert_eq!(locks.len(), 1);
    assert!((3590..=3600).contains(&redis.ask::<i64>(&["TTL", &locks[0]])));
    let held = stage.take(1).await;
    assert!(!queue.push_unique(&job(1), hour).await.unwrap(), "it is still being worked on");
    stage.queue.done(tickets(&held)).await;
    assert!(redis.ask::<Vec<String>>(&["KEYS", "*unique*"]).is_empty());
    assert!(queue.push_unique(&job(1), hour).await.unwrap());
}

#[tokio::test]
async fn a_worker_that_dies_loses_its_jobs_to_another_when_its_lease_is_over() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    let dead = worker(&redis.url(), &stage.clock).await;
    stage.push(jobs([1, 2])).await;
    assert_eq!(soon(dead.take(2)).await.unwrap().len(), 2);
    drop(dead);
    stage.clock.turn_ms(29_000);
    stage.queue.maintain().await;
    assert!(stage.take_if_any(2).await.is_empty(), "the lease runs for 30 s");
    stage.clock.turn_ms(2_000);
    stage.queue.maintain().await;
    assert_eq!(stage.take(2).await.len(), 2);
}

#[tokio::test]
async fn a_worker_that_lives_keeps_its_jobs_however_long_they_take() {
    let stage = Stage::in_redis().await;
    let other = worker(&stage.redis.as_ref().unwrap().url(), &stage.clock).await;
    stage.push(jobs([1])).await;
    let held = soon(other.take(1)).await.unwrap();
    for _ in 0..20 {
        stage.clock.turn_ms(10_000);
        other.beat().await;
        stage.queue.maintain().await;
    }
    assert!(stage.take_if_any(1).await.is_empty());
    other.done(tickets(&held)).await;
    assert_eq!(keys(stage.redis.as_ref().unwrap()), "");
}

#[tokio::test]
async fn a_worker_that_comes_back_too_late_does_not_settle_what_another_holds() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    let slow = worker(&redis.url(), &stage.clock).await;
    stage.push(jobs([1])).await;
    let late = soon(slow.take(1)).await.unwrap();
    stage.clock.turn_ms(31_000);
    stage.queue.maintain().await;
    let held = stage.take(1).await;
    slow.done(tickets(&late)).await;
    assert_eq!((keys(redis), state(redis, 1)), ("active lease".to_owned(), "active".to_owned()));
    stage.queue.done(tickets(&held)).await;
    assert_eq!(keys(redis), "");
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_learns_of_it_and_does_not_extend_that_of_another() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    let slow = worker(&redis.url(), &stage.clock).await;
    stage.push(jobs([1])).await;
    assert_eq!(soon(slow.take(1)).await.unwrap().len(), 1);
    stage.clock.turn_ms(31_000);
    stage.queue.maintain().await;
    stage.take(1).await;
    let lease = || redis.ask::<f64>(&["ZSCORE", "asynq:{default}:lease", &id(1)]);
    let of_other = lease();
    stage.clock.turn_ms(5_000);
    slow.beat().await;
    assert_eq!((slow.n_held(), lease()), (0, of_other));
}

#[tokio::test]
async fn our_job_is_archived_when_worker_after_worker_has_died_with_it() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    stage.push(jobs([1])).await;
    for _ in 0..26 {
        let doomed = worker(&redis.url(), &stage.clock).await;
        assert_eq!(soon(doomed.take(1)).await.unwrap().len(), 1);
        drop(doomed);
        stage.clock.turn_ms(31_000);
        stage.queue.maintain().await;
    }
    assert_eq!((keys(redis), state(redis, 1)), ("archived".to_owned(), "archived".to_owned()));
}

#[tokio::test]
async fn ids_that_belong_to_nobody_are_swept() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    stage.push(jobs([1, 2])).await;
    // A client that moves a task and dies before it writes the lease.
    let moved: String =
        redis.ask(&["LMOVE", "asynq:{default}:pending", "asynq:{default}:active", "RIGHT", "LEFT"]);
    assert_eq!(moved, id(1));
    // Ids whose tasks were deleted, in each of the places.
    redis.ask::<u64>(&["LPUSH", "asynq:{default}:active", "gone"]);
    redis.ask::<u64>(&["RPUSH", "asynq:{default}:pending", "gone too"]);
    redis.ask::<u64>(&["ZADD", "asynq:{default}:lease", "1", "gone as well"]);
    redis.ask::<u64>(&["ZADD", "asynq:{default}:retry", "1", "gone for good"]);
    assert_eq!(numbers(&stage.take(9).await), [2]);
    stage.queue.maintain().await;
    assert_eq!(redis.ask::<Vec<String>>(&["LRANGE", "asynq:{default}:active", "0", "-1"]), [id(2), id(1)]);
    stage.clock.turn_ms(29_000);
    let Queue::Redis(queue) = &stage.queue else { panic!("this stage has Redis") };
    queue.beat().await;
    stage.clock.turn_ms(2_000);
    stage.queue.maintain().await;
    assert_eq!(numbers(&stage.take(9).await), [1]);
    assert_eq!(keys(redis), "active lease");
    assert_eq!(redis.ask::<u64>(&["ZCARD", "asynq:{default}:lease"]), 2);
}

#[tokio::test]
async fn a_task_that_nobody_can_read_is_archived_and_stops_nobody() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    redis.ask::<u64>(&["HSET", "asynq:{default}:t:odd", "msg", "\u{1}\u{2}\u{3}", "state", "pending"]);
    redis.ask::<u64>(&["LPUSH", "asynq:{default}:pending", "odd"]);
    stage.push(jobs([1])).await;
    assert_eq!(numbers(&stage.take(9).await), [1]);
    assert_eq!(redis.ask::<Vec<String>>(&["ZRANGE", "asynq:{default}:archived", "0", "-1"]), ["odd"]);
    assert_eq!(redis.ask::<String>(&["HGET", "asynq:{default}:t:odd", "state"]), "archived");
}

#[tokio::test]
async fn the_archive_keeps_the_ten_thousand_newest() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    let fill = "for i = 1, 10003 do redis.call('ZADD', KEYS[1], 1795435000 + i / 100, 'old' .. i) end";
    redis.ask::<()>(&["EVAL", fill, "1", "asynq:{default}:archived"]);
    stage.push(jobs([1])).await;
    let held = stage.take(1).await;
    stage.queue.archive(held[0].ticket().clone(), "no").await;
    assert_eq!(redis.ask::<u64>(&["ZCARD", "asynq:{default}:archived"]), 10_000);
    assert_eq!(redis.ask::<Vec<String>>(&["ZRANGE", "asynq:{default}:archived", "0", "0"]), ["old5"]);
    assert_eq!(redis.ask::<Vec<String>>(&["ZRANGE", "asynq:{default}:archived", "-1", "-1"]), [id(1)]);
}

#[tokio::test]
async fn workers_of_any_number_of_partitions_find_the_jobs_of_all() {
    let (redis, clock) = (Redis::start(), linkflow_queue::Clock::standing_at(crate::stage::NOON));
    let mut settings = settings(&redis.url(), &clock);
    settings.partitions = Some(1);
    let queue = Queue::Redis(linkflow_queue::RedisQueue::open(settings).await.unwrap());
    // Some were pushed while there were four partitions, some when there are ten.
    for partition in [0, 3, 9] {
        let name = partition_queue(partition);
        queue.push(vec![job_of(1, name.as_str(), u128::from(partition) + 1)]).await.unwrap();
    }
    queue.maintain().await;
    let mut got = numbers(&soon(queue.take(9)).await.unwrap());
    got.sort_unstable();
    assert_eq!(got, [1, 4, 10]);
    // A partition that comes later is found at the next heartbeat, by a taker that waits already.
    let (taken, _) = tokio::join!(soon(queue.take(9)), async {
        queue.push(vec![job_of(1, "workflow:partition:17", 18)]).await.unwrap();
        queue.maintain().await;
    });
    assert_eq!(numbers(&taken.unwrap()), [18]);
}

#[tokio::test]
async fn partitions_of_a_server_that_was_emptied_are_found_again() {
    let (redis, clock) = (Redis::start(), linkflow_queue::Clock::standing_at(crate::stage::NOON));
    let mut settings = settings(&redis.url(), &clock);
    settings.partitions = Some(1);
    let known = Queue::Redis(linkflow_queue::RedisQueue::open(settings.clone()).await.unwrap());
    let pusher = {
        let mut settings = settings.clone();
        settings.is_worker = false;
        linkflow_queue::RedisQueue::open(settings).await.unwrap()
    };
    let push = |n| pusher.push(vec![job_of(1, "workflow:partition:7", n)]);
    push(1).await.unwrap();
    known.maintain().await;
    redis.ask::<()>(&["FLUSHALL"]);
    known.maintain().await;
    push(2).await.unwrap();
    assert_eq!(numbers(&soon(known.take(9)).await.unwrap()), [2], "who knew the partition still does");
    push(3).await.unwrap();
    pusher.announce().await;
    let new = Queue::Redis(linkflow_queue::RedisQueue::open(settings).await.unwrap());
    new.maintain().await;
    assert_eq!(numbers(&soon(new.take(9)).await.unwrap()), [3], "who comes new learns of it");
}

#[tokio::test]
async fn a_dedicated_worker_takes_from_its_queue_alone() {
    let (redis, clock) = (Redis::start(), linkflow_queue::Clock::standing_at(crate::stage::NOON));
    let mut settings = settings(&redis.url(), &clock);
    settings.queues = linkflow_queue::Weights::only(QueueName::new("reports").unwrap());
    let queue = Queue::Redis(linkflow_queue::RedisQueue::open(settings).await.unwrap());
    queue.push(vec![job(1), job_of(1, "reports", 2)]).await.unwrap();
    assert_eq!(numbers(&soon(queue.take(9)).await.unwrap()), [2]);
    assert!(crate::stage::take_if_any(&queue, 9).await.is_empty());
}

#[tokio::test]
async fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let stage = Stage::in_redis().await;
    stage.push(jobs([1])).await;
    stage.redis.as_ref().unwrap().ask::<()>(&["SCRIPT", "FLUSH"]);
    let held = stage.take(1).await;
    stage.queue.done(tickets(&held)).await;
    assert_eq!(stage.push(jobs([1])).await, 1);
}

#[tokio::test]
async fn more_jobs_than_one_script_takes_go_through_all_the_same() {
    let stage = Stage::in_redis().await;
    assert_eq!(stage.push(jobs(0..2_500)).await, 2_500);
    let mut got = Vec::new();
    while got.len() < 2_500 {
        let taken = stage.take(100_000).await;
        assert!(taken.len() <= 1_000, "a batch has its limit");
        got.extend(numbers(&taken));
        stage.queue.done(tickets(&taken)).await;
    }
    assert_eq!(got, (0..2_500).collect::<Vec<_>>());
    assert_eq!(keys(stage.redis.as_ref().unwrap()), "");
}

#[tokio::test]
async fn closing_gives_back_what_is_held_and_leaves_the_list_of_servers() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    stage.push(jobs([1, 2, 3])).await;
    stage.take(2).await;
    stage.queue.maintain().await;
    assert_eq!(redis.ask::<u64>(&["ZCARD", "asynq:servers"]), 1);
    stage.queue.close().await;
    assert_eq!(
        redis.ask::<Vec<String>>(&["LRANGE", "asynq:{default}:pending", "0", "-1"]),
        [id(3), id(2), id(1)]
    );
    assert_eq!(keys(redis), "pending");
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "asynq:servers*"]).len(), 0);
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "asynq:workers*"]).len(), 0);
}

#[tokio::test]
async fn groups_of_another_client_stay_whole() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    redis.ask::<u64>(&["HSET", "asynq:{default}:t:g1", "msg", "x", "state", "scheduled", "group", "mails"]);
    redis.ask::<u64>(&["ZADD", "asynq:{default}:scheduled", "5", "g1"]);
    stage.queue.maintain().await;
    assert_eq!(redis.ask::<Vec<String>>(&["ZRANGE", "asynq:{default}:g:mails", "0", "-1"]), ["g1"]);
    assert_eq!(redis.ask::<String>(&["HGET", "asynq:{default}:t:g1", "state"]), "aggregating");
    assert!(stage.take_if_any(9).await.is_empty());
}

#[tokio::test]
async fn a_taken_execution_says_whose_it_is() {
    let stage = Stage::in_redis().await;
    stage.push(vec![job_of(5, "critical", 1)]).await;
    let taken = stage.take(1).await;
    let Taken::Execution { ticket, job } = &taken[0] else { panic!("an execution of ours") };
    assert_eq!(*job, job_of(5, "critical", 1));
    assert_eq!((ticket.queue().as_str(), ticket.id()), ("critical", id(1).as_str()));
}

/// A worker that took a job and died, and the time that has passed since.
async fn after_a_death(seconds: i64) -> Stage {
    let stage = Stage::in_redis().await;
    let dead = worker(&stage.redis.as_ref().unwrap().url(), &stage.clock).await;
    stage.push(jobs([1])).await;
    assert_eq!(numbers(&soon(dead.take(1)).await.unwrap()), [1]);
    drop(dead);
    stage.clock.turn_ms(seconds * 1000);
    stage
}

#[tokio::test]
async fn what_a_dead_worker_took_is_taken_away_by_the_first_push_after_three_seconds() {
    let stage = after_a_death(2).await;
    assert_eq!(stage.push(jobs([1])).await, 0, "it may still be at work");
    assert_eq!(keys(stage.redis.as_ref().unwrap()), "active lease");

    let stage = after_a_death(3).await;
    assert_eq!(stage.push(jobs([1])).await, 1);
    let redis = stage.redis.as_ref().unwrap();
    assert_eq!(keys(redis), "pending");
    let one = task(redis, 1);
    assert_eq!((text(&one, "owner"), text(&one, "again")), ("-".to_owned(), "-".to_owned()));
    let taken = stage.take(1).await;
    stage.queue.done(tickets(&taken)).await;
    assert!(task(redis, 1).is_empty(), "and it comes once");
}

#[tokio::test]
async fn a_worker_that_was_only_slow_settles_nothing_that_was_taken_away() {
    let stage = Stage::in_redis().await;
    let redis = stage.redis.as_ref().unwrap();
    let slow = Queue::Redis(worker(&redis.url(), &stage.clock).await);
    stage.push(jobs([1, 2, 3, 4])).await;
    let held = soon(slow.take(4)).await.unwrap();
    stage.clock.turn_ms(4_000);
    stage.push(jobs([1, 2, 3, 4])).await;
    assert_eq!(numbers(&stage.take(2).await), [1, 2]);
    slow.done(vec![held[0].ticket().clone()]).await;
    slow.give_back(vec![held[1].ticket().clone()]).await;
    slow.archive(held[2].ticket().clone(), "late").await;
    slow.maintain().await;
    assert_eq!((state(redis, 1), state(redis, 2)), ("active".to_owned(), "active".to_owned()));
    assert_eq!(numbers(&stage.take(9).await), [3, 4]);
}

#[tokio::test]
async fn a_worker_that_gives_signs_of_life_keeps_what_it_holds() {
    let stage = Stage::in_redis().await;
    stage.push(jobs([1])).await;
    let held = stage.take(1).await;
    stage.clock.turn_ms(20_000);
    stage.queue.maintain().await;
    stage.clock.turn_ms(2_000);
    assert_eq!(stage.push(jobs([1])).await, 0);
    stage.queue.done(tickets(&held)).await;
    assert_eq!(numbers(&stage.take(1).await), [1], "it comes again once it is let go");
}

#[tokio::test]
async fn it_is_known_which_queues_somebody_takes_from() {
    let stage = Stage::in_redis().await;
    stage.push(vec![job_of(1, "forgotten", 1)]).await;
    assert!(stage.queue.served().await.unwrap().is_empty(), "nobody has shown himself");
    stage.queue.maintain().await;
    let served: Vec<String> = stage.queue.served().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(served, ["critical", "default", "low"]);
    stage.clock.turn_ms(11_000);
    assert!(stage.queue.served().await.unwrap().is_empty(), "and who is silent is taken for dead");
}

#[tokio::test]
async fn jobs_can_be_taken_from_a_queue_that_nobody_listens_to() {
    let stage = Stage::in_redis().await;
    let forgotten = QueueName::new("workflow:partition:9").unwrap();
    stage.push((1..=3).map(|n| job_of(1, forgotten.as_str(), n)).collect()).await;
    let taken = stage.queue.take_from(&forgotten, 2).await.unwrap();
    assert_eq!(numbers(&taken), [1, 2]);
    stage.queue.done(tickets(&taken)).await;
    assert_eq!(numbers(&stage.queue.take_from(&forgotten, 9).await.unwrap()), [3]);
    assert!(stage.queue.take_from(&forgotten, 9).await.unwrap().is_empty(), "it does not wait");
}
