//! Turns the source of a chunk into the source of a function that the engine runs.
//!
//! Unknown names become variables that are undefined, added methods become calls of the function
//! that looks them up, plain paths become calls into Rust, and `$if` becomes a choice. It works on
//! tokens: the engine's own parser has the last word on syntax.

use std::collections::HashSet;

use crate::ExprError;
use crate::native::{self, Expr, FORBIDDEN};
use crate::token::{self, Kind, OPERATOR_WORDS, Token};

/// A chunk, ready to be compiled.
#[derive(Debug)]
pub(super) struct Script {
    pub code: String,
    /// What `__lfp(n)` stands for.
    pub paths: Vec<Expr>,
    /// Whether it reaches for objects that outlive it and changes something.
    pub may_leak: bool,
    /// Whether `__lfm` in it may leave the name of a method that found no value.
    pub has_optional_calls: bool,
}

/// Variables that are filled when the function begins.
const VARIABLES: &[&str] = &[
    "$json",
    "$data",
    "$binary",
    "$input",
    "$node",
    "$items",
    "$item",
    "$prevNode",
    "$itemIndex",
    "$position",
    "$runIndex",
    "$workflow",
    "$execution",
    "$vars",
    "$env",
    "$secrets",
    "$parameter",
    "$self",
    "$thisItem",
    "$thisItemIndex",
    "$thisRunIndex",
    "$mode",
    "$executionId",
    "$resumeWebhookUrl",
    "$nodeVersion",
    "$nodeId",
    "$",
    "$tool",
    "$fromAI",
    "$fromAi",
    "$fromai",
    "$rawParameter",
];

/// Names of the language and of the prelude that an expression may use.
const GLOBALS: &[&str] = &[
    "Array",
    "ArrayBuffer",
    "BigInt",
    "Boolean",
    "DataView",
    "Date",
    "DateTime",
    "Duration",
    "Error",
    "EvalError",
    "Float32Array",
    "Float64Array",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "Interval",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "RangeError",
    "ReferenceError",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TypeError",
    "URIError",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakSet",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
    "undefined",
    "$now",
    "$today",
    "$jmespath",
    "$jmesPath",
    "$ifEmpty",
    "$if",
    "$min",
    "$max",
    "$average",
    "$not",
    "min",
    "max",
    "average",
    "not",
    "numberList",
    "zip",
    "toPathSegment",
];

const KEYWORDS: &[&str] = &[
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "let",
    "new",
    "null",
    "of",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "get",
    "set",
    "implements",
    "interface",
    "package",
    "private",
    "protected",
    "public",
];

/// Functions that look behind or change what objects are made of.
const UNSAFE: &[&str] = &[
    "getPrototypeOf",
    "setPrototypeOf",
    "defineProperty",
    "defineProperties",
    "getOwnPropertyDescriptor",
    "getOwnPropertyDescriptors",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
];

/// Words that begin a statement, not an expression.
const STATEMENTS: &[&str] = &[
    "const", "let", "var", "if", "return", "throw", "function", "class", "for", "while", "do", "switch",
    "try", "break", "continue", "import", "export", "yield", "await", "debugger", "with",
];

/// Methods that change a list: another path to the same list must see it.
const MUTATORS: &[&str] =
    &["push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin"];

/// Fields through which parts that dates share are reached; they are frozen, and whoever changes
/// something beside them gets no second chance.
const SHARED: &[&str] = &["loc", "zone", "matrix", "dtFormatter", "numberFormatter", "relFormatter"];

pub(super) struct Edit {
    from: usize,
    to: usize,
    text: String,
}

struct Transform<'s> {
    source: &'s str,
    tokens: &'s [Token],
    methods: &'s HashSet<String>,
    /// For each bracket the one that belongs to it.
    partners: Vec<Option<usize>>,
    edits: Vec<Edit>,
    paths: Vec<Expr>,
    /// The text of each path.
    written: Vec<String>,
    /// Whether an added method is called in a chain with optional steps.
    has_optional_calls: bool,
    /// Variables to fill, and names that are undefined.
    used: Vec<&'s str>,
    unknown: Vec<&'s str>,
}

/// The script for the first statement of `source`; with `n_tokens`, for its first tokens only.
pub(super) fn script(
    source: &str,
    takes_paths: bool,
    n_tokens: Option<usize>,
    methods: &HashSet<String>,
) -> Result<Script, ExprError> {
    let all = token::cut(source)?;
    let end = first_statement(source, &all).min(n_tokens.unwrap_or(usize::MAX));
    let tokens = &all[..end];
    let Some(first) = tokens.first() else {
        return Err(ExprError::Syntax("there is nothing to evaluate".to_owned()));
    };
    if first.kind == Kind::Name && STATEMENTS.contains(&first.text(source)) {
        return Err(ExprError::Syntax(format!("`{}` begins a statement, not a value", first.text(source))));
    }
    let mut transform = Transform {
        source,
        tokens,
        methods,
        partners: Vec::new(),
        edits: Vec::new(),
        paths: Vec::new(),
        written: Vec::new(),
        has_optional_calls: false,
        used: Vec::new(),
        unknown: Vec::new(),
    };
    transform.match_brackets();
    let changes_data = transform.changes_data();
    transform.walk(takes_paths && !changes_data)?;
    if transform.paths.len() > 1 && transform.names().any(|n| MUTATORS.contains(&n)) {
        transform.start_over();
        transform.walk(false)?;
    }
    let may_leak = changes_data && transform.names().any(|n| SHARED.contains(&n));
    let code = transform.write();
    Ok(Script { code, paths: transform.paths, may_leak, has_optional_calls: transform.has_optional_calls })
}

/// How many tokens the first statement has.
fn first_statement(source: &str, tokens: &[Token]) -> usize {
    let mut depth = 0i32;
    for (i, token) in tokens.iter().enumerate() {
        match token.text(source) {
            "(" | "[" | "{" if token.kind == Kind::Mark => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Mark => depth -= 1,
            ";" if token.kind == Kind::Mark && depth == 0 => return i,
            _ => match token.kind {
                Kind::TemplateHead => depth += 1,
                Kind::TemplateTail => depth -= 1,
                _ => {}
            },
        }
    }
    tokens.len()
}

/// Where a first statement could end without a semicolon: at line breaks outside of brackets.
pub(super) fn line_ends(source: &str) -> Vec<usize> {
    let Ok(tokens) = token::cut(source) else { return Vec::new() };
    (1..tokens.len()).filter(|i| tokens[*i].after_newline).take(4).collect()
}

impl<'s> Transform<'s> {
    fn text(&self, i: usize) -> &'s str {
        self.tokens.get(i).map_or("", |t| t.text(self.source))
    }

    fn is_mark(&self, i: usize, mark: &str) -> bool {
        self.tokens.get(i).is_some_and(|t| t.kind == Kind::Mark && t.text(self.source) == mark)
    }

    fn is_dot(&self, i: usize) -> bool {
        self.is_mark(i, ".") || self.is_mark(i, "?.")
    }

    fn names(&self) -> impl Iterator<Item = &'s str> {
        self.tokens.iter().filter(|t| t.kind == Kind::Name).map(|t| t.text(self.source))
    }

    /// Whether anything is assigned to. Then paths are not taken apart: a change must be seen by
    /// who reads the same data through another path.
    fn changes_data(&self) -> bool {
        const CHANGES: &[&str] = &[
            "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", ">>>=", "&=", "|=", "^=", "&&=", "||=", "??=",
            "++", "--",
        ];
        const CHANGERS: &[&str] = &["delete", "assign"];
        (0..self.tokens.len()).any(|i| match self.tokens[i].kind {
            Kind::Mark => CHANGES.contains(&self.text(i)) || (self.text(i) == "=" && self.assigns_member(i)),
            Kind::Name => CHANGERS.contains(&self.text(i)),
            _ => false,
        })
    }

    /// Whether the `=` at `i` stands behind `a.b`, `a[b]`, or a variable of ours.
    fn assigns_member(&self, i: usize) -> bool {
        let before = self.text(i.wrapping_sub(1));
        before == "]" || before == "}" || before.starts_with('$') || (i >= 2 && self.is_dot(i - 2))
    }

    fn walk(&mut self, split_paths: bool) -> Result<(), ExprError> {
        let mut i = 0;
        while i < self.tokens.len() {
            let behind_dot = i > 0 && self.is_dot(i - 1);
            match self.tokens[i].kind {
                Kind::Name if behind_dot => self.property(i)?,
                Kind::Name => {
                    if split_paths && let Some(next) = self.path(i) {
                        i = next;
                        continue;
                    }
                    self.name(i)?;
                }
                Kind::Text => self.key(i)?,
                _ => {}
            }
            i += 1;
        }
        Ok(())
    }

    fn start_over(&mut self) {
        self.edits.clear();
        self.paths.clear();
        self.written.clear();
        self.used.clear();
        self.unknown.clear();
    }

    /// Takes a path out; gives the token behind it.
    fn path(&mut self, i: usize) -> Option<usize> {
        if !self.text(i).starts_with('$') || self.is_mark(i + 1, ":") {
            return None;
        }
        let (expr, next) = native::parse_path(self.source, self.tokens, i)?;
        if next <= i + 1 || self.is_mark(next, "=") {
            return None;
        }
        // The same path is the same object each time.
        let written = self.tokens[i..next].iter().map(|t| t.text(self.source)).collect::<String>();
        let written = written.replace("$input.item.json", "$json");
        let n = self.written.iter().position(|w| *w == written).unwrap_or(self.paths.len());
        if n == self.paths.len() {
            self.paths.push(expr);
            self.written.push(written);
        }
        let text = format!("__lfp(__lfc,{n})");
        self.edits.push(Edit { from: self.tokens[i].start, to: self.tokens[next - 1].end, text });
        Some(next)
    }

    fn property(&mut self, i: usize) -> Result<(), ExprError> {
        let name = self.text(i);
        refuse(name)?;
        if self.is_mark(i + 1, "(") && self.methods.contains(name) {
            self.added_method(i);
        }
        Ok(())
    }

    /// A text in brackets behind a value is a field's name.
    fn key(&mut self, i: usize) -> Result<(), ExprError> {
        let is_key = i >= 2 && self.is_mark(i - 1, "[") && self.is_mark(i + 1, "]") && self.ends_value(i - 2);
        if is_key && let Some(name) = token::text_value(self.text(i)) {
            refuse(&name)?;
        }
        Ok(())
    }

    fn name(&mut self, i: usize) -> Result<(), ExprError> {
        let name = self.text(i);
        if name.starts_with("__lf") || name.starts_with("__linkflow") {
            return Err(ExprError::Forbidden(format!("`{name}`")));
        }
        if self.is_mark(i + 1, ":")
            && (self.is_mark(i.wrapping_sub(1), "{") || self.is_mark(i.wrapping_sub(1), ","))
        {
            return Ok(());
        }
        refuse(name)?;
        if name == "$" && !self.is_mark(i + 1, "(") {
            return Err(ExprError::Syntax("`$` must be called with the name of a node".to_owned()));
        }
        if name == "eval" {
            self.replace(i, i, "undefined");
        } else if name == "$if" && self.is_mark(i + 1, "(") {
            self.choice(i);
        } else if VARIABLES.contains(&name) {
            push_new(&mut self.used, name);
        } else if !KEYWORDS.contains(&name) && !GLOBALS.contains(&name) && !name.starts_with('#') {
            push_new(&mut self.unknown, name);
        }
        Ok(())
    }

    /// `$if(a, b, c)` evaluates only one of `b` and `c`.
    fn choice(&mut self, i: usize) {
        let Some(close) = self.closing(i + 1) else { return };
        let mut commas = Vec::new();
        let mut at = i + 2;
        while at < close {
            if self.is_mark(at, ",") {
                commas.push(at);
            }
            at = self.closing(at).unwrap_or(at) + 1;
        }
        self.replace(i, i + 1, "((");
        let end = match commas.len() {
            0 => ")?undefined:false)",
            1 => "):false)",
            _ => "))",
        };
        for (n, comma) in commas.iter().enumerate() {
            match n {
                0 => self.replace(*comma, *comma, ")?("),
                1 => self.replace(*comma, *comma, "):("),
                _ => {}
            }
        }
        self.replace(close, close, end);
    }

    fn replace(&mut self, first: usize, last: usize, text: &str) {
        let (from, to) = (self.tokens[first].start, self.tokens[last].end);
        self.edits.push(Edit { from, to, text: text.to_owned() });
    }

    /// `value.name(args)` becomes `__lfx(value,"name",[args])`.
    fn added_method(&mut self, i: usize) {
        let dot = i - 1;
        let (Some(close), Some((start, has_optional))) = (self.closing(i + 1), self.receiver(dot)) else {
            return;
        };
        // `Math.max()` and the like are functions of the language, not methods of a value.
        const VALUES: &[&str] = &["undefined", "NaN", "Infinity", "$now", "$today"];
        let word = self.text(start);
        if dot == start + 1 && GLOBALS.contains(&word) && !VALUES.contains(&word) {
            return;
        }
        // The items of a node have methods of their own by these names.
        let is_node = (self.text(start) == "$input" && dot == start + 1)
            || (self.text(start) == "$" && self.closing(start + 1) == Some(dot.wrapping_sub(1)));
        if is_node {
            return;
        }
        let name = self.text(i);
        let optional = has_optional || self.is_mark(dot, "?.");
        if optional && !matches!(name, "isEmpty" | "isNotEmpty") {
            // A chain that ends early must end as a whole, so it stays one.
            let step = if self.is_mark(dot, "?.") { "?." } else { "" };
            self.replace(dot, i, &format!("{step}[__lfm(\"{name}\")]"));
            self.has_optional_calls = true;
            return;
        }
        let opening = if optional { "__lfo(" } else { "__lfx(" };
        let from = self.tokens[start].start;
        self.edits.push(Edit { from, to: from, text: opening.to_owned() });
        self.replace(dot, i + 1, &format!(",\"{name}\",["));
        self.replace(close, close, "])");
    }

    /// The bracket that closes the one at `open`.
    fn closing(&self, open: usize) -> Option<usize> {
        self.partner(open).filter(|close| *close > open)
    }

    /// The bracket that opens the one that closes at `close`.
    fn opening(&self, close: usize) -> Option<usize> {
        self.partner(close).filter(|open| *open < close)
    }

    fn partner(&self, i: usize) -> Option<usize> {
        self.partners.get(i).copied().flatten()
    }

    /// Matches all brackets once.
    fn match_brackets(&mut self) {
        self.partners = vec![None; self.tokens.len()];
        let mut open = Vec::new();
        for i in 0..self.tokens.len() {
            match self.depth_change(i) {
                1 => open.push(i),
                -1 => {
                    if let Some(partner) = open.pop() {
                        self.partners[i] = Some(partner);
                        self.partners[partner] = Some(i);
                    }
                }
                _ => {}
            }
        }
    }

    fn depth_change(&self, i: usize) -> i32 {
        match (self.tokens[i].kind, self.text(i)) {
            (Kind::Mark, "(" | "[" | "{") | (Kind::TemplateHead, _) => 1,
            (Kind::Mark, ")" | "]" | "}") | (Kind::TemplateTail, _) => -1,
            _ => 0,
        }
    }

    /// Whether token `i` is the end of a value, so that a bracket behind it calls or indexes.
    fn ends_value(&self, i: usize) -> bool {
        let Some(token) = self.tokens.get(i) else { return false };
        match token.kind {
            Kind::Name => {
                let is_property = i > 0 && self.is_dot(i - 1);
                let word = self.text(i);
                is_property
                    || !(OPERATOR_WORDS.contains(&word)
                        || matches!(word, "if" | "while" | "for" | "switch" | "let" | "var"))
            }
            Kind::Mark => matches!(self.text(i), ")" | "]" | "}"),
            Kind::TemplateHead | Kind::TemplateMiddle => false,
            _ => true,
        }
    }

    /// Where the value before the dot at `dot` begins, and whether an optional step is in it.
    fn receiver(&self, dot: usize) -> Option<(usize, bool)> {
        let mut i = dot.checked_sub(1)?;
        let mut has_optional = false;
        loop {
            let token = self.tokens[i];
            let is_bracket = token.kind == Kind::Mark;
            let start = match token.kind {
                Kind::Mark if matches!(self.text(i), ")" | "]" | "}") => self.opening(i)?,
                Kind::TemplateTail => self.opening(i)?,
                Kind::Mark => return None,
                _ => i,
            };
            let Some(before) = start.checked_sub(1) else { return Some((start, has_optional)) };
            let is_step = self.is_dot(before) && (token.kind == Kind::Name || is_bracket);
            if is_step {
                has_optional |= self.is_mark(before, "?.");
                i = before.checked_sub(1)?;
            } else if is_bracket && self.text(i) != "}" && self.ends_value(before) {
                i = before;
            } else if self.text(before) == "new" && self.tokens[before].kind == Kind::Name {
                return Some((before, has_optional));
            } else {
                return Some((start, has_optional));
            }
        }
    }

    fn write(&mut self) -> String {
        let mut code = String::with_capacity(self.source.len() + 160);
        code.push_str("(function(){\"use strict\";");
        for name in &self.used {
            code.push_str(&format!("var {name}=__lfw.{name}();"));
        }
        for name in &self.unknown {
            code.push_str(&format!("var {name};"));
        }
        if !self.paths.is_empty() {
            code.push_str("var __lfc=[];");
        }
        if self.has_optional_calls {
            code.push_str("__lfm();");
        }
        code.push_str("return(");
        self.write_edited(&mut code);
        code.push_str("\n)})");
        code
    }

    /// The source with its edits. Of several at one place, the later call is the outer one.
    fn write_edited(&mut self, code: &mut String) {
        let end = self.tokens.last().map_or(0, |t| t.end);
        let mut edits: Vec<(usize, Edit)> = std::mem::take(&mut self.edits).into_iter().enumerate().collect();
        edits.sort_by(|(a, x), (b, y)| {
            let is_insert = |e: &Edit| e.from == e.to;
            (x.from, !is_insert(x)).cmp(&(y.from, !is_insert(y))).then(b.cmp(a))
        });
        let mut at = self.tokens.first().map_or(0, |t| t.start);
        for (_, edit) in edits {
            code.push_str(&self.source[at..edit.from.max(at)]);
            code.push_str(&edit.text);
            at = edit.to.max(at);
        }
        code.push_str(&self.source[at..end.max(at)]);
    }
}

fn push_new<'s>(list: &mut Vec<&'s str>, name: &'s str) {
    if !list.contains(&name) {
        list.push(name);
    }
}

fn refuse(name: &str) -> Result<(), ExprError> {
    if FORBIDDEN.contains(&name) || UNSAFE.contains(&name) {
        Err(ExprError::Forbidden(format!("`{name}`")))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let methods = ["toInt", "first", "sum", "isEmpty"].map(str::to_owned).into();
        let code = script(source, true, None, &methods).unwrap().code;
        let body = code.split_once("return(").unwrap().1.strip_suffix("\n)})").unwrap();
        let mut plain = body.to_owned();
        for n in 0..4 {
            plain = plain.replace(&format!("__lfp(__lfc,{n})"), &format!("P{n}"));
        }
        assert_eq!(plain, expected, "{source}");
    }

    #[test]
    fn added_methods_become_calls_with_their_receiver() {
        check("$json.a.toInt()", r#"__lfx(P0,"toInt",[])"#);
        check("f(1)[2].a.first(x).sum() + 1", r#"__lfx(__lfx(f(1)[2].a,"first",[x]),"sum",[]) + 1"#);
        check(
            "[1, 2].map(i => i.a.toInt()).sum()",
            r#"__lfx([1, 2].map(i => __lfx(i.a,"toInt",[])),"sum",[])"#,
        );
        check("a?.b.toInt()", r#"a?.b[__lfm("toInt")]()"#);
        check("a?.toInt().sum()", r#"a?.[__lfm("toInt")]()[__lfm("sum")]()"#);
        check("a?.isEmpty()", r#"__lfo(a,"isEmpty",[])"#);
        check("`x${y.isEmpty()}`.toInt()", r#"__lfx(`x${__lfx(y,"isEmpty",[])}`,"toInt",[])"#);
        check("-(a + b).toInt()", r#"-__lfx((a + b),"toInt",[])"#);
        check("new X(1).first()", r#"__lfx(new X(1),"first",[])"#);
        check("'.toInt()' /* .toInt() */", "'.toInt()'");
    }

    #[test]
    fn paths_are_taken_out_and_choices_are_lazy() {
        check("$json.a['b'][0].map(x => $json.c)", "P0.map(x => P1)");
        check("$('A').first().json.x ?? $json[k]", "P0 ?? $json[k]");
        check("$if($json.a, $if(1, 2), [3, 4])", "((P0)?( ((1)?( 2):false)):( [3, 4]))");
        check("$json.a = 5, $json.a", "$json.a = 5, $json.a");
    }

    #[test]
    fn only_the_first_statement_counts() {
        check("1; 2", "1");
        assert!(script("const a = 1", true, None, &HashSet::new()).is_err());
    }
}
