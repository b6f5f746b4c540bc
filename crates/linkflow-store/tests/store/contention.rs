//! Several workers that stall, die, are late and repeat themselves; a checker that looks only at
//! what is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Waker};

use linkflow_engine::{Event, Outcome, Wait, Wake};
use linkflow_model::*;
use linkflow_store::*;
use serde_json::json;

use super::*;

/// Chance that can be repeated (splitmix64).
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

const STEPS: u32 = 5;
/// The step that rests for a time, and the one that calls a child.
const SLEEPS: u32 = 2;
const CALLS: u32 = 4;

/// What comes next after these events: the machine of this test.
fn next_of(events: &[Event], is_child: bool) -> Option<Next> {
    let last = events.last()?;
    let n_done = events.iter().filter(|e| matches!(e, Event::Done { .. })).count() as u32;
    Some(match last {
        Event::Finished { .. } => return None,
        Event::Parked { step, .. } => Next::Wake(*step),
        Event::Woken { step, .. } => Next::Do(*step),
        _ if n_done == STEPS => Next::Finish,
        _ if n_done + 1 == SLEEPS => Next::Sleep(SLEEPS),
        _ if n_done + 1 == CALLS && !is_child => Next::Call(CALLS),
        _ => Next::Do(n_done + 1),
    })
}

#[derive(Debug)]
enum Next {
    Do(u32),
    Sleep(u32),
    Call(u32),
    Wake(u32),
    Finish,
}

struct Sim {
    store: Store,
    ids: Vec<ExecutionId>,
    clock: Arc<AtomicI64>,
}

impl Sim {
    fn now(&self) -> i64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// A worker that lives for some turns: claims, goes on, stalls, repeats, forgets.
    async fn work(&self, mut chance: Chance, turns: u32) {
        let mut key = self.register().await;
        for _ in 0..turns {
            if chance.one_in(12) {
                // Dies without a word; its successor registers.
                key = self.register().await;
            }
            if chance.one_in(3) {
                let _ = self.store.heartbeat(&key, t(self.now()), LEASE_MS).await.unwrap();
            }
            if chance.one_in(3) {
                self.store.wake_due(t(self.now()), 100).await.unwrap();
            }
            if chance.one_in(8) {
                self.clock.fetch_add(chance.below(2 * LEASE_MS) as i64, Ordering::Relaxed);
                self.store.reap(t(self.now())).await.unwrap();
            }
            let claims = if chance.one_in(4) {
                // Hints that may be stale.
                let hints = (0..4).map(|_| self.ids[chance.below(self.ids.len() as u64) as usize]).collect();
                self.store.claim(&key, hints, t(self.now())).await
            } else {
                self.store.claim_ready(&key, 1 + chance.below(4) as usize, t(self.now())).await
            };
            let Ok(claims) = claims else {
                key = self.register().await;
                continue;
            };
            for claimed in claims {
                self.drive(&key, claimed, &mut chance).await;
            }
        }
    }

    async fn register(&self) -> WorkerKey {
        self.store.register_worker(t(self.now()), LEASE_MS, json!({})).await.unwrap()
    }

    async fn drive(&self, key: &WorkerKey, claimed: Claimed, chance: &mut Chance) {
        let mut events: Vec<Event> = claimed.entries.iter().map(|e| e.event.clone()).collect();
        let mut seq = claimed.seq;
        while let Some(next) = next_of(&events, claimed.parent.is_some()) {
            if chance.one_in(15) {
                return; // Forgets about it.
            }
            if chance.one_in(10) {
                // Stalls; perhaps for longer than its lease.
                self.clock.fetch_add(chance.below(2 * LEASE_MS) as i64, Ordering::Relaxed);
                self.store.reap(t(self.now())).await.unwrap();
            }
            let Some((mut entries, then)) = self.answer(&next, &claimed) else { return };
            if matches!(next, Next::Wake(CALLS)) {
                let children = self.store.children_of(claimed.id, CALLS).await.unwrap();
                assert!(children.iter().all(|c| c.status.is_terminal()), "woken too early: {children:?}");
            }
            // Steps without effects ride along, so appends differ in length.
            while matches!(then, Then::Keep) && chance.one_in(2) {
                let so_far: Vec<Event> =
                    events.iter().cloned().chain(entries.iter().map(|e| e.event.clone())).collect();
                match next_of(&so_far, claimed.parent.is_some()) {
                    Some(Next::Do(step)) => entries.extend(self.step(step)),
                    _ => break,
                }
            }
            let more: Vec<Event> = entries.iter().map(|e| e.event.clone()).collect();
            let n = entries.len() as u64;
            let rests = !matches!(then, Then::Keep);
            let append = Append { seq, ..append(&claimed, entries, then) };
            if chance.one_in(6) {
                let mut call = Box::pin(self.store.append(key, append.clone()));
                let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                // Dropped with its answer unknown, and repeated below, or not.
                if chance.one_in(2) {
                    return;
                }
            }
            if self.store.append(key, append).await.is_err() || rests {
                return;
            }
            seq += n;
            events.extend(more);
        }
    }

    fn step(&self, step: u32) -> [Entry; 2] {
        let ms = self.now();
        [began(ms, step), done(ms, step, json!({"step": step}))]
    }

    /// What the worker writes for `next`; nothing when it has nothing to do yet.
    fn answer(&self, next: &Next, claimed: &Claimed) -> Option<(Vec<Entry>, Then)> {
        let ms = self.now();
        Some(match *next {
            Next::Do(step) => (self.step(step).into(), Then::Keep),
            Next::Sleep(step) => (vec![parked(ms, step, Wait::Until(t(ms + 50)))], rest(Some(ms + 50))),
            Next::Call(step) => {
                let children = (0..2).map(|n| child(claimed.id, step, n, ms)).collect();
                (vec![parked(ms, step, Wait::Children { n: 2 })], Then::Park { wake_at: None, children })
            }
            Next::Wake(step) if step == SLEEPS => (vec![woken(ms, step, Wake::Time)], Then::Keep),
            Next::Wake(step) => {
                let wake = claimed.wakes.iter().find(|w| w.step == step && w.by == Wake::Children)?;
                (vec![woken(ms, step, wake.by)], Then::Keep)
            }
            Next::Finish => (vec![finished(ms)], success()),
        })
    }
}

/// Why a journal breaks a promise, if it does.
fn violation(status: Status, events: &[Event]) -> Option<String> {
    let mut n_done: HashMap<u32, u32> = HashMap::new();
    let mut last = 0;
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Started { .. } if at > 0 => return Some("it began twice".to_owned()),
            Event::Done { step, .. } => {
                *n_done.entry(*step).or_default() += 1;
                if *step != last + 1 {
                    return Some(format!("step {step} follows step {last}"));
                }
                last = *step;
            }
            Event::Finished { .. } if at + 1 != events.len() => {
                return Some("it went on after its end".to_owned());
            }
            _ => {}
        }
    }
    let is_over = matches!(events.last(), Some(Event::Finished { .. }));
    if is_over != (status == Status::Success) {
        return Some(format!("its row says {} and its journal does not agree", status.as_str()));
    }
    (is_over && last != STEPS).then(|| format!("it ended after {last} steps"))
}

/// Wakes, reaps and works in good order until nothing is left to do.
async fn settle(sim: &Sim) {
    for _ in 0..1_000 {
        sim.clock.fetch_add(3 * LEASE_MS as i64, Ordering::Relaxed);
        sim.store.reap(t(sim.now())).await.unwrap();
        sim.store.wake_due(t(sim.now()), 1_000).await.unwrap();
        let key = sim.register().await;
        let mut calm = Chance(u64::MAX / 3);
        let claims = sim.store.claim_ready(&key, 1_000, t(sim.now())).await.unwrap();
        if claims.is_empty() {
            let counts = sim.store.status_counts().await.unwrap();
            if counts["ready"] + counts["running"] + counts["waiting"] == 0 {
                return;
            }
        }
        for claimed in claims {
            sim.drive(&key, claimed, &mut calm).await;
        }
    }
    panic!("it never comes to an end: {:?}", sim.store.status_counts().await.unwrap());
}

async fn run(seed: u64) {
    let w = world_with(Options { poison_limit: 1_000, ..Options::default() });
    let mut chance = Chance(seed);
    let mut ids = Vec::new();
    for ms in 0..12 {
        ids.push(w.accepted(ms).await);
    }
    let clock = Arc::new(AtomicI64::new(100));
    let sim = Arc::new(Sim { store: w.store.clone(), ids: ids.clone(), clock });
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (sim, chance) = (sim.clone(), Chance(chance.next()));
            tokio::spawn(async move { sim.work(chance, 50).await })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    settle(&sim).await;
    for &id in &ids {
        let loaded = w.load(workspace(), id).await.unwrap().unwrap();
        let events: Vec<Event> = loaded.entries.into_iter().map(|e| e.event).collect();
        if let Some(problem) = violation(loaded.record.status, &events) {
            panic!("seed {seed}: {id}: {problem}\n{events:#?}");
        }
        let children = w.children_of(id, CALLS).await.unwrap();
        assert_eq!(children.len(), 2, "seed {seed}: the children of {id} were accepted once");
        assert!(children.iter().all(|c| c.status == Status::Success), "seed {seed}: {children:?}");
    }
    let total: u64 = w.status_counts().await.unwrap().values().sum();
    assert_eq!(total, 36, "seed {seed}: 12 executions with 2 children each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_workers_do_every_execution_ends_once_and_whole() {
    let first = match std::env::var("LINKFLOW_SEED") {
        Ok(seed) => seed.parse().expect("LINKFLOW_SEED is a number"),
        Err(_) => u64::from(std::process::id()) << 20,
    };
    eprintln!("seeds from {first}; repeat with LINKFLOW_SEED");
    for seed in first..first + super::SEEDS {
        run(seed).await;
    }
}

#[test]
fn the_checker_sees_what_is_broken() {
    let done = |step| Event::Done { at: t(1), step, attempt: 1, outputs: vec![1], failed: false };
    let start = Event::Started { at: t(0), node: 0, outputs: vec![1] };
    let end = Event::Finished { at: t(9), outcome: Outcome::Success };
    let whole: Vec<Event> =
        std::iter::once(start.clone()).chain((1..=STEPS).map(done)).chain([end.clone()]).collect();
    assert_eq!(violation(Status::Success, &whole), None);
    let twice: Vec<Event> = whole.iter().flat_map(|e| [e.clone(), e.clone()]).collect();
    let broken = [
        (Status::Running, whole.clone()),
        (Status::Success, whole[..4].to_vec()),
        (Status::Success, vec![start.clone(), done(1), end.clone()]),
        (Status::Success, vec![start.clone(), done(1), done(1), end.clone()]),
        (Status::Success, vec![start, done(2), end]),
        (Status::Success, twice),
    ];
    for (status, events) in broken {
        assert!(violation(status, &events).is_some(), "{events:?}");
    }
}
