//! A look at a database from outside: which version it has, and whether it is sound. Nothing is
//! written, so it works beside a server and on data that this program cannot open.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::{StoreError, migrations};

/// Most complaints about a damaged file that are read.
const DAMAGE_MAX: usize = 10;

/// What a look at a database gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Version of its tables; 0 when they were never made, or what is damaged hides it.
    pub schema: i64,
    pub bytes: u64,
    /// What is damaged; empty when nothing is.
    pub damage: Vec<String>,
    /// Ids of the keys that its credentials are sealed with.
    pub key_ids: Vec<String>,
}

/// The newest version of the tables that this program knows.
pub fn known_schema() -> i64 {
    migrations::known()
}

/// Looks at the database in `dir`; nothing when there is none. Reads the whole file, and blocks.
///
/// # Errors
/// When the file cannot be opened, or is no database.
pub fn inspect(dir: &Path) -> Result<Option<Inspection>, StoreError> {
    let path = dir.join("linkflow.db");
    let bytes = match std::fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io(&path, &e)),
    };
    let failed = |e: rusqlite::Error| StoreError::sqlite(&path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(&path, flags).map_err(failed)?;
    database.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
    let check = format!("PRAGMA quick_check({DAMAGE_MAX})");
    let mut damage = match texts(&database, &check) {
        // Damage in the wrong place ends the check itself.
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => vec![e.to_string()],
        found => found.map_err(failed)?,
    };
    damage.retain(|line| line != "ok");
    if !damage.is_empty() {
        return Ok(Some(Inspection { schema: 0, bytes, damage, key_ids: Vec::new() }));
    }
    let schema = match has_table(&database, "schema_version").map_err(failed)? {
        true => database
            .query_row("SELECT COALESCE(MAX(version), 0) FROM schema_version", [], |row| row.get(0))
            .map_err(failed)?,
        false => 0,
    };
    let key_ids = match has_table(&database, "credentials").map_err(failed)? {
        true => {
            texts(&database, "SELECT DISTINCT key_id FROM credentials ORDER BY key_id").map_err(failed)?
        }
        false => Vec::new(),
    };
    Ok(Some(Inspection { schema, bytes, damage, key_ids }))
}

fn has_table(database: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    database.query_row(sql, [name], |row| row.get::<_, i64>(0)).map(|n| n > 0)
}

fn texts(database: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = database.prepare(sql)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store};

    #[tokio::test]
    async fn a_sound_database_is_seen_beside_the_store_that_has_it_open() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(inspect(dir.path()).unwrap(), None);
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let seen = inspect(dir.path()).unwrap().unwrap();
        assert_eq!((seen.schema, seen.damage.len(), seen.key_ids.len()), (known_schema(), 0, 0));
        store.close().await;
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_and_one_with_holes_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linkflow.db");
        std::fs::write(&path, "certainly no database, but long enough to be looked at for a while").unwrap();
        assert!(matches!(inspect(dir.path()), Err(StoreError::Corrupted { .. })));
        std::fs::remove_file(&path).unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        store.close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        let seen = inspect(dir.path());
        assert!(seen.as_ref().is_ok_and(|s| s.as_ref().is_some_and(|s| !s.damage.is_empty())), "{seen:?}");
    }
}
