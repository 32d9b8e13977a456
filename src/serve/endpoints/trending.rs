//! Repos ranked by recent downloads, filtered before they are ranked.

use super::analytics::answer;
use crate::ingest::Engine;
use crate::model::DayRange;
use crate::query::View;
use crate::render::json::Trending;
use crate::serve::answer::Outcome;
use crate::serve::call::Call;
use crate::serve::validation::Validation;

/// The top of a type, or of all types.
pub async fn trending(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let kind = validation.repo_type();
    let days = validation.number("days", 7, 1..=90);
    let limit = validation.number("limit", 20, 1..=100);
    validation.finish()?;
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let range = DayRange::ending(engine.today(), days);
        let trends = View::of(engine)?.trending(kind, range, usize::from(limit), &caller)?;
        Ok(answer(&Trending::new(&trends, range), csv))
    };
    call.app.read(ask).await?
}
