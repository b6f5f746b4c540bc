//! A shelf for values that take long to get, shared by all processes: each is there for a while and then
//! gone by itself, and losing them costs time only. Values stand under a topic; forgetting a topic makes
//! all of its values unreachable at once, those included that somebody read before and puts there after.
//!
//! Whoever finds nothing is asked to bring the value. Others who want it meanwhile are told to wait a
//! moment, so that a thousand requests are one question to the database.

use std::time::Duration;

use super::{RedisQueue, scripts};
use crate::job::QueueError;

/// How long others wait for the one who brings a value before somebody else is asked.
const BRINGING_MS: u64 = 2_000;

/// What is on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelved {
    Found(Vec<u8>),
    /// Nothing, and the caller is to bring it with this slip.
    Missing(Slip),
    /// Nothing yet, somebody else brings it.
    Coming,
}

/// The right to bring a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    key: String,
    token: Vec<u8>,
}

impl RedisQueue {
    pub async fn shelved(&self, topic: &str, name: &str) -> Result<Shelved, QueueError> {
        let token = uuid::Uuid::new_v4().as_bytes().to_vec();
        let keys = [generation_of(topic)];
        let arguments =
            [prefix_of(topic).into_bytes(), name.into(), token.clone(), BRINGING_MS.to_string().into_bytes()];
        let found: (i64, Vec<u8>) = self.inner.link.run(&scripts::SHELF_LOOK, &keys, &arguments).await?;
        Ok(match found {
            (0, value) => Shelved::Found(value),
            (1, key) => Shelved::Missing(Slip { key: String::from_utf8_lossy(&key).into_owned(), token }),
            _ => Shelved::Coming,
        })
    }

    /// Brings a value, which stays for `keep`.
    pub async fn shelve(&self, slip: Slip, value: &[u8], keep: Duration) -> Result<(), QueueError> {
        let keys = [slip.key.clone(), bringing(&slip.key)];
        let keep_ms = keep.as_millis().max(1).to_string().into_bytes();
        let arguments = [slip.token, value.to_vec(), keep_ms];
        self.inner.link.run::<i64>(&scripts::SHELF_PUT, &keys, &arguments).await.map(drop)
    }

    /// Says that there is nothing to bring, so that nobody waits for it.
    pub async fn bring_nothing(&self, slip: Slip) -> Result<(), QueueError> {
        let keys = [bringing(&slip.key)];
        self.inner.link.run::<i64>(&scripts::SHELF_LEAVE, &keys, &[slip.token]).await.map(drop)
    }

    /// Forgets all values of a topic.
    pub async fn clear_shelf(&self, topic: &str) -> Result<(), QueueError> {
        let cleared = redis::cmd("INCR").arg(generation_of(topic)).to_owned();
        self.inner.link.call::<i64>(&cleared).await.map(drop)
    }
}

// All keys of a topic are in one slot.
fn prefix_of(topic: &str) -> String {
    format!("linkflow:{{shelf:{topic}}}:")
}

fn generation_of(topic: &str) -> String {
    prefix_of(topic) + "generation"
}

fn bringing(key: &str) -> String {
    format!("{key}:bringing")
}
