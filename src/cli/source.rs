//! `hubtally source`: the settings of sources.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::arguments::{ListArguments, source as source_name};
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};
use crate::model::Proxies;
use crate::serve::Upload;

const PATH: &str = "/api/v1/sources";

const COLUMNS: [Column; 6] = [
    Column { title: "SOURCE", key: "name" },
    Column { title: "FORMATS", key: "formats" },
    Column { title: "REDIRECTS", key: "redirects" },
    Column { title: "HEAD REDIRECT", key: "head_redirect" },
    Column { title: "KNOWS USERS", key: "knows_users" },
    Column { title: "TRUSTED PROXIES", key: "trusted_proxies" },
];

#[derive(Subcommand, Debug)]
#[command(after_help = "Examples:
  hubtally source list
  hubtally source set mirror --redirects ignore
  hubtally source set edge --trusted-proxies 10.0.0.0/8,192.0.2.7
  hubtally source set mirror --redirects default     as the formats have it

A changed way of reading redirects or users counts everything anew, from the events that are stored. Trusted proxies act on
lines that are read from then on: events keep no addresses, so the past stays as it was read.")]
pub enum SourceCommand {
    /// List the sources with the settings in force
    List(ListArguments),
    /// Change settings of a source; what is not named stays as it is
    Set(SetArguments),
}

#[derive(Args, Debug)]
pub struct SetArguments {
    /// The source, which may be one of which nothing came in yet
    #[arg(value_name = "NAME", value_parser = source_name)]
    pub name: String,
    /// What a redirected GET means: handed to a file store, or a login wall
    #[arg(long, value_parser = ["handoff", "ignore", "default"])]
    pub redirects: Option<String>,
    /// What a redirected HEAD means: a look, or the start of a download
    #[arg(long, value_parser = ["probe", "handoff", "default"])]
    pub head_redirect: Option<String>,
    /// Whether a request without a user proves that it needed none
    #[arg(long, value_parser = ["true", "false", "default"])]
    pub knows_users: Option<String>,
    /// Proxies in front of this log's server whose X-Forwarded-For names the client, for lines read from now on; '' for none
    #[arg(long, value_name = "NETWORK,…", value_parser = proxies)]
    pub trusted_proxies: Option<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

fn proxies(text: &str) -> Result<String, String> {
    Proxies::parse(text).map(|proxies| proxies.to_string())
}

/// Does what was asked with sources.
pub fn run(command: &SourceCommand, configuration: &Configuration) -> Result<(), Failure> {
    match command {
        SourceCommand::List(arguments) => {
            let answer = Backend::open(configuration, Folder::MustExist)?.get(PATH)?;
            if arguments.json { output::line(&answer.text) } else { show(output::rows(&answer.value, "sources")) }
        }
        SourceCommand::Set(arguments) => set(arguments, configuration),
    }
}

fn set(arguments: &SetArguments, configuration: &Configuration) -> Result<(), Failure> {
    let texts = [
        ("redirects", &arguments.redirects),
        ("head_redirect", &arguments.head_redirect),
        ("trusted_proxies", &arguments.trusted_proxies),
    ];
    let given = |(key, value): (&str, &Option<String>)| Some((key.to_owned(), Value::String(value.clone()?)));
    let mut change: Map<String, Value> = texts.into_iter().filter_map(given).collect();
    if let Some(knows_users) = &arguments.knows_users {
        let value = knows_users.parse().map_or_else(|_| Value::String(knows_users.clone()), Value::Bool);
        change.insert("knows_users".to_owned(), value);
    }
    if change.is_empty() {
        return Err(Failure::Usage("name at least one setting to change, as in --redirects ignore".to_owned()));
    }
    let path = format!("{PATH}/{}", arguments.name);
    let backend = Backend::open(configuration, Folder::MayBeNew)?;
    let answer = backend.ask("PUT", &path, Upload::Json(Value::Object(change)))?;
    if arguments.trusted_proxies.is_some() {
        eprintln!("trusted proxies act on lines that are read from now on: what was read before keeps its downloaders");
    }
    if arguments.json { output::line(&answer.text) } else { show(std::slice::from_ref(&answer.value)) }
}

fn show(sources: &[Value]) -> Result<(), Failure> {
    let shown: Vec<Value> = sources
        .iter()
        .map(|source| {
            let mut source = source.clone();
            let formats: Vec<&str> = output::rows(&source, "formats").iter().filter_map(Value::as_str).collect();
            source["formats"] = formats.join(" ").into();
            source
        })
        .collect();
    output::table(&COLUMNS, &shown)
}
