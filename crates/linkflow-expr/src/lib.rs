//! Expressions: what stands behind a `=` in a parameter.
//!
//! A plain path is evaluated in Rust; everything else goes to QuickJS, which sees data and
//! functions but no host object. There is no database, network, file, clock or secret here.

mod case;
mod chunk;
pub mod code;
#[cfg(test)]
mod differential;
mod error;
mod intl;
mod js;
pub mod manual;
mod native;
pub mod params;
pub mod prelude;
mod scope;
mod template;
mod token;
mod value;
mod world;

pub use case::eval_case;
pub use error::ExprError;
pub use js::deadline::on_long_evaluation;
pub use params::Compiled;
pub use scope::{CustomData, Env, Scope};
pub use template::Template;
pub use value::Resolved;
