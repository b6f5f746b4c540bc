//! docs/reference/settings.md and commands.md, made from the code. `UPDATE=1 cargo test -p linkflow
//! reference` writes them; without it the test fails when they are stale.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Args;
use crate::settings::{Kind, SETTINGS, Setting};

const HEAD: &str = "<!-- Made from the code: UPDATE=1 cargo test -p linkflow reference -->\n";

fn settings_page() -> String {
    let mut page = format!(
        "# Settings\n\n{HEAD}\nWhich settings are there, and where do I put them?\n\n\
        An option of the command beats the environment, which beats the file, which beats the default. The name \
        is upper case in the environment, lower case in the file, and has dashes as an option: `PORT=9000`, \
        `port = 9000`, `--port 9000`. An empty variable counts as none.\n\n\
        The file is the one that `--config FILE` names, else `LINKFLOW_CONFIG`, else `linkflow.toml` in the data \
        folder. Unknown names and wrong values in it are refused with their line.\n\n\
        ```sh\nlinkflow config          # every setting, its value, and where that comes from\n```\n\n\
        ```toml\n# linkflow.toml\nport = 9000\npublic_url = \"https://flows.example.com\"\n\
        egress_allow = [\"10.20.0.0/16\", \"db.internal\"]\nretention_days = 30\n```\n\n\
        | setting | default | what it does |\n|---|---|---|\n"
    );
    for setting in SETTINGS {
        let default = setting.default.map_or_else(|| setting.unset.to_owned(), |text| format!("`{text}`"));
        let _ = writeln!(page, "| `{}` | {default} | {}{} |", setting.name, setting.help, bounds(setting));
    }
    page
}

fn bounds(setting: &Setting) -> String {
    let mut text = match setting.kind {
        Kind::Whole { min, max, unit } if unit.is_empty() => format!(" From {min} to {max}."),
        Kind::Whole { min, max, unit } => format!(" From {min} to {max} {unit}."),
        Kind::List | Kind::Networks => " With commas between them, or a list in the file.".to_owned(),
        Kind::Secret => " Secret: never shown, and no option.".to_owned(),
        _ => String::new(),
    };
    if let Some(alias) = setting.alias {
        let _ = write!(text, " Also `--{alias}`.");
    }
    text
}

fn commands_page() -> String {
    let mut page = format!(
        "# Commands\n\n{HEAD}\nWhat can the program do from the shell?\n\n\
        `linkflow COMMAND --help` says the same, with the options for [settings](settings.md), which are left out \
        here. Results go to standard output, remarks and progress to standard error; progress is shown on a \
        terminal only.\n\n| exit status | means |\n|---|---|\n| 0 | all went well |\n\
        | 1 | it did its work and found something wrong: an execution failed, a file was not imported, a check failed |\n\
        | 2 | it could not start: wrong words, a wrong setting, data that cannot be opened |\n"
    );
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
        describe(&mut page, sub, "linkflow", "##");
    }
    page
}

fn metrics_page() -> String {
    let mut page = format!(
        "# Metrics\n\n{HEAD}\nWhat can I measure, and where?\n\n\
        Every role shows its own at `/metrics`: `linkflow api` on port 8090, `worker` on 8091, `scheduler` on 8092; \
        `linkflow serve` shows all of them on its one port. What belongs to all processes, such as the queues, is \
        shown by the schedulers, each the same: take `max by (queue)`, not `sum`. No label holds what callers make \
        up, so that there are no more series than this page says. Alerts on them are in `deploy/prometheus/rules.yml`, \
        dashboards in `deploy/grafana/`.\n\n\
        | metric | kind | labels | roles | what it is |\n|---|---|---|---|---|\n"
    );
    for metric in crate::metrics::METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|(name, of)| format!("`{name}`: {of}")).collect();
        let (kind, roles) = (metric.kind.word(), metric.roles.join(", "));
        let _ = writeln!(
            page,
            "| `{}` | {kind} | {} | {roles} | {} |",
            metric.name,
            labels.join("; "),
            metric.help
        );
    }
    page
}

fn describe(page: &mut String, command: &clap::Command, path: &str, level: &str) {
    let path = format!("{path} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n{level} {path}\n\n{}.\n", about.trim_end_matches('.'));
    let own = command.get_arguments().filter(|a| a.get_help_heading().is_none() && a.get_id() != "help");
    let own: Vec<&clap::Arg> = own.collect();
    if !own.is_empty() {
        page.push_str("\n| | |\n|---|---|\n");
    }
    for arg in own {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('\n', " ");
        let _ = writeln!(page, "| `{}` | {}{} |", shown(arg), help.replace('|', "\\|"), default_of(arg));
    }
    if let Some(examples) = command.get_after_help() {
        let _ = write!(page, "\n```text\n{}\n```\n", examples.to_string().trim_end());
    }
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
        describe(page, sub, &path, &format!("{level}#"));
    }
}

fn shown(arg: &clap::Arg) -> String {
    let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let name = name.unwrap_or_else(|| arg.get_id().to_string().to_uppercase()).replace('|', "\\|");
    let takes = arg.get_action().takes_values();
    match arg.get_long() {
        Some(long) if takes => format!("--{long} {name}"),
        Some(long) => format!("--{long}"),
        None => name,
    }
}

fn default_of(arg: &clap::Arg) -> String {
    let values = arg.get_default_values().iter().map(|v| format!("`{}`", v.to_string_lossy()));
    let values: Vec<String> = values.collect();
    let is_told = arg.get_action().takes_values() && !values.is_empty();
    if is_told { format!(" Default: {}.", values.join(", ")) } else { String::new() }
}

fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be made");
        std::fs::write(&path, page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{} is stale: UPDATE=1 cargo test -p linkflow reference", path.display());
}

#[test]
fn the_page_of_settings_says_what_the_program_does() {
    check("settings.md", &settings_page());
}

#[test]
fn the_page_of_commands_says_what_the_program_does() {
    check("commands.md", &commands_page());
}

#[test]
fn the_page_of_metrics_says_what_the_program_counts() {
    check("metrics.md", &metrics_page());
}

#[test]
fn every_command_has_an_example() {
    let mut command = Args::command();
    command.build();
    let mut open: Vec<&clap::Command> = command.get_subcommands().collect();
    while let Some(command) = open.pop().filter(|c| c.get_name() != "help") {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Example"), "`{}` has no example", command.get_name());
        open.extend(command.get_subcommands().filter(|c| c.get_name() != "help"));
    }
}

/// What stands between backquotes in a page, outside of fenced blocks.
fn quoted(page: &str) -> Vec<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

fn texts_below(dir: &Path, texts: &mut Vec<(std::path::PathBuf, String)>) {
    for entry in std::fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("its entries can be read").path();
        let ends = path.extension().and_then(|end| end.to_str());
        match path.is_dir() {
            true => texts_below(&path, texts),
            false if matches!(ends, Some("rs" | "py" | "yml" | "yaml" | "sh")) => {
                texts.push((path.clone(), std::fs::read_to_string(&path).unwrap_or_default()));
            }
            false => {}
        }
    }
}

/// What a page names and is not there.
fn not_there(page: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut texts = Vec::new();
    for folder in ["crates", "deploy", "scripts"] {
        texts_below(&root.join(folder), &mut texts);
    }
    let somewhere = |needle: &str| texts.iter().any(|(_, text)| text.contains(needle));
    let is_snake =
        |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_upper = |name: &str| name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let is_alert =
        |name: &str| name.starts_with(char::is_uppercase) && name.chars().all(|c| c.is_ascii_alphabetic());
    let is_there = |name: &str| {
        if let Some(sentence) = name.strip_prefix("deploy: ") {
            return somewhere(&format!("@check(\"{sentence}\")"));
        }
        if ["crates/", "deploy/", "docs/", "scripts/"].iter().any(|start| name.starts_with(start)) {
            return root.join(name).exists();
        }
        if let Some(command) = name.strip_prefix("linkflow ") {
            return Args::command().find_subcommand(command).is_some();
        }
        if is_upper(name) {
            let is_deployed = texts.iter().any(|(path, text)| {
                path.strip_prefix(&root).is_ok_and(|path| path.starts_with("deploy")) && text.contains(name)
            });
            return SETTINGS.iter().any(|setting| setting.variable() == name) || is_deployed;
        }
        if name.starts_with("linkflow_") {
            return crate::metrics::METRICS.iter().any(|metric| metric.name == name);
        }
        if is_snake(name) && name.matches('_').count() >= 3 && !name.starts_with("asynq_") {
            return somewhere(&format!("fn {name}("));
        }
        !is_alert(name) || is_upper(name) || somewhere(&format!("alert: {name}"))
    };
    quoted(page).into_iter().filter(|name| !is_there(name)).map(str::to_owned).collect()
}

#[test]
fn what_the_page_about_the_scaling_guide_names_is_there() {
    let page = include_str!("../../../docs/scaling-guide.md");
    assert!(quoted(page).len() > 80, "the page names what shows it");
    assert_eq!(not_there(page), Vec::<String>::new());
}

#[test]
fn what_is_not_there_is_found_in_a_page() {
    let page = "`deploy: No such sentence`, `deploy/none.yml`, `no_such_story_is_told`, `linkflow nothing`, \
                `NO_SUCH_SETTING_AT`, `linkflow_nothing_total`, `NoSuchAlert`, `deploy/nginx/ws.conf`, `WorkerDown`";
    assert_eq!(not_there(page).len(), 7, "{:?}", not_there(page));
}
