//! The words of the command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Runs workflows, n8n's files included, and loses nothing.
#[derive(Parser, Debug)]
#[command(name = "linkflow", version, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs everything in this process: API, webhooks, schedules, worker, page.
    #[command(
        after_help = "Examples:\n  linkflow serve\n  linkflow serve --data-dir /var/lib/linkflow --port 80 --host 0.0.0.0"
    )]
    Serve(Serve),
    /// Runs one workflow file without a server and prints what each node gave.
    #[command(
        after_help = "Examples:\n  linkflow run order-intake.json\n  linkflow run report.json --input items.json --json\n\nExit status: 0 when it succeeded, 1 when it failed, 2 when it could not start."
    )]
    Run(Run),
    /// Says what becomes of workflow files, node by node.
    #[command(
        after_help = "Examples:\n  linkflow import --check workflows/*.json\n  linkflow import --check --json exported.json\n\nTo import into a running server, drop the files on its page or post them to /api/v1/workflows/import."
    )]
    Import(Import),
    /// Evaluates an expression, or a file of them.
    #[command(
        after_help = "Examples:\n  linkflow eval '={{ $json.name.toUpperCase() }}' --item '{\"name\": \"ada\"}'\n  linkflow eval --cases cases.jsonl"
    )]
    Eval(Eval),
    /// Writes stored workflows as files.
    #[command(after_help = "Example:\n  linkflow export 01a20852-5b1b-701f-b3b3-d73f05983647 --out backup/")]
    Export(Export),
    /// Looks at executions, and cancels them.
    #[command(subcommand, after_help = "Example:\n  linkflow executions list --status error --json")]
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
}

/// Which data a command works on.
#[derive(ClapArgs, Debug)]
pub struct DataDir {
    /// Where the server keeps its data.
    #[arg(long, env = "DATA_DIR", default_value = "./linkflow-data")]
    pub data_dir: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub struct Export {
    #[command(flatten)]
    pub dir: DataDir,
    /// Ids of workflows, here or in the file they came from.
    #[arg(required = true)]
    pub ids: Vec<String>,
    /// Folder for the files; standard output when not given.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum ExecutionsCommand {
    /// The newest ones.
    List {
        #[command(flatten)]
        dir: DataDir,
        /// Only those in this state; can be given more than once.
        #[arg(long)]
        status: Vec<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// One of them, as JSON.
    Show {
        #[command(flatten)]
        dir: DataDir,
        id: String,
    },
    /// Asks one to end.
    Cancel {
        #[command(flatten)]
        dir: DataDir,
        id: String,
    },
}

#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Adds a person; the first one becomes the owner.
    Create {
        #[command(flatten)]
        dir: DataDir,
        email: String,
        #[arg(long)]
        name: Option<String>,
        #[arg(long, value_enum, default_value_t = Role::Editor)]
        role: Role,
        /// The first password, at least 8 characters. From the environment, so that it stays out
        /// of the shell's history.
        #[arg(env = "PASSWORD", hide_env_values = true)]
        password: String,
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
    Create {
        #[command(flatten)]
        dir: DataDir,
        /// What it is for.
        name: String,
        /// What it may do; can be given more than once.
        #[arg(long = "scope", value_enum, required = true)]
        scopes: Vec<Scope>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
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

#[derive(ClapArgs, Debug)]
pub struct Serve {
    /// Where the data are kept; made when it does not exist.
    #[arg(long, env = "DATA_DIR", default_value = "./linkflow-data")]
    pub data_dir: PathBuf,
    #[arg(long, env = "PORT", default_value_t = 8090)]
    pub port: u16,
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// The address that people use, when it is another one.
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Addresses, networks and host names that nodes may reach although they are not public.
    #[arg(long, env = "EGRESS_ALLOW", default_value = "")]
    pub egress_allow: String,
    /// Executions that run side by side.
    #[arg(long, env = "WORKER_CONCURRENCY", default_value_t = 10)]
    pub concurrency: usize,
    /// Folder that file nodes may use; without one they are refused.
    #[arg(long, env = "FILES_DIR")]
    pub files_dir: Option<PathBuf>,
    /// Zone of workflows that name none.
    #[arg(long, env = "TIMEZONE", default_value = "UTC")]
    pub timezone: String,
    /// Days after which finished executions are removed.
    #[arg(long, env = "RETENTION_DAYS")]
    pub retention_days: Option<u32>,
}

#[derive(ClapArgs, Debug)]
pub struct Run {
    /// A workflow file, Linkflow's or n8n's.
    pub file: PathBuf,
    /// A JSON file with the items for the node it starts at.
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// Name of the node to start at; chosen when not given.
    #[arg(long)]
    pub start: Option<String>,
    /// Ignore the pinned data in the file.
    #[arg(long)]
    pub no_pins: bool,
    /// Workflow files that this one may call by id.
    #[arg(long = "with")]
    pub with: Vec<PathBuf>,
    /// Folder that file nodes may use; the current one when not given.
    #[arg(long)]
    pub files_dir: Option<PathBuf>,
    /// Addresses that nodes may reach beside public and this machine's own.
    #[arg(long, env = "EGRESS_ALLOW", default_value = "")]
    pub egress_allow: String,
    #[arg(long, env = "TIMEZONE", default_value = "UTC")]
    pub timezone: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct Import {
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Only report. Files are imported through a running server.
    #[arg(long, required = true)]
    pub check: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs, Debug)]
pub struct Eval {
    /// The expression, such as `={{ $json.a + 1 }}`.
    #[arg(required_unless_present = "cases")]
    pub expression: Option<String>,
    /// JSON of the item that `$json` is.
    #[arg(long, default_value = "{}")]
    pub item: String,
    /// A file with one case a line; `-` for standard input.
    #[arg(long, conflicts_with = "expression")]
    pub cases: Option<PathBuf>,
}
