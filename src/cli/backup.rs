//! `hubtally backup`: a consistent copy of a store that may be in use.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::render::number::grouped;
use crate::serve::Upload;

#[derive(Args, Debug)]
#[command(
    after_help = "Works while a server holds the folder; the server then writes the file. It is there in full, synced and \
read again, or not at all, and nothing is ever replaced. The secret key is not in it: keep a copy of secret.key elsewhere.

Examples:
  hubtally backup /backups/hubtally.backup
  hubtally backup /backups                     a new name each time: hubtally-20261120T120000Z.backup
  hubtally restore /backups/hubtally.backup --data /var/lib/hubtally-new --secret /safe/secret.key"
)]
pub struct BackupArguments {
    /// File to write, which must not be there yet, or a folder
    #[arg(value_name = "FILE|DIR")]
    pub to: PathBuf,
    /// Put the secret key in as well: whoever has such a file can find out who downloaded what
    #[arg(long)]
    pub with_secret: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Writes it.
pub fn run(arguments: &BackupArguments, configuration: &Configuration) -> Result<(), Failure> {
    let to = std::path::absolute(&arguments.to).map_err(|error| Failure::failed(format!("what folder is this? {error}")))?;
    let to = to.to_str().ok_or_else(|| Failure::Usage("the name of a backup must be UTF-8".to_owned()))?;
    let upload = Upload::Json(json!({ "path": to, "with_secret": arguments.with_secret }));
    let answer = Backend::open(configuration, Folder::MustExist)?.ask("POST", "/api/v1/backup", upload)?;
    let path = answer.value.get("path").and_then(Value::as_str).unwrap_or_default();
    if arguments.with_secret {
        eprintln!("hubtally: {path} holds the secret key: with it and a list of addresses one finds out who downloaded what");
    }
    if arguments.json {
        return output::line(&answer.text);
    }
    let bytes = grouped(output::count(&answer.value, "bytes"));
    let values = grouped(output::count(&answer.value, "values"));
    let secret = if arguments.with_secret { "" } else { "; the secret key is not in it, keep a copy of secret.key elsewhere" };
    output::line(&format!("{path}: {bytes} bytes, {values} values, written and read again{secret}"))
}
