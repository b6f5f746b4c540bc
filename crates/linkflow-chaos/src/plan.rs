//! Which faults come, and in which order: all of it follows from the seed.

use clap::ValueEnum;
use serde::Serialize;

use crate::random::Random;
use crate::redis::Setup;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    WorkerKill,
    WorkerStop,
    WorkerTerm,
    ApiKill,
    ApiStop,
    ApiTerm,
    SchedulerKill,
    SchedulerStop,
    SchedulerTerm,
    RedisFlush,
    RedisKill,
    RedisStop,
    RedisCut,
    RedisSlow,
    RedisSilent,
    RedisFailover,
    RedisMasterLost,
    DatabaseCut,
    CommitBefore,
    CommitDuring,
    CommitAfter,
    DatabaseSlow,
    DatabaseSilent,
    PoolerKill,
    PostgresCrash,
    PostgresPromote,
    ClockWorker,
    ClockScheduler,
    ClockApi,
    DiskFull,
}

/// How a fault goes with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Over in seconds, and may come while a long one lasts.
    Light,
    /// Lasts as long as a lease; one at a time.
    Long,
    /// Nothing else goes on beside it.
    Heavy,
}

use Kind::*;

impl Kind {
    pub fn all() -> &'static [Kind] {
        Kind::value_variants()
    }

    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| Some(v.as_str()?.to_owned())).unwrap_or_default()
    }

    pub fn weight(self) -> Weight {
        match self {
            WorkerKill | WorkerStop | ClockWorker => Weight::Long,
            PoolerKill | PostgresCrash | PostgresPromote | DiskFull | DatabaseSilent | ClockScheduler => {
                Weight::Heavy
            }
            _ => Weight::Light,
        }
    }

    /// Whether it can be with this Redis.
    pub fn is_for(self, setup: Setup) -> bool {
        match self {
            RedisKill | RedisStop | RedisCut | RedisSlow | RedisSilent => setup == Setup::Single,
            RedisFailover => setup == Setup::Sentinel,
            RedisMasterLost => setup == Setup::Cluster,
            _ => true,
        }
    }

    /// How often it comes, against others.
    fn share(self) -> u64 {
        match self.weight() {
            Weight::Light => 6,
            Weight::Heavy => 3,
            Weight::Long => 3,
        }
    }

    /// How long it lasts, in milliseconds, from and to.
    fn lasts_ms(self) -> (u64, u64) {
        match self {
            // Beyond the lease of 20 s, and the reaper's round of 5 s.
            WorkerStop => (21_000, 28_000),
            ApiStop => (1_000, 8_000),
            SchedulerStop => (5_000, 8_000),
            ClockWorker => (6_000, 12_000),
            ClockScheduler | ClockApi => (3_000, 8_000),
            CommitBefore | CommitDuring | CommitAfter | DatabaseSlow | RedisSlow => (1_000, 3_000),
            DatabaseSilent | RedisSilent | RedisStop => (2_000, 6_000),
            DiskFull => (2_000, 5_000),
            _ => (300, 1_500),
        }
    }
}

/// One fault of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub kind: Kind,
    /// Which of several processes.
    pub which: usize,
    pub lasts_ms: u64,
    /// By how much a clock is off.
    pub clock_ms: i64,
    /// Time in which nothing happens before it.
    pub pause_ms: u64,
}

/// `n` faults of these kinds: each kind comes, as far as there are enough, and long ones have
/// light ones beside them.
pub fn plan(seed: u64, n: usize, kinds: &[Kind]) -> Vec<Fault> {
    let mut random = Random(seed);
    let mut chosen: Vec<Kind> = kinds.to_vec();
    random.shuffle(&mut chosen);
    chosen.truncate(n);
    let total: u64 = kinds.iter().map(|k| k.share()).sum();
    while chosen.len() < n && total > 0 {
        let mut place = random.below(total);
        let kind = kinds.iter().find(|k| {
            let is_here = place < k.share();
            place = place.saturating_sub(k.share());
            is_here
        });
        chosen.extend(kind);
    }
    let of = |weight| chosen.iter().copied().filter(move |k: &Kind| k.weight() == weight).collect::<Vec<_>>();
    let (mut long, mut light, mut heavy) = (of(Weight::Long), of(Weight::Light), of(Weight::Heavy));
    [&mut long, &mut light, &mut heavy].into_iter().for_each(|list| random.shuffle(list));
    let chunks = long.len().max(1);
    let part =
        |list: &[Kind], i: usize| list[list.len() * i / chunks..list.len() * (i + 1) / chunks].to_vec();
    let ordered = (0..chunks).flat_map(|i| {
        let mut chunk: Vec<Kind> = long.get(i).copied().into_iter().collect();
        chunk.extend(part(&light, i));
        chunk.extend(part(&heavy, i));
        chunk
    });
    ordered.map(|kind| fault(kind, &mut random)).collect()
}

fn fault(kind: Kind, random: &mut Random) -> Fault {
    let (low, high) = kind.lasts_ms();
    let by = random.within(22_000, 50_000) as i64;
    Fault {
        kind,
        which: random.below(1_000) as usize,
        lasts_ms: random.within(low, high),
        clock_ms: if random.below(2) == 0 { by } else { -by },
        pause_ms: random.within(100, 900),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_again_and_another_seed_others() {
        assert_eq!(plan(7, 50, Kind::all()), plan(7, 50, Kind::all()));
        assert_ne!(plan(7, 50, Kind::all()), plan(8, 50, Kind::all()));
    }

    #[test]
    fn each_kind_comes_when_there_are_enough_faults() {
        let faults = plan(3, 200, Kind::all());
        assert_eq!(faults.len(), 200);
        for kind in Kind::all() {
            assert!(faults.iter().any(|f| f.kind == *kind), "{kind:?} does not come");
        }
        assert_eq!(plan(3, 4, Kind::all()).len(), 4);
        assert_eq!(plan(3, 5, &[Kind::RedisFlush]).len(), 5);
    }
}
