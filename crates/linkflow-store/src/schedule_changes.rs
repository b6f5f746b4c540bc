//! What people change about a schedule without publishing anew.

use linkflow_model::*;

use crate::db::params;
use crate::{Misfire, Store, StoreError};

impl Store {
    /// Says what happens with ticks that nobody could fire in time. False when the workspace has
    /// no such schedule.
    pub async fn set_schedule_misfire(
        &self,
        workspace: WorkspaceId,
        id: ScheduleId,
        misfire: Misfire,
    ) -> Result<bool, StoreError> {
        self.db
            .write(move |tx| {
                let sql = "UPDATE schedules SET misfire = $3 WHERE id = $1 AND workspace = $2";
                Ok(tx.execute(sql, params![id, workspace, misfire.as_str()])? == 1)
            })
            .await
    }
}
