//! The TOML file: its keys with the lines they stand in.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::table::{Kind, SETTINGS, Setting, nearest};

/// Larger files are no settings.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A value, and the line it stands in.
pub struct Line {
    pub setting: &'static Setting,
    pub text: String,
    pub number: usize,
}

/// What a file says, and what is wrong with it: one sentence each, with file and line.
#[derive(Default)]
pub struct Said {
    pub lines: Vec<Line>,
    pub problems: Vec<String>,
}

/// Reads the file at `path`.
pub fn read(path: &Path) -> Said {
    match text_of(path) {
        Ok(text) => parse(&path.display().to_string(), &text),
        Err(problem) => Said { problems: vec![problem], ..Said::default() },
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| {
        format!("the settings file {} cannot be read: {e}; name another one with --config", path.display())
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!(
            "{} has {bytes} bytes; a settings file has at most {FILE_BYTES_MAX}",
            path.display()
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn parse(name: &str, text: &str) -> Said {
    let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(span.start));
            let problem = format!("{name}:{line}: this is no TOML: {}", error.message());
            return Said { problems: vec![problem], ..Said::default() };
        }
    };
    let mut said = Said::default();
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let number = line_of(key.span().start);
        let at = format!("{name}:{number}");
        let key: &str = key.get_ref();
        let Some(setting) = SETTINGS.iter().find(|s| s.name == key) else {
            said.problems.push(format!("{at}: {}", unknown(key)));
            continue;
        };
        match text_of_value(setting.kind, value.get_ref()) {
            Some(text) => said.lines.push(Line { setting, text, number }),
            None => {
                let shown = if setting.is_secret() { String::new() } else { shown(value.get_ref()) };
                said.problems.push(format!("{at}: `{key}` {}{shown}", setting.kind.must()));
            }
        }
    }
    said
}

/// What is said about a key that is no setting.
fn unknown(key: &str) -> String {
    match nearest(key) {
        Some(known) => format!("there is no setting `{key}`; did you mean `{known}`?"),
        None => format!("there is no setting `{key}`; `linkflow config` lists all"),
    }
}

/// The text of a value that has the right type.
fn text_of_value(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Whole { .. }, DeValue::Integer(n)) => {
            i128::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n.to_string())
        }
        (Kind::Whole { .. }, _) => None,
        (Kind::List | Kind::Networks, DeValue::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(|v| v.get_ref().as_str()).collect();
            texts.filter(|texts| texts.iter().all(|t| !t.contains(','))).map(|texts| texts.join(","))
        }
        (_, DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!(", got the text \"{text}\""),
        DeValue::Integer(n) => format!(", got the number {}", n.as_str()),
        DeValue::Float(n) => format!(", got the number {}", n.as_str()),
        DeValue::Boolean(b) => format!(", got {b}"),
        DeValue::Datetime(d) => format!(", got the date {d}"),
        DeValue::Array(_) => ", got a list".to_owned(),
        DeValue::Table(_) => ", got a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, lines: &[&str], problems: &[&str]) {
        let said = parse("f.toml", text);
        let found: Vec<String> =
            said.lines.iter().map(|l| format!("{}: {}={}", l.number, l.setting.name, l.text)).collect();
        assert_eq!(found, lines);
        assert_eq!(said.problems, problems);
    }

    #[test]
    fn values_come_with_their_lines() {
        check(
            "# ours\nport = 9_000\n\negress_allow = [\n  \"10.0.0.0/8\",\n  \"db\",\n]\nlog = 'info'\n",
            &["2: port=9000", "4: egress_allow=10.0.0.0/8,db", "8: log=info"],
            &[],
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_the_name_that_was_meant() {
        check(
            "port = \"9000\"\nprot = 1\nPORT = 2\n[server]\nport = 1\n",
            &[],
            &[
                "f.toml:1: `port` must be a whole number from 0 to 65535, got the text \"9000\"",
                "f.toml:2: there is no setting `prot`; did you mean `port`?",
                "f.toml:3: there is no setting `PORT`; did you mean `port`?",
                "f.toml:4: there is no setting `server`; `linkflow config` lists all",
            ],
        );
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_the_line() {
        let said = parse("f.toml", "port = 1\nhost = \n");
        assert_eq!(said.problems.len(), 1);
        assert!(said.problems[0].starts_with("f.toml:2: this is no TOML: "), "{:?}", said.problems);
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_shown() {
        check("secret_key = 1234567\n", &[], &["f.toml:1: `secret_key` must be a text that is not empty"]);
    }
}
