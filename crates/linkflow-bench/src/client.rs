//! Requests over connections that stay open: as little work as possible beside the server.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cases::Case;

pub struct Connection {
    stream: TcpStream,
    port: u16,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, port, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends one request and gives status and body of its answer.
    pub async fn request(&mut self, head: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let text = format!(
            "{head}Host: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        self.stream.write_all(text.as_bytes()).await?;
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(answer) = whole(&self.buffer)? {
                return Ok(answer);
            }
        }
    }
}

/// The answer, once all of it is there.
fn whole(buffer: &[u8]) -> anyhow::Result<Option<(u16, String)>> {
    let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let body = &buffer[end + 4..];
    if let Some(length) = head.lines().find_map(|l| l.strip_prefix("content-length:")) {
        let length: usize = length.trim().parse()?;
        return Ok((body.len() >= length).then(|| (status, String::from_utf8_lossy(body).into_owned())));
    }
    if head.contains("transfer-encoding: chunked") {
        let is_whole = body.ends_with(b"0\r\n\r\n");
        return Ok(is_whole.then(|| (status, String::from_utf8_lossy(body).into_owned())));
    }
    bail!("an answer without a length: {head}")
}

/// Sends `n` requests over `connections` connections, and gives how long each took.
pub async fn load(port: u16, case: &Case, n: usize, connections: usize) -> anyhow::Result<Vec<Duration>> {
    let left = Rc::new(Cell::new(n));
    let head = Rc::new(format!("POST /webhook/{} HTTP/1.1\r\n", case.path));
    let set = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (left, head, body, answer) = (left.clone(), head.clone(), case.body.clone(), case.answer);
            set.spawn_local(async move {
                let mut connection = Connection::open(port).await?;
                let mut took = Vec::new();
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    let begun = Instant::now();
                    let (status, text) = connection.request(&head, &body).await?;
                    took.push(begun.elapsed());
                    ensure!(status == 200 && text.contains(answer), "{status}: {text}");
                }
                anyhow::Ok(took)
            })
        })
        .collect();
    set.await;
    let mut all = Vec::with_capacity(n);
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

/// A service that takes its time over each request.
pub async fn answer_slowly(listener: tokio::net::TcpListener, wait: Duration) -> anyhow::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            // Requests without bodies come whole.
            while matches!(stream.read(&mut buffer).await, Ok(n) if n > 0) {
                tokio::time::sleep(wait).await;
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}
