//! Static data: what nodes of a workflow keep between executions.
//!
//! An execution reads what was kept when it first asks, and changes its own draft of it. The changes
//! go into the journal with the step that made them, so that whoever goes on with the execution has
//! them too, and are kept for later executions when this one ends. Nothing of an execution by hand is
//! kept. Where two executions change the same at once, the one that ends last has the last word.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use linkflow_model::Object;
use serde_json::Value;

/// The static data that one execution has changed.
#[derive(Default)]
pub struct Draft(Mutex<Changes>);

#[derive(Default)]
struct Changes {
    all: BTreeMap<String, Value>,
    /// Those that are not in the journal yet, with their steps.
    new: Vec<(u32, String)>,
}

/// Whether `key` is one of static data, and no other memory of a kind.
pub fn is_static(key: &str) -> bool {
    key == "global" || key.starts_with("node:")
}

impl Draft {
    /// What this execution has made of the data.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.changes().all.get(key).cloned()
    }

    pub fn put(&self, step: u32, key: &str, value: Value) {
        let mut changes = self.changes();
        changes.all.insert(key.to_owned(), value);
        changes.new.push((step, key.to_owned()));
    }

    /// What `step` has changed, for its entry.
    pub fn take(&self, step: u32) -> Option<Object> {
        let mut changes = self.changes();
        if changes.new.is_empty() {
            return None;
        }
        let (of_step, others) = std::mem::take(&mut changes.new).into_iter().partition(|(of, _)| *of == step);
        changes.new = others;
        let of_step: Vec<(u32, String)> = of_step;
        let changed: Object = of_step
            .into_iter()
            .filter_map(|(_, key)| changes.all.get(&key).cloned().map(|value| (key, value)))
            .collect();
        (!changed.is_empty()).then_some(changed)
    }

    /// Takes in what the journal holds.
    pub fn restore(&self, kept: Object) {
        self.changes().all.extend(kept);
    }

    pub fn all(&self) -> Vec<(String, Value)> {
        self.changes().all.clone().into_iter().collect()
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_takes_its_own_changes_and_the_draft_has_all_of_them() {
        let draft = Draft::default();
        draft.restore(Object::from_iter([("node:A".to_owned(), json!({"n": 1}))]));
        draft.put(3, "global", json!({"n": 2}));
        draft.put(4, "node:A", json!({"n": 5}));
        assert_eq!(json!(draft.take(3)), json!({"global": {"n": 2}}));
        assert_eq!(draft.take(3), None);
        assert_eq!(json!(draft.take(4)), json!({"node:A": {"n": 5}}));
        let all = [("global".to_owned(), json!({"n": 2})), ("node:A".to_owned(), json!({"n": 5}))];
        assert_eq!(draft.all(), all);
    }

    #[test]
    fn the_memory_of_other_kinds_is_no_static_data() {
        let found = ["global", "node:A", "dedupe:node:A", "poll:A"].map(is_static);
        assert_eq!(found, [true, true, false, false]);
    }
}
