//! `hubtally recount`: counts days anew while a server goes on answering.

use clap::Args;
use serde_json::{Value, json};

use super::arguments::day;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::model::Day;
use crate::render::number::grouped;
use crate::serve::Upload;

#[derive(Args, Debug)]
#[command(
    after_help = "Counts some days at a time, each stretch in a commit of its own: answers and pushes go on in between, and a stop \
loses nothing. `hubtally rebuild` throws all views away and makes them anew in one piece instead, which damage needs. Settings \
that are changed, and a new version that counts otherwise, have everything counted anew by themselves.

Examples:
  hubtally recount --from 2026-10-01 --to 2026-10-31
  hubtally recount                             all days"
)]
pub struct RecountArguments {
    /// First day; the first with an event without it
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub from: Option<Day>,
    /// Last day; the last with an event without it
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub to: Option<Day>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Counts them, stretch by stretch.
pub fn run(arguments: &RecountArguments, configuration: &Configuration) -> Result<(), Failure> {
    if arguments.from.zip(arguments.to).is_some_and(|(from, to)| from > to) {
        return Err(Failure::Usage("--from is after --to".to_owned()));
    }
    let backend = Backend::open(configuration, Folder::MustExist)?;
    let mut from = arguments.from.map(|day| day.to_string());
    let (mut days, mut rows, mut changed) = (0, 0, 0);
    loop {
        let bounds = [("from", from.take()), ("to", arguments.to.map(|day| day.to_string()))];
        let given: Vec<String> = bounds.into_iter().filter_map(|(name, day)| Some(format!("{name}={}", day?))).collect();
        let answer = backend.ask("POST", &format!("/api/v1/recount?{}", given.join("&")), Upload::Nothing)?.value;
        days += output::count(&answer, "days");
        rows += output::count(&answer, "rows");
        changed += output::count(&answer, "changed_days");
        let Some(next) = answer.get("next").and_then(Value::as_str) else { break };
        eprintln!("{} days counted, {} left, next {next}", grouped(days), grouped(output::count(&answer, "days_left")));
        from = Some(next.to_owned());
    }
    if arguments.json {
        return output::line(&json!({ "days": days, "rows": rows, "changed_days": changed }).to_string());
    }
    output::line(&format!(
        "{} days with {} rows are counted anew; {} of them changed",
        grouped(days),
        grouped(rows),
        grouped(changed)
    ))
}
