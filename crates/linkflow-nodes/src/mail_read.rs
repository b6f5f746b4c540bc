//! A mail as items show it: in full, simply, or as it came. Pure but for the files, which are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Binary, Item, Object};
use linkflow_node::{Ctx, NodeError};
use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use serde_json::{Value, json};

/// The most files of one mail that are taken.
const FILES_MAX: usize = 1_000;

/// The item of a mail, simply: its texts, who it is from and for, and the other headers. With a prefix,
/// its files too.
pub async fn simple(ctx: &Ctx, content: &[u8], uid: u32, prefix: Option<&str>) -> Result<Item, NodeError> {
    let message = parsed(content)?;
    let mut json = Object::new();
    json.insert("textHtml".to_owned(), html(&message).map_or(Value::Null, Value::from));
    json.insert("textPlain".to_owned(), text(&message).map_or(Value::Null, Value::from));
    let mut metadata = Object::new();
    let mut top = Object::new();
    for (name, value) in headers(&message) {
        match matches!(name.as_str(), "cc" | "date" | "from" | "subject" | "to") {
            true => drop(top.entry(name).or_insert(value.into())),
            false => drop(metadata.entry(name).or_insert(value.into())),
        }
    }
    json.insert("metadata".to_owned(), Value::Object(metadata));
    json.insert("attributes".to_owned(), json!({ "uid": uid }));
    json.extend(top);
    json.retain(|_, value| !value.is_null());
    item(ctx, json, &message, prefix).await
}

/// The item of a mail in full, with its files.
pub async fn resolved(ctx: &Ctx, content: &[u8], uid: u32, prefix: &str) -> Result<Item, NodeError> {
    let message = parsed(content)?;
    let mut json = Object::new();
    let lines: Object = message
        .headers_raw()
        .map(|(name, value)| {
            let value = value.replace(['\r', '\n'], "");
            (name.to_ascii_lowercase(), Value::from(format!("{name}: {}", value.trim())))
        })
        .collect();
    json.insert("headers".to_owned(), Value::Object(lines));
    json.extend(html(&message).map(|html| ("html".to_owned(), html.into())));
    if let Some(text) = text(&message) {
        let shown = linkflow_node::page::escape(text.trim_end()).replace("\r\n", "\n").replace('\n', "<br/>");
        json.insert("text".to_owned(), text.into());
        json.insert("textAsHtml".to_owned(), format!("<p>{shown}</p>").into());
    }
    json.extend(message.subject().map(|subject| ("subject".to_owned(), subject.into())));
    let date = message.date().and_then(|date| jiff::Timestamp::from_second(date.to_timestamp()).ok());
    json.extend(date.map(|at| ("date".to_owned(), at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string().into())));
    for (name, people) in [
        ("to", message.to()),
        ("from", message.from()),
        ("cc", message.cc()),
        ("bcc", message.bcc()),
        ("replyTo", message.reply_to()),
    ] {
        json.extend(people.map(|people| (name.to_owned(), persons(people))));
    }
    let quoted = |id: &str| Value::from(format!("<{id}>"));
    json.extend(message.message_id().map(|id| ("messageId".to_owned(), quoted(id))));
    json.extend(message.in_reply_to().as_text().map(|id| ("inReplyTo".to_owned(), quoted(id))));
    let references = message.references();
    let listed: Vec<Value> = references.as_text_list().into_iter().flatten().map(|id| quoted(id)).collect();
    match (listed.is_empty(), references.as_text()) {
        (false, _) => drop(json.insert("references".to_owned(), listed.into())),
        (true, Some(one)) => drop(json.insert("references".to_owned(), quoted(one))),
        (true, None) => {}
    }
    json.insert("attributes".to_owned(), json!({ "uid": uid }));
    item(ctx, json, &message, Some(prefix)).await
}

/// The item of a mail as it came: what stands below its headers.
pub fn raw(content: &[u8]) -> Item {
    let end = content.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    let end = end.or_else(|| content.windows(2).position(|w| w == b"\n\n").map(|at| at + 2));
    let body = String::from_utf8_lossy(&content[end.unwrap_or(content.len())..]).into_owned();
    Item::new(Object::from_iter([("raw".to_owned(), body.into())]))
}

fn parsed(content: &[u8]) -> Result<Message<'_>, NodeError> {
    MessageParser::default().parse(content).ok_or_else(|| NodeError::data("the mail is empty"))
}

fn text(message: &Message<'_>) -> Option<String> {
    let is_plain = |part: &&mail_parser::MessagePart<'_>| matches!(part.body, PartType::Text(_));
    let mut parts = message.text_bodies().filter(is_plain).filter_map(|part| part.text_contents()).peekable();
    parts.peek()?;
    Some(parts.collect::<Vec<_>>().join("\n"))
}

fn html(message: &Message<'_>) -> Option<String> {
    let is_html = |part: &&mail_parser::MessagePart<'_>| matches!(part.body, PartType::Html(_));
    let mut parts = message.html_bodies().filter(is_html).filter_map(|part| part.text_contents()).peekable();
    parts.peek()?;
    Some(parts.collect::<Vec<_>>().join("\n"))
}

/// The headers by their names in lower case, words of other character sets decoded.
fn headers(message: &Message<'_>) -> Vec<(String, String)> {
    let raw = message.headers_raw().map(|(name, value)| {
        let lower = name.to_ascii_lowercase();
        let value = match lower.as_str() {
            "subject" => message.subject().unwrap_or_default().to_owned(),
            "from" => message.from().map(|p| people_text(p)).unwrap_or_default(),
            "to" => message.to().map(|p| people_text(p)).unwrap_or_default(),
            "cc" => message.cc().map(|p| people_text(p)).unwrap_or_default(),
            _ => value.replace(['\r', '\n'], "").trim().to_owned(),
        };
        (lower, value)
    });
    raw.collect()
}

fn people_text(people: &Address<'_>) -> String {
    let one = |person: &mail_parser::Addr<'_>| {
        let address = person.address.as_deref().unwrap_or_default();
        match person.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) if name.chars().all(|c| c.is_alphanumeric() || " -_".contains(c)) => {
                format!("{name} <{address}>")
            }
            Some(name) => format!("\"{}\" <{address}>", name.replace('"', "\\\"")),
            None => address.to_owned(),
        }
    };
    people.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn persons(people: &Address<'_>) -> Value {
    let value: Vec<Value> = people
        .iter()
        .map(|person| {
            json!({"address": person.address.as_deref().unwrap_or_default(),
                "name": person.name.as_deref().unwrap_or_default()})
        })
        .collect();
    let text = people_text(people);
    json!({"value": value, "html": linkflow_node::page::escape(&text), "text": text})
}

async fn item(
    ctx: &Ctx,
    json: Object,
    message: &Message<'_>,
    prefix: Option<&str>,
) -> Result<Item, NodeError> {
    let mut files: BTreeMap<String, Binary> = BTreeMap::new();
    if let Some(prefix) = prefix {
        for (n, part) in message.attachments().take(FILES_MAX).enumerate() {
            let mime_type = part.content_type().map_or_else(
                || "application/octet-stream".to_owned(),
                |kind| match kind.subtype() {
                    Some(subtype) => format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase(),
                    None => kind.ctype().to_ascii_lowercase(),
                },
            );
            let name = part.attachment_name().map(str::to_owned);
            let stored = ctx.blobs.store(part.contents(), mime_type, name).await?;
            files.insert(format!("{prefix}{n}"), stored);
        }
    }
    let binary = (!files.is_empty()).then(|| Arc::new(files));
    Ok(Item { binary, ..Item::new(json) })
}
