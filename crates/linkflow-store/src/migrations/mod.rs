//! The tables, as numbered steps. A step that was released is never changed: what it made is
//! changed by a later one.

use crate::StoreError;
use crate::db::{Tx, params};

struct Migration {
    version: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sqlite: include_str!("0001_executions.sqlite.sql"),
        postgres: include_str!("0001_executions.postgres.sql"),
    },
    Migration {
        version: 2,
        sqlite: include_str!("0002_resources.sqlite.sql"),
        postgres: include_str!("0002_resources.postgres.sql"),
    },
    Migration {
        version: 3,
        sqlite: include_str!("0003_claims.sqlite.sql"),
        postgres: concat!(include_str!("0003_claims.postgres.sql"), include_str!("0003_groups.postgres.sql")),
    },
    Migration {
        version: 4,
        sqlite: include_str!("0004_turns.sqlite.sql"),
        postgres: include_str!("0004_turns.postgres.sql"),
    },
    Migration {
        version: 5,
        sqlite: include_str!("0005_limits.sqlite.sql"),
        postgres: include_str!("0005_limits.postgres.sql"),
    },
    Migration {
        version: 6,
        sqlite: include_str!("0006_data_tables.sqlite.sql"),
        postgres: include_str!("0006_data_tables.postgres.sql"),
    },
    Migration {
        version: 7,
        sqlite: "-- Only the functions of the other database change.",
        postgres: include_str!("0007_first_claims.postgres.sql"),
    },
    Migration {
        version: 8,
        sqlite: include_str!("0008_outliving_journals.sqlite.sql"),
        postgres: include_str!("0008_outliving_journals.postgres.sql"),
    },
    Migration {
        version: 9,
        sqlite: include_str!("0009_listeners.sqlite.sql"),
        postgres: include_str!("0009_listeners.postgres.sql"),
    },
];

/// The newest version of the tables that this program knows.
pub(crate) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// Brings the tables up to what this program knows, in the caller's transaction.
pub(crate) fn migrate(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)")?;
    let found: i64 = tx.query_value("SELECT COALESCE(MAX(version), 0) FROM schema_version", params![])?;
    let known = known();
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in MIGRATIONS.iter().filter(|m| m.version > found) {
        tx.batch(if tx.is_postgres() { migration.postgres } else { migration.sqlite })?;
        tx.execute("INSERT INTO schema_version (version) VALUES ($1)", params![migration.version])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_without_gaps() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|m| m.version).collect();
        assert_eq!(versions, (1..=MIGRATIONS.len() as i64).collect::<Vec<_>>());
    }
}
