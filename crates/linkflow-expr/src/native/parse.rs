//! From tokens to a native expression. `None` means: let the JavaScript engine do it.

use serde_json::Value;

use super::{Expr, FORBIDDEN, Op, Root, Which, methods, number};
use crate::token::{self, Kind, Token};

/// Deeper nesting goes to the JavaScript engine, which guards its own stack.
const DEPTH_MAX: u32 = 32;
/// Longer chains of steps and operators go there, too: each is one level of the tree.
const LINKS_MAX: u32 = 60;

struct Parser<'s> {
    source: &'s str,
    tokens: &'s [Token],
    at: usize,
    depth: u32,
    links: u32,
}

/// The whole of `tokens` as one expression.
pub(crate) fn parse(source: &str, tokens: &[Token]) -> Option<Expr> {
    let mut parser = Parser { source, tokens, at: 0, depth: 0, links: 0 };
    let expr = parser.choice()?;
    (parser.at == tokens.len()).then_some(expr)
}

/// The longest plain path that begins at token `from`, and the token behind it. A name that is
/// called as a method is no part of it.
pub(crate) fn parse_path(source: &str, tokens: &[Token], from: usize) -> Option<(Expr, usize)> {
    let mut parser = Parser { source, tokens, at: from, depth: 0, links: 0 };
    let mut expr = parser.root()?;
    loop {
        let before = parser.at;
        parser.link()?;
        match parser.plain_step() {
            Some(key) if !parser.is_mark("(") && !parser.is_optional_call() => {
                expr = member(expr, key, false)
            }
            _ => {
                return Some((expr, before));
            }
        }
    }
}

fn member(of: Expr, key: Key, optional: bool) -> Expr {
    match key {
        Key::Name(key) => Expr::Member { of: Box::new(of), key, optional },
        Key::Index(key) => Expr::Index { of: Box::new(of), key: Box::new(key), optional },
    }
}

enum Key {
    Name(String),
    Index(Expr),
}

impl<'s> Parser<'s> {
    fn peek(&self) -> Option<(Kind, &'s str)> {
        self.tokens.get(self.at).map(|t| (t.kind, t.text(self.source)))
    }

    fn is_mark(&self, mark: &str) -> bool {
        self.peek() == Some((Kind::Mark, mark))
    }

    fn link(&mut self) -> Option<()> {
        self.links += 1;
        (self.links <= LINKS_MAX).then_some(())
    }

    fn is_optional_call(&self) -> bool {
        let next = self.tokens.get(self.at + 1).map(|t| t.text(self.source));
        self.is_mark("?.") && next == Some("(")
    }

    fn take_mark(&mut self, mark: &str) -> Option<()> {
        self.is_mark(mark).then(|| self.at += 1)
    }

    fn take_name(&mut self) -> Option<&'s str> {
        let (kind, text) = self.peek()?;
        (kind == Kind::Name).then(|| {
            self.at += 1;
            text
        })
    }

    fn take_text(&mut self) -> Option<String> {
        let (kind, text) = self.peek()?;
        if kind != Kind::Text {
            return None;
        }
        self.at += 1;
        token::text_value(text)
    }

    fn choice(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let condition = self.binary(0)?;
        let expr = if self.take_mark("?").is_some() {
            let yes = self.choice()?;
            self.take_mark(":")?;
            let no = self.choice()?;
            Expr::Choice(Box::new(condition), Box::new(yes), Box::new(no))
        } else {
            condition
        };
        self.depth -= 1;
        Some(expr)
    }

    /// Operators of at least this precedence.
    fn binary(&mut self, least: u8) -> Option<Expr> {
        let mut left = self.unary()?;
        loop {
            let Some((Kind::Mark, mark)) = self.peek() else { return Some(left) };
            let Some((level, op)) = operator(mark) else { return Some(left) };
            if level < least {
                return Some(left);
            }
            self.at += 1;
            self.link()?;
            let right = self.binary(level + 1)?;
            let (l, r) = (Box::new(left), Box::new(right));
            left = match op {
                Joint::Op(op) => Expr::Binary { op, left: l, right: r },
                // `??` must not be mixed with `||` and `&&` without brackets.
                Joint::Else if matches!(*l, Expr::And(..) | Expr::Or(..)) => return None,
                Joint::Else if matches!(*r, Expr::And(..) | Expr::Or(..)) => return None,
                Joint::And | Joint::Or if matches!(*l, Expr::Else(..)) => return None,
                Joint::And | Joint::Or if matches!(*r, Expr::Else(..)) => return None,
                Joint::And => Expr::And(l, r),
                Joint::Or => Expr::Or(l, r),
                Joint::Else => Expr::Else(l, r),
            };
        }
    }

    fn unary(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let expr = match self.peek()? {
            (Kind::Mark, "!") => self.behind(Expr::Not),
            (Kind::Mark, "-") => self.behind(Expr::Negate),
            (Kind::Mark, "+") => self.behind(Expr::Plus),
            (Kind::Name, "typeof") => self.behind(Expr::TypeOf),
            _ => self.postfix(),
        };
        self.depth -= 1;
        expr
    }

    fn behind(&mut self, make: fn(Box<Expr>) -> Expr) -> Option<Expr> {
        self.at += 1;
        let inner = self.unary()?;
        // `-a ** b` is no JavaScript, and `**` is not read here at all.
        Some(make(Box::new(inner)))
    }

    fn postfix(&mut self) -> Option<Expr> {
        let mut expr = self.primary()?;
        let mut has_optional = false;
        loop {
            let optional = self.take_mark("?.").is_some();
            has_optional |= optional;
            let key = if optional && self.is_mark("[") || self.is_mark("[") {
                self.at += 1;
                let key = self.choice()?;
                self.take_mark("]")?;
                static_key(key)?
            } else if optional || self.take_mark(".").is_some() {
                Key::Name(checked(self.take_name()?)?)
            } else {
                break;
            };
            self.link()?;
            expr = match key {
                Key::Name(method) if self.is_mark("(") => {
                    let args = self.args()?;
                    if !methods::is_known(&method) {
                        return None;
                    }
                    Expr::Call { of: Box::new(expr), method, args, optional }
                }
                key => member(expr, key, optional),
            };
        }
        if self.is_mark("(") || matches!(self.peek(), Some((Kind::TemplateWhole | Kind::TemplateHead, _))) {
            return None;
        }
        Some(if has_optional { Expr::Chain(Box::new(expr)) } else { expr })
    }

    /// `.name`, `["name"]` or `[0]`.
    fn plain_step(&mut self) -> Option<Key> {
        if self.take_mark(".").is_some() {
            return Some(Key::Name(checked(self.take_name()?)?));
        }
        self.take_mark("[")?;
        let key = match self.peek()? {
            (Kind::Text, _) => Key::Name(checked(&self.take_text()?)?),
            (Kind::Number, text) => {
                self.at += 1;
                Key::Index(Expr::Literal(literal_number(text)?))
            }
            _ => return None,
        };
        self.take_mark("]")?;
        Some(key)
    }

    fn args(&mut self) -> Option<Vec<Expr>> {
        self.take_mark("(")?;
        self.list(")")
    }

    fn list(&mut self, close: &str) -> Option<Vec<Expr>> {
        let mut list = Vec::new();
        while self.take_mark(close).is_none() {
            list.push(self.choice()?);
            if !self.is_mark(close) {
                self.take_mark(",")?;
            }
        }
        Some(list)
    }

    fn primary(&mut self) -> Option<Expr> {
        let (kind, text) = self.peek()?;
        match kind {
            Kind::Number => {
                self.at += 1;
                Some(Expr::Literal(literal_number(text)?))
            }
            Kind::Text => Some(Expr::Literal(Value::String(self.take_text()?))),
            Kind::TemplateWhole => {
                self.at += 1;
                Some(Expr::Literal(Value::String(token::text_value(text)?)))
            }
            Kind::TemplateHead => self.template(),
            Kind::Name => self.word(text),
            Kind::Mark => match text {
                "(" => {
                    self.at += 1;
                    let inner = self.choice()?;
                    self.take_mark(")")?;
                    // An arrow function's head looks the same.
                    (!self.is_mark("=>")).then_some(inner)
                }
                "[" => {
                    self.at += 1;
                    Some(Expr::Array(self.list("]")?))
                }
                "{" => self.object(),
                _ => None,
            },
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<Expr> {
        let literal = match word {
            "true" => Expr::Literal(Value::Bool(true)),
            "false" => Expr::Literal(Value::Bool(false)),
            "null" => Expr::Literal(Value::Null),
            "undefined" => Expr::Undefined,
            "JSON" | "Object" | "Math" | "String" | "Number" => return self.function(word),
            _ => return self.root(),
        };
        self.at += 1;
        Some(literal)
    }

    fn function(&mut self, word: &str) -> Option<Expr> {
        self.at += 1;
        let name = if self.is_mark("(") {
            word.to_owned()
        } else {
            self.take_mark(".")?;
            format!("{word}.{}", self.take_name()?)
        };
        let name = methods::function_named(&name)?;
        Some(Expr::Function { name, args: self.args()? })
    }

    fn template(&mut self) -> Option<Expr> {
        let (mut texts, mut parts) = (Vec::new(), Vec::new());
        loop {
            let (kind, text) = self.peek()?;
            // The mark that opened the next part, or closed the whole, is no text.
            let n_closing = match kind {
                Kind::TemplateTail => 1,
                Kind::TemplateHead | Kind::TemplateMiddle => 2,
                _ => return None,
            };
            let end = text.len().checked_sub(n_closing)?;
            self.at += 1;
            texts.push(token::unescape(text.get(1..end)?)?);
            if kind == Kind::TemplateTail {
                return Some(Expr::Template { texts, parts });
            }
            parts.push(self.choice()?);
        }
    }

    fn object(&mut self) -> Option<Expr> {
        self.take_mark("{")?;
        let mut entries: Vec<(String, Expr)> = Vec::new();
        while self.take_mark("}").is_none() {
            let key = match self.peek()? {
                (Kind::Name, _) => self.take_name()?.to_owned(),
                (Kind::Text, _) => self.take_text()?,
                _ => return None,
            };
            // Keys that look like numbers move to the front, and `__proto__` is none.
            let is_plain =
                !key.starts_with(|c: char| c.is_ascii_digit()) && !FORBIDDEN.contains(&key.as_str());
            if !is_plain || entries.iter().any(|(k, _)| *k == key) {
                return None;
            }
            self.take_mark(":")?;
            entries.push((key, self.choice()?));
            if !self.is_mark("}") {
                self.take_mark(",")?;
            }
        }
        Some(Expr::Object(entries))
    }

    /// A variable and the steps that belong to it, such as `$input.item.json`.
    fn root(&mut self) -> Option<Expr> {
        let name = self.take_name()?;
        Some(match name {
            "$json" => Expr::Root(Root::Json),
            "$binary" => Expr::Root(Root::Binary),
            "$itemIndex" => Expr::Root(Root::ItemIndex),
            "$runIndex" => Expr::Root(Root::RunIndex),
            "$vars" => Expr::Root(Root::Vars),
            "$parameter" => Expr::Root(Root::Parameter),
            "$input" => Expr::Root(self.input()?),
            "$workflow" => self.one_of(&[
                ("id", Root::WorkflowId),
                ("name", Root::WorkflowName),
                ("active", Root::WorkflowActive),
            ])?,
            "$execution" => self.one_of(&[
                ("id", Root::ExecutionId),
                ("mode", Root::ExecutionMode),
                ("resumeUrl", Root::ResumeUrl),
                ("resumeFormUrl", Root::ResumeFormUrl),
            ])?,
            "$prevNode" => self.one_of(&[
                ("name", Root::PrevNodeName),
                ("outputIndex", Root::PrevNodeOutput),
                ("runIndex", Root::PrevNodeRun),
            ])?,
            "$" => self.other_node()?,
            "$node" => self.old_node()?,
            _ => return None,
        })
    }

    fn one_of(&mut self, fields: &[(&str, Root)]) -> Option<Expr> {
        self.take_mark(".")?;
        let name = self.take_name()?;
        fields.iter().find(|(field, _)| *field == name).map(|(_, root)| Expr::Root(*root))
    }

    fn input(&mut self) -> Option<Root> {
        self.take_mark(".")?;
        let root = match self.take_name()? {
            "item" => return Some(Root::InputItem),
            "first" => Root::InputFirst,
            "last" => Root::InputLast,
            "all" => Root::InputAll,
            _ => return None,
        };
        self.take_mark("(")?;
        self.take_mark(")")?;
        Some(root)
    }

    /// `('Name').item`, `.first()`, `.last()`, `.all()`, `.itemMatching(i)`, `.isExecuted`.
    fn other_node(&mut self) -> Option<Expr> {
        self.take_mark("(")?;
        let name = match self.peek()? {
            (Kind::TemplateWhole, text) => {
                self.at += 1;
                token::text_value(text)?
            }
            _ => self.take_text()?,
        };
        self.take_mark(")")?;
        self.take_mark(".")?;
        let which = match self.take_name()? {
            "item" => return Some(Expr::Node { name, which: Which::Paired }),
            "isExecuted" => return Some(Expr::Node { name, which: Which::IsExecuted }),
            "first" => Which::First,
            "last" => Which::Last,
            "all" => Which::All,
            "itemMatching" => {
                let mut args = self.args()?;
                let index = args.pop().filter(|_| args.is_empty())?;
                return Some(Expr::Node { name, which: Which::Matching(Box::new(index)) });
            }
            _ => return None,
        };
        self.take_mark("(")?;
        self.take_mark(")")?;
        Some(Expr::Node { name, which })
    }

    /// `["Name"].json`, `.Name.json`.
    fn old_node(&mut self) -> Option<Expr> {
        let Key::Name(name) = self.plain_step()? else { return None };
        let before = self.at;
        self.take_mark(".")?;
        matches!(self.take_name()?, "json" | "binary").then_some(())?;
        self.at = before;
        Some(Expr::Node { name, which: Which::SameIndex })
    }
}

/// A key in brackets: a constant text is a name.
fn static_key(key: Expr) -> Option<Key> {
    Some(match key {
        Expr::Literal(Value::String(name)) => Key::Name(checked(&name)?),
        key => Key::Index(key),
    })
}

/// A field's name. The forbidden ones are the JavaScript side's to refuse.
fn checked(name: &str) -> Option<String> {
    (name != "constructor" && name != "__proto__" && name != "prototype").then(|| name.to_owned())
}

fn literal_number(text: &str) -> Option<Value> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && !(text.len() > 1 && text.starts_with('0') && !text.starts_with("0."));
    if !is_plain {
        return None;
    }
    number::to_json(text.parse().ok()?)
}

enum Joint {
    Op(Op),
    And,
    Or,
    Else,
}

fn operator(mark: &str) -> Option<(u8, Joint)> {
    let op = |op| Joint::Op(op);
    Some(match mark {
        "??" => (1, Joint::Else),
        "||" => (2, Joint::Or),
        "&&" => (3, Joint::And),
        "==" => (4, op(Op::Equal)),
        "!=" => (4, op(Op::NotEqual)),
        "===" => (4, op(Op::Same)),
        "!==" => (4, op(Op::NotSame)),
        "<" => (5, op(Op::Less)),
        "<=" => (5, op(Op::LessEqual)),
        ">" => (5, op(Op::Greater)),
        ">=" => (5, op(Op::GreaterEqual)),
        "+" => (6, op(Op::Add)),
        "-" => (6, op(Op::Subtract)),
        "*" => (7, op(Op::Multiply)),
        "/" => (7, op(Op::Divide)),
        "%" => (7, op(Op::Remainder)),
        _ => return None,
    })
}
