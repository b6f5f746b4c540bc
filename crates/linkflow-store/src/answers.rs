//! Journals that outlive their execution for a moment. A request may wait at another process for the
//! end of an execution whose workflow keeps no data: the journal is the answer, so it stays until
//! whoever waits has had the time to read it, however the news of the end came.

use linkflow_model::{ExecutionId, Millis, Status};

use crate::db::{Tx, params};
use crate::executions::status;
use crate::{Store, StoreError, journal};

/// How long after its end a journal stays, in milliseconds: longer than those who wait are without
/// news when the queue's server is gone.
const READABLE_MS: u64 = 60_000;
/// Journals removed in one transaction.
const BATCH: usize = 200;

impl Store {
    /// Has the journal of an execution that is about to end with `status` removed later. Called
    /// before the end is written; should it end in another way after all, its journal stays.
    pub async fn remove_later(
        &self,
        execution: ExecutionId,
        status: Status,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO outliving_journals (execution, status, since) VALUES ($1, $2, $3) \
                     ON CONFLICT (execution) DO UPDATE SET status = $2, since = $3",
                    params![execution, status, now],
                )
                .map(drop)
            })
            .await
    }

    /// Removes journals that have been kept for long enough; says whether more may be due.
    pub async fn remove_outlived(&self, now: Millis) -> Result<bool, StoreError> {
        let before = Millis(now.0 - READABLE_MS as i64);
        // A look that writes nothing: nearly always there is nothing to do.
        let due = self.db.read(move |tx| outlived(tx, before)).await?;
        let n = due.len();
        if n > 0 {
            self.db
                .write(move |tx| due.into_iter().try_for_each(|(id, end)| remove(tx, id, end, now)))
                .await?;
        }
        Ok(n == BATCH)
    }
}

fn outlived(tx: &mut Tx<'_>, before: Millis) -> Result<Vec<(ExecutionId, Status)>, StoreError> {
    tx.query(
        "SELECT execution, status FROM outliving_journals WHERE since <= $1 ORDER BY since LIMIT $2",
        params![before, BATCH],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

fn remove(tx: &mut Tx<'_>, id: ExecutionId, end: Status, now: Millis) -> Result<(), StoreError> {
    // One whose worker died before the end was written is noted anew by the next.
    if status(tx, id)? == Some(end) {
        journal::drop_data(tx, id, now)?;
    }
    tx.execute("DELETE FROM outliving_journals WHERE execution = $1", params![id]).map(drop)
}
