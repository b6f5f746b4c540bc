//! The settings as options of commands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::Given;
use super::table::{Reader, SETTINGS, Setting};

/// For [`Flags`]: options of all settings.
pub const SERVE: u8 = 0;
/// For [`Flags`]: those of `run`.
pub const RUN: u8 = 1;
/// For [`Flags`]: those of commands that work on a store.
pub const STORE: u8 = 2;

/// The options of one kind of command, and the file that `--config` names.
#[derive(Clone, Debug, Default)]
pub struct Flags<const READER: u8> {
    config: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl<const READER: u8> Flags<READER> {
    pub fn given(&self) -> Given {
        Given { reader: reader(READER), config: self.config.clone(), values: self.values.clone() }
    }
}

fn reader(number: u8) -> Reader {
    match number {
        RUN => Reader::Run,
        STORE => Reader::Store,
        _ => Reader::Serve,
    }
}

fn settings(number: u8) -> impl Iterator<Item = (&'static Setting, String)> {
    let of_command = SETTINGS.iter().filter(move |s| s.is_read_by(reader(number)));
    of_command.filter_map(|s| s.option().map(|option| (s, option)))
}

impl<const READER: u8> Args for Flags<READER> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help_heading("Settings")
            .help("A TOML file with settings [env: LINKFLOW_CONFIG] [default: linkflow.toml in the data folder]");
        settings(READER).fold(command.arg(config), |command, (setting, option)| {
            let mut help = format!("{} [env: {}]", setting.help, setting.variable());
            if let Some(default) = setting.default {
                help = format!("{help} [default: {default}]");
            }
            let arg = Arg::new(setting.name)
                .long(option)
                .value_name(setting.kind.placeholder())
                .help_heading("Settings")
                .help(help);
            command.arg(match setting.alias {
                Some(alias) => arg.visible_alias(alias),
                None => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const READER: u8> FromArgMatches for Flags<READER> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = settings(READER)
            .filter_map(|(s, _)| matches.get_one::<String>(s.name).map(|text| (s.name, text.clone())));
        Ok(Flags { config: matches.get_one::<PathBuf>("config").cloned(), values: values.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
