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
