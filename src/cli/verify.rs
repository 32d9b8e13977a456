//! `hubtally verify`: reads everything and reports damage.

use super::arguments::ListArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::render::number::grouped;
use crate::serve::Upload;

/// Fails if anything is damaged, after having said what.
pub fn run(arguments: &ListArguments, configuration: &Configuration) -> Result<(), Failure> {
    let answer = Backend::open(configuration, Folder::MustExist)?.ask("POST", "/api/v1/verify", Upload::Nothing)?;
    let findings = output::rows(&answer.value, "findings");
    if arguments.json {
        output::line(&answer.text)?;
    } else {
        for finding in findings.iter().filter_map(|finding| finding.as_str()) {
            output::line(finding)?;
        }
        output::line(&format!(
            "{} values read, {} damaged",
            grouped(output::count(&answer.value, "checked_values")),
            findings.len()
        ))?;
    }
    match findings.len() {
        0 => Ok(()),
        _ => {
            Err(Failure::failed("stored data is damaged: `hubtally rebuild` repairs views, a backup or another import the rest"))
        }
    }
}
