//! A process that the harness starts, breaks and ends. Nothing here knows what it is.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts a command whose output goes to the end of a log.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Process> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{name} cannot be started ({:?})", command.get_program()))?;
        Ok(Process { child, name: name.to_owned() })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: i32) {
        send(self.child.id(), signal);
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// As `kill -9`, which also ends one that is stopped.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// As `kill -9` of it and of the processes that it has started.
    pub fn kill_family(&mut self) {
        let children = children_of(self.id());
        self.kill();
        children.into_iter().for_each(|child| send(child, libc::SIGKILL));
    }

    /// Asks it to end and waits until it has.
    pub async fn end(&mut self, within: Duration) -> anyhow::Result<()> {
        self.signal(libc::SIGTERM);
        let until = Instant::now() + within;
        while !self.has_ended() {
            if Instant::now() > until {
                self.kill();
                bail!("{} did not end within {within:?} of SIGTERM", self.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_family();
    }
}

fn send(process: u32, signal: i32) {
    // SAFETY: a call without memory; a process that has gone is no error for us.
    unsafe { libc::kill(process as libc::pid_t, signal) };
}

/// The processes whose parent is `parent`.
fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may have spaces in it.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// A command as the user who may run a database server: they refuse to run as root.
pub fn as_server(program: &Path) -> Command {
    // SAFETY: it only reads the number of this process's user.
    if unsafe { libc::geteuid() } != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

/// Runs a command to its end.
pub async fn run(mut command: Command, within: Duration) -> anyhow::Result<String> {
    let text = format!("{command:?}");
    command.stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    let output = tokio::time::timeout(within, command.kill_on_drop(true).output())
        .await
        .with_context(|| format!("took longer than {within:?}: {text}"))?
        .with_context(|| format!("cannot be run: {text}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{text}: {} ({})", said.trim(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A port on which nobody listens.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until something is so.
pub async fn until(
    what: &str,
    within: Duration,
    mut is_so: impl AsyncFnMut() -> bool,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    while !is_so().await {
        if began.elapsed() > within {
            bail!("waited {within:?} in vain until {what}");
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(began.elapsed())
}

/// Where a program is, looked for as a shell does and among the programs of administrators.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/usr/local/sbin"])
        .map(|dir| Path::new(dir).join(program))
        .find(|p| p.is_file())
}
