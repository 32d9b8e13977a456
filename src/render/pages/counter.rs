//! The page of another hub's counter: its figure, where it comes from, and its milestones.

use askama::Template;

use super::filters;
use super::frame::Frame;
use super::milestones::Milestones;
use super::overview::Foot;
use crate::model::{Counter, Day};
use crate::query::Interval;
use crate::render::chart::{Chart, Column, Figures};

/// The page of a counter.
#[derive(Template)]
#[template(path = "counter.html")]
pub struct CounterPage {
    frame: Frame,
    counter: Counter,
    latest: Option<(Day, u64)>,
    chart: Option<Chart>,
    milestones: Milestones,
    foot: Foot,
}

impl CounterPage {
    /// The page; the chart has the totals that were told, day by day between the first and the last.
    #[must_use]
    pub fn new(frame: Frame, counter: Counter, milestones: Milestones, foot: Foot) -> CounterPage {
        let latest = counter.latest(Day(u16::MAX));
        CounterPage { frame, latest, chart: chart(&counter), milestones, counter, foot }
    }
}

/// The totals over the days; a day without one has that of the day before.
fn chart(counter: &Counter) -> Option<Chart> {
    let (first, last) = (counter.totals.keys().next()?, counter.totals.keys().next_back()?);
    if first == last {
        return None;
    }
    let days: Vec<Day> = (first.0..=last.0).map(Day).collect();
    let mut total = 0;
    let values = days.iter().map(|day| {
        total = counter.totals.get(day).copied().unwrap_or(total);
        total
    });
    let columns = vec![Column { name: "Total", values: values.collect() }];
    Chart::new(&Figures { interval: Interval::Day, days, columns, drawn: 0, part: None, before: Vec::new(), open_end: false })
}
