//! Everything together: the servers, the roles, the workflows, and the place where all of it has
//! its files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::clock;
use crate::effects::{Seen, serve};
use crate::postgres::Postgres;
use crate::process::{run, until};
use crate::proxy::Proxy;
use crate::redis::{Redis, Setup};
use crate::roles::{Role, Settings};
use crate::workflows;

/// What the database writes down by itself about writes that must not be: by one who does not hold
/// the execution, by a worker whose lease has ended, or to an execution that has ended.
const WATCH: &str = include_str!("watch.sql");

#[derive(Clone, Debug)]
pub struct Wish {
    pub program: PathBuf,
    pub redis: Setup,
    pub workers: usize,
    pub concurrency: usize,
    pub leader_ttl: Duration,
    pub is_standby_synchronous: bool,
    pub planted: Option<String>,
    /// File systems of their own for the databases, of so many megabytes each.
    pub disk_mb: Option<u64>,
}

pub struct Cluster {
    pub postgres: Postgres,
    pub redis: Redis,
    pub apis: Vec<Role>,
    pub workers: Vec<Role>,
    pub schedulers: Vec<Role>,
    pub settings: Settings,
    /// Between the roles and the pooler.
    pub database: Proxy,
    pub seen: Seen,
    /// Whether the databases have file systems of their own, which can be filled.
    pub has_disks: bool,
    disks: Disks,
}

impl Cluster {
    pub async fn start(dir: &Path, wish: &Wish) -> anyhow::Result<Cluster> {
        let disks = Disks::make(dir, wish.disk_mb);
        let postgres = Postgres::start(&dir.join("postgres"), wish.is_standby_synchronous).await?;
        let redis = Redis::start(dir, wish.redis).await?;
        let database = Proxy::start(postgres.pooler_port()).await?;
        std::fs::write(dir.join("secret.key"), "ab".repeat(32))?;
        let settings = Settings {
            program: wish.program.clone(),
            dir: dir.to_owned(),
            database_port: database.port,
            direct_url: postgres.direct_url(),
            redis_url: redis.url(),
            leader_ttl: wish.leader_ttl,
            concurrency: wish.concurrency,
            clock_library: clock::library(dir).await?,
            planted: wish.planted.clone(),
        };
        let some =
            |role, n| (1..=n).map(|i| Role::new(role, i, &settings)).collect::<anyhow::Result<Vec<_>>>();
        let (apis, workers, schedulers) =
            (some("api", 2)?, some("worker", wish.workers)?, some("scheduler", 2)?);
        let has_disks = disks.are_there();
        let mut cluster = Cluster {
            postgres,
            redis,
            apis,
            workers,
            schedulers,
            settings,
            database,
            seen: Seen::default(),
            has_disks,
            disks,
        };
        cluster.settings.run(&["migrate"]).await?;
        cluster.postgres.sql(WATCH, "linkflow").await?;
        cluster.publish().await?;
        cluster.start_roles().await?;
        Ok(cluster)
    }

    async fn publish(&self) -> anyhow::Result<()> {
        let service = serve(self.seen.clone()).await?;
        let child = self.import(&[("child".to_owned(), workflows::child(service))]).await?;
        let child = child[0]["workflow_id"].as_str().with_context(|| format!("not imported: {child}"))?;
        self.import(&workflows::all(service, child)).await?;
        Ok(())
    }

    async fn import(&self, workflows: &[(String, Value)]) -> anyhow::Result<Value> {
        let mut words = vec!["import".to_owned(), "--publish".to_owned(), "--json".to_owned()];
        for (name, workflow) in workflows {
            let file = self.settings.dir.join(format!("{name}.json"));
            std::fs::write(&file, workflow.to_string())?;
            words.push(file.display().to_string());
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = self.settings.run(&words).await.context("the workflows cannot be imported")?;
        Ok(serde_json::from_str(&said)?)
    }

    async fn start_roles(&mut self) -> anyhow::Result<()> {
        let settings = &self.settings;
        for role in self.apis.iter_mut().chain(&mut self.workers).chain(&mut self.schedulers) {
            role.launch(settings)?;
        }
        for role in self.roles() {
            role.wait_until_ready(&self.settings).await?;
        }
        Ok(())
    }

    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.apis.iter().chain(&self.workers).chain(&self.schedulers)
    }

    /// Roles that ended although nobody ended them are started again, as a supervisor would.
    pub fn revive(&mut self) -> anyhow::Result<Vec<String>> {
        let mut revived = Vec::new();
        for role in self.apis.iter_mut().chain(&mut self.workers).chain(&mut self.schedulers) {
            if role.has_ended() {
                revived.push(role.name.clone());
                role.launch(&self.settings)?;
            }
        }
        Ok(revived)
    }

    pub async fn sql(&self, sql: &str) -> anyhow::Result<String> {
        self.postgres.sql(sql, "linkflow").await
    }

    /// The scheduler that leads, once one does.
    pub async fn leader(&self) -> anyhow::Result<usize> {
        let mut leader = None;
        until("a scheduler leads", Duration::from_secs(60), async || {
            for (i, role) in self.schedulers.iter().enumerate() {
                if role.leads().await {
                    leader = Some(i);
                    return true;
                }
            }
            false
        })
        .await?;
        leader.context("no scheduler leads")
    }

    /// Fills the primary's disk to the last byte.
    pub async fn fill_disk(&self) -> anyhow::Result<()> {
        self.disks.fill(self.postgres.primary_dir()).await
    }

    pub fn empty_disks(&self) {
        self.disks.empty();
    }

    /// Whether the log of the first worker has this in it.
    pub fn says(&self, text: &str) -> bool {
        let log = std::fs::read_to_string(self.settings.dir.join("worker-1.log"));
        log.is_ok_and(|log| log.contains(text))
    }

    /// How the executions stand, for people: `status count` in each line.
    pub async fn standing(&self) -> String {
        let sql = "SELECT status || ' ' || count(*) FROM executions GROUP BY status ORDER BY status";
        self.sql(sql).await.unwrap_or_else(|e| format!("{e:#}"))
    }
}

/// File systems in memory for the two databases.
#[derive(Debug)]
struct Disks {
    places: Vec<PathBuf>,
}

impl Disks {
    fn make(dir: &Path, megabytes: Option<u64>) -> Disks {
        let mut disks = Disks { places: Vec::new() };
        let Some(megabytes) = megabytes else { return disks };
        for name in ["a", "b"] {
            let place = dir.join("postgres").join(name);
            if let Err(error) = mount(&place, megabytes) {
                eprintln!("SKIPPED: no disk gets full, a file system cannot be made: {error:#}");
                // Those that were made end with it.
                drop(disks);
                return Disks { places: Vec::new() };
            }
            disks.places.push(place);
        }
        disks
    }

    fn are_there(&self) -> bool {
        !self.places.is_empty()
    }

    async fn fill(&self, place: &Path) -> anyhow::Result<()> {
        let ballast = place.join("ballast");
        let mut command = Command::new("dd");
        command.args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", ballast.display()));
        // It ends with an error when the disk is full, which is what is wanted.
        match run(command, Duration::from_secs(60)).await {
            Err(error) if format!("{error:#}").contains("No space left") => Ok(()),
            Err(error) => Err(error),
            Ok(_) => bail!("the disk is not full"),
        }
    }

    fn empty(&self) {
        for place in &self.places {
            let _ = std::fs::remove_file(place.join("ballast"));
        }
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        for place in &self.places {
            let _ = Command::new("umount").arg("-l").arg(place).status();
        }
    }
}

fn mount(place: &Path, megabytes: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(place)?;
    let output = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=755"), "linkflow-chaos"])
        .arg(place)
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
