//! What tidy looks at: the manifests, the sources and the list of long functions, read once.
//! Nothing here judges.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The list of functions that may be long, from the root.
pub const LONG_FUNCTIONS: &str = "xtask/long-functions.txt";

/// The text of all files that matter, by their path from the root.
#[derive(Default)]
pub struct Repository {
    pub manifests: BTreeMap<String, String>,
    pub sources: BTreeMap<String, String>,
    pub long_functions: String,
}

impl Repository {
    /// Reads the crates and xtask below `root`.
    pub fn read(root: &Path) -> io::Result<Repository> {
        let mut repository = Repository::default();
        for folder in ["crates", "xtask"] {
            repository.read_folder(root, folder)?;
        }
        let list = root.join(LONG_FUNCTIONS);
        repository.long_functions = if list.exists() { fs::read_to_string(list)? } else { String::new() };
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

/// The crate to which a file belongs: `linkflow-engine` for `crates/linkflow-engine/src/lib.rs`.
pub fn crate_of(path: &str) -> &str {
    path.strip_prefix("crates/").unwrap_or(path).split('/').next().unwrap_or_default()
}
