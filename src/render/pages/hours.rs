//! What came in by hour: one row a day and one column an hour for each source, so that a missing log shows as a hole.

use askama::Template;

use super::frame::Instant;
use super::overview::{Foot, Pick};
use crate::model::{Day, DayRange, Millis};
use crate::query::SourceCoverage;
use crate::render::links::{Links, State};
use crate::render::number::{Grouped, Short};

const HOUR_MS: i64 = 3_600_000;
/// Holes that are listed; all of them are in the picture and in the files.
const HOLES: usize = 12;

/// One hour of a source.
struct Cell {
    /// `l1` to `l4` by how many events, `hole` between hours that have some, `none` outside.
    class: &'static str,
    events: u64,
}

impl Cell {
    fn text(&self) -> Short {
        Short(self.events)
    }
}

struct Line {
    day: Day,
    cells: Vec<Cell>,
}

struct Hole {
    from: Instant,
    to: Instant,
    hours: i64,
}

struct Source {
    name: String,
    events: Grouped,
    lines: Vec<Line>,
    holes: Vec<Hole>,
    /// Holes beyond those listed.
    more: usize,
}

/// The block of all sources.
#[derive(Template)]
#[template(path = "hours.html")]
pub struct Hours {
    spans: Vec<Pick>,
    sources: Vec<Source>,
    range: DayRange,
    foot: Foot,
}

impl askama::filters::HtmlSafe for Hours {}

impl Hours {
    /// Draws the hours of a range.
    #[must_use]
    pub fn new(coverage: &[SourceCoverage], range: DayRange, spans: Vec<Pick>, links: &Links, as_of: Instant) -> Hours {
        let state = State::default().and("from", range.first).and("to", range.last);
        let file = |ending: &str| Some(links.to(format_args!("/api/v1/hub/coverage{ending}{state}")));
        Hours {
            spans,
            sources: coverage.iter().map(|source| Source::new(source, range)).collect(),
            range,
            foot: Foot { as_of, csv: file(".csv"), json: file("") },
        }
    }
}

impl Source {
    fn new(source: &SourceCoverage, range: DayRange) -> Source {
        let most = source.hours.iter().map(|(_, events)| *events).max().unwrap_or(0);
        let (first, last) = (source.hours.first().map(|hour| hour.0), source.hours.last().map(|hour| hour.0));
        let cell = |at: Millis| {
            let found = source.hours.binary_search_by_key(&at, |hour| hour.0);
            let events = found.ok().and_then(|index| source.hours.get(index)).map_or(0, |hour| hour.1);
            let within = first.is_some_and(|first| first < at) && last.is_some_and(|last| at < last);
            Cell { class: class(events, most, within), events }
        };
        let line = |day: Day| Line { day, cells: (0..24).map(|hour| cell(Millis(day.start().0 + hour * HOUR_MS))).collect() };
        let hole =
            |(from, to): &(Millis, Millis)| Hole { from: Instant(*from), to: Instant(*to), hours: (to.0 - from.0) / HOUR_MS };
        Source {
            name: source.name.clone(),
            events: Grouped(source.named.events),
            lines: range.days().map(line).collect(),
            holes: source.gaps.iter().take(HOLES).map(hole).collect(),
            more: source.gaps.len().saturating_sub(HOLES),
        }
    }
}

/// Quarters of the most there is.
fn class(events: u64, most: u64, within: bool) -> &'static str {
    match (events, u128::from(events) * 4) {
        (0, _) if within => "hole",
        (0, _) => "none",
        (_, part) if part <= u128::from(most) => "l1",
        (_, part) if part <= u128::from(most) * 2 => "l2",
        (_, part) if part <= u128::from(most) * 3 => "l3",
        _ => "l4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_graded_by_the_fullest_and_holes_lie_between() {
        let graded = [1, 25, 26, 51, 76, 100].map(|events| class(events, 100, true));
        assert_eq!(graded, ["l1", "l1", "l2", "l3", "l4", "l4"]);
        assert_eq!((class(0, 100, true), class(0, 100, false)), ("hole", "none"));
        assert_eq!(class(u64::MAX, u64::MAX, true), "l4");
    }
}
