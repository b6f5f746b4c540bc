//! As much HTTP as the harness needs: a connection that is kept for one request after the other,
//! and the heads of messages. It is our own so that the load costs next to nothing beside the
//! cluster, and so that we know exactly when a request may have arrived.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const HEAD_MAX: usize = 16 * 1024;
const BODY_MAX: usize = 4 * 1024 * 1024;

/// The first line and the headers of a message, names in lower case.
#[derive(Debug, Default)]
pub struct Head {
    pub first: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Reads a message; `None` when the other side has ended in good order.
pub async fn read<R: AsyncRead + Unpin>(from: &mut BufReader<R>) -> anyhow::Result<Option<(Head, Vec<u8>)>> {
    let mut head = Head::default();
    let mut n = 0;
    loop {
        let Some(line) = line(from).await? else {
            if n == 0 {
                return Ok(None);
            }
            bail!("the connection ended within a head");
        };
        n += line.len() + 2;
        if n > HEAD_MAX {
            bail!("a head has more than {HEAD_MAX} bytes");
        }
        match line.split_once(':') {
            _ if line.is_empty() => break,
            _ if head.first.is_empty() => head.first = line,
            Some((name, value)) => head.headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => bail!("{line:?} is no header"),
        }
    }
    let body = body(from, &head).await?;
    Ok(Some((head, body)))
}

async fn line<R: AsyncRead + Unpin>(from: &mut BufReader<R>) -> anyhow::Result<Option<String>> {
    use tokio::io::AsyncBufReadExt;
    let mut bytes = Vec::new();
    let n = from.take(HEAD_MAX as u64).read_until(b'\n', &mut bytes).await?;
    if n == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn body<R: AsyncRead + Unpin>(from: &mut BufReader<R>, head: &Head) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.header("transfer-encoding").is_some_and(|t| t.contains("chunked")) {
        loop {
            let size = line(from).await?.context("the connection ended within a body")?;
            let n = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
            if body.len() + n > BODY_MAX {
                bail!("a body has more than {BODY_MAX} bytes");
            }
            let at = body.len();
            body.resize(at + n, 0);
            from.read_exact(&mut body[at..]).await?;
            line(from).await?;
            if n == 0 {
                return Ok(body);
            }
        }
    }
    let length: usize = head.header("content-length").map_or(Ok(0), str::parse)?;
    if length > BODY_MAX {
        bail!("a body has {length} bytes, more than {BODY_MAX}");
    }
    body.resize(length, 0);
    from.read_exact(&mut body).await?;
    Ok(body)
}

/// A connection that is made when it is needed, and given up after any trouble.
#[derive(Debug, Default)]
pub struct Connection {
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// Sends a request and reads the answer. After an error nobody knows whether it has arrived.
    pub async fn ask(
        &mut self,
        port: u16,
        request: &str,
        within: Duration,
    ) -> anyhow::Result<(u16, Head, Vec<u8>)> {
        let stream = self.stream.take();
        let asked = tokio::time::timeout(within, exchange(stream, port, request)).await;
        let (stream, head, body) = asked.context("no answer in time")??;
        let status = head.first.split(' ').nth(1).unwrap_or_default().parse();
        let status = status.with_context(|| format!("{:?} has no status", head.first))?;
        if head.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok((status, head, body))
    }
}

async fn exchange(
    stream: Option<BufReader<TcpStream>>,
    port: u16,
    request: &str,
) -> anyhow::Result<(BufReader<TcpStream>, Head, Vec<u8>)> {
    let mut stream = match stream {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        }
    };
    stream.get_mut().write_all(request.as_bytes()).await?;
    let (head, body) = read(&mut stream).await?.context("the connection ended before the answer")?;
    Ok((stream, head, body))
}

/// The answer to a GET on a connection of its own.
pub async fn get(port: u16, path: &str) -> anyhow::Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let (status, _, body) = Connection::default().ask(port, &request, Duration::from_secs(2)).await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
