//! The queues, told as stories: what both must do, what only the one in Redis does, and what
//! servers of real programs (redis-server, its Sentinels and its cluster, asynq) make of it.

mod asynq_tools;
mod cluster;
mod conformance;
mod feed;
mod leader;
mod model;
mod outages;
mod servers;
mod shelf;
mod stage;
mod tls;
mod wire;
