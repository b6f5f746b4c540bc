//! A look at a server from outside: whether it can be reached, what it is, and who follows it.
//! Nothing is written.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use super::tls::Address;
use super::{fault, on_own_thread};
use crate::StoreError;

const CONNECT: Duration = Duration::from_secs(5);
/// For how long a server that was reached may take to answer everything.
const ANSWER: Duration = Duration::from_secs(10);

/// What a look at a PostgreSQL server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLook {
    pub version: String,
    /// Version of its tables; 0 when they were never made.
    pub schema: i64,
    /// It follows another server, and takes no writes.
    pub is_replica: bool,
    /// The port at which the server itself listens, where that can be told: another one than that of
    /// the address when a pooler is between.
    pub port: Option<u16>,
    /// Ids of the keys that its credentials are sealed with.
    pub key_ids: Vec<String>,
    pub followers: Vec<Follower>,
}

/// A server that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    pub name: String,
    /// `streaming`, `catchup`, ...
    pub state: String,
    pub is_synchronous: bool,
    /// How far it is behind.
    pub lag_ms: u64,
}

/// Looks at the server at `url`. Blocks.
///
/// # Errors
/// When it cannot be reached or does not answer.
pub fn look_at(url: &str) -> Result<ServerLook, StoreError> {
    let address = Address::parse("DATABASE_URL", url, CONNECT)?;
    on_own_thread(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| StoreError::Database(format!("no runtime for a connection: {e}")))?;
        let asked = runtime.block_on(async { tokio::time::timeout(CONNECT + ANSWER, look(&address)).await });
        asked.unwrap_or_else(|_| Err(StoreError::Database("it does not answer".to_owned())))
    })
}

async fn look(address: &Address) -> Result<ServerLook, StoreError> {
    let (client, connection) = address.connect().await.map_err(|e| fault::unreachable(&e))?;
    tokio::spawn(async move { drop(connection.await) });
    // One flight: behind a pooler, the next one may be answered by another server.
    let rows = async |sql: &str| -> Result<Vec<Vec<String>>, StoreError> {
        let messages = client.simple_query(sql).await.map_err(|e| {
            StoreError::Database(e.as_db_error().map_or_else(|| e.to_string(), |e| e.message().to_owned()))
        })?;
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    };
    let server = rows(
        "SELECT current_setting('server_version'), pg_is_in_recovery(), inet_server_port(), \
         to_regclass('schema_version') IS NOT NULL, to_regclass('credentials') IS NOT NULL",
    )
    .await?;
    let cell = |n: usize| server.first().and_then(|row| row.get(n)).map_or("", String::as_str);
    let schema = match cell(3) {
        "t" => first_number(&rows("SELECT COALESCE(MAX(version), 0) FROM schema_version").await?),
        _ => 0,
    };
    let key_ids = match cell(4) {
        "t" => rows("SELECT DISTINCT key_id FROM credentials ORDER BY key_id").await?.concat(),
        _ => Vec::new(),
    };
    let followers = rows(
        "SELECT application_name, state, sync_state IN ('sync', 'quorum'), \
         COALESCE((extract(epoch FROM replay_lag) * 1000)::bigint, 0) FROM pg_stat_replication ORDER BY 1",
    )
    .await?;
    let follower = |row: Vec<String>| Follower {
        name: row[0].clone(),
        state: row[1].clone(),
        is_synchronous: row[2] == "t",
        lag_ms: row[3].parse().unwrap_or(0),
    };
    Ok(ServerLook {
        version: cell(0).to_owned(),
        schema,
        is_replica: cell(1) == "t",
        port: cell(2).parse().ok(),
        key_ids,
        followers: followers.into_iter().map(follower).collect(),
    })
}

fn first_number(rows: &[Vec<String>]) -> i64 {
    rows.first().and_then(|row| row.first()?.parse().ok()).unwrap_or(0)
}
