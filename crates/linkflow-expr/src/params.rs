//! A node's parameters, compiled once: constants stay as they are, expressions are parsed.

use linkflow_model::Object;
use serde_json::Value;

use crate::{ExprError, Resolved, Scope, Template};

/// A JSON value in which every text that starts with `=` is an expression.
#[derive(Clone, Debug)]
pub enum Compiled {
    Const(Value),
    Expr(Result<Template, ExprError>),
    Array(Vec<Compiled>),
    Object(Vec<(String, Compiled)>),
}

/// An expression that failed, and where it stands in the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamError {
    /// Path such as `conditions[0].value`.
    pub param: String,
    pub error: ExprError,
}

impl Compiled {
    pub fn new(value: &Value) -> Compiled {
        match value {
            Value::String(text) if text.starts_with('=') => Compiled::Expr(Template::parse(&text[1..])),
            Value::Array(list) => {
                let parts: Vec<Compiled> = list.iter().map(Compiled::new).collect();
                if parts.iter().all(Compiled::is_const) {
                    Compiled::Const(value.clone())
                } else {
                    Compiled::Array(parts)
                }
            }
            Value::Object(object) => Compiled::of_object(object),
            other => Compiled::Const(other.clone()),
        }
    }

    pub fn of_object(object: &Object) -> Compiled {
        let parts: Vec<(String, Compiled)> =
            object.iter().map(|(k, v)| (k.clone(), Compiled::new(v))).collect();
        if parts.iter().all(|(_, c)| c.is_const()) {
            Compiled::Const(Value::Object(object.clone()))
        } else {
            Compiled::Object(parts)
        }
    }

    /// Whether it is the same for every item.
    pub fn is_const(&self) -> bool {
        matches!(self, Compiled::Const(_))
    }

    /// The part under `key`, or under an index written as a key.
    pub fn get(&self, key: &str) -> Option<Part<'_>> {
        Part::Compiled(self).get(key)
    }

    /// The value for one item; keys whose value is undefined are left out.
    pub fn resolve(&self, scope: &Scope<'_>) -> Result<Value, ParamError> {
        Part::Compiled(self).resolve(scope)
    }
}

/// A part of the parameters: of a constant, or still to be resolved.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    Const(&'a Value),
    Compiled(&'a Compiled),
}

impl<'a> Part<'a> {
    pub fn get(self, key: &str) -> Option<Part<'a>> {
        match self {
            Part::Const(value) | Part::Compiled(Compiled::Const(value)) => match value {
                Value::Object(o) => o.get(key).map(Part::Const),
                Value::Array(a) => a.get(key.parse::<usize>().ok()?).map(Part::Const),
                _ => None,
            },
            Part::Compiled(Compiled::Object(o)) => {
                o.iter().find(|(k, _)| k == key).map(|(_, c)| Part::Compiled(c))
            }
            Part::Compiled(Compiled::Array(a)) => a.get(key.parse::<usize>().ok()?).map(Part::Compiled),
            Part::Compiled(Compiled::Expr(_)) => None,
        }
    }

    /// The parts of a list; empty when it is none.
    pub fn list(self) -> Vec<Part<'a>> {
        match self {
            Part::Const(Value::Array(a)) | Part::Compiled(Compiled::Const(Value::Array(a))) => {
                a.iter().map(Part::Const).collect()
            }
            Part::Compiled(Compiled::Array(a)) => a.iter().map(Part::Compiled).collect(),
            _ => Vec::new(),
        }
    }

    /// The constant behind it, when it is one.
    pub fn constant(self) -> Option<&'a Value> {
        match self {
            Part::Const(value) | Part::Compiled(Compiled::Const(value)) => Some(value),
            _ => None,
        }
    }

    /// The value for one item, with undefined and dates told apart.
    pub fn evaluate(self, scope: &Scope<'_>) -> Result<Resolved, ParamError> {
        match self {
            Part::Const(value) | Part::Compiled(Compiled::Const(value)) => Ok(Resolved::Json(value.clone())),
            Part::Compiled(Compiled::Expr(template)) => template
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|t| t.evaluate(scope))
                .map_err(|error| ParamError { param: String::new(), error }),
            Part::Compiled(Compiled::Array(parts)) => {
                let mut list = Vec::with_capacity(parts.len());
                for (i, part) in parts.iter().enumerate() {
                    let value =
                        Part::Compiled(part).evaluate(scope).map_err(|e| e.inside(&format!("[{i}]")))?;
                    list.push(value.into_json());
                }
                Ok(Resolved::Json(Value::Array(list)))
            }
            Part::Compiled(Compiled::Object(parts)) => {
                let mut object = Object::with_capacity(parts.len());
                for (key, part) in parts {
                    match Part::Compiled(part).evaluate(scope).map_err(|e| e.inside(key))? {
                        Resolved::Undefined => {}
                        value => {
                            object.insert(key.clone(), value.into_json());
                        }
                    }
                }
                Ok(Resolved::Json(Value::Object(object)))
            }
        }
    }

    pub fn resolve(self, scope: &Scope<'_>) -> Result<Value, ParamError> {
        self.evaluate(scope).map(Resolved::into_json)
    }
}

impl ParamError {
    /// The same error, seen from one level further out.
    pub fn inside(mut self, outer: &str) -> ParamError {
        self.param = match self.param.as_str() {
            "" => outer.to_owned(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        self
    }
}
