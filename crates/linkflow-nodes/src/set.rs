//! Set: gives items new fields, changes them, or picks some of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use linkflow_expr::params::Part;
use linkflow_expr::{Compiled, Resolved};
use linkflow_model::{Binary, Item, Object};
use linkflow_node::lenient::{self, show};
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, RunInput, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::conditions::{evaluate, written_out};
use crate::paths::{self, Key};
use crate::{dates, js, repair};

pub struct Set;

/// Most copies of one item.
const COPIES_MAX: i64 = 10_000;

/// Gives items new fields, changes them, or picks some of them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether the fields are given one by one, or as one JSON text.
    #[serde(default)]
    mode: Mode,
    /// The fields, when they are given one by one.
    #[serde(default)]
    assignments: Assignments,
    /// The fields as a JSON object, in raw mode. It may have expressions within; lists and objects
    /// that they give become JSON.
    #[serde(default)]
    json_output: Value,
    /// Whether the item's own fields stay.
    #[serde(default, deserialize_with = "lenient::flag")]
    include_other_fields: bool,
    /// Which of the item's own fields stay.
    #[serde(default)]
    include: Include,
    /// Names of the fields that stay, for `selected`.
    #[serde(default, deserialize_with = "lenient::names")]
    include_fields: Vec<String>,
    /// Names of the fields that go, for `except`.
    #[serde(default, deserialize_with = "lenient::names")]
    exclude_fields: Vec<String>,
    /// Gives each item several times, for tests.
    #[serde(default, deserialize_with = "lenient::flag")]
    duplicate_item: bool,
    /// How many times more each item comes out, when it is duplicated.
    #[serde(default, deserialize_with = "lenient::integer")]
    #[schemars(range(min = 0, max = 10000))]
    duplicate_count: i64,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// How the fields are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// One by one.
    #[default]
    Manual,
    /// As JSON.
    Raw,
}

/// A list of fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct Assignments {
    /// The fields, in the order in which they are set.
    #[serde(default)]
    assignments: Vec<Assignment>,
}

/// One field.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Assignment {
    /// Its name, or a path to it such as `customer.name`.
    name: String,
    /// Its value.
    value: Value,
    /// Its type; the value is converted to it.
    #[serde(rename = "type")]
    of: Type,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// Text; lists and objects become JSON.
    #[default]
    String,
    /// A number, or a text that is one.
    Number,
    /// True or false; also `"true"`, `"false"`, 1 and 0.
    Boolean,
    /// A list, or a text that is one in JSON.
    Array,
    /// An object, or a text that is one in JSON.
    Object,
    /// A file of the item, by the name of its property.
    Binary,
    /// A number where the value looks like one, else the value as it is. For files from older
    /// versions.
    Numeric,
    /// Whether there is a value that is not empty, 0 or false. For files from older versions.
    Truth,
    /// Text, where null and nothing at all are an error. For files from older versions.
    Demanded,
    /// Text, where null and nothing at all become the words for them. For files from older versions.
    Printed,
    /// The value as it is; nothing is set where there is none. For files from older versions.
    #[serde(other)]
    Any,
}

/// Which of the item's own fields stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Include {
    /// All of them.
    #[default]
    All,
    /// Some of them.
    Selected,
    /// All but some.
    Except,
}

/// Details.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether a dot in a name leads into an object.
    #[serde(deserialize_with = "lenient::flag")]
    dot_notation: bool,
    /// Whether values that cannot be converted are taken as they are.
    #[serde(deserialize_with = "lenient::flag")]
    ignore_conversion_errors: bool,
    /// Whether files are removed from the item although its other fields stay.
    #[serde(deserialize_with = "lenient::flag")]
    strip_binary: bool,
    /// Whether files stay with the item, whatever becomes of its fields. When unset, they stay
    /// where other fields do.
    keep_binary: Option<bool>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dot_notation: true,
            ignore_conversion_errors: false,
            strip_binary: false,
            keep_binary: None,
        }
    }
}

impl Node for Set {
    const KIND: &'static str = "set";
    const SPEC: Spec = Spec {
        title: "Edit Fields",
        summary: "Gives items new fields, changes them, or picks some of them.",
        aliases: &["set", "edit", "fields", "map", "transform", "rename", "json"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Add fields, one of them within an object",
            params: r#"{"includeOtherFields": true, "assignments": {"assignments": [
                {"name": "status", "value": "new", "type": "string"},
                {"name": "order.total", "value": "12.5", "type": "number"}]}}"#,
            input: r#"[{"id": 1, "order": {"lines": 2}}]"#,
            output: r#"[[{"id": 1, "order": {"lines": 2, "total": 12.5}, "status": "new"}]]"#,
        },
        Example {
            title: "Write the item as JSON, and keep one field",
            params: r#"{"mode": "raw", "jsonOutput": "{\"done\": true}", "includeOtherFields": true,
                "include": "selected", "includeFields": "id"}"#,
            input: r#"[{"id": 1, "name": "x"}]"#,
            output: r#"[[{"id": 1, "done": true}]]"#,
        },
        Example {
            title: "Drop a field",
            params: r#"{"includeOtherFields": true, "include": "except", "excludeFields": "secret"}"#,
            input: r#"[{"id": 1, "secret": "x"}]"#,
            output: r#"[[{"id": 1}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let run = input.whole();
        let plan = Plan::read(run)?;
        let copies = plan.copies(run)?;
        let mut out = Vec::with_capacity(input.items().len());
        for (i, item) in input.items().iter().enumerate() {
            let made = match plan.make(run, item, i) {
                Ok(item) => item.paired_with(i),
                Err(error) => ctx.failed_item(error, i)?,
            };
            out.extend(std::iter::repeat_n(made, copies));
        }
        Ok(Outcome::items(out))
    }
}

/// What is to be done with each item, with everything read that is the same for all.
struct Plan<'a> {
    /// `None` where it depends on the item.
    shape: Option<Shape>,
    source: Source<'a>,
}

/// What stays of an item, and the details.
struct Shape {
    keeps: Keeps,
    options: Options,
}

enum Keeps {
    Nothing,
    All,
    Selected(Vec<String>),
    Except(Vec<String>),
}

enum Source<'a> {
    Fields(Vec<Field<'a>>),
    /// JSON without expressions.
    Fixed(Object),
    /// JSON with expressions within.
    Pieces(Vec<Piece>),
    /// No text: a value, or an expression somewhere within one.
    Part(Part<'a>),
}

struct Field<'a> {
    name: Text<'a>,
    value: Part<'a>,
    /// The converted value, where it is constant.
    ready: Option<Value>,
    of: Type,
}

enum Text<'a> {
    Fixed { whole: String, path: Vec<Key> },
    PerItem(Part<'a>),
}

enum Piece {
    Text(String),
    Expression(Compiled),
}

impl<'a> Plan<'a> {
    fn read(run: &'a RunInput) -> Result<Plan<'a>, NodeError> {
        let part = |key: &str| run.compiled.get(key);
        let fixed = ["includeOtherFields", "include", "includeFields", "excludeFields", "options"]
            .into_iter()
            .all(|key| part(key).is_none_or(|p| p.constant().is_some()));
        let shape = if fixed { Some(Shape::read(run, 0)?) } else { None };
        let source = match read::<Mode>(run, "mode", 0)?.unwrap_or_default() {
            Mode::Manual => {
                let list = part("assignments");
                list.map_or(Ok(()), |l| written_out(l, "assignments"))?;
                let list = list.and_then(|l| l.get("assignments"));
                list.map_or(Ok(()), |l| written_out(l, "assignments.assignments"))?;
                let list = list.map(Part::list);
                let fields = list.unwrap_or_default().into_iter().enumerate();
                let field = |(i, p)| {
                    Field::read(p, run).map_err(|e| e.inside(&format!("assignments.assignments[{i}]")))
                };
                Source::Fields(fields.map(field).collect::<Result<_, _>>()?)
            }
            Mode::Raw => Source::raw(run)?,
        };
        Ok(Plan { shape, source })
    }

    fn copies(&self, run: &RunInput) -> Result<usize, NodeError> {
        if !read::<Value>(run, "duplicateItem", 0)?.is_some_and(|v| js::truthy(&v)) {
            return Ok(1);
        }
        let count = read::<Value>(run, "duplicateCount", 0)?.map_or(0.0, |v| js::number(&v));
        Ok(1 + (count.max(0.0) as i64).min(COPIES_MAX) as usize)
    }

    fn make(&self, run: &RunInput, item: &Item, i: usize) -> Result<Item, NodeError> {
        let of_item;
        let shape = match &self.shape {
            Some(shape) => shape,
            None => {
                of_item = Shape::read(run, i)?;
                &of_item
            }
        };
        let mut json = shape.kept(&item.json);
        let mut binary = shape.binary(item);
        match &self.source {
            Source::Fields(fields) => {
                for field in fields {
                    field.assign(run, item, i, &shape.options, &mut json, &mut binary)?;
                }
            }
            source => {
                for (name, value) in source.object(run, i)? {
                    put(&mut json, &name, None, value, shape.options.dot_notation);
                }
            }
        }
        Ok(Item { json: Arc::new(json), binary, ..Item::default() })
    }
}

fn read<T: serde::de::DeserializeOwned>(
    run: &RunInput,
    key: &str,
    item: usize,
) -> Result<Option<T>, NodeError> {
    let Some(part) = run.compiled.get(key) else { return Ok(None) };
    match evaluate(part, run, item).map_err(|e| e.inside(key))? {
        Resolved::Undefined | Resolved::Json(Value::Null) => Ok(None),
        value => linkflow_node::input::read_params(&value.into_json())
            .map(Some)
            .map_err(|e: NodeError| e.inside(key)),
    }
}

/// The parameters that say what stays.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Names(#[serde(deserialize_with = "lenient::names")] Vec<String>);

impl Shape {
    fn read(run: &RunInput, item: usize) -> Result<Shape, NodeError> {
        let names = |key| Ok::<_, NodeError>(read::<Names>(run, key, item)?.unwrap_or_default().0);
        let others = read::<Value>(run, "includeOtherFields", item)?.is_some_and(|v| js::truthy(&v));
        let keeps = match read::<Include>(run, "include", item)?.unwrap_or_default() {
            _ if !others => Keeps::Nothing,
            Include::All => Keeps::All,
            Include::Selected => Keeps::Selected(names("includeFields")?),
            Include::Except => Keeps::Except(names("excludeFields")?),
        };
        Ok(Shape { keeps, options: read(run, "options", item)?.unwrap_or_default() })
    }

    fn kept(&self, json: &Object) -> Object {
        let dots = self.options.dot_notation;
        match &self.keeps {
            Keeps::Nothing => Object::new(),
            Keeps::All => json.clone(),
            Keeps::Selected(names) => {
                let mut kept = Object::new();
                for name in names {
                    let Some(value) = paths::lookup(json, name, dots).cloned() else { continue };
                    if dots && !json.contains_key(name) {
                        paths::set(&mut kept, &picked_path(name), value);
                    } else {
                        kept.insert(name.clone(), value);
                    }
                }
                kept
            }
            Keeps::Except(names) => {
                let mut json = json.clone();
                for name in names {
                    if json.shift_remove(name).is_none() && dots {
                        paths::remove(&mut json, &paths::parse(name));
                    }
                }
                json
            }
        }
    }

    fn binary(&self, item: &Item) -> Option<Arc<BTreeMap<String, Binary>>> {
        let keeps = match self.options.keep_binary {
            Some(keeps) => keeps,
            None => !matches!(self.keeps, Keeps::Nothing) && !self.options.strip_binary,
        };
        item.binary.clone().filter(|_| keeps)
    }
}

/// As in n8n: what is picked out of an object goes by its own name, what is picked out of a list
/// by the list's.
fn picked_path(name: &str) -> Vec<Key> {
    paths::parse(name.rsplit('.').next().unwrap_or(name))
}

fn put(json: &mut Object, name: &str, path: Option<&[Key]>, value: Value, dots: bool) {
    if !dots || !name.contains(['.', '[']) {
        json.insert(name.to_owned(), value);
        return;
    }
    match path {
        Some(path) => paths::set(json, path, value),
        None => paths::set(json, &paths::parse(name), value),
    }
}

/// Sets a field to no value: it is gone, and the objects that lead to it are there.
fn put_nothing(json: &mut Object, name: &str, dots: bool) {
    put(json, name, None, Value::Null, dots);
    if dots && !json.contains_key(name) {
        paths::remove(json, &paths::parse(name));
    } else {
        json.shift_remove(name);
    }
}

impl<'a> Field<'a> {
    fn read(part: Part<'a>, run: &RunInput) -> Result<Field<'a>, NodeError> {
        let name = match part.get("name") {
            None => Text::Fixed { whole: String::new(), path: Vec::new() },
            Some(name) => match name.constant() {
                Some(name) => {
                    let whole = lenient::as_text(name);
                    Text::Fixed { path: paths::parse(&whole), whole }
                }
                None => Text::PerItem(name),
            },
        };
        let of = match part.get("type") {
            Some(of) => linkflow_node::input::read_params(&evaluate(of, run, 0)?.into_json())
                .map_err(|e: NodeError| e.inside("type"))?,
            None => Type::String,
        };
        let value = part.get("value").unwrap_or(Part::Const(&Value::Null));
        let ready = value.constant().and_then(|v| convert(Resolved::Json(v.clone()), of).ok().flatten());
        Ok(Field { name, value, ready, of })
    }

    fn assign(
        &self,
        run: &RunInput,
        item: &Item,
        i: usize,
        options: &Options,
        json: &mut Object,
        binary: &mut Option<Arc<BTreeMap<String, Binary>>>,
    ) -> Result<(), NodeError> {
        let computed;
        let (name, path) = match &self.name {
            Text::Fixed { whole, path } => (whole.as_str(), Some(path.as_slice())),
            Text::PerItem(part) => {
                computed = lenient::as_text(&evaluate(*part, run, i)?.into_json());
                (computed.as_str(), None)
            }
        };
        if self.of == Type::Binary {
            let file = file_of(evaluate(self.value, run, i)?.into_json(), item)
                .map_err(|problem| NodeError::param(name, problem))?;
            Arc::make_mut(binary.get_or_insert_default()).insert(name.to_owned(), file);
            return Ok(());
        }
        let value = match &self.ready {
            Some(value) => Some(value.clone()),
            None => self.value_of(name, run, i, options)?,
        };
        match value {
            Some(value) => put(json, name, path, value, options.dot_notation),
            None => put_nothing(json, name, options.dot_notation),
        }
        Ok(())
    }

    fn value_of(
        &self,
        name: &str,
        run: &RunInput,
        i: usize,
        options: &Options,
    ) -> Result<Option<Value>, NodeError> {
        let found = evaluate(self.value, run, i).map_err(|e| e.inside(name))?;
        let kept = options.ignore_conversion_errors.then(|| found.clone());
        match (convert(found, self.of), kept) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(kept)) => Ok(Some(kept.into_json())),
            (Err(problem), None) => Err(NodeError::param(name, problem)),
        }
    }
}

/// A file: the one that the item has under that name, or one that is described.
fn file_of(value: Value, item: &Item) -> Result<Binary, String> {
    if let Value::String(property) = &value {
        let found = item.binary.as_ref().and_then(|files| files.get(property)).cloned();
        return found.ok_or_else(|| format!("the item has no file \"{property}\""));
    }
    serde_json::from_value(value.clone())
        .map_err(|_| format!("must be the name of one of the item's files, got {}", show(&value)))
}

/// The value as that type; `None` where nothing is to be set.
fn convert(value: Resolved, of: Type) -> Result<Option<Value>, String> {
    match (of, &value) {
        (Type::Any | Type::Numeric, Resolved::Undefined) => return Ok(None),
        (Type::Number, Resolved::NotFinite(f)) if f.is_nan() => {
            return wrong("a number", &Value::from("NaN"));
        }
        (Type::Demanded, Resolved::Undefined | Resolved::Json(Value::Null)) => {
            return wrong("a text", &Value::Null);
        }
        (Type::String | Type::Printed | Type::Demanded, Resolved::NotFinite(f)) => {
            return Ok(Some(Value::String(js::float_text(*f))));
        }
        (Type::Boolean, Resolved::NotFinite(f)) => return wrong("true or false", &float(*f)),
        (Type::Array, Resolved::NotFinite(f)) => return wrong("a list", &float(*f)),
        (Type::Object, Resolved::NotFinite(f)) => return wrong("an object", &float(*f)),
        (Type::Printed, Resolved::Undefined) => return Ok(Some(Value::from("undefined"))),
        (Type::Printed, Resolved::Json(Value::Null)) => return Ok(Some(Value::from("null"))),
        (_, Resolved::JsDate(iso)) => return date_as(iso.as_deref(), of),
        _ => {}
    }
    match (of, value.into_json()) {
        (Type::Truth, value) => Ok(Some(Value::Bool(js::truthy(&value)))),
        (_, Value::Null) => Ok(Some(Value::Null)),
        (_, value) => converted(value, of).map(Some),
    }
}

fn float(f: f64) -> Value {
    Value::String(js::float_text(f))
}

/// A date of the language: its JSON as text, its milliseconds as number.
fn date_as(iso: Option<&str>, of: Type) -> Result<Option<Value>, String> {
    let json = iso.map_or(Value::Null, Value::from);
    let ms = || iso.and_then(|iso| dates::parse_ms(iso, &TimeZone::UTC));
    match of {
        Type::String | Type::Printed | Type::Demanded => Ok(Some(Value::String(json.to_string()))),
        Type::Number => ms().map_or_else(|| wrong("a number", &json), |ms| Ok(Some(Value::from(ms)))),
        Type::Boolean => match ms() {
            Some(ms @ (0 | 1)) => Ok(Some(Value::Bool(ms == 1))),
            _ => wrong("true or false", &json),
        },
        Type::Truth => Ok(Some(Value::Bool(true))),
        Type::Array => wrong("a list", &json),
        Type::Object | Type::Any | Type::Numeric | Type::Binary => Ok(Some(json)),
    }
}

fn wrong<T>(wanted: &str, value: &Value) -> Result<T, String> {
    Err(format!("must be {wanted}, got {}", show(value)))
}

fn converted(value: Value, of: Type) -> Result<Value, String> {
    match of {
        Type::Any | Type::Binary | Type::Truth => Ok(value),
        Type::Numeric => Ok(match value.as_str().map(js::number_of_text) {
            Some(n) if n.is_finite() && value != "" => js::number_value(n),
            _ => value,
        }),
        Type::String | Type::Printed | Type::Demanded => Ok(match value {
            Value::String(_) => value,
            Value::Array(_) | Value::Object(_) => Value::String(value.to_string()),
            other => Value::String(js::text(&other)),
        }),
        Type::Number => match js::number(&value) {
            _ if value.is_number() => Ok(value),
            n if n.is_finite() => Ok(js::number_value(n)),
            _ => wrong("a number", &value),
        },
        Type::Boolean => as_bool(&value).map(Value::Bool).map_or_else(|| wrong("true or false", &value), Ok),
        Type::Array => match as_json(value) {
            list @ Value::Array(_) => Ok(list),
            other => wrong("a list", &other),
        },
        Type::Object => match as_json(value) {
            object @ Value::Object(_) => Ok(object),
            other => wrong("an object", &other),
        },
    }
}

fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => return Some(*b),
        Value::String(text) if text.eq_ignore_ascii_case("true") => return Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => return Some(false),
        Value::String(text) if text.trim().is_empty() => return None,
        _ => {}
    }
    match js::number(value) {
        1.0 => Some(true),
        0.0 => Some(false),
        _ => None,
    }
}

/// A list or object that may be written as JSON text.
fn as_json(value: Value) -> Value {
    match value {
        Value::String(text) => repair::parse(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

impl<'a> Source<'a> {
    fn raw(run: &'a RunInput) -> Result<Source<'a>, NodeError> {
        match run.params.get("jsonOutput") {
            Some(Value::String(text)) => match text.strip_prefix('=') {
                Some(template) => Ok(Source::Pieces(pieces(template.trim_start_matches('=')))),
                None => object_of(text).map(Source::Fixed).map_err(|e| e.inside("jsonOutput")),
            },
            None | Some(Value::Null) => Ok(Source::Fixed(Object::new())),
            Some(_) => Ok(Source::Part(
                run.compiled
                    .get("jsonOutput")
                    .expect("compiled parameters have the keys of the written ones"),
            )),
        }
    }

    fn object(&self, run: &RunInput, i: usize) -> Result<Object, NodeError> {
        match self {
            Source::Fields(_) => Ok(Object::new()),
            Source::Fixed(object) => Ok(object.clone()),
            Source::Part(part) => match evaluate(*part, run, i)?.into_json() {
                Value::Object(object) => Ok(object),
                other => Err(NodeError::param("", format!("must be an object, got {}", show(&other)))),
            },
            Source::Pieces(pieces) => filled(pieces, run, i),
        }
        .map_err(|e| e.inside("jsonOutput"))
    }
}

/// The object that the text of the pieces is, with each expression in its place.
fn filled(pieces: &[Piece], run: &RunInput, i: usize) -> Result<Object, NodeError> {
    let alone = pieces.len() == 1;
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Expression(compiled) => match evaluate(Part::Compiled(compiled), run, i)? {
                Resolved::Json(Value::Object(object)) if alone => return Ok(object),
                Resolved::Json(value @ (Value::Array(_) | Value::Object(_))) => {
                    text.push_str(&value.to_string())
                }
                Resolved::Json(value) | Resolved::Opaque(value) => text.push_str(&js::text(&value)),
                // A date is a text of its own, unless it stands within one.
                Resolved::JsDate(iso) => text.push_str(&iso.map_or(Value::Null, Value::String).to_string()),
                Resolved::Date(None) => text.push_str("null"),
                Resolved::Date(Some(iso)) if text.trim_end().ends_with([':', ',', '[']) || alone => {
                    text.push_str(&Value::String(iso).to_string());
                }
                Resolved::Date(Some(iso)) => text.push_str(&iso),
                Resolved::NotFinite(f) => text.push_str(&js::float_text(f)),
                Resolved::Undefined => text.push_str("undefined"),
            },
        }
    }
    object_of(&text)
}

fn object_of(text: &str) -> Result<Object, NodeError> {
    match repair::parse(text) {
        Some(Value::Object(object)) => Ok(object),
        _ => Err(NodeError::param(
            "",
            format!("must be a JSON object, got {}", show(&Value::String(text.to_owned()))),
        )),
    }
}

/// The template, cut into text and expressions. The first `}}` closes an expression.
fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut text = String::new();
    while let Some(start) = rest.find("{{") {
        if rest[..start].ends_with('\\') {
            text.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            continue;
        }
        let Some(length) = rest[start..].find("}}") else { break };
        text.push_str(&rest[..start]);
        let end = start + length + 2;
        if !text.trim().is_empty() || !pieces.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        text.clear();
        pieces.push(Piece::Expression(Compiled::new(&Value::String(format!("={}", &rest[start..end])))));
        rest = &rest[end..];
    }
    text.push_str(rest);
    if !text.trim().is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_converted_to_the_type_of_the_field() {
        let check = |of: Type, value: Value, expected: Result<Value, &str>| {
            let found = convert(Resolved::Json(value.clone()), of).map(Option::unwrap_or_default);
            assert_eq!(found, expected.map_err(str::to_owned), "{of:?} of {value}");
        };
        check(Type::Number, json!(" 7 "), Ok(json!(7)));
        check(Type::Number, json!(""), Ok(json!(0)));
        check(Type::Number, json!("0x10"), Ok(json!(16)));
        check(Type::Number, json!("1,5"), Err("must be a number, got \"1,5\""));
        check(Type::String, json!({"a": [1]}), Ok(json!("{\"a\":[1]}")));
        check(Type::String, json!(null), Ok(json!(null)));
        check(Type::Boolean, json!("TRUE"), Ok(json!(true)));
        check(Type::Boolean, json!("yes"), Err("must be true or false, got \"yes\""));
        check(Type::Array, json!("[1,2]"), Ok(json!([1, 2])));
        check(Type::Array, json!("1,2"), Err("must be a list, got \"1,2\""));
        check(Type::Object, json!("{a:1}"), Ok(json!({"a": 1})));
        check(Type::Truth, json!("no"), Ok(json!(true)));
        check(Type::Numeric, json!("abc"), Ok(json!("abc")));
        check(Type::Numeric, json!("7"), Ok(json!(7)));
    }

    #[test]
    fn a_template_is_cut_at_its_expressions() {
        let shape = |template: &str| {
            let show = |p: &Piece| match p {
                Piece::Text(text) => text.clone(),
                Piece::Expression(_) => "<>".to_owned(),
            };
            pieces(template).iter().map(show).collect::<Vec<_>>().join("|")
        };
        assert_eq!(shape("{ \"a\": {{ $json.a }}, \"b\": \"{{ 1 }}\" }"), "{ \"a\": |<>|, \"b\": \"|<>|\" }");
        assert_eq!(shape(" {{ $json }} "), "<>");
        assert_eq!(shape("{ \"a\": \\{{ x }}"), "{ \"a\": \\{{ x }}");
        assert_eq!(shape("{{ open"), "{{ open");
    }
}
