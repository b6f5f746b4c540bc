//! Reads feeds (RSS and Atom) as they are found in the wild: with broken entities, without dates,
//! in any of their versions. Nothing here asks for them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use linkflow_model::Object;
use linkflow_node::{Ctx, NodeError};
use serde_json::{Value, json};
use url::Url;

use crate::dates;

/// The largest feed that is read, and the most entries of one.
const FEED_BYTES_MAX: usize = 16 << 20;
const ENTRIES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 100;

/// Asks for a feed, and gives its entries as they come.
pub async fn fetch(ctx: &Ctx, url: &str, any_certificate: bool) -> Result<Vec<Object>, NodeError> {
    let address: Url =
        url.trim().parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https")).ok_or_else(
            || NodeError::param("url", format!("must be an address of the web, got \"{url}\"")),
        )?;
    let service = address.host_str().unwrap_or_default().to_owned();
    let mut call = linkflow_node::http::Call::new(http::Method::GET, address);
    let accepts = "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5";
    call.headers.insert(http::header::ACCEPT, http::HeaderValue::from_static(accepts));
    call.timeout_ms = 60_000;
    call.body_bytes_max = FEED_BYTES_MAX;
    call.accept_invalid_certs = any_certificate;
    call.cancel = ctx.cancel.clone();
    let answer = ctx.http.send(call).await?;
    let status = answer.status.as_u16();
    if !answer.status.is_success() {
        let message = format!("{service} answered with {status} instead of a feed");
        let retry_after_ms = answer.retry_after_ms(ctx.now);
        return Err(NodeError::Refused {
            service,
            status,
            message,
            description: None,
            retry_after_ms,
            item: None,
        });
    }
    let bytes = answer.bytes().await?;
    entries(&decoded(&bytes)).ok_or_else(|| NodeError::data(format!("{url} gives no feed that can be read")))
}

/// The text, by what its first line says of its letters.
fn decoded(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let label = head.split("encoding=").nth(1).and_then(|rest| rest.get(1..)?.split(['"', '\'']).next());
    let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    encoding.unwrap_or(encoding_rs::UTF_8).decode(bytes).0.into_owned()
}

/// The entries of a feed, the first one first; `None` when the text is no feed.
pub fn entries(text: &str) -> Option<Vec<Object>> {
    let root = parse(text);
    let top = root.children.iter().find(|e| matches!(e.local(), "rss" | "RDF" | "feed"))?;
    let is_atom = top.local() == "feed";
    let holder = if is_atom { top } else { top.child("channel").unwrap_or(top) };
    let mut found = holder.all(if is_atom { "entry" } else { "item" });
    if found.is_empty() && !is_atom {
        // RSS 1.0 has its entries beside the channel.
        found = top.all("item");
    }
    let read = if is_atom { atom_entry } else { rss_item };
    Some(found.into_iter().take(ENTRIES_MAX).map(read).collect())
}

fn rss_item(item: &Element) -> Object {
    let mut out = Object::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), Value::String(value));
        }
    };
    let text = |name: &str| item.child(name).map(Element::text);
    put("creator", text("dc:creator").or_else(|| text("author")));
    for (name, key) in [
        ("dc:publisher", "publisher"),
        ("dc:source", "source"),
        ("title", "title"),
        ("link", "link"),
        ("pubDate", "pubDate"),
        ("author", "author"),
        ("summary", "summary"),
    ] {
        put(key, text(name));
    }
    if let Some(encoded) = text("content:encoded") {
        let short = snippet(&encoded);
        put("content:encoded", Some(encoded));
        put("content:encodedSnippet", Some(short));
    }
    if let Some(enclosure) = item.child("enclosure") {
        let attributes = enclosure.attributes.iter().map(|(k, v)| (k.clone(), json!(v)));
        out.insert("enclosure".to_owned(), Value::Object(attributes.collect()));
    }
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), Value::String(value));
        }
    };
    for name in ["dc:creator", "dc:date", "comments"] {
        put(name, text(name));
    }
    if let Some(description) = text("description") {
        let short = snippet(&description);
        put("content", Some(description));
        put("contentSnippet", Some(short));
    }
    put("guid", text("guid"));
    let date = text("pubDate").or_else(|| text("dc:date")).and_then(|date| iso(&date));
    let categories: Vec<String> = item.all("category").into_iter().map(Element::text).collect();
    if !categories.is_empty() {
        out.insert("categories".to_owned(), json!(categories));
    }
    if let Some(date) = date {
        out.insert("isoDate".to_owned(), Value::String(date));
    }
    out
}

fn atom_entry(entry: &Element) -> Object {
    let mut out = Object::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), Value::String(value));
        }
    };
    let text = |name: &str| entry.child(name).map(Element::text);
    put("title", text("title"));
    let links = entry.all("link");
    let rel = |link: &&&Element| link.attribute("rel").unwrap_or("alternate") == "alternate";
    let link = links.iter().find(rel).or(links.first());
    put("link", link.and_then(|link| link.attribute("href")).map(str::to_owned));
    let date = text("published").or_else(|| text("updated"));
    put("pubDate", date.as_deref().and_then(iso));
    put("author", entry.child("author").and_then(|author| author.child("name")).map(Element::text));
    if let Some(content) = entry.child("content") {
        let html = if content.attribute("type") == Some("xhtml") { content.inner() } else { content.text() };
        put("contentSnippet", Some(snippet(&html)));
        put("content", Some(html));
    }
    put("summary", text("summary"));
    put("id", text("id"));
    put("isoDate", date.as_deref().and_then(iso));
    out
}

/// What tells an entry from the others.
pub fn mark(entry: &Object) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let own = text("guid").or_else(|| text("id")).or_else(|| text("link"));
    own.map_or_else(|| format!("{:?} {:?}", text("title"), text("isoDate")), str::to_owned)
}

/// A date of a feed as ISO 8601 in UTC.
fn iso(text: &str) -> Option<String> {
    let text = text.trim();
    let rfc = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let at = rfc.parse_timestamp(text).ok();
    let ms = at.map(|at| at.as_millisecond()).or_else(|| dates::parse_ms(text, &TimeZone::UTC))?;
    let at = Timestamp::from_millisecond(ms).ok()?;
    Some(at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// HTML as plain text.
fn snippet(html: &str) -> String {
    const BLOCKS: [&str; 12] =
        ["br", "p", "ul", "ol", "li", "blockquote", "section", "table", "tr", "div", "h1", "h2"];
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('>') else { break };
        let tag = rest[at + 1..at + end].trim_start_matches('/');
        let name =
            tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
        if BLOCKS.contains(&name.as_str()) && !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        rest = &rest[at + end + 1..];
    }
    if !rest.starts_with('<') {
        out.push_str(rest);
    }
    unescaped(&out).trim().to_owned()
}

#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    /// Text, and places of children within it.
    texts: Vec<Part>,
}

enum Part {
    Text(String),
    Child(usize),
}

impl Element {
    /// The name without the prefix of its namespace.
    fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or_default()
    }

    /// By the whole name; without a prefix, of Atom's own prefix too.
    fn is(&self, name: &str) -> bool {
        self.name == name
            || self.name.strip_prefix("atom:") == Some(name)
            || self.name.strip_prefix("rss:") == Some(name)
    }

    fn child(&self, name: &str) -> Option<&Element> {
        let exact = self.children.iter().find(|e| e.name == name);
        exact.or_else(|| self.children.iter().find(|e| e.is(name)))
    }

    fn all(&self, name: &str) -> Vec<&Element> {
        self.children.iter().filter(|e| e.is(name)).collect()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for part in &self.texts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Child(at) => out.push_str(&self.children[*at].text()),
            }
        }
        out.trim().to_owned()
    }

    /// The markup within, for XHTML.
    fn inner(&self) -> String {
        let mut out = String::new();
        for part in &self.texts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Child(at) => {
                    let child = &self.children[*at];
                    out.push_str(&format!("<{0}>{1}</{0}>", child.local(), child.inner()));
                }
            }
        }
        out
    }
}

/// The tree of a document. What is broken in it is passed over.
fn parse(text: &str) -> Element {
    let mut open = vec![Element::default()];
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        add_text(&mut open, &unescaped(&rest[..at]));
        rest = &rest[at..];
        if let Some(cdata) = rest.strip_prefix("<![CDATA[") {
            let end = cdata.find("]]>").unwrap_or(cdata.len());
            add_text(&mut open, &cdata[..end]);
            rest = cdata.get(end + 3..).unwrap_or_default();
        } else if rest.starts_with("<!--") {
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
        } else {
            let end = end_of_tag(rest);
            tag(&mut open, &rest[1..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().unwrap_or_default()
}

fn end_of_tag(rest: &str) -> usize {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    rest.len()
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(top) = open.last_mut().filter(|_| !text.is_empty()) {
        top.texts.push(Part::Text(text.to_owned()));
    }
}

fn close(open: &mut Vec<Element>) {
    if let (Some(done), Some(parent)) = (open.pop(), open.last_mut()) {
        parent.texts.push(Part::Child(parent.children.len()));
        parent.children.push(done);
    }
}

fn tag(open: &mut Vec<Element>, inner: &str) {
    if inner.starts_with(['?', '!']) {
        return;
    }
    if let Some(name) = inner.strip_prefix('/') {
        // An end without its begin closes nothing; one further out closes what is open within.
        let name = name.trim();
        if open.iter().skip(1).any(|e| e.name == name) {
            while open.last().is_some_and(|e| e.name != name) {
                close(open);
            }
            close(open);
        }
        return;
    }
    let is_empty = inner.ends_with('/');
    let inner = inner.trim_end_matches('/');
    let n = inner.find(char::is_whitespace).unwrap_or(inner.len());
    let element =
        Element { name: inner[..n].to_owned(), attributes: attributes(&inner[n..]), ..Element::default() };
    if element.name.is_empty() || open.len() > DEPTH_MAX {
        return;
    }
    open.push(element);
    if is_empty {
        close(open);
    }
}

fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let Some(quote) = behind.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let Some((value, left)) = behind[1..].split_once(quote) else { break };
        found.push((name.trim().to_owned(), unescaped(value)));
        rest = left.trim_start();
    }
    found
}

/// Text with the references of XML, and the commonest ones of HTML, resolved; others stay.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end <= 10);
        match end.and_then(|end| reference(&rest[1..end]).map(|c| (c, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())?;
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "rsquo" => '’',
        "lsquo" => '‘',
        "rdquo" => '”',
        "ldquo" => '“',
        "copy" => '©',
        _ => return None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const RSS: &str = r#"<?xml version="1.0"?>
        <rss version="2.0" xmlns:dc="x" xmlns:content="y"><channel><title>News</title>
        <item><title>Second &amp; last</title><link>https://a.example/2</link><guid>2</guid>
          <pubDate>Wed, 04 Mar 2026 05:00:00 GMT</pubDate><dc:creator><![CDATA[Ann]]></dc:creator>
          <description>&lt;p&gt;One&lt;/p&gt;&lt;p&gt;Two&amp;hellip;&lt;/p&gt;</description>
          <category>a</category><category>b</category><enclosure url="u" type="audio/mpeg"/></item>
        <item><title>First</title><link>https://a.example/1</link><guid>1</guid><author>Bob</author></item>
        </channel></rss>"#;

    fn check(text: &str, expected: Value) {
        assert_eq!(json!(entries(text)), expected);
    }

    #[test]
    fn the_items_of_rss_are_read() {
        check(
            RSS,
            json!([{
                "creator": "Ann", "title": "Second & last", "link": "https://a.example/2",
                "pubDate": "Wed, 04 Mar 2026 05:00:00 GMT", "dc:creator": "Ann",
                "contentSnippet": "One\nTwo…", "content": "<p>One</p><p>Two&hellip;</p>", "guid": "2",
                "isoDate": "2026-03-04T05:00:00.000Z", "enclosure": {"url": "u", "type": "audio/mpeg"},
                "categories": ["a", "b"],
            }, {"creator": "Bob", "title": "First", "link": "https://a.example/1", "author": "Bob", "guid": "1"}]),
        );
    }

    #[test]
    fn the_entries_of_atom_are_read() {
        let text = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>T</title><id>i</id>\
            <link rel='self' href='s'/><link href='l'/><updated>2026-03-04T06:00:00+01:00</updated>\
            <author><name>Ann</name></author><content type='xhtml'><div><b>x</b> y</div></content></entry></feed>";
        let date = "2026-03-04T05:00:00.000Z";
        check(
            text,
            json!([{"title": "T", "link": "l", "pubDate": date, "author": "Ann", "contentSnippet": "x y",
                "content": "<div><b>x</b> y</div>", "id": "i", "isoDate": date}]),
        );
    }

    #[test]
    fn broken_feeds_give_what_can_be_read_and_no_feed_is_none() {
        check(
            "<rss><channel><item><title>a & b &unknown; <b>c</title></item>",
            json!([{"title": "a & b &unknown; c"}]),
        );
        check("<rdf:RDF><channel/><item><title>x</title></item></rdf:RDF>", json!([{"title": "x"}]));
        check("<html><body>no</body></html>", json!(null));
        check("<", json!(null));
        let deep = "<a>".repeat(5_000);
        check(&format!("<rss>{deep}"), json!([]));
    }
}
