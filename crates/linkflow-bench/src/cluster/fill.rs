//! Rows that are in the database before a measurement begins: copies of what the program wrote,
//! made by the database itself.

use anyhow::ensure;

use super::Cluster;

/// Rows that are made by one statement.
const BATCH: usize = 250_000;

/// Ids as the program makes them, of the hours before now; `n` is the number of the row.
const NEW_ID: &str = "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - 1000 - n * 40), 12, '0') || '7' \
     || substr(md5(n || 'a' || random()), 1, 3) || '8' || substr(md5(n || 'b' || random()), 1, 15))::uuid";

/// Copies of the newest finished execution, with its journal.
pub fn stored(cluster: &Cluster, n: usize) -> anyhow::Result<()> {
    copies(cluster, n, "", "")
}

/// Copies of it that wait in their queue since now, as they were when they were accepted.
pub fn waiting(cluster: &Cluster, n: usize) -> anyhow::Result<()> {
    let ready = "UPDATE copies SET status = 'ready', ready_at = (extract(epoch FROM now()) * 1000)::bigint, \
         owner = NULL, attempt = 0, claim = 0, started_at = NULL, ended_at = NULL, entries = 1;";
    copies(cluster, n, ready, "AND j.seq = 0")
}

fn copies(cluster: &Cluster, n: usize, change: &str, entries: &str) -> anyhow::Result<()> {
    let model = cluster.sql("SELECT id FROM executions WHERE status = 'success' ORDER BY id DESC LIMIT 1")?;
    ensure!(!model.is_empty(), "there is no execution to copy");
    let mut done = 0;
    while done < n {
        let last = (done + BATCH).min(n);
        let first = done + 1;
        cluster.sql(&format!(
            "BEGIN; CREATE TEMP TABLE copies ON COMMIT DROP AS SELECT e.*, n FROM executions e, \
             generate_series({first}, {last}) n WHERE id = '{model}'; UPDATE copies SET id = {NEW_ID}; {change} \
             INSERT INTO journal (execution, seq, n, data) SELECT c.id, j.seq, j.n, j.data FROM copies c, journal j \
             WHERE j.execution = '{model}' {entries}; ALTER TABLE copies DROP COLUMN n; \
             INSERT INTO executions SELECT * FROM copies; COMMIT"
        ))?;
        done = last;
        eprintln!("{done} of {n} rows");
    }
    cluster.sql("VACUUM (ANALYZE) executions")?;
    cluster.sql("VACUUM (ANALYZE) journal")?;
    cluster.sql("CHECKPOINT")?;
    Ok(())
}

/// Schedules like the newest one, whose hourly ticks are spread over the hour.
pub fn schedules(cluster: &Cluster, n: usize) -> anyhow::Result<()> {
    cluster.sql(&format!(
        "BEGIN; CREATE TEMP TABLE copies ON COMMIT DROP AS SELECT s.*, n FROM \
         (SELECT * FROM schedules ORDER BY id DESC LIMIT 1) s, generate_series(1, {n}) n; \
         UPDATE copies SET id = {NEW_ID}, rule_index = n, \
         next_run_at = (extract(epoch FROM now()) * 1000)::bigint + n * 3600000::bigint / {n}; \
         ALTER TABLE copies DROP COLUMN n; INSERT INTO schedules SELECT * FROM copies; COMMIT"
    ))?;
    cluster.sql("VACUUM (ANALYZE) schedules").map(drop)
}
