//! Expressions that need JavaScript: one engine per thread, without any host object.
//!
//! Time, memory and stack are limited; after a breach the engine is thrown away. Intrinsics are
//! frozen, so nothing that one expression does is seen by the next.

mod convert;
pub(crate) mod deadline;
mod reach;
mod transform;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use rquickjs::{Context, Ctx, Error, Function, Persistent, Runtime, Value as Js};

use crate::chunk::Text;
use crate::native::Expr;
use crate::prelude::{self, Script as Prelude};
use crate::{ExprError, Resolved, Scope};

use convert::Outcome;
use deadline::TIME_MAX_MS;

const MEMORY_MAX_MB: u64 = 64;
const STACK_MAX_BYTES: usize = 512 << 10;
/// Compiled expressions kept per thread.
const CACHE_MAX: usize = 4_096;

static SETUP: Prelude = Prelude::new("setup", include_str!("setup.js"));

/// A chunk for the engine; compiled when a thread first needs it.
#[derive(Debug)]
pub(crate) struct Program {
    source: Arc<str>,
    /// Whether plain paths in it are evaluated in Rust.
    takes_paths: bool,
}

impl Program {
    pub fn new(source: &str) -> Program {
        Program { source: source.into(), takes_paths: true }
    }

    /// The same program without help from Rust for its paths.
    #[cfg(test)]
    pub fn without_paths(&self) -> Program {
        Program { source: self.source.clone(), takes_paths: false }
    }

    /// Compiles it, and runs nothing.
    pub fn check(&self) -> Result<(), ExprError> {
        with_engine(|engine| (engine.compiled(self).map(drop), true))
    }

    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Resolved, ExprError> {
        let refuse = |why: &str| Err(ExprError::Function(why.to_owned()));
        let value = with_engine(|engine| {
            engine.run(self, scope, |ctx, value| {
                Ok(match convert::resolved(ctx, value)? {
                    Outcome::Value(resolved) => Ok(resolved),
                    Outcome::Function => refuse("the result is a function: add () to call it"),
                    Outcome::TooLarge => refuse("the result is too large or refers to itself"),
                })
            })
        });
        value.map(|value| value.unwrap_or(Resolved::Undefined))
    }

    /// Appends the value as it stands between other text.
    pub fn append_text(&self, scope: &Scope<'_>, out: &mut String) -> Result<Text, ExprError> {
        let text = with_engine(|engine| {
            engine.run(self, scope, |ctx, value| {
                if let Some(text) = value.as_string() {
                    return convert::text_of(ctx, text).map(|t| Ok(Some(t)));
                }
                let to_text: Function = ctx.globals().get("__lftext")?;
                let text: Js = to_text.call((value,))?;
                match text.as_string() {
                    Some(text) => convert::text_of(ctx, text).map(|t| Ok(Some(t))),
                    None => Ok(Ok(None)),
                }
            })
        })?;
        Ok(match text {
            // A thrown error leaves nothing behind.
            None => Text::Appended,
            Some(None) => Text::Impossible,
            Some(Some(text)) => {
                out.push_str(&text);
                Text::Appended
            }
        })
    }
}

/// One compiled function and what its paths are.
struct Compiled {
    function: Persistent<Function<'static>>,
    paths: Vec<Expr>,
    may_leak: bool,
    has_optional_calls: bool,
}

struct Engine {
    // Dropped in this order: functions before the context, the context before the runtime.
    cache: HashMap<Arc<str>, Result<Rc<Compiled>, ExprError>>,
    /// Of programs that take no paths.
    cache_without_paths: HashMap<Arc<str>, Result<Rc<Compiled>, ExprError>>,
    clock: Option<Persistent<Function<'static>>>,
    /// Zone and time that the clock was set to last.
    clock_at: Option<(String, i64)>,
    context: Context,
    runtime: Runtime,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// The added methods, once an engine has told their names.
static METHODS: OnceLock<HashSet<String>> = OnceLock::new();

fn with_engine<T>(run: impl FnOnce(&mut Engine) -> (Result<T, ExprError>, bool)) -> Result<T, ExprError> {
    ENGINE.with(|cell| {
        // An expression never evaluates another one through here.
        let mut slot = cell.try_borrow_mut().map_err(|_| broken("evaluations cannot nest"))?;
        if slot.is_none() {
            deadline::tell();
            *slot = Some(Engine::new().map_err(|e| broken(&e))?);
        }
        let engine = slot.as_mut().expect("there is one now");
        let (result, is_sound) = run(engine);
        if !is_sound {
            *slot = None;
        }
        result
    })
}

fn broken(cause: &str) -> ExprError {
    ExprError::Function(format!("the JavaScript engine failed: {cause}"))
}

impl Engine {
    fn new() -> Result<Engine, String> {
        let runtime = Runtime::new().map_err(|e| e.to_string())?;
        runtime.set_memory_limit((MEMORY_MAX_MB << 20) as usize);
        runtime.set_max_stack_size(STACK_MAX_BYTES);
        runtime.set_interrupt_handler(Some(Box::new(deadline::has_passed)));
        let context = Context::full(&runtime).map_err(|e| e.to_string())?;
        let clock = context.with(|ctx| set_up(&ctx).map_err(|_| prelude::thrown(&ctx)))?;
        Ok(Engine {
            cache: HashMap::new(),
            cache_without_paths: HashMap::new(),
            clock: Some(clock),
            clock_at: None,
            context,
            runtime,
        })
    }

    /// Runs the function of a program and hands its value to `take`. `None` when JavaScript threw.
    /// The flag says whether the engine may be used again.
    fn run<T>(
        &mut self,
        program: &Program,
        scope: &Scope<'_>,
        take: impl for<'js> FnOnce(&Ctx<'js>, Js<'js>) -> rquickjs::Result<Result<T, ExprError>>,
    ) -> (Result<Option<T>, ExprError>, bool) {
        let compiled = match self.compiled(program) {
            Ok(compiled) => compiled,
            Err(error) => return (Err(error), true),
        };
        let clock = self.clock_to_set(scope);
        deadline::begin();
        let result = self.context.with(|ctx| {
            let result = reach::with_scope(scope, &compiled.paths, || {
                if let Some(clock) = clock {
                    let clock = clock.restore(&ctx)?;
                    clock.call::<_, ()>((scope.env.timezone.as_str(), scope.env.now.0 as f64))?;
                }
                let function = compiled.function.clone().restore(&ctx)?;
                let value: Js = function.call(())?;
                // What is handed over may take as long again, and nobody asks meanwhile.
                deadline::has_passed();
                take(&ctx, value)
            });
            result.map_err(|error| failure(&ctx, &error, compiled.has_optional_calls))
        });
        let is_quiet = self.finish_jobs();
        let is_late = deadline::end();
        let is_sound = is_quiet && !compiled.may_leak;
        match result {
            _ if is_late => (Err(ExprError::Timeout(TIME_MAX_MS)), false),
            Ok(value) => (value.map(Some), is_sound),
            Err(Failure::Thrown) => (Ok(None), is_sound),
            Err(Failure::Error(error)) => (Err(error), is_sound),
            Err(Failure::Memory) => (Err(ExprError::Memory(MEMORY_MAX_MB)), false),
        }
    }

    /// Ends what async functions left behind; false when it does not end soon.
    fn finish_jobs(&self) -> bool {
        const JOBS_MAX: usize = 1_000;
        for _ in 0..JOBS_MAX {
            if !self.runtime.is_job_pending() {
                return true;
            }
            // What a job throws concerns nobody.
            let _ = self.runtime.execute_pending_job();
        }
        false
    }

    /// The function that sets the clock, when it stands wrong.
    fn clock_to_set(&mut self, scope: &Scope<'_>) -> Option<Persistent<Function<'static>>> {
        let now = scope.env.now.0;
        if self.clock_at.as_ref().is_some_and(|(zone, at)| *zone == scope.env.timezone && *at == now) {
            return None;
        }
        self.clock_at = Some((scope.env.timezone.clone(), now));
        self.clock.clone()
    }

    fn compiled(&mut self, program: &Program) -> Result<Rc<Compiled>, ExprError> {
        let cache = if program.takes_paths { &self.cache } else { &self.cache_without_paths };
        if let Some(found) = cache.get(&*program.source) {
            return found.clone();
        }
        let compiled = self.compile(program);
        let cache = if program.takes_paths { &mut self.cache } else { &mut self.cache_without_paths };
        if cache.len() >= CACHE_MAX {
            cache.clear();
            self.runtime.run_gc();
        }
        cache.insert(program.source.clone(), compiled.clone());
        compiled
    }

    /// Compiles the first statement: it ends at a semicolon, or else at the last line break that
    /// leaves something sound before it.
    fn compile(&self, program: &Program) -> Result<Rc<Compiled>, ExprError> {
        let error = match self.compile_tokens(program, None) {
            Err(error @ ExprError::Syntax(_)) => error,
            other => return other,
        };
        for n in transform::line_ends(&program.source) {
            if let Ok(compiled) = self.compile_tokens(program, Some(n)) {
                return Ok(compiled);
            }
        }
        Err(error)
    }

    fn compile_tokens(&self, program: &Program, n_tokens: Option<usize>) -> Result<Rc<Compiled>, ExprError> {
        let methods = METHODS.get().expect("an engine has told them");
        let script = transform::script(&program.source, program.takes_paths, n_tokens, methods)?;
        let function = self.context.with(|ctx| match ctx.eval::<Function, _>(script.code) {
            Ok(function) => Ok(Persistent::save(&ctx, function)),
            Err(_) => Err(ExprError::Syntax(first_line(&prelude::thrown(&ctx)))),
        })?;
        Ok(Rc::new(Compiled {
            function,
            paths: script.paths,
            may_leak: script.may_leak,
            has_optional_calls: script.has_optional_calls,
        }))
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("Error: ").trim_start_matches("SyntaxError: ").to_owned()
}

/// Loads the prelude and our own part; gives the function that sets the clock.
fn set_up(ctx: &Ctx<'_>) -> rquickjs::Result<Persistent<Function<'static>>> {
    let host = prelude::install_host(ctx)?;
    if METHODS.get().is_none() {
        let list: Function = ctx.eval("(() => [...__linkflowMethods])")?;
        let names: Vec<String> = list.call(())?;
        let _ = METHODS.set(names.into_iter().collect());
    }
    let setup = SETUP.load(ctx)?;
    let ask = Function::new(ctx.clone(), reach::reach)?;
    let function: Function = setup.get()?;
    let long = Function::new(ctx.clone(), deadline::is_long)?;
    function.call::<_, Js>((ask, host, long))?;
    let clock: Function = ctx.globals().get("__linkflowClock")?;
    Ok(Persistent::save(ctx, clock))
}

enum Failure {
    /// By the expression, or by the language: the value is undefined.
    Thrown,
    Error(ExprError),
    Memory,
}

fn failure(ctx: &Ctx<'_>, error: &Error, has_optional_calls: bool) -> Failure {
    if matches!(error, Error::Allocation) {
        return Failure::Memory;
    }
    let thrown = ctx.catch();
    let Some(object) = thrown.as_object() else {
        // Without memory left the engine throws null.
        return if thrown.is_null() { Failure::Memory } else { Failure::Thrown };
    };
    if let Ok(Some(message)) = object.get::<_, Option<String>>("linkflow") {
        return Failure::Error(reach::take_error(&message).unwrap_or(ExprError::Function(message)));
    }
    match object.get::<_, Option<String>>("message") {
        Ok(Some(message)) if message == "out of memory" => Failure::Memory,
        _ if has_optional_calls && let Some(name) = pending_method(ctx) => {
            Failure::Error(ExprError::Function(format!("{name}() was called on undefined")))
        }
        _ => Failure::Thrown,
    }
}

/// The added method that was called on nothing, if that is why the language threw.
fn pending_method(ctx: &Ctx<'_>) -> Option<String> {
    let pending: Function = ctx.globals().get("__lfpending").ok()?;
    pending.call(()).ok()?
}
