//! Brings the faults about, one after the other, and measures how long it took until all was well.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::load::Load;
use crate::measure::{Database, Leases, claimed, first_accept};
use crate::plan::{Fault, Kind, Weight};
use crate::process::until;
use crate::proxy::{Mode, Moment};
use crate::redis::Setup;
use crate::roles::Role;

const CLAIMED_WITHIN: Duration = Duration::from_secs(5);
/// A worker's lease, 20 s, and 5 s more.
const RESUMED_WITHIN: Duration = Duration::from_secs(25);
const REDIS_WITHIN: Duration = Duration::from_secs(15);
const POSTGRES_WITHIN: Duration = Duration::from_secs(30);
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(2);
/// How long a process may take to end in good order: the grace time, and time to give back.
const END: Duration = Duration::from_secs(15);
/// How much later than the load allows a fault comes, when the load is slow.
const LATE: Duration = Duration::from_secs(20);

/// How long something took that has a limit.
#[derive(Clone, Debug, Serialize)]
pub struct Recovery {
    pub kind: Kind,
    pub what: &'static str,
    pub ms: u64,
    pub limit_ms: u64,
}

/// What was injected.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Injected {
    pub faults: Vec<Fault>,
    pub recoveries: Vec<Recovery>,
    /// Faults that could not be brought about, and processes that ended by themselves.
    pub notes: Vec<String>,
    /// Transactions that were cut at their commit.
    pub commits_cut: u64,
}

pub struct Injector<'a> {
    cluster: &'a mut Cluster,
    load: Arc<Load>,
    database: Database,
    pub done: Injected,
    /// A fault that lasts, and what it will have measured.
    long: Option<JoinHandle<anyhow::Result<Vec<Recovery>>>>,
}

impl<'a> Injector<'a> {
    pub fn new(cluster: &'a mut Cluster, load: Arc<Load>) -> Injector<'a> {
        let database = Database::new(cluster.postgres.primary_port());
        Injector { cluster, load, database, done: Injected::default(), long: None }
    }

    /// Injects all of them, spread over `executions` that are accepted meanwhile; ends early when
    /// the time is over.
    pub async fn run(&mut self, faults: &[Fault], executions: usize, until: Instant) -> anyhow::Result<()> {
        for (i, fault) in faults.iter().enumerate() {
            self.pace(i, faults.len(), executions).await;
            if Instant::now() > until {
                self.done.notes.push(format!("the time was over after {i} of {} faults", faults.len()));
                break;
            }
            if fault.kind.weight() != Weight::Light {
                self.end_long().await;
            }
            tokio::time::sleep(Duration::from_millis(fault.pause_ms)).await;
            self.one(fault).await;
        }
        self.end_long().await;
        self.load.goal.store(executions, std::sync::atomic::Ordering::Relaxed);
        self.done.commits_cut = self.cluster.database.cuts();
        Ok(())
    }

    /// Lets the load go on to where the next fault comes.
    async fn pace(&self, i: usize, n: usize, executions: usize) {
        let reached = executions * i / n.max(1);
        self.load.goal.store(executions * (i + 1) / n.max(1), std::sync::atomic::Ordering::Relaxed);
        let since = Instant::now();
        while self.load.log.n_accepted() < reached && since.elapsed() < LATE {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn one(&mut self, fault: &Fault) {
        let name = fault.kind.name();
        let began = Instant::now();
        match self.inject(fault).await {
            Ok(recoveries) => {
                for r in &recoveries {
                    eprintln!("  {name}: {} after {} ms", r.what, r.ms);
                }
                self.done.recoveries.extend(recoveries);
                self.done.faults.push(*fault);
            }
            Err(error) => {
                let note = format!("{name} went wrong after {:?}: {error:#}", began.elapsed());
                eprintln!("  {note}");
                self.done.notes.push(note);
            }
        }
        match self.cluster.revive() {
            Ok(revived) => self
                .done
                .notes
                .extend(revived.into_iter().map(|r| format!("{r} ended by itself, during {name}"))),
            Err(error) => self.done.notes.push(format!("{error:#}")),
        }
    }

    /// Waits for the fault that lasts.
    async fn end_long(&mut self) {
        let Some(long) = self.long.take() else { return };
        match long.await {
            Ok(Ok(recoveries)) => {
                for r in &recoveries {
                    eprintln!("  {}: {} after {} ms", r.kind.name(), r.what, r.ms);
                }
                self.done.recoveries.extend(recoveries);
            }
            Ok(Err(error)) => self.done.notes.push(format!("{error:#}")),
            Err(error) => self.done.notes.push(format!("a fault ended badly: {error}")),
        }
    }

    async fn inject(&mut self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let lasts = Duration::from_millis(fault.lasts_ms);
        match fault.kind {
            Kind::WorkerKill => self.worker_kill(fault).await,
            Kind::WorkerStop => self.worker_stop(fault).await,
            Kind::WorkerTerm | Kind::ApiTerm => self.role_term(fault).await,
            Kind::ApiKill => self.api_kill(fault).await,
            Kind::ApiStop => self.api_stop(fault, lasts).await,
            Kind::SchedulerKill | Kind::SchedulerStop | Kind::SchedulerTerm => self.leader(fault).await,
            Kind::RedisFlush => {
                self.cluster.redis.flush().await?;
                self.healed(fault).await
            }
            Kind::RedisKill | Kind::RedisFailover | Kind::RedisMasterLost => {
                self.redis_kill(fault, lasts).await
            }
            Kind::RedisStop => {
                self.cluster.redis.signal_master(libc::SIGSTOP).await?;
                tokio::time::sleep(lasts).await;
                self.cluster.redis.signal_master(libc::SIGCONT).await?;
                self.healed(fault).await
            }
            Kind::RedisCut | Kind::RedisSlow | Kind::RedisSilent => self.redis_line(fault, lasts).await,
            Kind::DatabaseCut => {
                self.cluster.database.cut().await;
                self.healed(fault).await
            }
            Kind::CommitBefore => self.database_line(fault, Mode::CutAt(Moment::Before), lasts).await,
            Kind::CommitDuring => self.database_line(fault, Mode::CutAt(Moment::During), lasts).await,
            Kind::CommitAfter => self.database_line(fault, Mode::CutAt(Moment::After), lasts).await,
            Kind::DatabaseSlow => {
                self.database_line(fault, Mode::Slow(Duration::from_millis(40)), lasts).await
            }
            Kind::DatabaseSilent => self.database_line(fault, Mode::Silent, lasts).await,
            Kind::PoolerKill => {
                self.cluster.postgres.kill_pooler();
                tokio::time::sleep(lasts).await;
                self.cluster.postgres.start_pooler().await?;
                self.healed(fault).await
            }
            Kind::PostgresCrash => {
                let died = Instant::now();
                self.cluster.postgres.crash().await?;
                self.database_is_back(fault, died).await
            }
            Kind::PostgresPromote => {
                let died = self.cluster.postgres.fail_over().await?;
                self.database.lead_to(self.cluster.postgres.primary_port());
                let recoveries = self.database_is_back(fault, died).await?;
                self.cluster.postgres.make_whole().await?;
                Ok(recoveries)
            }
            Kind::ClockWorker | Kind::ClockScheduler | Kind::ClockApi => self.turn_clock(fault, lasts).await,
            Kind::DiskFull => {
                self.cluster.fill_disk().await?;
                tokio::time::sleep(lasts).await;
                self.cluster.empty_disks();
                let healed = Instant::now();
                self.cluster.postgres.start_what_ended().await?;
                self.database_is_back(fault, healed).await
            }
        }
    }

    /// From now on nothing is wrong: until everything that can be claimed now has been.
    async fn healed(&self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let took = claimed(&self.database).await?;
        Ok(vec![recovery(fault, "ready work is claimed", took, CLAIMED_WITHIN)])
    }

    async fn database_is_back(&self, fault: &Fault, died: Instant) -> anyhow::Result<Vec<Recovery>> {
        let took = first_accept(&self.load, died).await?;
        let mut recoveries = vec![recovery(fault, "orders are accepted", took, POSTGRES_WITHIN)];
        recoveries.extend(self.healed(fault).await?);
        Ok(recoveries)
    }

    async fn worker_kill(&mut self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let i = fault.which % self.cluster.workers.len();
        let process = self.cluster.workers[i].process()?.id();
        Leases::wait_for(&self.database, process).await?;
        self.cluster.workers[i].process()?.kill();
        let died = Instant::now();
        let leases = Leases::of(&self.database, process).await?;
        tokio::time::sleep(Duration::from_millis(fault.lasts_ms)).await;
        self.cluster.workers[i].launch(&self.cluster.settings)?;
        self.cluster.workers[i].wait_until_ready(&self.cluster.settings).await?;
        let (fault, database) = (*fault, self.database.clone());
        self.long = Some(tokio::spawn(async move {
            let took = leases.taken_over(&database, died).await?;
            Ok(vec![recovery(&fault, "its work goes on elsewhere", took, RESUMED_WITHIN)])
        }));
        Ok(Vec::new())
    }

    async fn worker_stop(&mut self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let i = fault.which % self.cluster.workers.len();
        let process = self.cluster.workers[i].process()?.id();
        Leases::wait_for(&self.database, process).await?;
        self.cluster.workers[i].process()?.signal(libc::SIGSTOP);
        let stopped = Instant::now();
        let leases = Leases::of(&self.database, process).await?;
        let (fault, database) = (*fault, self.database.clone());
        self.long = Some(tokio::spawn(async move {
            let goes_on = async {
                tokio::time::sleep(Duration::from_millis(fault.lasts_ms)).await;
                // SAFETY: a call without memory. The process is a child that nobody has waited for.
                unsafe { libc::kill(process as libc::pid_t, libc::SIGCONT) };
            };
            let (took, ()) = tokio::join!(leases.taken_over(&database, stopped), goes_on);
            let mut recoveries = vec![recovery(&fault, "its work goes on elsewhere", took?, RESUMED_WITHIN)];
            let took = claimed(&database).await?;
            recoveries.push(recovery(&fault, "ready work is claimed", took, CLAIMED_WITHIN));
            Ok(recoveries)
        }));
        Ok(Vec::new())
    }

    async fn role_term(&mut self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let roles = match fault.kind {
            Kind::WorkerTerm => &mut self.cluster.workers,
            _ => &mut self.cluster.apis,
        };
        let i = fault.which % roles.len();
        roles[i].process()?.end(END).await?;
        restart(&mut roles[i], &self.cluster.settings).await?;
        self.healed(fault).await
    }

    async fn api_kill(&mut self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let i = fault.which % self.cluster.apis.len();
        self.cluster.apis[i].process()?.kill();
        tokio::time::sleep(Duration::from_millis(fault.lasts_ms)).await;
        restart(&mut self.cluster.apis[i], &self.cluster.settings).await?;
        self.healed(fault).await
    }

    async fn api_stop(&mut self, fault: &Fault, lasts: Duration) -> anyhow::Result<Vec<Recovery>> {
        let i = fault.which % self.cluster.apis.len();
        self.cluster.apis[i].process()?.signal(libc::SIGSTOP);
        tokio::time::sleep(lasts).await;
        self.cluster.apis[i].process()?.signal(libc::SIGCONT);
        self.healed(fault).await
    }

    /// The scheduler that leads dies, stands still or goes in good order.
    async fn leader(&mut self, fault: &Fault) -> anyhow::Result<Vec<Recovery>> {
        let i = self.cluster.leader().await?;
        let ttl = self.cluster.settings.leader_ttl;
        let process = self.cluster.schedulers[i].process()?;
        match fault.kind {
            Kind::SchedulerKill => process.kill(),
            Kind::SchedulerStop => process.signal(libc::SIGSTOP),
            _ => process.signal(libc::SIGTERM),
        }
        let other = &self.cluster.schedulers[1 - i];
        let took = until("the other scheduler leads", ttl * 10, async || other.leads().await).await?;
        let limit =
            if fault.kind == Kind::SchedulerTerm { HANDED_OVER_WITHIN } else { ttl + Duration::from_secs(1) };
        let mut recoveries = vec![recovery(fault, "another one leads", took, limit)];
        let rest = Duration::from_millis(fault.lasts_ms).saturating_sub(took);
        let process = self.cluster.schedulers[i].process()?;
        match fault.kind {
            Kind::SchedulerStop => {
                tokio::time::sleep(rest).await;
                process.signal(libc::SIGCONT);
            }
            Kind::SchedulerTerm => {
                until("it has ended", END, async || process.has_ended()).await?;
                restart(&mut self.cluster.schedulers[i], &self.cluster.settings).await?;
            }
            _ => restart(&mut self.cluster.schedulers[i], &self.cluster.settings).await?,
        }
        recoveries.extend(self.healed(fault).await?);
        Ok(recoveries)
    }

    async fn redis_kill(&mut self, fault: &Fault, lasts: Duration) -> anyhow::Result<Vec<Recovery>> {
        let (i, died) = self.cluster.redis.kill_master().await?;
        if self.cluster.redis.setup == Setup::Single {
            tokio::time::sleep(lasts).await;
            self.cluster.redis.restart(i).await?;
            return self.healed(fault).await;
        }
        self.cluster.redis.wait_for_successor().await?;
        self.roles_are_ready().await?;
        let mut recoveries = vec![recovery(fault, "all roles have it again", died.elapsed(), REDIS_WITHIN)];
        recoveries.extend(self.healed(fault).await?);
        self.cluster.redis.restart(i).await?;
        self.cluster.redis.wait_until_whole().await?;
        Ok(recoveries)
    }

    async fn roles_are_ready(&self) -> anyhow::Result<()> {
        for role in self.cluster.roles() {
            until(&format!("{} finds Redis again", role.name), Duration::from_secs(60), async || {
                let health = crate::http::get(role.port, "/health").await;
                health.is_ok_and(|(status, text)| status == 200 && !text.contains("\"down\""))
            })
            .await?;
        }
        Ok(())
    }

    async fn redis_line(&mut self, fault: &Fault, lasts: Duration) -> anyhow::Result<Vec<Recovery>> {
        let line = self.cluster.redis.proxy.as_ref().context("this Redis has no proxy before it")?;
        match fault.kind {
            Kind::RedisCut => line.cut().await,
            Kind::RedisSlow => line.set(Mode::Slow(Duration::from_millis(40))),
            _ => line.set(Mode::Silent),
        }
        if fault.kind != Kind::RedisCut {
            tokio::time::sleep(lasts).await;
            line.set(Mode::Pass);
        }
        self.healed(fault).await
    }

    async fn database_line(
        &mut self,
        fault: &Fault,
        mode: Mode,
        lasts: Duration,
    ) -> anyhow::Result<Vec<Recovery>> {
        self.cluster.database.set(mode);
        tokio::time::sleep(lasts).await;
        self.cluster.database.set(Mode::Pass);
        let healed = Instant::now();
        if mode == Mode::Silent {
            return self.database_is_back(fault, healed).await;
        }
        self.healed(fault).await
    }

    /// The wall clock of one process goes wrong, and later right again.
    async fn turn_clock(&mut self, fault: &Fault, lasts: Duration) -> anyhow::Result<Vec<Recovery>> {
        let roles = match fault.kind {
            Kind::ClockWorker => &self.cluster.workers,
            Kind::ClockScheduler => &self.cluster.schedulers,
            _ => &self.cluster.apis,
        };
        let clock = roles[fault.which % roles.len()].clock().context("no clock can be turned here")?;
        clock.turn_by(fault.clock_ms)?;
        tokio::time::sleep(lasts).await;
        // While it is wrong: others do the work.
        let mut recoveries = vec![recovery(
            fault,
            "claimed while it is wrong",
            claimed(&self.database).await?,
            CLAIMED_WITHIN,
        )];
        clock.turn_by(0)?;
        recoveries.extend(self.healed(fault).await?);
        Ok(recoveries)
    }
}

async fn restart(role: &mut Role, settings: &crate::roles::Settings) -> anyhow::Result<()> {
    role.launch(settings)?;
    role.wait_until_ready(settings).await
}

fn recovery(fault: &Fault, what: &'static str, took: Duration, limit: Duration) -> Recovery {
    Recovery { kind: fault.kind, what, ms: took.as_millis() as u64, limit_ms: limit.as_millis() as u64 }
}
