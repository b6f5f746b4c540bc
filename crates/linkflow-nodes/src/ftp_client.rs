//! FTP, as far as nodes need it: one control connection, and one for each list or file, plain or under
//! TLS (`AUTH TLS`, or from the first byte).
//!
//! It is written here because every connection has to pass the guard: the server names the port of the
//! data, and nothing but the port is taken from it. What it sends has limits, of lines, entries and bytes.

use std::sync::Arc;

use linkflow_node::dial::{Stream, Tls, bounded, dial, server_name, unavailable};
use linkflow_node::{Ctx, NodeError, Secret};
use rustls::ClientConfig;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::ftp_list;
use crate::remote::Entry;

/// How long one answer may take.
const ANSWER_MS_MAX: u64 = 60_000;
/// How long one file may take.
const FILE_MS_MAX: u64 = 24 * 3_600_000;
/// How long a server may take to end the connection of a file that it has got.
const GOODBYE_MAX: std::time::Duration = std::time::Duration::from_secs(5);
const LINE_BYTES_MAX: u64 = 16 << 10;
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Files of a server.
pub struct Ftp<'a> {
    control: BufReader<Box<dyn Stream>>,
    ctx: &'a Ctx,
    host: String,
    service: String,
    /// The same for all connections, so that a server can see that they belong together.
    tls: Option<Arc<ClientConfig>>,
    /// Whether the server can list in a form that is made for programs.
    has_mlsd: bool,
}

/// What a server answers: a number, and text for people.
struct Answer {
    code: u16,
    text: String,
}

impl<'a> Ftp<'a> {
    /// Connects as the credential says, and signs in.
    pub async fn connect(ctx: &'a Ctx, secret: &Secret) -> Result<Ftp<'a>, NodeError> {
        let host = secret.host()?;
        let secure = match secret.text("secure").trim() {
            "" | "false" | "none" => None,
            "explicit" | "true" => Some(false),
            "implicit" => Some(true),
            other => {
                let problem = format!("must be empty, explicit or implicit, got \"{other}\"");
                return Err(NodeError::Credential(format!("the credential's field `secure` {problem}")));
            }
        };
        let port = secret.port(if secure == Some(true) { 990 } else { 21 })?;
        let settings = Tls {
            accept_invalid_certs: secret.flag("allow_unauthorized_certs"),
            ca: secret.text("ca"),
            ..Tls::default()
        };
        let tls = secure.map(|_| settings.config()).transpose()?;
        let stream = dial(ctx, host, port).await?;
        let mut ftp = Ftp {
            control: BufReader::new(Box::new(tokio::io::empty())),
            ctx,
            host: host.to_owned(),
            service: format!("FTP at {host}:{port}"),
            tls,
            has_mlsd: false,
        };
        ftp.greet(stream, secure).await?;
        ftp.sign_in(secret).await?;
        Ok(ftp)
    }

    /// The beginning, up to where it is secure if it is to be.
    async fn greet(&mut self, stream: TcpStream, secure: Option<bool>) -> Result<(), NodeError> {
        if secure == Some(true) {
            self.control = BufReader::new(self.secured(stream).await?);
            return self.answer().await?.is(220).map(drop);
        }
        let mut plain = BufReader::new(stream);
        Answer::read(&mut plain, self.ctx, &self.service).await?.is(220)?;
        if secure.is_none() {
            self.control = BufReader::new(Box::new(plain.into_inner()));
            return Ok(());
        }
        let asked = async {
            plain.write_all(b"AUTH TLS\r\n").await?;
            plain.flush().await
        };
        bounded(self.ctx, ANSWER_MS_MAX, asked).await?.map_err(|e| unavailable(&self.service, &e))?;
        Answer::read(&mut plain, self.ctx, &self.service).await?.is(234)?;
        // What came behind the answer in plain text could be anybody's.
        if !plain.buffer().is_empty() {
            return Err(NodeError::data(format!("{} says more than it may before TLS", self.service)));
        }
        self.control = BufReader::new(self.secured(plain.into_inner()).await?);
        Ok(())
    }

    async fn secured(&mut self, stream: TcpStream) -> Result<Box<dyn Stream>, NodeError> {
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let connector = tokio_rustls::TlsConnector::from(tls.clone());
        let begun = bounded(self.ctx, ANSWER_MS_MAX, connector.connect(server_name(&self.host)?, stream));
        Ok(Box::new(begun.await?.map_err(|e| unavailable(&self.service, &e))?))
    }

    async fn sign_in(&mut self, secret: &Secret) -> Result<(), NodeError> {
        let user = secret.text("username").trim();
        let user = if user.is_empty() { "anonymous" } else { user };
        let refused = |answer: Answer| {
            let text = format!("FTP does not take the credential of \"{user}\": {}", answer.text);
            NodeError::Credential(text)
        };
        match self.ask("USER", user).await? {
            Answer { code: 331, .. } => match self.ask("PASS", secret.text("password")).await? {
                Answer { code: 230 | 202, .. } => {}
                answer => return Err(refused(answer)),
            },
            Answer { code: 230, .. } => {}
            answer => return Err(refused(answer)),
        }
        if self.tls.is_some() {
            self.ask("PBSZ", "0").await?.is(200)?;
            self.ask("PROT", "P").await?.is(200)?;
        }
        let features = self.ask("FEAT", "").await?;
        let has = |name: &str| features.text.lines().any(|line| line.trim().to_uppercase().starts_with(name));
        self.has_mlsd = has("MLST") || has("MLSD");
        if has("UTF8") {
            // Some want to be told; who does not know it goes on as before.
            self.ask("OPTS", "UTF8 ON").await?;
        }
        self.ask("TYPE", "I").await?.is(200).map(drop)
    }

    pub async fn close(mut self) {
        let said = async {
            self.control.write_all(b"QUIT\r\n").await?;
            self.control.flush().await
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), said).await;
    }

    /// What is in a folder, without the folder itself and the one above.
    pub async fn list(&mut self, path: &str) -> Result<Vec<Entry>, NodeError> {
        let limit = self.ctx.limits.response_bytes_max;
        let command = if self.has_mlsd { "MLSD" } else { "LIST" };
        let bytes = self.fetch(command, path, limit, "the list of a folder").await?;
        let text = String::from_utf8_lossy(&bytes);
        let now = self.ctx.now;
        let parse = |line| match self.has_mlsd {
            true => ftp_list::machine_line(line),
            false => ftp_list::line(line, now),
        };
        let entries: Vec<Entry> = text.lines().filter_map(parse).collect();
        if entries.len() > self.ctx.limits.items_max {
            let (what, limit) = ("the entries of a folder".to_owned(), self.ctx.limits.items_max.to_string());
            return Err(NodeError::Limit { what, limit });
        }
        Ok(entries)
    }

    /// A file's content, within the limit for files.
    pub async fn read(&mut self, path: &str) -> Result<Vec<u8>, NodeError> {
        let limit = self.ctx.limits.file_bytes_max;
        self.fetch("RETR", path, limit, &format!("the file \"{path}\"")).await
    }

    async fn fetch(
        &mut self,
        command: &str,
        path: &str,
        limit: usize,
        what: &str,
    ) -> Result<Vec<u8>, NodeError> {
        let (ctx, service) = (self.ctx, self.service.clone());
        let mut data = self.data(command, path).await?;
        let mut bytes = Vec::new();
        let mut most = (&mut data).take(limit as u64 + 1);
        let read = bounded(ctx, FILE_MS_MAX, most.read_to_end(&mut bytes)).await?;
        if bytes.len() > limit {
            let limit = format!("{} MB", limit >> 20);
            return Err(NodeError::Limit { what: what.to_owned(), limit });
        }
        drop(data);
        match read {
            Ok(_) => {}
            // Servers that do not say goodbye under TLS are told apart by their answer.
            Err(error) if self.tls.is_some() && error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(unavailable(&service, &error)),
        }
        self.answer().await?.is_done(path)?;
        Ok(bytes)
    }

    /// Writes a file; what was there is replaced.
    pub async fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), NodeError> {
        let mut data = self.data("STOR", path).await?;
        let sending = async {
            data.write_all(bytes).await?;
            data.shutdown().await
        };
        let sent = bounded(self.ctx, FILE_MS_MAX, sending).await?;
        if self.tls.is_some() {
            // What TLS has said meanwhile has to be read, or the system takes the end for a failure.
            let mut rest = (&mut data).take(LINE_BYTES_MAX);
            let _ = tokio::time::timeout(GOODBYE_MAX, rest.read_to_end(&mut Vec::new())).await;
        }
        drop(data);
        // Why it was cut off, the server says.
        let answer = self.answer().await?;
        answer.is_done(path)?;
        sent.map_err(|e| unavailable(&self.service, &e))
    }

    /// Makes a folder and those above it.
    pub async fn make_folders(&mut self, path: &str) -> Result<(), NodeError> {
        let mut so_far = String::new();
        let mut last = None;
        for part in path.split('/') {
            so_far.push_str(part);
            if !part.is_empty() && part != "." {
                // One that is there already is refused as much as one that may not be made.
                let answer = self.ask("MKD", &so_far).await?;
                last = Some(answer.is_done(&so_far).err());
            }
            so_far.push('/');
        }
        match last.flatten() {
            None => Ok(()),
            Some(refused) => self.is_folder(path).await?.then_some(()).ok_or(refused),
        }
    }

    /// Whether there is such a folder, by going there and back.
    async fn is_folder(&mut self, path: &str) -> Result<bool, NodeError> {
        let here = self.ask("PWD", "").await?.is(257)?;
        let here = here.text.split('"').nth(1).unwrap_or("/").to_owned();
        let is_there = self.ask("CWD", path).await?.is_done(path).is_ok();
        if is_there {
            self.ask("CWD", &here).await?.is_done(&here)?;
        }
        Ok(is_there)
    }

    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), NodeError> {
        let answer = self.ask("RNFR", from).await?;
        if answer.code != 350 {
            return Err(answer.refused(from));
        }
        self.ask("RNTO", to).await?.is_done(to)
    }

    pub async fn remove_file(&mut self, path: &str) -> Result<(), NodeError> {
        self.ask("DELE", path).await?.is_done(path)
    }

    /// Removes an empty folder.
    pub async fn remove_folder(&mut self, path: &str) -> Result<(), NodeError> {
        self.ask("RMD", path).await?.is_done(path)
    }

    /// The connection for a list or a file, on which it has begun.
    async fn data(&mut self, command: &str, path: &str) -> Result<Box<dyn Stream>, NodeError> {
        let port = self.data_port().await?;
        let stream = dial(self.ctx, &self.host, port).await?;
        let answer = self.ask(command, path).await?;
        if !matches!(answer.code, 125 | 150) {
            return Err(answer.refused(path));
        }
        self.secured(stream).await
    }

    /// Where the server waits for the next data. Whatever address it names, it is the one that we know.
    async fn data_port(&mut self) -> Result<u16, NodeError> {
        let answer = self.ask("EPSV", "").await?;
        let port = match answer.code {
            229 => answer.text.rsplit('(').next().and_then(|rest| {
                let sign = rest.chars().next()?;
                rest.split(sign).nth(3)?.parse().ok()
            }),
            _ => {
                let answer = self.ask("PASV", "").await?.is(227)?;
                let numbers = answer.text.trim_start_matches(|c: char| !c.is_ascii_digit());
                let numbers: Vec<u16> = numbers
                    .split(|c: char| !c.is_ascii_digit())
                    .filter(|text| !text.is_empty())
                    .map_while(|text| text.parse::<u8>().ok().map(u16::from))
                    .collect();
                numbers.get(4).zip(numbers.get(5)).map(|(high, low)| high * 256 + low)
            }
        };
        let strange = || NodeError::data(format!("{} names no port for the data", self.service));
        port.filter(|port| *port > 0).ok_or_else(strange)
    }

    async fn ask(&mut self, command: &str, argument: &str) -> Result<Answer, NodeError> {
        // A second line would be a second command.
        if argument.contains(['\r', '\n', '\0']) {
            return Err(NodeError::data(format!(
                "{argument:?} has an end of line in it, which FTP cannot take"
            )));
        }
        let line = if argument.is_empty() { command.to_owned() } else { format!("{command} {argument}") };
        let sent = async {
            self.control.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.control.flush().await
        };
        bounded(self.ctx, ANSWER_MS_MAX, sent).await?.map_err(|e| unavailable(&self.service, &e))?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Answer, NodeError> {
        Answer::read(&mut self.control, self.ctx, &self.service).await
    }
}

impl Answer {
    /// Lines up to the one that begins with the number and a space.
    async fn read(from: &mut BufReader<impl Stream>, ctx: &Ctx, service: &str) -> Result<Answer, NodeError> {
        let reading = async {
            let first = line(from, service).await?;
            let strange =
                || NodeError::data(format!("{service} answers what is not of FTP: \"{first:.40}\""));
            let code = first.get(..3).and_then(|code| code.parse().ok()).ok_or_else(strange)?;
            let mut text = first.get(4..).unwrap_or_default().to_owned();
            if first.as_bytes().get(3) != Some(&b'-') {
                return Ok(Answer { code, text });
            }
            let end = format!("{code} ");
            loop {
                let next = line(from, service).await?;
                text.push('\n');
                if let Some(last) = next.strip_prefix(&end) {
                    text.push_str(last);
                    return Ok(Answer { code, text });
                }
                text.push_str(&next);
                if text.len() > ANSWER_BYTES_MAX {
                    return Err(strange());
                }
            }
        };
        bounded(ctx, ANSWER_MS_MAX, reading).await?
    }

    fn is(self, code: u16) -> Result<Answer, NodeError> {
        if self.code == code { Ok(self) } else { Err(self.refused("")) }
    }

    fn is_done(&self, path: &str) -> Result<(), NodeError> {
        if matches!(self.code, 200..=299) { Ok(()) } else { Err(self.refused(path)) }
    }

    fn refused(&self, path: &str) -> NodeError {
        let Answer { code, text } = self;
        let message = if path.is_empty() { text.clone() } else { format!("\"{path}\": {text}") };
        match code {
            400..=499 => NodeError::Refused {
                service: "FTP".to_owned(),
                status: 503,
                message: format!("{message} (FTP's code {code})"),
                description: None,
                retry_after_ms: None,
                item: None,
            },
            _ => NodeError::data(format!("{message} (FTP's code {code})")),
        }
    }
}

async fn line(from: &mut BufReader<impl Stream>, service: &str) -> Result<String, NodeError> {
    let mut bytes = Vec::new();
    let read = from.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).await;
    read.map_err(|e| unavailable(service, &e))?;
    if bytes.last() != Some(&b'\n') {
        let cause = std::io::Error::other("the connection ended in the middle of an answer");
        return Err(unavailable(service, &cause));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}
