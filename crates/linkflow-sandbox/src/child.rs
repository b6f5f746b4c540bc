//! The child's side: restricts itself, then runs what comes through the pipe, one at a time.

use std::io::{self, Write};
use std::process::exit;

use linkflow_expr::code::{self, CodeFailure, CodeRequest};

use crate::{frame, restrict};

/// Name of the environment variable that says by how many bytes the address space may grow.
pub const MEMORY_VARIABLE: &str = "LINKFLOW_SANDBOX_BYTES";
const MEMORY_BYTES_DEFAULT: u64 = 1 << 30;

/// Runs as a child of [`crate::Pool`] until the pipe closes. Must be the first thing that the
/// process does: there may be one thread only.
pub fn child_main() -> ! {
    std::panic::set_hook(Box::new(|_| {}));
    let memory_bytes = std::env::var(MEMORY_VARIABLE).ok().and_then(|v| v.parse().ok());
    // What is compiled once per process is compiled now, while nobody waits for it.
    code::warm_up();
    let notes = match restrict(memory_bytes.unwrap_or(MEMORY_BYTES_DEFAULT)) {
        Ok(notes) => notes,
        Err(problem) => {
            let _ = write(b'F', problem.as_bytes());
            exit(2);
        }
    };
    if write(b'H', notes.join("\n").as_bytes()).is_err() {
        exit(0);
    }
    loop {
        // The lock on the pipe must be free again while the code runs: it may have questions.
        let next = frame::read(&mut io::stdin().lock());
        match next {
            Ok(Some((b'R', payload))) => run(&payload),
            Ok(None) => exit(0),
            _ => exit(3),
        }
    }
}

fn write(kind: u8, payload: &[u8]) -> io::Result<()> {
    frame::write(&mut io::stdout().lock(), kind, payload)
}

fn run(payload: &[u8]) {
    let result = match serde_json::from_slice::<CodeRequest>(payload) {
        Ok(request) => std::panic::catch_unwind(|| code::run_code(&request, ask))
            .unwrap_or_else(|_| Err(CodeFailure::Engine("the engine broke".to_owned()))),
        Err(e) => Err(CodeFailure::Engine(format!("the request cannot be read: {e}"))),
    };
    let sent = match &result {
        Ok(text) => write(b'D', text.as_bytes()),
        Err(failure) => write(b'F', &serde_json::to_vec(failure).unwrap_or_default()),
    };
    if sent.is_err() {
        exit(0);
    }
}

/// Asks the parent about another node.
fn ask(question: &str) -> String {
    let mut stdout = io::stdout().lock();
    if frame::write(&mut stdout, b'Q', question.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        exit(0);
    }
    match frame::read(&mut io::stdin().lock()) {
        Ok(Some((b'A', answer))) => String::from_utf8(answer).unwrap_or_default(),
        _ => exit(0),
    }
}
