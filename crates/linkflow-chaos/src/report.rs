//! What is said at the end, for people as a table and for programs as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::checker::Verdict;
use crate::inject::{Injected, Recovery};
use crate::redis::Setup;

/// One round: a fresh cluster with one kind of Redis.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    pub redis: Setup,
    pub seed: u64,
    pub seconds: u64,
    pub injected: Injected,
    pub verdict: Verdict,
    /// How long the last executions took to end after load and faults had, or `None` when some did not.
    pub settled_ms: Option<u64>,
    pub unanswered: u64,
    pub refused: u64,
    /// Whether a bug was planted, as the program itself says.
    pub is_planted: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub rounds: Vec<Round>,
}

impl Report {
    fn recoveries(&self) -> impl Iterator<Item = &Recovery> {
        self.rounds.iter().flat_map(|r| &r.injected.recoveries)
    }

    pub fn n_faults(&self) -> usize {
        self.rounds.iter().map(|r| r.injected.faults.len()).sum()
    }

    pub fn is_good(&self) -> bool {
        self.rounds.iter().all(|r| r.verdict.is_good() && r.settled_ms.is_some())
    }

    /// Recoveries that took longer than they may.
    pub fn late(&self) -> Vec<String> {
        let late = self.recoveries().filter(|r| r.ms > r.limit_ms);
        late.map(|r| {
            format!("{}: {} after {} ms, at most {} ms are allowed", r.kind.name(), r.what, r.ms, r.limit_ms)
        })
        .collect()
    }

    /// Faults that could not be brought about as planned.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        self.rounds.iter().flat_map(|r| &r.injected.notes)
    }

    pub fn table(&self) -> String {
        let mut text = String::from(
            "fault                 what                          n     p50     p95     max   limit\n",
        );
        let mut groups: BTreeMap<(String, &str, u64), Vec<u64>> = BTreeMap::new();
        for r in self.recoveries() {
            groups.entry((r.kind.name(), r.what, r.limit_ms)).or_default().push(r.ms);
        }
        for ((kind, what, limit), mut ms) in groups {
            ms.sort_unstable();
            let at = |share: f64| ms[((ms.len() - 1) as f64 * share).round() as usize];
            let late = if at(1.0) > limit { "  LATE" } else { "" };
            text += &format!(
                "{kind:<20}  {what:<27} {:>4} {:>7} {:>7} {:>7} {limit:>7}{late}\n",
                ms.len(),
                at(0.5),
                at(0.95),
                at(1.0)
            );
        }
        text + &self.sums()
    }

    fn sums(&self) -> String {
        let mut text = String::new();
        for round in &self.rounds {
            let v = &round.verdict;
            let settled = round.settled_ms.map_or("never".to_owned(), |ms| format!("{ms} ms"));
            text += &format!(
                "\nRedis {:?}, seed {}, {} s: {} faults, {} commits cut\n  {} orders accepted, {} executions, {} ticks, \
                 {} effects ({} repeated with the same key), {} orders without an answer, {} turned away\n  \
                 lost {}, recorded twice {}, stuck {}, otherwise wrong {}; all at rest after {settled}\n",
                round.redis,
                round.seed,
                round.seconds,
                round.injected.faults.len(),
                round.injected.commits_cut,
                v.accepted,
                v.executions,
                v.ticks,
                v.effects,
                v.effects_repeated,
                round.unanswered,
                round.refused,
                v.lost,
                v.twice,
                v.stuck,
                v.other
            );
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            round.injected.faults.iter().for_each(|f| *kinds.entry(f.kind.name()).or_default() += 1);
            let kinds: Vec<String> = kinds.into_iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            text += &format!("  injected: {}\n", kinds.join(", "));
            for problem in &v.problems {
                text += &format!("  PROBLEM {problem}\n");
            }
        }
        for note in self.notes() {
            text += &format!("NOTE {note}\n");
        }
        text
    }
}
