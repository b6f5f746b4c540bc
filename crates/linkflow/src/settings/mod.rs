//! What an operator can choose: from options, the environment, a TOML file and defaults, in this
//! order. Nothing else in the program reads the environment.

mod file;
mod flags;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use linkflow_node::guard::Guard;
use linkflow_queue::{QueueName, Weights};

pub use flags::{Flags, RUN, SERVE, STORE};
pub use table::{Kind, Reader, SETTINGS, Setting, duration_ms};

/// Names the settings file.
const FILE_VARIABLE: &str = "LINKFLOW_CONFIG";
/// The settings file within the data folder.
const FILE_NAME: &str = "linkflow.toml";

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Given {
    pub reader: Reader,
    pub config: Option<PathBuf>,
    pub values: BTreeMap<&'static str, String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { line: usize },
    Environment,
    Option,
}

/// One setting as it holds now.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub setting: &'static Setting,
    pub value: Option<String>,
    pub origin: Origin,
}

/// All settings as they hold now, and what is wrong with what was given: one sentence each.
#[derive(Debug)]
pub struct Values {
    pub rows: Vec<Resolved>,
    pub file: Option<PathBuf>,
    pub problems: Vec<String>,
}

impl Values {
    /// What options, environment and file give together.
    pub fn of(given: &Given) -> Values {
        Values::with(given, &|name| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned()))
    }

    fn with(given: &Given, environment: &dyn Fn(&str) -> Option<String>) -> Values {
        // Containers and unit files leave variables empty that they do not set.
        let environment = |name: &str| environment(name).filter(|text| !text.trim().is_empty());
        let mut rows: Vec<Resolved> = SETTINGS.iter().map(default_of).collect();
        let mut problems = Vec::new();
        let named = given.config.clone().or_else(|| environment(FILE_VARIABLE).map(PathBuf::from));
        let folder = folder_of(given, &environment);
        let in_folder = folder.map(|dir| dir.join(FILE_NAME)).filter(|path| path.is_file());
        let is_named = named.is_some();
        let file = named.or(in_folder);
        if let Some(path) = &file {
            let said = file::read(path);
            problems.extend(said.problems);
            for line in said.lines {
                let at = format!("{}:{}: ", path.display(), line.number);
                if line.setting.name == "data_dir" && !is_named {
                    problems.push(format!("{at}`data_dir` cannot stand in the data folder itself"));
                    continue;
                }
                set(
                    &mut rows,
                    &mut problems,
                    line.setting,
                    line.text,
                    Origin::File { line: line.number },
                    &at,
                );
            }
        }
        for setting in SETTINGS {
            if let Some(text) = environment(&setting.variable()) {
                set(&mut rows, &mut problems, setting, text, Origin::Environment, "in the environment, ");
            }
        }
        for (name, text) in &given.values {
            let setting = SETTINGS.iter().find(|s| s.name == *name).expect("options come from the table");
            set(&mut rows, &mut problems, setting, text.clone(), Origin::Option, "on the command line, ");
        }
        problems.extend(paired(&rows));
        Values { rows, file, problems }
    }

    pub fn row(&self, name: &str) -> &Resolved {
        self.rows.iter().find(|r| r.setting.name == name).expect("the name stands in the table")
    }

    fn text(&self, name: &str) -> Option<String> {
        self.row(name).value.clone()
    }

    fn whole(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
    }
}

fn default_of(setting: &'static Setting) -> Resolved {
    Resolved { setting, value: setting.default.map(str::to_owned), origin: Origin::Default }
}

/// The data folder, where the command has one, before a file in it is read.
fn folder_of(given: &Given, environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let setting = SETTINGS.iter().find(|s| s.name == "data_dir")?;
    if !setting.is_read_by(given.reader) {
        return None;
    }
    let text = given.values.get(setting.name).cloned().or_else(|| environment(&setting.variable()));
    text.or_else(|| setting.default.map(str::to_owned)).map(PathBuf::from)
}

fn set(
    rows: &mut [Resolved],
    problems: &mut Vec<String>,
    setting: &'static Setting,
    text: String,
    origin: Origin,
    place: &str,
) {
    let text = text.trim().to_owned();
    match check(setting.kind, &text) {
        Ok(()) => {
            let row = rows.iter_mut().find(|r| r.setting.name == setting.name);
            let row = row.expect("there is a row for every setting");
            (row.value, row.origin) = (Some(text), origin);
        }
        Err(why) => {
            let name = match origin {
                Origin::Environment => setting.variable(),
                Origin::Option => setting.option().map_or(String::new(), |option| format!("--{option}")),
                _ => setting.name.to_owned(),
            };
            let got = if setting.is_secret() { String::new() } else { format!(", got \"{text}\"") };
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            problems.push(format!("{place}`{name}` {}{got}{why}", setting.kind.must()));
        }
    }
}

/// Whether a text is a value of this kind; the error adds to what [`Kind::must`] says.
pub(crate) fn check(kind: Kind, text: &str) -> Result<(), String> {
    let sound = |is_sound: bool| if is_sound { Ok(()) } else { Err(String::new()) };
    match kind {
        Kind::Whole { min, max, .. } => sound(text.parse::<u64>().is_ok_and(|n| (min..=max).contains(&n))),
        Kind::Text | Kind::Path | Kind::Secret => sound(!text.is_empty()),
        Kind::Choice(words) => sound(words.contains(&text)),
        Kind::List => Ok(()),
        Kind::Url => sound(is_url(text)),
        Kind::Zone => sound(jiff::tz::TimeZone::get(text).is_ok()),
        Kind::Networks => Guard::parse(false, text).map(drop).map_err(|e| e.to_string()),
        Kind::Duration { min_ms, max_ms } => {
            sound(duration_ms(text).is_some_and(|ms| (min_ms..=max_ms).contains(&ms)))
        }
        Kind::Queues => text.parse::<Weights>().map(drop).map_err(|e| e.to_string()),
        Kind::Queue => QueueName::new(text).map(drop).map_err(|e| e.to_string()),
        Kind::Log => tracing_subscriber::EnvFilter::try_new(text).map(drop).map_err(|e| e.to_string()),
    }
}

fn is_url(text: &str) -> bool {
    let named = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    reqwest::Url::parse(text).is_ok_and(|url| url.query().is_none() && url.fragment().is_none())
        && named.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains('@'))
}

/// What is wrong with settings together.
fn paired(rows: &[Resolved]) -> Option<String> {
    let value = |name: &str| rows.iter().find(|r| r.setting.name == name).and_then(|r| r.value.as_deref());
    let both = value("secret_key").is_some() && value("secret_key_file").is_some();
    both.then(|| "`secret_key` and `secret_key_file` are both given; one of them is the key".to_owned())
}

/// The settings, each as what it is.
#[derive(Clone)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub host: String,
    pub port: u16,
    pub public_url: Option<String>,
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: usize,
    pub worker_concurrency: usize,
    pub worker_memory_budget: Option<u64>,
    pub workspace_concurrency: Option<u32>,
    pub timezone: String,
    pub egress_allow: String,
    pub execute_command: bool,
    pub files_dir: Option<PathBuf>,
    pub retention_days: Option<u32>,
    pub secret_key: Option<String>,
    pub secret_key_file: Option<PathBuf>,
    pub log: String,
    pub log_format: String,
    pub shutdown_drain_seconds: u64,
    pub shutdown_grace_seconds: u64,
    pub session_days: u64,
    pub body_bytes_max: usize,
    pub webhook_bytes_max: usize,
    pub webhook_parsed_bytes_max: usize,
    pub webhook_answer_seconds_max: u64,
    pub connections_max: usize,
    pub address_requests_per_minute_max: Option<u32>,
    pub key_requests_per_minute_max: Option<u32>,
    pub database_url: Option<String>,
    pub database_direct_url: Option<String>,
    pub database_replica_urls: Vec<String>,
    pub redis_url: Option<String>,
    pub queue_priorities: Weights,
    pub queue_name: Option<QueueName>,
    pub queue_partitions: Option<u32>,
    pub leader_election_key: String,
    pub leader_ttl: Duration,
}

impl Settings {
    /// Reads the settings of a command.
    ///
    /// # Errors
    /// All that is wrong, in one text with a line for each.
    pub fn read(given: &Given) -> anyhow::Result<Settings> {
        let values = Values::of(given);
        match values.problems.as_slice() {
            [] => Ok(Settings::of(&values)),
            [one] => anyhow::bail!("{one}"),
            several => anyhow::bail!("{} settings are wrong:\n  {}", several.len(), several.join("\n  ")),
        }
    }

    /// The settings of values that have been checked.
    pub fn of(values: &Values) -> Settings {
        let size = |name| values.whole(name).and_then(|n| usize::try_from(n).ok());
        let most = |name| values.whole(name).and_then(|n| u32::try_from(n).ok());
        let path = |name| values.text(name).map(PathBuf::from);
        const DEFAULT: &str = "the setting has a default";
        Settings {
            data_dir: path("data_dir").expect(DEFAULT),
            host: values.text("host").expect(DEFAULT),
            port: values.whole("port").and_then(|n| u16::try_from(n).ok()).expect(DEFAULT),
            public_url: values.text("public_url").map(|url| url.trim_end_matches('/').to_owned()),
            allowed_origins: values.list("allowed_origins"),
            trusted_proxies: size("trusted_proxies").expect(DEFAULT),
            worker_concurrency: size("worker_concurrency").expect(DEFAULT),
            workspace_concurrency: most("workspace_concurrency"),
            worker_memory_budget: values.whole("worker_memory_budget"),
            timezone: values.text("timezone").expect(DEFAULT),
            execute_command: values.text("execute_command").is_some_and(|word| word == "allow"),
            egress_allow: values.text("egress_allow").unwrap_or_default(),
            files_dir: path("files_dir"),
            retention_days: most("retention_days"),
            secret_key: values.text("secret_key"),
            secret_key_file: path("secret_key_file"),
            log: values.text("log").expect(DEFAULT),
            log_format: values.text("log_format").expect(DEFAULT),
            shutdown_drain_seconds: values.whole("shutdown_drain_seconds").expect(DEFAULT),
            shutdown_grace_seconds: values.whole("shutdown_grace_seconds").expect(DEFAULT),
            session_days: values.whole("session_days").expect(DEFAULT),
            body_bytes_max: size("body_bytes_max").expect(DEFAULT),
            webhook_bytes_max: size("webhook_bytes_max").expect(DEFAULT),
            webhook_parsed_bytes_max: size("webhook_parsed_bytes_max").expect(DEFAULT),
            webhook_answer_seconds_max: values.whole("webhook_answer_seconds_max").expect(DEFAULT),
            connections_max: size("connections_max").expect(DEFAULT),
            address_requests_per_minute_max: most("address_requests_per_minute_max"),
            key_requests_per_minute_max: most("key_requests_per_minute_max"),
            database_url: values.text("database_url"),
            database_direct_url: values.text("database_direct_url"),
            database_replica_urls: values.list("database_replica_urls"),
            redis_url: values.text("redis_url"),
            queue_priorities: values
                .text("queue_priorities")
                .and_then(|t| t.parse().ok())
                .expect("it has a default, and was checked"),
            queue_name: values.text("queue_name").and_then(|name| QueueName::new(&name).ok()),
            queue_partitions: most("queue_partitions"),
            leader_election_key: values.text("leader_election_key").expect(DEFAULT),
            leader_ttl: values
                .text("leader_ttl")
                .and_then(|t| duration_ms(&t))
                .map(Duration::from_millis)
                .expect("it has a default, and was checked"),
        }
    }

    /// The file that holds the key when none is given: by the setting, or in the data folder.
    pub fn key_file(&self) -> PathBuf {
        self.secret_key_file.clone().unwrap_or_else(|| self.data_dir.join("secret.key"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn given(config: Option<&Path>, values: &[(&'static str, &str)]) -> Given {
        Given {
            reader: Reader::Serve,
            config: config.map(Path::to_owned),
            values: values.iter().map(|(k, v)| (*k, (*v).to_owned())).collect(),
        }
    }

    fn values(given: &Given, environment: &[(&str, &str)]) -> Values {
        Values::with(given, &|name| {
            environment.iter().find(|(n, _)| *n == name).map(|(_, text)| (*text).to_owned())
        })
    }

    fn origin(values: &Values, name: &str) -> (Option<String>, Origin) {
        (values.text(name), values.row(name).origin.clone())
    }

    #[test]
    fn an_option_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.toml");
        std::fs::write(&file, "port = 1\nhost = \"::1\"\ntimezone = \"Europe/Berlin\"\n").unwrap();
        let found = values(&given(Some(&file), &[("port", "3")]), &[("PORT", "2"), ("HOST", "0.0.0.0")]);
        assert_eq!(found.problems, Vec::<String>::new());
        assert_eq!(origin(&found, "port"), (Some("3".to_owned()), Origin::Option));
        assert_eq!(origin(&found, "host"), (Some("0.0.0.0".to_owned()), Origin::Environment));
        assert_eq!(origin(&found, "timezone"), (Some("Europe/Berlin".to_owned()), Origin::File { line: 3 }));
        assert_eq!(origin(&found, "session_days"), (Some("14".to_owned()), Origin::Default));
        assert_eq!(Settings::of(&found).port, 3);
    }

    #[test]
    fn a_file_in_the_data_folder_is_found_and_cannot_move_that_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), "data_dir = \"elsewhere\"\nport = 7\n").unwrap();
        let folder = dir.path().to_str().unwrap();
        let found = values(&given(None, &[("data_dir", folder)]), &[]);
        assert_eq!(origin(&found, "port"), (Some("7".to_owned()), Origin::File { line: 2 }));
        assert_eq!(found.problems.len(), 1);
        assert!(found.problems[0].ends_with("`data_dir` cannot stand in the data folder itself"));
    }

    #[test]
    fn an_empty_variable_is_none_and_a_wrong_one_is_named_with_its_bounds() {
        let found = values(
            &given(None, &[("data_dir", "/nowhere")]),
            &[("PORT", ""), ("WORKER_CONCURRENCY", "0"), ("TIMEZONE", "Mars"), ("PUBLIC_URL", "flows")],
        );
        assert_eq!(origin(&found, "port").1, Origin::Default);
        assert_eq!(
            found.problems,
            [
                "in the environment, `PUBLIC_URL` must be an address such as https://flows.example.com, got \"flows\"",
                "in the environment, `WORKER_CONCURRENCY` must be a whole number from 1 to 1000 (executions), got \"0\"",
                "in the environment, `TIMEZONE` must be a time zone such as Europe/Berlin, got \"Mars\"",
            ]
        );
    }

    #[test]
    fn every_row_of_the_table_has_a_field_and_every_field_a_row() {
        let fields = include_str!("mod.rs").split("pub struct Settings {").nth(1).unwrap();
        let fields = fields.split('}').next().unwrap();
        let fields: Vec<&str> =
            fields.lines().filter_map(|l| l.trim().strip_prefix("pub ")?.split(':').next()).collect();
        let rows: Vec<&str> = SETTINGS.iter().map(|s| s.name).collect();
        assert_eq!(fields, rows);
        Settings::of(&values(&given(None, &[("data_dir", "/nowhere")]), &[]));
    }
}
