//! What scripts may ask of Rust: data of the current item and of the nodes before it. Each answer
//! is a copy.

use std::cell::{Cell, RefCell};

use linkflow_model::Object;
use rquickjs::{Ctx, Error, Result, Value as Js};
use serde_json::{Value, json};

use super::convert;
use crate::native::{self, Expr, Stop};
use crate::{ExprError, Scope, world};

#[derive(Clone, Copy)]
struct Current {
    scope: *const Scope<'static>,
    paths: *const [Expr],
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
    /// The error of ours that was thrown into a script last.
    static ERROR: RefCell<Option<ExprError>> = const { RefCell::new(None) };
}

/// Takes the scope away again, however the evaluation ends.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Runs `run` while scripts may ask about `scope`.
pub(super) fn with_scope<T>(scope: &Scope<'_>, paths: &[Expr], run: impl FnOnce() -> T) -> T {
    let scope = std::ptr::from_ref(scope).cast::<Scope<'static>>();
    CURRENT.set(Some(Current { scope, paths }));
    let _reset = Reset;
    run()
}

/// The error behind `message`, when it was one of ours.
pub(super) fn take_error(message: &str) -> Option<ExprError> {
    ERROR.with_borrow_mut(Option::take).filter(|e| e.to_string() == message)
}

/// The answer to question number `op`; the numbers stand in `setup.js`.
pub(super) fn reach<'js>(ctx: Ctx<'js>, op: u32, a: Js<'js>, b: Js<'js>, c: Js<'js>) -> Result<Js<'js>> {
    let Some(current) = CURRENT.get() else { return Ok(Js::new_undefined(ctx)) };
    // SAFETY: `with_scope` borrows scope and paths for as long as CURRENT holds them, on this very
    // thread; the references made here end with this call and nothing borrowed leaves it.
    let (scope, paths): (&Scope<'_>, &[Expr]) = unsafe { (&*current.scope, &*current.paths) };
    let args = [a, b, c];
    match answer(&ctx, scope, paths, op, &args) {
        Ok(value) => Ok(value),
        Err(Problem::Engine(error)) => Err(error),
        Err(Problem::Ours(error)) => Err(throw(&ctx, error)),
        Err(Problem::Throw) => {
            let message = convert::text(&ctx, "there is nothing to read a field of")?;
            Err(ctx.throw(message))
        }
    }
}

fn throw(ctx: &Ctx<'_>, error: ExprError) -> Error {
    let thrown = rquickjs::Object::new(ctx.clone()).and_then(|object| {
        object.set("linkflow", error.to_string())?;
        Ok(object)
    });
    ERROR.set(Some(error));
    match thrown {
        Ok(object) => ctx.throw(object.into_value()),
        Err(error) => error,
    }
}

enum Problem {
    Engine(Error),
    Ours(ExprError),
    Throw,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::Engine(error)
    }
}

impl From<ExprError> for Problem {
    fn from(error: ExprError) -> Problem {
        Problem::Ours(error)
    }
}

type Answer<'js> = std::result::Result<Js<'js>, Problem>;

fn answer<'js>(
    ctx: &Ctx<'js>,
    scope: &Scope<'_>,
    paths: &[Expr],
    op: u32,
    args: &[Js<'js>; 3],
) -> Answer<'js> {
    let value = |v: &Value| convert::to_js(ctx, v).map_err(Problem::Engine);
    let object = |o: &Object| convert::object_to_js(ctx, o).map_err(Problem::Engine);
    let undefined = || Ok(Js::new_undefined(ctx.clone()));
    match op {
        0 => path(ctx, scope, paths, args),
        1 => {
            let key = text_arg(&args[0]);
            let item = world::current_item(scope);
            item.and_then(|i| i.json.get(&key)).map_or_else(undefined, value)
        }
        2 => world::current_item(scope)
            .map_or_else(undefined, |i| convert::data_to_js(ctx, i).map_err(Problem::Engine)),
        3 => {
            let index = index_arg(&args[1])?.unwrap_or(scope.item);
            Ok(convert::item_to_js(ctx, world::paired_item(scope, &text_arg(&args[0]), index)?)?)
        }
        4 => {
            let (output, run) = (index_arg(&args[1])?, index_arg(&args[2])?);
            Ok(convert::items_to_js(ctx, world::node_items(scope, &text_arg(&args[0]), output, run)?)?)
        }
        5 => Ok(Js::new_bool(ctx.clone(), world::is_executed(scope, &text_arg(&args[0]))?)),
        6 => {
            let node = world::node_named(scope, &text_arg(&args[0]))?;
            let state = scope.history.last_run(node).and_then(|run| run.state.as_ref());
            state.filter(|s| s.is_object()).map_or_else(undefined, value)
        }
        7 => Ok(convert::items_to_js(ctx, world::some_input(scope)?)?),
        8 => {
            let binary = world::current_item(scope).and_then(|i| i.binary.as_deref());
            binary.map_or_else(undefined, |files| value(&convert::files_json(files)))
        }
        9 => object(&scope.env.vars),
        10 if scope.env.env.is_empty() => {
            Err(Problem::Ours(ExprError::Forbidden("reading the environment with `$env`".to_owned())))
        }
        10 => object(&scope.env.env),
        11 => object(scope.params),
        12 => fact(ctx, scope, args),
        13 => note(ctx, scope, args),
        14 => same_index(ctx, scope, args),
        15 => match world::current_item(scope) {
            Some(item) => Ok(convert::item_to_js(ctx, item)?),
            None => undefined(),
        },
        // In a list, because the data may be null.
        16 => match world::current_item(scope).and_then(|i| i.bare.as_deref()) {
            Some(bare) => value(&Value::Array(vec![bare.clone()])),
            None => undefined(),
        },
        _ => undefined(),
    }
}

fn path<'js>(ctx: &Ctx<'js>, scope: &Scope<'_>, paths: &[Expr], args: &[Js<'js>; 3]) -> Answer<'js> {
    let Some(expr) = index_arg(&args[0])?.and_then(|n| paths.get(n)) else {
        return Ok(Js::new_undefined(ctx.clone()));
    };
    match native::evaluate(expr, scope) {
        Ok(value) => Ok(convert::val_to_js(ctx, value)?),
        Err(Stop::Error(error)) => Err(Problem::Ours(error)),
        Err(Stop::Throw | Stop::Short) => Err(Problem::Throw),
        Err(Stop::GiveUp) => give_up(ctx, scope, paths, expr),
    }
}

/// A step that Rust leaves to the language: the path before it, and then the step in JavaScript.
fn give_up<'js>(ctx: &Ctx<'js>, scope: &Scope<'_>, paths: &[Expr], expr: &Expr) -> Answer<'js> {
    let (of, key) = match expr {
        Expr::Member { of, key, .. } => (of, convert::text(ctx, key)?),
        Expr::Index { of, key, .. } => match &**key {
            Expr::Literal(key) => (of, convert::to_js(ctx, key)?),
            _ => return Ok(Js::new_undefined(ctx.clone())),
        },
        Expr::Root(native::Root::Binary) => {
            let args = [(); 3].map(|()| Js::new_undefined(ctx.clone()));
            let binary = answer(ctx, scope, paths, 8, &args)?;
            return if binary.is_undefined() {
                Ok(rquickjs::Object::new(ctx.clone())?.into_value())
            } else {
                Ok(binary)
            };
        }
        _ => return Ok(Js::new_undefined(ctx.clone())),
    };
    let value = match native::evaluate(of, scope) {
        Ok(value) => convert::val_to_js(ctx, value)?,
        Err(Stop::Error(error)) => return Err(Problem::Ours(error)),
        Err(Stop::Throw | Stop::Short) => return Err(Problem::Throw),
        Err(Stop::GiveUp) => give_up(ctx, scope, paths, of)?,
    };
    let get: rquickjs::Function = ctx.globals().get("__lfget")?;
    Ok(get.call((value, key))?)
}

fn text_arg(arg: &Js<'_>) -> String {
    arg.as_string().and_then(|s| s.to_string().ok()).unwrap_or_default()
}

fn index_arg(arg: &Js<'_>) -> std::result::Result<Option<usize>, Problem> {
    match arg.as_number() {
        Some(n) if n >= 0.0 && n.fract() == 0.0 => Ok(Some(n as usize)),
        Some(n) => Err(Problem::Ours(ExprError::Function(format!(
            "an index must be a whole number from 0, got {n}"
        )))),
        None => Ok(None),
    }
}

fn same_index<'js>(ctx: &Ctx<'js>, scope: &Scope<'_>, args: &[Js<'js>; 3]) -> Answer<'js> {
    let name = text_arg(&args[0]);
    // -1 asks only whether there is such a node.
    if args[1].as_number() == Some(-1.0) {
        world::node_named(scope, &name)?;
        return Ok(Js::new_undefined(ctx.clone()));
    }
    let index = index_arg(&args[1])?.unwrap_or(scope.item);
    Ok(convert::item_to_js(ctx, world::same_index(scope, &name, index)?)?)
}

fn fact<'js>(ctx: &Ctx<'js>, scope: &Scope<'_>, args: &[Js<'js>; 3]) -> Answer<'js> {
    let env = scope.env;
    let written = |node: usize| scope.history.shape.written(node);
    let prev = || scope.sources.get(world::active_input(scope)).copied().flatten();
    let fact = match text_arg(&args[0]).as_str() {
        "itemIndex" => json!(scope.item),
        "run" => json!(scope.run),
        "runIndex" => {
            let node = world::node_named(scope, &text_arg(&args[1]))?;
            json!(scope.history.runs(node).len().saturating_sub(1))
        }
        "workflow" => {
            json!({"active": env.workflow_active, "id": env.workflow_id, "name": env.workflow_name})
        }
        "prevNode" => match prev() {
            Some(s) => {
                let name = scope.history.shape.names.get(s.node as usize);
                json!({"name": name, "outputIndex": s.output, "runIndex": s.run})
            }
            None => json!({}),
        },
        "mode" => json!(env.mode.as_str()),
        "executionId" => json!(env.execution_id),
        "resumeUrl" => json!(env.resume_url),
        "nodeId" => json!(written(scope.node).map(|w| &w.id)),
        "nodeVersion" => written(scope.node)
            .map_or(Value::Null, |w| native::number::to_json(w.version).unwrap_or_default()),
        "params" => {
            let node = scope.history.shape.node(&text_arg(&args[1]));
            json!(node.and_then(written).map(|w| &w.params))
        }
        "execution" => json!({
            "id": env.execution_id,
            "mode": native::execution_mode(scope),
            "resumeUrl": env.resume_url,
            "resumeFormUrl": env.resume_form_url,
        }),
        _ => Value::Null,
    };
    Ok(convert::to_js(ctx, &fact)?)
}

/// `$execution.customData`: short notes, texts only.
fn note<'js>(ctx: &Ctx<'js>, scope: &Scope<'_>, args: &[Js<'js>; 3]) -> Answer<'js> {
    const KEY_MAX: usize = 50;
    const VALUE_MAX: usize = 512;
    const NOTES_MAX: usize = 10;
    let mut notes = scope.env.custom_data.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let key = text_arg(&args[1]);
    let no = |why: String| Problem::Ours(ExprError::Function(why));
    match text_arg(&args[0]).as_str() {
        "get" => match notes.get(&key) {
            Some(value) => Ok(convert::to_js(ctx, value)?),
            None => Ok(Js::new_undefined(ctx.clone())),
        },
        "all" => Ok(convert::object_to_js(ctx, &notes)?),
        _ => {
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(no(format!("customData: a key has letters, digits and _ only, got {key:?}")));
            }
            let value = match (args[2].as_string(), args[2].as_number()) {
                (Some(text), _) => convert::text_of(ctx, text)?,
                (None, Some(n)) => native::number::to_text(n),
                (None, None) => args[2].as_bool().map(|b| b.to_string()).unwrap_or_default(),
            };
            if notes.len() >= NOTES_MAX && !notes.contains_key(&key) {
                return Err(no(format!("customData: an execution has at most {NOTES_MAX} notes")));
            }
            let key: String = key.chars().take(KEY_MAX).collect();
            notes.insert(key, Value::String(value.chars().take(VALUE_MAX).collect()));
            Ok(Js::new_undefined(ctx.clone()))
        }
    }
}
