//! `hubtally compact`: gives the store's unused space back.

use clap::Args;
use serde_json::Value;

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::render::number::grouped;
use crate::serve::Upload;

#[derive(Args, Debug)]
#[command(
    after_help = "The store is written anew beside itself and takes its own place at once, so the disk needs room for both. While \
a server runs its answers go on; pushes wait until it is done. A kill leaves the old store.

Examples:
  hubtally compact
  hubtally compact --json --data /var/lib/hubtally"
)]
pub struct CompactArguments {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Gives it back.
pub fn run(arguments: &CompactArguments, configuration: &Configuration) -> Result<(), Failure> {
    let answer = Backend::open(configuration, Folder::MustExist)?.ask("POST", "/api/v1/compact", Upload::Nothing)?;
    if arguments.json {
        return output::line(&answer.text);
    }
    let size = |when: &str| {
        let of = |key: &str| answer.value.get(when).and_then(|size| size.get(key)).and_then(Value::as_u64).unwrap_or_default();
        format!("{} bytes ({} on disk)", grouped(of("bytes")), grouped(of("allocated_bytes")))
    };
    output::line(&format!("before {}, now {}", size("before"), size("after")))
}
