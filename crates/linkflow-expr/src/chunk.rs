//! One `{{ }}`: compiled natively where possible, with the JavaScript engine behind it.

use std::sync::Arc;

use crate::native::{self, Expr, Stop};
use crate::{ExprError, Resolved, Scope, js, token};

#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    native: Option<Expr>,
    program: Arc<js::Program>,
}

/// Whether a value could be written between text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Appended,
    /// It is a symbol, or an object that has no text.
    Impossible,
}

impl Chunk {
    pub fn parse(source: &str) -> Result<Chunk, ExprError> {
        let tokens = token::cut(source)?;
        if tokens.is_empty() {
            return Err(ExprError::Syntax("there is nothing between the braces".to_owned()));
        }
        let native = native::parse(source, &tokens);
        let program = Arc::new(js::Program::new(source));
        Ok(Chunk { native, program })
    }

    /// What Rust can read needs no further check.
    pub fn check(&self) -> Result<(), ExprError> {
        if self.native.is_some() { Ok(()) } else { self.program.check() }
    }

    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Resolved, ExprError> {
        self.evaluate_natively(scope).unwrap_or_else(|| self.program.evaluate(scope))
    }

    /// The value by the JavaScript engine alone.
    #[cfg(test)]
    pub fn evaluate_in_js(&self, scope: &Scope<'_>) -> Result<Resolved, ExprError> {
        self.program.without_paths().evaluate(scope)
    }

    /// The value where Rust alone can give it.
    pub fn evaluate_natively(&self, scope: &Scope<'_>) -> Option<Result<Resolved, ExprError>> {
        match native::evaluate(self.native.as_ref()?, scope) {
            Ok(value) => Some(Ok(value.into_resolved())),
            Err(Stop::Throw | Stop::Short) => Some(Ok(Resolved::Undefined)),
            Err(Stop::Error(error)) => Some(Err(error)),
            Err(Stop::GiveUp) => None,
        }
    }

    /// Appends the value as text.
    pub fn append_text(&self, scope: &Scope<'_>, out: &mut String) -> Result<Text, ExprError> {
        if let Some(expr) = &self.native {
            match native::evaluate(expr, scope) {
                Ok(value) => {
                    let before = out.len();
                    if value.append_text(out) {
                        return Ok(Text::Appended);
                    }
                    out.truncate(before);
                }
                Err(Stop::Throw | Stop::Short) => return Ok(Text::Appended),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::GiveUp) => {}
            }
        }
        self.program.append_text(scope, out)
    }
}
