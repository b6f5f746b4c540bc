//! The roles of the cluster as processes: two API servers, some workers, two schedulers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::clock::Clock;
use crate::http;
use crate::process::{Process, free_port, run, until};

/// What a role says of itself when it does not start, for people.
const LOG_LINES: usize = 15;
const READY: Duration = Duration::from_secs(60);

/// A role's place in the cluster; the process in it changes.
#[derive(Debug)]
pub struct Role {
    pub name: String,
    role: &'static str,
    pub port: u16,
    clock: Option<Clock>,
    process: Option<Process>,
}

/// What all roles are started with.
#[derive(Debug)]
pub struct Settings {
    pub program: PathBuf,
    pub dir: PathBuf,
    /// The pooler's port, as the roles see it.
    pub database_port: u16,
    pub direct_url: String,
    pub redis_url: String,
    pub leader_ttl: Duration,
    pub concurrency: usize,
    /// Adds to the wall clock, where it could be compiled.
    pub clock_library: Option<PathBuf>,
    /// A bug that a program built for it shows.
    pub planted: Option<String>,
}

impl Settings {
    fn environment(&self, port: u16) -> Vec<(String, String)> {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let pairs = [
            ("DATABASE_DIRECT_URL", self.direct_url.clone()),
            ("REDIS_URL", self.redis_url.clone()),
            ("DATA_DIR", path("data")),
            ("SECRET_KEY_FILE", path("secret.key")),
            ("LEADER_TTL", format!("{}ms", self.leader_ttl.as_millis())),
            ("WORKER_CONCURRENCY", self.concurrency.to_string()),
            ("EGRESS_ALLOW", "127.0.0.1".to_owned()),
            ("SHUTDOWN_GRACE_SECONDS", "3".to_owned()),
            ("LOG", "warn,linkflow=info".to_owned()),
            ("PORT", port.to_string()),
        ];
        let mut pairs: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_owned(), value)).into();
        pairs.extend(self.planted.iter().map(|bug| ("LINKFLOW_PLANTED".to_owned(), bug.clone())));
        pairs
    }

    /// A command of the program. The database learns the number of its process, by which what it
    /// writes is known there.
    fn command(&self, words: &[&str], port: u16) -> Command {
        let url = format!(
            "postgres://linkflow@127.0.0.1:{}/linkflow?sslmode=disable&application_name=pid-$$",
            self.database_port
        );
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("DATABASE_URL=\"{url}\" exec \"$0\" \"$@\"")).arg(&self.program);
        command.args(words).envs(self.environment(port)).current_dir(&self.dir);
        command
    }

    /// Runs a command of the program to its end.
    pub async fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        run(self.command(words, 0), Duration::from_secs(60)).await
    }
}

impl Role {
    pub fn new(role: &'static str, n: usize, settings: &Settings) -> anyhow::Result<Role> {
        let name = format!("{role}-{n}");
        let clock = match &settings.clock_library {
            Some(_) => Some(Clock::new(settings.dir.join(format!("{name}.clock")))?),
            None => None,
        };
        Ok(Role { name, role, port: free_port()?, clock, process: None })
    }

    fn log(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.log", self.name))
    }

    /// Starts the process, without waiting for it.
    pub fn launch(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let mut command = settings.command(&[self.role], self.port);
        if let (Some(clock), Some(library)) = (&self.clock, &settings.clock_library) {
            clock.turn_by(0)?;
            command.envs(clock.environment(library));
        }
        self.process = Some(Process::start(&self.name, &mut command, &self.log(&settings.dir))?);
        Ok(())
    }

    pub async fn wait_until_ready(&self, settings: &Settings) -> anyhow::Result<()> {
        let ready = until(&format!("{} is ready", self.name), READY, async || self.is_ready().await).await;
        ready.with_context(|| {
            let log = std::fs::read_to_string(self.log(&settings.dir)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
            format!("its log ends with:\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })?;
        Ok(())
    }

    pub async fn is_ready(&self) -> bool {
        http::get(self.port, "/health/ready").await.is_ok_and(|(status, _)| status == 200)
    }

    pub async fn leads(&self) -> bool {
        let metrics = http::get(self.port, "/metrics").await;
        metrics.is_ok_and(|(_, text)| text.lines().any(|line| line == "linkflow_leader 1"))
    }

    /// Whether the process has gone although nobody ended it.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::has_ended)
    }

    pub fn process(&mut self) -> anyhow::Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("{} is not there", self.name))
    }

    pub fn clock(&self) -> Option<&Clock> {
        self.clock.as_ref()
    }
}
