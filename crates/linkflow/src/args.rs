//! The words of the command line. The options that are settings come from `settings/table.rs`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::settings::{Flags, RUN, SERVE, STORE};

/// What every command's exit status means.
const STATUS: &str = "Exit status: 0 when all went well; 1 when the command did its work and found something \
wrong (an execution failed, a file was not imported, a check failed); 2 when it could not start (wrong words, \
a wrong setting, data that cannot be opened).";

/// Runs workflows, n8n's files included, and loses nothing.
#[derive(Parser, Debug)]
#[command(name = "linkflow", version, max_term_width = 100, after_help = STATUS)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs everything in this process: API, webhooks, schedules, worker, page.
    #[command(
        after_help = "Examples:\n  linkflow serve\n  linkflow serve --data-dir /var/lib/linkflow --port 80 --host 0.0.0.0\n  PUBLIC_URL=https://flows.example.com linkflow serve --config /etc/linkflow.toml\n\nCtrl+C or SIGTERM ends it: no new work, then up to SHUTDOWN_GRACE_SECONDS for what runs. What is not done by then goes on at the next start."
    )]
    Serve(Serve),
    /// Prepares the database of a cluster: makes its tables, or brings them up to date.
    #[command(
        after_help = "Example:\n  DATABASE_URL=postgres://linkflow:secret@db/linkflow linkflow migrate\n\nWith a pooler between, name the server itself in DATABASE_DIRECT_URL. Several may do this at the same time; the roles do it at their start as well."
    )]
    Migrate(Migrate),
    /// Answers HTTP as a part of a cluster: the API, webhooks and the page. Runs nothing itself.
    #[command(
        after_help = "Example:\n  DATABASE_URL=postgres://linkflow:secret@db/linkflow REDIS_URL=redis://queue linkflow api --host 0.0.0.0\n\nAny number may run, on port 8090 unless PORT says otherwise. All roles need the same SECRET_KEY and the same data folder, or one that they share.\n\nCtrl+C or SIGTERM ends it: it takes no new connections and answers what it has taken."
    )]
    Api(RoleArgs),
    /// Runs executions as a part of a cluster.
    #[command(
        after_help = "Examples:\n  DATABASE_URL=postgres://linkflow:secret@db/linkflow REDIS_URL=redis://queue linkflow worker\n  QUEUE_NAME=workflow:partition:0 WORKER_CONCURRENCY=20 linkflow worker\n\nIts health and metrics are on port 8091 unless PORT says otherwise. While Redis cannot be reached it asks the database for work.\n\nCtrl+C or SIGTERM ends it: no new work, then up to SHUTDOWN_GRACE_SECONDS for what runs. What is not done by then goes on at another worker."
    )]
    Worker(RoleArgs),
    /// Keeps a cluster going: fires schedules, wakes what waits, finds dead workers, removes what is old.
    #[command(
        after_help = "Example:\n  DATABASE_URL=postgres://linkflow:secret@db/linkflow REDIS_URL=redis://queue LEADER_TTL=30s linkflow scheduler\n\nOf several one leads and the others stand by. Health and metrics are on port 8092 unless PORT says otherwise.\n\nCtrl+C or SIGTERM ends it, and another one leads at once."
    )]
    Scheduler(RoleArgs),
    /// Runs one workflow file without a server and prints what each node gave.
    #[command(
        after_help = "Examples:\n  linkflow run order-intake.json\n  linkflow run report.json --input items.json --json\n\nExit status: 0 when it succeeded, 1 when it failed, 2 when it could not start."
    )]
    Run(Run),
    /// Imports workflow files, and says what becomes of them, node by node.
    #[command(
        after_help = "Examples:\n  linkflow import --check workflows/\n  linkflow import --publish order-intake.json report.json\n  linkflow import --json exported/ > report.json\n  linkflow import --check --summary workflows/\n  linkflow import --from-n8n ~/.n8n/database.sqlite\n\nA server that runs on the same data holds them: stop it first, or drop the files on its page, or post them to /api/v1/workflows/import.\n\nExit status: 0 when all were imported (and published, if asked), 1 when some were not, 2 when it could not start."
    )]
    Import(Import),
    /// Runs the executions that an n8n instance has stored once more, node by node, and says where the
    /// results differ.
    #[command(
        after_help = "Examples:\n  linkflow compare ~/.n8n/database.sqlite\n  linkflow compare --json --limit 20 postgres://n8n@localhost/n8n > differences.json\n\nNodes that start executions or have effects outside are left out, and nothing is kept.\n\nExit status: 0 when nothing differs, 1 when something does, 2 when it could not start."
    )]
    Compare(Compare),
    /// Evaluates an expression, or a file of them.
    #[command(
        after_help = "Examples:\n  linkflow eval '={{ $json.name.toUpperCase() }}' --item '{\"name\": \"ada\"}'\n  linkflow eval --cases cases.jsonl\n\nA line of a file of cases is {\"expression\": \"={{ ... }}\", \"json\": {...}, \"context\": {...}}.\n\nExit status: 0 when it has a value, 1 when it failed, 2 when it could not start."
    )]
    Eval(Eval),
    /// Writes stored workflows as files.
    #[command(
        after_help = "Examples:\n  linkflow export 01a20852-5b1b-701f-b3b3-d73f05983647 > order-intake.json\n  linkflow export --all --out backup/\n  linkflow export --all --format n8n --out for-n8n/ --json\n\nA running server need not be stopped."
    )]
    Export(Export),
    /// Looks at executions, repeats them, and ends them.
    #[command(
        subcommand,
        after_help = "Examples:\n  linkflow executions list --status error --json\n  linkflow executions show 01a20852-5b1b-701f-b3b3-d73f05983647\n  linkflow executions retry 01a20852-5b1b-701f-b3b3-d73f05983647 --from failed\n\nA running server need not be stopped."
    )]
    Executions(ExecutionsCommand),
    /// People who sign in.
    #[command(
        subcommand,
        after_help = "Example:\n  PASSWORD='a long pass phrase' linkflow user create me@example.com"
    )]
    User(UserCommand),
    /// Keys with which programs call the API.
    #[command(
        subcommand,
        name = "apikey",
        after_help = "Example:\n  linkflow apikey create deploy --scope read --scope write"
    )]
    ApiKey(ApiKeyCommand),
    /// Shows every setting, its value, and where that comes from.
    #[command(
        after_help = "Examples:\n  linkflow config\n  linkflow config --config /etc/linkflow.toml --json\n  linkflow config --data-dir /var/lib/linkflow\n\nAn option beats the environment, which beats the file, which beats the default. Secrets are not shown.\n\nExit status: 0, or 1 when a setting is wrong."
    )]
    Config(Config),
    /// Checks what the server depends on, and says what to do.
    #[command(
        after_help = "Examples:\n  linkflow doctor\n  linkflow doctor --data-dir /var/lib/linkflow --json\n\nA running server need not be stopped, and nothing is changed.\n\nExit status: 0, or 1 when something is broken."
    )]
    Doctor(Doctor),
    /// Says how many API servers and workers a load needs, and of what size the rest.
    #[command(
        after_help = "Examples:\n  linkflow capacity --executions-per-hour 36000 --execution-seconds 5 --requests-per-second 2800\n  linkflow capacity --from http://10.0.0.1:8090 --from http://10.0.0.2:8091 --over-seconds 60 --json\n\nworkers = executions per hour * seconds of each / (3600 * concurrency of a worker)\nAPI servers = requests per second / (requests per second that one can answer * 0.7)\n\nWhat is not given is measured where --from names the processes, and otherwise 0; what one API server can answer is 1000 unless it is given or measured."
    )]
    Capacity(Capacity),
}

#[derive(ClapArgs, Debug)]
pub struct Capacity {
    /// Executions in an hour.
    #[arg(long, value_name = "NUMBER")]
    pub executions_per_hour: Option<f64>,
    /// How long an execution is at work; what it waits for takes no slot.
    #[arg(long, value_name = "SECONDS")]
    pub execution_seconds: Option<f64>,
    /// Requests in a second, at all API servers together.
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_second: Option<f64>,
    /// Requests in a second that one API server can answer.
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_instance_max: Option<f64>,
    /// Executions that run side by side at one worker: its WORKER_CONCURRENCY.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub concurrency: u16,
    /// Address of a process that is measured; can be given more than once, and should name all of them.
    #[arg(long, value_name = "URL")]
    pub from: Vec<String>,
    /// For how long is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=3_600))]
    pub over_seconds: u16,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub settings: Flags<SERVE>,
}

#[derive(ClapArgs, Debug)]
pub struct Migrate {
    #[command(flatten)]
    pub settings: Flags<STORE>,
}

#[derive(ClapArgs, Debug)]
pub struct RoleArgs {
    #[command(flatten)]
    pub settings: Flags<SERVE>,
}

#[derive(ClapArgs, Debug)]
pub struct Config {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<SERVE>,
}

#[derive(ClapArgs, Debug)]
pub struct Doctor {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<SERVE>,
}

#[derive(ClapArgs, Debug)]
pub struct Run {
    /// A workflow file, Linkflow's or n8n's.
    pub file: PathBuf,
    /// A JSON file with the items for the node it starts at.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Name of the node to start at; chosen when not given.
    #[arg(long, value_name = "NODE")]
    pub start: Option<String>,
    /// Ignore the pinned data in the file.
    #[arg(long)]
    pub no_pins: bool,
    /// Workflow files that this one may call by id; can be given more than once.
    #[arg(long = "with", value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<RUN>,
}

#[derive(ClapArgs, Debug)]
pub struct Import {
    /// Files, or folders of which all files that end in .json are taken.
    #[arg(required_unless_present = "from_n8n", value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Take everything from an n8n instance: its SQLite file, or the address of its PostgreSQL
    /// database.
    #[arg(long, value_name = "FILE|URL", conflicts_with = "paths")]
    pub from_n8n: Option<String>,
    /// n8n's encryption key, for its credentials; found in the file `config` beside the SQLite file
    /// where it is not given.
    #[arg(long, value_name = "KEY", env = "N8N_ENCRYPTION_KEY", hide_env_values = true)]
    pub n8n_key: Option<String>,
    /// Print only what is missing most, by the files that it blocks.
    #[arg(long)]
    pub summary: bool,
    /// Publish what was imported and can run.
    #[arg(long, conflicts_with = "check")]
    pub publish: bool,
    /// Only report, and keep nothing.
    #[arg(long)]
    pub check: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<STORE>,
}

#[derive(ClapArgs, Debug)]
pub struct Compare {
    /// The instance's SQLite file, or the address of its PostgreSQL database.
    #[arg(value_name = "FILE|URL")]
    pub from: String,
    /// The most executions of each workflow that are looked at, the last ones first.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// Only the workflow with this id or name.
    #[arg(long, value_name = "WORKFLOW")]
    pub workflow: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<RUN>,
}

#[derive(ClapArgs, Debug)]
pub struct Eval {
    /// The expression, such as `={{ $json.a + 1 }}`.
    #[arg(required_unless_present = "cases")]
    pub expression: Option<String>,
    /// JSON of the item that `$json` is.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub item: String,
    /// A file with one case a line; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "expression")]
    pub cases: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
pub struct Export {
    /// Ids of workflows, here or in the file they came from.
    #[arg(required_unless_present = "all", value_name = "ID")]
    pub ids: Vec<String>,
    /// All workflows.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Folder for the files, each called by its id; standard output when not given.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Whose format the files have.
    #[arg(long, value_enum, default_value_t = Format::Linkflow)]
    pub format: Format,
    /// Print a report as JSON; needs --out.
    #[arg(long, requires = "out")]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<STORE>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Linkflow,
    N8n,
}

#[derive(Subcommand, Debug)]
pub enum ExecutionsCommand {
    /// Lists them, the newest first.
    #[command(
        after_help = "Examples:\n  linkflow executions list --status error,dead --from 2026-01-31\n  linkflow executions list --search 'order' --limit 10 --json"
    )]
    List(ListExecutions),
    /// Shows one: its end, and what each node did.
    #[command(
        after_help = "Example:\n  linkflow executions show 01a20852-5b1b-701f-b3b3-d73f05983647 --json"
    )]
    Show {
        /// Id of the execution.
        id: String,
        /// Print JSON, with the items that each node gave.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Flags<STORE>,
    },
    /// Starts one that has ended anew, as an execution of its own.
    #[command(
        after_help = "Example:\n  linkflow executions retry 01a20852-5b1b-701f-b3b3-d73f05983647 --from failed\n\nA running server takes it within seconds; without one it runs at the next start."
    )]
    Retry {
        /// Id of the execution.
        id: String,
        /// From where it is repeated: all of it, or the step that failed.
        #[arg(long, value_enum, default_value_t = From::Start)]
        from: From,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Flags<STORE>,
    },
    /// Asks one to end.
    #[command(after_help = "Example:\n  linkflow executions cancel 01a20852-5b1b-701f-b3b3-d73f05983647")]
    Cancel {
        /// Id of the execution.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Flags<STORE>,
    },
}

#[derive(ClapArgs, Debug)]
pub struct ListExecutions {
    /// Only those of this workflow: its id, here or in the file it came from.
    #[arg(long, value_name = "ID")]
    pub workflow: Option<String>,
    /// Only those in these states, with commas between them: ready, running, waiting, success,
    /// error, canceled, dead.
    #[arg(long, value_delimiter = ',')]
    pub status: Vec<String>,
    /// Only those that began like this: manual, webhook, trigger, workflow, error, retry, api.
    #[arg(long)]
    pub mode: Option<String>,
    /// Only those accepted at or after this time: 2026-01-31, or 2026-01-31T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only those accepted before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Part of the workflow's name or the error, or the execution's id.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// How many are shown at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub limit: u16,
    /// Where to go on: what the list before gave for it.
    #[arg(long)]
    pub cursor: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Flags<STORE>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// All of it, on the same first items.
    Start,
    /// What succeeded is taken over.
    Failed,
}

#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Adds a person; the first one becomes the owner.
    #[command(
        after_help = "Example:\n  PASSWORD='a long pass phrase' linkflow user create me@example.com --role admin"
    )]
    Create {
        /// Address to sign in with.
        email: String,
        /// Name to be shown.
        #[arg(long)]
        name: Option<String>,
        #[arg(long, value_enum, default_value_t = Role::Editor)]
        role: Role,
        /// The first password, at least 8 characters. From the environment, so that it stays out
        /// of the shell's history.
        #[arg(env = "PASSWORD", hide_env_values = true)]
        password: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Flags<STORE>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    Owner,
    Admin,
    Editor,
    Operator,
    Viewer,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Editor => "editor",
            Role::Operator => "operator",
            Role::Viewer => "viewer",
        }
    }
}

#[derive(Subcommand, Debug)]
pub enum ApiKeyCommand {
    /// Makes a key and prints it, once.
    #[command(after_help = "Example:\n  linkflow apikey create deploy --scope read --scope write --json")]
    Create {
        /// What it is for.
        name: String,
        /// What it may do; can be given more than once.
        #[arg(long = "scope", value_enum, required = true)]
        scopes: Vec<Scope>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Flags<STORE>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    Read,
    Write,
    Execute,
    Admin,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Execute => "execute",
            Scope::Admin => "admin",
        }
    }
}
