//! Turns the wall clock of single processes: a small library that is loaded into them adds what a
//! file says. The machine's own clock is never touched.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::process::run;

const SOURCE: &str = include_str!("clock.c");

/// Compiles the library. `None`, with a word about it, where there is no C compiler.
pub async fn library(dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    let (source, library) = (dir.join("clock.c"), dir.join("clock.so"));
    std::fs::write(&source, SOURCE)?;
    let mut command = Command::new("cc");
    command.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    match run(command, Duration::from_secs(60)).await {
        Ok(_) => Ok(Some(library)),
        Err(error) => {
            eprintln!("SKIPPED: no clock is turned, the library for that cannot be compiled: {error:#}");
            Ok(None)
        }
    }
}

/// The clock of one process.
#[derive(Debug)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    pub fn new(file: PathBuf) -> anyhow::Result<Clock> {
        let clock = Clock { file };
        clock.turn_by(0)?;
        Ok(clock)
    }

    /// Its clock is off by so much from now on.
    pub fn turn_by(&self, ms: i64) -> anyhow::Result<()> {
        // Written in place: the process has the file mapped.
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.file)
            .with_context(|| format!("cannot write {}", self.file.display()))?;
        file.write_all(&(ms * 1_000_000).to_ne_bytes())?;
        Ok(())
    }

    pub fn environment(&self, library: &Path) -> [(String, String); 2] {
        [
            ("LD_PRELOAD".to_owned(), library.display().to_string()),
            ("LINKFLOW_CHAOS_CLOCK".to_owned(), self.file.display().to_string()),
        ]
    }
}
