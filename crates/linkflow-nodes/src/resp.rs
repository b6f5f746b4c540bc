//! Redis' protocol, as far as nodes need it: commands out, replies in, one after the other.
//!
//! It is written here because what a server sends is not to be trusted with our memory: a reply has a
//! limit of bytes, of entries and of depth.

use std::future::Future;
use std::pin::Pin;

use linkflow_node::dial::{Stream, Tls, bounded, dial, unavailable};
use linkflow_node::{BoxFuture, CredentialSlot, Ctx, NodeError, Secret};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Where the server is, and as whom it is spoken to.
pub const CREDENTIAL: CredentialSlot = CredentialSlot {
    name: "redis",
    title: "Redis",
    fields: &["host", "port", "user", "password", "database", "ssl", "disable_tls_verification"],
    secret: &["password"],
};

/// Tells whether the server is there and takes the credential.
pub fn check(ctx: &Ctx) -> BoxFuture<'_, Result<String, NodeError>> {
    Box::pin(async move {
        let mut redis = bounded(ctx, CHECK_MS_MAX, Redis::connect(ctx)).await??;
        redis.ask(&["PING"]).await?;
        Ok(format!("{} answers", redis.service))
    })
}

/// How long a server may take to say that it is there.
const CHECK_MS_MAX: u64 = 10_000;
/// How long one command may take.
const COMMAND_MS_MAX: u64 = 60_000;
/// For how long a server may say nothing before it is asked whether it is there.
const SILENCE_MS_MAX: u64 = 30_000;
const LINE_BYTES_MAX: u64 = 64 << 10;
const DEPTH_MAX: usize = 8;

/// What a server answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Nothing,
    Number(i64),
    Text(String),
    List(Vec<Answer>),
}

impl Answer {
    /// The texts of a list; of anything else none.
    pub fn texts(self) -> Vec<String> {
        match self {
            Answer::List(list) => list.into_iter().map(Answer::text).collect(),
            _ => Vec::new(),
        }
    }

    pub fn text(self) -> String {
        match self {
            Answer::Text(text) => text,
            Answer::Number(number) => number.to_string(),
            Answer::Nothing | Answer::List(_) => String::new(),
        }
    }
}

/// A connection to a server.
pub struct Redis<'a> {
    stream: BufReader<Box<dyn Stream>>,
    ctx: &'a Ctx,
    service: String,
}

impl<'a> Redis<'a> {
    /// Connects as the credential says, signs in and chooses the database.
    pub async fn connect(ctx: &'a Ctx) -> Result<Redis<'a>, NodeError> {
        let secret = ctx.host.credential(CREDENTIAL.name).await?;
        let (host, port) = (secret.host()?, secret.port(6379)?);
        let stream = dial(ctx, host, port).await?;
        let stream: Box<dyn Stream> = match secret.flag("ssl") {
            false => Box::new(stream),
            true => {
                let accept_invalid_certs = secret.flag("disable_tls_verification");
                Box::new(Tls { accept_invalid_certs, ..Tls::default() }.begin(ctx, stream, host).await?)
            }
        };
        let mut redis =
            Redis { stream: BufReader::new(stream), ctx, service: format!("Redis at {host}:{port}") };
        redis.sign_in(&secret).await?;
        Ok(redis)
    }

    async fn sign_in(&mut self, secret: &Secret) -> Result<(), NodeError> {
        let refused = |e: NodeError| match e {
            NodeError::Data { message, .. } => {
                NodeError::Credential(format!("Redis does not take the credential: {message}"))
            }
            other => other,
        };
        match (secret.text("user").trim(), secret.text("password")) {
            (_, "") => {}
            ("", password) => drop(self.ask(&["AUTH", password]).await.map_err(refused)?),
            (user, password) => drop(self.ask(&["AUTH", user, password]).await.map_err(refused)?),
        }
        match secret.text("database").trim() {
            "" | "0" => Ok(()),
            database => self.ask(&["SELECT", database]).await.map(drop).map_err(refused),
        }
    }

    /// Sends a command and waits for its answer. An answer that is an error is one.
    pub async fn ask(&mut self, command: &[&str]) -> Result<Answer, NodeError> {
        let ctx = self.ctx;
        bounded(ctx, COMMAND_MS_MAX, self.exchange(command)).await?
    }

    /// Begins to hear what is sent to channels, by patterns. Nothing else can be asked from then on.
    pub async fn subscribe(&mut self, patterns: &[&str]) -> Result<(), NodeError> {
        let command: Vec<&str> = ["PSUBSCRIBE"].into_iter().chain(patterns.iter().copied()).collect();
        // Each pattern is confirmed; the others' answers come as messages do.
        self.ask(&command).await.map(drop)
    }

    /// The next message, and its channel. A server that is silent is asked now and then whether it is
    /// there; one that does not answer is `Unavailable`.
    pub async fn next_message(&mut self) -> Result<(String, String), NodeError> {
        loop {
            let ctx = self.ctx;
            match bounded(ctx, SILENCE_MS_MAX, self.stream.fill_buf()).await {
                Ok(Ok([])) => return Err(self.ended()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(unavailable(&self.service, &error)),
                Err(NodeError::TimedOut { .. }) => {
                    bounded(ctx, COMMAND_MS_MAX, self.send(&["PING"])).await??;
                    let answered = bounded(ctx, COMMAND_MS_MAX, self.stream.fill_buf()).await;
                    answered?.map_err(|e| unavailable(&self.service, &e))?;
                }
                Err(error) => return Err(error),
            }
            let mut budget = self.budget();
            let answer = bounded(ctx, COMMAND_MS_MAX, self.answer(&mut budget, 0)).await??;
            let parts: [String; 4] = match answer.texts().try_into() {
                Ok(parts) => parts,
                Err(_) => continue,
            };
            let [kind, _, channel, message] = parts;
            if kind == "pmessage" {
                return Ok((channel, message));
            }
        }
    }

    async fn exchange(&mut self, command: &[&str]) -> Result<Answer, NodeError> {
        self.send(command).await?;
        let mut budget = self.budget();
        self.answer(&mut budget, 0).await
    }

    async fn send(&mut self, command: &[&str]) -> Result<(), NodeError> {
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for part in command {
            bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let sent = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|e| unavailable(&self.service, &e))
    }

    fn budget(&self) -> Budget {
        let limit = self.ctx.limits.response_bytes_max;
        Budget { bytes: limit, entries: self.ctx.limits.items_max, limit }
    }

    fn answer<'b>(
        &'b mut self,
        budget: &'b mut Budget,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, NodeError>> + Send + 'b>> {
        Box::pin(async move {
            let line = self.line().await?;
            let (kind, rest) = line.split_at_checked(1).unwrap_or_default();
            match kind {
                "+" => Ok(Answer::Text(rest.to_owned())),
                "-" => Err(NodeError::data(rest.to_owned())),
                ":" => Ok(Answer::Number(self.number(rest)?)),
                "$" => match usize::try_from(self.number(rest)?) {
                    Err(_) => Ok(Answer::Nothing),
                    Ok(n_bytes) => self.bulk(budget, n_bytes).await,
                },
                "*" => match usize::try_from(self.number(rest)?) {
                    Err(_) => Ok(Answer::Nothing),
                    Ok(_) if depth >= DEPTH_MAX => Err(self.strange("lists in lists in lists")),
                    Ok(n) => {
                        budget.take_entries(n)?;
                        let mut list = Vec::new();
                        for _ in 0..n {
                            list.push(self.answer(budget, depth + 1).await?);
                        }
                        Ok(Answer::List(list))
                    }
                },
                _ => Err(self.strange(&line)),
            }
        })
    }

    async fn bulk(&mut self, budget: &mut Budget, n_bytes: usize) -> Result<Answer, NodeError> {
        budget.take_bytes(n_bytes)?;
        let mut bytes = Vec::new();
        let length = n_bytes as u64 + 2;
        let read = (&mut self.stream).take(length).read_to_end(&mut bytes).await;
        match read {
            Ok(n) if n as u64 == length => {
                bytes.truncate(n_bytes);
                Ok(Answer::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Ok(_) => Err(self.ended()),
            Err(error) => Err(unavailable(&self.service, &error)),
        }
    }

    async fn line(&mut self) -> Result<String, NodeError> {
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).await;
        read.map_err(|e| unavailable(&self.service, &e))?;
        match bytes.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None if bytes.len() as u64 == LINE_BYTES_MAX => Err(self.strange("a line without end")),
            None => Err(self.ended()),
        }
    }

    fn number(&self, text: &str) -> Result<i64, NodeError> {
        text.parse().map_err(|_| self.strange(text))
    }

    fn ended(&self) -> NodeError {
        let cause = "the connection ended in the middle of an answer".to_owned();
        NodeError::Unavailable { service: self.service.clone(), cause, retry_after_ms: None, item: None }
    }

    fn strange(&self, what: &str) -> NodeError {
        let shown: String = what.chars().take(40).collect();
        NodeError::data(format!("{} answers what is not of its protocol: \"{shown}\"", self.service))
    }
}

/// What is left of the limits of one answer.
struct Budget {
    bytes: usize,
    entries: usize,
    limit: usize,
}

impl Budget {
    fn take_bytes(&mut self, n: usize) -> Result<(), NodeError> {
        self.bytes = self.bytes.checked_sub(n).ok_or_else(|| NodeError::Limit {
            what: "an answer of Redis".to_owned(),
            limit: format!("{} MB", self.limit >> 20),
        })?;
        Ok(())
    }

    fn take_entries(&mut self, n: usize) -> Result<(), NodeError> {
        let limit = self.entries;
        self.entries = self.entries.checked_sub(n).ok_or_else(|| NodeError::Limit {
            what: "the entries of an answer of Redis".to_owned(),
            limit: limit.to_string(),
        })?;
        Ok(())
    }
}
