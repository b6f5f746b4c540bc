//! Markdown as HTML, by the rules of the Showdown library, version 2.1 (MIT licence, copyright 2018, 2021
//! ShowdownJS), because workflows were made for what it gives: header ids, line breaks, lists and all.
//! Like there, the text goes through rewriting steps, and finished parts are put aside under marks that
//! begin with `¨`. Emoji names and extensions are not known here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use fancy_regex::Regex;
use linkflow_node::{NodeError, lenient};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How Markdown is read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether links open in a new window.
    #[serde(deserialize_with = "lenient::flag")]
    pub open_links_in_new_window: bool,
    /// Whether addresses in the text become links.
    #[serde(deserialize_with = "lenient::flag")]
    pub simplified_auto_link: bool,
    /// Whether a backslash before a tag makes it text.
    #[serde(deserialize_with = "lenient::flag", rename = "backslashEscapesHTMLTags")]
    pub backslash_escapes_html_tags: bool,
    /// Whether a whole page comes out, with head and body.
    #[serde(deserialize_with = "lenient::flag", rename = "completeHTMLDocument")]
    pub complete_html_document: bool,
    /// Whether headings may name their id in braces: `## Title {id}`.
    #[serde(deserialize_with = "lenient::flag")]
    pub customized_header_id: bool,
    /// Whether addresses of mail are written as entities.
    #[serde(deserialize_with = "lenient::flag")]
    pub encode_emails: bool,
    /// Whether punctuation at the end of an address is no part of its link.
    #[serde(deserialize_with = "lenient::flag", rename = "excludeTrailingPunctuationFromURLs")]
    pub exclude_trailing_punctuation_from_urls: bool,
    /// Whether code may stand between lines of three backticks.
    #[serde(deserialize_with = "lenient::flag")]
    pub gh_code_blocks: bool,
    /// Whether ids of headings are made as GitHub makes them.
    #[serde(deserialize_with = "lenient::flag")]
    pub gh_compatible_header_id: bool,
    /// Whether `@name` becomes a link.
    #[serde(deserialize_with = "lenient::flag")]
    pub gh_mentions: bool,
    /// Where such links lead; `{u}` stands for the name.
    #[serde(deserialize_with = "lenient::text")]
    pub gh_mentions_link: String,
    /// Whether lists may have boxes: `- [x] done`.
    #[serde(deserialize_with = "lenient::flag")]
    pub tasklists: bool,
    /// The level of the highest heading.
    #[serde(deserialize_with = "lenient::integer")]
    pub header_level_start: i64,
    /// Whether there must be a space behind the signs of a heading.
    #[serde(deserialize_with = "lenient::flag")]
    pub require_space_before_heading_text: bool,
    /// Whether asterisks within words are text.
    #[serde(deserialize_with = "lenient::flag")]
    pub literal_mid_word_asterisks: bool,
    /// Whether underscores within words are text.
    #[serde(deserialize_with = "lenient::flag")]
    pub literal_mid_word_underscores: bool,
    /// Whether headings have no ids.
    #[serde(deserialize_with = "lenient::flag")]
    pub no_header_id: bool,
    /// Whether images may have a size: `![](x.png =100x50)`.
    #[serde(deserialize_with = "lenient::flag")]
    pub parse_img_dimensions: bool,
    /// What stands before each id.
    #[serde(deserialize_with = "lenient::text")]
    pub prefix_header_id: String,
    /// Whether ids keep most of their characters.
    #[serde(deserialize_with = "lenient::flag")]
    pub raw_header_id: bool,
    /// Whether what stands before each id is taken as it is.
    #[serde(deserialize_with = "lenient::flag")]
    pub raw_prefix_header_id: bool,
    /// Whether each line break is one in HTML too.
    #[serde(deserialize_with = "lenient::flag")]
    pub simple_line_breaks: bool,
    /// Whether the indentation of the first line is taken off all lines.
    #[serde(deserialize_with = "lenient::flag")]
    pub smart_indentation_fix: bool,
    /// Whether two spaces are enough for a list in a list.
    #[serde(deserialize_with = "lenient::flag", rename = "disableForced4SpacesIndentedSublists")]
    pub disable_forced_4_spaces_indented_sublists: bool,
    /// Whether quotes with an empty line between them are several.
    #[serde(deserialize_with = "lenient::flag")]
    pub split_adjacent_blockquotes: bool,
    /// Whether `~~text~~` is struck through.
    #[serde(deserialize_with = "lenient::flag")]
    pub strikethrough: bool,
    /// Whether the titles of a table's columns have ids.
    #[serde(deserialize_with = "lenient::flag")]
    pub tables_header_id: bool,
    /// Whether there are tables.
    #[serde(deserialize_with = "lenient::flag")]
    pub tables: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            open_links_in_new_window: false,
            simplified_auto_link: false,
            backslash_escapes_html_tags: false,
            complete_html_document: false,
            customized_header_id: false,
            encode_emails: true,
            exclude_trailing_punctuation_from_urls: false,
            gh_code_blocks: true,
            gh_compatible_header_id: false,
            gh_mentions: false,
            gh_mentions_link: "https://github.com/{u}".to_owned(),
            tasklists: false,
            header_level_start: 1,
            require_space_before_heading_text: false,
            literal_mid_word_asterisks: false,
            literal_mid_word_underscores: false,
            no_header_id: false,
            parse_img_dimensions: false,
            prefix_header_id: String::new(),
            raw_header_id: false,
            raw_prefix_header_id: false,
            simple_line_breaks: false,
            smart_indentation_fix: false,
            disable_forced_4_spaces_indented_sublists: false,
            split_adjacent_blockquotes: false,
            strikethrough: false,
            tables_header_id: false,
            tables: false,
        }
    }
}

const TEXT_BYTES_MAX: usize = 4 << 20;
/// How deep lists and quotes may stand in each other.
const DEPTH_MAX: usize = 40;

/// Elements that are no part of a paragraph.
const BLOCKS: &[&str] = &[
    "pre",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "table",
    "dl",
    "ol",
    "ul",
    "script",
    "noscript",
    "form",
    "fieldset",
    "iframe",
    "math",
    "style",
    "section",
    "header",
    "footer",
    "nav",
    "article",
    "aside",
    "address",
    "audio",
    "canvas",
    "figure",
    "hgroup",
    "output",
    "video",
    "p",
];

/// `text` as HTML.
pub fn html(text: &str, options: &Options) -> Result<String, NodeError> {
    if text.len() > TEXT_BYTES_MAX {
        let limit = format!("{TEXT_BYTES_MAX} bytes");
        return Err(NodeError::Limit { what: "the size of a Markdown text".to_owned(), limit });
    }
    if text.is_empty() {
        return Ok(String::new());
    }
    Maker::new(options).whole(text)
}

type Captures<'t> = fancy_regex::Captures<'t, str>;
type Done<T = String> = Result<T, NodeError>;

fn regex(pattern: &str) -> Rc<Regex> {
    thread_local!(static KNOWN: RefCell<HashMap<String, Rc<Regex>>> = RefCell::default());
    KNOWN.with_borrow_mut(|known| {
        if let Some(regex) = known.get(pattern) {
            return regex.clone();
        }
        let regex = Rc::new(Regex::new(pattern).unwrap_or_else(|e| unreachable!("{pattern}: {e}")));
        known.insert(pattern.to_owned(), regex.clone());
        regex
    })
}

fn too_hard() -> NodeError {
    NodeError::data("the Markdown text is too complicated to be read within the limits")
}

/// Each match of `pattern` replaced by what `with` makes of it.
fn replace(text: &str, pattern: &str, mut with: impl FnMut(&Captures<'_>) -> Done) -> Done {
    let regex = regex(pattern);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for captures in regex.captures_iter(text) {
        let captures = captures.map_err(|_| too_hard())?;
        let whole = captures.get(0).ok_or_else(too_hard)?;
        out.push_str(&text[at..whole.start()]);
        out.push_str(&with(&captures)?);
        at = whole.end();
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// Each match replaced by the same text.
fn swap(text: &str, pattern: &str, with: &str) -> Done {
    replace(text, pattern, |_| Ok(with.to_owned()))
}

fn found(text: &str, pattern: &str) -> Done<bool> {
    regex(pattern).is_match(text).map_err(|_| too_hard())
}

fn group<'c>(captures: &'c Captures<'_>, n: usize) -> &'c str {
    captures.get(n).map_or("", |m| m.as_str())
}

/// A character that must not be read again.
fn mark(c: char) -> String {
    format!("¨E{}E", u32::from(c))
}

fn marked(text: &str, chars: &str) -> String {
    text.chars().map(|c| if chars.contains(c) { mark(c) } else { c.to_string() }).collect()
}

struct Maker<'o> {
    options: &'o Options,
    blocks: Vec<String>,
    spans: Vec<String>,
    /// As it was written, and as it became.
    codes: Vec<(String, String)>,
    urls: HashMap<String, String>,
    titles: HashMap<String, String>,
    sizes: HashMap<String, (String, String)>,
    list_level: usize,
    depth: usize,
    ids: HashMap<String, usize>,
}

impl<'o> Maker<'o> {
    fn new(options: &'o Options) -> Maker<'o> {
        Maker {
            options,
            blocks: Vec::new(),
            spans: Vec::new(),
            codes: Vec::new(),
            urls: HashMap::new(),
            titles: HashMap::new(),
            sizes: HashMap::new(),
            list_level: 0,
            depth: 0,
            ids: HashMap::new(),
        }
    }

    fn whole(&mut self, text: &str) -> Done {
        let text = text.replace('¨', "¨T").replace('$', "¨D").replace("\r\n", "\n").replace('\r', "\n");
        let mut text = text.replace('\u{a0}', "&nbsp;");
        if self.options.smart_indentation_fix {
            let indent = regex(r"^\s*").find(&text).ok().flatten().map_or("", |m| m.as_str()).to_owned();
            if !indent.is_empty() {
                text = text
                    .split('\n')
                    .map(|line| line.strip_prefix(&indent).unwrap_or(line))
                    .collect::<Vec<_>>()
                    .join("\n");
            }
        }
        let text = detab(&format!("\n\n{text}\n\n"))?;
        let text = swap(&text, r"(?m)^[ \t]+$", "")?;
        let text = self.pre_code_tags(&text)?;
        let text = self.code_fences(&text)?;
        let text = self.html_blocks(&text)?;
        let text = self.code_tags(&text)?;
        let text = self.link_definitions(&text)?;
        let text = self.block_parts(&text)?;
        let text = self.spans_back(&text)?;
        let text = replace(&text, r"¨E(\d+)E", |c| {
            Ok(group(c, 1).parse().ok().and_then(char::from_u32).map_or(String::new(), String::from))
        })?;
        let text = text.replace("¨D", "$").replace("¨T", "¨");
        Ok(match self.options.complete_html_document {
            true => format!(
                "<!DOCTYPE HTML>\n<html>\n<head>\n<meta charset=\"utf-8\">\n</head>\n<body>\n{}\n</body>\n</html>",
                text.trim()
            ),
            false => text,
        })
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        if self.depth >= DEPTH_MAX {
            let what = "how deep lists and quotes stand in each other".to_owned();
            return Err(NodeError::Limit { what, limit: DEPTH_MAX.to_string() });
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    fn put_block(&mut self, text: &str) -> String {
        self.blocks.push(text.trim_matches('\n').to_owned());
        format!("\n\n¨K{}K\n\n", self.blocks.len() - 1)
    }

    fn put_raw_block(&mut self, text: String) -> String {
        self.blocks.push(text);
        format!("\n\n¨K{}K\n\n", self.blocks.len() - 1)
    }

    fn put_span(&mut self, text: String) -> String {
        self.spans.push(text);
        format!("¨C{}C", self.spans.len() - 1)
    }

    fn put_code(&mut self, written: &str, code: String) -> String {
        self.codes.push((written.to_owned(), code));
        format!("\n\n¨G{}G\n\n", self.codes.len() - 1)
    }

    fn block_parts(&mut self, text: &str) -> Done {
        self.deeper(|maker| {
            let text = maker.quotes(text)?;
            let text = maker.headings(&text)?;
            let text = maker.lines(&text)?;
            let text = maker.lists(&text)?;
            let text = maker.indented_code(&text)?;
            let text = maker.tables(&text)?;
            let text = maker.html_blocks(&text)?;
            maker.paragraphs(&text)
        })
    }

    fn quotes(&mut self, text: &str) -> Done {
        let pattern = match self.options.split_adjacent_blockquotes {
            true => r"(?m)^ {0,3}>[\s\S]*?(?:\n\n)",
            false => r"(?m)(^ {0,3}>[ \t]?.+\n(.+\n)*\n*)+",
        };
        replace(&format!("{text}\n\n"), pattern, |c| {
            let quote = swap(group(c, 0), r"(?m)^[ \t]*>[ \t]?", "")?.replace("¨0", "");
            let quote = swap(&quote, r"(?m)^[ \t]+$", "")?;
            let quote = self.code_fences(&quote)?;
            let quote = self.block_parts(&quote)?;
            let quote = replace(&quote, r"(^|\n)", |c| Ok(format!("{}  ", group(c, 1))))?;
            let quote = replace(&quote, r"(\s*<pre>[^\r]+?</pre>)", |c| swap(group(c, 1), r"(?m)^  ", ""))?;
            Ok(self.put_block(&format!("<blockquote>\n{quote}\n</blockquote>")))
        })
    }

    fn indented_code(&mut self, text: &str) -> Done {
        let pattern = r"(?:\n\n|^)((?:(?:[ ]{4}|\t).*\n+)+)(\n*[ ]{0,3}[^ \t\n]|(?=¨0))";
        let text = replace(&format!("{text}¨0"), pattern, |c| {
            let code = detab(&encode_code(&outdent(group(c, 1))?))?;
            let code = format!("<pre><code>{}\n</code></pre>", code.trim_matches('\n'));
            Ok(self.put_block(&code) + group(c, 2))
        })?;
        Ok(text.replacen("¨0", "", 1))
    }

    fn code_fences(&mut self, text: &str) -> Done {
        if !self.options.gh_code_blocks {
            return Ok(text.to_owned());
        }
        let pattern = r"(?:^|\n)(?: {0,3})(```+|~~~+)(?: *)([^\s`~]*)\n([\s\S]*?)\n(?: {0,3})\1";
        let text = replace(&format!("{text}¨0"), pattern, |c| {
            let language = group(c, 2);
            let code = detab(&encode_code(group(c, 3)))?;
            let class = match language {
                "" => String::new(),
                language => format!(" class=\"{language} language-{language}\""),
            };
            let code = format!("<pre><code{class}>{}\n</code></pre>", code.trim_matches('\n'));
            let block = self.put_block(&code);
            Ok(self.put_code(group(c, 0), block))
        })?;
        Ok(text.replacen("¨0", "", 1))
    }

    fn code_spans(&mut self, text: &str) -> Done {
        replace(text, r"(?m)(^|[^\\])(`+)([^\r]*?[^`])\2(?!`)", |c| {
            let code = encode_code(group(c, 3).trim_matches([' ', '\t']));
            let code = format!("{}<code>{code}</code>", group(c, 1));
            self.html_spans(&code)
        })
    }

    fn pre_code_tags(&mut self, text: &str) -> Done {
        let (left, right) = (r"^ {0,3}<pre\b[^>]*>\s*<code\b[^>]*>", r"^ {0,3}</code>\s*</pre>");
        replace_nested(text, left, right, true, |whole, inner, left, right| {
            Ok(self.put_code(whole, format!("{left}{}{right}", encode_code(inner))))
        })
    }

    fn code_tags(&mut self, text: &str) -> Done {
        replace_nested(text, r"<code\b[^>]*>", "</code>", true, |_, inner, left, right| {
            Ok(self.put_span(format!("{left}{}{right}", encode_code(inner))))
        })
    }

    fn html_blocks(&mut self, text: &str) -> Done {
        let mut text = text.to_owned();
        if self.options.backslash_escapes_html_tags {
            text = replace(&text, r"\\<(/?[^>]+?)>", |c| Ok(format!("&lt;{}&gt;", group(c, 1))))?;
        }
        let tags = if text.contains('<') { BLOCKS } else { &[] };
        for tag in tags {
            let start = format!(r"(?im)^ {{0,3}}(<{tag}\b[^>]*>)");
            let (left, right) = (format!(r"<{tag}\b[^>]*>"), format!("</{tag}>"));
            let mut from = 0;
            while let Some(at) =
                regex(&start).find_from_pos(&text, from).map_err(|_| too_hard())?.map(|m| m.start())
            {
                let rest = replace_nested(&text[at..], &left, &right, false, |whole, inner, left, right| {
                    let block = match found(left, r"\bmarkdown\b")? {
                        true => format!("{left}{}{right}", html(inner, self.options)?),
                        false => whole.to_owned(),
                    };
                    Ok(self.put_raw_block(block))
                })?;
                if rest == text[at..] {
                    break;
                }
                text.replace_range(at.., &rest);
                from = at;
            }
        }
        let element = |maker: &mut Self, c: &Captures<'_>| {
            let block = group(c, 1).replace("\n\n", "\n");
            let block = block.strip_prefix('\n').unwrap_or(&block).trim_end_matches('\n').to_owned();
            Ok(maker.put_raw_block(block))
        };
        let text = replace(&text, r"(\n {0,3}(<(hr)\b([^<>])*?/?>)[ \t]*(?=\n{2,}))", |c| element(self, c))?;
        let text = replace_nested(&text, "^ {0,3}<!--", "-->", true, |whole, _, _, _| {
            Ok(self.put_raw_block(whole.to_owned()))
        })?;
        replace(&text, r"(?:\n\n)( {0,3}(?:<([?%])[^\r]*?\2>)[ \t]*(?=\n{2,}))", |c| element(self, c))
    }

    fn html_spans(&mut self, text: &str) -> Done {
        if !text.contains('<') {
            return Ok(text.to_owned());
        }
        let patterns =
            ["<[^>]+?/>", r"<([^>]+?)>[\s\S]*?</\1>", r"<([^>]+?)\s[^>]+?>[\s\S]*?</\1>", "<[^>]+?>"];
        let mut text = text.to_owned();
        for pattern in patterns {
            text = replace(&text, pattern, |c| Ok(self.put_span(group(c, 0).to_owned())))?;
        }
        Ok(text)
    }

    /// The text with its spans back in their places.
    fn spans_back(&self, text: &str) -> Done {
        let span =
            |n: &str| n.parse::<usize>().ok().and_then(|n| self.spans.get(n)).cloned().unwrap_or_default();
        let mut text = text.to_owned();
        // Spans hold spans, but not without end.
        for _ in 0..11 {
            if !text.contains("¨C") {
                break;
            }
            text = replace(&text, r"¨C(\d+)C", |c| Ok(span(group(c, 1))))?;
            if text.len() > TEXT_BYTES_MAX * 8 {
                return Err(too_hard());
            }
        }
        Ok(text)
    }

    fn headings(&mut self, text: &str) -> Done {
        let start = self.options.header_level_start;
        let text = replace(text, r"(?m)^(.+)[ \t]*\n=+[ \t]*\n+", |c| {
            self.heading(group(c, 1), group(c, 1), start)
        })?;
        let text = replace(&text, r"(?m)^(.+)[ \t]*\n-+[ \t]*\n+", |c| {
            self.heading(group(c, 1), group(c, 1), start + 1)
        })?;
        let pattern = match self.options.require_space_before_heading_text {
            true => r"(?m)^(#{1,6})[ \t]+(.+?)[ \t]*#*\n+",
            false => r"(?m)^(#{1,6})[ \t]*(.+?)[ \t]*#*\n+",
        };
        replace(&text, pattern, |c| {
            let shown = match self.options.customized_header_id {
                true => swap(group(c, 2), r"\s?\{([^{]+?)}\s*$", "")?,
                false => group(c, 2).to_owned(),
            };
            self.heading(&shown, group(c, 2), start - 1 + group(c, 1).len() as i64)
        })
    }

    fn heading(&mut self, shown: &str, written: &str, level: i64) -> Done {
        let content = self.span_parts(shown)?;
        let id = match self.options.no_header_id {
            true => String::new(),
            false => format!(" id=\"{}\"", self.heading_id(written)?),
        };
        Ok(self.put_block(&format!("<h{level}{id}>{content}</h{level}>")))
    }

    fn heading_id(&mut self, written: &str) -> Done {
        let options = self.options;
        let own = regex(r"\{([^{]+?)}\s*$").captures(written).map_err(|_| too_hard())?;
        let own = own.filter(|_| options.customized_header_id).map(|c| group(&c, 1).to_owned());
        let mut title = own.unwrap_or_else(|| written.to_owned());
        let prefix = &options.prefix_header_id;
        if !options.raw_prefix_header_id {
            title = format!("{prefix}{title}");
        }
        if options.gh_compatible_header_id {
            let plain = title.replace(' ', "-").replace("&amp;", "").replace("¨T", "").replace("¨D", "");
            title = plain.chars().filter(|c| !"&+$,/:;=?@\"#{}|^¨~[]`\\*)(%.!'<>".contains(*c)).collect();
        } else if options.raw_header_id {
            let raw = title.replace(' ', "-").replace("&amp;", "&").replace("¨T", "¨").replace("¨D", "$");
            title = raw.replace(['"', '\''], "-");
        } else {
            title.retain(|c| c.is_ascii_alphanumeric() || c == '_');
        }
        title = title.to_lowercase();
        if options.raw_prefix_header_id {
            title = format!("{prefix}{title}");
        }
        match self.ids.get_mut(&title) {
            Some(n) => {
                let id = format!("{title}-{n}");
                *n += 1;
                Ok(id)
            }
            None => {
                self.ids.insert(title.clone(), 1);
                Ok(title)
            }
        }
    }

    fn lines(&mut self, text: &str) -> Done {
        let line = self.put_block("<hr />");
        let text = swap(text, r"(?m)^ {0,2}( ?-){3,}[ \t]*$", &line)?;
        let text = swap(&text, r"(?m)^ {0,2}( ?\*){3,}[ \t]*$", &line)?;
        swap(&text, r"(?m)^ {0,2}( ?_){3,}[ \t]*$", &line)
    }

    fn paragraphs(&mut self, text: &str) -> Done {
        let mut parts = Vec::new();
        for part in regex(r"\n{2,}").split(text.trim_matches('\n')) {
            let part = part.map_err(|_| too_hard())?;
            if found(part, r"¨(K|G)(\d+)\1")? {
                parts.push(part.to_owned());
            } else if !part.trim().is_empty() {
                let content = self.span_parts(part)?;
                parts.push(format!("<p>{}</p>", content.trim_start_matches([' ', '\t'])));
            }
        }
        for part in &mut parts {
            *part = self.blocks_back(part)?;
        }
        Ok(parts.join("\n").trim_matches('\n').to_owned())
    }

    fn blocks_back(&self, part: &str) -> Done {
        let mut part = part.to_owned();
        let mut in_code = false;
        for _ in 0..100_000 {
            let captures =
                regex(r"(\n\n)?¨(K|G)(\d+)\2(\n\n)?").captures(part.as_str()).map_err(|_| too_hard())?;
            let Some(captures) = captures else { return Ok(part) };
            let n: usize = group(&captures, 3).parse().map_err(|_| too_hard())?;
            let block = match group(&captures, 2) {
                "K" => self.blocks.get(n).cloned(),
                _ if in_code => self.codes.get(n).map(|(written, _)| encode_code(written)),
                _ => self.codes.get(n).map(|(_, code)| code.clone()),
            };
            let whole = captures.get(0).map(|m| m.range()).ok_or_else(too_hard)?;
            part.replace_range(whole, &block.unwrap_or_default());
            if part.len() > TEXT_BYTES_MAX * 8 {
                return Err(too_hard());
            }
            in_code |= found(&part, r"^<pre\b[^>]*>\s*<code\b[^>]*>")?;
        }
        Err(too_hard())
    }

    fn span_parts(&mut self, text: &str) -> Done {
        let options = self.options;
        let text = self.code_spans(text)?;
        let text = protect_tags(&text)?;
        let text = replace(&text, r"\\(\\)", |_| Ok(mark('\\')))?;
        let text =
            replace(&text, r"\\([`*_{}\[\]()>#+.!~=|:-])", |c| Ok(group(c, 1).chars().map(mark).collect()))?;
        let text = self.images(&text)?;
        let text = self.links(&text)?;
        let text = self.bare_links(&text)?;
        let text = emphasis(&text, options)?;
        let text = match options.strikethrough {
            true => replace(&text, r"(?:~){2}([\s\S]+?)(?:~){2}", |c| {
                Ok(format!("<del>{}</del>", self.addresses(group(c, 1))?))
            })?,
            false => text,
        };
        let text = self.html_spans(&text)?;
        let text = encode_signs(&text)?;
        if !options.simple_line_breaks {
            return swap(&text, r"  +\n", "<br />\n");
        }
        if text.contains("\n\n¨K") { Ok(text) } else { swap(&text, r"\n+", "<br />\n") }
    }

    fn window(&self, url: &str) -> &'static str {
        let is_outside = self.options.open_links_in_new_window && !url.starts_with('#');
        if is_outside { " rel=\"noopener noreferrer\" target=\"¨E95Eblank\"" } else { "" }
    }

    fn links(&mut self, text: &str) -> Done {
        let inner = r"\[((?:\[[^\]]*]|[^\[\]])*)]";
        let text = replace(text, &format!(r"{inner} ?(?:\n *)?\[(.*?)]"), |c| {
            self.link(group(c, 0), group(c, 1), group(c, 2), "", "")
        })?;
        let title = r#"(?:[ \t]*((["'])([^"]*?)\4))?"#;
        let text = replace(&text, &format!(r"{inner}[ \t]*\([ \t]?<([^>]*)>{}[ \t]?\)", title), |c| {
            self.link(group(c, 0), group(c, 1), "", group(c, 2), group(c, 5))
        })?;
        let url = r"<?([\S]+?(?:\([\S]*?\)[\S]*?)?)>?";
        let text = replace(&text, &format!(r"{inner}[ \t]*\([ \t]?{url}{title}[ \t]?\)"), |c| {
            self.link(group(c, 0), group(c, 1), "", group(c, 2), group(c, 5))
        })?;
        let text = replace(&text, r"\[([^\[\]]+)]", |c| self.link(group(c, 0), group(c, 1), "", "", ""))?;
        if !self.options.gh_mentions {
            return Ok(text);
        }
        replace(&text, r"(?im)(^|\s)(\\)?(@([a-z\d]+(?:[a-z\d.-]+?[a-z\d]+)*))", |c| {
            let (before, mention) = (group(c, 1), group(c, 3));
            if !group(c, 2).is_empty() {
                return Ok(format!("{before}{mention}"));
            }
            let url = self.options.gh_mentions_link.replace("{u}", group(c, 4));
            Ok(format!("{before}<a href=\"{url}\"{}>{mention}</a>", self.window("")))
        })
    }

    fn link(&self, whole: &str, text: &str, id: &str, url: &str, title: &str) -> Done {
        let Some((url, title)) = self.target(whole, text, id, url, title)? else {
            return Ok(whole.to_owned());
        };
        let url = marked(&url, "*_:~");
        let title = match title.as_str() {
            "" => String::new(),
            title => format!(" title=\"{}\"", marked(&title.replace('"', "&quot;"), "*_:~")),
        };
        Ok(format!("<a href=\"{url}\"{title}{}>{text}</a>", self.window(&url)))
    }

    /// The address and the title of a link or an image; nothing where it is none.
    fn target(
        &self,
        whole: &str,
        text: &str,
        id: &str,
        url: &str,
        title: &str,
    ) -> Done<Option<(String, String)>> {
        if found(whole, r#"(?m)\(<?\s*>? ?(['"].*['"])?\)$"#)? {
            return Ok(Some((String::new(), title.to_owned())));
        }
        if !url.is_empty() {
            return Ok(Some((url.to_owned(), title.to_owned())));
        }
        let id = match id.to_lowercase() {
            id if id.is_empty() => self.reference(text)?,
            id => id,
        };
        let known = self.urls.get(&id).cloned();
        Ok(known.map(|url| (url, self.titles.get(&id).cloned().unwrap_or_else(|| title.to_owned()))))
    }

    fn reference(&self, text: &str) -> Done {
        swap(&text.to_lowercase(), r" ?\n", " ")
    }

    fn images(&mut self, text: &str) -> Done {
        if !text.contains("![") {
            return Ok(text.to_owned());
        }
        let size = r"(?: =([*\d]+[A-Za-z%]{0,4})x([*\d]+[A-Za-z%]{0,4}))?";
        let title = r#"[ \t]*(?:(["'])([^"]*?)\5)?[ \t]?\)"#;
        let text = replace(text, r"!\[([^\]]*?)] ?(?:\n *)?\[([\s\S]*?)]", |c| {
            self.image(group(c, 0), group(c, 1), group(c, 2), "", ("", ""), "")
        })?;
        let forms = [
            r"<?(data:.+?/.+?;base64,[A-Za-z0-9+/=\n]+?)>?",
            r"<([^>]*)>",
            r"<?([\S]+?(?:\([\S]*?\)[\S]*?)?)>?",
        ];
        let mut text = text;
        for (i, form) in forms.iter().enumerate() {
            let pattern = format!(r"!\[([^\]]*?)][ \t]*\([ \t]?{form}{size}{title}");
            text = replace(&text, &pattern, |c| {
                let url = group(c, 2);
                let url = if i == 0 { url.split_whitespace().collect() } else { url.to_owned() };
                self.image(group(c, 0), group(c, 1), "", &url, (group(c, 3), group(c, 4)), group(c, 6))
            })?;
        }
        replace(&text, r"!\[([^\[\]]+)]", |c| self.image(group(c, 0), group(c, 1), "", "", ("", ""), ""))
    }

    fn image(&self, whole: &str, alt: &str, id: &str, url: &str, size: (&str, &str), title: &str) -> Done {
        let Some((target, title)) = self.target(whole, alt, id, url, title)? else {
            return Ok(whole.to_owned());
        };
        let id = if id.is_empty() { self.reference(alt)? } else { id.to_lowercase() };
        let known = self.sizes.get(&id).filter(|_| url.is_empty());
        let size = known.map_or(size, |(width, height)| (width.as_str(), height.as_str()));
        let alt = marked(&alt.replace('"', "&quot;"), "*_:~");
        let mut tag = format!("<img src=\"{}\" alt=\"{alt}\"", marked(&target, "*_:~"));
        if !title.is_empty() {
            tag.push_str(&format!(" title=\"{}\"", marked(&title.replace('"', "&quot;"), "*_:~")));
        }
        if !size.0.is_empty() && !size.1.is_empty() {
            let auto = |n: &str| if n == "*" { "auto".to_owned() } else { n.to_owned() };
            tag.push_str(&format!(" width=\"{}\" height=\"{}\"", auto(size.0), auto(size.1)));
        }
        Ok(tag + " />")
    }

    /// Links that are written as their address in angle brackets, or as the address alone.
    fn bare_links(&mut self, text: &str) -> Done {
        let text = replace(text, r#"(?i)<(((https?|ftp|dict)://|www\.)[^'">\s]+)>"#, |c| {
            Ok(self.address_link("", group(c, 1), "", ""))
        })?;
        let text = replace(&text, r"(?i)<(?:mailto:)?([-.\w]+@[-a-z0-9]+(\.[-a-z0-9]+)*\.[a-z]+)>", |c| {
            self.mail_link("", group(c, 1))
        })?;
        self.addresses(&text)
    }

    fn addresses(&mut self, text: &str) -> Done {
        if !self.options.simplified_auto_link {
            return Ok(text.to_owned());
        }
        let start = r#"(?i)([*~_]+|\b)(((https?|ftp|dict)://|www\.)[^'">\s]+"#;
        let text = match self.options.exclude_trailing_punctuation_from_urls {
            true => {
                let pattern = format!(r#"{start}\.[^'">\s]+?)([.!?,()\[\]])?(\1)?(?=\s|$)(?!["<>])"#);
                replace(text, &pattern, |c| {
                    Ok(self.address_link(group(c, 1), group(c, 2), group(c, 5), group(c, 6)))
                })?
            }
            false => {
                let pattern = format!(r#"{start}?\.[^'">\s]+?)(\1)?(?=\s|$)(?!["<>])"#);
                replace(text, &pattern, |c| Ok(self.address_link(group(c, 1), group(c, 2), "", group(c, 5))))?
            }
        };
        let pattern = r"(?im)(^|\s)(?:mailto:)?([A-Za-z0-9!#$%&'*+-/=?^_`{|}~.]+@[-a-z0-9]+(\.[-a-z0-9]+)*\.[a-z]+)(?=$|\s)";
        replace(&text, pattern, |c| self.mail_link(group(c, 1), group(c, 2)))
    }

    fn address_link(&self, before: &str, url: &str, behind: &str, after: &str) -> String {
        let shown = marked(url, "*_:~");
        let is_www = url.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
        let href = if is_www { format!("http://www.{}", &shown[4..]) } else { shown.clone() };
        let window = if self.options.open_links_in_new_window { self.window("") } else { "" };
        format!("{before}<a href=\"{href}\"{window}>{shown}</a>{behind}{after}")
    }

    fn mail_link(&self, before: &str, mail: &str) -> Done {
        let mail = replace(mail, r"¨E(\d+)E", |c| {
            Ok(group(c, 1).parse().ok().and_then(char::from_u32).map_or(String::new(), String::from))
        })?;
        // Others choose the form of each character by chance; the same text should give the same page.
        let hidden = |text: &str| text.chars().map(|c| format!("&#{};", u32::from(c))).collect::<String>();
        let shown = if self.options.encode_emails { hidden(&mail) } else { mail.clone() };
        let href = if self.options.encode_emails {
            hidden(&format!("mailto:{mail}"))
        } else {
            format!("mailto:{mail}")
        };
        Ok(format!("{before}<a href=\"{href}\">{shown}</a>"))
    }

    fn link_definitions(&mut self, text: &str) -> Done {
        let text = format!("{text}¨0");
        if !text.contains("]:") {
            return Ok(text.replacen("¨0", "", 1));
        }
        let lower = text.to_lowercase();
        let (head, tail) = (
            r"(?m)^ {0,3}\[([^\]]+)]:[ \t]*\n?[ \t]*",
            r#"(?: =([*\d]+[A-Za-z%]{0,4})x([*\d]+[A-Za-z%]{0,4}))?[ \t]*\n?[ \t]*(?:(\n*)["|'(](.+?)["|')][ \t]*)?"#,
        );
        let forms = [
            (r"<?(data:.+?/.+?;base64,[A-Za-z0-9+/=\n]+?)>?", r"(?:\n\n|(?=¨0)|(?=\n\[))"),
            (r"<?([^>\s]+)>?", r"(?:\n+|(?=¨0))"),
        ];
        let mut text = text;
        for (url, end) in forms {
            text = replace(&text, &format!("{head}{url}{tail}{end}"), |c| self.define(c, &lower))?;
        }
        Ok(text.replacen("¨0", "", 1))
    }

    fn define(&mut self, c: &Captures<'_>, lower: &str) -> Done {
        let id = group(c, 1).to_lowercase();
        if lower.matches(&id).count() < 2 {
            return Ok(group(c, 0).to_owned());
        }
        let url = group(c, 2);
        let url = match url.starts_with("data:") && url.contains(";base64,") {
            true => url.split_whitespace().collect(),
            false => encode_signs(url)?,
        };
        self.urls.insert(id.clone(), url);
        let title = group(c, 6);
        if !group(c, 5).is_empty() {
            return Ok(format!("{}{title}", group(c, 5)));
        }
        if !title.is_empty() {
            self.titles.insert(id.clone(), title.replace(['"', '\''], "&quot;"));
        }
        let (width, height) = (group(c, 3), group(c, 4));
        if self.options.parse_img_dimensions && !width.is_empty() && !height.is_empty() {
            self.sizes.insert(id, (width.to_owned(), height.to_owned()));
        }
        Ok(String::new())
    }

    fn lists(&mut self, text: &str) -> Done {
        let text = format!("{text}¨0");
        let list = r"( {0,3}([*+-]|\d+[.])[ \t]+)[^\r]+?(¨0|\n{2,}(?=\S)(?![ \t]*(?:[*+-]|\d+[.])[ \t]+))";
        let text = match self.list_level {
            0 => replace(&text, &format!(r"(?m)(\n\n|^\n?)({list})"), |c| {
                self.list_run(group(c, 2), group(c, 3), false)
            })?,
            _ => {
                replace(&text, &format!(r"(?m)^({list})"), |c| self.list_run(group(c, 1), group(c, 2), true))?
            }
        };
        Ok(text.replacen("¨0", "", 1))
    }

    /// Lists that follow each other, of both kinds in turn.
    fn list_run(&mut self, list: &str, sign: &str, is_inner: bool) -> Done {
        let flat = self.options.disable_forced_4_spaces_indented_sublists;
        let ordered = if flat { r"(?m)^ ?\d+\.[ \t]" } else { r"(?m)^ {0,3}\d+\.[ \t]" };
        let unordered = if flat { r"(?m)^ ?[*+-][ \t]" } else { r"(?m)^ {0,3}[*+-][ \t]" };
        let mut is_ordered = !sign.contains(['*', '+', '-']);
        let mut out = String::new();
        let mut rest = list;
        loop {
            let tag = if is_ordered { "ol" } else { "ul" };
            let start = match (is_ordered, regex(r"^ *(\d+)\.").captures(list).map_err(|_| too_hard())?) {
                (true, Some(c)) if group(&c, 1) != "1" => format!(" start=\"{}\"", group(&c, 1)),
                _ => String::new(),
            };
            let other = if is_ordered { unordered } else { ordered };
            let end = regex(other).find(rest).map_err(|_| too_hard())?.map(|m| m.start());
            let items =
                self.deeper(|maker| maker.list_items(&rest[..end.unwrap_or(rest.len())], is_inner))?;
            out.push_str(&format!("\n\n<{tag}{start}>\n{items}</{tag}>\n"));
            match end {
                Some(end) => rest = &rest[end..],
                None => return Ok(out),
            }
            is_ordered = !is_ordered;
        }
    }

    fn list_items(&mut self, list: &str, trim: bool) -> Done {
        self.list_level += 1;
        let list = swap(list, r"\n{2,}$", "\n")? + "¨0";
        let next = if self.options.disable_forced_4_spaces_indented_sublists { r"\2" } else { " {0,3}" };
        let pattern = format!(
            r"(?m)(\n)?(^ {{0,3}})([*+-]|\d+[.])[ \t]+((\[(x|X| )?])?[ \t]*[^\r]+?(\n{{1,2}}))(?=\n*(¨0|{next}([*+-]|\d+[.])[ \t]+))"
        );
        let has_gaps = found(&list, r"\n[ \t]*\n(?!¨0)")?;
        let list = replace(&list, &pattern, |c| self.list_item(c, has_gaps))?.replace("¨0", "");
        self.list_level -= 1;
        Ok(if trim { list.trim_end().to_owned() } else { list })
    }

    fn list_item(&mut self, c: &Captures<'_>, has_gaps: bool) -> Done {
        let mut item = outdent(group(c, 4))?;
        let mut style = "";
        if c.get(5).is_some() && self.options.tasklists {
            style = " class=\"task-list-item\" style=\"list-style-type: none;\"";
            let checked = if group(c, 6).trim().is_empty() { "" } else { " checked" };
            let tag = format!(
                "<input type=\"checkbox\" disabled style=\"margin: 0px 0.35em 0.25em -1.6em; vertical-align: middle;\"{checked}>"
            );
            let mut is_first = true;
            item = replace(&item, r"(?m)^[ \t]*\[(x|X| )?]", |c| {
                Ok(if std::mem::take(&mut is_first) { tag.clone() } else { group(c, 0).to_owned() })
            })?;
        }
        item = replace(&item, r"^([-*+]|\d\.)[ \t]+[\S\n ]*", |c| Ok(format!("¨A{}", group(c, 0))))?;
        item = if c.get(1).is_some() || item.contains("\n\n") {
            let item = self.code_fences(&item)?;
            self.block_parts(&item)?
        } else {
            let item = self.deeper(|maker| maker.lists(&item))?;
            let item = self.html_blocks(item.strip_suffix('\n').unwrap_or(&item))?;
            let item = swap(&item, r"\n\n+", "\n\n")?;
            if has_gaps { self.paragraphs(&item)? } else { self.span_parts(&item)? }
        };
        Ok(format!("<li{style}>{}</li>\n", item.replacen("¨A", "", 1)))
    }

    fn tables(&mut self, text: &str) -> Done {
        if !self.options.tables {
            return Ok(text.to_owned());
        }
        let text = replace(text, r"\\(\|)", |_| Ok(mark('|')))?;
        let many = r"(?m)^ {0,3}\|?.+\|.+\n {0,3}\|?[ \t]*:?[ \t]*(?:[-=]){2,}[ \t]*:?[ \t]*\|[ \t]*:?[ \t]*(?:[-=]){2,}[\s\S]+?(?:\n\n|¨0)";
        let text = replace(&text, many, |c| self.table(group(c, 0)))?;
        let one = r"(?m)^ {0,3}\|.+\|[ \t]*\n {0,3}\|[ \t]*:?[ \t]*(?:[-=]){2,}[ \t]*:?[ \t]*\|[ \t]*\n( {0,3}\|.+\|[ \t]*\n)*(?:\n|¨0)";
        replace(&text, one, |c| self.table(group(c, 0)))
    }

    fn table(&mut self, written: &str) -> Done {
        let mut lines = Vec::new();
        for line in written.split('\n') {
            let line = swap(line, r"^ {0,3}\|", "")?;
            let line = swap(&line, r"\|[ \t]*$", "")?;
            let line = self.code_spans(&line)?;
            lines.push(line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
        }
        let [heads, rules, rows @ ..] = lines.as_slice() else { return Ok(written.to_owned()) };
        if heads.len() < rules.len() {
            return Ok(written.to_owned());
        }
        let style = |i: usize| match rules.get(i).map(String::as_str) {
            Some(rule) if rule.starts_with(':') && rule.ends_with(':') && rule.len() > 1 => {
                " style=\"text-align:center;\""
            }
            Some(rule) if rule.starts_with(':') => " style=\"text-align:left;\"",
            Some(rule) if rule.ends_with(':') => " style=\"text-align:right;\"",
            _ => "",
        };
        let mut table = "<table>\n<thead>\n<tr>\n".to_owned();
        for (i, head) in heads.iter().enumerate() {
            let id = match self.options.tables_header_id {
                true => format!(" id=\"{}\"", head.replace(' ', "_").to_lowercase()),
                false => String::new(),
            };
            table.push_str(&format!("<th{id}{}>{}</th>\n", style(i), self.span_parts(head)?));
        }
        table.push_str("</tr>\n</thead>\n<tbody>\n");
        for row in rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())) {
            table.push_str("<tr>\n");
            for i in 0..heads.len() {
                let cell = row.get(i).map_or("", String::as_str).to_owned();
                table.push_str(&format!("<td{}>{}</td>\n", style(i), self.span_parts(&cell)?));
            }
            table.push_str("</tr>\n");
        }
        Ok(table + "</tbody>\n</table>\n")
    }
}

/// Replaces what stands between `left` and its own `right`, also where such pairs stand in each other.
fn replace_nested(
    text: &str,
    left: &str,
    right: &str,
    all: bool,
    mut with: impl FnMut(&str, &str, &str, &str) -> Done,
) -> Done {
    let either = regex(&format!("(?im){left}|{right}"));
    let opening = regex(&format!("(?im){left}"));
    let mut out = String::new();
    let (mut done, mut depth) = (0, 0);
    let mut open = 0..0;
    for found in either.find_iter(text) {
        let found = found.map_err(|_| too_hard())?;
        if opening.is_match(found.as_str()).map_err(|_| too_hard())? {
            if depth == 0 {
                open = found.range();
            }
            depth += 1;
        } else if depth > 0 {
            depth -= 1;
            if depth == 0 {
                out.push_str(&text[done..open.start]);
                let whole = &text[open.start..found.end()];
                out.push_str(&with(
                    whole,
                    &text[open.end..found.start()],
                    &text[open.clone()],
                    found.as_str(),
                )?);
                done = found.end();
                if !all {
                    break;
                }
            }
        }
    }
    out.push_str(&text[done..]);
    Ok(out)
}

fn detab(text: &str) -> Done {
    if !text.contains('\t') {
        return Ok(text.to_owned());
    }
    let text = swap(text, r"\t(?=\t)", "    ")?.replace('\t', "¨A¨B");
    let text = replace(&text, r"¨B(.+?)¨A", |c| {
        let before = group(c, 1);
        let width: usize = before.chars().map(char::len_utf16).sum();
        Ok(format!("{before}{}", " ".repeat(4 - width % 4)))
    })?;
    Ok(text.replace("¨A", "    ").replace("¨B", ""))
}

fn outdent(text: &str) -> Done {
    Ok(swap(text, r"(?m)^(\t|[ ]{1,4})", "")?.replace("¨0", ""))
}

fn encode_code(text: &str) -> String {
    marked(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"), "*_{}[]\\=~-")
}

fn encode_signs(text: &str) -> Done {
    let text = swap(text, r"&(?!#?[xX]?(?:[0-9a-fA-F]+|\w+);)", "&amp;")?;
    Ok(text.replace('<', "&lt;").replace('>', "&gt;"))
}

/// Signs within tags are no Markdown.
fn protect_tags(text: &str) -> Done {
    if !text.contains('<') {
        return Ok(text.to_owned());
    }
    let text = replace(text, r"(?i)</?[a-z\d_:-]+(?:[\s]+[\s\S]+?)?>", |c| {
        let tag = replace(group(c, 0), r"(.)</?code>(?=.)", |c| Ok(format!("{}`", group(c, 1))))?;
        Ok(marked(&tag, "\\`*_~=|"))
    })?;
    replace(&text, r"<!(--(?:(?:[^>-]|-[^>])(?:[^-]|-[^-])*)--)>", |c| Ok(marked(group(c, 0), "\\`*_~=|")))
}

fn emphasis(text: &str, options: &Options) -> Done {
    let tags = [("<strong><em>", "</em></strong>"), ("<strong>", "</strong>"), ("<em>", "</em>")];
    let mut text = text.to_owned();
    let wrap = |whole: &str, inner: &str, (open, close): (&str, &str)| {
        let is_sound = inner.chars().last().is_some_and(|c| !c.is_whitespace());
        Ok(if is_sound { format!("{open}{inner}{close}") } else { whole.to_owned() })
    };
    let within = [r"\b___(\S[\s\S]*?)___\b", r"\b__(\S[\s\S]*?)__\b", r"\b_(\S[\s\S]*?)_\b"];
    let anywhere = [r"___(\S[\s\S]*?)___", r"__(\S[\s\S]*?)__", r"_([^\s_][\s\S]*?)_"];
    for (i, tag) in tags.iter().enumerate().filter(|_| text.contains('_')).collect::<Vec<_>>() {
        text = match options.literal_mid_word_underscores {
            true => replace(&text, within[i], |c| Ok(format!("{}{}{}", tag.0, group(c, 1), tag.1)))?,
            false => replace(&text, anywhere[i], |c| wrap(group(c, 0), group(c, 1), *tag))?,
        };
    }
    let within = [
        r"([^*]|^)\B\*\*\*(\S[\s\S]*?)\*\*\*\B(?!\*)",
        r"([^*]|^)\B\*\*(\S[\s\S]*?)\*\*\B(?!\*)",
        r"([^*]|^)\B\*(\S[\s\S]*?)\*\B(?!\*)",
    ];
    let anywhere = [r"\*\*\*(\S[\s\S]*?)\*\*\*", r"\*\*(\S[\s\S]*?)\*\*", r"\*([^\s*][\s\S]*?)\*"];
    for (i, tag) in tags.iter().enumerate().filter(|_| text.contains('*')).collect::<Vec<_>>() {
        text = match options.literal_mid_word_asterisks {
            true => replace(&text, within[i], |c| {
                Ok(format!("{}{}{}{}", group(c, 1), tag.0, group(c, 2), tag.1))
            })?,
            false => replace(&text, anywhere[i], |c| wrap(group(c, 0), group(c, 1), *tag))?,
        };
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(html(text, &Options::default()).unwrap(), expected);
    }

    #[test]
    fn text_becomes_html() {
        check(
            "# A *b*\n\ntext **x** [l](http://a.b \"t\")",
            "<h1 id=\"ab\">A <em>b</em></h1>\n<p>text <strong>x</strong> <a href=\"http://a.b\" title=\"t\">l</a></p>",
        );
        check("- a\n- b\n\n1. c", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<ol>\n<li>c</li>\n</ol>");
        check("```js\na < b\n```", "<pre><code class=\"js language-js\">a &lt; b\n</code></pre>");
        check("> q\n> r\n\n`c*d*`", "<blockquote>\n  <p>q\n  r</p>\n</blockquote>\n<p><code>c*d*</code></p>");
        check("<div>*x*</div>\n\n$5 ¨", "<div>*x*</div>\n<p>$5 ¨</p>");
    }

    #[test]
    fn hostile_text_is_refused_or_read_but_never_runs_on() {
        for text in [
            "> ".repeat(5_000),
            "- ".repeat(5_000),
            "*".repeat(50_000),
            "[".repeat(20_000),
            "`a".repeat(20_000),
        ] {
            let started = std::time::Instant::now();
            let _ = html(&text, &Options::default());
            assert!(started.elapsed().as_secs() < 20, "{}..", &text[..10]);
        }
        let error = html(&"x".repeat(5 << 20), &Options::default()).unwrap_err();
        assert!(error.to_string().contains("the size of a Markdown text"), "{error}");
    }
}
