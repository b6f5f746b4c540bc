//! The program under measurement.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::client::Connection;
use crate::process::{self, Usage};

pub struct Server {
    child: Child,
    pub port: u16,
    /// From the start of the process to its first "ready".
    pub start_ms: f64,
}

impl Server {
    pub async fn start(program: &Path, dir: &Path) -> anyhow::Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let begun = Instant::now();
        let child = Command::new(program)
            .args(["serve", "--port", &port.to_string(), "--data-dir"])
            .arg(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Server { child, port, start_ms: 0.0 };
        while begun.elapsed() < Duration::from_secs(30) {
            if server.is_ready().await {
                server.start_ms = begun.elapsed().as_secs_f64() * 1_000.0;
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("the server was not ready within 30 s")
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.port).await else { return false };
        connection.request("GET /health/ready HTTP/1.1\r\n", "").await.is_ok_and(|(status, _)| status == 200)
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        process::usage(self.child.id())
    }

    /// Makes an owner where there is none, and publishes the workflow.
    pub async fn publish(&self, workflow: &Value) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.port).await?;
        let origin = format!("Origin: http://127.0.0.1:{}\r\n", self.port);
        let setup =
            json!({"email": "bench@example.com", "name": "Bench", "password": "correct horse battery"});
        let head = format!("POST /api/v1/setup HTTP/1.1\r\n{origin}");
        let (status, cookie) = self.cookie(&head, &setup).await?;
        ensure!(status == 201, "no owner: {status}");
        let head =
            format!("POST /api/v1/workflows/import?publish=true HTTP/1.1\r\n{origin}Cookie: {cookie}\r\n");
        let (status, text) = connection.request(&head, &workflow.to_string()).await?;
        ensure!(status == 200 && text.contains("workflow_id"), "not published: {status}: {text}");
        Ok(())
    }

    async fn cookie(&self, head: &str, body: &Value) -> anyhow::Result<(u16, String)> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        let body = body.to_string();
        let text = format!(
            "{head}Host: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(text.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let status = answer.split(' ').nth(1).context("a status")?.parse()?;
        let cookie = answer
            .lines()
            .find_map(|l| {
                l.to_ascii_lowercase().starts_with("set-cookie:").then(|| &l["set-cookie:".len()..])
            })
            .and_then(|c| c.split(';').next());
        Ok((status, cookie.unwrap_or_default().trim().to_owned()))
    }

    /// Waits until as many executions have finished as were accepted.
    pub async fn wait_until_idle(&self) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.port).await?;
        for _ in 0..3_000 {
            let (_, text) = connection.request("GET /metrics HTTP/1.1\r\n", "").await?;
            let sum = |name: &str| -> f64 {
                let lines = text.lines().filter(|l| l.starts_with(name));
                lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
            };
            let accepted = sum("linkflow_executions_accepted_total");
            if sum("linkflow_executions_finished_total") >= accepted {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the executions did not end within 30 s")
    }

    /// CPU that one request costs that reaches no workflow, in microseconds: the floor of HTTP.
    pub async fn health_cost_us(&self, n: u32) -> anyhow::Result<f64> {
        let mut connection = Connection::open(self.port).await?;
        let before = self.usage()?.cpu;
        for _ in 0..n {
            connection.request("GET /health/live HTTP/1.1\r\n", "").await?;
        }
        Ok((self.usage()?.cpu - before).as_secs_f64() * 1e6 / f64::from(n))
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        // SAFETY: a signal to our own child, which has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        let until = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < until, "the server did not end within 30 s of SIGTERM");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
