//! HTTP, WebSocket, sign-in and the OpenAPI document of Linkflow.
//!
//! Nothing here knows a node kind by name, writes SQL, or speaks to Redis.

pub mod runtime;
