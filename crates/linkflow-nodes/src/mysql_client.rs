//! A connection to a MySQL or MariaDB server, for nodes: guarded, under TLS as the credential says, with
//! limits for what comes back.
//!
//! The protocol is written here, as far as nodes need it, because what a server sends is not to be
//! trusted with our memory. A server that asks for a file of ours is refused.

use linkflow_model::Object;
use linkflow_node::dial::{Stream, Tls, bounded, dial, unavailable};
use linkflow_node::{CredentialSlot, Ctx, NodeError, Secret};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

use crate::mysql_auth::{Method, ended, sealed};
use crate::mysql_sql::Statement;
use crate::mysql_values::{Bytes, Column, Reading, binary_row, put_counted, put_values, text_row};

/// Where the server is, and as whom it is spoken to.
pub const CREDENTIAL: CredentialSlot = CredentialSlot {
    name: "mysql",
    title: "MySQL",
    fields: &[
        "host",
        "port",
        "database",
        "user",
        "password",
        "connect_timeout",
        "ssl",
        "ca_certificate",
        "client_certificate",
        "client_private_key",
    ],
    secret: &["password", "client_private_key"],
};

/// How long one statement may take, unless the node has a limit of its own.
const STATEMENT_MS_MAX: u64 = 3_600_000;
/// How long a server may take until it has let us in, unless the credential says another time.
const CONNECT_MS: u64 = 10_000;
/// What one packet holds at most; more of the same goes into the next.
const PACKET_BYTES: usize = 0xff_ffff;
/// The protocol counts columns and places with two bytes.
const COLUMNS_MAX: u64 = 65_535;

mod can {
    pub const LONG_PASSWORD: u32 = 1;
    pub const FOUND_ROWS: u32 = 1 << 1;
    pub const LONG_FLAG: u32 = 1 << 2;
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    pub const PROTOCOL_41: u32 = 1 << 9;
    pub const SSL: u32 = 1 << 11;
    pub const TRANSACTIONS: u32 = 1 << 13;
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    pub const MULTI_STATEMENTS: u32 = 1 << 16;
    pub const MULTI_RESULTS: u32 = 1 << 17;
    pub const PS_MULTI_RESULTS: u32 = 1 << 18;
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    pub const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
    /// Of MariaDB's own ones: it tells the format of texts, such as JSON.
    pub const FORMATS: u32 = 1 << 3;
}

/// `utf8mb4_general_ci`, which all servers in use know.
const CHARSET: u8 = 45;
const MORE_RESULTS: u16 = 8;

/// What a server answers to a statement.
#[derive(Clone, Debug)]
pub enum Answer {
    Rows(Vec<Object>),
    /// It was done; with the counts, as an object.
    Done(Object),
}

/// A connection to a server.
pub struct MySql<'a> {
    stream: BufReader<Box<dyn Stream>>,
    ctx: &'a Ctx,
    service: String,
    reading: Reading,
    has_formats: bool,
    is_secret: bool,
    sequence: u8,
    bytes_left: usize,
    rows_left: usize,
}

/// What the first packet of a server says.
struct Greeting {
    nonce: Vec<u8>,
    capabilities: u32,
    /// MariaDB's own.
    more: u32,
    method: Option<Method>,
}

impl<'a> MySql<'a> {
    /// Connects as the credential says and signs in.
    pub async fn connect(
        ctx: &'a Ctx,
        limit_ms: Option<u64>,
        reading: Reading,
    ) -> Result<MySql<'a>, NodeError> {
        let secret = ctx.host.credential(CREDENTIAL.name).await?;
        let (host, port) = (secret.host()?, secret.port(3306)?);
        if secret.flag("ssh_tunnel") {
            let text = "the credential asks for a tunnel over SSH, and nodes connect without one";
            return Err(NodeError::Credential(text.to_owned()));
        }
        let by_credential = secret.text("connect_timeout").trim().parse().ok().filter(|ms| *ms > 0);
        let limit_ms = limit_ms.or(by_credential).unwrap_or(CONNECT_MS);
        bounded(ctx, limit_ms, MySql::signed_in(ctx, &secret, host, port, reading)).await?
    }

    async fn signed_in(
        ctx: &'a Ctx,
        secret: &Secret,
        host: &str,
        port: u16,
        reading: Reading,
    ) -> Result<MySql<'a>, NodeError> {
        let service = format!("MySQL at {host}:{port}");
        let mut stream = dial(ctx, host, port).await?;
        // Unbuffered: what comes after the greeting may belong to TLS.
        let first = greeting_packet(&mut stream).await.map_err(|e| unavailable(&service, &e))?;
        let greeting = Greeting::read(&first).map_err(|e| refused_at_the_door(&service, e))?;
        let mut capabilities = greeting.capabilities_of_ours(secret);
        let wants_tls = secret.flag("ssl");
        let stream: Box<dyn Stream> = match wants_tls {
            false => Box::new(stream),
            true if greeting.capabilities & can::SSL == 0 => {
                let text = format!("{service} has no TLS, and the credential asks for it");
                return Err(NodeError::Credential(text));
            }
            true => {
                capabilities |= can::SSL;
                let asked = framed(1, &greeting.opening(capabilities));
                stream.write_all(&asked).await.map_err(|e| unavailable(&service, &e))?;
                Box::new(tls(secret).begin(ctx, stream, host).await?)
            }
        };
        let limits = &ctx.limits;
        let mut connection = MySql {
            stream: BufReader::new(stream),
            ctx,
            service,
            reading,
            has_formats: greeting.more & can::FORMATS != 0,
            is_secret: wants_tls,
            sequence: if wants_tls { 2 } else { 1 },
            bytes_left: limits.response_bytes_max,
            rows_left: limits.items_max,
        };
        connection.sign_in(secret, &greeting, capabilities).await?;
        (connection.bytes_left, connection.rows_left) = (limits.response_bytes_max, limits.items_max);
        Ok(connection)
    }

    async fn sign_in(&mut self, secret: &Secret, greeting: &Greeting, can: u32) -> Result<(), NodeError> {
        let user = secret.text("user").trim();
        if user.is_empty() {
            return Err(NodeError::Credential("the credential's field `user` is empty".to_owned()));
        }
        let password = secret.text("password");
        // One that we do not know, or that would tell the password, is not begun with: the server
        // then says what it wants.
        let mut method = greeting.method.filter(|m| *m != Method::Clear).unwrap_or(Method::Native);
        let mut nonce = greeting.nonce.clone();
        let mut packet = greeting.opening(can);
        packet.extend_from_slice(user.as_bytes());
        packet.push(0);
        put_counted(&mut packet, &method.proof(password, &nonce));
        if can & can::CONNECT_WITH_DB != 0 {
            packet.extend_from_slice(secret.text("database").trim().as_bytes());
            packet.push(0);
        }
        packet.extend_from_slice(method.name().as_bytes());
        packet.push(0);
        self.send(&packet).await?;
        loop {
            let answer = self.packet().await?;
            let mut bytes = Bytes(&answer);
            match bytes.u8() {
                Some(0) => return Ok(()),
                Some(255) => return Err(refused_at_the_door(&self.service, Some(Said::read(bytes)))),
                Some(254) => {
                    let name = bytes.until_zero();
                    method = Method::of(name).ok_or_else(|| self.unknown_method(name))?;
                    nonce = bytes.0.strip_suffix(&[0]).unwrap_or(bytes.0).to_vec();
                    if method == Method::Clear && !self.is_secret {
                        return Err(self.would_tell());
                    }
                    self.send(&method.proof(password, &nonce)).await?;
                }
                Some(1) if method == Method::CachingSha2 => match bytes.0 {
                    [3] => {}
                    [4] => self.tell_password(password, &nonce).await?,
                    _ => return Err(self.strange("an unknown step of signing in")),
                },
                _ => return Err(self.strange("an unknown answer to signing in")),
            }
        }
    }

    /// The server has not seen this password since it started, and wants it whole.
    async fn tell_password(&mut self, password: &str, nonce: &[u8]) -> Result<(), NodeError> {
        if self.is_secret {
            return self.send(&ended(password)).await;
        }
        self.send(&[2]).await?;
        let answer = self.packet().await?;
        let key = answer.strip_prefix(&[1]).unwrap_or_default();
        match sealed(password, nonce, key) {
            Some(bytes) => self.send(&bytes).await,
            None => Err(self.would_tell()),
        }
    }

    /// Runs a statement; where it has no values, it may be several.
    pub async fn run(&mut self, statement: &Statement) -> Result<Vec<Answer>, NodeError> {
        bounded(self.ctx, STATEMENT_MS_MAX, async {
            match statement.values.is_empty() {
                true => self.query(&statement.text).await,
                false => self.prepared(statement).await,
            }
        })
        .await?
    }

    async fn query(&mut self, text: &str) -> Result<Vec<Answer>, NodeError> {
        self.command(0x03, text.as_bytes()).await?;
        self.answers(text_row).await
    }

    async fn prepared(&mut self, statement: &Statement) -> Result<Vec<Answer>, NodeError> {
        self.command(0x16, statement.text.as_bytes()).await?;
        let answer = self.packet().await?;
        let mut bytes = Bytes(&answer);
        if bytes.u8() == Some(255) {
            return Err(Said::read(bytes).into_error(&self.service));
        }
        let read = (|| Some((bytes.u32()?, bytes.u16()?, bytes.u16()?)))();
        let (id, n_columns, n_places) = read.ok_or_else(|| self.strange("a short packet"))?;
        for n in [n_places, n_columns] {
            // Each list ends with a packet that says so.
            for _ in 0..if n > 0 { n + 1 } else { 0 } {
                self.packet().await?;
            }
        }
        let n_given = statement.values.len();
        if usize::from(n_places) != n_given {
            let text = format!("the query has {n_places} values, got {n_given}");
            return Err(NodeError::data(text));
        }
        let mut packet = [&id.to_le_bytes()[..], &[0, 1, 0, 0, 0]].concat();
        put_values(&mut packet, &statement.values);
        self.command(0x17, &packet).await?;
        let answers = self.answers(binary_row).await;
        // Nobody answers to that.
        self.command(0x19, &id.to_le_bytes()).await?;
        answers
    }

    async fn answers(
        &mut self,
        row: fn(&[Column], &[u8], Reading) -> Option<Object>,
    ) -> Result<Vec<Answer>, NodeError> {
        let mut answers = Vec::new();
        loop {
            let packet = self.packet().await?;
            let mut bytes = Bytes(&packet);
            let status = match packet.first() {
                Some(0) => {
                    let (done, status) = done(&packet).ok_or_else(|| self.strange("a short packet"))?;
                    answers.push(Answer::Done(done));
                    status
                }
                Some(255) => {
                    bytes.u8();
                    return Err(Said::read(bytes).into_error(&self.service));
                }
                Some(251) => return Err(self.strange("it asks for a file of this machine")),
                _ => {
                    let n = bytes.number().filter(|n| (1..=COLUMNS_MAX).contains(n));
                    let n = n.ok_or_else(|| self.strange("an unknown answer"))?;
                    let (rows, status) = self.rows(n, row).await?;
                    answers.push(Answer::Rows(rows));
                    status
                }
            };
            if status & MORE_RESULTS == 0 {
                return Ok(answers);
            }
        }
    }

    async fn rows(
        &mut self,
        n_columns: u64,
        read: fn(&[Column], &[u8], Reading) -> Option<Object>,
    ) -> Result<(Vec<Object>, u16), NodeError> {
        let mut columns = Vec::new();
        for _ in 0..n_columns {
            let packet = self.packet().await?;
            let column = Column::read(&packet, self.has_formats);
            columns.push(column.ok_or_else(|| self.strange("a column that is none"))?);
        }
        self.packet().await?;
        let mut rows = Vec::new();
        loop {
            let packet = self.packet().await?;
            match packet.first() {
                Some(254) if packet.len() < 9 => {
                    let status = packet.get(3..5).map_or(0, |s| u16::from_le_bytes([s[0], s[1]]));
                    return Ok((rows, status));
                }
                Some(255) => return Err(Said::read(Bytes(&packet[1..])).into_error(&self.service)),
                _ => {}
            }
            self.rows_left = self.rows_left.checked_sub(1).ok_or_else(|| {
                let limit = self.ctx.limits.items_max.to_string();
                NodeError::Limit { what: "the number of rows of a query".to_owned(), limit }
            })?;
            let row = read(&columns, &packet, self.reading);
            rows.push(row.ok_or_else(|| self.strange("a row that is none"))?);
        }
    }

    async fn command(&mut self, command: u8, rest: &[u8]) -> Result<(), NodeError> {
        self.sequence = 0;
        self.send(&[&[command], rest].concat()).await
    }

    async fn send(&mut self, payload: &[u8]) -> Result<(), NodeError> {
        let mut out = Vec::with_capacity(payload.len() + 4);
        let mut chunks = payload.chunks(PACKET_BYTES);
        let mut last = PACKET_BYTES;
        // One that is full is followed by another, be it empty.
        while last == PACKET_BYTES {
            let chunk = chunks.next().unwrap_or_default();
            last = chunk.len();
            out.extend(framed(self.sequence, chunk));
            self.sequence = self.sequence.wrapping_add(1);
        }
        let sent = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|e| unavailable(&self.service, &e))
    }

    async fn packet(&mut self) -> Result<Vec<u8>, NodeError> {
        let mut packet = Vec::new();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head).await.map_err(|e| unavailable(&self.service, &e))?;
            let [a, b, c, sequence] = head;
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            self.sequence = sequence.wrapping_add(1);
            self.bytes_left = self.bytes_left.checked_sub(length).ok_or_else(|| {
                let limit = format!("{} MB", self.ctx.limits.response_bytes_max >> 20);
                NodeError::Limit { what: "the rows of a query".to_owned(), limit }
            })?;
            let read = (&mut self.stream).take(length as u64).read_to_end(&mut packet).await;
            match read {
                Ok(n) if n == length => {}
                Ok(_) => return Err(unavailable(&self.service, &std::io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(unavailable(&self.service, &error)),
            }
            if length < PACKET_BYTES {
                return Ok(packet);
            }
        }
    }

    fn unknown_method(&self, name: &[u8]) -> NodeError {
        let name = String::from_utf8_lossy(name);
        let text = format!("{} asks for a way of signing in that is not known here: {name}", self.service);
        NodeError::Credential(text)
    }

    fn would_tell(&self) -> NodeError {
        let text = format!("{} wants the password, and the connection is not secret: use TLS", self.service);
        NodeError::Credential(text)
    }

    fn strange(&self, what: &str) -> NodeError {
        NodeError::Unavailable {
            service: self.service.clone(),
            cause: format!("what it sends is not of its protocol: {what}"),
            retry_after_ms: None,
            item: None,
        }
    }
}

fn tls(secret: &Secret) -> Tls<'_> {
    Tls {
        ca: secret.text("ca_certificate"),
        cert: secret.text("client_certificate"),
        key: secret.text("client_private_key"),
        ..Tls::default()
    }
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, ..] = (payload.len() as u32).to_le_bytes();
    [&[a, b, c, sequence], payload].concat()
}

async fn greeting_packet(stream: &mut tokio::net::TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
    if length > 4096 {
        return Err(std::io::Error::other("it does not begin as MySQL does"));
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

impl Greeting {
    /// Reads the first packet; what the server says when it will not talk is the error.
    fn read(packet: &[u8]) -> Result<Greeting, Option<Said>> {
        let mut bytes = Bytes(packet);
        match bytes.u8() {
            Some(10) => Greeting::of_version_10(bytes).ok_or(None),
            Some(255) => Err(Some(Said::read(bytes))),
            _ => Err(None),
        }
    }

    fn of_version_10(mut bytes: Bytes<'_>) -> Option<Greeting> {
        let _version = bytes.until_zero();
        let _thread = bytes.u32()?;
        let mut nonce = bytes.take(8)?.to_vec();
        bytes.u8()?;
        let low = bytes.u16()?;
        let (_charset, _status) = (bytes.u8()?, bytes.u16()?);
        let capabilities = u32::from(low) | u32::from(bytes.u16()?) << 16;
        let length = usize::from(bytes.u8()?);
        bytes.take(6)?;
        let more = bytes.u32()?;
        nonce.extend_from_slice(bytes.take(length.saturating_sub(8).max(13))?);
        // It ends with a zero, which is not part of it.
        nonce.truncate(20);
        let method = Method::of(bytes.until_zero());
        let is_mariadb = capabilities & can::LONG_PASSWORD == 0;
        Some(Greeting { nonce, capabilities, more: if is_mariadb { more } else { 0 }, method })
    }

    /// What of ours the server knows too.
    fn capabilities_of_ours(&self, secret: &Secret) -> u32 {
        let mut ours = can::FOUND_ROWS
            | can::LONG_FLAG
            | can::PROTOCOL_41
            | can::TRANSACTIONS
            | can::SECURE_CONNECTION
            | can::MULTI_STATEMENTS
            | can::MULTI_RESULTS
            | can::PS_MULTI_RESULTS
            | can::PLUGIN_AUTH
            | can::PLUGIN_AUTH_LENENC
            | can::LONG_PASSWORD;
        if !secret.text("database").trim().is_empty() {
            ours |= can::CONNECT_WITH_DB;
        }
        ours & (self.capabilities | can::PROTOCOL_41)
    }

    /// The beginning of our answer, which is all there is of it before TLS.
    fn opening(&self, capabilities: u32) -> Vec<u8> {
        let mut packet = capabilities.to_le_bytes().to_vec();
        // As much as a packet may have.
        packet.extend_from_slice(&(1_u32 << 30).to_le_bytes());
        packet.push(CHARSET);
        packet.extend_from_slice(&[0; 19]);
        packet.extend_from_slice(&(self.more & can::FORMATS).to_le_bytes());
        packet
    }
}

/// The counts of a statement that gave no rows, and the server's status.
fn done(packet: &[u8]) -> Option<(Object, u16)> {
    let mut bytes = Bytes(packet);
    bytes.u8()?;
    let (affected, id) = (bytes.number()?, bytes.number()?);
    let (status, warnings) = (bytes.u16()?, bytes.u16()?);
    let info = String::from_utf8_lossy(bytes.0).trim_start_matches(|c: char| c.is_control()).to_owned();
    let counts = json!({"fieldCount": 0, "affectedRows": affected, "insertId": id, "info": info,
        "serverStatus": status, "warningStatus": warnings, "changedRows": changed(&info)});
    Some((counts.as_object().cloned()?, status))
}

/// `Rows matched: 2  Changed: 1  Warnings: 0` says that one was changed.
fn changed(info: &str) -> u64 {
    let behind = info.split("Changed: ").nth(1).unwrap_or_default();
    behind.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// An error as a server words it.
struct Said {
    code: u16,
    message: String,
}

impl Said {
    /// Reads what stands behind the first byte.
    fn read(mut bytes: Bytes<'_>) -> Said {
        let code = bytes.u16().unwrap_or(0);
        if bytes.0.first() == Some(&b'#') {
            bytes.take(6);
        }
        Said { code, message: String::from_utf8_lossy(bytes.0).into_owned() }
    }

    /// Too many connections or statements, an end of the server, a lock that did not come, a deadlock.
    fn passes_by(&self) -> bool {
        matches!(self.code, 1040 | 1053 | 1203 | 1205 | 1213 | 1226 | 1317 | 1927 | 3024 | 4031)
    }

    fn into_error(self, service: &str) -> NodeError {
        if self.passes_by() {
            return unavailable(service, &std::io::Error::other(self.message));
        }
        let description = Some(format!("MySQL's code {}", self.code));
        NodeError::Data { message: self.message, description, item: None }
    }
}

fn refused_at_the_door(service: &str, said: Option<Said>) -> NodeError {
    match said {
        None => NodeError::data(format!("{service} does not begin as MySQL does")),
        Some(said) if said.passes_by() => said.into_error(service),
        Some(said) => {
            NodeError::Credential(format!("{service} does not take the credential: {}", said.message))
        }
    }
}
