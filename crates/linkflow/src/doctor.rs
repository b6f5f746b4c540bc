//! `linkflow doctor`: checks what the server depends on, and says what to do. Nothing is changed.

mod cluster;

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use linkflow_sandbox::{Pool, PoolConfig};
use linkflow_store::{Inspection, Keyring, StoreError};
use serde::Serialize;

use crate::args::Doctor;
use crate::progress::spinner;
use crate::settings::{Settings, Values};
use crate::wiring::given_secret;

/// With less space the server soon stops taking work.
const SPACE_BYTES_LOW: u64 = 1 << 30;
const SPACE_BYTES_MIN: u64 = 64 << 20;
/// The program was not built before this, 2026-01-01, in seconds since the epoch.
const BUILT_AFTER_S: u64 = 1_767_225_600;
/// Clocks of machines differ, and file systems round.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// One check. `todo` is empty when there is nothing to do.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: State,
    found: String,
    todo: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// It works, with less than there could be.
    Warning,
    Broken,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Broken => "broken",
        }
    }
}

fn ok(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, status: State::Ok, found: found.into(), todo: String::new() }
}

fn warning(name: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Check {
    Check { name, status: State::Warning, found: found.into(), todo: todo.into() }
}

fn broken(name: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Check {
    Check { name, status: State::Broken, found: found.into(), todo: todo.into() }
}

pub fn doctor(args: &Doctor) -> anyhow::Result<u8> {
    let values = Values::of(&args.settings.given());
    let progress = spinner("checks");
    let checks = checks(&values);
    progress.finish_and_clear();
    crate::signals::end_with_the_reader();
    let is_broken = checks.iter().any(|check| check.status == State::Broken);
    if args.json {
        println!("{}", serde_json::json!({"ok": !is_broken, "checks": checks}));
    } else {
        for check in &checks {
            println!("{:<8} {:<10} {}", check.status.word(), check.name, check.found);
            if !check.todo.is_empty() {
                println!("{:<19} {}", "", check.todo);
            }
        }
    }
    Ok(u8::from(is_broken))
}

fn checks(values: &Values) -> Vec<Check> {
    let settings = Settings::of(values);
    let dir = &settings.data_dir;
    if settings.database_url.is_some() {
        return cluster::checks(values, &settings);
    }
    let server = holder(dir);
    let inspection = linkflow_store::inspect(dir);
    let key_ids = inspection.as_ref().ok().and_then(Option::as_ref).map(|seen| seen.key_ids.as_slice());
    vec![
        of_settings(values),
        of_data_dir(dir),
        of_space(dir),
        of_database(dir, &inspection),
        of_key(&settings, key_ids.unwrap_or_default()),
        of_port(&settings, server.as_deref()),
        of_sandbox(),
        of_clock(dir),
        of_page(),
    ]
}

fn of_settings(values: &Values) -> Check {
    match values.problems.as_slice() {
        [] => {
            let file = values.file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
            ok("settings", format!("all of them are sound ({file})"))
        }
        problems => broken("settings", problems.join("; "), "put them right; `linkflow config` shows where"),
    }
}

/// The process that has the data open, if one has.
fn holder(dir: &Path) -> Option<String> {
    let path = dir.join("linkflow.lock");
    let file = std::fs::File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => {
            let pid = std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            Some(if pid.is_empty() { "unknown".to_owned() } else { pid })
        }
        _ => None,
    }
}

fn of_data_dir(dir: &Path) -> Check {
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Ok(found) if !found.is_dir() => broken(
            "data",
            format!("{shown} is not a folder"),
            "name another one with --data-dir, or move the file away",
        ),
        Ok(_) => match try_file(dir) {
            Ok(()) => ok("data", format!("{shown} can be written to")),
            Err(e) => broken(
                "data",
                format!("{shown} cannot be written to: {e}"),
                "check its owner, its mode, the space left, and whether the file system is read-only",
            ),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => of_parent(dir),
        Err(e) => broken("data", format!("{shown}: {e}"), "name another folder with --data-dir"),
    }
}

fn of_parent(dir: &Path) -> Check {
    let shown = dir.display();
    let parent = dir.ancestors().skip(1).find(|p| p.as_os_str().is_empty() || p.exists());
    let parent = parent.filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match try_file(parent) {
        Ok(()) => ok("data", format!("{shown} does not exist yet; the first start makes it")),
        Err(e) => broken(
            "data",
            format!("{shown} does not exist, and cannot be made in {}: {e}", parent.display()),
            "make it, give it to the user that runs the server, or name another one with --data-dir",
        ),
    }
}

/// Writes a small file, and removes it.
fn try_file(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!(".linkflow-doctor-{}", std::process::id()));
    let written = std::fs::File::create_new(&path).and_then(|mut file| {
        file.write_all(b"a word to see whether it can be written")?;
        file.sync_all()
    });
    let _ = std::fs::remove_file(&path);
    written
}

fn of_space(dir: &Path) -> Check {
    let existing = dir.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let Some(bytes) = free_bytes(existing) else {
        return warning("space", "the free space cannot be told", "look with `df`");
    };
    let found = format!("{} MB are free on the disk of {}", bytes >> 20, dir.display());
    let todo = "free some, remove old executions with RETENTION_DAYS, or move the data to a larger disk";
    match bytes {
        0..SPACE_BYTES_MIN => broken("space", found, todo),
        SPACE_BYTES_MIN..SPACE_BYTES_LOW => warning("space", found, todo),
        _ => ok("space", found),
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero, and the call fills the struct when it gives 0.
    let found = unsafe {
        if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn of_database(dir: &Path, inspection: &Result<Option<Inspection>, StoreError>) -> Check {
    let known = linkflow_store::known_schema();
    let seen = match inspection {
        Ok(None) => return ok("database", format!("there is none in {} yet", dir.display())),
        Err(error) => return broken("database", error.to_string(), "put the files back from a copy"),
        Ok(Some(seen)) => seen,
    };
    let size = format!("version {}, {} kB", seen.schema, seen.bytes >> 10);
    if !seen.damage.is_empty() {
        let todo = "stop the server, keep a copy of the folder, and put back the newest sound copy";
        return broken("database", format!("{size}, damaged: {}", seen.damage.join("; ")), todo);
    }
    if seen.schema > known {
        let found = format!("{size}; this program knows versions up to {known}");
        return broken("database", found, "run the newer linkflow, or put back a copy of before the upgrade");
    }
    if seen.schema < known {
        return ok("database", format!("{size}, sound; the next start brings it to version {known}"));
    }
    ok("database", format!("{size}, sound"))
}

fn of_key(settings: &Settings, sealed: &[String]) -> Check {
    let file = settings.key_file();
    let secret = match given_secret(settings) {
        Ok(Some(secret)) => secret,
        Err(error) => {
            return broken("key", format!("{error:#}"), "make the file readable, or correct its path");
        }
        Ok(None) => match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().to_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && sealed.is_empty() => {
                return ok("key", format!("there is none yet; the first start makes {}", file.display()));
            }
            Err(e) => {
                let found = format!("{} cannot be read: {e}; credentials are sealed with it", file.display());
                return broken("key", found, "put it back from a copy, or give it as SECRET_KEY");
            }
        },
    };
    let keyring = match Keyring::new(&secret, &[]) {
        Ok(keyring) => keyring,
        Err(error) => return broken("key", error.to_string(), "make one with `openssl rand -hex 32`"),
    };
    let foreign: Vec<&str> =
        sealed.iter().map(String::as_str).filter(|id| *id != keyring.current_id()).collect();
    if !foreign.is_empty() {
        let found =
            format!("it is {}, but credentials are sealed with {}", keyring.current_id(), foreign.join(", "));
        return broken(
            "key",
            found,
            "give the key that they were sealed with, as SECRET_KEY or SECRET_KEY_FILE",
        );
    }
    match is_open_to_others(&file) {
        true => warning(
            "key",
            format!("others can read {}", file.display()),
            format!("chmod 600 {}", file.display()),
        ),
        false => ok("key", format!("it is {}", keyring.current_id())),
    }
}

fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

fn of_port(settings: &Settings, server: Option<&str>) -> Check {
    let at = format!("{}:{}", settings.host, settings.port);
    match (TcpListener::bind((settings.host.as_str(), settings.port)), server) {
        (Ok(_), None) => ok("port", format!("{at} is free")),
        (Ok(_), Some(pid)) => ok("port", format!("{at} is free; process {pid} serves these data elsewhere")),
        (Err(_), Some(pid)) => ok("port", format!("{at} is taken, and process {pid} serves these data")),
        (Err(e), None) => broken(
            "port",
            format!("cannot listen on {at}: {e}"),
            "stop the program that listens there, or choose another port with --port",
        ),
    }
}

fn of_sandbox() -> Check {
    let todo = "allow the server seccomp and landlock (containers: the default seccomp profile does), or code nodes will fail";
    let probed = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async { Ok::<_, String>(pool()?.probe().await.map_err(|e| e.to_string())?) })
    });
    match probed {
        Err(e) => broken("sandbox", e.to_string(), todo),
        Ok(Err(e)) => broken("sandbox", e, todo),
        Ok(Ok(notes)) if notes.is_empty() => ok("sandbox", "code runs behind landlock, seccomp and limits"),
        Ok(Ok(notes)) => {
            let notes = notes.replace('\n', "; ");
            warning("sandbox", notes, "a newer kernel (6.12, with landlock turned on) adds the missing wall")
        }
    }
}

fn pool() -> Result<std::sync::Arc<Pool>, String> {
    PoolConfig::of_current_program().map(Pool::new).map_err(|e| e.to_string())
}

fn of_clock(dir: &Path) -> Check {
    let now = SystemTime::now();
    let todo =
        "set the clock, and let it be kept (`timedatectl set-ntp true`): schedules and sign-ins go by it";
    if now < SystemTime::UNIX_EPOCH + Duration::from_secs(BUILT_AFTER_S) {
        return broken("clock", "it shows a time before this program was written", todo);
    }
    let files = ["linkflow.db", "linkflow.db-wal"].map(|name| dir.join(name));
    let newest = files.iter().filter_map(|f| std::fs::metadata(f).ok()?.modified().ok()).max();
    match newest {
        Some(newest) if newest > now + CLOCK_SLACK => {
            broken("clock", "the newest data were written in what it takes for the future", todo)
        }
        _ => ok("clock", "it is not behind the data"),
    }
}

fn of_page() -> Check {
    match linkflow_api::has_page() {
        true => ok("page", "the editor is part of this build"),
        false => warning("page", "the editor is not part of this build; the API is", "build with `make run`"),
    }
}
