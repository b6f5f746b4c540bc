//! A connection to a PostgreSQL server, for nodes: guarded, under TLS as the credential says, with
//! limits for what comes back.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{StreamExt as _, pin_mut};
use linkflow_model::Object;
use linkflow_node::dial::{Tls, bounded, dial, server_name};
use linkflow_node::{BoxFuture, CredentialSlot, Ctx, NodeError, Secret};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Notification};

use crate::pg_sql::Statement;
use crate::pg_values::{Given, Taken};

/// Where the server is, and as whom it is spoken to.
pub const CREDENTIAL: CredentialSlot = CredentialSlot {
    name: "postgres",
    title: "PostgreSQL",
    fields: &["host", "port", "database", "user", "password", "ssl", "allow_unauthorized_certs", "ca"],
    secret: &["password"],
};

/// For how long a server that is listened to may say nothing before it is asked whether it is there.
const SILENCE_MS_MAX: u64 = 30_000;
/// Notifications that have come and are not taken yet.
const WAITING_MAX: usize = 100;
/// Tells whether the server is there and takes the credential.
pub fn check(ctx: &Ctx) -> BoxFuture<'_, Result<String, NodeError>> {
    Box::pin(async move {
        let mut postgres = Postgres::connect(ctx, CHECK_MS_MAX, false).await?;
        postgres.plainly("SELECT 1").await?;
        Ok(format!("{} answers", postgres.service))
    })
}

/// How long a server may take to say that it is there.
const CHECK_MS_MAX: u64 = 10_000;
/// How long one statement may take, unless the node has a limit of its own.
const STATEMENT_MS_MAX: u64 = 3_600_000;

/// A connection that ends when this is dropped.
pub struct Postgres<'a> {
    client: Client,
    task: tokio::task::JoinHandle<()>,
    ctx: &'a Ctx,
    service: String,
    large_as_numbers: bool,
    bytes_left: usize,
    rows_left: usize,
}

impl Drop for Postgres<'_> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<'a> Postgres<'a> {
    /// Connects as the credential says.
    pub async fn connect(
        ctx: &'a Ctx,
        connect_ms: u64,
        large_as_numbers: bool,
    ) -> Result<Postgres<'a>, NodeError> {
        let (client, connection, service) = open(ctx, connect_ms).await?;
        let task = tokio::spawn(async move {
            // Whoever waits for an answer is told why there is none.
            let _ = connection.await;
        });
        let (bytes_left, rows_left) = (ctx.limits.response_bytes_max, ctx.limits.items_max);
        Ok(Postgres { client, task, ctx, service, large_as_numbers, bytes_left, rows_left })
    }

    /// Connects in the same way, to hear of notifications too.
    pub async fn listening(
        ctx: &'a Ctx,
        connect_ms: u64,
    ) -> Result<(Postgres<'a>, Notifications), NodeError> {
        let (client, mut connection, service) = open(ctx, connect_ms).await?;
        let (said, heard) = mpsc::channel(WAITING_MAX);
        let of = service.clone();
        let task = tokio::spawn(async move {
            while let Some(next) = poll_fn(|cx| connection.poll_message(cx)).await {
                let is_over = match next {
                    Ok(AsyncMessage::Notification(notification)) => {
                        said.send(Ok(notification)).await.is_err()
                    }
                    Ok(_) => false,
                    Err(error) => said.send(Err(problem(&of, &error))).await.is_ok(),
                };
                if is_over {
                    return;
                }
            }
        });
        let (bytes_left, rows_left) = (ctx.limits.response_bytes_max, ctx.limits.items_max);
        let postgres =
            Postgres { client, task, ctx, service, large_as_numbers: false, bytes_left, rows_left };
        Ok((postgres, Notifications(heard)))
    }

    /// The next notification. A server that is silent is asked now and then whether it is there.
    pub async fn next(&mut self, heard: &mut Notifications) -> Result<Notification, NodeError> {
        loop {
            match bounded(self.ctx, SILENCE_MS_MAX, heard.0.recv()).await {
                Ok(Some(next)) => return next,
                Ok(None) => return Err(unavailable(&self.service, "the connection ended")),
                Err(NodeError::TimedOut { .. }) => {
                    bounded(self.ctx, SILENCE_MS_MAX, self.plainly("SELECT 1")).await??;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs a statement and gives its rows.
    pub async fn run(&mut self, statement: &Statement) -> Result<Vec<Object>, NodeError> {
        let ctx = self.ctx;
        bounded(ctx, STATEMENT_MS_MAX, self.rows(statement)).await?
    }

    async fn rows(&mut self, statement: &Statement) -> Result<Vec<Object>, NodeError> {
        let prepared = self.client.prepare(&statement.text).await.map_err(|e| problem(&self.service, &e))?;
        let n_places = prepared.params().len();
        if n_places != statement.values.len() {
            let text = format!("the query has {n_places} values, got {}", statement.values.len());
            return Err(NodeError::data(text));
        }
        let values = statement.values.iter().cloned().map(Given);
        let found = self.client.query_raw(&prepared, values).await.map_err(|e| problem(&self.service, &e))?;
        pin_mut!(found);
        let mut rows = Vec::new();
        while let Some(row) = found.next().await {
            let row = row.map_err(|e| problem(&self.service, &e))?;
            self.bytes_left = self.bytes_left.checked_sub(row.raw_size_bytes()).ok_or_else(|| {
                let limit = format!("{} MB", self.ctx.limits.response_bytes_max >> 20);
                NodeError::Limit { what: "the rows of a query".to_owned(), limit }
            })?;
            self.rows_left = self.rows_left.checked_sub(1).ok_or_else(|| {
                let limit = self.ctx.limits.items_max.to_string();
                NodeError::Limit { what: "the number of rows of a query".to_owned(), limit }
            })?;
            rows.push(object(&row, self.large_as_numbers)?);
        }
        Ok(rows)
    }

    /// Runs what begins or ends a transaction.
    pub async fn plainly(&mut self, text: &str) -> Result<(), NodeError> {
        bounded(self.ctx, STATEMENT_MS_MAX, self.client.batch_execute(text))
            .await?
            .map_err(|e| problem(&self.service, &e))
    }
}

type Opened = (Client, Connection<TcpStream, SecureStream>, String);

/// A connection as the credential says, and the server's name for messages.
async fn open(ctx: &Ctx, connect_ms: u64) -> Result<Opened, NodeError> {
    let secret = ctx.host.credential(CREDENTIAL.name).await?;
    let (host, port) = (secret.host()?, secret.port(5432)?);
    let service = format!("PostgreSQL at {host}:{port}");
    let config = config(&secret)?;
    let opened = async {
        let stream = dial(ctx, host, port).await?;
        let tls = Secured { config: tls(&secret).config()?, name: server_name(host)? };
        config.connect_raw(stream, tls).await.map_err(|e| problem(&service, &e))
    };
    let (client, connection) = bounded(ctx, connect_ms, opened).await??;
    Ok((client, connection, service))
}

/// What a server says unasked.
pub struct Notifications(mpsc::Receiver<Result<Notification, NodeError>>);

fn config(secret: &Secret) -> Result<Config, NodeError> {
    let mut config = Config::new();
    let user = secret.text("user").trim();
    if user.is_empty() {
        return Err(NodeError::Credential("the credential's field `user` is empty".to_owned()));
    }
    config.user(user).application_name("linkflow");
    match secret.text("database").trim() {
        "" => config.dbname(user),
        database => config.dbname(database),
    };
    if !secret.text("password").is_empty() {
        config.password(secret.text("password"));
    }
    config.ssl_mode(match secret.text("ssl").trim() {
        _ if secret.flag("allow_unauthorized_certs") => SslMode::Require,
        "" | "disable" | "false" => SslMode::Disable,
        "allow" | "prefer" => SslMode::Prefer,
        "require" | "verify-ca" | "verify-full" | "true" => SslMode::Require,
        other => {
            let problem = format!("must be disable, allow or require, got \"{other}\"");
            return Err(NodeError::Credential(format!("the credential's field `ssl` {problem}")));
        }
    });
    Ok(config)
}

fn tls(secret: &Secret) -> Tls<'_> {
    Tls {
        accept_invalid_certs: secret.flag("allow_unauthorized_certs"),
        ca: secret.text("ca"),
        ..Tls::default()
    }
}

fn object(row: &tokio_postgres::Row, large_as_numbers: bool) -> Result<Object, NodeError> {
    let mut object = Object::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let taken = row.try_get::<_, Option<Taken<'_>>>(at).ok().flatten();
        let value = match taken {
            None => Value::Null,
            Some(taken) => taken.json(column.type_(), large_as_numbers).ok_or_else(|| {
                let (name, ty) = (column.name(), column.type_().name());
                let text =
                    format!("the column {name} has the type {ty}, which is not read: ask for {name}::text");
                NodeError::data(text)
            })?,
        };
        object.insert(column.name().to_owned(), value);
    }
    Ok(object)
}

/// What the server says is about the data; without a word of the server it was not reached.
fn problem(service: &str, error: &tokio_postgres::Error) -> NodeError {
    if let Some(said) = error.as_db_error() {
        let mut more: Vec<&str> = [said.detail(), said.hint()].into_iter().flatten().collect();
        let code = format!("PostgreSQL's code {}", said.code().code());
        more.push(&code);
        let code = said.code().code();
        if code.starts_with("28") || code == "3D000" {
            return NodeError::Credential(format!(
                "{service} does not take the credential: {}",
                said.message()
            ));
        }
        if code.starts_with("57P") || code == "53300" || code == "40001" || code == "40P01" {
            return unavailable(service, said.message());
        }
        let description = Some(more.join("; "));
        return NodeError::Data { message: said.message().to_owned(), description, item: None };
    }
    let mut cause = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    unavailable(service, &cause)
}

fn unavailable(service: &str, cause: &str) -> NodeError {
    NodeError::Unavailable {
        service: service.to_owned(),
        cause: cause.to_owned(),
        retry_after_ms: None,
        item: None,
    }
}

/// Begins TLS when the server has said that it can.
struct Secured {
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
}

impl TlsConnect<TcpStream> for Secured {
    type Stream = SecureStream;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<SecureStream>> + Send>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        let connector = tokio_rustls::TlsConnector::from(self.config);
        Box::pin(async move { Ok(SecureStream(Box::new(connector.connect(self.name, stream).await?))) })
    }
}

struct SecureStream(Box<tokio_rustls::client::TlsStream<TcpStream>>);

impl tokio_postgres::tls::TlsStream for SecureStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for SecureStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SecureStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
