//! Redis as a single server behind a proxy, as a master and its replica under Sentinels, or as a
//! cluster of three masters with a replica each. Nothing is saved to disk, so one that starts again
//! is empty.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::{Process, free_port, run, until};
use crate::proxy::Proxy;

const START: Duration = Duration::from_secs(30);
const SENTINELS: usize = 3;
const CLUSTER_NODES: usize = 6;

/// How Redis is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Setup {
    Single,
    Sentinel,
    Cluster,
}

struct Server {
    port: u16,
    args: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

pub struct Redis {
    pub setup: Setup,
    servers: Vec<Server>,
    sentinels: Vec<(u16, Process)>,
    /// Before a single server.
    pub proxy: Option<Proxy>,
}

impl Server {
    async fn start(dir: &Path, more: &[&str]) -> anyhow::Result<Server> {
        let port = free_port()?;
        let home = dir.join(format!("redis-{port}"));
        std::fs::create_dir_all(&home)?;
        let mut args: Vec<String> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"].map(str::to_owned).to_vec();
        args.extend(["--port".to_owned(), port.to_string(), "--dir".to_owned(), home.display().to_string()]);
        args.extend(
            ["--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0"].map(str::to_owned),
        );
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let mut server = Server { port, args, log: dir.join("redis.log"), process: None };
        server.launch().await?;
        Ok(server)
    }

    async fn launch(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        command.args(&self.args);
        self.process = Some(Process::start("redis-server", &mut command, &self.log)?);
        let port = self.port;
        until("redis-server answers", START, async || ask(port, &["PING"]).await.is_ok_and(|a| a == "PONG"))
            .await?;
        Ok(())
    }

    fn is_up(&self) -> bool {
        self.process.is_some()
    }
}

impl Redis {
    pub async fn start(dir: &Path, setup: Setup) -> anyhow::Result<Redis> {
        let mut redis = Redis { setup, servers: Vec::new(), sentinels: Vec::new(), proxy: None };
        match setup {
            Setup::Single => {
                let server = Server::start(dir, &[]).await?;
                redis.proxy = Some(Proxy::start(server.port).await?);
                redis.servers.push(server);
            }
            Setup::Sentinel => redis.start_watched(dir).await?,
            Setup::Cluster => redis.start_cluster(dir).await?,
        }
        Ok(redis)
    }

    async fn start_watched(&mut self, dir: &Path) -> anyhow::Result<()> {
        let master = Server::start(dir, &[]).await?;
        let of = master.port.to_string();
        self.servers.push(master);
        self.servers.push(Server::start(dir, &["--replicaof", &format!("127.0.0.1 {of}")]).await?);
        for _ in 0..SENTINELS {
            let port = free_port()?;
            let file = dir.join(format!("sentinel-{port}.conf"));
            std::fs::write(
                &file,
                format!(
                    "port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {of} 2\n\
                     sentinel down-after-milliseconds mymaster 2000\nsentinel failover-timeout mymaster 6000\n"
                ),
            )?;
            let mut command = Command::new("redis-sentinel");
            command.arg(&file);
            let process = Process::start("redis-sentinel", &mut command, &dir.join("sentinel.log"))?;
            self.sentinels.push((port, process));
        }
        self.wait_until_whole().await
    }

    async fn start_cluster(&mut self, dir: &Path) -> anyhow::Result<()> {
        for _ in 0..CLUSTER_NODES {
            let bus = free_port()?.to_string();
            let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
            self.servers.push(Server::start(dir, &more).await?);
        }
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "create"]);
        command.args(self.servers.iter().map(|s| format!("127.0.0.1:{}", s.port)));
        command.args(["--cluster-replicas", "1", "--cluster-yes"]);
        run(command, START).await?;
        self.wait_until_whole().await
    }

    /// Waits until a failover would find a stand-in for each master.
    pub async fn wait_until_whole(&self) -> anyhow::Result<()> {
        until("Redis is whole", Duration::from_secs(60), async || self.is_whole().await).await?;
        Ok(())
    }

    async fn is_whole(&self) -> bool {
        let mut n_replicas = 0;
        for server in &self.servers {
            let Ok(info) = ask(server.port, &["INFO", "replication"]).await else { return false };
            n_replicas += usize::from(info.contains("master_link_status:up"));
        }
        match self.setup {
            Setup::Single => true,
            Setup::Sentinel => {
                let mut n_agree = 0;
                for (port, _) in &self.sentinels {
                    let known = ask(*port, &["SENTINEL", "MASTER", "mymaster"]).await.unwrap_or_default();
                    let lines: Vec<&str> = known.lines().collect();
                    let has = |pair: [&str; 2]| lines.windows(2).any(|w| w == pair);
                    n_agree += usize::from(
                        has(["num-other-sentinels", "2"])
                            && has(["num-slaves", "1"])
                            && has(["flags", "master"]),
                    );
                }
                n_agree == SENTINELS && n_replicas == 1
            }
            Setup::Cluster => {
                for server in &self.servers {
                    let info = ask(server.port, &["CLUSTER", "INFO"]).await.unwrap_or_default();
                    if !info.contains("cluster_state:ok") {
                        return false;
                    }
                }
                n_replicas == CLUSTER_NODES / 2
            }
        }
    }

    pub fn url(&self) -> String {
        let hosts = |ports: &mut dyn Iterator<Item = u16>| {
            ports.map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
        };
        match self.setup {
            Setup::Single => {
                let port = self.proxy.as_ref().map_or(self.servers[0].port, |p| p.port);
                format!("redis://127.0.0.1:{port}")
            }
            Setup::Sentinel => {
                format!(
                    "redis+sentinel://{}/mymaster",
                    hosts(&mut self.sentinels.iter().map(|(port, _)| *port))
                )
            }
            Setup::Cluster => format!("redis+cluster://{}", hosts(&mut self.servers.iter().map(|s| s.port))),
        }
    }

    /// Forgets everything, on all masters.
    pub async fn flush(&self) -> anyhow::Result<()> {
        for server in self.servers.iter().filter(|s| s.is_up()) {
            if is_master(server.port).await {
                ask(server.port, &["FLUSHALL"]).await?;
            }
        }
        Ok(())
    }

    /// The master that holds the queue.
    async fn master(&self) -> anyhow::Result<usize> {
        let mut found = None;
        for (i, server) in self.servers.iter().enumerate().filter(|(_, s)| s.is_up()) {
            if !is_master(server.port).await {
                continue;
            }
            let answer = ask(server.port, &["EXISTS", "asynq:{default}:pending"]).await.unwrap_or_default();
            if self.setup != Setup::Cluster || !answer.contains("MOVED") {
                found = Some(i);
            }
        }
        found.context("no Redis server says that it is the master")
    }

    /// Ends the master as `kill -9` does; gives which one it was, and when.
    pub async fn kill_master(&mut self) -> anyhow::Result<(usize, Instant)> {
        let i = self.master().await?;
        self.servers[i].process = None;
        Ok((i, Instant::now()))
    }

    /// Stops the master, or lets it go on.
    pub async fn signal_master(&self, signal: i32) -> anyhow::Result<()> {
        // A stopped one does not say what it is: with one server there is no need to ask.
        let i = if self.setup == Setup::Single { 0 } else { self.master().await? };
        match &self.servers[i].process {
            Some(process) => process.signal(signal),
            None => bail!("the Redis server that should get a signal is not there"),
        }
        Ok(())
    }

    /// Starts one again that has ended, empty.
    pub async fn restart(&mut self, i: usize) -> anyhow::Result<()> {
        self.servers[i].launch().await
    }

    /// Waits until another master has the place of the one that died.
    pub async fn wait_for_successor(&self) -> anyhow::Result<()> {
        until("another Redis server is the master", Duration::from_secs(60), async || {
            let Ok(i) = self.master().await else { return false };
            let port = self.servers[i].port;
            ask(port, &["SET", "asynq:{default}:chaos", "1", "EX", "1"]).await.is_ok_and(|a| a == "OK")
        })
        .await?;
        Ok(())
    }
}

async fn is_master(port: u16) -> bool {
    ask(port, &["INFO", "replication"]).await.is_ok_and(|info| info.contains("role:master"))
}

async fn ask(port: u16, words: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(words);
    Ok(run(command, Duration::from_secs(3)).await?.trim_end().to_owned())
}
