//! `linkflow config`: every setting, its value, and where that comes from.

use serde_json::{Value, json};

use crate::args::Config;
use crate::settings::{Kind, Origin, Resolved, Values};

pub fn config(args: &Config) -> anyhow::Result<u8> {
    let values = Values::of(&args.settings.given());
    if args.json {
        let rows: Vec<Value> = values.rows.iter().map(row).collect();
        let shown = json!({"file": values.file, "settings": rows, "problems": values.problems});
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        print(&values);
    }
    for problem in &values.problems {
        eprintln!("linkflow: {problem}");
    }
    Ok(u8::from(!values.problems.is_empty()))
}

/// What is shown of a value. A secret is never shown, only that it is there.
fn shown(row: &Resolved) -> Option<&str> {
    match &row.value {
        Some(_) if row.setting.is_secret() => Some("(hidden)"),
        value => value.as_deref(),
    }
}

fn print(values: &Values) {
    let names = values.rows.iter().map(|row| row.setting.name.len()).max().unwrap_or(0);
    for row in &values.rows {
        let value = shown(row).map_or_else(|| format!("({})", row.setting.unset), str::to_owned);
        println!("{:<names$}  {value}  [{}]", row.setting.name, place(row, values));
    }
    match &values.file {
        Some(file) => println!("\nThe file is {}.", file.display()),
        None => println!("\nThere is no settings file."),
    }
}

/// Where the value comes from, so that it can be found and changed.
fn place(row: &Resolved, values: &Values) -> String {
    match &row.origin {
        Origin::Default => "default".to_owned(),
        Origin::File { line } => {
            let file = values.file.as_ref().map_or(String::new(), |file| file.display().to_string());
            format!("{file}:{line}")
        }
        Origin::Environment => format!("environment {}", row.setting.variable()),
        Origin::Option => format!("option --{}", row.setting.option().unwrap_or_default()),
    }
}

fn row(row: &Resolved) -> Value {
    let setting = row.setting;
    let number = |text: Option<&str>| match setting.kind {
        Kind::Whole { .. } => json!(text.and_then(|text| text.parse::<u64>().ok())),
        _ => json!(text),
    };
    let mut shown = json!({
        "name": setting.name,
        "env": setting.variable(),
        "value": number(shown(row)),
        "origin": match row.origin {
            Origin::Default => "default",
            Origin::File { .. } => "file",
            Origin::Environment => "env",
            Origin::Option => "flag",
        },
        "default": number(setting.default),
        "secret": setting.is_secret(),
        "help": setting.help,
    });
    if let Kind::Whole { min, max, unit } = setting.kind {
        shown["min"] = json!(min);
        shown["max"] = json!(max);
        shown["unit"] = json!(unit);
    }
    if let Origin::File { line } = row.origin {
        shown["line"] = json!(line);
    }
    shown
}
