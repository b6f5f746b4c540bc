//! Values between Rust and the JavaScript engine.

use std::collections::BTreeMap;

use linkflow_model::{Binary, Item, Object};
use rquickjs::{Array, Ctx, Function, Result, Type, Value as Js};
use serde_json::Value;

use crate::Resolved;
use crate::native::{Val, number};

/// Deeper results are refused: what is that deep refers to itself.
const DEPTH_MAX: usize = 200;
/// Results with more values are refused: shared parts can make them endless.
const VALUES_MAX: usize = 4_000_000;

/// What is left of the limits of one result.
struct Budget {
    values: usize,
    is_exceeded: bool,
}

impl Budget {
    /// Counts one value; false when there have been too many, or it is too deep.
    fn take(&mut self, depth: usize) -> bool {
        if depth > DEPTH_MAX || self.values == 0 {
            self.is_exceeded = true;
            return false;
        }
        self.values -= 1;
        // The engine does not look at the clock while its values are taken.
        self.is_exceeded |= self.values % 512 == 0 && super::deadline::has_passed();
        !self.is_exceeded
    }
}

/// The result of an expression, as far as it is one.
pub(super) enum Outcome {
    Value(Resolved),
    Function,
    TooLarge,
}

pub(super) fn to_js<'js>(ctx: &Ctx<'js>, value: &Value) -> Result<Js<'js>> {
    Ok(match value {
        Value::Null => Js::new_null(ctx.clone()),
        Value::Bool(b) => Js::new_bool(ctx.clone(), *b),
        Value::Number(n) => Js::new_number(ctx.clone(), n.as_f64().unwrap_or(f64::NAN)),
        Value::String(s) => text(ctx, s)?,
        Value::Array(list) => {
            let array = Array::new(ctx.clone())?;
            for (i, element) in list.iter().enumerate() {
                array.set(i, to_js(ctx, element)?)?;
            }
            array.into_value()
        }
        Value::Object(object) => object_to_js(ctx, object)?,
    })
}

pub(super) fn text<'js>(ctx: &Ctx<'js>, text: &str) -> Result<Js<'js>> {
    rquickjs::String::from_str(ctx.clone(), text).map(rquickjs::String::into_value)
}

pub(super) fn object_to_js<'js>(ctx: &Ctx<'js>, object: &Object) -> Result<Js<'js>> {
    let js = rquickjs::Object::new(ctx.clone())?;
    for (key, value) in object {
        js.set(key.as_str(), to_js(ctx, value)?)?;
    }
    Ok(js.into_value())
}

/// The data of an item, which need not be an object.
pub(super) fn data_to_js<'js>(ctx: &Ctx<'js>, item: &Item) -> Result<Js<'js>> {
    match &item.bare {
        Some(bare) => to_js(ctx, bare),
        None => object_to_js(ctx, &item.json),
    }
}

pub(super) fn item_to_js<'js>(ctx: &Ctx<'js>, item: &Item) -> Result<Js<'js>> {
    if item.binary.is_some() || !item.paired.is_unknown() || item.error.is_some() {
        let mut rest = item.clone();
        rest.json = Default::default();
        rest.bare = None;
        let files = rest.binary.take();
        let js = to_js(ctx, &serde_json::to_value(&rest).unwrap_or(Value::Null))?;
        if let Some(object) = js.as_object() {
            object.set("json", data_to_js(ctx, item)?)?;
            if let Some(files) = files {
                object.set("binary", to_js(ctx, &files_json(&files))?)?;
            }
        }
        return Ok(js);
    }
    let js = rquickjs::Object::new(ctx.clone())?;
    js.set("json", data_to_js(ctx, item)?)?;
    Ok(js.into_value())
}

/// The files of an item as JSON, with size and type in the words that people's expressions know.
pub(super) fn files_json(files: &BTreeMap<String, Binary>) -> Value {
    let file = |binary: &Binary| {
        let mut json = serde_json::to_value(binary).unwrap_or(Value::Null);
        if let Value::Object(fields) = &mut json {
            fields.insert("fileSize".to_owned(), Value::String(size_text(binary.bytes)));
            let kind = binary.mime_type.split('/').next().unwrap_or_default();
            let kind = if binary.mime_type == "application/pdf" { "pdf" } else { kind };
            fields.insert("fileType".to_owned(), Value::String(kind.to_owned()));
        }
        json
    };
    Value::Object(files.iter().map(|(name, binary)| (name.clone(), file(binary))).collect())
}

/// Three digits and a decimal unit: `12.3 kB`.
fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || size >= 100.0 { 0 } else { if size >= 10.0 { 1 } else { 2 } };
    let scale = 10f64.powi(digits);
    format!("{} {}", number::to_text((size * scale).round() / scale), UNITS[unit])
}

pub(super) fn items_to_js<'js>(ctx: &Ctx<'js>, items: &[Item]) -> Result<Js<'js>> {
    let array = Array::new(ctx.clone())?;
    for (i, item) in items.iter().enumerate() {
        array.set(i, item_to_js(ctx, item)?)?;
    }
    Ok(array.into_value())
}

pub(super) fn val_to_js<'js>(ctx: &Ctx<'js>, value: Val<'_>) -> Result<Js<'js>> {
    Ok(match value {
        Val::Undefined => Js::new_undefined(ctx.clone()),
        Val::Null => Js::new_null(ctx.clone()),
        Val::Bool(b) => Js::new_bool(ctx.clone(), b),
        Val::Num(n) => Js::new_number(ctx.clone(), n),
        Val::Big(v) => to_js(ctx, v)?,
        Val::Text(t) => text(ctx, &t)?,
        Val::Array(list) => {
            let array = Array::new(ctx.clone())?;
            for (i, element) in list.iter().enumerate() {
                array.set(i, to_js(ctx, element)?)?;
            }
            array.into_value()
        }
        Val::Object(object) => object_to_js(ctx, &object)?,
        Val::Item(item) => item_to_js(ctx, item)?,
        Val::Items(items) => items_to_js(ctx, items)?,
    })
}

/// Text of the engine; halves of characters become replacement characters.
pub(super) fn text_of<'js>(ctx: &Ctx<'js>, text: &rquickjs::String<'js>) -> Result<String> {
    match text.to_string() {
        Ok(text) => Ok(text),
        Err(rquickjs::Error::Utf8(_)) => {
            let well_formed: Function = ctx.globals().get("__lfwell")?;
            well_formed.call((text.clone(),))
        }
        Err(error) => Err(error),
    }
}

/// What an expression gave.
pub(super) fn resolved<'js>(ctx: &Ctx<'js>, value: Js<'js>) -> Result<Outcome> {
    let mut budget = Budget { values: VALUES_MAX, is_exceeded: false };
    let resolved = match value.type_of() {
        Type::Undefined | Type::Uninitialized | Type::Symbol => Resolved::Undefined,
        Type::Int | Type::Float => {
            let n = value.as_number().unwrap_or(f64::NAN);
            number::to_json(n).map_or(Resolved::NotFinite(n), Resolved::Json)
        }
        Type::Function | Type::Constructor => return Ok(Outcome::Function),
        Type::Object | Type::Exception | Type::Proxy | Type::Promise => match kind_of(ctx, &value)? {
            (kind @ (1 | 3), date) => {
                let iso = date.as_string().map(|iso| text_of(ctx, iso)).transpose()?;
                if kind == 1 { Resolved::Date(iso) } else { Resolved::JsDate(iso) }
            }
            (_, plain) => {
                let json = object_json(ctx, &plain, 0, &mut budget)?;
                json.map_or(Resolved::Undefined, |json| match json {
                    Value::Object(_) | Value::Array(_) => Resolved::Json(json),
                    other => Resolved::Opaque(other),
                })
            }
        },
        _ => json(ctx, &value, 0, &mut budget)?.map_or(Resolved::Undefined, Resolved::Json),
    };
    Ok(if budget.is_exceeded { Outcome::TooLarge } else { Outcome::Value(resolved) })
}

/// What an object is, and its JSON form: 0 plain, 1 a date of the date library, 2 something else,
/// 3 a date of the language.
fn kind_of<'js>(ctx: &Ctx<'js>, value: &Js<'js>) -> Result<(i32, Js<'js>)> {
    let kind: Function = ctx.globals().get("__lfkind")?;
    let pair: Array = kind.call((value.clone(),))?;
    Ok((pair.get(0)?, pair.get(1)?))
}

/// As JSON has it; `None` for what JSON leaves out.
fn json<'js>(ctx: &Ctx<'js>, value: &Js<'js>, depth: usize, budget: &mut Budget) -> Result<Option<Value>> {
    if !budget.take(depth) {
        return Ok(None);
    }
    Ok(Some(match value.type_of() {
        Type::Undefined | Type::Uninitialized | Type::Symbol | Type::Function | Type::Constructor => {
            return Ok(None);
        }
        Type::Null => Value::Null,
        Type::Bool => Value::Bool(value.as_bool().unwrap_or(false)),
        Type::Int | Type::Float => {
            number::to_json(value.as_number().unwrap_or(f64::NAN)).unwrap_or(Value::Null)
        }
        Type::String => match value.as_string() {
            Some(text) => Value::String(text_of(ctx, text)?),
            None => Value::Null,
        },
        Type::BigInt => {
            let string: Function = ctx.globals().get("String")?;
            Value::String(string.call((value.clone(),))?)
        }
        Type::Array => {
            let Some(array) = value.as_array() else { return Ok(None) };
            // `Array::len` takes no length above that of an i32.
            let length: f64 = array.as_object().get("length")?;
            if length > budget.values as f64 {
                budget.is_exceeded = true;
                return Ok(None);
            }
            let length = length as usize;
            let mut list = Vec::with_capacity(length.min(1 << 16));
            for i in 0..length {
                list.push(json(ctx, &array.get::<Js>(i)?, depth + 1, budget)?.unwrap_or(Value::Null));
                if budget.is_exceeded {
                    return Ok(None);
                }
            }
            Value::Array(list)
        }
        _ => {
            let (_, plain) = kind_of(ctx, value)?;
            return object_json(ctx, &plain, depth, budget);
        }
    }))
}

/// The JSON form that [`kind_of`] gave; it need not be an object.
fn object_json<'js>(
    ctx: &Ctx<'js>,
    plain: &Js<'js>,
    depth: usize,
    budget: &mut Budget,
) -> Result<Option<Value>> {
    let Some(js) = plain.as_object().filter(|_| !plain.is_array()) else {
        return json(ctx, plain, depth + 1, budget);
    };
    let mut object = Object::new();
    for entry in js.props::<rquickjs::String, Js>() {
        let (key, value) = entry?;
        if let Some(value) = json(ctx, &value, depth + 1, budget)? {
            object.insert(text_of(ctx, &key)?, value);
        }
        if budget.is_exceeded {
            return Ok(None);
        }
    }
    Ok(Some(Value::Object(object)))
}
