//! The world outside: a service that workflows call, which writes down what it sees. A call is
//! known by its path, `/{place}/{order}`, and by its idempotency key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How long a call at the place `slow` takes.
const SLOW: Duration = Duration::from_millis(400);

/// The places of workflows from which the service is called.
pub const PLACES: &[&str] = &["plain", "slow", "rested", "child", "parent", "second"];

/// The calls of one place for one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Each key with how often it came.
    pub keys: Vec<(String, u32)>,
}

impl Calls {
    fn note(&mut self, key: &str) {
        match self.keys.iter_mut().find(|(k, _)| k == key) {
            Some((_, n)) => *n += 1,
            None => self.keys.push((key.to_owned(), 1)),
        }
    }
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<HashMap<(u8, u64), Calls>>>);

impl Seen {
    fn note(&self, place: u8, order: u64, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((place, order)).or_default().note(key);
    }

    /// How many different effects there were.
    pub fn n(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Everything, at the end.
    pub fn all(&self) -> HashMap<(u8, u64), Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts the service and gives its port.
pub async fn serve(seen: Seen) -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                // A caller that dies ends its connection somewhere; that is no news.
                let _ = converse(stream, &seen).await;
            });
        }
    });
    Ok(port)
}

async fn converse(stream: TcpStream, seen: &Seen) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some((head, _)) = crate::http::read(&mut stream).await? {
        let path = head.first.split(' ').nth(1).unwrap_or_default();
        let status = match place_and_order(path) {
            Some((place, order)) => {
                seen.note(place, order, head.header("idempotency-key").unwrap_or_default());
                if PLACES[usize::from(place)] == "slow" {
                    tokio::time::sleep(SLOW).await;
                }
                "200 OK"
            }
            None => "404 Not Found",
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{{\"ok\":true}}"
        );
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn place_and_order(path: &str) -> Option<(u8, u64)> {
    let (place, order) = path.strip_prefix('/')?.split_once('/')?;
    let place = PLACES.iter().position(|p| *p == place)?;
    Some((place as u8, order.parse().ok()?))
}
