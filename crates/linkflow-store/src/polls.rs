//! The end of a poll: its tick, what it starts and what it has seen, all of it or nothing.

use linkflow_model::Millis;
use serde_json::Value;

use crate::db::params;
use crate::executions::insert as insert_execution;
use crate::schedules::note;
use crate::{Fired, NewExecution, Schedule, Store, StoreError, kept};

impl Store {
    /// As [`Store::fire`]; `seen` is the key of what is kept, what was kept when the poll began, and
    /// what is kept from now on. When something else is kept by now, nothing is written: what was
    /// found is not new any more.
    pub async fn fire_poll(
        &self,
        schedule: &Schedule,
        fire_time: Millis,
        next_run_at: Option<Millis>,
        executions: Vec<NewExecution>,
        seen: Option<(String, Option<Value>, Value)>,
    ) -> Result<Fired, StoreError> {
        if next_run_at.is_some_and(|next| next <= fire_time) {
            return Err(StoreError::invalid("next_run_at", "must be later than the tick"));
        }
        if let Some((_, _, new)) = &seen {
            Store::check_kept(new)?;
        }
        let prepared = self.prepare_all(executions).await?;
        let (id, workspace, workflow) = (schedule.id, schedule.workspace, schedule.workflow);
        self.db
            .write_owed(move |tx| {
                tx.lock_row("workflows", workflow)?;
                if let Some((key, before, _)) = &seen {
                    let now: Option<Value> = tx.query_opt(
                        "SELECT value FROM kept WHERE workspace = $1 AND workflow = $2 AND key = $3",
                        params![workspace, workflow, key],
                        |row| row.get(0),
                    )?;
                    if now != *before {
                        return Ok(Fired::Already);
                    }
                }
                if !note(tx, id, fire_time, next_run_at, prepared.len())? {
                    return Ok(Fired::Already);
                }
                if let Some((key, _, new)) = &seen {
                    kept::put(tx, workspace, workflow, key, new, fire_time)?;
                }
                let mut started = Vec::new();
                for execution in &prepared {
                    started.push(insert_execution(tx, execution)?.id);
                }
                Ok(Fired::Started(started))
            })
            .await
    }
}
