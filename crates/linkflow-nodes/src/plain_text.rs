//! A page as text for people: paragraphs, lists, quotes and links, in lines of 80 characters. The
//! layout is that of the html-to-text package, because workflows were made to read it.

use crate::dom::{Content, Tree};
use crate::selectors::Selector;
use linkflow_node::NodeError;

const LINE: usize = 80;
const LINE_MIN: usize = 20;

/// The content of element `root` as text, without the elements that `skip` finds.
pub fn plain_text(tree: &Tree, root: usize, skip: Option<&Selector>) -> Result<String, NodeError> {
    let skipped = match skip {
        Some(selector) => selector.select(tree, root)?.into_iter().collect(),
        None => std::collections::HashSet::new(),
    };
    let mut text = Text { tree, root, skipped, blocks: vec![Block::new(LINE)], transforms: Vec::new() };
    let bodies: Vec<usize> = tree.below(root).into_iter().filter(|id| tree.name(*id) == "body").collect();
    match bodies.is_empty() {
        true => text.children(root),
        false => bodies.into_iter().for_each(|body| text.element(body)),
    }
    Ok(text.blocks.pop().map(Block::into_text).unwrap_or_default())
}

/// What happens to words on their way.
enum Transform {
    Upper,
    /// Notes that there were words.
    Seen(bool),
}

struct Text<'t> {
    tree: &'t Tree,
    root: usize,
    skipped: std::collections::HashSet<usize>,
    blocks: Vec<Block>,
    transforms: Vec<Transform>,
}

/// A part of the text with line breaks around it.
struct Block {
    /// What is laid out already.
    done: String,
    lines: Vec<Vec<String>>,
    words: Vec<String>,
    line_max: usize,
    free: isize,
    has_stashed_space: bool,
    may_break: bool,
    breaks_before: usize,
    breaks_stashed: usize,
    is_pre: bool,
}

fn width(text: &str) -> isize {
    text.chars().map(|c| c.len_utf16() as isize).sum()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{c}' | '\u{200b}')
}

impl Block {
    fn new(line_max: usize) -> Block {
        Block {
            done: String::new(),
            lines: Vec::new(),
            words: Vec::new(),
            line_max,
            free: line_max as isize,
            has_stashed_space: false,
            may_break: false,
            breaks_before: 1,
            breaks_stashed: 0,
            is_pre: false,
        }
    }

    fn new_line(&mut self, n: usize) {
        self.lines.push(std::mem::take(&mut self.words));
        self.lines.extend((1..n).map(|_| Vec::new()));
        self.free = self.line_max as isize;
    }

    fn push(&mut self, word: String) {
        if self.free <= 0 {
            self.new_line(1);
        }
        let cost = width(&word) + isize::from(!self.words.is_empty());
        if cost <= self.free {
            self.free -= cost;
        } else {
            // Words that are too long are not split.
            if !self.words.is_empty() {
                self.new_line(1);
            }
            self.free -= width(&word);
        }
        self.words.push(word);
    }

    /// Adds to the last word.
    fn concat(&mut self, word: String) {
        if self.may_break && width(&word) > self.free {
            self.push(word);
            self.may_break = false;
            return;
        }
        let last = self.words.pop();
        if let Some(last) = &last {
            self.free += width(last) + isize::from(!self.words.is_empty());
        }
        self.push(last.unwrap_or_default() + &word);
    }

    fn add_words(&mut self, text: &str, transform: &mut dyn FnMut(String) -> String) {
        let is_apart = self.has_stashed_space || text.starts_with(is_space);
        let mut words = text.split(is_space).filter(|word| !word.is_empty());
        let first = words.next();
        let found = first.is_some();
        match first {
            Some(word) if is_apart => self.push(transform(word.to_owned())),
            Some(word) => self.concat(transform(word.to_owned())),
            None => {}
        }
        words.for_each(|word| self.push(transform(word.to_owned())));
        self.has_stashed_space = (self.has_stashed_space && !found) || text.ends_with(is_space);
    }

    /// Moves the laid out lines to what is done.
    fn settle(&mut self) {
        if self.lines.is_empty() && self.words.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        for line in lines {
            self.done.push_str(&line.join(" "));
            self.done.push('\n');
        }
        let words = std::mem::take(&mut self.words);
        self.done.push_str(&words.join(" "));
        self.free = self.line_max as isize;
    }

    fn into_text(mut self) -> String {
        self.settle();
        self.done
    }

    fn add_block(&mut self, text: &str, before: usize, after: usize) {
        self.settle();
        let breaks = self.breaks_stashed.max(before);
        if self.done.is_empty() {
            self.done.push_str(text);
            self.breaks_before = breaks;
        } else {
            self.done.extend(std::iter::repeat_n('\n', breaks));
            self.done.push_str(text);
        }
        self.breaks_stashed = after;
    }
}

impl Text<'_> {
    fn block(&mut self) -> &mut Block {
        self.blocks.last_mut().expect("the outermost block is never closed")
    }

    fn children(&mut self, id: usize) {
        let tree = self.tree;
        for child in tree.children(id) {
            match &tree.node(*child).content {
                Content::Text(text) => self.inline(text, true),
                Content::Element(_) => self.element(*child),
                _ => {}
            }
        }
    }

    fn inline(&mut self, text: &str, transforms: bool) {
        let block = self.blocks.last_mut().expect("the outermost block is never closed");
        if block.is_pre {
            block.done.push_str(text);
            return;
        }
        if text.is_empty() || (block.breaks_stashed > 0 && text.chars().all(is_space)) {
            return;
        }
        if block.breaks_stashed > 0 {
            block.new_line(block.breaks_stashed);
        }
        let mut steps = self.transforms.iter_mut().rev().collect::<Vec<_>>();
        block.add_words(text, &mut |word| {
            if !transforms {
                return word;
            }
            steps.iter_mut().fold(word, |word, step| match step {
                Transform::Upper => word.to_uppercase(),
                Transform::Seen(seen) => {
                    *seen = true;
                    word
                }
            })
        });
        block.breaks_stashed = 0;
    }

    fn element(&mut self, id: usize) {
        if self.skipped.contains(&id) {
            return;
        }
        let tree = self.tree;
        let Some(element) = tree.element(id) else { return };
        match element.name.as_str() {
            "script" | "style" => {}
            "br" => match self.block().is_pre {
                true => self.block().done.push('\n'),
                false => self.block().new_line(1),
            },
            "wbr" => self.block().may_break = true,
            "hr" => self.within(2, 2, |text| text.inline(&"-".repeat(LINE), true)),
            "a" => self.link(id),
            "img" => {
                let text = image(element.attribute("alt"), element.attribute("src"));
                self.inline(&text, false);
            }
            "p" | "table" => self.within(2, 2, |text| text.children(id)),
            "pre" => {
                self.open(2, 0);
                self.block().is_pre = true;
                self.children(id);
                self.close(2, |text| text);
            }
            "h1" | "h2" | "h3" => self.heading(id, 3),
            "h4" | "h5" | "h6" => self.heading(id, 2),
            "article" | "aside" | "div" | "footer" | "form" | "header" | "main" | "nav" | "section" => {
                self.within(1, 1, |text| text.children(id));
            }
            "blockquote" => {
                self.open(2, 2);
                self.children(id);
                let quote = |text: String| {
                    text.trim_matches('\n')
                        .split('\n')
                        .map(|l| format!("> {l}"))
                        .collect::<Vec<_>>()
                        .join("\n")
                };
                self.close(2, quote);
            }
            "ul" | "ol" => self.list(id),
            _ => self.children(id),
        }
    }

    /// `before`: line breaks before the block, where its first part does not say otherwise.
    fn open(&mut self, before: usize, reserved: usize) {
        let outer = self.block();
        let mut block = Block::new(outer.line_max.saturating_sub(reserved).max(LINE_MIN));
        block.is_pre = outer.is_pre;
        block.breaks_before = before;
        self.blocks.push(block);
    }

    fn close(&mut self, after: usize, transform: impl FnOnce(String) -> String) {
        let Some(block) = self.blocks.pop() else { return };
        let before = block.breaks_before;
        let after = block.breaks_stashed.max(after);
        let text = transform(block.into_text());
        self.block().add_block(&text, before, after);
    }

    fn within(&mut self, before: usize, after: usize, work: impl FnOnce(&mut Self)) {
        self.open(before, 0);
        work(self);
        self.close(after, |text| text);
    }

    fn heading(&mut self, id: usize, before: usize) {
        self.open(before, 0);
        self.transforms.push(Transform::Upper);
        self.children(id);
        self.transforms.pop();
        self.close(2, |text| text);
    }

    fn link(&mut self, id: usize) {
        let href = self.tree.element(id).and_then(|element| element.attribute("href")).unwrap_or_default();
        let href = href.strip_prefix("mailto:").unwrap_or(href);
        if href.is_empty() || href.starts_with('#') {
            return self.children(id);
        }
        self.transforms.push(Transform::Seen(false));
        self.children(id);
        match self.transforms.pop() {
            Some(Transform::Seen(true)) => self.inline(&format!(" [{href}]"), false),
            _ => self.inline(href, false),
        }
    }

    fn list(&mut self, id: usize) {
        let tree = self.tree;
        let parent = tree.parent(id).filter(|_| id != self.root);
        let is_nested = parent.is_some_and(|parent| parent != self.root && tree.name(parent) == "li");
        let mut prefixes = Prefixes::of(tree, id);
        let mut entries = Vec::new();
        for child in tree.children(id) {
            match &tree.node(*child).content {
                Content::Text(text) if text.trim().is_empty() => {}
                Content::Element(element) if element.name == "li" => {
                    let prefix = prefixes.next();
                    let prefix = if is_nested { prefix.trim_start().to_owned() } else { prefix };
                    entries.push((*child, prefix));
                }
                _ => entries.push((*child, String::new())),
            }
        }
        let longest = entries.iter().map(|(_, prefix)| prefix.len()).max().unwrap_or(0);
        if entries.is_empty() {
            return;
        }
        let around = if is_nested { 1 } else { 2 };
        self.open(around, 0);
        for (child, prefix) in entries {
            self.open(1, longest);
            match &tree.node(child).content {
                Content::Text(text) => self.inline(text, true),
                Content::Element(_) => self.element(child),
                _ => {}
            }
            let indent = format!("\n{}", " ".repeat(longest));
            self.close(1, |text| format!("{prefix:<longest$}{}", text.replace('\n', &indent)));
        }
        let Some(list) = self.blocks.pop() else { return };
        let before = list.breaks_before;
        let text = list.into_text();
        if !text.is_empty() {
            self.block().add_block(&text, before, around);
        }
    }
}

fn image(alt: Option<&str>, src: Option<&str>) -> String {
    match (alt.filter(|a| !a.is_empty()), src.filter(|s| !s.is_empty())) {
        (alt, None) => alt.unwrap_or_default().to_owned(),
        (None, Some(src)) => format!("[{src}]"),
        (Some(alt), Some(src)) => format!("{alt} [{src}]"),
    }
}

/// What stands before the entries of a list.
enum Prefixes {
    Same,
    Counted { next: i64, style: String },
}

impl Prefixes {
    fn of(tree: &Tree, id: usize) -> Prefixes {
        let attribute = |name: &str| tree.element(id).and_then(|element| element.attribute(name));
        match tree.name(id) {
            "ul" => Prefixes::Same,
            _ => {
                let next = attribute("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
                Prefixes::Counted { next, style: attribute("type").unwrap_or("1").to_owned() }
            }
        }
    }

    fn next(&mut self) -> String {
        match self {
            Prefixes::Same => " * ".to_owned(),
            Prefixes::Counted { next, style } => {
                let n = *next;
                *next += 1;
                let number = match style.as_str() {
                    "a" => letters(n),
                    "A" => letters(n).to_uppercase(),
                    "i" => roman(n).to_lowercase(),
                    "I" => roman(n),
                    _ => n.to_string(),
                };
                format!(" {number}. ")
            }
        }
    }
}

/// 1 is `a`, 27 is `aa`.
fn letters(n: i64) -> String {
    let mut letters = Vec::new();
    let mut rest = n;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

fn roman(n: i64) -> String {
    let signs = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut rest = n.clamp(0, 3_999);
    let mut text = String::new();
    for (value, sign) in signs {
        while rest >= value {
            text.push_str(sign);
            rest -= value;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expected: &str) {
        let tree = crate::dom::parse(html).unwrap();
        assert_eq!(plain_text(&tree, 0, None).unwrap(), expected);
    }

    #[test]
    fn blocks_stand_apart() {
        check("<h1>One</h1><p>two <b>three</b><p>four<br>five", "ONE\n\ntwo three\n\nfour\nfive");
        check("<div>a<div>b</div>c</div>", "a\nb\nc");
        check("<blockquote>a<p>b</p></blockquote>c", "> a\n> \n> b\n\nc");
    }

    #[test]
    fn lists_have_their_signs() {
        check("<ul><li>a<ul><li>b</ul><li>c</ul>", " * a\n   * b\n * c");
        check("<ol type=I start=3><li>a<li>b</ol>", " III. a\n IV.  b");
    }

    #[test]
    fn links_show_where_they_lead() {
        check("<a href=/u>x</a> <a href=#t>y</a> <img alt=p src=i.png>", "x [/u] y p [i.png]");
    }

    #[test]
    fn lines_have_eighty_characters() {
        let text = "seven77 ".repeat(20);
        let tree = crate::dom::parse(&text).unwrap();
        let lines: Vec<usize> = plain_text(&tree, 0, None).unwrap().lines().map(str::len).collect();
        assert_eq!(lines, [79, 79]);
    }
}
