//! SMTP, as far as nodes need it: a message is handed to a server, for some people.
//!
//! It is written here so that connections keep to the rules for all of them, and because what a server
//! sends has limits. What a message looks like is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linkflow_node::dial::{Stream, Tls, bounded, dial, unavailable};
use linkflow_node::{CredentialSlot, Ctx, NodeError, Secret};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Which server sends the mail, and as whom it is spoken to.
pub const CREDENTIAL: CredentialSlot = CredentialSlot {
    name: "smtp",
    title: "SMTP",
    fields: &["host", "port", "user", "password", "secure", "disable_start_tls", "host_name"],
    secret: &["password"],
};

/// How long a server may take for one step, and for taking a message.
const STEP_MS_MAX: u64 = 120_000;
const MESSAGE_MS_MAX: u64 = 600_000;
const LINE_BYTES_MAX: u64 = 16 << 10;
const LINES_MAX: usize = 200;

/// What is sent, and to whom.
pub struct Letter<'m> {
    pub from: &'m str,
    pub to: &'m [String],
    /// The message with its headers; lines end with CR LF.
    pub message: &'m [u8],
}

/// What became of a letter.
#[derive(Debug)]
pub struct Sent {
    pub accepted: Vec<String>,
    pub rejected: Vec<String>,
    pub response: String,
}

/// What a server answers.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" "))
    }

    fn is_fine(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// A no for now may be a yes later; another no stays one.
    fn into_error(self, service: &str) -> NodeError {
        match self.code {
            400..500 => unavailable(service, &std::io::Error::other(self.text())),
            _ => NodeError::data(format!("{service} refuses: {}", self.text())),
        }
    }
}

/// A connection to a server, with somebody signed in.
pub struct Smtp<'a> {
    talk: Talk<'a, Box<dyn Stream>>,
    offers: Vec<String>,
}

impl<'a> Smtp<'a> {
    /// Connects as the credential says and signs in.
    pub async fn connect(ctx: &'a Ctx, accept_invalid_certs: bool) -> Result<Smtp<'a>, NodeError> {
        let secret = ctx.host.credential(CREDENTIAL.name).await?;
        // Under TLS from the beginning, unless the credential says otherwise.
        let is_secure = secret.get("secure").is_none() || secret.flag("secure");
        let (host, port) = (secret.host()?, secret.port(if is_secure { 465 } else { 587 })?);
        let service = format!("the mail server {host}:{port}");
        let tls = Tls { accept_invalid_certs, ..Tls::default() };
        let mut stream = dial(ctx, host, port).await?;
        let own_name = own_name(&secret);
        if is_secure {
            let stream = Box::new(tls.begin(ctx, stream, host).await?);
            return Smtp::greeted(ctx, service, stream, true, &own_name, &secret).await;
        }
        let mut talk = Talk { stream: BufReader::new(stream), ctx, service: service.clone() };
        talk.greeting().await?;
        let offers = talk.hello(&own_name).await?;
        let wants_tls = !secret.flag("disable_start_tls") && offers.iter().any(|offer| offer == "STARTTLS");
        if !wants_tls {
            let Talk { stream, ctx, service } = talk;
            // Nothing is lost: the server speaks only when it is asked.
            let stream: Box<dyn Stream> = Box::new(stream.into_inner());
            let mut smtp = Smtp { talk: Talk { stream: BufReader::new(stream), ctx, service }, offers };
            smtp.sign_in(&secret).await?;
            return Ok(smtp);
        }
        let answer = talk.ask("STARTTLS").await?;
        if answer.code != 220 {
            return Err(answer.into_error(&service));
        }
        // What came in clear behind the answer was not said by whom the certificate names.
        if !talk.stream.buffer().is_empty() {
            return Err(NodeError::data(format!("{service} speaks before TLS has begun")));
        }
        stream = talk.stream.into_inner();
        let stream = Box::new(tls.begin(ctx, stream, host).await?);
        Smtp::greeted(ctx, service, stream, false, &own_name, &secret).await
    }

    async fn greeted(
        ctx: &'a Ctx,
        service: String,
        stream: Box<dyn Stream>,
        has_greeting: bool,
        own_name: &str,
        secret: &Secret,
    ) -> Result<Smtp<'a>, NodeError> {
        let mut talk = Talk { stream: BufReader::new(stream), ctx, service };
        if has_greeting {
            talk.greeting().await?;
        }
        let offers = talk.hello(own_name).await?;
        let mut smtp = Smtp { talk, offers };
        smtp.sign_in(secret).await?;
        Ok(smtp)
    }

    async fn sign_in(&mut self, secret: &Secret) -> Result<(), NodeError> {
        let (user, password) = (secret.text("user"), secret.text("password"));
        if user.is_empty() && password.is_empty() {
            return Ok(());
        }
        let ways: Vec<&str> = self
            .offers
            .iter()
            .filter_map(|o| o.strip_prefix("AUTH"))
            .flat_map(str::split_whitespace)
            .collect();
        let answer = match ways.contains(&"PLAIN") || !ways.contains(&"LOGIN") {
            true => {
                let proof = STANDARD.encode(format!("\0{user}\0{password}"));
                self.talk.ask(&format!("AUTH PLAIN {proof}")).await?
            }
            false => {
                let mut answer = self.talk.ask("AUTH LOGIN").await?;
                for part in [user, password] {
                    if answer.code != 334 {
                        break;
                    }
                    answer = self.talk.ask(&STANDARD.encode(part)).await?;
                }
                answer
            }
        };
        match answer.code {
            235 => Ok(()),
            400..500 => Err(answer.into_error(&self.talk.service)),
            _ => {
                let text = format!("{} does not take the credential: {}", self.talk.service, answer.text());
                Err(NodeError::Credential(text))
            }
        }
    }

    /// Hands a letter over. It is sent when the server takes it for at least one of the people.
    pub async fn send(&mut self, letter: &Letter<'_>) -> Result<Sent, NodeError> {
        let mut extra = String::new();
        if self.offers.iter().any(|offer| offer == "SIZE" || offer.starts_with("SIZE ")) {
            extra.push_str(&format!(" SIZE={}", letter.message.len()));
        }
        let is_plain = letter.from.is_ascii() && letter.to.iter().all(|to| to.is_ascii());
        if !is_plain {
            if !self.offers.iter().any(|offer| offer == "SMTPUTF8") {
                let text = "takes no addresses with letters beyond ASCII before the @";
                return Err(NodeError::data(format!("{} {text}", self.talk.service)));
            }
            extra.push_str(" SMTPUTF8");
        }
        let answer = self.talk.ask(&format!("MAIL FROM:<{}>{extra}", letter.from)).await?;
        if !answer.is_fine() {
            return Err(answer.into_error(&self.talk.service));
        }
        let (mut accepted, mut rejected, mut refusal) = (Vec::new(), Vec::new(), None);
        for to in letter.to {
            let answer = self.talk.ask(&format!("RCPT TO:<{to}>")).await?;
            match answer.is_fine() {
                true => accepted.push(to.clone()),
                false => {
                    rejected.push(to.clone());
                    refusal = Some(answer);
                }
            }
        }
        if let Some(answer) = refusal.filter(|_| accepted.is_empty()) {
            return Err(answer.into_error(&self.talk.service));
        }
        let answer = self.talk.ask("DATA").await?;
        if answer.code != 354 {
            return Err(answer.into_error(&self.talk.service));
        }
        let answer = self.talk.hand_over(&stuffed(letter.message)).await?;
        match answer.is_fine() {
            true => Ok(Sent { accepted, rejected, response: answer.text() }),
            false => Err(answer.into_error(&self.talk.service)),
        }
    }

    /// Says goodbye. Whatever was sent is sent.
    pub async fn quit(mut self) {
        let _ = self.talk.ask("QUIT").await;
    }
}

/// What we call ourselves. Only signs of names, so that it stays one word.
fn own_name(secret: &Secret) -> String {
    let name =
        secret.text("host_name").chars().filter(|c| c.is_ascii_alphanumeric() || "-._[]:".contains(*c));
    let name: String = name.take(255).collect();
    if name.is_empty() { "[127.0.0.1]".to_owned() } else { name }
}

/// The message as it goes over the line: each line ends with CR LF, a dot at its beginning is doubled, and
/// a lone dot is the end.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    for line in message.split(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// Lines that go to and fro.
struct Talk<'a, S> {
    stream: BufReader<S>,
    ctx: &'a Ctx,
    service: String,
}

impl<S: Stream> Talk<'_, S> {
    async fn greeting(&mut self) -> Result<(), NodeError> {
        let answer = bounded(self.ctx, STEP_MS_MAX, read(&mut self.stream, &self.service)).await??;
        if answer.code == 220 { Ok(()) } else { Err(answer.into_error(&self.service)) }
    }

    /// Says who we are, and gives what the server offers.
    async fn hello(&mut self, own_name: &str) -> Result<Vec<String>, NodeError> {
        let answer = self.ask(&format!("EHLO {own_name}")).await?;
        if answer.code == 250 {
            return Ok(answer.lines.into_iter().skip(1).map(|line| line.to_ascii_uppercase()).collect());
        }
        let answer = self.ask(&format!("HELO {own_name}")).await?;
        if answer.code == 250 { Ok(Vec::new()) } else { Err(answer.into_error(&self.service)) }
    }

    async fn ask(&mut self, line: &str) -> Result<Answer, NodeError> {
        self.exchange(format!("{line}\r\n").as_bytes(), STEP_MS_MAX).await
    }

    async fn hand_over(&mut self, message: &[u8]) -> Result<Answer, NodeError> {
        self.exchange(message, MESSAGE_MS_MAX).await
    }

    async fn exchange(&mut self, bytes: &[u8], limit_ms: u64) -> Result<Answer, NodeError> {
        bounded(self.ctx, limit_ms, async {
            let sent = async {
                self.stream.write_all(bytes).await?;
                self.stream.flush().await
            };
            sent.await.map_err(|e| unavailable(&self.service, &e))?;
            read(&mut self.stream, &self.service).await
        })
        .await?
    }
}

async fn read<S: Stream>(stream: &mut BufReader<S>, service: &str) -> Result<Answer, NodeError> {
    let strange = |line: &[u8]| {
        let shown: String = String::from_utf8_lossy(line).chars().take(80).collect();
        NodeError::data(format!("{service} answers what is not SMTP: \"{}\"", shown.trim()))
    };
    let mut answer = Answer { code: 0, lines: Vec::new() };
    loop {
        let mut line = Vec::new();
        let n = (&mut *stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        let n = n.map_err(|e| unavailable(service, &e))?;
        if n == 0 {
            let ended = std::io::Error::other("the connection ended in the middle");
            return Err(unavailable(service, &ended));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        let code = text.get(..3).and_then(|code| code.parse().ok()).filter(|code| (200..600).contains(code));
        let (Some(code), true) = (code, answer.lines.len() < LINES_MAX) else { return Err(strange(&line)) };
        let (mark, rest) = text[3..].split_at_checked(1).unwrap_or_default();
        answer.code = code;
        answer.lines.push(rest.to_owned());
        match mark {
            "-" => {}
            "" | " " => return Ok(answer),
            _ => return Err(strange(&line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_dot_does_not_end_a_message() {
        for (message, expected) in
            [("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"), (".a\nb", "..a\r\nb\r\n.\r\n"), ("", "\r\n.\r\n")]
        {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), expected);
        }
    }
}
