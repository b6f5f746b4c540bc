//! CSS selectors over a page, with what jQuery added: `:contains("x")`, `:has(..)`, `:first`, `:eq(2)`.
//! A selector is worked off from left to right over sets of elements, because `:first` and its like
//! count among all that were found so far.

use linkflow_node::NodeError;

use crate::dom::{Content, Tree};

/// Elements that one selector may look at.
const STEPS_MAX: usize = 30_000_000;
const SELECTOR_BYTES_MAX: usize = 10_000;
const NESTING_MAX: usize = 20;

/// Chains of steps; an element that any of them leads to is found.
#[derive(Clone, Debug)]
pub struct Selector {
    chains: Vec<Vec<(Combinator, Vec<Simple>)>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Combinator {
    Below,
    Child,
    Next,
    Later,
}

/// One condition of an element.
#[derive(Clone, Debug)]
enum Simple {
    Any,
    Name(String),
    Attribute { name: String, test: Test, value: String, ignores_case: bool },
    Not(Selector),
    Is(Selector),
    Has(Selector),
    Contains { text: String, ignores_case: bool },
    Nth { step: i64, offset: i64, of_type: bool, from_end: bool },
    Only { of_type: bool },
    Place(Place),
    Flag(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Test {
    Exists,
    Equals,
    Differs,
    Starts,
    Ends,
    Contains,
    Word,
    Language,
}

/// A choice among all that were found so far.
#[derive(Clone, Copy, Debug)]
enum Place {
    At(i64),
    Behind(i64),
    Before(i64),
    Even,
    Odd,
}

/// Conditions without an argument.
const FLAGS: &[&str] = &[
    "root",
    "scope",
    "empty",
    "parent",
    "header",
    "input",
    "button",
    "checkbox",
    "radio",
    "text",
    "submit",
    "reset",
    "file",
    "image",
    "password",
    "checked",
    "selected",
    "disabled",
    "enabled",
    "required",
    "optional",
    "link",
    "any-link",
    "hover",
    "visited",
    "active",
    "read-only",
    "read-write",
];

impl Selector {
    pub fn parse(text: &str) -> Result<Selector, NodeError> {
        let refuse = |problem: String| {
            NodeError::param("cssSelector", format!("must be a CSS selector, got \"{text}\": {problem}"))
        };
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(NodeError::param("cssSelector", format!("has at most {SELECTOR_BYTES_MAX} bytes")));
        }
        let mut reader = Reader { rest: text, nesting: 0 };
        let selector = reader.selector(false).map_err(refuse)?;
        if reader.rest.is_empty() {
            Ok(selector)
        } else {
            Err(refuse(format!("nothing is known of `{}`", reader.rest)))
        }
    }

    /// The elements found below `root`, in the order of the page.
    pub fn select(&self, tree: &Tree, root: usize) -> Result<Vec<usize>, NodeError> {
        let mut search = Search { tree, order: order(tree), steps: 0 };
        search.of(self, root)
    }
}

/// The place of each node in the page; nodes that are not in it come last.
fn order(tree: &Tree) -> Vec<usize> {
    let mut order = vec![usize::MAX; tree.len()];
    for (n, id) in tree.below(0).into_iter().enumerate() {
        order[id] = n;
    }
    order
}

struct Search<'t> {
    tree: &'t Tree,
    order: Vec<usize>,
    steps: usize,
}

impl Search<'_> {
    fn of(&mut self, selector: &Selector, root: usize) -> Result<Vec<usize>, NodeError> {
        let mut found = Vec::new();
        for chain in &selector.chains {
            let mut here = vec![root];
            for (combinator, conditions) in chain {
                here = self.step(&here, *combinator)?;
                for condition in conditions {
                    here = self.keep(here, condition)?;
                }
            }
            found.extend(here);
        }
        self.sort(&mut found);
        Ok(found)
    }

    fn sort(&self, found: &mut Vec<usize>) {
        found.sort_unstable_by_key(|id| self.order[*id]);
        found.dedup();
    }

    fn count(&mut self, n: usize) -> Result<(), NodeError> {
        self.steps += n;
        if self.steps > STEPS_MAX {
            let what = "the elements that a selector looks at".to_owned();
            return Err(NodeError::Limit { what, limit: STEPS_MAX.to_string() });
        }
        Ok(())
    }

    /// The elements to which `combinator` leads.
    fn step(&mut self, from: &[usize], combinator: Combinator) -> Result<Vec<usize>, NodeError> {
        let tree = self.tree;
        let mut found = Vec::new();
        // What lies below one that was below another before is found already.
        let mut reached = 0;
        for id in from {
            let before = found.len();
            match combinator {
                Combinator::Below if self.order[*id] < reached && *id != 0 => {}
                Combinator::Below => {
                    let below = tree.below(*id);
                    self.count(below.len())?;
                    reached = below.iter().map(|id| self.order[*id] + 1).max().unwrap_or(reached);
                    found.extend(below.into_iter().filter(|id| tree.element(*id).is_some()));
                }
                Combinator::Child => found.extend(tree.child_elements(*id)),
                Combinator::Next | Combinator::Later => {
                    let Some(parent) = tree.parent(*id) else { continue };
                    let later =
                        tree.child_elements(parent).filter(|other| self.order[*other] > self.order[*id]);
                    let most = if combinator == Combinator::Next { 1 } else { usize::MAX };
                    found.extend(later.take(most));
                    let siblings = tree.children(parent).len();
                    self.count(siblings)?;
                }
            }
            self.count(found.len() - before)?;
        }
        self.sort(&mut found);
        Ok(found)
    }

    /// Those that fulfil the condition.
    fn keep(&mut self, found: Vec<usize>, condition: &Simple) -> Result<Vec<usize>, NodeError> {
        self.count(found.len())?;
        let (tree, mut kept) = (self.tree, found);
        match condition {
            Simple::Place(place) => return Ok(place.of(kept)),
            Simple::Not(inner) | Simple::Is(inner) => {
                let matching = self.of(inner, 0)?;
                let order = &self.order;
                let is_in = |id: &usize| matching.binary_search_by_key(&order[*id], |m| order[*m]).is_ok();
                kept.retain(|id| is_in(id) == matches!(condition, Simple::Is(_)));
            }
            Simple::Has(inner) => {
                let mut having = Vec::new();
                for id in kept {
                    if !self.of(inner, id)?.is_empty() {
                        having.push(id);
                    }
                }
                return Ok(having);
            }
            Simple::Contains { text, ignores_case } => {
                let text = if *ignores_case { text.to_lowercase() } else { text.clone() };
                let mut having = Vec::new();
                for id in kept {
                    let content = tree.text(id);
                    self.count(content.len() / 16)?;
                    let content = if *ignores_case { content.to_lowercase() } else { content };
                    having.extend(content.contains(&text).then_some(id));
                }
                return Ok(having);
            }
            Simple::Nth { .. } | Simple::Only { .. } => {
                let mut having = Vec::new();
                for id in kept {
                    let siblings = tree.parent(id).map_or(0, |parent| tree.children(parent).len());
                    self.count(siblings)?;
                    having.extend(has_place(tree, id, condition).then_some(id));
                }
                return Ok(having);
            }
            other => kept.retain(|id| fulfils(tree, *id, other)),
        }
        Ok(kept)
    }
}

impl Place {
    fn of(self, found: Vec<usize>) -> Vec<usize> {
        let n = found.len() as i64;
        let at = |i: i64| if i < 0 { i + n } else { i };
        let keep = |i: i64| match self {
            Place::At(place) => i == at(place),
            Place::Behind(place) => i > at(place),
            Place::Before(place) => i < at(place),
            Place::Even => i % 2 == 0,
            Place::Odd => i % 2 == 1,
        };
        (0..).zip(found).filter(|(i, _)| keep(*i)).map(|(_, id)| id).collect()
    }
}

/// The place among the siblings, counted from 1, and their number.
fn place(tree: &Tree, id: usize, of_type: bool) -> (i64, i64) {
    let Some(parent) = tree.parent(id) else { return (1, 1) };
    let counts = |other: &usize| !of_type || tree.name(*other) == tree.name(id);
    let siblings: Vec<usize> = tree.child_elements(parent).filter(counts).collect();
    let at = siblings.iter().position(|other| *other == id).unwrap_or(0);
    (at as i64 + 1, siblings.len() as i64)
}

fn has_place(tree: &Tree, id: usize, condition: &Simple) -> bool {
    match condition {
        Simple::Only { of_type } => place(tree, id, *of_type).1 == 1,
        Simple::Nth { step, offset, of_type, from_end } => {
            let (at, n) = place(tree, id, *of_type);
            let distance = if *from_end { n - at + 1 } else { at } - offset;
            if *step == 0 { distance == 0 } else { distance % step == 0 && distance / step >= 0 }
        }
        _ => false,
    }
}

fn fulfils(tree: &Tree, id: usize, condition: &Simple) -> bool {
    let Some(element) = tree.element(id) else { return false };
    match condition {
        Simple::Any => true,
        Simple::Name(name) => element.name.eq_ignore_ascii_case(name),
        Simple::Attribute { name, test, value, ignores_case } => {
            let found = element.attribute(name);
            if *test == Test::Differs {
                return found != Some(value);
            }
            found.is_some_and(|found| match ignores_case {
                true => test.holds(&found.to_lowercase(), &value.to_lowercase()),
                false => test.holds(found, value),
            })
        }
        Simple::Flag(flag) => has_flag(tree, id, flag),
        _ => false,
    }
}

impl Test {
    fn holds(self, found: &str, value: &str) -> bool {
        match self {
            Test::Exists => true,
            Test::Equals => found == value,
            Test::Differs => found != value,
            Test::Starts => !value.is_empty() && found.starts_with(value),
            Test::Ends => !value.is_empty() && found.ends_with(value),
            Test::Contains => !value.is_empty() && found.contains(value),
            Test::Word => found.split_ascii_whitespace().any(|word| word == value),
            Test::Language => {
                found == value || found.strip_prefix(value).is_some_and(|rest| rest.starts_with('-'))
            }
        }
    }
}

fn has_flag(tree: &Tree, id: usize, flag: &str) -> bool {
    let Some(element) = tree.element(id) else { return false };
    let name = element.name.as_str();
    let has = |attribute: &str| element.attribute(attribute).is_some();
    let is_type = |wanted: &str| element.attribute("type").is_some_and(|t| t == wanted);
    let is_control = matches!(name, "button" | "input" | "select" | "textarea" | "optgroup" | "option");
    match flag {
        "root" | "scope" => tree.parent(id) == Some(0),
        "empty" => {
            tree.children(id).iter().all(|child| matches!(tree.node(*child).content, Content::Comment(_)))
        }
        "parent" => {
            tree.children(id).iter().any(|child| !matches!(tree.node(*child).content, Content::Comment(_)))
        }
        "header" => matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6"),
        "input" => matches!(name, "input" | "select" | "textarea" | "button"),
        "button" => name == "button" || (name == "input" && is_type("button")),
        "text" => name == "input" && (!has("type") || is_type("text")),
        "checkbox" | "radio" | "file" | "image" | "password" => name == "input" && is_type(flag),
        "submit" | "reset" => matches!(name, "input" | "button") && is_type(flag),
        "checked" => {
            (name == "input" && (is_type("checkbox") || is_type("radio")) && has("checked"))
                || (name == "option" && is_selected(tree, id))
        }
        "selected" => name == "option" && is_selected(tree, id),
        "disabled" => is_control && has("disabled"),
        "enabled" => is_control && !has("disabled"),
        "required" => has("required"),
        "optional" => matches!(name, "input" | "select" | "textarea") && !has("required"),
        "link" | "any-link" => matches!(name, "a" | "area" | "link") && has("href"),
        "read-only" => has("readonly"),
        "read-write" => matches!(name, "input" | "textarea") && !has("readonly"),
        _ => false,
    }
}

/// An option that was chosen, or the first one where nothing was chosen.
fn is_selected(tree: &Tree, id: usize) -> bool {
    if tree.element(id).is_some_and(|element| element.attribute("selected").is_some()) {
        return true;
    }
    let Some(parent) = tree.parent(id).filter(|parent| tree.name(*parent) == "select") else { return false };
    if tree.element(parent).is_some_and(|select| select.attribute("multiple").is_some()) {
        return false;
    }
    let mut is_first = true;
    for sibling in tree.child_elements(parent) {
        if sibling == id {
            return is_first
                && !tree.child_elements(parent).any(|other| {
                    tree.element(other).is_some_and(|option| option.attribute("selected").is_some())
                });
        }
        is_first = false;
    }
    false
}

/// Reads the text of a selector.
struct Reader<'t> {
    rest: &'t str,
    nesting: usize,
}

impl<'t> Reader<'t> {
    /// Chains up to a closing bracket or the end. `relative`: chains may begin with a combinator.
    fn selector(&mut self, relative: bool) -> Result<Selector, String> {
        if self.nesting > NESTING_MAX {
            return Err(format!("at most {NESTING_MAX} selectors stand in each other"));
        }
        let mut chains = Vec::new();
        loop {
            chains.push(self.chain(relative)?);
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => return Ok(Selector { chains }),
            }
        }
    }

    fn chain(&mut self, relative: bool) -> Result<Vec<(Combinator, Vec<Simple>)>, String> {
        let mut chain = Vec::new();
        let mut combinator = self.combinator().unwrap_or(Combinator::Below);
        if combinator != Combinator::Below && !relative && self.rest.is_empty() {
            return Err("an element is missing".to_owned());
        }
        loop {
            let conditions = self.conditions()?;
            if conditions.is_empty() {
                return match chain.is_empty() {
                    true => Err("an element is missing".to_owned()),
                    // A combinator at the end leads nowhere.
                    false => {
                        chain.push((combinator, vec![Simple::Place(Place::Before(0))]));
                        Ok(chain)
                    }
                };
            }
            chain.push((combinator, conditions));
            match self.combinator() {
                Some(next) => combinator = next,
                None => return Ok(chain),
            }
        }
    }

    fn combinator(&mut self) -> Option<Combinator> {
        let trimmed = self.rest.trim_start();
        let is_spaced = trimmed.len() < self.rest.len();
        let sign = trimmed.chars().next();
        let combinator = match sign {
            Some('>') => Some(Combinator::Child),
            Some('+') => Some(Combinator::Next),
            Some('~') => Some(Combinator::Later),
            None | Some(',' | ')') => None,
            _ if is_spaced => Some(Combinator::Below),
            _ => return None,
        };
        self.rest = trimmed;
        if matches!(sign, Some('>' | '+' | '~')) {
            self.rest = trimmed[1..].trim_start();
        }
        combinator
    }

    /// All conditions of one element.
    fn conditions(&mut self) -> Result<Vec<Simple>, String> {
        let mut conditions = Vec::new();
        while let Some(c) = self.rest.chars().next() {
            let behind = &self.rest[c.len_utf8()..];
            match c {
                '*' => {
                    self.rest = behind;
                    conditions.push(Simple::Any);
                }
                '.' | '#' => {
                    self.rest = behind;
                    let (name, test) = if c == '.' { ("class", Test::Word) } else { ("id", Test::Equals) };
                    let (name, value) = (name.to_owned(), self.name()?);
                    conditions.push(Simple::Attribute { name, test, value, ignores_case: false });
                }
                '[' => {
                    self.rest = behind;
                    conditions.push(self.attribute()?);
                }
                ':' if behind.starts_with(':') => return Err("there are no pseudo-elements".to_owned()),
                ':' => {
                    self.rest = behind;
                    conditions.push(self.pseudo()?);
                }
                c if is_name(c) || c == '\\' => conditions.push(Simple::Name(self.name()?)),
                _ => break,
            }
        }
        Ok(conditions)
    }

    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = 0;
        while let Some((at, c)) = chars.next() {
            if c == '\\' {
                let Some((at, escaped)) = chars.next() else { break };
                name.push(escaped);
                end = at + escaped.len_utf8();
            } else if is_name(c) {
                name.push(c);
                end = at + c.len_utf8();
            } else {
                break;
            }
        }
        self.rest = &self.rest[end..];
        if name.is_empty() { Err(format!("a name is missing at `{}`", self.rest)) } else { Ok(name) }
    }

    fn attribute(&mut self) -> Result<Simple, String> {
        let unclosed = || "a `]` is missing".to_owned();
        self.rest = self.rest.trim_start();
        let name = self.name()?.to_ascii_lowercase();
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix(']') {
            self.rest = rest;
            return Ok(Simple::Attribute {
                name,
                test: Test::Exists,
                value: String::new(),
                ignores_case: false,
            });
        }
        let tests = [
            ("=", Test::Equals),
            ("!=", Test::Differs),
            ("^=", Test::Starts),
            ("$=", Test::Ends),
            ("*=", Test::Contains),
            ("~=", Test::Word),
            ("|=", Test::Language),
        ];
        let (sign, test) =
            tests.into_iter().find(|(sign, _)| self.rest.starts_with(sign)).ok_or_else(unclosed)?;
        self.rest = self.rest[sign.len()..].trim_start();
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.rest = &self.rest[1..];
                self.quoted(quote).ok_or_else(unclosed)?
            }
            _ => {
                let end = self.rest.find([']', ' ']).ok_or_else(unclosed)?;
                let value = self.rest[..end].to_owned();
                self.rest = &self.rest[end..];
                value
            }
        };
        let (flags, rest) = self.rest.split_once(']').ok_or_else(unclosed)?;
        self.rest = rest;
        let is_type = name == "type";
        Ok(Simple::Attribute {
            name,
            test,
            value,
            ignores_case: is_type || flags.trim().eq_ignore_ascii_case("i"),
        })
    }

    /// Up to the closing quote, which is read too.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(chars.next()?.1),
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }

    fn pseudo(&mut self) -> Result<Simple, String> {
        let name = self.name()?.to_ascii_lowercase();
        let Some(rest) = self.rest.strip_prefix('(') else { return plain_pseudo(&name) };
        self.rest = rest;
        if matches!(name.as_str(), "not" | "is" | "where" | "matches" | "any" | "has") {
            self.nesting += 1;
            let inner = self.selector(name == "has")?;
            self.nesting -= 1;
            self.rest = self.rest.trim_start().strip_prefix(')').ok_or("a `)` is missing")?;
            return Ok(match name.as_str() {
                "not" => Simple::Not(inner),
                "has" => Simple::Has(inner),
                _ => Simple::Is(inner),
            });
        }
        let argument = self.argument()?;
        let number = || {
            argument.trim().parse::<i64>().map_err(|_| format!(":{name} needs a number, got `{argument}`"))
        };
        let nth = |of_type, from_end| {
            let (step, offset) =
                nth(&argument).ok_or_else(|| format!(":{name} cannot be counted by `{argument}`"))?;
            Ok(Simple::Nth { step, offset, of_type, from_end })
        };
        match name.as_str() {
            "contains" => Ok(Simple::Contains { text: argument, ignores_case: false }),
            "icontains" => Ok(Simple::Contains { text: argument, ignores_case: true }),
            "nth-child" => nth(false, false),
            "nth-last-child" => nth(false, true),
            "nth-of-type" => nth(true, false),
            "nth-last-of-type" => nth(true, true),
            "eq" | "nth" => Ok(Simple::Place(Place::At(number()?))),
            "gt" => Ok(Simple::Place(Place::Behind(number()?))),
            "lt" => Ok(Simple::Place(Place::Before(number()?))),
            _ => Err(format!(":{name} is not known")),
        }
    }

    /// The text in the brackets, without quotes around it.
    fn argument(&mut self) -> Result<String, String> {
        let unclosed = || "a `)` is missing".to_owned();
        let trimmed = self.rest.trim_start();
        if let Some(quote @ ('"' | '\'')) = trimmed.chars().next() {
            self.rest = &trimmed[1..];
            let text = self.quoted(quote).ok_or_else(unclosed)?;
            self.rest = self.rest.trim_start().strip_prefix(')').ok_or_else(unclosed)?;
            return Ok(text);
        }
        let mut depth = 0;
        for (at, c) in self.rest.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => {
                    let text = self.rest[..at].to_owned();
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                ')' => depth -= 1,
                _ => {}
            }
        }
        Err(unclosed())
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_' || !c.is_ascii()
}

fn plain_pseudo(name: &str) -> Result<Simple, String> {
    let nth = |of_type, from_end| Simple::Nth { step: 0, offset: 1, of_type, from_end };
    Ok(match name {
        "first-child" => nth(false, false),
        "last-child" => nth(false, true),
        "first-of-type" => nth(true, false),
        "last-of-type" => nth(true, true),
        "only-child" => Simple::Only { of_type: false },
        "only-of-type" => Simple::Only { of_type: true },
        "first" => Simple::Place(Place::At(0)),
        "last" => Simple::Place(Place::At(-1)),
        "even" => Simple::Place(Place::Even),
        "odd" => Simple::Place(Place::Odd),
        _ => match FLAGS.iter().find(|flag| **flag == name) {
            Some(flag) => Simple::Flag(flag),
            None => return Err(format!(":{name} is not known")),
        },
    })
}

/// `2n+1`, `odd`, `-n + 3`, `5`.
fn nth(text: &str) -> Option<(i64, i64)> {
    let text: String = text.to_ascii_lowercase().split_whitespace().collect();
    match text.as_str() {
        "even" => return Some((2, 0)),
        "odd" => return Some((2, 1)),
        _ => {}
    }
    let Some((step, offset)) = text.split_once('n') else { return Some((0, text.parse().ok()?)) };
    let step = match step {
        "" | "+" => 1,
        "-" => -1,
        other => other.parse().ok()?,
    };
    let offset = if offset.is_empty() { 0 } else { offset.parse().ok()? };
    Some((step, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<div id="a" class="x y"><p class="x">1</p><p>2<em>e</em></p><i>3</i><i>4</i><i>5</i>
        <a href="/u.pdf">l</a></div><div><p>6</p><select><option>o<option>p</select></div>"#;

    /// The text of what is found, one behind the other.
    #[track_caller]
    fn check(selector: &str, expected: &str) {
        let tree = crate::dom::parse(PAGE).unwrap();
        let found = Selector::parse(selector).and_then(|s| s.select(&tree, 0));
        let text = match found {
            Ok(found) => found.iter().map(|id| tree.text(*id)).collect::<Vec<_>>().join("|"),
            Err(e) => e.to_string(),
        };
        assert!(text == expected || (expected.len() > 9 && text.contains(expected)), "{selector}: {text}");
    }

    #[test]
    fn css_selectors_find_what_browsers_find() {
        check("p.x", "1");
        check("div > p", "1|2e|6");
        check("P, em", "1|2e|e|6");
        check("p + p", "2e");
        check("p ~ i:not(:last-of-type)", "3|4");
        check("[href$='.pdf' i]", "l");
        check("i:nth-of-type(2n+1)", "3|5");
        check("div:has(> select) p", "6");
        check("#a.x.y em", "e");
    }

    #[test]
    fn places_count_among_all_that_were_found() {
        check("div p:first", "1");
        check("i:eq(-1)", "5");
        check("i:gt(0)", "4|5");
        check("div:eq(1) > p", "6");
        check("p:contains(\"2\")", "2e");
        check("option:selected", "o");
    }

    #[test]
    fn what_is_no_selector_is_told() {
        check("p[", "a name is missing");
        check("p:nope", ":nope is not known");
        check("a::text", "no pseudo-elements");
        check("p,,i", "an element is missing");
        check("p:not(", "an element is missing");
        check(&":not(".repeat(50), "in each other");
    }

    #[test]
    fn a_selector_that_looks_at_too_much_is_refused() {
        let tree = crate::dom::parse(&"<p><b>x</b></p>".repeat(20_000)).unwrap();
        let error = Selector::parse("p ~ p ~ p").unwrap().select(&tree, 0).unwrap_err();
        assert!(error.to_string().contains("the elements that a selector looks at"), "{error}");
    }
}
