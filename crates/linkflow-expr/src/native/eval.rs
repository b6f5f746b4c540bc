//! Evaluates a native expression. Gives up as soon as a value is of a kind for which the result
//! is not certain; the JavaScript engine then evaluates the whole again.

use std::borrow::Cow;
use std::cmp::Ordering;

use linkflow_model::{Item, Object};
use serde_json::Value;

use super::value::Val;
use super::{Expr, FORBIDDEN, Op, Root, Which, methods, number};
use crate::{ExprError, Scope, world};

/// Why there is no value.
#[derive(Debug)]
pub(crate) enum Stop {
    /// JavaScript has to say.
    GiveUp,
    /// The language would throw; the expression is undefined.
    Throw,
    /// An optional step found nothing; the chain is undefined.
    Short,
    Error(ExprError),
}

impl From<ExprError> for Stop {
    fn from(error: ExprError) -> Stop {
        Stop::Error(error)
    }
}

type Result<'a> = std::result::Result<Val<'a>, Stop>;

pub(crate) fn evaluate<'a>(expr: &'a Expr, scope: &Scope<'a>) -> Result<'a> {
    match expr {
        Expr::Undefined => Ok(Val::Undefined),
        Expr::Literal(value) => Ok(Val::of(value)),
        Expr::Root(root) => root_value(*root, scope),
        Expr::Node { name, which } => node_value(name, which, scope),
        Expr::Member { of, key, optional } => {
            let value = evaluate(of, scope)?;
            if *optional && value.is_nullish() {
                return Err(Stop::Short);
            }
            member(value, key)
        }
        Expr::Index { of, key, optional } => {
            let value = evaluate(of, scope)?;
            if *optional && value.is_nullish() {
                return Err(Stop::Short);
            }
            index(value, evaluate(key, scope)?)
        }
        Expr::Call { of, method, args, optional } => call(of, method, args, *optional, scope),
        Expr::Chain(inner) => match evaluate(inner, scope) {
            Err(Stop::Short) => Ok(Val::Undefined),
            other => other,
        },
        Expr::Function { name, args } => methods::function(name, all(args, scope)?),
        Expr::Not(inner) => Ok(Val::Bool(!evaluate(inner, scope)?.is_truthy())),
        Expr::Negate(inner) => Ok(Val::Num(-to_number(&evaluate(inner, scope)?)?)),
        Expr::Plus(inner) => Ok(Val::Num(to_number(&evaluate(inner, scope)?)?)),
        Expr::TypeOf(inner) => Ok(Val::text(type_of(&evaluate(inner, scope)?))),
        Expr::Binary { op, left, right } => binary(*op, evaluate(left, scope)?, evaluate(right, scope)?),
        Expr::And(left, right) => match evaluate(left, scope)? {
            value if value.is_truthy() => evaluate(right, scope),
            value => Ok(value),
        },
        Expr::Or(left, right) => match evaluate(left, scope)? {
            value if value.is_truthy() => Ok(value),
            _ => evaluate(right, scope),
        },
        Expr::Else(left, right) => match evaluate(left, scope)? {
            value if value.is_nullish() => evaluate(right, scope),
            value => Ok(value),
        },
        Expr::Choice(condition, yes, no) => {
            evaluate(if evaluate(condition, scope)?.is_truthy() { yes } else { no }, scope)
        }
        Expr::Template { texts, parts } => template(texts, parts, scope),
        Expr::Array(list) => {
            let list: std::result::Result<Vec<Value>, Stop> =
                list.iter().map(|e| element(e, scope)).collect();
            Ok(Val::Array(Cow::Owned(list?)))
        }
        Expr::Object(entries) => {
            let mut object = Object::with_capacity(entries.len());
            for (key, expr) in entries {
                object.insert(key.clone(), element(expr, scope)?);
            }
            Ok(Val::Object(Cow::Owned(object)))
        }
    }
}

fn all<'a>(list: &'a [Expr], scope: &Scope<'a>) -> std::result::Result<Vec<Val<'a>>, Stop> {
    list.iter().map(|e| evaluate(e, scope)).collect()
}

/// A part of a new array or object; what JSON cannot hold inside one is JavaScript's business.
fn element<'a>(expr: &'a Expr, scope: &Scope<'a>) -> std::result::Result<Value, Stop> {
    match evaluate(expr, scope)? {
        Val::Undefined => Err(Stop::GiveUp),
        Val::Num(n) if !n.is_finite() => Err(Stop::GiveUp),
        value => Ok(value.into_json()),
    }
}

fn root_value<'a>(root: Root, scope: &Scope<'a>) -> Result<'a> {
    let text = |t: &'a str| Ok(Val::Text(Cow::Borrowed(t)));
    let items = || world::some_input(scope);
    let prev = || scope.sources.get(world::active_input(scope)).copied().flatten();
    let item = |item: Option<&'a Item>| item.map_or(Val::Undefined, Val::Item);
    Ok(match root {
        Root::Json => world::current_item(scope).map_or(Val::Undefined, data),
        Root::Binary => return Err(Stop::GiveUp),
        Root::ItemIndex => Val::Num(scope.item as f64),
        Root::RunIndex => Val::Num(scope.run as f64),
        Root::Vars => Val::Object(Cow::Borrowed(&scope.env.vars)),
        Root::Parameter => Val::Object(Cow::Borrowed(scope.params)),
        Root::InputItem => item(items()?.get(scope.item)),
        Root::InputFirst => item(items()?.first()),
        Root::InputLast => item(items()?.last()),
        Root::InputAll => Val::Items(items()?),
        Root::WorkflowId => return text(&scope.env.workflow_id),
        Root::WorkflowName => return text(&scope.env.workflow_name),
        Root::WorkflowActive => Val::Bool(scope.env.workflow_active),
        Root::ExecutionId => return text(&scope.env.execution_id),
        Root::ExecutionMode => return text(execution_mode(scope)),
        Root::ResumeUrl => return text(&scope.env.resume_url),
        Root::ResumeFormUrl => return text(&scope.env.resume_form_url),
        Root::PrevNodeName => {
            let name = prev().and_then(|s| scope.history.shape.names.get(s.node as usize));
            name.map_or(Val::Undefined, |n| Val::Text(Cow::Borrowed(n)))
        }
        Root::PrevNodeOutput => prev().map_or(Val::Undefined, |s| Val::Num(f64::from(s.output))),
        Root::PrevNodeRun => prev().map_or(Val::Undefined, |s| Val::Num(f64::from(s.run))),
    })
}

/// `$execution.mode` knows two values: tried out by somebody, or on its own.
pub(crate) fn execution_mode(scope: &Scope<'_>) -> &'static str {
    if scope.env.mode == linkflow_model::Mode::Manual { "test" } else { "production" }
}

fn node_value<'a>(name: &str, which: &'a Which, scope: &Scope<'a>) -> Result<'a> {
    let items = || world::node_items(scope, name, None, None);
    let item = |item: Option<&'a Item>| Ok(item.map_or(Val::Undefined, Val::Item));
    match which {
        Which::Paired => Ok(Val::Item(world::paired_item(scope, name, scope.item)?)),
        Which::Matching(index) => match evaluate(index, scope)? {
            Val::Num(n) if n >= 0.0 && n.fract() == 0.0 => {
                Ok(Val::Item(world::paired_item(scope, name, n as usize)?))
            }
            _ => Err(Stop::GiveUp),
        },
        Which::First => item(items()?.first()),
        Which::Last => item(items()?.last()),
        Which::All => Ok(Val::Items(items()?)),
        Which::IsExecuted => Ok(Val::Bool(world::is_executed(scope, name)?)),
        Which::SameIndex => Ok(Val::Item(world::same_index(scope, name, scope.item)?)),
    }
}

/// `value.key`.
fn member<'a>(value: Val<'a>, key: &str) -> Result<'a> {
    match value {
        Val::Undefined | Val::Null => Err(Stop::Throw),
        Val::Object(object) => match object {
            Cow::Borrowed(o) => match o.get(key) {
                Some(found) => Ok(Val::of(found)),
                None => absent(key),
            },
            Cow::Owned(mut o) => match o.swap_remove(key) {
                Some(found) => Ok(Val::owned(found)),
                None => absent(key),
            },
        },
        Val::Item(item) => item_member(item, key),
        Val::Array(list) => match key {
            "length" => Ok(Val::Num(list.len() as f64)),
            _ => list_member(list, key),
        },
        Val::Items(items) if key == "length" => Ok(Val::Num(items.len() as f64)),
        Val::Text(text) if key == "length" && text.is_ascii() => Ok(Val::Num(text.len() as f64)),
        Val::Text(_) if is_index(key) || key == "length" => Err(Stop::GiveUp),
        Val::Text(_) | Val::Num(_) | Val::Bool(_) => absent(key),
        Val::Items(_) | Val::Big(_) => Err(Stop::GiveUp),
    }
}

fn list_member<'a>(list: Cow<'a, [Value]>, key: &str) -> Result<'a> {
    if is_index(key) {
        return key.parse().map_or(Err(Stop::GiveUp), |i| list_element(list, i));
    }
    absent(key)
}

fn list_element<'a>(list: Cow<'a, [Value]>, index: usize) -> Result<'a> {
    Ok(match list {
        Cow::Borrowed(list) => list.get(index).map_or(Val::Undefined, Val::of),
        Cow::Owned(mut list) if index < list.len() => Val::owned(list.swap_remove(index)),
        Cow::Owned(_) => Val::Undefined,
    })
}

/// The data of an item, which need not be an object.
fn data(item: &Item) -> Val<'_> {
    match &item.bare {
        Some(bare) => Val::of(bare),
        None => Val::Object(Cow::Borrowed(&item.json)),
    }
}

fn item_member<'a>(item: &'a Item, key: &str) -> Result<'a> {
    match key {
        "json" => Ok(data(item)),
        "binary" if item.binary.is_none() => Ok(Val::Undefined),
        "error" => Ok(item.error.as_deref().map_or(Val::Undefined, Val::of)),
        "pairedItem" if item.paired.is_unknown() => Ok(Val::Undefined),
        "binary" | "pairedItem" => Err(Stop::GiveUp),
        _ => absent(key),
    }
}

fn is_index(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit())
}

/// A field that the value itself does not have: undefined, unless the language knows the name.
fn absent<'a>(key: &str) -> Result<'a> {
    if FORBIDDEN.contains(&key) {
        return Err(Stop::Error(ExprError::Forbidden(format!("`{key}`"))));
    }
    if methods::is_native_name(key) { Err(Stop::GiveUp) } else { Ok(Val::Undefined) }
}

/// `value[key]`.
fn index<'a>(value: Val<'a>, key: Val<'a>) -> Result<'a> {
    match (value, key) {
        (Val::Undefined | Val::Null, _) => Err(Stop::Throw),
        (value, Val::Text(key)) => member(value, &key),
        (Val::Array(list), Val::Num(n)) if n >= 0.0 && n.fract() == 0.0 => list_element(list, n as usize),
        (Val::Items(items), Val::Num(n)) if n >= 0.0 && n.fract() == 0.0 => {
            Ok(items.get(n as usize).map_or(Val::Undefined, Val::Item))
        }
        (Val::Object(object), Val::Num(n)) => member(Val::Object(object), &number::to_text(n)),
        (Val::Text(text), Val::Num(n)) if n >= 0.0 && n.fract() == 0.0 && text.is_ascii() => {
            let at = n as usize;
            Ok(text.get(at..at.saturating_add(1)).map_or(Val::Undefined, |c| Val::text(c.to_owned())))
        }
        _ => Err(Stop::GiveUp),
    }
}

fn call<'a>(of: &'a Expr, method: &str, args: &'a [Expr], optional: bool, scope: &Scope<'a>) -> Result<'a> {
    let value = match evaluate(of, scope) {
        // Added methods see what JavaScript throws before them as an error of their own.
        Err(Stop::Throw) => return Err(Stop::GiveUp),
        other => other?,
    };
    if value.is_nullish() {
        if optional {
            return Err(Stop::Short);
        }
        return match method {
            "isEmpty" => Ok(Val::Bool(true)),
            "isNotEmpty" => Ok(Val::Bool(false)),
            _ => Err(Stop::GiveUp),
        };
    }
    methods::call(value, method, all(args, scope)?)
}

fn template<'a>(texts: &'a [String], parts: &'a [Expr], scope: &Scope<'a>) -> Result<'a> {
    let mut whole = texts[0].clone();
    for (part, text) in parts.iter().zip(&texts[1..]) {
        let value = evaluate(part, scope)?;
        let is_written = match &value {
            Val::Array(list) => super::value::join(list, ",").map(|t| whole.push_str(&t)).is_some(),
            Val::Big(_) => false,
            value => value.append_plain(&mut whole),
        };
        if !is_written {
            return Err(Stop::GiveUp);
        }
        whole.push_str(text);
    }
    Ok(Val::text(whole))
}

fn type_of(value: &Val<'_>) -> &'static str {
    match value {
        Val::Undefined => "undefined",
        Val::Bool(_) => "boolean",
        Val::Num(_) | Val::Big(_) => "number",
        Val::Text(_) => "string",
        _ => "object",
    }
}

/// `Number(value)` where that is certain.
pub(super) fn to_number(value: &Val<'_>) -> std::result::Result<f64, Stop> {
    match value {
        Val::Undefined => Ok(f64::NAN),
        Val::Null => Ok(0.0),
        Val::Bool(b) => Ok(f64::from(*b)),
        Val::Num(n) => Ok(*n),
        Val::Text(text) => number::of_text(text).ok_or(Stop::GiveUp),
        _ => Err(Stop::GiveUp),
    }
}

fn is_object(value: &Val<'_>) -> bool {
    matches!(value, Val::Array(_) | Val::Object(_) | Val::Item(_) | Val::Items(_) | Val::Big(_))
}

fn binary<'a>(op: Op, left: Val<'a>, right: Val<'a>) -> Result<'a> {
    match op {
        Op::Add => add(left, right),
        Op::Same => same(&left, &right).map(Val::Bool),
        Op::NotSame => same(&left, &right).map(|same| Val::Bool(!same)),
        Op::Equal => equal(&left, &right).map(Val::Bool),
        Op::NotEqual => equal(&left, &right).map(|equal| Val::Bool(!equal)),
        Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => compare(op, &left, &right),
        _ => {
            let (l, r) = (to_number(&left)?, to_number(&right)?);
            Ok(Val::Num(match op {
                Op::Subtract => l - r,
                Op::Multiply => l * r,
                Op::Divide => l / r,
                _ => l % r,
            }))
        }
    }
}

fn add<'a>(left: Val<'a>, right: Val<'a>) -> Result<'a> {
    if is_object(&left) || is_object(&right) {
        return Err(Stop::GiveUp);
    }
    if !matches!(left, Val::Text(_)) && !matches!(right, Val::Text(_)) {
        return Ok(Val::Num(to_number(&left)? + to_number(&right)?));
    }
    #[cfg(test)]
    if super::planted::has(super::planted::Bug::AddTexts)
        && let (Val::Text(l), Val::Text(r)) = (&left, &right)
        && let (Ok(l), Ok(r)) = (l.parse::<f64>(), r.parse::<f64>())
    {
        return Ok(Val::Num(l + r));
    }
    let mut text = String::new();
    left.append_plain(&mut text);
    right.append_plain(&mut text);
    Ok(Val::text(text))
}

fn same(left: &Val<'_>, right: &Val<'_>) -> std::result::Result<bool, Stop> {
    Ok(match (left, right) {
        (Val::Undefined, Val::Undefined) | (Val::Null, Val::Null) => true,
        (Val::Bool(l), Val::Bool(r)) => l == r,
        (Val::Num(l), Val::Num(r)) => l == r,
        (Val::Text(l), Val::Text(r)) => l == r,
        (l, r) if is_object(l) && is_object(r) => return Err(Stop::GiveUp),
        (Val::Big(_), _) | (_, Val::Big(_)) => return Err(Stop::GiveUp),
        _ => false,
    })
}

fn equal(left: &Val<'_>, right: &Val<'_>) -> std::result::Result<bool, Stop> {
    match (left, right) {
        (l, r) if l.is_nullish() || r.is_nullish() => Ok(l.is_nullish() && r.is_nullish()),
        (l, r) if is_object(l) || is_object(r) => Err(Stop::GiveUp),
        (Val::Text(_), Val::Text(_)) | (Val::Bool(_), Val::Bool(_)) => same(left, right),
        (l, r) => Ok(to_number(l)? == to_number(r)?),
    }
}

fn compare<'a>(op: Op, left: &Val<'_>, right: &Val<'_>) -> Result<'a> {
    let order = match (left, right) {
        (Val::Text(l), Val::Text(r)) if l.is_ascii() && r.is_ascii() => Some(l.cmp(r)),
        (Val::Text(l), Val::Text(r)) => Some(l.encode_utf16().cmp(r.encode_utf16())),
        (l, r) => to_number(l)?.partial_cmp(&to_number(r)?),
    };
    Ok(Val::Bool(match (op, order) {
        (_, None) => false,
        #[cfg(test)]
        (Op::LessEqual, Some(o)) if super::planted::has(super::planted::Bug::Less) => o == Ordering::Less,
        (Op::Less, Some(o)) => o == Ordering::Less,
        (Op::LessEqual, Some(o)) => o != Ordering::Greater,
        (Op::Greater, Some(o)) => o == Ordering::Greater,
        (_, Some(o)) => o != Ordering::Less,
    }))
}
