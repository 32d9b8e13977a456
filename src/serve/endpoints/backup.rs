//! Backups, for whoever owns the data folder.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;

use super::json_body;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth::{Trust, forbidden};
use crate::serve::call::Call;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// A file that is not there yet, or a folder.
    path: PathBuf,
    #[serde(default)]
    with_secret: bool,
}

/// Writes a backup on this machine. No token allows it: it names a path, and may hold the secret.
pub async fn back_up(mut call: Call) -> Outcome {
    if call.trust != Trust::Owner {
        return Err(forbidden(
            "a backup is written by `hubtally backup` on the machine of the data folder, not over the network",
        ));
    }
    let Wanted { path, with_secret } = json_body::read(&mut call).await?;
    let summary = call.app.upkeep(move |engine| engine.back_up(&path, with_secret)).await??;
    Ok(Answer::json(&json!({
        "path": summary.path,
        "taken_at": summary.taken.to_string(),
        "values": summary.values,
        "bytes": summary.bytes,
        "with_secret": with_secret,
    })))
}
