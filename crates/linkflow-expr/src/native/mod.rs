//! Expressions evaluated in Rust: paths, literals, operators and the methods whose result is
//! certain. Whatever is unusual is left to the JavaScript engine, never guessed.

mod eval;
mod methods;
pub(crate) mod number;
mod parse;
mod value;

pub(crate) use eval::{Stop, evaluate, execution_mode};
pub(crate) use parse::{parse, parse_path};
pub(crate) use value::Val;

use serde_json::Value;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Undefined,
    Literal(Value),
    Root(Root),
    /// An item of another node.
    Node {
        name: String,
        which: Which,
    },
    Member {
        of: Box<Expr>,
        key: String,
        optional: bool,
    },
    Index {
        of: Box<Expr>,
        key: Box<Expr>,
        optional: bool,
    },
    Call {
        of: Box<Expr>,
        method: String,
        args: Vec<Expr>,
        optional: bool,
    },
    /// Where an optional step that finds nothing ends.
    Chain(Box<Expr>),
    Function {
        name: &'static str,
        args: Vec<Expr>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Plus(Box<Expr>),
    TypeOf(Box<Expr>),
    Binary {
        op: Op,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Else(Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Template {
        texts: Vec<String>,
        parts: Vec<Expr>,
    },
    Array(Vec<Expr>),
    Object(Vec<(String, Expr)>),
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Json,
    Binary,
    ItemIndex,
    RunIndex,
    Vars,
    Parameter,
    InputItem,
    InputFirst,
    InputLast,
    InputAll,
    WorkflowId,
    WorkflowName,
    WorkflowActive,
    ExecutionId,
    ExecutionMode,
    ResumeUrl,
    ResumeFormUrl,
    PrevNodeName,
    PrevNodeOutput,
    PrevNodeRun,
}

/// Which item of another node.
#[derive(Debug, Clone)]
pub(crate) enum Which {
    /// The one from which the asking item was made.
    Paired,
    /// The one from which item `n` of the input was made.
    Matching(Box<Expr>),
    First,
    Last,
    All,
    IsExecuted,
    /// The one with the same index: `$node["..."]`.
    SameIndex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Same,
    NotSame,
}

/// Names that a path must not contain.
pub(crate) const FORBIDDEN: [&str; 7] =
    ["constructor", "prototype", "__proto__", "caller", "arguments", "binding", "mainModule"];

/// Wrong rules that the comparison of both ways must find.
#[cfg(test)]
pub(crate) mod planted {
    use std::cell::Cell;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Bug {
        /// `<=` taken for `<`.
        Less,
        /// Null joins as text.
        JoinNull,
        /// Two texts that look like numbers are added.
        AddTexts,
        /// Zero is true.
        Zero,
    }

    thread_local! {
        pub(crate) static BUG: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub(crate) fn has(bug: Bug) -> bool {
        BUG.get() == Some(bug)
    }
}
