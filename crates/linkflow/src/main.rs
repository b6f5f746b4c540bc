//! The program: settings, roles, wiring, and the command line.

mod args;
mod capacity;
mod compare;
mod config;
mod desk;
mod doctor;
mod eval;
mod executions;
mod export;
mod from_n8n;
mod import;
mod import_summary;
mod log;
mod metrics;
mod people;
mod process;
mod progress;
#[cfg(test)]
mod reference;
mod roles;
mod run;
mod serve;
mod settings;
mod signals;
mod wiring;

use args::Command;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    take_small_pages();
    // The sandbox's child gives up its rights before there is a second thread.
    if std::env::args().nth(1).as_deref() == Some("sandbox-child") {
        linkflow_sandbox::child_main();
    }
    signals::outlive_full_files();
    let args = args::Args::parse();
    let serves = matches!(args.command, Command::Api(_) | Command::Worker(_) | Command::Scheduler(_));
    if !serves
        && !matches!(
            args.command,
            Command::Serve(_) | Command::Run(_) | Command::Compare(_) | Command::Doctor(_)
        )
    {
        signals::end_with_the_reader();
    }
    let result = match args.command {
        Command::Serve(serve) => serve::serve(&serve),
        Command::Migrate(migrate) => roles::migrate(&migrate),
        Command::Api(role) => roles::api(&role),
        Command::Worker(role) => roles::worker(&role),
        Command::Scheduler(role) => roles::scheduler(&role),
        Command::Run(run) => run::run(&run),
        Command::Import(import) => import::import(&import),
        Command::Compare(compare) => compare::compare(&compare),
        Command::Eval(eval) => eval::eval(&eval),
        Command::Export(export) => export::export(export),
        Command::Executions(command) => executions::executions(command),
        Command::User(command) => people::user(command),
        Command::ApiKey(command) => people::api_key(command),
        Command::Config(config) => config::config(&config),
        Command::Doctor(doctor) => doctor::doctor(&doctor),
        Command::Capacity(capacity) => capacity::capacity(&capacity),
    };
    match result {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            eprintln!("linkflow: {error:#}");
            std::process::ExitCode::from(2)
        }
    }
}

/// The allocator asks for huge pages, which take 2 MB for every few bytes that are touched: that
/// more than doubles the memory of a child that runs code. Children inherit this.
fn take_small_pages() {
    // SAFETY: it sets a flag of this process; where the kernel does not know it, nothing changes.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}
