//! Pages for people who fill in forms: one plain template, with nothing from elsewhere.
//!
//! They work without scripts, fit a telephone, and are guarded by a policy of their own. What goes
//! into them is text unless it went through [`harmless`].

use crate::{Reply, ReplyBody};

/// What a page shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    pub title: &'a str,
    /// HTML, of which every part was escaped or made harmless.
    pub body: &'a str,
    /// Rules of the author's, behind our own.
    pub css: &'a str,
    /// After how many seconds the page is to be asked for again.
    pub again_s: Option<u32>,
}

/// The most bytes of an author's CSS or HTML; the rest is left out.
pub const THEIRS_BYTES_MAX: usize = 100_000;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; \
    media-src https:; base-uri 'none'; frame-ancestors 'self'";

const CSS: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#fff;--back:#f3f5f8;--line:#8a95a5;\
--key:#2456c5;--on-key:#fff;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#a9b4c2;--paper:#1b222c;--back:#11161d;\
--line:#66717f;--key:#8fb2ff;--on-key:#0b1526;--bad:#ff9d94}}\
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);\
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
main{max-width:34rem;margin:2rem auto;padding:1.75rem;background:var(--paper);border-radius:.75rem;\
box-shadow:0 1px 4px #0003}\
@media(max-width:36rem){main{margin:0;min-height:100vh;border-radius:0;padding:1.25rem 1rem}}\
h1{font-size:1.4rem;line-height:1.25;margin:0 0 .5rem}.about{color:var(--soft);margin:0 0 1.25rem;white-space:pre-line}\
form>div,fieldset{margin:0 0 1.1rem;padding:0;border:0;min-width:0}label,legend{display:block;font-weight:600;margin:0 0 .3rem;padding:0}\
.must{color:var(--bad)}\
input:not([type=checkbox]):not([type=radio]),textarea,select{width:100%;font:inherit;color:inherit;\
background:var(--paper);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .7rem}\
textarea{min-height:6.5rem;resize:vertical}\
.choice{display:flex;gap:.6rem;align-items:flex-start;font-weight:400;padding:.35rem 0;margin:0}\
.choice input{width:1.2rem;height:1.2rem;margin:.15rem 0 0;flex:none;accent-color:var(--key)}\
:focus-visible{outline:3px solid var(--key);outline-offset:2px}\
.wrong{color:var(--bad);margin:.3rem 0 0;font-size:.95rem}.wrong-box{border:1px solid var(--bad);border-radius:.4rem;\
padding:.6rem .8rem;margin:0 0 1.1rem;color:var(--bad)}[aria-invalid=true]{border-color:var(--bad)!important}\
button,.button{display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;\
padding:.75rem;border:0;border-radius:.4rem;background:var(--key);color:var(--on-key);cursor:pointer}\
img,video,table{max-width:100%}a{color:var(--key)}.hint{color:var(--soft);font-size:.9rem;margin:.3rem 0 0}";

/// The page as the answer to a request.
pub fn reply(status: u16, page: &Page<'_>) -> Reply {
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Reply { status, headers, body: ReplyBody::Text(html(page)) }
}

/// A page with a heading and a text: how a form ends.
pub fn message(status: u16, title: &str, text: &str) -> Reply {
    let body = format!("<h1>{}</h1><p class=\"about\">{}</p>", escape(title), escape(text));
    reply(status, &Page { title, body: &body, ..Page::default() })
}

fn html(page: &Page<'_>) -> String {
    let again = page.again_s.map(|s| format!("<meta http-equiv=\"refresh\" content=\"{s}\">"));
    // A style ends at the first tag that says so, wherever it stands.
    let css = cut(page.css).replace('<', "\\3c ");
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\">{}<title>{}</title><style>{CSS}{css}</style></head>\n\
         <body><main>{}</main></body></html>\n",
        again.unwrap_or_default(),
        escape(if page.title.is_empty() { "Form" } else { page.title }),
        page.body,
    )
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(THEIRS_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Text as it stands in HTML, between tags and in attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Elements that an author's HTML may have.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "code",
    "col",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "source",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "video",
];
const ATTRIBUTES: &[&str] = &[
    "alt", "class", "colspan", "controls", "height", "href", "id", "rowspan", "src", "title", "width", "type",
];

/// An author's HTML with only the elements and attributes that show something: no script, no form,
/// no frame, no style of their own.
pub fn harmless(html: &str) -> String {
    let mut out = String::new();
    let mut rest = cut(html);
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at].replace('>', "&gt;"));
        rest = &rest[at..];
        let skipped = skipped(rest);
        if skipped > 0 {
            rest = &rest[skipped..];
            continue;
        }
        match tag(rest) {
            Some((written, length)) => {
                out.push_str(&written);
                rest = &rest[length..];
            }
            None => {
                out.push_str("&lt;");
                rest = &rest[1..];
            }
        }
    }
    out.push_str(&rest.replace('>', "&gt;"));
    out
}

/// How many bytes from here on are a comment, or an element that is left out with what is in it.
fn skipped(rest: &str) -> usize {
    let until = |end: &str| rest.to_ascii_lowercase().find(end).map_or(rest.len(), |at| at + end.len());
    if rest.starts_with("<!--") {
        return until("-->");
    }
    let begins = |name: &str| rest.get(1..=name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name));
    let whole =
        ["script", "style", "textarea", "title", "noscript", "template", "iframe", "object", "svg", "math"];
    whole.iter().find(|name| begins(name)).map_or(0, |name| until(&format!("</{name}>")))
}

/// The tag that begins here, as it may be written, and how long it was.
fn tag(rest: &str) -> Option<(String, usize)> {
    let end = end_of_tag(rest)?;
    let inner = rest[1..end].trim_end_matches('/');
    let (is_end, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let n = inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
    let name = inner[..n].to_ascii_lowercase();
    if name.is_empty() {
        return None;
    }
    if !ELEMENTS.contains(&name.as_str()) {
        return Some((String::new(), end + 1));
    }
    if is_end {
        return Some((format!("</{name}>"), end + 1));
    }
    let mut written = format!("<{name}");
    for (key, value) in attributes(&inner[n..]) {
        let is_safe = !matches!(key.as_str(), "href" | "src") || is_safe_address(&value);
        if ATTRIBUTES.contains(&key.as_str()) && is_safe {
            written.push_str(&format!(" {key}=\"{}\"", escape(&value)));
        }
    }
    if name == "a" {
        written.push_str(" target=\"_blank\" rel=\"noopener noreferrer\"");
    }
    written.push('>');
    Some((written, end + 1))
}

/// The place of the `>` that ends a tag: one in a quoted value does not.
fn end_of_tag(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let n = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let name = rest[..n].to_ascii_lowercase();
        rest = rest[n..].trim_start();
        let mut value = String::new();
        if let Some(behind) = rest.strip_prefix('=') {
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (found, left) = match quote {
                Some(quote) => behind[1..].split_once(quote).unwrap_or((&behind[1..], "")),
                None => behind.split_once(char::is_whitespace).unwrap_or((behind, "")),
            };
            value = plain(found);
            rest = left;
        }
        rest = rest.trim_start();
        if n == 0 {
            // A stray sign: one character further.
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        found.push((name, value));
    }
    found
}

/// The references that people write in addresses, resolved.
fn plain(value: &str) -> String {
    value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Whether a link or a picture may have this address. Anything with another scheme is left out.
fn is_safe_address(address: &str) -> bool {
    let address: String = address.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let address = address.to_ascii_lowercase();
    let known = [
        "http://",
        "https://",
        "mailto:",
        "tel:",
        "#",
        "data:image/png",
        "data:image/jpeg",
        "data:image/gif",
    ];
    known.iter().any(|start| address.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: &str) {
        assert_eq!(harmless(given), expected, "{given}");
    }

    #[test]
    fn an_authors_html_keeps_what_shows_something() {
        check("<h2 class='x'>Hi</h2><br/>", "<h2 class=\"x\">Hi</h2><br>");
        check("a < b > c & d", "a &lt; b &gt; c & d");
        let link =
            "<a href=\"https://a.example/?x=1&amp;y=2\" target=\"_blank\" rel=\"noopener noreferrer\">";
        check("<a href=https://a.example/?x=1&amp;y=2>", link);
        check(
            "<img src=\"data:image/png;base64,AA==\" alt=\"a > b\">",
            "<img src=\"data:image/png;base64,AA==\" alt=\"a &gt; b\">",
        );
    }

    #[test]
    fn nothing_that_acts_gets_through() {
        check("x<script>alert(1)</script>y", "xy");
        check("<ScRiPt src=//evil>z", "");
        check("<p onclick=\"x()\" style='a'>t</p>", "<p>t</p>");
        check("<a href=\"java\tscript:x()\">t</a>", "<a target=\"_blank\" rel=\"noopener noreferrer\">t</a>");
        check("<form action=x><input name=a></form>", "");
        check("<iframe src=https://a></iframe><svg onload=x>..</svg>", "");
        check("<!-- <b> --><b>t</b><", "<b>t</b>&lt;");
        check(
            "<a title='\"><script>'>",
            "<a title=\"&quot;&gt;&lt;script&gt;\" target=\"_blank\" rel=\"noopener noreferrer\">",
        );
        check("<img src=x onerror=alert(1)>", "<img>");
        check("<b", "&lt;b");
    }

    #[test]
    fn a_style_cannot_end_its_element() {
        let page = Page { title: "<t>", css: "a{}</style><script>", ..Page::default() };
        let ReplyBody::Text(text) = reply(200, &page).body else { panic!("no text") };
        assert!(text.contains("<title>&lt;t&gt;</title>") && !text.contains("<script>"), "{text}");
    }
}
