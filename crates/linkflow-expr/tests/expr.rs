//! Expressions from outside: the table of checked cases, what must not be possible, and other
//! nodes' items.

#[path = "expr/hostile.rs"]
mod hostile;
#[path = "expr/native_share.rs"]
mod native_share;
#[path = "expr/pairing.rs"]
mod pairing;
#[path = "expr/parsing.rs"]
mod parsing;
#[path = "expr/speed.rs"]
mod speed;
#[path = "expr/stalls.rs"]
mod stalls;
#[path = "expr/table.rs"]
mod table;
#[path = "expr/walk.rs"]
mod walk;
