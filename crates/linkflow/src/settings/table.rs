//! The table of settings: the only place that knows their names, defaults and bounds. Parsing, the
//! options of the commands, `linkflow config` and docs/reference/settings.md are made from it.

/// One setting. Its name is lower case in the TOML file and upper case in the environment.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Option<&'static str>,
    /// What it does, as one or two sentences.
    pub help: &'static str,
    /// What is true when neither it nor a default is there.
    pub unset: &'static str,
    /// Another name of its option.
    pub alias: Option<&'static str>,
    pub read_by: &'static [Reader],
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds; the unit is for people, and empty for plain counts.
    Whole {
        min: u64,
        max: u64,
        unit: &'static str,
    },
    Text,
    Path,
    /// `http://` or `https://`, a name, and perhaps a port and a path.
    Url,
    /// An IANA time zone.
    Zone,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Several texts, with commas between them; a list in the file.
    List,
    /// Addresses, networks and host names, as a [`Kind::List`].
    Networks,
    /// What is logged, such as `warn,linkflow=info`.
    Log,
    /// A time with its unit, such as `30s` or `500ms`, within bounds in milliseconds.
    Duration {
        min_ms: u64,
        max_ms: u64,
    },
    /// Queues and their weights, such as `critical:6,default:3,low:1`.
    Queues,
    /// The name of a queue.
    Queue,
    /// A text that is never shown, and that no option of a command takes.
    Secret,
}

/// Commands that read a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// `serve`, and what shows all settings.
    Serve,
    /// `run`, which has no store.
    Run,
    /// What works on a store.
    Store,
}

use Reader::{Run, Serve, Store};

const BYTES: Kind = Kind::Whole { min: 1_024, max: 1 << 30, unit: "bytes" };
const PER_MINUTE: Kind = Kind::Whole { min: 1, max: 1_000_000, unit: "requests" };

/// A setting with the usual rest.
const fn setting(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { name, kind, default, help, unset: "", alias: None, read_by: &[Serve] }
}

/// All settings, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    Setting {
        read_by: &[Serve, Store],
        ..setting(
            "data_dir",
            Kind::Path,
            Some("./linkflow-data"),
            "Folder with the database, the files of executions and the key; made when it does not exist.",
        )
    },
    setting(
        "host",
        Kind::Text,
        Some("127.0.0.1"),
        "Address to listen on; 0.0.0.0 is every one of this machine.",
    ),
    setting(
        "port",
        Kind::Whole { min: 0, max: 65_535, unit: "" },
        Some("8090"),
        "Port to listen on; 0 takes a free one.",
    ),
    Setting {
        unset: "the address it listens on",
        ..setting("public_url", Kind::Url, None, "The address that people and callers of webhooks use.")
    },
    Setting {
        unset: "none",
        ..setting(
            "allowed_origins",
            Kind::List,
            None,
            "Origins of other pages that may use sessions, such as https://tools.example.com.",
        )
    },
    setting(
        "trusted_proxies",
        Kind::Whole { min: 0, max: 16, unit: "proxies" },
        Some("0"),
        "How many proxies in front of the server write X-Forwarded-For.",
    ),
    setting(
        "worker_concurrency",
        Kind::Whole { min: 1, max: 1_000, unit: "executions" },
        Some("10"),
        "Executions that run side by side.",
    )
    .also("concurrency"),
    Setting {
        unset: "four fifths of what the machine or the container has",
        ..setting(
            "worker_memory_budget",
            Kind::Whole { min: 64 << 20, max: 1 << 50, unit: "bytes" },
            None,
            "Memory of the process above which it takes no more executions until some have ended.",
        )
    },
    Setting {
        unset: "any number",
        ..setting(
            "workspace_concurrency",
            Kind::Whole { min: 1, max: 1_000_000, unit: "executions" },
            None,
            "Executions of one workspace that run side by side, at all workers together; the others wait for a place.",
        )
    },
    Setting {
        read_by: &[Serve, Run],
        ..setting("timezone", Kind::Zone, Some("UTC"), "Time zone of workflows that name none.")
    },
    Setting {
        unset: "only public addresses, and this machine's own where the server listens on loopback",
        read_by: &[Serve, Run],
        ..setting(
            "egress_allow",
            Kind::Networks,
            None,
            "Addresses, networks and host names that nodes may reach although they are not public.",
        )
    },
    Setting {
        unset: "they are refused",
        read_by: &[Serve, Run],
        ..setting(
            "execute_command",
            Kind::Text,
            None,
            "With the value `allow`, Execute Command nodes run commands of this machine, with the rights of this \
             program.",
        )
    },
    Setting {
        unset: "file nodes are refused; `run` takes the current folder",
        read_by: &[Serve, Run],
        ..setting("files_dir", Kind::Path, None, "Folder that file nodes may use.")
    },
    Setting {
        unset: "they are kept",
        ..setting(
            "retention_days",
            Kind::Whole { min: 1, max: 36_500, unit: "days" },
            None,
            "Age at which finished executions are removed.",
        )
    },
    Setting {
        unset: "the key in `secret_key_file`",
        read_by: &[Serve, Store],
        ..setting(
            "secret_key",
            Kind::Secret,
            None,
            "Key that seals credentials: 64 hex digits, or at least 32 characters of random text.",
        )
    },
    Setting {
        unset: "secret.key in the data folder, made at the first start",
        read_by: &[Serve, Store],
        ..setting("secret_key_file", Kind::Path, None, "File with the key that seals credentials.")
    },
    setting("log", Kind::Log, Some("warn,linkflow=info"), "What goes to the log on standard error."),
    setting(
        "log_format",
        Kind::Choice(&["text", "json"]),
        Some("text"),
        "How a line of the log is written: `text` for people, or `json` with a field for each thing it names.",
    ),
    setting(
        "shutdown_drain_seconds",
        Kind::Whole { min: 0, max: 3_600, unit: "seconds" },
        Some("0"),
        "How long requests are still taken when the server is asked to end, while `/health/ready` already says no: \
         the time that load balancers need to look elsewhere. `linkflow api` takes 2 where nobody says.",
    ),
    setting(
        "shutdown_grace_seconds",
        Kind::Whole { min: 0, max: 3_600, unit: "seconds" },
        Some("20"),
        "How long requests, and then executions, may go on when the server is asked to end.",
    ),
    setting(
        "session_days",
        Kind::Whole { min: 1, max: 365, unit: "days" },
        Some("14"),
        "How long a sign-in lasts.",
    ),
    setting("body_bytes_max", BYTES, Some("16777216"), "Largest body of a request to the API."),
    setting(
        "webhook_bytes_max",
        BYTES,
        Some("67108864"),
        "Largest body of a request to a webhook, files included.",
    ),
    setting(
        "webhook_parsed_bytes_max",
        BYTES,
        Some("16777216"),
        "Largest JSON, form or text in a request to a webhook.",
    ),
    setting(
        "webhook_answer_seconds_max",
        Kind::Whole { min: 1, max: 3_600, unit: "seconds" },
        Some("300"),
        "Longest wait of a webhook's caller for an answer.",
    ),
    setting(
        "connections_max",
        Kind::Whole { min: 1, max: 1_000_000, unit: "connections" },
        Some("10000"),
        "Connections at the same time; more wait.",
    ),
    Setting {
        unset: "no limit",
        ..setting(
            "address_requests_per_minute_max",
            PER_MINUTE,
            None,
            "Most requests of one address in a minute.",
        )
    },
    Setting {
        unset: "no limit",
        ..setting(
            "key_requests_per_minute_max",
            PER_MINUTE,
            None,
            "Most requests of one API key in a minute.",
        )
    },
    Setting {
        unset: "SQLite in the data folder; a cluster's commands need it",
        read_by: &[Serve, Store],
        ..setting(
            "database_url",
            Kind::Secret,
            None,
            "PostgreSQL of a cluster, as postgres://user:password@host/name. `serve` does not use it, nor does a command with --data-dir.",
        )
    },
    Setting {
        unset: "the address in `database_url`",
        read_by: &[Serve, Store],
        ..setting(
            "database_direct_url",
            Kind::Secret,
            None,
            "The same PostgreSQL without a pooler between, on which its tables are made.",
        )
    },
    Setting {
        unset: "all reads go to the primary",
        read_by: &[Serve, Store],
        ..setting(
            "database_replica_urls",
            Kind::Secret,
            None,
            "Replicas for reads that may be a little behind, with commas between them.",
        )
    },
    Setting {
        unset: "a queue within the process; a cluster's commands need it",
        ..setting(
            "redis_url",
            Kind::Secret,
            None,
            "Redis of a cluster: redis://, rediss://, redis+sentinel://h1,h2/name or redis+cluster://h1,h2.",
        )
    },
    setting(
        "queue_priorities",
        Kind::Queues,
        Some("critical:6,default:3,low:1"),
        "Queues that a worker takes from, and how much of its time each gets. The number of a partition belongs to its name: workflow:partition:3:5 weighs 5.",
    ),
    Setting {
        unset: "those in `queue_priorities`, and every partition",
        ..setting("queue_name", Kind::Queue, None, "The only queue that this worker takes from.")
    },
    Setting {
        unset: "all wait in the queue `default`",
        ..setting(
            "queue_partitions",
            Kind::Whole { min: 1, max: 1_024, unit: "queues" },
            None,
            "How many queues, workflow:partition:0 and so on, the workspaces are spread over.",
        )
    },
    setting(
        "leader_election_key",
        Kind::Text,
        Some("scheduler-leader"),
        "Key in Redis by which the schedulers of a cluster agree on one.",
    ),
    setting(
        "leader_ttl",
        Kind::Duration { min_ms: 1_000, max_ms: 3_600_000 },
        Some("30s"),
        "How long a scheduler that died keeps the others from taking over.",
    ),
];

impl Setting {
    const fn also(self, alias: &'static str) -> Setting {
        Setting { alias: Some(alias), ..self }
    }

    /// Its name in the environment.
    pub fn variable(&self) -> String {
        self.name.to_uppercase()
    }

    /// Its option, without the dashes in front.
    pub fn option(&self) -> Option<String> {
        (self.kind != Kind::Secret).then(|| self.name.replace('_', "-"))
    }

    pub fn is_read_by(&self, reader: Reader) -> bool {
        self.read_by.contains(&reader)
    }

    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}

impl Kind {
    /// What a value must be, as the end of a sentence that begins with the setting's name.
    pub fn must(self) -> String {
        match self {
            Kind::Whole { min, max, unit } => {
                format!("must be a whole number from {min} to {max}{}", of(unit))
            }
            Kind::Text | Kind::Path | Kind::Secret => "must be a text that is not empty".to_owned(),
            Kind::Url => "must be an address such as https://flows.example.com".to_owned(),
            Kind::Zone => "must be a time zone such as Europe/Berlin".to_owned(),
            Kind::List => "must be texts with commas between them, or a list in the file".to_owned(),
            Kind::Networks => "must be addresses, networks or host names with commas between them, such as \
                 10.0.0.0/8,db.internal"
                .to_owned(),
            Kind::Choice(words) => format!("must be {}", words.join(" or ")),
            Kind::Log => "must be a filter such as warn,linkflow=info".to_owned(),
            Kind::Duration { min_ms, max_ms } => format!(
                "must be a time with its unit from {} to {}, such as 30s, 500ms, 5m or 1h",
                shown_ms(min_ms),
                shown_ms(max_ms)
            ),
            Kind::Queues => "must be queues and their weights, such as critical:6,default:3,low:1".to_owned(),
            Kind::Queue => "must be the name of a queue, such as workflow:partition:0".to_owned(),
        }
    }

    /// The placeholder of its option.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Whole { .. } => "NUMBER",
            Kind::Text | Kind::Secret => "TEXT",
            Kind::Path => "PATH",
            Kind::Url => "URL",
            Kind::Zone => "ZONE",
            Kind::List | Kind::Networks => "LIST",
            Kind::Choice(_) => "WORD",
            Kind::Log => "FILTER",
            Kind::Duration { .. } => "TIME",
            Kind::Queues => "QUEUES",
            Kind::Queue => "QUEUE",
        }
    }
}

/// The milliseconds of a time with its unit.
pub fn duration_ms(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit_ms = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms)
}

fn shown_ms(ms: u64) -> String {
    match ms {
        ms if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        ms if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

fn of(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" ({unit})") }
}

/// The known name that is most like `name`, if one is like it at all.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace('-', "_");
    let best = SETTINGS.iter().map(|s| (edits(s.name, &name), s.name)).min()?;
    // Two letters that have changed places are two edits.
    let length = name.chars().count();
    let allowed = if length < 4 { 1 } else { (length / 3).max(2) };
    (best.0 <= allowed).then_some(best.1).or_else(|| {
        let mut within = SETTINGS.iter().filter(|s| name.len() >= 4 && s.name.contains(&name));
        within.next().map(|s| s.name)
    })
}

/// How many letters have to be put in, taken out or changed to make `a` of `b`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_leads_to_the_name_that_was_meant() {
        assert_eq!(nearest("worker_concurency"), Some("worker_concurrency"));
        assert_eq!(nearest("PORT"), Some("port"));
        assert_eq!(nearest("data-dir"), Some("data_dir"));
        assert_eq!(nearest("concurrency"), Some("worker_concurrency"));
        assert_eq!(nearest("colour"), None);
    }

    #[test]
    fn a_time_needs_its_unit() {
        let found = ["30s", "500ms", "5m", "1h", "30", "s", "1d", "-1s", "99999999999999999999h"];
        let found = found.map(duration_ms);
        let none = None;
        assert_eq!(
            found,
            [Some(30_000), Some(500), Some(300_000), Some(3_600_000), none, none, none, none, none]
        );
    }

    #[test]
    fn names_are_unique_and_every_default_is_sound() {
        for (i, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..i].iter().all(|s| s.name != setting.name), "{} comes twice", setting.name);
            assert_eq!(setting.default.is_none(), !setting.unset.is_empty(), "{}", setting.name);
            if let Some(default) = setting.default {
                assert_eq!(crate::settings::check(setting.kind, default), Ok(()), "{}", setting.name);
            }
        }
    }
}
