//! `hubtally uniques`: exact unique downloaders over a range.

use super::arguments::UniquesArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::days::parameters;
use super::failure::Failure;
use super::output;
use crate::render::number::grouped;

/// Shows the figure.
pub fn run(arguments: &UniquesArguments, configuration: &Configuration) -> Result<(), Failure> {
    arguments.days.check()?;
    let path = format!("/api/v1/{}/uniques?{}", arguments.scope, parameters(arguments.days.from, arguments.days.to));
    let answer = Backend::open(configuration, Folder::MustExist)?.get(&path)?;
    if arguments.json {
        output::line(&answer.text)
    } else {
        output::line(&grouped(output::count(&answer.value, "unique_downloaders")))
    }
}
