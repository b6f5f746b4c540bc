//! Random operations of two workers, some of which die, compared after each step with a model of
//! what must be in Redis. Each run is named by its seed; the planted bugs must be found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use linkflow_queue::{Clock, Planted, Queue, RedisQueue, Ticket, retry_delay_s};

use crate::servers::Redis;
use crate::stage::{NOON, execution, jobs, numbers, settings, tickets};

/// Where a job is.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Waiting,
    Held {
        by: Option<usize>,
        is_wanted_again: bool,
        lease_end_s: i64,
    },
    /// Moved to the active list by somebody who died before the lease was written.
    Orphan,
    Retry {
        at_s: i64,
    },
    Archived,
}

#[derive(Default)]
struct Model {
    place: BTreeMap<u128, Place>,
    retried: BTreeMap<u128, i32>,
    waiting: VecDeque<u128>,
    done: BTreeSet<u128>,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }
}

struct World<'a> {
    redis: &'a Redis,
    conn: redis::Connection,
    clock: Clock,
    bug: Option<Planted>,
    workers: Vec<Queue>,
    /// What each worker believes to hold.
    believes: Vec<Vec<Ticket>>,
    model: Model,
}

fn number(ticket: &Ticket) -> u128 {
    let id: linkflow_model::ExecutionId = ticket.id().parse().unwrap();
    id.0.as_u128() & 0xffff_ffff
}

impl<'a> World<'a> {
    async fn new(redis: &'a Redis, bug: Option<Planted>) -> Self {
        redis.ask::<()>(&["FLUSHALL"]);
        let conn = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
        let clock = Clock::standing_at(NOON);
        let mut world = World {
            redis,
            conn,
            clock,
            bug,
            workers: Vec::new(),
            believes: vec![Vec::new(); 2],
            model: Model::default(),
        };
        for _ in 0..2 {
            let worker = world.worker().await;
            world.workers.push(worker);
        }
        world
    }

    async fn worker(&self) -> Queue {
        let settings = settings(&self.redis.url(), &self.clock).plant(self.bug);
        Queue::Redis(RedisQueue::open(settings).await.unwrap())
    }

    fn now_s(&self) -> i64 {
        self.clock.now().0 / 1000
    }

    /// One operation; says what it was.
    async fn step(&mut self, dice: &mut Dice) -> Result<String, String> {
        let who = dice.roll(2) as usize;
        match dice.roll(12) {
            0..3 => {
                let first = u128::from(dice.roll(12));
                let ns: Vec<u128> = (first..=first + u128::from(dice.roll(3))).collect();
                self.workers[who].push(jobs(ns.clone())).await.map_err(|e| e.to_string())?;
                let now_s = self.now_s();
                ns.iter().for_each(|n| self.model.push(*n, now_s));
                Ok(format!("push {ns:?}"))
            }
            3..5 => self.take(who, 1 + dice.roll(4) as usize).await,
            5..8 => Ok(self.settle(who, dice).await),
            8 => {
                let ms = 1000 * (1 + dice.roll(10).pow(2).min(20) as i64);
                self.clock.turn_ms(ms);
                Ok(format!("{ms} ms pass"))
            }
            9 => {
                self.workers[who].maintain().await;
                self.model.maintain(who, self.now_s());
                Ok(format!("duties of {who}"))
            }
            10 => {
                self.workers[who] = self.worker().await;
                self.believes[who].clear();
                self.model.die(who);
                Ok(format!("worker {who} dies"))
            }
            _ => {
                let keys = ["asynq:{default}:pending", "asynq:{default}:active"];
                redis::cmd("LMOVE").arg(&keys).arg(&["RIGHT", "LEFT"]).exec(&mut self.conn).unwrap();
                if let Some(n) = self.model.waiting.pop_front() {
                    self.model.place.insert(n, Place::Orphan);
                }
                Ok("a client dies between two commands".to_owned())
            }
        }
    }

    async fn take(&mut self, who: usize, max: usize) -> Result<String, String> {
        if self.model.waiting.is_empty() {
            return Ok("nothing to take".to_owned());
        }
        let taking = tokio::time::timeout(Duration::from_secs(2), self.workers[who].take(max)).await;
        let taken = taking.map_err(|_| "nothing came")?.map_err(|e| e.to_string())?;
        let want = self.model.take(who, max, self.now_s());
        if numbers(&taken) != want {
            return Err(format!("took {:?} instead of {want:?}", numbers(&taken)));
        }
        self.believes[who].extend(tickets(&taken));
        Ok(format!("{who} takes {want:?}"))
    }

    async fn settle(&mut self, who: usize, dice: &mut Dice) -> String {
        let believed = &mut self.believes[who];
        if believed.is_empty() {
            return format!("{who} has nothing");
        }
        let ticket = believed.swap_remove(dice.roll(believed.len() as u64) as usize);
        let (n, now_s, worker) = (number(&ticket), self.clock.now().0 / 1000, &self.workers[who]);
        match dice.roll(6) {
            0..3 => {
                worker.done(vec![ticket]).await;
                self.model.done(who, n);
                format!("{who} has done {n}")
            }
            3 => {
                worker.give_back(vec![ticket]).await;
                self.model.give_back(who, n);
                format!("{who} gives {n} back")
            }
            4 => {
                let jitter = dice.roll(30) as u32;
                worker.retry(ticket, "no luck", jitter).await;
                self.model.retry(who, n, now_s, jitter);
                format!("{who} fails with {n}")
            }
            _ => {
                worker.archive(ticket, "never").await;
                if self.model.holds(who, n).is_some() {
                    self.model.place.insert(n, Place::Archived);
                }
                format!("{who} archives {n}")
            }
        }
    }

    fn ids(&mut self, cmd: &[&str]) -> Vec<String> {
        redis::cmd(cmd[0]).arg(&cmd[1..]).query(&mut self.conn).unwrap()
    }

    /// Whether Redis holds what the model says.
    fn compare(&mut self) -> Result<(), String> {
        let mut pending = self.ids(&["LRANGE", "asynq:{default}:pending", "0", "-1"]);
        pending.reverse();
        let waiting: Vec<String> = self.model.waiting.iter().map(|n| execution(*n).to_string()).collect();
        same("pending", &pending, &waiting)?;
        let (mut active, mut lease, mut retry, mut archived, mut states) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (n, place) in &self.model.place {
            let id = execution(*n).to_string();
            let state = match place {
                Place::Waiting | Place::Orphan => "pending",
                Place::Held { .. } => "active",
                Place::Retry { .. } => "retry",
                Place::Archived => "archived",
            };
            states.push((id.clone(), state.to_owned()));
            match place {
                Place::Waiting => {}
                Place::Orphan => active.push(id),
                Place::Held { lease_end_s, .. } => {
                    active.push(id.clone());
                    lease.push(format!("{id} {lease_end_s}"));
                }
                Place::Retry { at_s } => retry.push(format!("{id} {at_s}")),
                Place::Archived => archived.push(id),
            }
        }
        let mut got = self.ids(&["LRANGE", "asynq:{default}:active", "0", "-1"]);
        got.sort_unstable();
        same("active", &got, &active)?;
        same("lease", &self.scores("lease"), &lease)?;
        same("retry", &self.scores("retry"), &retry)?;
        let mut got = self.ids(&["ZRANGE", "asynq:{default}:archived", "0", "-1"]);
        got.sort_unstable();
        same("archived", &got, &archived)?;
        let mut tasks = self.ids(&["KEYS", "asynq:{default}:t:*"]);
        tasks.sort_unstable();
        let states_got: Vec<(String, String)> =
            tasks.iter().map(|key| (key.rsplit(':').next().unwrap().to_owned(), self.state(key))).collect();
        same("states", &states_got, &states)
    }

    fn state(&mut self, key: &str) -> String {
        redis::cmd("HGET").arg(key).arg("state").query(&mut self.conn).unwrap()
    }

    fn scores(&mut self, what: &str) -> Vec<String> {
        let key = format!("asynq:{{default}}:{what}");
        let flat: Vec<(String, i64)> =
            redis::cmd("ZRANGE").arg(key).arg(&["0", "-1", "WITHSCORES"]).query(&mut self.conn).unwrap();
        let mut text: Vec<String> = flat.iter().map(|(id, score)| format!("{id} {score}")).collect();
        text.sort_unstable();
        text
    }

    /// At the end, everything that is not done and not put aside can be done.
    async fn drain(&mut self) -> Result<(), String> {
        let mut missing: BTreeSet<u128> =
            self.model.place.iter().filter(|(_, p)| **p != Place::Archived).map(|(n, _)| *n).collect();
        self.workers = vec![self.worker().await];
        for _ in 0..6 {
            self.clock.turn_ms(3 * 24 * 3_600_000);
            self.workers[0].maintain().await;
            while !self.ids(&["LRANGE", "asynq:{default}:pending", "0", "0"]).is_empty() {
                let taking = tokio::time::timeout(Duration::from_secs(5), self.workers[0].take(50)).await;
                let taken = taking.map_err(|_| "nothing came")?.map_err(|e| e.to_string())?;
                missing.retain(|n| !numbers(&taken).contains(n));
                self.workers[0].done(tickets(&taken)).await;
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} never came")) }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &[T], want: &[T]) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}:\n  {got:?} instead of\n  {want:?}")) }
}

impl Model {
    fn push(&mut self, n: u128, now_s: i64) {
        match self.place.get_mut(&n) {
            None | Some(Place::Retry { .. }) => {
                self.wait(n);
                self.done.remove(&n);
            }
            // Nobody has extended it for three seconds.
            Some(Place::Held { lease_end_s, .. }) if *lease_end_s <= now_s + 30 - 3 => self.wait(n),
            Some(Place::Held { is_wanted_again, .. }) => *is_wanted_again = true,
            Some(Place::Waiting | Place::Orphan | Place::Archived) => {}
        }
    }

    fn wait(&mut self, n: u128) {
        self.place.insert(n, Place::Waiting);
        self.waiting.push_back(n);
    }

    fn wait_first(&mut self, n: u128) {
        self.place.insert(n, Place::Waiting);
        self.waiting.push_front(n);
    }

    fn take(&mut self, who: usize, max: usize, now_s: i64) -> Vec<u128> {
        let n = max.min(self.waiting.len());
        let taken: Vec<u128> = self.waiting.drain(..n).collect();
        for n in &taken {
            let held = Place::Held { by: Some(who), is_wanted_again: false, lease_end_s: now_s + 30 };
            self.place.insert(*n, held);
        }
        taken
    }

    /// Whether this worker holds the job, and whether it was pushed meanwhile.
    fn holds(&self, who: usize, n: u128) -> Option<bool> {
        match self.place.get(&n) {
            Some(Place::Held { by, is_wanted_again, .. }) if *by == Some(who) => Some(*is_wanted_again),
            _ => None,
        }
    }

    fn done(&mut self, who: usize, n: u128) {
        match self.holds(who, n) {
            None => {}
            Some(true) => self.wait(n),
            Some(false) => {
                self.place.remove(&n);
                self.retried.remove(&n);
                self.done.insert(n);
            }
        }
    }

    fn give_back(&mut self, who: usize, n: u128) {
        if self.holds(who, n).is_some() {
            self.wait_first(n);
        }
    }

    fn retry(&mut self, who: usize, n: u128, now_s: i64, jitter: u32) {
        let Some(is_wanted_again) = self.holds(who, n) else { return };
        let retried = self.retried.entry(n).or_default();
        let at_s = now_s + retry_delay_s(*retried, jitter);
        *retried += 1;
        if is_wanted_again {
            self.wait(n);
        } else {
            self.place.insert(n, Place::Retry { at_s });
        }
    }

    fn die(&mut self, who: usize) {
        for place in self.place.values_mut() {
            if let Place::Held { by, .. } = place
                && *by == Some(who)
            {
                *by = None;
            }
        }
    }

    fn maintain(&mut self, who: usize, now_s: i64) {
        for place in self.place.values_mut() {
            if let Place::Held { by, lease_end_s, .. } = place
                && *by == Some(who)
            {
                *lease_end_s = now_s + 30;
            }
        }
        let mut due: Vec<(i64, u128)> = Vec::new();
        let mut expired: Vec<(i64, u128)> = Vec::new();
        for (n, place) in &self.place {
            match place {
                Place::Retry { at_s } if *at_s <= now_s => due.push((*at_s, *n)),
                Place::Held { lease_end_s, .. } if *lease_end_s <= now_s => expired.push((*lease_end_s, *n)),
                _ => {}
            }
        }
        due.sort_unstable();
        due.into_iter().for_each(|(_, n)| self.wait(n));
        expired.sort_unstable();
        for (_, n) in expired.into_iter().rev() {
            *self.retried.entry(n).or_default() += 1;
            self.wait_first(n);
        }
        for place in self.place.values_mut().filter(|place| **place == Place::Orphan) {
            *place = Place::Held { by: None, is_wanted_again: false, lease_end_s: now_s + 30 };
        }
    }
}

/// Plays one run; says what went wrong, and after which steps.
async fn play(redis: &Redis, seed: u64, bug: Option<Planted>) -> Result<(), String> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::new(redis, bug).await;
    let mut story = Vec::new();
    for _ in 0..60 {
        let wrong = |story: &[String], e: String| format!("seed {seed}: {e}\nafter:\n{}", story.join("\n"));
        match world.step(&mut dice).await {
            Ok(step) => story.push(step),
            Err(error) => return Err(wrong(&story, error)),
        }
        world.compare().map_err(|e| wrong(&story, e))?;
    }
    world.drain().await.map_err(|e| format!("seed {seed}: {e}\nafter:\n{}", story.join("\n")))
}

/// The seeds to play; `QUEUE_SEED` replays one.
fn seeds(n: u64) -> Vec<u64> {
    match std::env::var("QUEUE_SEED") {
        Ok(seed) => vec![seed.parse().expect("QUEUE_SEED is a number")],
        Err(_) => {
            let first = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let first = first.as_secs() % 1_000_000_000;
            println!("seeds {first} to {}", first + n - 1);
            (first..first + n).collect()
        }
    }
}

#[tokio::test]
async fn random_operations_leave_in_redis_what_the_model_says() {
    let redis = Redis::start();
    for seed in seeds(30) {
        if let Err(error) = play(&redis, seed, None).await {
            panic!("{error}");
        }
    }
}

#[tokio::test]
async fn planted_bugs_are_found() {
    let redis = Redis::start();
    for bug in [Planted::AcknowledgedBeforeWork, Planted::OrphanNeverSwept, Planted::LeaseNotExtended] {
        let mut found = false;
        for seed in 1..=20 {
            found = play(&redis, seed, Some(bug)).await.is_err();
            if found {
                break;
            }
        }
        assert!(found, "{bug:?} was not found");
    }
}
