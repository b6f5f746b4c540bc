//! The methods and functions whose results are certain for plain values.

use std::borrow::Cow;

use linkflow_model::Object;
use serde_json::Value;

use super::eval::{Stop, to_number};
use super::number;
use super::value::{Val, join};

type Result<'a> = std::result::Result<Val<'a>, Stop>;

const METHODS: &[&str] = &[
    "toLowerCase",
    "toUpperCase",
    "trim",
    "includes",
    "startsWith",
    "endsWith",
    "indexOf",
    "split",
    "replace",
    "replaceAll",
    "slice",
    "substring",
    "charAt",
    "toString",
    "toFixed",
    "join",
    "first",
    "last",
    "isEmpty",
    "isNotEmpty",
    "concat",
    "trimEnd",
];

const FUNCTIONS: [&str; 10] = [
    "JSON.stringify",
    "Object.keys",
    "String",
    "Number",
    "Math.floor",
    "Math.ceil",
    "Math.abs",
    "Math.max",
    "Math.min",
    "Math.trunc",
];

pub(crate) fn is_known(method: &str) -> bool {
    METHODS.contains(&method)
}

pub(crate) fn function_named(name: &str) -> Option<&'static str> {
    FUNCTIONS.into_iter().find(|f| *f == name)
}

/// Names that text, numbers, lists or objects have in JavaScript without own fields of that name.
pub(crate) fn is_native_name(key: &str) -> bool {
    const NAMES: &[&str] = &[
        "anchor",
        "at",
        "big",
        "blink",
        "bold",
        "charAt",
        "charCodeAt",
        "codePointAt",
        "concat",
        "copyWithin",
        "endsWith",
        "entries",
        "every",
        "fill",
        "filter",
        "find",
        "findIndex",
        "findLast",
        "findLastIndex",
        "fixed",
        "flat",
        "flatMap",
        "fontcolor",
        "fontsize",
        "forEach",
        "hasOwnProperty",
        "includes",
        "indexOf",
        "isPrototypeOf",
        "isWellFormed",
        "italics",
        "join",
        "keys",
        "lastIndexOf",
        "length",
        "link",
        "localeCompare",
        "map",
        "match",
        "matchAll",
        "normalize",
        "padEnd",
        "padStart",
        "pop",
        "propertyIsEnumerable",
        "push",
        "reduce",
        "reduceRight",
        "repeat",
        "replace",
        "replaceAll",
        "reverse",
        "search",
        "shift",
        "slice",
        "small",
        "some",
        "sort",
        "splice",
        "split",
        "startsWith",
        "strike",
        "sub",
        "substr",
        "substring",
        "sup",
        "toExponential",
        "toFixed",
        "toJSON",
        "toLocaleLowerCase",
        "toLocaleString",
        "toLocaleUpperCase",
        "toLowerCase",
        "toPrecision",
        "toReversed",
        "toSorted",
        "toSpliced",
        "toString",
        "toUpperCase",
        "toWellFormed",
        "trim",
        "trimEnd",
        "trimLeft",
        "trimRight",
        "trimStart",
        "unshift",
        "valueOf",
        "values",
        "with",
    ];
    key.starts_with("__") || NAMES.contains(&key)
}

/// A text such as 2024-06-15T10:20:30.400Z is a date to the added methods.
fn may_be_date(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z')
}

pub(crate) fn call<'a>(value: Val<'a>, method: &str, args: Vec<Val<'a>>) -> Result<'a> {
    match value {
        Val::Text(text) => text_method(text, method, &args),
        Val::Array(list) => list_method(list, method, &args),
        Val::Num(n) => number_method(n, method, &args),
        Val::Items(items) => match (method, &args[..]) {
            ("first", []) => Ok(items.first().map_or(Val::Undefined, Val::Item)),
            ("last", []) => Ok(items.last().map_or(Val::Undefined, Val::Item)),
            ("isEmpty", []) => Ok(Val::Bool(items.is_empty())),
            ("isNotEmpty", []) => Ok(Val::Bool(!items.is_empty())),
            _ => Err(Stop::GiveUp),
        },
        Val::Object(object) => match (method, &args[..]) {
            // A field of the name does not matter: added methods come first.
            ("isEmpty", []) => Ok(Val::Bool(object.is_empty())),
            ("isNotEmpty", []) => Ok(Val::Bool(!object.is_empty())),
            _ => Err(Stop::GiveUp),
        },
        _ => Err(Stop::GiveUp),
    }
}

fn text_method<'a>(text: Cow<'a, str>, method: &str, args: &[Val<'a>]) -> Result<'a> {
    let is_ascii = text.is_ascii();
    Ok(match (method, args) {
        ("isEmpty", []) if !may_be_date(&text) => Val::Bool(text.is_empty()),
        ("isNotEmpty", []) if !may_be_date(&text) => Val::Bool(!text.is_empty()),
        ("toString", []) => Val::Text(text),
        ("toLowerCase", []) if is_ascii => Val::text(text.to_ascii_lowercase()),
        ("toUpperCase", []) if is_ascii => Val::text(text.to_ascii_uppercase()),
        ("trim", []) => trim(text, true)?,
        ("trimEnd", []) => trim(text, false)?,
        ("includes", [Val::Text(part)]) => Val::Bool(text.contains(&**part)),
        ("startsWith", [Val::Text(part)]) => Val::Bool(text.starts_with(&**part)),
        ("endsWith", [Val::Text(part)]) => Val::Bool(text.ends_with(&**part)),
        ("indexOf", [Val::Text(part)]) if is_ascii => {
            Val::Num(text.find(&**part).map_or(-1.0, |at| at as f64))
        }
        ("split", [Val::Text(by)]) if !by.is_empty() => {
            Val::Array(Cow::Owned(text.split(&**by).map(|p| Value::String(p.to_owned())).collect()))
        }
        ("replace", [Val::Text(from), Val::Text(to)]) if !to.contains('$') => {
            Val::text(text.replacen(&**from, to, 1))
        }
        ("replaceAll", [Val::Text(from), Val::Text(to)]) if !to.contains('$') && !from.is_empty() => {
            Val::text(text.replace(&**from, to))
        }
        ("slice", [start]) if is_ascii => slice(&text, relative(start, text.len())?, text.len()),
        ("slice", [start, end]) if is_ascii => {
            slice(&text, relative(start, text.len())?, relative(end, text.len())?)
        }
        ("substring", [start]) if is_ascii => slice(&text, absolute(start, text.len())?, text.len()),
        ("substring", [start, end]) if is_ascii => {
            let (a, b) = (absolute(start, text.len())?, absolute(end, text.len())?);
            slice(&text, a.min(b), a.max(b))
        }
        ("charAt", [Val::Num(n)]) if is_ascii && *n >= 0.0 && n.fract() == 0.0 => {
            let at = *n as usize;
            Val::text(text.get(at..at.saturating_add(1)).unwrap_or("").to_owned())
        }
        ("concat", [Val::Text(more)]) => Val::text(format!("{text}{more}")),
        _ => return Err(Stop::GiveUp),
    })
}

fn trim<'a>(text: Cow<'a, str>, both: bool) -> Result<'a> {
    const BLANK: [char; 6] = ['\t', '\n', '\u{b}', '\u{c}', '\r', ' '];
    let inner = text.trim_end_matches(BLANK);
    let inner = if both { inner.trim_start_matches(BLANK) } else { inner };
    // Blanks beyond ASCII are many, and not the same in both languages.
    let is_plain = |c: Option<char>| c.is_none_or(|c| c.is_ascii());
    if !is_plain(inner.chars().next()) || !is_plain(inner.chars().next_back()) {
        return Err(Stop::GiveUp);
    }
    Ok(Val::text(inner.to_owned()))
}

fn slice<'a>(text: &str, start: usize, end: usize) -> Val<'a> {
    Val::text(text.get(start..end).unwrap_or("").to_owned())
}

/// An index that counts from the end where it is negative, within bounds.
fn relative(index: &Val<'_>, length: usize) -> std::result::Result<usize, Stop> {
    match index {
        Val::Num(n) if n.is_nan() => Ok(0),
        Val::Num(n) if *n < 0.0 => Ok((length as f64 + n.trunc()).max(0.0) as usize),
        Val::Num(n) => Ok(n.trunc().min(length as f64) as usize),
        _ => Err(Stop::GiveUp),
    }
}

fn absolute(index: &Val<'_>, length: usize) -> std::result::Result<usize, Stop> {
    match index {
        Val::Num(n) if n.is_nan() => Ok(0),
        Val::Num(n) => Ok(n.trunc().clamp(0.0, length as f64) as usize),
        _ => Err(Stop::GiveUp),
    }
}

fn list_method<'a>(list: Cow<'a, [Value]>, method: &str, args: &[Val<'a>]) -> Result<'a> {
    let element = |list: Cow<'a, [Value]>, index: Option<usize>| match (list, index) {
        (_, None) => Val::Undefined,
        (Cow::Borrowed(list), Some(i)) => list.get(i).map_or(Val::Undefined, Val::of),
        (Cow::Owned(mut list), Some(i)) => Val::owned(list.swap_remove(i)),
    };
    Ok(match (method, args) {
        ("first", []) => {
            let index = (!list.is_empty()).then_some(0);
            element(list, index)
        }
        ("last", []) => {
            let index = list.len().checked_sub(1);
            element(list, index)
        }
        ("isEmpty", []) => Val::Bool(list.is_empty()),
        ("isNotEmpty", []) => Val::Bool(!list.is_empty()),
        ("join", []) => Val::text(join(&list, ",").ok_or(Stop::GiveUp)?),
        ("join", [Val::Text(by)]) => Val::text(join(&list, by).ok_or(Stop::GiveUp)?),
        ("toString", []) => Val::text(join(&list, ",").ok_or(Stop::GiveUp)?),
        ("includes", [Val::Text(part)]) => Val::Bool(list.iter().any(|v| v.as_str() == Some(part))),
        ("includes", [Val::Num(n)]) if !n.is_nan() => {
            Val::Bool(list.iter().any(|v| v.is_number() && v.as_f64() == Some(*n)))
        }
        ("indexOf", [Val::Text(part)]) => {
            Val::Num(list.iter().position(|v| v.as_str() == Some(part)).map_or(-1.0, |i| i as f64))
        }
        ("slice", [start]) => part(&list, relative(start, list.len())?, list.len()),
        ("slice", [start, end]) => part(&list, relative(start, list.len())?, relative(end, list.len())?),
        _ => return Err(Stop::GiveUp),
    })
}

fn part<'a>(list: &[Value], start: usize, end: usize) -> Val<'a> {
    Val::Array(Cow::Owned(list.get(start..end).unwrap_or(&[]).to_vec()))
}

fn number_method<'a>(n: f64, method: &str, args: &[Val<'a>]) -> Result<'a> {
    match (method, args) {
        ("toString", []) => Ok(Val::text(number::to_text(n))),
        ("toFixed", []) => fixed(n, 0),
        ("toFixed", [Val::Num(digits)]) if (0.0..=20.0).contains(digits) => fixed(n, *digits as usize),
        _ => Err(Stop::GiveUp),
    }
}

fn fixed<'a>(n: f64, digits: usize) -> Result<'a> {
    let doubled = n * 10f64.powi(digits as i32) * 2.0;
    // Exactly between two results JavaScript takes the greater one; and -0 has no sign.
    let is_tie = doubled.fract() == 0.0 && doubled % 2.0 != 0.0;
    if !n.is_finite() || n.abs() >= 1e15 || is_tie || n == 0.0 {
        return Err(Stop::GiveUp);
    }
    Ok(Val::text(format!("{n:.digits$}")))
}

pub(crate) fn function<'a>(name: &str, mut args: Vec<Val<'a>>) -> Result<'a> {
    if args.len() != 1 {
        let all: std::result::Result<Vec<f64>, Stop> = args.iter().map(to_number).collect();
        return match name {
            "Math.max" | "Math.min" if !args.is_empty() => extreme(name == "Math.max", &all?),
            _ => Err(Stop::GiveUp),
        };
    }
    let arg = args.pop().expect("there is one argument");
    let of_number = |f: fn(f64) -> f64| Ok(Val::Num(f(to_number(&arg)?)));
    match name {
        "Math.floor" => of_number(f64::floor),
        "Math.ceil" => of_number(f64::ceil),
        "Math.abs" => of_number(f64::abs),
        "Math.trunc" => of_number(f64::trunc),
        "Math.max" | "Math.min" | "Number" => of_number(|n| n),
        "String" => match &arg {
            Val::Array(_) | Val::Object(_) | Val::Item(_) | Val::Items(_) | Val::Big(_) => Err(Stop::GiveUp),
            plain => {
                let mut text = String::new();
                plain.append_plain(&mut text);
                Ok(Val::text(text))
            }
        },
        "Object.keys" => match &arg {
            Val::Object(o) if in_order(o) => {
                Ok(Val::Array(Cow::Owned(o.keys().map(|k| Value::String(k.clone())).collect())))
            }
            _ => Err(Stop::GiveUp),
        },
        "JSON.stringify" => stringify(&arg),
        _ => Err(Stop::GiveUp),
    }
}

fn extreme<'a>(greatest: bool, numbers: &[f64]) -> Result<'a> {
    // The sign of zero and NaN have rules of their own.
    if numbers.iter().any(|n| n.is_nan() || *n == 0.0) {
        return Err(Stop::GiveUp);
    }
    let pick = if greatest { f64::max } else { f64::min };
    Ok(Val::Num(numbers.iter().copied().reduce(pick).expect("there are at least two")))
}

/// Whether the keys stand as JavaScript would list them: whole numbers come first there.
fn in_order(object: &Object) -> bool {
    !object.keys().any(|k| k.starts_with(|c: char| c.is_ascii_digit()) || k == "__proto__")
}

fn stringify<'a>(value: &Val<'_>) -> Result<'a> {
    let mut out = String::new();
    let is_written = match value {
        Val::Undefined => return Ok(Val::Undefined),
        Val::Null => push_json(&Value::Null, &mut out, 0),
        Val::Bool(b) => push_json(&Value::Bool(*b), &mut out, 0),
        Val::Num(n) if n.is_finite() => {
            number::push_text(*n, &mut out);
            true
        }
        Val::Text(t) => push_json_text(t, &mut out),
        Val::Array(a) => push_json_list(a, &mut out, 0),
        Val::Object(o) => push_json_object(o, &mut out, 0),
        _ => false,
    };
    if is_written { Ok(Val::text(out)) } else { Err(Stop::GiveUp) }
}

fn push_json(value: &Value, out: &mut String, depth: usize) -> bool {
    match Val::of(value) {
        Val::Null => out.push_str("null"),
        Val::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        Val::Num(n) => number::push_text(n, out),
        Val::Text(t) => return push_json_text(&t, out),
        Val::Array(a) => return push_json_list(&a, out, depth + 1),
        Val::Object(o) => return push_json_object(&o, out, depth + 1),
        _ => return false,
    }
    true
}

fn push_json_text(text: &str, out: &mut String) -> bool {
    match serde_json::to_string(text) {
        Ok(quoted) => {
            out.push_str(&quoted);
            true
        }
        Err(_) => false,
    }
}

fn push_json_list(list: &[Value], out: &mut String, depth: usize) -> bool {
    out.push('[');
    for (i, value) in list.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if depth > 64 || !push_json(value, out, depth) {
            return false;
        }
    }
    out.push(']');
    true
}

fn push_json_object(object: &Object, out: &mut String, depth: usize) -> bool {
    if !in_order(object) || object.contains_key("toJSON") {
        return false;
    }
    out.push('{');
    for (i, (key, value)) in object.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_json_text(key, out);
        out.push(':');
        if depth > 64 || !push_json(value, out, depth) {
            return false;
        }
    }
    out.push('}');
    true
}
