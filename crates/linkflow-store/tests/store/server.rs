//! A PostgreSQL server and a PgBouncer for all stories of a run, and a database for each story.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};

use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A process of `scripts/postgres.sh`; its servers end when this does.
pub struct Servers {
    child: Child,
    pub dir: PathBuf,
    pub postgres: u16,
    pub pgbouncer: u16,
}

impl Servers {
    /// Starts servers with their files in `dir`, as `arguments` of the script say.
    pub fn start(dir: &Path, arguments: &[&str]) -> Servers {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
        let mut child = Command::new("bash")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let mut servers = (0, 0);
        let mut is_ready = false;
        for line in BufReader::new(child.stdout.take().expect("its output is read")).lines() {
            let line = line.expect("its output is text");
            let port = |text: &str| text.parse().expect("a port");
            match line.split_once(' ') {
                Some(("postgres", text)) => servers.0 = port(text),
                Some(("pgbouncer", text)) => servers.1 = port(text),
                _ if line == "ready" => {
                    is_ready = true;
                    break;
                }
                _ => {}
            }
        }
        assert!(is_ready, "scripts/postgres.sh {} could not start; it says why above", arguments.join(" "));
        Servers { child, dir: dir.to_owned(), postgres: servers.0, pgbouncer: servers.1 }
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://linkflow@127.0.0.1:{}/{database}?sslmode=disable", self.postgres)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The servers of this run. They end when this process does, because their input ends then.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("linkflow-store-{}", std::process::id()));
        let path = dir.to_str().expect("a path as text").to_owned();
        let servers = Servers::start(&dir, &["serve", &path]);
        ask(&servers.url("postgres"), "CREATE DATABASE template_of_stories");
        linkflow_store::migrate(&servers.url("template_of_stories")).unwrap();
        servers
    })
}

/// Runs SQL on a connection of its own, and gives the first column of every row. Blocks.
pub fn ask(url: &str, sql: &str) -> Vec<String> {
    try_ask(url, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

pub fn try_ask(url: &str, sql: &str) -> Result<Vec<String>, String> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    let (answer, rows) = mpsc::channel();
    // A thread of its own, because a runtime cannot block on another one.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asked = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            let open = tokio::spawn(connection);
            let rows = client.simple_query(&sql).await;
            drop(client);
            let _ = open.await;
            rows
        });
        let _ = answer.send(asked.map_err(|e| format!("{e:?}")));
    });
    let rows = rows.recv().expect("the thread answers")?;
    let first = |row: &tokio_postgres::SimpleQueryRow| row.get(0).unwrap_or("null").to_owned();
    Ok(rows
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(first(row)),
            _ => None,
        })
        .collect())
}

/// A database of one story, with the tables in it. Stories that come later use it again: making one
/// takes longer than most stories.
pub struct Database {
    pub name: String,
    is_used_again: bool,
}

/// Databases whose stories are over.
static FREE: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// While one copies the template, no other may.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Database {
    pub fn new() -> Database {
        let free = lock(&FREE).pop();
        match free {
            Some(name) => {
                let database = Database { name, is_used_again: true };
                database.empty_tables();
                database
            }
            None => {
                let mut database = Database::of("template_of_stories");
                database.is_used_again = true;
                database
            }
        }
    }

    /// A database without tables.
    pub fn empty() -> Database {
        Database::of("template0")
    }

    fn of(template: &str) -> Database {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("story_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = servers().url("postgres");
        let _alone = lock(&ONE_AT_A_TIME);
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        // The connection that filled the template may still be on its way out.
        while let Err(error) = try_ask(&url, &sql) {
            assert!(error.contains("being accessed"), "{error}");
        }
        Database { name, is_used_again: false }
    }

    /// Makes it as the template is, once nobody of an earlier story writes any more.
    fn empty_tables(&self) {
        let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname";
        ask(&servers().url("postgres"), &format!("{end} = '{}'", self.name));
        self.run(
            "DO $$ DECLARE t text; BEGIN
                 FOR t IN SELECT x || '_' || week FROM weeks, unnest(ARRAY['executions', 'journal', 'blob_refs']) x
                          WHERE week < 2900 LOOP
                     EXECUTE 'DROP TABLE ' || t;
                 END LOOP;
                 DELETE FROM weeks WHERE week < 2900;
                 FOR t IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
                          AND relnamespace = 'public'::regnamespace
                          AND relname NOT IN ('weeks', 'schema_version') LOOP
                     EXECUTE 'DELETE FROM ' || t;
                 END LOOP;
             END $$",
        );
    }

    pub fn url(&self) -> String {
        servers().url(&self.name)
    }

    pub fn pooled_url(&self) -> String {
        format!("postgres://linkflow@127.0.0.1:{}/{}?sslmode=disable", servers().pgbouncer, self.name)
    }

    pub fn run(&self, sql: &str) -> Vec<String> {
        ask(&self.url(), sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.is_used_again {
            return lock(&FREE).push(std::mem::take(&mut self.name));
        }
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = try_ask(&servers().url("postgres"), &sql);
    }
}
