//! Chores of the repository: `cargo run -p xtask -- tidy`.
//!
//! It reads files as text and has no dependency, so that it is built in a second; licences it has
//! from `cargo tree`.

mod dependencies;
mod functions;
mod repository;
mod source;
mod walls;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use repository::Repository;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy(&root()),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy");
            ExitCode::from(2)
        }
    }
}

/// The repository's root, from where the program was built.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask is a folder of the repository").to_owned()
}

fn tidy(root: &Path) -> ExitCode {
    let repository = match Repository::read(root) {
        Ok(repository) => repository,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::from(2);
        }
    };
    let problems = problems(&repository);
    for problem in &problems {
        eprintln!("{problem}");
    }
    let n_files = repository.sources.len();
    match problems.len() {
        0 => println!("tidy: {n_files} files and {} crates are in order", repository.manifests.len()),
        n => eprintln!("tidy: {n} problems"),
    }
    ExitCode::from(u8::from(!problems.is_empty()))
}

/// All that is wrong, each as `file: what is wrong; what to do`.
fn problems(repository: &Repository) -> Vec<String> {
    let mut problems = walls::problems(repository);
    problems.extend(source::problems(repository));
    problems.extend(functions::problems(repository));
    problems.extend(dependencies::problems(repository));
    problems
}
