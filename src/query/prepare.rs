//! What the start page unites over all time, made before the first visitor asks: month by month, so that each view is short.

use std::collections::BTreeSet;

use super::{QueryError, Scope, View};
use crate::ingest::Engine;
use crate::model::{Caller, Day, DayRange};

/// Unites the downloaders of the hub by month while `goes_on`: as everybody sees it, or as administrators do where everybody
/// sees nothing.
///
/// # Errors
/// When the store fails or a value is damaged: whoever asks for it is told then.
pub fn prepare(engine: &Engine, goes_on: impl Fn() -> bool) -> Result<(), QueryError> {
    let ever = DayRange { first: Day(0), last: engine.today() };
    let (days, caller) = {
        let view = View::of(engine)?;
        let public = Caller::public();
        let caller = if view.hub(&public)?.repos == 0 { Caller::admin() } else { public };
        (view.known_days(ever)?, caller)
    };
    let months: BTreeSet<Day> = days.iter().map(|day| day.month().last).collect();
    for last in months {
        if !goes_on() {
            return Ok(());
        }
        View::of(engine)?.uniques(&Scope::Hub, DayRange { first: Day(0), last }, &caller)?;
    }
    if !goes_on() {
        return Ok(());
    }
    View::of(engine)?.ecosystem(&caller).map(drop)
}
