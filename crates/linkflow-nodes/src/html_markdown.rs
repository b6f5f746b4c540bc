//! HTML as Markdown, by the rules of the node-html-markdown library (MIT licence), because workflows were
//! made for what it gives. Tags without a counterpart leave their text.

use std::cell::Cell;
use std::rc::Rc;

use linkflow_node::NodeError;

use crate::dom::{self, Content, Element, Tree};

/// How Markdown is written.
#[derive(Debug)]
pub struct Writing {
    pub bullet: String,
    pub fence: String,
    pub emphasis: String,
    pub strong: String,
    pub is_fenced: bool,
    pub keeps_data_images: bool,
    pub lists_links: bool,
    pub newlines_max: usize,
    /// Names of further elements, in lower case.
    pub ignored: Vec<String>,
    pub blocks: Vec<String>,
    /// What is replaced by what, once in each piece of text.
    pub escape: Option<(String, String)>,
    pub line_escape: Option<(String, String)>,
    pub replacements: Vec<(String, String)>,
}

const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "audio",
    "blockquote",
    "body",
    "canvas",
    "center",
    "dd",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "html",
    "isindex",
    "li",
    "main",
    "menu",
    "nav",
    "noframes",
    "noscript",
    "ol",
    "output",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

const IGNORED: &[&str] = &[
    "area", "base", "col", "command", "embed", "head", "input", "keygen", "link", "meta", "param", "script",
    "source", "style", "track", "wbr",
];

/// Elements that count though they are empty.
const COUNT_EMPTY: &[&str] =
    &["br", "hr", "img", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "ul", "li", "code", "table", "a"];

/// The page as Markdown.
pub fn markdown(html: &str, writing: &Writing) -> Result<String, NodeError> {
    let tree = dom::parse(html)?;
    let counts = counting(&tree);
    let mut writer = Writer { tree: &tree, writing, counts, text: String::new(), links: Vec::new() };
    let place = Place::default();
    for child in written_top(&tree, html) {
        writer.node(child, false, &place);
    }
    let mut text = writer.text;
    if writing.lists_links {
        if text.ends_with(|c| c != '\r' && c != '\n') {
            text.push('\n');
        }
        for (i, url) in writer.links.iter().enumerate() {
            text.push_str(&format!("\n[{}]: {url}", i + 1));
        }
    }
    Ok(fewer_newlines(&text, writing.newlines_max).trim_matches('\n').to_owned())
}

/// The top nodes as they were written: a page is given its `html` and `body` where they are missing.
fn written_top(tree: &Tree, html: &str) -> Vec<usize> {
    let is_written =
        |name: &str| html.as_bytes().windows(name.len()).any(|w| w.eq_ignore_ascii_case(name.as_bytes()));
    let mut top = tree.children(0).to_vec();
    for name in ["html", "body"] {
        if !is_written(&format!("<{name}")) {
            let within =
                |id: usize| if tree.name(id) == name { tree.children(id).to_vec() } else { vec![id] };
            top = top.into_iter().flat_map(within).collect();
        }
    }
    top
}

/// Which nodes have anything to show.
fn counting(tree: &Tree) -> Vec<bool> {
    let mut counts = vec![false; tree.len()];
    // Children come behind their parents.
    for id in tree.below(0).into_iter().rev() {
        counts[id] = match &tree.node(id).content {
            Content::Text(_) => true,
            Content::Element(element) if tree.children(id).is_empty() => {
                COUNT_EMPTY.contains(&element.name.as_str())
            }
            Content::Element(_) => tree.children(id).iter().any(|child| counts[*child]),
            _ => false,
        };
    }
    counts
}

/// Of more line breaks in a row than `most`, with only space between them, the last ones stay.
fn fewer_newlines(text: &str, most: usize) -> String {
    if most == 0 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\n') {
        out.push_str(&rest[..start]);
        let run_end = rest[start..].find(|c: char| !c.is_whitespace()).map_or(rest.len(), |end| start + end);
        let run = &rest[start..run_end];
        let breaks: Vec<usize> = run.match_indices('\n').map(|(at, _)| at).collect();
        let from = breaks.len().checked_sub(most).filter(|extra| *extra > 0).map_or(0, |extra| breaks[extra]);
        out.push_str(&run[from..]);
        rest = &rest[run_end..];
    }
    out.push_str(rest);
    out
}

/// Which elements have a meaning where the writer is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Within {
    #[default]
    Page,
    Code,
    Link,
    Table,
    Row,
    Cell,
}

#[derive(Clone, Default)]
struct Place {
    within: Within,
    keeps_space: bool,
    is_raw: bool,
    /// Whether the list is ordered, how deep it is, and how many entries there were.
    list: Option<(bool, usize, Rc<Cell<usize>>)>,
    caption: Option<Rc<Cell<String>>>,
}

/// How an element is written.
#[derive(Default)]
struct Style {
    newlines: usize,
    prefix: String,
    postfix: String,
    content: Option<String>,
    skips_elements: bool,
    is_ignored: bool,
    spaces_repeats: bool,
    after: Option<After>,
}

/// What becomes of the content of an element.
enum After {
    Surround(String),
    Code,
    Indent,
    Entry(usize),
    Quote,
    Table,
    OneLine,
    Caption,
    Row,
    Cell,
}

struct Writer<'t> {
    tree: &'t Tree,
    writing: &'t Writing,
    counts: Vec<bool>,
    text: String,
    links: Vec<String>,
}

fn heading(name: &str) -> Option<usize> {
    let level = name.strip_prefix('h')?.parse().ok()?;
    (1..=6).contains(&level).then_some(level)
}

impl Writer<'_> {
    fn append(&mut self, text: &str, spaces_repeats: bool) {
        let repeats = self.text.chars().next_back().is_some_and(|last| text.starts_with(last));
        if spaces_repeats && repeats {
            self.text.push(' ');
        }
        self.text.push_str(text);
    }

    /// How many white characters the text ends with, of the last ten, and how many are line breaks.
    fn trailing(&self) -> (usize, usize) {
        let last = self.text.chars().rev().take(10).take_while(|c| c.is_whitespace());
        last.fold((0, 0), |(white, breaks), c| (white + 1, breaks + usize::from(matches!(c, '\r' | '\n'))))
    }

    fn append_newlines(&mut self, n: usize) {
        let missing = n.saturating_sub(self.trailing().1);
        self.text.extend(std::iter::repeat_n('\n', missing));
    }

    fn node(&mut self, id: usize, text_only: bool, place: &Place) {
        if !self.counts[id] {
            return;
        }
        let tree = self.tree;
        match &tree.node(id).content {
            Content::Text(text) if !place.keeps_space && text.chars().all(char::is_whitespace) => {
                if !self.text.is_empty() && self.trailing().0 == 0 {
                    self.text.push(' ');
                }
            }
            Content::Text(text) => {
                let text = self.escaped(text, place);
                self.append(&text, false);
            }
            Content::Element(element) if !text_only => self.element(id, element, place),
            _ => {}
        }
    }

    fn escaped(&self, text: &str, place: &Place) -> String {
        let text = match place.keeps_space {
            true => text.to_owned(),
            false => one_space(trimmed(text)),
        };
        if place.is_raw {
            return text;
        }
        let text = match &self.writing.escape {
            Some(rule) => replaced(&text, rule),
            None => text.chars().fold(String::new(), |mut out, c| {
                out.extend("\\`*_~[]".contains(c).then_some('\\'));
                out.push(c);
                out
            }),
        };
        let text = match &self.writing.line_escape {
            Some(rule) => replaced(&text, rule),
            None => text.split('\n').map(line_escaped).collect::<Vec<_>>().join("\n"),
        };
        self.writing.replacements.iter().fold(text, |text, rule| replaced(&text, rule))
    }

    fn element(&mut self, id: usize, element: &Element, place: &Place) {
        let mut place = place.clone();
        match element.name.as_str() {
            "ul" | "ol" => {
                let depth = place.list.as_ref().map_or(0, |(_, depth, _)| depth + 1);
                place.list = Some((element.name == "ol", depth, Rc::default()));
            }
            "li" => {
                if let Some((true, _, count)) = &place.list {
                    count.set(count.get() + 1);
                }
            }
            "pre" => place.keeps_space = true,
            "table" => place.caption = Some(Rc::default()),
            _ => {}
        }
        let Some(style) = self.style(id, element, &mut place) else {
            return self.children(id, false, &place);
        };
        if style.is_ignored {
            return;
        }
        let outer = self.text.len();
        self.append_newlines(style.newlines);
        self.append(&style.prefix, false);
        match &style.content {
            Some(content) => self.append(content, style.spaces_repeats),
            None => {
                let start = self.text.len();
                self.children(id, style.skips_elements, &place);
                if let Some(after) = &style.after {
                    // An element at the start of the outer text may have taken some of it away.
                    let content = self.text.get(start..).unwrap_or_default().to_owned();
                    self.text.truncate(start);
                    match self.finished(after, &content, &place) {
                        Some(content) => self.append(&content, style.spaces_repeats),
                        None => {
                            if let (true, Some((true, _, count))) = (element.name == "li", &place.list) {
                                count.set(count.get().saturating_sub(1));
                            }
                            return self.text.truncate(outer);
                        }
                    }
                }
            }
        }
        self.append(&style.postfix, false);
        self.append_newlines(style.newlines);
    }

    fn children(&mut self, id: usize, text_only: bool, place: &Place) {
        let tree = self.tree;
        tree.children(id).iter().for_each(|child| self.node(*child, text_only, place));
    }

    /// How an element is written, with what holds for its content; nothing for those without meaning.
    fn style(&mut self, id: usize, element: &Element, place: &mut Place) -> Option<Style> {
        let name = element.name.as_str();
        let content = |text: &str| Style { content: Some(text.to_owned()), ..Style::default() };
        let block = || {
            let is_block = BLOCKS.contains(&name) || self.writing.blocks.iter().any(|block| block == name);
            Style { newlines: if is_block { 2 } else { 0 }, ..Style::default() }
        };
        let is_ignored = IGNORED.contains(&name) || self.writing.ignored.iter().any(|i| i == name);
        match (place.within, name) {
            (Within::Page | Within::Code, _) if is_ignored => Some(Style { is_ignored, ..Style::default() }),
            (Within::Page | Within::Code, "ol" | "ul") => {
                let depth = place.list.as_ref().map_or(0, |(_, depth, _)| *depth);
                Some(Style { newlines: if depth > 0 { 1 } else { 2 }, ..Style::default() })
            }
            (Within::Page | Within::Code, "li") => Some(self.entry(place)),
            (Within::Page, "pre") | (Within::Link, "pre") => {
                place.is_raw = true;
                place.keeps_space = true;
                Some(if place.within == Within::Page { block() } else { Style::default() })
            }
            (Within::Page, "br") => Some(content("  \n")),
            (Within::Code | Within::Link, "br") => Some(content("\n")),
            (Within::Page | Within::Code, "hr") => Some(Style { newlines: 2, ..content("---") }),
            (Within::Link, "hr") => Some(content("\n")),
            (Within::Page, name) if heading(name).is_some() => {
                let prefix = "#".repeat(heading(name).unwrap_or(1)) + " ";
                Some(Style { newlines: 2, prefix, ..Style::default() })
            }
            (Within::Code, name) if heading(name).is_some() => Some(Style {
                newlines: 2,
                prefix: "[".to_owned(),
                postfix: "]".to_owned(),
                ..Style::default()
            }),
            (Within::Page | Within::Link | Within::Cell, "strong" | "b") => {
                Some(surrounded(&self.writing.strong))
            }
            (Within::Page | Within::Link | Within::Cell, "em" | "i") => {
                Some(surrounded(&self.writing.emphasis))
            }
            (Within::Page | Within::Link | Within::Cell, "del" | "s" | "strike") => Some(surrounded("~~")),
            (Within::Page, "blockquote") => Some(Style { after: Some(After::Quote), ..block() }),
            (Within::Page, "code") => Some(self.code(id, element, place)),
            (Within::Page, "table") => {
                place.within = Within::Table;
                Some(Style { newlines: 2, after: Some(After::Table), ..Style::default() })
            }
            (Within::Page | Within::Cell, "a") => Some(self.link(id, element, place)),
            (Within::Page | Within::Link | Within::Cell, "img") => Some(self.image(element)),
            (Within::Code, "img") => Some(Style { skips_elements: true, ..Style::default() }),
            (Within::Code, "tr") => Some(Style { newlines: 1, ..Style::default() }),
            (Within::Table, "caption") => {
                place.within = Within::Cell;
                Some(Style { after: Some(After::Caption), ..Style::default() })
            }
            (Within::Table, "tr") => {
                place.within = Within::Row;
                let (prefix, postfix) = ("| ".to_owned(), "\n".to_owned());
                Some(Style { prefix, postfix, after: Some(After::Row), ..Style::default() })
            }
            (Within::Table | Within::Row, "th" | "td") => {
                place.within = Within::Cell;
                let (prefix, postfix) = (" ".to_owned(), " |".to_owned());
                Some(Style { prefix, postfix, after: Some(After::Cell), ..Style::default() })
            }
            (Within::Page | Within::Code, _) => {
                let style = block();
                (style.newlines > 0).then_some(style)
            }
            _ => None,
        }
    }

    fn entry(&self, place: &Place) -> Style {
        let (depth, sign) = match &place.list {
            Some((true, depth, count)) => (*depth, format!("{}. ", count.get())),
            Some((false, depth, _)) => (*depth, format!("{} ", self.writing.bullet)),
            None => (0, format!("{} ", self.writing.bullet)),
        };
        Style {
            newlines: 1,
            prefix: "   ".repeat(depth) + &sign,
            after: Some(After::Entry(depth)),
            ..Style::default()
        }
    }

    fn code(&self, id: usize, element: &Element, place: &mut Place) -> Style {
        place.is_raw = true;
        let parent = self.tree.parent(id).filter(|parent| self.tree.name(*parent) == "pre");
        if parent.is_none_or(|parent| self.tree.children(parent).len() > 1) {
            return Style { spaces_repeats: true, after: Some(After::Code), ..Style::default() };
        }
        place.within = Within::Code;
        if !self.writing.is_fenced {
            return Style { after: Some(After::Indent), ..Style::default() };
        }
        let class = element.attribute("class").unwrap_or_default();
        let language = class
            .split_once("language-")
            .map_or("", |(_, rest)| rest.split_whitespace().next().unwrap_or(""));
        let fence = &self.writing.fence;
        Style { prefix: format!("{fence}{language}\n"), postfix: format!("\n{fence}"), ..Style::default() }
    }

    fn link(&mut self, id: usize, element: &Element, place: &mut Place) -> Style {
        let href = element.attribute("href").unwrap_or_default();
        if href.is_empty() {
            return Style::default();
        }
        let url = href.replace('(', "%28").replace(')', "%29").replace('_', "%5F").replace('*', "%2A");
        if self.tree.text(id) == href {
            return Style { content: Some(format!("<{url}>")), ..Style::default() };
        }
        place.within = Within::Link;
        let target = if self.writing.lists_links {
            let known = self.links.iter().position(|link| *link == url);
            let n = known.unwrap_or_else(|| {
                self.links.push(url);
                self.links.len() - 1
            });
            format!("[{}]", n + 1)
        } else {
            let title = element.attribute("title").filter(|title| !title.is_empty());
            format!("({url}{})", title.map_or(String::new(), |title| format!(" \"{title}\"")))
        };
        let (prefix, postfix) = ("[".to_owned(), format!("]{target}"));
        Style { prefix, postfix, after: Some(After::OneLine), ..Style::default() }
    }

    fn image(&self, element: &Element) -> Style {
        let attribute = |name: &str| element.attribute(name).unwrap_or_default();
        let src = attribute("src");
        let is_data = src.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"));
        if src.is_empty() || (is_data && !self.writing.keeps_data_images) {
            return Style { is_ignored: true, ..Style::default() };
        }
        let title = attribute("title");
        let title = if title.is_empty() { String::new() } else { format!(" \"{title}\"") };
        Style { content: Some(format!("![{}]({src}{title})", attribute("alt"))), ..Style::default() }
    }

    /// The content as it is written; nothing where the element is left out.
    fn finished(&self, after: &After, content: &str, place: &Place) -> Option<String> {
        let is_blank = content.trim().is_empty();
        Some(match after {
            After::Surround(_) | After::Entry(_) if is_blank => return None,
            After::Surround(sign) => signed(content, sign),
            After::Code => {
                let runs = content.split(|c| c != '`').map(str::len);
                let delimiter = "`".repeat(1 + runs.max().unwrap_or(0));
                let pad = if delimiter.len() > 1 { " " } else { "" };
                format!("{delimiter}{pad}{content}{pad}{delimiter}")
            }
            After::Indent => {
                content.split('\n').map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
            }
            After::Entry(depth) => entry_text(content, *depth),
            After::Quote => {
                let quoted = |line: &str| {
                    let inner = line.trim_start_matches('>');
                    let signs = &line[..line.len() - inner.len()];
                    let inner = inner.strip_prefix(|c: char| c.is_whitespace()).unwrap_or(inner);
                    format!(">{signs} {inner}")
                };
                content.trim_matches('\n').split('\n').map(quoted).collect::<Vec<_>>().join("\n")
            }
            After::Table => return table(content, place),
            After::OneLine => one_line(content),
            After::Caption => {
                let caption = one_line(content).trim().to_owned();
                if let (false, Some(place)) = (caption.is_empty(), &place.caption) {
                    place.set(format!("__{caption}__"));
                }
                return None;
            }
            After::Row => return content.trim_end().ends_with(" |").then(|| content.to_owned()),
            After::Cell => one_line(&content.trim_matches('\n').replacen('|', "\\|", 1)).trim().to_owned(),
        })
    }
}

/// The first occurrence replaced; `$&` stands for what was there.
fn replaced(text: &str, (pattern, with): &(String, String)) -> String {
    text.replacen(pattern, &with.replace("$&", pattern), 1)
}

fn surrounded(sign: &str) -> Style {
    Style { spaces_repeats: true, after: Some(After::Surround(sign.to_owned())), ..Style::default() }
}

/// Without white space around, but one space where there was one next to the text.
fn trimmed(text: &str) -> String {
    let inner = text.trim();
    let start = text.len() - text.trim_start().len();
    let is_space = |c: Option<char>| c.is_some_and(|c| !matches!(c, '\r' | '\n'));
    let before = if is_space(text[..start].chars().next_back()) { " " } else { "" };
    let after = if is_space(text[start + inner.len()..].chars().next()) { " " } else { "" };
    format!("{before}{inner}{after}")
}

fn one_space(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut was_white = false;
    for c in text.chars() {
        let is_white = c.is_whitespace();
        if !(is_white && was_white) {
            out.push(if is_white { ' ' } else { c });
        }
        was_white = is_white;
    }
    out
}

fn one_line(text: &str) -> String {
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut out = lines.next().unwrap_or_default().to_owned();
    let mut has_gap = false;
    for line in lines {
        has_gap = true;
        if !line.is_empty() {
            out.push(' ');
            out.push_str(line);
            has_gap = false;
        }
    }
    out + if has_gap { " " } else { "" }
}

/// Escapes what would begin a list, a heading or a quote, and numbers with a full stop.
fn line_escaped(line: &str) -> String {
    let inner = line.trim_start();
    let (indent, hashes) =
        (&line[..line.len() - inner.len()], inner.chars().take_while(|c| *c == '#').count());
    let follows_space = |at: usize| inner[at..].starts_with(char::is_whitespace);
    let is_sign = inner.starts_with(['=', '>', '-'])
        || (inner.starts_with('+') && follows_space(1))
        || ((1..=6).contains(&hashes) && follows_space(hashes));
    let line = if is_sign { format!("{indent}\\{inner}") } else { line.to_owned() };
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    let mut after_digit = false;
    while let Some(c) = chars.next() {
        if c == '.' && after_digit && chars.peek().is_some_and(|next| next.is_whitespace()) {
            out.push('\\');
        }
        after_digit = c.is_ascii_digit();
        out.push(c);
    }
    out
}

/// The sign around each line's text, with at most one space kept outside.
fn signed(content: &str, sign: &str) -> String {
    let content = if content.contains(sign) { without(content, sign) } else { content.to_owned() };
    let line = |line: &str| {
        let inner = line.trim();
        if inner.is_empty() {
            return line.to_owned();
        }
        let start = line.len() - line.trim_start().len();
        let before = line[..start].chars().next_back().map(String::from).unwrap_or_default();
        let after = line[start + inner.len()..].chars().next().map(String::from).unwrap_or_default();
        format!("{before}{sign}{inner}{sign}{after}")
    };
    content.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Without the signs within, but those at the start and escaped ones.
fn without(content: &str, sign: &str) -> String {
    let mut out = String::new();
    let mut rest = content;
    while let Some(at) = rest.find(sign) {
        out.push_str(&rest[..at]);
        if out.is_empty() || out.ends_with('\\') {
            out.push_str(sign);
        }
        rest = &rest[at + sign.len()..];
    }
    out + rest
}

fn entry_text(content: &str, depth: usize) -> String {
    let content = content.trim();
    let mut lines = content.split('\n').filter(|line| !line.is_empty()).peekable();
    let mut out = String::new();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let text = line.trim_end();
        out.push_str(text);
        // White space at the end of a line, and each break, become two spaces.
        if !is_last || text.len() < line.len() {
            out.push_str("  ");
        }
        if !is_last {
            out.push('\n');
            out.push_str(&"   ".repeat(depth));
        }
    }
    out
}

fn table(content: &str, place: &Place) -> Option<String> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in content.lines() {
        let end = line.trim_end();
        let inner = end.strip_suffix('|').unwrap_or(line);
        let inner = inner.strip_prefix('|').map_or(inner, str::trim_start);
        if !inner.is_empty() {
            rows.push(inner.split(" |").map(|cell| cell.trim().to_owned()).collect());
        }
    }
    let n_columns = rows.iter().map(Vec::len).max()?;
    let length = |cell: &String| cell.chars().map(char::len_utf16).sum::<usize>();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(widest).collect();
    let caption = place.caption.as_ref().map(|caption| caption.take()).unwrap_or_default();
    let mut out = if caption.is_empty() { String::new() } else { format!("{caption}\n") };
    for (n, row) in rows.iter().enumerate() {
        let cell = |(column, width): (usize, &usize)| {
            let text = row.get(column).cloned().unwrap_or_default();
            let pad = " ".repeat(width.saturating_sub(length(&text)));
            format!("{text}{pad} |")
        };
        let cells: Vec<String> = widths.iter().enumerate().map(cell).collect();
        out.push_str(&format!("| {}\n", cells.join(" ")));
        if n == 0 {
            let rule: String = widths.iter().map(|width| format!(" {} |", "-".repeat(*width))).collect();
            out.push_str(&format!("|{rule}\n"));
        }
    }
    Some(out)
}
