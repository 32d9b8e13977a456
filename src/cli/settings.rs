//! Where settings come from: a flag, else the environment, else a file, else the default.
//!
//! A setting is whatever has both a flag and an environment variable on the command line of `hubtally` or of
//! `hubtally serve`; in the file it has the flag's name with underscores. What the file says is put where clap looks for
//! defaults, so every value is checked by the same rule wherever it comes from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::de::{DeTable, DeValue};

use super::arguments::Arguments;
use super::failure::Failure;

/// The file that is read if it lies in the data folder.
const FILE_NAME: &str = "hubtally.toml";

/// Names further away than this from a setting's are no misspellings of it.
const DISTANCE_MAX: usize = 3;

/// A command line that does not say what to do, or settings that are wrong.
pub enum Unresolved {
    CommandLine(clap::Error),
    Settings(Failure),
}

/// Where a value comes from, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl Origin {
    /// As people read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::Flag => "flag",
        }
    }
}

/// One setting as it is in force.
pub struct Setting {
    pub name: String,
    /// `None` if it is not set at all; secrets are not told.
    pub value: Option<String>,
    pub origin: Origin,
    /// Its environment variable.
    pub variable: String,
}

/// All settings, and the file some of them may come from.
pub struct Settings {
    pub all: Vec<Setting>,
    pub file: Option<PathBuf>,
}

/// The command line with everything that stands behind it.
pub fn resolve(typed: &[OsString]) -> Result<(Arguments, Settings), Unresolved> {
    let command = Arguments::command();
    let typed_alone = command.clone().try_get_matches_from(typed).map_err(Unresolved::CommandLine)?;
    let file = file(&typed_alone).map_err(Unresolved::Settings)?;
    let values = match &file {
        Some(path) => read(path, &command).map_err(Unresolved::Settings)?,
        None => BTreeMap::new(),
    };
    // Before the values of the file are put in, which moves an argument behind the others.
    let known = known(&command);
    let command = with_defaults(command, &values);
    let matches = command.try_get_matches_from(typed).map_err(Unresolved::CommandLine)?;
    let mut arguments = Arguments::from_arg_matches(&matches).map_err(Unresolved::CommandLine)?;
    let all: Vec<Setting> = known.iter().map(|arg| setting(arg, &matches, &values)).collect();
    // Of a secret and a file that holds it the one that was said more strongly counts.
    let origin = |name: &str| all.iter().find(|setting| setting.name == name).map(|setting| setting.origin);
    if origin("token") >= origin("token_file") && arguments.common.token.is_some() {
        arguments.common.token_file = None;
    } else if arguments.common.token_file.is_some() {
        arguments.common.token = None;
    }
    Ok((arguments, Settings { all, file }))
}

/// The file named, else the one in the data folder if there is one.
fn file(matches: &ArgMatches) -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = matches.get_one::<PathBuf>("config").filter(|path| !path.as_os_str().is_empty()) {
        return Ok(Some(path.clone()));
    }
    let folder = matches.get_one::<PathBuf>("data").filter(|folder| folder.as_os_str() != ":memory:");
    Ok(folder.map(|folder| folder.join(FILE_NAME)).filter(|path| path.is_file()))
}

/// The arguments that are settings: each once, those of every command first.
fn known(command: &Command) -> Vec<Arg> {
    let mut known: Vec<Arg> = Vec::new();
    let all = command.get_arguments().chain(command.find_subcommand("serve").into_iter().flat_map(Command::get_arguments));
    for arg in all.filter(|arg| arg.get_env().is_some() && arg.get_long().is_some()) {
        if known.iter().all(|other| other.get_id() != arg.get_id()) {
            known.push(arg.clone());
        }
    }
    known
}

fn name_of(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}

/// What the file says, by the ids of arguments.
fn read(path: &Path, command: &Command) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let shown = path.display();
    let unreadable = |error| Failure::Failed(format!("the settings in {shown} cannot be read: {error}"));
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let at = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
    let wrong = |offset: usize, what: &str| Failure::Failed(format!("{shown}, line {}: {what}", at(offset)));
    let table = DeTable::parse(&text).map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message()))?;
    let known = known(command);
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let start = key.span().start;
        let name: &str = key.get_ref();
        let Some(arg) = known.iter().find(|arg| name_of(arg) == name && name != "config") else {
            return Err(wrong(start, &unknown(name, &known)));
        };
        if name == "data" && path.file_name().is_some_and(|file| file == FILE_NAME) {
            return Err(wrong(
                start,
                "the data folder cannot be set in a file of that name, which is looked for inside it: use --data",
            ));
        }
        let texts =
            texts(value.get_ref()).ok_or_else(|| wrong(start, &format!("{name} is a text, a number or a list of texts")))?;
        check(arg, &texts).map_err(|why| wrong(start, &why))?;
        values.insert(arg.get_id().to_string(), texts);
    }
    Ok(values)
}

fn unknown(name: &str, known: &[Arg]) -> String {
    let near = known.iter().map(name_of).map(|other| (strsim::osa_distance(name, &other), other)).min();
    match near.filter(|(distance, other)| *distance <= DISTANCE_MAX && *distance < other.len()) {
        Some((_, other)) => format!("there is no setting {name}; did you mean {other}?"),
        None => {
            let names: Vec<String> = known.iter().map(name_of).filter(|name| name != "config").collect();
            format!("there is no setting {name}; there are {}", names.join(", "))
        }
    }
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Integer(number) => Some(vec![number.to_string()]),
        DeValue::Boolean(yes) => Some(vec![yes.to_string()]),
        DeValue::Datetime(at) => Some(vec![at.to_string()]),
        DeValue::Array(items) => items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect(),
        DeValue::Float(_) | DeValue::Table(_) => None,
    }
}

/// Puts values through the argument's own check.
fn check(arg: &Arg, texts: &[String]) -> Result<(), String> {
    let name = name_of(arg);
    let flags: Vec<String> = as_defaults(arg, texts).iter().map(|text| format!("--{}={text}", name.replace('_', "-"))).collect();
    let parsed = Command::new("settings").no_binary_name(true).arg(arg.clone()).try_get_matches_from(flags);
    parsed.map(drop).map_err(|error| {
        let said = error.to_string();
        let first: Vec<&str> = said.lines().take_while(|line| !line.is_empty()).collect();
        first.join(" ").trim_start_matches("error: ").replace(&format!("--{}", name.replace('_', "-")), &name)
    })
}

/// A list for an argument that takes one text becomes that text.
fn as_defaults(arg: &Arg, texts: &[String]) -> Vec<String> {
    let one = matches!(arg.get_action(), clap::ArgAction::Set);
    if one { vec![texts.join(",")] } else { texts.to_vec() }
}

/// The command with the values of the file as its defaults.
fn with_defaults(mut command: Command, values: &BTreeMap<String, Vec<String>>) -> Command {
    let changed = |command: Command, id: &str, texts: &[String]| {
        let has = command.get_arguments().any(|arg| arg.get_id() == id && arg.get_env().is_some());
        if !has {
            return command;
        }
        command.mut_arg(id, |arg| {
            let defaults = as_defaults(&arg, texts);
            arg.default_values(defaults)
        })
    };
    for (id, texts) in values {
        command = changed(command, id, texts).mut_subcommands(|subcommand| changed(subcommand, id, texts));
    }
    command
}

fn setting(arg: &Arg, matches: &ArgMatches, values: &BTreeMap<String, Vec<String>>) -> Setting {
    let id = arg.get_id().as_str();
    let own = matches.subcommand().map(|(_, of_command)| of_command);
    let with_it = |matches: &&ArgMatches| matches.try_contains_id(id).is_ok();
    let found = own.filter(with_it).or(Some(matches).filter(with_it));
    let raw = found.and_then(|found| found.get_raw(id));
    let value = raw.map(|raw| raw.map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(","));
    let value = value.map(|value| if arg.is_hide_env_values_set() { "(hidden)".to_owned() } else { value });
    let origin = match found.and_then(|found| found.value_source(id)) {
        Some(ValueSource::CommandLine) => Origin::Flag,
        Some(ValueSource::EnvVariable) => Origin::Environment,
        _ if values.contains_key(id) => Origin::File,
        _ => Origin::Default,
    };
    let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Setting { name: name_of(arg), value, origin, variable }
}
