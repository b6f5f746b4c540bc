//! The program: settings, roles, wiring, and the command line.

mod admin;
mod args;
mod eval;
mod import;
mod run;
mod serve;
mod wiring;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // The sandbox's child gives up its rights before there is a second thread.
    if std::env::args().nth(1).as_deref() == Some("sandbox-child") {
        linkflow_sandbox::child_main();
    }
    let args = args::Args::parse();
    let result = match args.command {
        args::Command::Serve(serve) => serve::serve(serve),
        args::Command::Run(run) => run::run(&run),
        args::Command::Import(import) => import::import(&import),
        args::Command::Eval(eval) => eval::eval(&eval),
        args::Command::Export(export) => admin::export(export),
        args::Command::Executions(command) => admin::executions(command),
        args::Command::User(command) => admin::user(command),
        args::Command::ApiKey(command) => admin::api_key(command),
    };
    match result {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            eprintln!("linkflow: {error:#}");
            std::process::ExitCode::from(2)
        }
    }
}
