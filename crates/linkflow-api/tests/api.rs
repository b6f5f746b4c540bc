//! Stories about the API, told over real connections to a real store, with a runtime that does
//! what the story says.

mod suite;
