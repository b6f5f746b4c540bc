//! Stories about the store, told through its public face only, so that every database it runs on
//! can be held to them.

mod claims;
mod contention;
mod crashes;
mod golden;
mod handing;
mod help;
mod journal;
mod opening;
mod retention;
mod schedules;
mod waits;
