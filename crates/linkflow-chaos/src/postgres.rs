//! PostgreSQL with a synchronous standby, and PgBouncer before whichever of the two takes writes.
//! What a manager of such a pair does (find the dead, promote, lead the clients over, make a new
//! standby of the old primary) is done here.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::{Process, as_server, find, free_port, run, until};
use crate::proxy::{Mode, Proxy};

/// How long a server may take to start or to end.
const START: Duration = Duration::from_secs(60);
/// For how long the standby hears nothing before the primary dies.
const STALLED: Duration = Duration::from_millis(1_500);

/// One of the two servers.
struct Node {
    dir: PathBuf,
    port: u16,
    process: Option<Process>,
    /// Where its standby hears of it.
    replication: Proxy,
}

/// The pair, its pooler, and the ways to break them.
pub struct Postgres {
    dir: PathBuf,
    bin: PathBuf,
    nodes: [Node; 2],
    primary: usize,
    pooler: Option<Process>,
    pooler_port: u16,
    /// Whether commits wait for the standby. Without it what was acknowledged can be lost.
    is_synchronous: bool,
}

/// The folder with the programs of the newest version there is.
fn programs() -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = entries.map(|e| e.path().join("bin")).collect();
    dirs.extend(find("initdb").and_then(|p| Some(p.canonicalize().ok()?.parent()?.to_owned())));
    dirs.retain(|dir| dir.join("initdb").is_file() && dir.join("pg_rewind").is_file());
    dirs.sort();
    dirs.pop().context("PostgreSQL is missing; install the package postgresql")
}

impl Postgres {
    /// Starts the pair and the pooler with their files in `dir`, which may have a file system of
    /// its own at `dir/a` and `dir/b`.
    pub async fn start(dir: &Path, is_synchronous: bool) -> anyhow::Result<Postgres> {
        let (a, b) = (free_port()?, free_port()?);
        let node = async |name: &str, port| {
            let replication = Proxy::start(port).await?;
            anyhow::Ok(Node { dir: dir.join(name), port, process: None, replication })
        };
        let nodes = [node("a", a).await?, node("b", b).await?];
        let mut postgres = Postgres {
            dir: dir.to_owned(),
            bin: programs()?,
            nodes,
            primary: 0,
            pooler: None,
            pooler_port: free_port()?,
            is_synchronous,
        };
        postgres.make_primary().await?;
        postgres.launch(0).await?;
        postgres.copy_standby().await?;
        postgres.launch(1).await?;
        postgres.wait_for_standby().await?;
        postgres.sql("CREATE DATABASE linkflow", "postgres").await?;
        postgres.start_pooler().await?;
        Ok(postgres)
    }

    async fn make_primary(&self) -> anyhow::Result<()> {
        let node = &self.nodes[0];
        give_to_server(&self.dir, &node.dir)?;
        let mut command = as_server(&self.bin.join("initdb"));
        command.arg("-D").arg(node.dir.join("data"));
        command.args(["-U", "linkflow", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        run(command, START).await?;
        // Crashes of the machine are not tried, so nothing waits for the disk.
        // In the file and not among the arguments: `pg_rewind` starts the server by itself, and needs
        // the log from before the two parted.
        let file = std::fs::OpenOptions::new().append(true).open(node.dir.join("data/postgresql.conf"));
        writeln!(file?, "fsync = off\nwal_log_hints = on\nwal_keep_size = 512MB")?;
        Ok(())
    }

    /// Starts one of the two with what is in its folder.
    async fn launch(&mut self, i: usize) -> anyhow::Result<()> {
        let node = &mut self.nodes[i];
        let data = node.dir.join("data");
        let mut command = as_server(&self.bin.join("postgres"));
        command.arg("-D").arg(&data);
        for setting in [
            &format!("port={}", node.port),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=120",
            "shared_buffers=128MB",
            "max_wal_size=1GB",
            "wal_sender_timeout=5s",
            "wal_receiver_timeout=5s",
            "wal_retrieve_retry_interval=500ms",
            "hot_standby_feedback=off",
        ] {
            command.arg("-c").arg(setting);
        }
        let name = if i == 0 { "postgres-a" } else { "postgres-b" };
        node.process = Some(Process::start(name, &mut command, &self.dir.join(format!("{name}.log")))?);
        let port = node.port;
        until(&format!("{name} answers"), START, async || ask(port, "postgres", "SELECT 1").await.is_ok())
            .await?;
        Ok(())
    }

    async fn copy_standby(&self) -> anyhow::Result<()> {
        let (from, to) = (&self.nodes[self.primary], &self.nodes[1 - self.primary]);
        give_to_server(&self.dir, &to.dir)?;
        let _ = std::fs::remove_dir_all(to.dir.join("data"));
        let mut command = as_server(&self.bin.join("pg_basebackup"));
        command.arg("-D").arg(to.dir.join("data"));
        command.args(["-h", "127.0.0.1", "-U", "linkflow", "-X", "stream", "-c", "fast", "--no-sync"]);
        command.args(["-p", &from.port.to_string()]);
        run(command, Duration::from_secs(600)).await?;
        self.follow()
    }

    /// Makes the one that is not the primary a standby at its next start.
    fn follow(&self) -> anyhow::Result<()> {
        let (from, to) = (&self.nodes[self.primary], &self.nodes[1 - self.primary]);
        let data = to.dir.join("data");
        let settings = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user=linkflow application_name=standby'\n\
             recovery_target_timeline = 'latest'\nsynchronous_standby_names = ''\n",
            from.replication.port
        );
        std::fs::write(data.join("postgresql.auto.conf"), settings)?;
        std::fs::write(data.join("standby.signal"), "")?;
        Ok(())
    }

    /// Waits until the standby has everything, and lets commits wait for it from then on.
    async fn wait_for_standby(&self) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'standby' \
                   AND state = 'streaming'";
        until("the standby follows", Duration::from_secs(120), async || {
            self.sql(sql, "postgres").await.is_ok_and(|n| n == "1")
        })
        .await?;
        if self.is_synchronous {
            self.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'", "postgres").await?;
            self.sql("SELECT pg_reload_conf()", "postgres").await?;
            let sql = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'";
            until("commits wait for the standby", START, async || {
                self.sql(sql, "postgres").await.is_ok_and(|state| state == "sync")
            })
            .await?;
        }
        Ok(())
    }

    fn pooler_file(&self) -> PathBuf {
        self.dir.join("pooler/pgbouncer.ini")
    }

    fn write_pooler_file(&self) -> anyhow::Result<()> {
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=linkflow\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 24\nmax_client_conn = 2000\nserver_idle_timeout = 5\n\
             server_connect_timeout = 2\nserver_login_retry = 1\n",
            self.nodes[self.primary].port, self.pooler_port
        );
        std::fs::write(self.pooler_file(), text)?;
        Ok(())
    }

    pub async fn start_pooler(&mut self) -> anyhow::Result<()> {
        let dir = self.dir.join("pooler");
        give_to_server(&self.dir, &dir)?;
        self.write_pooler_file()?;
        let program = find("pgbouncer").context("PgBouncer is missing; install the package pgbouncer")?;
        let mut command = as_server(&program);
        command.arg(self.pooler_file());
        self.pooler = Some(Process::start("pgbouncer", &mut command, &self.dir.join("pgbouncer.log"))?);
        let port = self.pooler_port;
        until("PgBouncer answers", START, async || ask(port, "linkflow", "SELECT 1").await.is_ok()).await?;
        Ok(())
    }

    pub fn kill_pooler(&mut self) {
        self.pooler = None;
    }

    pub fn pooler_port(&self) -> u16 {
        self.pooler_port
    }

    /// The addresses of both without a pooler, of which one takes writes.
    pub fn direct_url(&self) -> String {
        let [a, b] = [self.nodes[0].port, self.nodes[1].port];
        format!("postgres://linkflow@127.0.0.1:{a},127.0.0.1:{b}/linkflow?sslmode=disable")
    }

    /// The folder of the present primary.
    pub fn primary_dir(&self) -> &Path {
        &self.nodes[self.primary].dir
    }

    /// The first column of what the primary answers.
    pub async fn sql(&self, sql: &str, database: &str) -> anyhow::Result<String> {
        ask(self.nodes[self.primary].port, database, sql).await
    }

    pub fn primary_port(&self) -> u16 {
        self.nodes[self.primary].port
    }

    /// `kill -9` of the primary, which then starts again as it is.
    pub async fn crash(&mut self) -> anyhow::Result<()> {
        self.kill_primary();
        self.launch(self.primary).await
    }

    fn kill_primary(&mut self) {
        if let Some(mut process) = self.nodes[self.primary].process.take() {
            process.kill_family();
        }
    }

    /// Starts again what a full disk has ended.
    pub async fn start_what_ended(&mut self) -> anyhow::Result<()> {
        for i in 0..self.nodes.len() {
            if self.nodes[i].process.as_mut().is_none_or(Process::has_ended) {
                self.launch(i).await?;
            }
        }
        Ok(())
    }

    /// The standby hears nothing any more, then the primary dies, and the standby takes over. Ends
    /// when clients are led there. Gives the time at which the primary died.
    pub async fn fail_over(&mut self) -> anyhow::Result<Instant> {
        self.nodes[self.primary].replication.set(Mode::Silent);
        tokio::time::sleep(STALLED).await;
        self.kill_primary();
        let died = Instant::now();
        self.nodes[self.primary].replication.cut().await;
        self.primary = 1 - self.primary;
        self.sql("SELECT pg_promote(TRUE, 60)", "postgres").await?;
        self.write_pooler_file()?;
        if let Some(pooler) = &self.pooler {
            pooler.signal(libc::SIGHUP);
        }
        Ok(died)
    }

    /// Makes a standby of the primary that died, so that the next failover finds one.
    pub async fn make_whole(&mut self) -> anyhow::Result<()> {
        let old = 1 - self.primary;
        if let Err(error) = self.rewind(old).await {
            eprintln!("the old primary cannot be rewound, copying it anew: {error:#}");
            self.copy_standby().await?;
        }
        self.launch(old).await?;
        self.wait_for_standby().await
    }

    async fn rewind(&self, old: usize) -> anyhow::Result<()> {
        // Until then the new primary's own file says that it is on the old timeline, and `pg_rewind`
        // finds nothing to do.
        self.sql("CHECKPOINT", "postgres").await?;
        let mut command = as_server(&self.bin.join("pg_rewind"));
        command.arg("--target-pgdata").arg(self.nodes[old].dir.join("data"));
        let port = self.nodes[self.primary].port;
        let from = format!("host=127.0.0.1 port={port} user=linkflow dbname=postgres");
        command.args(["--no-sync", "--source-server", &from]);
        run(command, Duration::from_secs(300)).await?;
        self.follow()
    }
}

/// Makes a folder for a process of the user who runs servers.
fn give_to_server(parent: &Path, dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(parent, open)?;
    // SAFETY: it only reads the number of this process's user.
    if unsafe { libc::geteuid() } == 0 {
        let done = Command::new("chown").arg("postgres:").arg(dir).status()?;
        if !done.success() {
            bail!("cannot give {} to the user postgres", dir.display());
        }
    }
    Ok(())
}

/// Asks the server at a port; lines of the answer are separated by newlines, columns by `|`.
pub async fn ask(port: u16, database: &str, sql: &str) -> anyhow::Result<String> {
    let mut command = Command::new("psql");
    command.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "linkflow"]);
    command.args(["-p", &port.to_string(), "-d", database, "-c", sql]);
    command.env("PGCONNECT_TIMEOUT", "2");
    Ok(run(command, Duration::from_secs(120)).await?.trim_end().to_owned())
}
