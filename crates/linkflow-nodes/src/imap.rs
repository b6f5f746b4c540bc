//! IMAP, as far as nodes need it: looking for messages in a mailbox, fetching and marking them.
//!
//! It is written here so that connections keep to the rules for all of them, and because what a server
//! sends is not to be trusted with our memory. What a message says is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linkflow_node::dial::{Stream, Tls, bounded, dial, unavailable};
use linkflow_node::{CredentialSlot, Ctx, NodeError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Where the mailbox is, and whose it is.
pub const CREDENTIAL: CredentialSlot = CredentialSlot {
    name: "imap",
    title: "IMAP",
    fields: &["host", "port", "user", "password", "secure", "allow_unauthorized_certs"],
    secret: &["password"],
};

/// How long one command may take.
const COMMAND_MS_MAX: u64 = 120_000;
const LINE_BYTES_MAX: u64 = 1 << 20;
const DEPTH_MAX: usize = 32;

/// A part of a command. What is not plain ASCII goes as bytes with their number in front.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// As it stands.
    Plain(String),
    /// A text of somebody's.
    Text(String),
}

impl Word {
    pub fn plain(text: impl Into<String>) -> Word {
        Word::Plain(text.into())
    }
}

/// A part of what a server says.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Atom(String),
    Text(Vec<u8>),
    List(Vec<Part>),
}

impl Part {
    fn atom(&self) -> &str {
        if let Part::Atom(text) = self { text } else { "" }
    }

    fn number(&self) -> Option<u32> {
        self.atom().parse().ok()
    }
}

/// A message as it was fetched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    pub uid: u32,
    pub bytes: usize,
    /// The message, or its headers.
    pub content: Vec<u8>,
}

/// A connection to a server, with a mailbox chosen.
pub struct Imap<'a> {
    stream: BufReader<Box<dyn Stream>>,
    ctx: &'a Ctx,
    service: String,
    n_commands: u32,
    bytes_left: usize,
    /// Changes when the numbers of messages begin anew.
    pub validity: u32,
}

impl<'a> Imap<'a> {
    /// Connects as the credential says, signs in and chooses the mailbox; only to look at it with
    /// `only_read`.
    pub async fn connect(ctx: &'a Ctx, mailbox: &str, only_read: bool) -> Result<Imap<'a>, NodeError> {
        let secret = ctx.host.credential(CREDENTIAL.name).await?;
        let is_secure = secret.get("secure").is_none() || secret.flag("secure");
        let (host, port) = (secret.host()?, secret.port(if is_secure { 993 } else { 143 })?);
        let accept_invalid_certs = secret.flag("allow_unauthorized_certs");
        let tls = Tls { accept_invalid_certs, ..Tls::default() };
        let stream = dial(ctx, host, port).await?;
        let stream: Box<dyn Stream> = match is_secure {
            true => Box::new(tls.begin(ctx, stream, host).await?),
            false => Box::new(stream),
        };
        let service = format!("the mail server {host}:{port}");
        let bytes_left = ctx.limits.response_bytes_max;
        let stream = BufReader::new(stream);
        let mut imap = Imap { stream, ctx, service, n_commands: 0, bytes_left, validity: 0 };
        let greeting = bounded(ctx, COMMAND_MS_MAX, imap.line()).await??;
        if !greeting.starts_with(b"* OK") && !greeting.starts_with(b"* PREAUTH") {
            return Err(imap.strange(&greeting));
        }
        if greeting.starts_with(b"* OK") {
            imap.sign_in(secret.text("user"), secret.text("password")).await?;
        }
        imap.choose(mailbox, only_read).await?;
        Ok(imap)
    }

    async fn sign_in(&mut self, user: &str, password: &str) -> Result<(), NodeError> {
        let capabilities = self.run(vec![Word::plain("CAPABILITY")]).await?;
        let can =
            |what: &str| capabilities.iter().flatten().any(|part| part.atom().eq_ignore_ascii_case(what));
        if can("LOGINDISABLED") {
            let text =
                format!("{} takes no password without TLS: the credential has to say `secure`", self.service);
            return Err(NodeError::Credential(text));
        }
        let words = match can("AUTH=PLAIN") && can("SASL-IR") {
            true => {
                let proof = STANDARD.encode(format!("\0{user}\0{password}"));
                vec![Word::plain("AUTHENTICATE PLAIN"), Word::plain(proof)]
            }
            false => {
                vec![Word::plain("LOGIN"), Word::Text(user.to_owned()), Word::Text(password.to_owned())]
            }
        };
        self.run(words).await.map(drop).map_err(|e| match e {
            NodeError::Data { message, .. } => {
                NodeError::Credential(format!("{} does not take the credential: {message}", self.service))
            }
            other => other,
        })
    }

    async fn choose(&mut self, mailbox: &str, only_read: bool) -> Result<(), NodeError> {
        let command = if only_read { "EXAMINE" } else { "SELECT" };
        let said = self.run(vec![Word::plain(command), Word::Text(mailbox_name(mailbox))]).await?;
        let validity = said.iter().find_map(|line| {
            let text = line.iter().find(|part| part.atom().starts_with("[UIDVALIDITY"))?;
            text.atom().trim_start_matches("[UIDVALIDITY").trim_end_matches(']').trim().parse().ok()
        });
        self.validity = validity.unwrap_or(0);
        Ok(())
    }

    /// The numbers of the messages that fit, in rising order.
    pub async fn search(&mut self, criteria: Vec<Word>) -> Result<Vec<u32>, NodeError> {
        let is_ascii = |word: &Word| matches!(word, Word::Plain(text) | Word::Text(text) if text.is_ascii());
        let command = if criteria.iter().all(is_ascii) { "UID SEARCH" } else { "UID SEARCH CHARSET UTF-8" };
        let mut words = vec![Word::plain(command)];
        words.extend(criteria);
        let said = self.run(words).await?;
        let found =
            said.iter().filter(|line| line.first().is_some_and(|p| p.atom().eq_ignore_ascii_case("SEARCH")));
        let mut uids: Vec<u32> = found.flat_map(|line| line[1..].iter().filter_map(Part::number)).collect();
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// How large the messages are.
    pub async fn sizes(&mut self, uids: &[u32]) -> Result<Vec<Fetched>, NodeError> {
        self.fetch(uids, "(UID RFC822.SIZE)").await
    }

    /// A message, or only its headers. It stays unread.
    pub async fn message(&mut self, uid: u32, only_headers: bool) -> Result<Option<Fetched>, NodeError> {
        let what = if only_headers { "(UID BODY.PEEK[HEADER])" } else { "(UID BODY.PEEK[])" };
        Ok(self.fetch(&[uid], what).await?.into_iter().find(|fetched| fetched.uid == uid))
    }

    async fn fetch(&mut self, uids: &[u32], what: &str) -> Result<Vec<Fetched>, NodeError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let said =
            self.run(vec![Word::plain("UID FETCH"), Word::plain(set_of(uids)), Word::plain(what)]).await?;
        Ok(said.iter().filter_map(|line| fetched(line)).collect())
    }

    /// Marks messages as read.
    pub async fn mark_read(&mut self, uids: &[u32]) -> Result<(), NodeError> {
        if uids.is_empty() {
            return Ok(());
        }
        let words = ["UID STORE", &set_of(uids), "+FLAGS.SILENT (\\Seen)"].map(Word::plain);
        self.run(words.to_vec()).await.map(drop)
    }

    /// Says goodbye.
    pub async fn logout(mut self) {
        let _ = self.run(vec![Word::plain("LOGOUT")]).await;
    }

    /// Sends a command, and gives the lines that come before its end, each without its star.
    async fn run(&mut self, words: Vec<Word>) -> Result<Vec<Vec<Part>>, NodeError> {
        bounded(self.ctx, COMMAND_MS_MAX, self.exchange(words)).await?
    }

    async fn exchange(&mut self, words: Vec<Word>) -> Result<Vec<Vec<Part>>, NodeError> {
        self.n_commands += 1;
        let tag = format!("a{}", self.n_commands);
        let mut line = tag.clone().into_bytes();
        for word in &words {
            line.push(b' ');
            match word {
                Word::Plain(text) => line.extend_from_slice(text.as_bytes()),
                Word::Text(text) if is_quotable(text) => {
                    line.extend_from_slice(
                        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")).as_bytes(),
                    );
                }
                Word::Text(text) => {
                    line.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
                    self.send(&line).await?;
                    let answer = self.line().await?;
                    if answer.first() != Some(&b'+') {
                        return Err(self.refused(&answer, &tag));
                    }
                    line = text.as_bytes().to_vec();
                }
            }
        }
        line.extend_from_slice(b"\r\n");
        self.send(&line).await?;
        let mut said = Vec::new();
        loop {
            let pieces = self.response().await?;
            let first = pieces.first().map(Vec::as_slice).unwrap_or_default();
            if let Some(rest) = first.strip_prefix(b"* ") {
                if rest.starts_with(b"BYE") && !words.contains(&Word::plain("LOGOUT")) {
                    return Err(self.ended(rest));
                }
                let parts = parse(&pieces).ok_or_else(|| self.strange(first))?;
                said.push(parts);
            } else if first.starts_with(format!("{tag} ").as_bytes()) {
                let rest = &first[tag.len() + 1..];
                return if rest.starts_with(b"OK") { Ok(said) } else { Err(self.refused(first, &tag)) };
            } else if first.first() == Some(&b'+') {
                // It asks for more of what was complete: an empty line ends that.
                self.send(b"\r\n").await?;
            } else {
                return Err(self.strange(first));
            }
            if said.len() > self.ctx.limits.items_max {
                let limit = self.ctx.limits.items_max.to_string();
                return Err(NodeError::Limit { what: "the lines of an answer of IMAP".to_owned(), limit });
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|e| unavailable(&self.service, &e))
    }

    /// A line, and what follows it as long as a line ends with a number of bytes: lines and bytes in turn.
    async fn response(&mut self) -> Result<Vec<Vec<u8>>, NodeError> {
        let mut pieces = vec![self.line().await?];
        while let Some(n) = pieces.last().and_then(|line| literal(line)) {
            self.take_bytes(n)?;
            let mut bytes = Vec::new();
            let read = (&mut self.stream).take(n as u64).read_to_end(&mut bytes).await;
            let n_read = read.map_err(|e| unavailable(&self.service, &e))?;
            if n_read != n {
                return Err(self.ended(b""));
            }
            pieces.push(bytes);
            let line = self.line().await?;
            pieces.push(line);
        }
        Ok(pieces)
    }

    async fn line(&mut self) -> Result<Vec<u8>, NodeError> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        read.map_err(|e| unavailable(&self.service, &e))?;
        self.take_bytes(line.len())?;
        match line.strip_suffix(b"\n") {
            Some(line) => Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec()),
            None if line.is_empty() => Err(self.ended(b"")),
            None => Err(self.strange(&line)),
        }
    }

    fn take_bytes(&mut self, n: usize) -> Result<(), NodeError> {
        self.bytes_left = self.bytes_left.checked_sub(n).ok_or_else(|| NodeError::Limit {
            what: "what a mail server sends".to_owned(),
            limit: format!("{} MB", self.ctx.limits.response_bytes_max >> 20),
        })?;
        Ok(())
    }

    fn refused(&self, line: &[u8], tag: &str) -> NodeError {
        let text = String::from_utf8_lossy(line).into_owned();
        NodeError::data(text.trim_start_matches(tag).trim().to_owned())
    }

    fn ended(&self, said: &[u8]) -> NodeError {
        let said = String::from_utf8_lossy(said);
        let text = if said.is_empty() { "the connection ended in the middle of an answer" } else { &said };
        unavailable(&self.service, &std::io::Error::other(text.to_owned()))
    }

    fn strange(&self, line: &[u8]) -> NodeError {
        let shown: String = String::from_utf8_lossy(line).chars().take(60).collect();
        NodeError::data(format!("{} answers what is not IMAP: \"{shown}\"", self.service))
    }
}

fn is_quotable(text: &str) -> bool {
    text.is_ascii() && !text.chars().any(|c| c.is_ascii_control())
}

/// How many bytes follow a line.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}")?;
    let at = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[at + 1..]).ok()?.parse().ok()
}

/// `1,4,5`.
fn set_of(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn fetched(line: &[Part]) -> Option<Fetched> {
    let [_, is, Part::List(list)] = line else { return None };
    if !is.atom().eq_ignore_ascii_case("FETCH") {
        return None;
    }
    let mut found = Fetched::default();
    for pair in list.chunks(2) {
        let [name, value] = pair else { break };
        match name.atom().to_ascii_uppercase().as_str() {
            "UID" => found.uid = value.number()?,
            "RFC822.SIZE" => found.bytes = value.number()? as usize,
            name if name.starts_with("BODY[") => {
                found.content = if let Part::Text(bytes) = value { bytes.clone() } else { Vec::new() };
            }
            _ => {}
        }
    }
    (found.uid > 0).then_some(found)
}

/// What stands behind the star, in parts. `None` for what is nested too deeply or not closed.
fn parse(pieces: &[Vec<u8>]) -> Option<Vec<Part>> {
    let mut stack: Vec<Vec<Part>> = vec![Vec::new()];
    for (n, piece) in pieces.iter().enumerate() {
        if n % 2 == 1 {
            stack.last_mut()?.push(Part::Text(piece.clone()));
            continue;
        }
        let mut rest: &[u8] = if n == 0 { piece.strip_prefix(b"* ")? } else { piece };
        while let Some(first) = rest.first() {
            match first {
                b' ' => rest = &rest[1..],
                b'(' if stack.len() >= DEPTH_MAX => return None,
                b'(' => {
                    stack.push(Vec::new());
                    rest = &rest[1..];
                }
                b')' => {
                    let list = stack.pop()?;
                    stack.last_mut()?.push(Part::List(list));
                    rest = &rest[1..];
                }
                b'"' => {
                    let (text, n_bytes) = quoted(rest)?;
                    stack.last_mut()?.push(Part::Text(text));
                    rest = &rest[n_bytes..];
                }
                b'{' if literal(rest).is_some() && n + 1 < pieces.len() => break,
                _ => {
                    let length = atom_length(rest);
                    let text = String::from_utf8_lossy(&rest[..length]).into_owned();
                    stack.last_mut()?.push(Part::Atom(text));
                    rest = &rest[length..];
                }
            }
        }
    }
    let parts = stack.pop()?;
    stack.is_empty().then_some(parts)
}

fn quoted(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut found = Vec::new();
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some((found, at + 1)),
            b'\\' => {
                found.push(*text.get(at + 1)?);
                at += 2;
            }
            byte => {
                found.push(*byte);
                at += 1;
            }
        }
    }
}

/// A word; what is between brackets belongs to it, spaces too.
fn atom_length(text: &[u8]) -> usize {
    let mut is_inside = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'[' => is_inside = true,
            b']' => is_inside = false,
            b' ' | b'(' | b')' if !is_inside && at > 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// A mailbox as IMAP names it: letters beyond ASCII in a base64 of their own.
fn mailbox_name(name: &str) -> String {
    let mut out = String::new();
    let mut wide: Vec<u8> = Vec::new();
    let flush = |wide: &mut Vec<u8>, out: &mut String| {
        if !wide.is_empty() {
            let text = STANDARD.encode(&*wide).trim_end_matches('=').replace('/', ",");
            out.push_str(&format!("&{text}-"));
            wide.clear();
        }
    };
    for c in name.chars() {
        match c {
            '&' => {
                flush(&mut wide, &mut out);
                out.push_str("&-");
            }
            ' '..='~' => {
                flush(&mut wide, &mut out);
                out.push(c);
            }
            c => wide.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes())),
        }
    }
    flush(&mut wide, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_parts_with_their_bytes() {
        let pieces = [&b"* 3 FETCH (UID 7 BODY[HEADER.FIELDS (TO)] {5}"[..], b"a)(\r\n", b" RFC822.SIZE 9)"];
        let parts = parse(&pieces.map(<[u8]>::to_vec)).unwrap();
        let expected = Fetched { uid: 7, bytes: 9, content: b"a)(\r\n".to_vec() };
        assert_eq!(fetched(&parts), Some(expected));
        let said = parse(&[b"* OK [UIDVALIDITY 12] fine \"a\\\"b\"".to_vec()]).unwrap();
        assert_eq!((said[1].atom(), &said[3]), ("[UIDVALIDITY 12]", &Part::Text(b"a\"b".to_vec())));
    }

    #[test]
    fn what_is_broken_is_refused_and_not_followed() {
        for broken in ["* (", "* a)", "* \"a", "* \"a\\"] {
            assert_eq!(parse(&[broken.as_bytes().to_vec()]), None, "{broken}");
        }
        assert_eq!(parse(&[format!("* {}", "(".repeat(100)).into_bytes()]), None);
        assert_eq!(literal(b"x {12}"), Some(12));
        assert_eq!(literal(b"x {99999999999999999999999}"), None);
    }

    #[test]
    fn mailboxes_have_names_of_their_own_kind() {
        for (name, expected) in
            [("INBOX", "INBOX"), ("Entwürfe", "Entw&APw-rfe"), ("A & B", "A &- B"), ("☃", "&JgM-")]
        {
            assert_eq!(mailbox_name(name), expected);
        }
    }
}
