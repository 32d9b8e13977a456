//! `hubtally uniques`: exact unique downloaders over a range.

use super::arguments::UniquesArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::model::Day;
use crate::render::number::grouped;

/// Shows the figure.
pub fn run(arguments: &UniquesArguments, configuration: &Configuration) -> Result<(), Failure> {
    let bound = |name: &str, day: Option<Day>| day.map(|day| format!("{name}={day}"));
    let bounds: Vec<String> = [bound("from", arguments.from), bound("to", arguments.to)].into_iter().flatten().collect();
    let path = format!("/api/v1/{}/uniques?{}", arguments.scope, bounds.join("&"));
    let answer = Backend::open(configuration, Folder::MustExist)?.get(&path)?;
    if arguments.json {
        output::line(&answer.text)
    } else {
        output::line(&grouped(output::count(&answer.value, "unique_downloaders")))
    }
}
