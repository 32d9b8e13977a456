//! `hubtally recount`: counts days anew while a server goes on answering.

use clap::Args;
use serde_json::{Value, json};

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::days::{DaysArguments, parameters};
use super::failure::Failure;
use super::output;
use crate::model::Day;
use crate::render::number::grouped;
use crate::serve::Upload;

#[derive(Args, Debug)]
#[command(
    after_help = "Counts some days at a time, each stretch in a commit of its own: answers and pushes go on in between, and a stop \
loses nothing. `hubtally rebuild` throws all views away and makes them anew in one piece instead, which damage needs. Settings \
that are changed, and a new version that counts otherwise, have everything counted anew by themselves. Without --from and --to \
the first and the last day with an event are meant.

Examples:
  hubtally recount --from 2026-10-01 --to 2026-10-31
  hubtally recount                             all days"
)]
pub struct RecountArguments {
    #[command(flatten)]
    pub days: DaysArguments,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Counts them, stretch by stretch.
pub fn run(arguments: &RecountArguments, configuration: &Configuration) -> Result<(), Failure> {
    arguments.days.check()?;
    let backend = Backend::open(configuration, Folder::MustExist)?;
    let (mut from, to) = (arguments.days.from, arguments.days.to);
    let (mut days, mut rows, mut changed) = (0, 0, 0);
    loop {
        let answer = backend.ask("POST", &format!("/api/v1/recount?{}", parameters(from, to)), Upload::Nothing)?.value;
        days += output::count(&answer, "days");
        rows += output::count(&answer, "rows");
        changed += output::count(&answer, "changed_days");
        let Some(next) = answer.get("next").and_then(Value::as_str).and_then(Day::parse) else { break };
        eprintln!("{} days counted, {} left, next {next}", grouped(days), grouped(output::count(&answer, "days_left")));
        from = Some(next);
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
