//! How a process for Python is started: the interpreter of this machine, alone with what it has
//! itself, running a program of ours that fences itself in before any code comes.

use std::path::{Path, PathBuf};

use linkflow_node::NodeError;
use tokio::process::Command;

use crate::{restrict, result};

/// What the process runs: it takes the filters for calls as its arguments.
const PROGRAM: &str = include_str!("python.py");

/// The interpreter of this machine: the system's own one, else the first on the path.
pub fn interpreter() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/local/bin", "/bin"].map(PathBuf::from);
    usual.into_iter().chain(std::env::split_paths(&path)).map(|dir| dir.join("python3")).find(|p| p.is_file())
}

pub fn missing() -> NodeError {
    let problem = "is Python, and there is no `python3` where this workflow runs: install it there \
                   (Debian: apt-get install python3), or write the code in JavaScript";
    NodeError::param("language", problem)
}

/// Nothing of the environment, of the user's modules or of the folder it is started in is looked at.
pub fn command(interpreter: &Path) -> Result<Command, NodeError> {
    let [outer, inner] = restrict::python_filters().map_err(result::unavailable)?.map(|bytes| hex(&bytes));
    let mut command = Command::new(interpreter);
    command.env_clear().args(["-I", "-S", "-c", PROGRAM, &outer, &inner]);
    Ok(command)
}

/// The request, with the limits in front, which hold from before it is read.
pub fn framed(request: &[u8], time_ms: u64, memory_bytes: usize) -> Vec<u8> {
    [&time_ms.to_le_bytes(), &(memory_bytes as u64).to_le_bytes(), request].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
