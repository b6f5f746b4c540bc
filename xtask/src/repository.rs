//! What tidy looks at: the manifests, the sources, what we depend on, and the lists of exceptions,
//! read once. Nothing here judges.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The list of functions that may be long, from the root.
pub const LONG_FUNCTIONS: &str = "xtask/long-functions.txt";

/// The list of crates that are there in two versions, from the root.
pub const DUPLICATES: &str = "xtask/duplicates.txt";

/// The text of all files that matter, by their path from the root.
#[derive(Default)]
pub struct Repository {
    pub manifests: BTreeMap<String, String>,
    pub sources: BTreeMap<String, String>,
    pub long_functions: String,
    pub duplicates: String,
    pub root_manifest: String,
    pub lock: String,
    /// Each crate that is built here, with its licence: `serde v1.0.0 | MIT OR Apache-2.0`.
    pub licences: String,
    /// npm's lock file of the editor.
    pub web_lock: String,
}

impl Repository {
    /// Reads the crates and xtask below `root`.
    pub fn read(root: &Path) -> io::Result<Repository> {
        let mut repository = Repository::default();
        for folder in ["crates", "xtask"] {
            repository.read_folder(root, folder)?;
        }
        repository.long_functions = read_if_there(&root.join(LONG_FUNCTIONS))?;
        repository.duplicates = read_if_there(&root.join(DUPLICATES))?;
        repository.root_manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        repository.lock = fs::read_to_string(root.join("Cargo.lock"))?;
        repository.web_lock = read_if_there(&root.join("web/package-lock.json"))?;
        repository.licences = licences(root)?;
        Ok(repository)
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && name != "target" && name != "vendor" {
                self.read_folder(root, &path)?;
            } else if kind.is_file() && name == "Cargo.toml" {
                self.manifests.insert(path, fs::read_to_string(entry.path())?);
            } else if kind.is_file() && name.ends_with(".rs") {
                self.sources.insert(path, fs::read_to_string(entry.path())?);
            }
        }
        Ok(())
    }
}

fn read_if_there(path: &Path) -> io::Result<String> {
    if path.exists() { fs::read_to_string(path) } else { Ok(String::new()) }
}

/// What cargo says about all that is built on this machine, tests included. It asks the network
/// only for crates that have never been fetched.
fn licences(root: &Path) -> io::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--locked", "--workspace", "--prefix", "none", "--edges", "normal,build,dev"])
        .args(["--format", "{p} | {l}"])
        .current_dir(root)
        .output()?;
    if !tree.status.success() {
        let why = String::from_utf8_lossy(&tree.stderr).into_owned();
        return Err(io::Error::other(format!("cargo tree could not list the licences: {why}")));
    }
    Ok(String::from_utf8_lossy(&tree.stdout).into_owned())
}

/// The crate to which a file belongs: `linkflow-engine` for `crates/linkflow-engine/src/lib.rs`.
pub fn crate_of(path: &str) -> &str {
    path.strip_prefix("crates/").unwrap_or(path).split('/').next().unwrap_or_default()
}
