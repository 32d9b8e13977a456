//! `hubtally restore`: makes a data folder of a backup.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::ingest::{RestoreError, RestoreSecret, restore};
use crate::render::number::grouped;

/// What a new secret costs.
const STRANGERS: &str = "the figures of before stay, but everybody counts as somebody new from here on: returning downloaders, \
                         events that come again in another log, and `hubtally forget` by a name do not find what was before";

#[derive(Args, Debug)]
#[command(
    after_help = "The folder must be new or empty. The secret key comes from the backup if it was made --with-secret, from a \
secret.key that lies in the folder already, from --secret, or is asked for.

Examples:
  hubtally restore hubtally.backup --data /var/lib/hubtally --secret /safe/secret.key
  hubtally restore with-secret.backup --data /var/lib/hubtally"
)]
pub struct RestoreArguments {
    /// Backup, as `hubtally backup` wrote it
    #[arg(value_name = "BACKUP")]
    pub backup: PathBuf,
    /// The secret key of the store: the old folder's secret.key
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,
    /// Go on under a new key, if the old one is lost: nobody from before is recognised again
    #[arg(long, conflicts_with = "secret")]
    pub new_secret: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Restores it.
pub fn run(arguments: &RestoreArguments, configuration: &Configuration) -> Result<(), Failure> {
    let (Some(folder), None) = (&configuration.folder, &configuration.server) else {
        return Err(Failure::Usage("a backup is restored into a folder: name it with --data, without --url".to_owned()));
    };
    let secret = match &arguments.secret {
        Some(file) => RestoreSecret::File(file.clone()),
        None if arguments.new_secret => RestoreSecret::New,
        None => RestoreSecret::Found,
    };
    let restored = match restore(&arguments.backup, folder, &secret) {
        Err(RestoreError::SecretMissing) => restore(&arguments.backup, folder, &asked()?),
        other => other,
    };
    let summary = restored.map_err(|error| match error {
        RestoreError::SecretMissing => missing(),
        RestoreError::Store(error) => Failure::failed(error.to_string()),
    })?;
    if summary.is_new_secret {
        eprintln!("hubtally: {} has a new secret key: {STRANGERS}", folder.display());
    }
    let taken = summary.taken.map(|taken| taken.to_string());
    if arguments.json {
        let (data, values, new_secret) = (folder.display().to_string(), summary.values, summary.is_new_secret);
        return output::line(&json!({ "data": data, "taken_at": taken, "values": values, "new_secret": new_secret }).to_string());
    }
    let of = taken.map_or_else(String::new, |taken| format!(" of {taken}"));
    output::line(&format!("{} holds the store{of}: {} values, all of them whole", folder.display(), grouped(summary.values)))
}

fn missing() -> Failure {
    Failure::failed(format!(
        "the backup does not hold the secret key: name the old folder's secret.key with --secret FILE; if it is lost, \
         --new-secret goes on without: {STRANGERS}"
    ))
}

/// The secret as somebody types or pastes it.
fn asked() -> Result<RestoreSecret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(missing());
    }
    let typed = rpassword::prompt_password("Secret key, the 64 digits of secret.key: ");
    typed.map(RestoreSecret::Text).map_err(|error| Failure::failed(format!("the terminal cannot be read: {error}")))
}
