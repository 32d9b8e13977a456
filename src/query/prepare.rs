//! What the start page unites over all time, made before the first visitor asks: month by month, so that each view is short.

use std::collections::BTreeSet;

use super::{QueryError, Scope, View};
use crate::ingest::Engine;
use crate::model::{Caller, Day, DayRange};

/// Unites the downloaders of the public hub by month while `goes_on`.
///
/// # Errors
/// When the store fails or a value is damaged: whoever asks for it is told then.
pub fn prepare(engine: &Engine, goes_on: impl Fn() -> bool) -> Result<(), QueryError> {
    let ever = DayRange { first: Day(0), last: engine.today() };
    let days = View::of(engine)?.known_days(ever)?;
    let months: BTreeSet<(Day, Day)> = days.iter().map(|day| (day.month().first, day.month().last)).collect();
    for (first, last) in months {
        if !goes_on() {
            return Ok(());
        }
        View::of(engine)?.uniques(&Scope::Hub, DayRange { first, last }, &Caller::public())?;
    }
    View::of(engine)?.ecosystem(&Caller::public()).map(drop)
}
