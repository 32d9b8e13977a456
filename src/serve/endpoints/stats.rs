//! Figures of one repo: all time, and its recent days.

use crate::model::DayRange;
use crate::query::View;
use crate::render::json::Recent;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::validation::Validation;

/// `{"downloads","likes"}`.
pub fn stats(call: &Call) -> Outcome {
    let repo = call.repo()?;
    let view = View::of(call.engine())?;
    let number = call.visible(&view, &repo)?;
    Ok(Answer::json(&view.totals(number)?))
}

/// The last days, zeros included unless `fill=none`.
pub fn recent(call: &Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let days = validation.number("days", 30, 1..=365);
    let zero_days = validation.word("fill", true, &[("zero", true), ("none", false)]);
    let uniques = validation.include_uniques();
    validation.finish()?;
    let repo = call.repo()?;
    let view = View::of(call.engine())?;
    let number = call.visible(&view, &repo)?;
    let range = DayRange::ending(call.engine().today(), days);
    Ok(Answer::json(&Recent::new(&view.recent(number, range, zero_days, uniques)?, range)))
}
