//! What an execution costs in a cluster on this machine: an API server, a worker, a scheduler,
//! PostgreSQL that waits for the disk, PgBouncer, and Redis with its log. The CPU of all of them
//! counts, that of the load generator does not.

mod fill;
mod measure;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Connection;
use crate::process;

pub use measure::run;

pub struct Cluster {
    program: PathBuf,
    dir: PathBuf,
    environment: Vec<(String, String)>,
    /// Name, port and process.
    processes: Vec<(String, u16, u32)>,
    _parent: TempDir,
}

/// CPU so far by what kind of process used it.
pub type Cpu = BTreeMap<String, Duration>;

fn script(dir: &Path, words: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cluster.sh"));
    command.args(words).arg(dir).stdout(Stdio::null()).envs(environment.iter().copied());
    command
}

impl Cluster {
    pub fn up(program: &Path, roles: &str, environment: &[(&str, &str)]) -> anyhow::Result<Cluster> {
        let parent = tempfile::tempdir()?;
        // Servers that run as another user must be able to enter it.
        std::fs::set_permissions(parent.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let dir = parent.path().join("cluster");
        let program = program.canonicalize().context("the program")?;
        let path = program.to_string_lossy().into_owned();
        let mut given = vec![("LINKFLOW_BIN", path.as_str()), ("CLUSTER_ROLES", roles), ("LOG", "warn")];
        given.extend([("CLUSTER_NGINX", "no"), ("CLUSTER_STANDBY", "no"), ("REDIS", "alone")]);
        given.extend([("REDIS_AOF", "yes"), ("POSTGRES_FSYNC", "on"), ("EGRESS_ALLOW", "127.0.0.1")]);
        given.extend_from_slice(environment);
        ensure!(script(&dir, &["up"], &given).status()?.success(), "the cluster did not start");
        let addresses = std::fs::read_to_string(dir.join("addresses"))?;
        let processes = addresses.lines().map(process_of).collect::<anyhow::Result<_>>()?;
        let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        let environment = std::fs::read_to_string(dir.join("env"))?.lines().filter_map(pair).collect();
        Ok(Cluster { program, dir, environment, processes, _parent: parent })
    }

    pub fn port(&self, name: &str) -> anyhow::Result<u16> {
        let found = self.processes.iter().find(|(of, ..)| of == name);
        Ok(found.with_context(|| format!("there is no {name}"))?.1)
    }

    pub fn publish(&self, name: &str, workflow: &Value) -> anyhow::Result<()> {
        let file = self.dir.join(format!("{}.json", name.replace(' ', "-")));
        std::fs::write(&file, workflow.to_string())?;
        let mut command = Command::new(&self.program);
        command.args(["import", "--publish"]).arg(file).envs(self.environment.clone());
        let output = command.output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(output.status.success(), "not published: {}", String::from_utf8_lossy(&said));
        Ok(())
    }

    /// What the database answers.
    pub fn sql(&self, text: &str) -> anyhow::Result<String> {
        let url = self.environment.iter().find(|(name, _)| name == "DATABASE_DIRECT_URL");
        let url = &url.context("the settings name no database")?.1;
        let output =
            Command::new("psql").args(["-qAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text]).output()?;
        ensure!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// CPU so far of each kind of process, that of `worker-1` and `worker-2` together.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let mut cpu = Cpu::new();
        for (name, _, pid) in &self.processes {
            *cpu.entry(kind_of(name)).or_default() += process::usage(*pid)?.cpu;
        }
        Ok(cpu)
    }

    /// Memory now and at most, in megabytes.
    pub fn memory(&self, name: &str) -> anyhow::Result<(f64, f64)> {
        let found = self.processes.iter().find(|(of, ..)| of == name);
        let usage = process::usage(found.with_context(|| format!("there is no {name}"))?.2)?;
        Ok((usage.all_mb, usage.peak_mb))
    }

    /// The sum of a metric over all instances of a role.
    pub async fn metric(&self, role: &str, metric: &str) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for (_, port, _) in self.processes.iter().filter(|(name, ..)| kind_of(name) == role) {
            let (_, text) = Connection::open(*port).await?.request("GET /metrics HTTP/1.1\r\n", "").await?;
            let lines = text.lines().filter(|line| line.starts_with(metric));
            sum += lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
        }
        Ok(sum)
    }

    pub async fn n_finished(&self) -> anyhow::Result<f64> {
        self.metric("worker", "linkflow_executions_finished_total").await
    }

    /// Waits until workers have finished so many.
    pub async fn wait_until_finished(&self, n: f64) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(600);
        while self.n_finished().await? < n {
            if Instant::now() > until {
                bail!("{} of {n} have ended after 10 minutes", self.n_finished().await?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Stops a process where it is, or lets it go on.
    pub fn hold(&self, role: &str, is_held: bool) {
        let signal = if is_held { libc::SIGSTOP } else { libc::SIGCONT };
        for (_, _, pid) in self.processes.iter().filter(|(name, ..)| kind_of(name) == role) {
            // SAFETY: a signal to a process that this one has started and not ended.
            unsafe { libc::kill(*pid as i32, signal) };
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = script(&self.dir, &["down"], &[]).status();
    }
}

/// `worker-1 http://127.0.0.1:4711 99`
fn process_of(line: &str) -> anyhow::Result<(String, u16, u32)> {
    let mut words = line.split(' ');
    let mut word = || words.next().context("an address has three parts");
    let (name, url, pid) = (word()?, word()?, word()?);
    let port = url.rsplit(':').next().context("a port")?;
    Ok((name.to_owned(), port.parse()?, pid.parse()?))
}

fn kind_of(name: &str) -> String {
    name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned()
}
