//! `hubtally rebuild`: makes all views anew from the stored events.

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::serve::Upload;

/// Makes them anew.
pub fn run(configuration: &Configuration) -> Result<(), Failure> {
    Backend::open(configuration, Folder::MustExist)?.ask("POST", "/api/v1/rebuild", Upload::Nothing)?;
    output::line("all views are made anew from the stored events")
}
