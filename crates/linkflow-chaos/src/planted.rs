//! Bugs on purpose: the checker is worth something only if it has been seen to find them. Each is
//! planted in a fresh cluster under load, with the faults in which it shows.

use std::time::Duration;

use anyhow::bail;

use crate::plan::Kind;
use crate::redis::Setup;
use crate::report::Round;
use crate::{Args, round, wish};

/// A bug that the checker must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// Whoever appends may do so, whether it holds the execution or not.
    NoFence,
    /// An order is acknowledged before it is on disk.
    EarlyAcknowledgement,
    /// Commits do not wait for the standby that takes over.
    AsynchronousStandby,
    /// A scheduler fires because it believes that it leads.
    LeaderWithoutEpoch,
    /// A dead worker's executions are free before its lease is revoked.
    FreedBeforeRevoked,
    /// A step is recorded twice.
    StepTwice,
}

struct Case {
    bug: Bug,
    /// Its name for the program; none for one that is in how the servers are set up.
    name: Option<&'static str>,
    faults: &'static [Kind],
    n_faults: usize,
    executions: usize,
    /// What one of the problems says.
    says: &'static [&'static str],
    /// Whether it shows within seconds.
    is_quick: bool,
}

const CASES: &[Case] = &[
    Case {
        bug: Bug::EarlyAcknowledgement,
        name: Some("early-acknowledgement"),
        faults: &[Kind::ApiKill],
        n_faults: 1,
        executions: 200,
        says: &["was accepted and is not there"],
        is_quick: true,
    },
    Case {
        bug: Bug::StepTwice,
        name: Some("step-twice"),
        faults: &[Kind::RedisFlush],
        n_faults: 1,
        executions: 200,
        says: &["is recorded twice", "steps are recorded", "ends"],
        is_quick: true,
    },
    Case {
        bug: Bug::AsynchronousStandby,
        name: None,
        faults: &[Kind::PostgresPromote],
        n_faults: 1,
        executions: 300,
        says: &["was accepted and is not there"],
        is_quick: true,
    },
    Case {
        bug: Bug::LeaderWithoutEpoch,
        name: Some("leader-without-epoch"),
        faults: &[Kind::RedisStop],
        n_faults: 2,
        executions: 200,
        says: &["executions for"],
        is_quick: true,
    },
    Case {
        bug: Bug::NoFence,
        name: Some("no-fence"),
        faults: &[Kind::WorkerStop],
        n_faults: 3,
        executions: 900,
        says: &["by one who does not hold it", "is recorded twice"],
        is_quick: false,
    },
    Case {
        bug: Bug::FreedBeforeRevoked,
        name: Some("freed-before-revoked"),
        faults: &[Kind::WorkerStop],
        n_faults: 2,
        executions: 600,
        says: &["by one who does not hold it", "is recorded twice"],
        is_quick: false,
    },
];

/// Plants these bugs, or all when none is named; good when each was found.
pub async fn all_are_found(args: &Args, bugs: &[Bug], seed: u64) -> anyhow::Result<bool> {
    let mut n_missed = 0;
    for case in CASES.iter().filter(|c| bugs.is_empty() || bugs.contains(&c.bug)) {
        let mut args = args.clone();
        args.only = case.faults.to_vec();
        let mut wish = wish(&args, Setup::Single);
        wish.planted = case.name.map(str::to_owned);
        wish.is_standby_synchronous = case.bug != Bug::AsynchronousStandby;
        wish.workers = 2;
        wish.leader_ttl = Duration::from_secs(2);
        wish.disk_mb = None;
        let round = round(&args, &wish, seed, case.executions, case.n_faults).await?;
        if case.name.is_some() && !round.is_planted {
            bail!(
                "{} can show no bug on purpose; build it with `cargo build -p linkflow --features linkflow-store/faults`",
                args.program.display()
            );
        }
        let found = found(case, &round);
        n_missed += usize::from(found.is_none());
        let verdict = found.as_ref().map_or("NOT FOUND".to_owned(), |said| format!("found: {said}"));
        println!("{:?}{}: {verdict}", case.bug, if case.is_quick { "" } else { " (slow)" });
        if found.is_none() {
            println!("  {:?} {:?}", round.verdict, round.injected.notes);
        }
    }
    println!(
        "{}",
        if n_missed == 0 { "each planted bug was found" } else { "there are bugs that were not found" }
    );
    Ok(n_missed == 0)
}

fn found<'a>(case: &Case, round: &'a Round) -> Option<&'a String> {
    round.verdict.problems.iter().find(|p| case.says.iter().any(|part| p.contains(part)))
}
