//! `hubtally config`: every setting with its value and where that comes from.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{self, Column};
use super::serve;
use super::settings::Settings;

const COLUMNS: [Column; 4] = [
    Column { title: "SETTING", key: "name" },
    Column { title: "VALUE", key: "value" },
    Column { title: "ORIGIN", key: "origin" },
    Column { title: "VARIABLE", key: "variable" },
];

#[derive(Args, Debug)]
#[command(
    after_help = "A flag wins over its environment variable, that over the file, that over the default. The file is TOML; a setting has
its flag's name there, with underscores:

  listen = \"0.0.0.0:8642\"
  trusted_proxies = [\"10.0.0.0/8\"]
  public = [\"myorg/*\"]
  private = [\"myorg/secret-*\"]"
)]
pub struct ConfigArguments {
    #[command(flatten)]
    pub serve: serve::Arguments,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Shows the settings as `serve` would take them with the same flags.
pub fn run(arguments: &ConfigArguments, settings: &Settings) -> Result<(), Failure> {
    let rows: Vec<Value> = settings
        .all
        .iter()
        .map(|setting| {
            json!({
                "name": setting.name,
                "value": setting.value,
                "origin": setting.origin.word(),
                "variable": setting.variable,
            })
        })
        .collect();
    let file = settings.file.as_ref().map(|file| file.display().to_string());
    if arguments.json {
        return output::line(&json!({ "settings": rows, "file": file }).to_string());
    }
    output::table(&COLUMNS, &rows)?;
    match file {
        Some(file) => output::line(&format!("file: {file}")),
        None => output::line("no file: hubtally.toml in the data folder is read, or the one that --config names"),
    }
}
