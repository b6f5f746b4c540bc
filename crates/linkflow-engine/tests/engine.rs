//! The engine from outside: stories about single rules, and simulated executions in which
//! everything that can go wrong does.

#[path = "engine/checker.rs"]
mod checker;
#[path = "engine/simulation.rs"]
mod simulation;
#[path = "engine/story.rs"]
mod story;
#[path = "engine/world.rs"]
mod world;

#[path = "engine/observed.rs"]
mod observed;

#[path = "engine/joins.rs"]
mod joins;
#[path = "engine/order.rs"]
mod order;
#[path = "engine/parallel.rs"]
mod parallel;
#[path = "engine/plans.rs"]
mod plans;
#[path = "engine/time.rs"]
mod time;
