//! Who came for the first time and who came back: the downloaders of a scope over time.

use askama::Template;

use super::choice::INTERVALS;
use super::filters;
use super::frame::Instant;
use super::overview::{Foot, Place};
use crate::model::{DayRange, Millis};
use crate::query::{Cohort, Interval};
use crate::render::chart::{Chart, Column, Figures};
use crate::render::links::State;

/// A block with one chart.
#[derive(Template)]
#[template(path = "cohorts.html")]
pub struct Cohorts {
    /// Downloaders who came for the first time in the range.
    new: u64,
    /// Whether there are days before the range on which one could have come.
    since_before: bool,
    range: DayRange,
    /// `day`, `week` or `month`.
    unit: &'static str,
    chart: Option<Chart>,
    /// Of a single interval: how many are new, and how many returned.
    single: Option<(u64, u64)>,
    foot: Foot,
}

impl askama::filters::HtmlSafe for Cohorts {}

impl Cohorts {
    /// Draws the cohorts of a range; `since_before` says whether the scope has earlier days.
    #[must_use]
    pub fn new(
        cohorts: &[Cohort],
        interval: Interval,
        range: DayRange,
        since_before: bool,
        place: &Place<'_>,
        as_of: Millis,
    ) -> Cohorts {
        let column = |name, value: fn(&Cohort) -> u64| Column { name, values: cohorts.iter().map(value).collect() };
        let columns = vec![
            column("Downloaders", |cohort| cohort.unique_downloaders.0),
            column("New", |cohort| cohort.new.0),
            column("Returning", |cohort| cohort.returning.0),
        ];
        let days = cohorts.iter().map(|cohort| cohort.range.first).collect();
        let open_end = range.last == as_of.day();
        let figures = Figures { interval, days, columns, drawn: 0, part: Some(2), before: Vec::new(), open_end };
        let word = INTERVALS.iter().find(|(_, known)| *known == interval).map_or("day", |(word, _)| word);
        let state = State::default().and("from", range.first).and("to", range.last).and("interval", word);
        let file = |ending: &str| Some(place.links.to(format_args!("{}/cohorts{ending}{state}", place.api)));
        let new = cohorts.iter().map(|cohort| cohort.new.0).sum();
        let single = match cohorts {
            [only] if only.unique_downloaders.0 > 0 => Some((only.new.0, only.returning.0)),
            _ => None,
        };
        let anybody = cohorts.iter().any(|cohort| cohort.unique_downloaders.0 > 0);
        let foot = Foot { as_of: Instant(as_of), csv: file(".csv"), json: file("") };
        Cohorts {
            new,
            since_before,
            range,
            unit: word,
            single,
            chart: Chart::new(&figures).filter(|_| anybody && single.is_none()),
            foot,
        }
    }
}
