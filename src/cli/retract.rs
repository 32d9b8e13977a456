//! `hubtally retract`: takes a delivery back.

use super::arguments::RetractArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::serve::Upload;

/// Takes it back.
pub fn run(arguments: &RetractArguments, configuration: &Configuration) -> Result<(), Failure> {
    let path = format!("/api/v1/deliveries/{}", arguments.delivery);
    let answer = Backend::open(configuration, Folder::MustExist)?.ask("DELETE", &path, Upload::Nothing)?;
    if arguments.json {
        return output::line(&answer.text);
    }
    output::line(&format!("delivery {} is taken back; the numbers are as if it had never come", arguments.delivery))
}
