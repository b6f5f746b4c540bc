//! `make chaos`: a cluster under load, in which everything that can break is broken, and a checker
//! that reads only what the clients were told, what happened outside and what the database holds.
//!
//! It starts all servers itself, on free ports of the loopback and in a folder that is removed. The
//! seed is printed; the faults, their order and their sizes follow from it. With `--planted` the
//! program shows a bug that the checker must find: only a program built with the feature `faults`
//! of the store can.

mod checker;
mod clock;
mod cluster;
mod effects;
mod evidence;
mod http;
mod inject;
mod load;
mod measure;
mod plan;
mod planted;
mod postgres;
mod process;
mod proxy;
mod random;
mod redis;
mod report;
mod roles;
mod workflows;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Parser;

use crate::cluster::{Cluster, Wish};
use crate::inject::{Injected, Injector};
use crate::load::Load;
use crate::plan::{Kind, plan};
use crate::planted::Bug;
use crate::redis::Setup;
use crate::report::{Report, Round};

#[derive(Clone, Debug, Parser)]
struct Args {
    /// The program under test.
    #[arg(long, env = "LINKFLOW_BIN", default_value = "target/release/linkflow")]
    program: PathBuf,
    /// Orders that are to be accepted, over all rounds.
    #[arg(long, default_value_t = 20_000)]
    executions: usize,
    /// Faults that are injected, over all rounds.
    #[arg(long, default_value_t = 60)]
    faults: usize,
    /// Where the choice of faults begins; the time, when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How Redis is set up; a round with a fresh cluster for each.
    #[arg(long, value_delimiter = ',', default_value = "single,sentinel,cluster")]
    redis: Vec<Setup>,
    /// Only faults of these kinds.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Clients that order side by side.
    #[arg(long, default_value_t = 16)]
    clients: usize,
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Executions that a worker runs side by side.
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// No faults are injected after so many minutes of a round.
    #[arg(long, default_value_t = 240)]
    minutes: u64,
    /// Recoveries that take too long are told, and are no failure.
    #[arg(long)]
    lenient: bool,
    /// Plants bugs, one after the other, each of which the checker has to find; all of them, or these.
    #[arg(long, value_delimiter = ',', num_args = 0..)]
    planted: Option<Vec<Bug>>,
    /// Size of the file systems that are filled, in megabytes; 0 has none made.
    #[arg(long)]
    disk_mb: Option<u64>,
    /// Where the report goes as JSON.
    #[arg(long, default_value = "target/chaos/report.json")]
    out: PathBuf,
    /// Keeps the files of the servers, and says where they are.
    #[arg(long)]
    keep: bool,
}

fn main() -> anyhow::Result<std::process::ExitCode> {
    let mut args = Args::parse();
    args.program = args.program.canonicalize().with_context(|| {
        format!(
            "{} is not there; build it with `cargo build -p linkflow`, or set LINKFLOW_BIN",
            args.program.display()
        )
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let is_good = runtime.block_on(async {
        tokio::select! {
            done = work(&args) => done,
            // Dropping the cluster ends its processes.
            () = asked_to_end() => bail!("ended from outside"),
        }
    })?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(std::process::ExitCode::from(u8::from(!is_good)))
}

async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

async fn work(args: &Args) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64)
    });
    println!("seed {seed}");
    match &args.planted {
        Some(bugs) => planted::all_are_found(args, bugs, seed).await,
        None => rounds(args, seed).await,
    }
}

async fn rounds(args: &Args, seed: u64) -> anyhow::Result<bool> {
    let mut report = Report::default();
    let n = args.redis.len().max(1);
    for (i, setup) in args.redis.iter().enumerate() {
        let share = |of: usize| of * (i + 1) / n - of * i / n;
        let wish = wish(args, *setup);
        let round = round(args, &wish, seed + i as u64, share(args.executions), share(args.faults)).await?;
        report.rounds.push(round);
    }
    println!("{}", report.table());
    if let Some(dir) = args.out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(&args.out, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    eprintln!("The figures are in {}.", args.out.display());
    let late = report.late();
    late.iter().for_each(|late| println!("LATE {late}"));
    println!(
        "{} faults, {} late; {}",
        report.n_faults(),
        late.len(),
        if report.is_good() { "nothing lost, nothing twice, nothing stuck" } else { "there are problems" }
    );
    Ok(report.is_good() && (late.is_empty() || args.lenient))
}

/// The cluster that the arguments ask for.
fn wish(args: &Args, redis: Setup) -> Wish {
    // Rows, journals and their logs of one execution, with room for what is being cleared away.
    let disk_mb =
        args.disk_mb.unwrap_or(1_500 + args.executions as u64 / args.redis.len().max(1) as u64 * 12 / 1_000);
    Wish {
        program: args.program.clone(),
        redis,
        workers: args.workers,
        concurrency: args.concurrency,
        leader_ttl: Duration::from_secs(3),
        is_standby_synchronous: true,
        planted: None,
        disk_mb: (disk_mb > 0).then_some(disk_mb),
    }
}

/// One cluster from its start to the verdict.
async fn round(
    args: &Args,
    wish: &Wish,
    seed: u64,
    executions: usize,
    faults: usize,
) -> anyhow::Result<Round> {
    let began = Instant::now();
    let home = tempfile::Builder::new().prefix("linkflow-chaos-").tempdir()?;
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    eprintln!(
        "Redis {:?}, seed {seed}: {executions} orders, {faults} faults, in {}",
        wish.redis,
        home.path().display()
    );
    let done = in_folder(args, wish, seed, executions, faults, home.path()).await;
    if args.keep || done.is_err() {
        eprintln!("The files are kept in {}", home.keep().display());
    }
    let mut round = done?;
    round.seconds = began.elapsed().as_secs();
    Ok(round)
}

async fn in_folder(
    args: &Args,
    wish: &Wish,
    seed: u64,
    executions: usize,
    faults: usize,
    dir: &Path,
) -> anyhow::Result<Round> {
    let mut cluster = Cluster::start(dir, wish).await.context("the cluster does not start")?;
    eprintln!("The cluster is up.");
    let apis = cluster.apis.iter().map(|api| api.port).collect();
    let load = Load::new(apis, cluster.seen.clone(), args.clients * 40);
    let kinds: Vec<Kind> = Kind::all().iter().copied().filter(|k| can_be(*k, args, wish, &cluster)).collect();
    let until = Instant::now() + Duration::from_secs(60 * args.minutes);
    let mut clients = load.start(args.clients);
    let mut injector = Injector::new(&mut cluster, load.clone());
    injector.run(&plan(seed, faults, &kinds), executions, until).await?;
    let injected: Injected = injector.done;
    while load.log.n_accepted() < executions && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.end();
    while clients.join_next().await.is_some() {}
    eprintln!("{} orders are accepted; waiting until all have ended.", load.log.n_accepted());
    evidence::end_schedules(&cluster).await?;
    let settled = evidence::settle(&cluster, Duration::from_secs(90)).await;
    if let Err(open) = settled {
        eprintln!("{open} have not ended: {}", cluster.standing().await);
    }
    let evidence = evidence::collect(&cluster, &load, dir).await.context("the evidence cannot be read")?;
    let verdict = checker::check(&evidence);
    Ok(Round {
        redis: wish.redis,
        seed,
        seconds: 0,
        injected,
        verdict,
        settled_ms: settled.ok().map(|took| took.as_millis() as u64),
        unanswered: evidence.unanswered,
        is_planted: cluster.says("a bug is planted on purpose"),
        refused: load.log.refused.load(std::sync::atomic::Ordering::Relaxed),
    })
}

/// Whether a fault is wanted, and can be brought about here.
fn can_be(kind: Kind, args: &Args, wish: &Wish, cluster: &Cluster) -> bool {
    let is_wanted = args.only.is_empty() || args.only.contains(&kind);
    let has_clock = cluster.settings.clock_library.is_some();
    is_wanted
        && kind.is_for(wish.redis)
        && (kind != Kind::DiskFull || cluster.has_disks)
        && (has_clock || !matches!(kind, Kind::ClockWorker | Kind::ClockScheduler | Kind::ClockApi))
}
