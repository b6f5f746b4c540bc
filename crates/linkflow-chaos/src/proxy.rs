//! A TCP proxy that breaks connections: cut at a chosen place of a transaction, slow, or silent.
//!
//! It knows one thing of what passes: the bytes in which a PostgreSQL client commits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A simple query with the text COMMIT, as `tokio-postgres` sends it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
/// How long a server gets to commit before a connection is cut behind it.
const COMMITTED_AFTER: Duration = Duration::from_millis(150);

/// What becomes of what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Each chunk comes later.
    Slow(Duration),
    /// Nothing passes and nothing is said; connections of this time stay silent for ever.
    Silent,
    /// Connections are cut, and new ones refused.
    Shut,
    /// Connections end when they commit.
    CutAt(Moment),
}

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The server never hears of the commit.
    Before,
    /// The server hears of it and of the end of the connection at the same time.
    During,
    /// The server has committed, and its answer is lost.
    After,
}

/// A proxy, for as long as it is not dropped.
#[derive(Debug)]
pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Mode>,
    cuts: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn start(target: u16) -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        let (mode, seen) = watch::channel(Mode::Pass);
        let cuts = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(accept(listener, target, seen, cuts.clone()));
        Ok(Proxy { port, mode, cuts, task })
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Ends all connections at once; new ones are welcome.
    pub async fn cut(&self) {
        self.set(Mode::Shut);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.set(Mode::Pass);
    }

    /// How many connections were cut at a commit.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    mode: watch::Receiver<Mode>,
    cuts: Arc<AtomicU64>,
) {
    let mut passing = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                let (mode, cuts) = (mode.clone(), cuts.clone());
                passing.spawn(async move {
                    // Dropping both ends them; what had not been passed on is lost.
                    let _ = pass(client, target, mode, &cuts).await;
                });
            }
            Some(_) = passing.join_next() => {}
        }
    }
}

async fn pass(
    mut client: TcpStream,
    target: SocketAddr,
    mut mode: watch::Receiver<Mode>,
    cuts: &AtomicU64,
) -> std::io::Result<()> {
    let now = *mode.borrow_and_update();
    match now {
        Mode::Shut => return Ok(()),
        Mode::Silent => return be_silent(&mut client).await,
        _ => {}
    }
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut from_server) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let now = *mode.borrow_and_update();
        tokio::select! {
            biased;
            _ = mode.changed() => {
                let new = *mode.borrow_and_update();
                match new {
                    Mode::Shut => return Ok(()),
                    Mode::Silent => return be_silent(&mut client).await,
                    _ => {}
                }
            }
            n = client.read(&mut from_client) => {
                let bytes = &from_client[..n?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if let Mode::CutAt(moment) = now && let Some(at) = commit_in(bytes) {
                    cuts.fetch_add(1, Ordering::Relaxed);
                    return cut(moment, bytes, at, &mut server).await;
                }
                wait(now).await;
                server.write_all(bytes).await?;
            }
            n = server.read(&mut from_server) => {
                let bytes = &from_server[..n?];
                if bytes.is_empty() {
                    return Ok(());
                }
                wait(now).await;
                client.write_all(bytes).await?;
            }
        }
    }
}

async fn wait(mode: Mode) {
    if let Mode::Slow(by) = mode {
        tokio::time::sleep(by).await;
    }
}

/// Where a commit begins.
fn commit_in(bytes: &[u8]) -> Option<usize> {
    bytes.windows(COMMIT.len()).position(|window| window == COMMIT)
}

async fn cut(moment: Moment, bytes: &[u8], at: usize, server: &mut TcpStream) -> std::io::Result<()> {
    match moment {
        Moment::Before => server.write_all(&bytes[..at]).await,
        Moment::During => server.write_all(bytes).await,
        Moment::After => {
            server.write_all(bytes).await?;
            tokio::time::sleep(COMMITTED_AFTER).await;
            Ok(())
        }
    }
}

/// A line with nobody at the other end: what is said into it is lost, and nobody says that it is cut.
async fn be_silent(client: &mut TcpStream) -> std::io::Result<()> {
    let mut lost = vec![0; 16 * 1024];
    while client.read(&mut lost).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A server that answers each chunk with what it got, and what it has heard.
    async fn echo() -> (u16, Arc<Mutex<Vec<u8>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let hears = hears.clone();
                tokio::spawn(async move {
                    let mut bytes = vec![0; 1024];
                    while let Ok(n @ 1..) = stream.read(&mut bytes).await {
                        hears.lock().unwrap().extend_from_slice(&bytes[..n]);
                        if stream.write_all(&bytes[..n]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        (port, heard)
    }

    /// What a client hears that says `x` and commits.
    #[derive(Debug, PartialEq, Eq)]
    enum Hears {
        All,
        TheEnd,
        Nothing,
    }

    async fn check(mode: Mode, hears: Hears, heard_at_server: &[u8]) {
        let (port, heard) = echo().await;
        let proxy = Proxy::start(port).await.unwrap();
        proxy.set(mode);
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        let said = [b"x", COMMIT].concat();
        client.write_all(&said).await.unwrap();
        let mut bytes = vec![0; said.len()];
        let patience = if hears == Hears::Nothing { 500 } else { 20_000 };
        let got = tokio::time::timeout(Duration::from_millis(patience), client.read_exact(&mut bytes)).await;
        let got = match got {
            Ok(Ok(_)) => Hears::All,
            Ok(Err(_)) => Hears::TheEnd,
            Err(_) => Hears::Nothing,
        };
        assert_eq!(got, hears, "{mode:?}");
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while *heard.lock().unwrap() != heard_at_server {
            assert!(
                tokio::time::Instant::now() < until,
                "{mode:?}: the server heard {:?}",
                heard.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_connection_is_cut_at_the_commit_or_says_nothing_more() {
        let all = [b"x", COMMIT].concat();
        check(Mode::Pass, Hears::All, &all).await;
        check(Mode::Slow(Duration::from_millis(50)), Hears::All, &all).await;
        check(Mode::CutAt(Moment::Before), Hears::TheEnd, b"x").await;
        check(Mode::CutAt(Moment::After), Hears::TheEnd, &all).await;
        check(Mode::Silent, Hears::Nothing, b"").await;
        check(Mode::Shut, Hears::TheEnd, b"").await;
    }

    #[tokio::test]
    async fn a_silent_connection_stays_silent_and_a_new_one_is_welcome() {
        let (port, _) = echo().await;
        let proxy = Proxy::start(port).await.unwrap();
        let mut old = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        let mut bytes = [0; 1];
        old.write_all(b"a").await.unwrap();
        old.read_exact(&mut bytes).await.unwrap();
        proxy.set(Mode::Silent);
        old.write_all(b"b").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        proxy.set(Mode::Pass);
        let late = tokio::time::timeout(Duration::from_millis(200), old.read_exact(&mut bytes)).await;
        assert!(late.is_err(), "the old connection answers: {late:?}");
        let mut new = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        new.write_all(b"c").await.unwrap();
        new.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"c");
    }
}
