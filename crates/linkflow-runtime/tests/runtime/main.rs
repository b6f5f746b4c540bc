//! The shell, from outside: real store, nodes that do what a test says, a clock that tests turn.

mod again;
mod calls;
mod cancels;
mod chance;
mod checker;
mod endings;
mod failures;
mod feed;
mod kinds;
mod limits;
mod listeners;
mod parts;
mod polls;
mod random;
mod replies;
mod retries;
mod schedules;
mod simulation;
mod static_data;
mod turns;
mod waits;
mod workers;
mod world;
