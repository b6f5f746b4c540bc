//! A mail as it is sent: addresses as people write them, texts and files. Nothing here sends it.

use bytes::Bytes;
use linkflow_node::NodeError;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use mail_parser::MessageParser;

/// The most addresses of one field.
const ADDRESSES_MAX: usize = 1_000;

/// Somebody who sends or gets a mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub name: Option<String>,
    pub address: String,
}

/// The people of a field, as in `Ada <ada@example.com>, bob@example.com`.
pub fn people(param: &str, text: &str) -> Result<Vec<Person>, NodeError> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.trim().is_empty() {
        return Ok(Vec::new());
    }
    let header = format!("To: {line}\r\n\r\n");
    let parsed = MessageParser::new().parse_headers(header.as_bytes());
    // A group has a name with a colon, as a header does: nobody means one here.
    let list = parsed.as_ref().and_then(|message| message.to()).and_then(|list| list.as_list());
    let mut found = Vec::new();
    for one in list.into_iter().flat_map(|list| list.iter()) {
        let written = one.address.as_deref().unwrap_or_default();
        let name = one.name.as_deref().filter(|name| !name.is_empty()).map(str::to_owned);
        let address = address(written).ok_or_else(|| {
            let shown = if written.is_empty() { text } else { written };
            NodeError::param(param, format!("must be addresses with commas between them, got \"{shown}\""))
        })?;
        found.push(Person { name, address });
    }
    match found.len() {
        0 => Err(NodeError::param(
            param,
            format!("must be addresses with commas between them, got \"{text}\""),
        )),
        n if n > ADDRESSES_MAX => {
            Err(NodeError::param(param, format!("must be at most {ADDRESSES_MAX} addresses, got {n}")))
        }
        _ => Ok(found),
    }
}

/// An address that can stand in a command of SMTP, its host in ASCII; none where it is no address.
fn address(written: &str) -> Option<String> {
    let (local, host) = written.trim().rsplit_once('@')?;
    let is_sound = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[]\\,;:\"".contains(c);
    if local.is_empty() || !local.chars().all(is_sound) || written.len() > 320 {
        return None;
    }
    let is_literal = host.starts_with('[') && host.ends_with(']');
    let host = match is_literal {
        true if host.bytes().all(|b| b.is_ascii_alphanumeric() || b"[]:.".contains(&b)) => host.to_owned(),
        true => return None,
        false => match url::Host::parse(host).ok()? {
            url::Host::Domain(domain) => domain,
            _ => return None,
        },
    };
    Some(format!("{local}@{host}"))
}

/// A file that goes along.
pub struct Attachment {
    pub name: String,
    pub mime_type: String,
    /// Under which HTML can show it: `cid:` and this.
    pub id: String,
    pub bytes: Bytes,
}

/// What a mail is made of.
#[derive(Default)]
pub struct Draft {
    pub from: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub reply_to: Vec<Person>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    pub message_id: String,
    pub at_seconds: i64,
}

impl Draft {
    /// The message with its headers.
    pub fn message(self) -> Result<Vec<u8>, NodeError> {
        let mut builder = MessageBuilder::new()
            .from(list(&self.from))
            .message_id(self.message_id)
            .date(self.at_seconds)
            .subject(one_line(&self.subject));
        for (people, is) in [(&self.to, "To"), (&self.cc, "Cc"), (&self.reply_to, "Reply-To")] {
            if !people.is_empty() {
                builder = builder.header(is, list(people));
            }
        }
        for (name, value) in &self.headers {
            let is_name = |b: u8| b.is_ascii_graphic() && b != b':';
            if name.is_empty() || !name.bytes().all(is_name) {
                let problem = format!("must be the name of a header, got \"{name}\"");
                return Err(NodeError::param("options.headers", problem));
            }
            builder = builder.header(name.clone(), Text::new(one_line(value)));
        }
        let body = with_files(body(self.text, self.html), self.attachments);
        builder
            .body(body)
            .write_to_vec()
            .map_err(|e| NodeError::data(format!("the mail cannot be written: {e}")))
    }
}

fn list(people: &[Person]) -> Address<'static> {
    let address = |person: &Person| Address::new_address(person.name.clone(), person.address.clone());
    match people {
        [one] => address(one),
        many => Address::new_list(many.iter().map(address).collect()),
    }
}

/// Without what would begin another header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn body(text: Option<String>, html: Option<String>) -> MimePart<'static> {
    let part = |kind: &'static str, text: String| MimePart::new(kind, BodyPart::Text(text.into()));
    match (text, html) {
        (Some(text), Some(html)) => {
            let parts = vec![part("text/plain", text), part("text/html", html)];
            MimePart::new("multipart/alternative", BodyPart::Multipart(parts))
        }
        (None, Some(html)) => part("text/html", html),
        (text, None) => part("text/plain", text.unwrap_or_default()),
    }
}

fn with_files(body: MimePart<'static>, files: Vec<Attachment>) -> MimePart<'static> {
    if files.is_empty() {
        return body;
    }
    let mut parts = vec![body];
    parts.extend(files.into_iter().map(|file| {
        let kind = ContentType::new(mime_type(&file.mime_type));
        MimePart::new(kind, BodyPart::Binary(file.bytes.to_vec().into()))
            .attachment(one_line(&file.name))
            .cid(file.id)
    }));
    MimePart::new("multipart/mixed", BodyPart::Multipart(parts))
}

/// The type without what could end its line.
fn mime_type(given: &str) -> String {
    let is_sound = |b: u8| b.is_ascii_graphic() || b == b' ';
    let is_type = given.contains('/') && !given.to_ascii_lowercase().starts_with("multipart/");
    match is_type && given.bytes().all(is_sound) {
        true => given.to_owned(),
        false => "application/octet-stream".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = people("toEmail", text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let found: Vec<(&str, &str)> =
            found.iter().map(|p| (p.name.as_deref().unwrap_or_default(), p.address.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        check("ada@example.com", &[("", "ada@example.com")]);
        check(
            "Ada Lovelace <ada@example.com>, bob@example.com",
            &[("Ada Lovelace", "ada@example.com"), ("", "bob@example.com")],
        );
        check("\"Lovelace, Ada\" <ada@bücher.example>", &[("Lovelace, Ada", "ada@xn--bcher-kva.example")]);
        check("  ", &[]);
    }

    #[test]
    fn what_is_no_address_is_refused_and_nothing_gets_into_a_command() {
        for wrong in ["ada", "@example.com", "ada@", "<a b@example.com>", "ada@example.com> SIZE=1"] {
            let found = people("toEmail", wrong);
            if let Ok(found) = &found {
                assert!(found.iter().all(|p| !p.address.contains([' ', '<', '>'])), "{wrong}: {found:?}");
            }
        }
        assert!(people("toEmail", "ada").is_err());
        let injected = people("toEmail", "ada@example.com\r\nBcc: eve@example.com");
        assert!(injected.is_err() || injected.unwrap().iter().all(|p| !p.address.contains("eve")));
    }

    #[test]
    fn a_header_stays_one_line() {
        let draft = Draft {
            from: people("fromEmail", "a@example.com").unwrap(),
            to: people("toEmail", "b@example.com").unwrap(),
            subject: "Hi\r\nBcc: eve@example.com".to_owned(),
            text: Some("x".to_owned()),
            headers: vec![("X-Id".to_owned(), "1\nBcc: eve@example.com".to_owned())],
            message_id: "1@example.com".to_owned(),
            ..Draft::default()
        };
        let message = String::from_utf8(draft.message().unwrap()).unwrap();
        assert!(!message.lines().any(|line| line.starts_with("Bcc")), "{message}");
        let wrong = Draft { headers: vec![("A: b\r\nC".to_owned(), String::new())], ..Draft::default() };
        assert!(wrong.message().is_err());
    }
}
