//! Expressions: what stands behind a `=` in a parameter.
//!
//! A plain path is evaluated in Rust; everything else goes to QuickJS, which sees data and
//! functions but no host object. There is no database, network, file, clock or secret here.

pub mod code;
mod error;
mod intl;
pub mod params;
pub mod prelude;
mod scope;
mod template;
mod value;

pub use error::ExprError;
pub use params::Compiled;
pub use scope::{CustomData, Env, Scope};
pub use template::Template;
pub use value::Resolved;
