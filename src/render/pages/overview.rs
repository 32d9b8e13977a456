//! The head of every page with figures: the window, the tiles and the one chart.

use askama::Template;

use super::choice::{Choice, INTERVALS, Measure};
use super::frame::Instant;
use crate::model::{Day, DayCounts, DayRange, Millis};
use crate::query::{self, Interval, Span};
use crate::render::chart::{Chart, Column, Figures};
use crate::render::links::{Links, State};
use crate::render::number::{Change, Grouped, Share};

/// Something that can be chosen by a link.
pub struct Pick {
    pub href: String,
    pub text: String,
    pub current: bool,
}

/// A figure that is also the choice of what the chart draws.
struct Tile {
    href: String,
    name: &'static str,
    current: bool,
    value: String,
    note: String,
    change: Option<Change>,
}

/// Where a block's numbers can be had as a file, and of when they are.
pub struct Foot {
    pub as_of: Instant,
    pub csv: Option<String>,
    pub json: Option<String>,
}

/// Where a page lies, and where its figures can be had.
pub struct Place<'a> {
    pub links: &'a Links,
    /// The page itself, such as `/orgs/acme`.
    pub path: &'a str,
    /// Its scope in the API, such as `/api/v1/orgs/acme`.
    pub api: &'a str,
    /// What else the address says, such as the search in a table.
    pub rest: &'a State,
}

/// Span, tiles and chart.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct Overview {
    action: String,
    windows: Vec<Pick>,
    intervals: Vec<Pick>,
    compare: Option<Pick>,
    custom: bool,
    from: Day,
    to: Day,
    today: Day,
    /// What the form of days must not lose.
    kept: State,
    range: DayRange,
    before: Option<DayRange>,
    tiles: Vec<Tile>,
    chart: Option<Chart>,
    empty: bool,
    foot: Foot,
}

impl askama::filters::HtmlSafe for Overview {}

impl Overview {
    /// Puts the figures of a scope into words and pictures.
    #[must_use]
    pub fn new(figures: &query::Overview, choice: &Choice, place: &Place<'_>, as_of: Millis) -> Overview {
        let controls = Controls { choice, place };
        let range = figures.now.range;
        Overview {
            action: place.links.to(place.path),
            windows: controls.windows(),
            intervals: controls.intervals(figures.interval),
            compare: controls.compare(figures),
            custom: matches!(choice.window, Span::Range(_)),
            from: range.first,
            to: range.last,
            today: figures.today,
            kept: controls.state(&choice.state().without(&["window", "from", "to"])),
            range,
            before: figures.before.as_ref().map(|before| before.range),
            tiles: Measure::ALL.into_iter().map(|measure| tile(measure, figures, &controls)).collect(),
            chart: Chart::new(&drawn(figures, choice.measure)),
            empty: figures.first_day.is_none(),
            foot: foot(figures, place, as_of),
        }
    }
}

/// Links that change one choice and keep the others.
struct Controls<'a> {
    choice: &'a Choice,
    place: &'a Place<'a>,
}

impl Controls<'_> {
    fn state(&self, state: &State) -> State {
        self.place.rest.pairs().iter().fold(state.clone(), |state, (name, value)| state.and(name, value))
    }

    fn href(&self, choice: &Choice) -> String {
        self.place.links.to(format_args!("{}{}", self.place.path, self.state(&choice.state())))
    }

    fn windows(&self) -> Vec<Pick> {
        let option = |window, text: &str| {
            let href = self.href(&Choice { window, interval: None, ..*self.choice });
            Pick { href, text: text.to_owned(), current: self.choice.window == window }
        };
        vec![option(Span::All, "All time"), option(Span::Month, "Last month")]
    }

    fn intervals(&self, current: Interval) -> Vec<Pick> {
        let option = |(word, interval): (&str, Interval)| {
            let href = self.href(&Choice { interval: Some(interval), ..*self.choice });
            Pick { href, text: word.to_owned(), current: current == interval }
        };
        INTERVALS.into_iter().map(option).collect()
    }

    fn compare(&self, figures: &query::Overview) -> Option<Pick> {
        // Before the first day there is nothing to compare with.
        let begun = figures.first_day.is_some_and(|first| first < figures.now.range.first);
        if self.choice.window == Span::All || !begun {
            return None;
        }
        let href = self.href(&Choice { compare: !self.choice.compare, ..*self.choice });
        let text = if self.choice.compare { "Hide the period before" } else { "Compare with the period before" };
        Some(Pick { href, text: text.to_owned(), current: self.choice.compare })
    }
}

fn figure(measure: Measure, counts: DayCounts, uniques: u64) -> u64 {
    match measure {
        Measure::Downloads => counts.downloads().0,
        Measure::Uniques => uniques,
        Measure::Files => counts.files.0,
        Measure::Authenticated => counts.authenticated.0,
    }
}

fn name(measure: Measure) -> &'static str {
    match measure {
        Measure::Downloads => "Downloads",
        Measure::Uniques => "Unique downloaders",
        Measure::Files => "Files",
        Measure::Authenticated => "Signed-in downloads",
    }
}

fn tile(measure: Measure, figures: &query::Overview, controls: &Controls<'_>) -> Tile {
    let of = |stretch: &query::Stretch| figure(measure, stretch.counts, stretch.uniques.0);
    let now = of(&figures.now);
    let downloads = figures.now.counts.downloads().0;
    let note = match measure {
        Measure::Downloads if controls.choice.window != Span::All => {
            format!("{} of all time", Grouped(figures.all_time.downloads().0))
        }
        Measure::Downloads => String::new(),
        Measure::Uniques => match figures.now.floor {
            Some(floor) => format!("exact; {} by address alone", Grouped(floor.0)),
            None => "exact, each counted once".to_owned(),
        },
        Measure::Files if downloads > 0 => format!("{}.{} a download", now / downloads, now % downloads * 10 / downloads),
        Measure::Authenticated => format!("{} of downloads", Share { part: now, whole: downloads }),
        Measure::Files => String::new(),
    };
    Tile {
        href: controls.href(&Choice { measure, ..*controls.choice }),
        name: name(measure),
        current: controls.choice.measure == measure,
        value: Grouped(now).to_string(),
        note,
        change: figures.before.as_ref().map(|before| Change { now, before: of(before) }),
    }
}

/// The columns of the chart's table, and which of them is drawn.
fn drawn(figures: &query::Overview, measure: Measure) -> Figures {
    let rows = &figures.now.rows;
    let column = |measure| Column {
        name: name(measure),
        values: rows.iter().map(|row| figure(measure, row.counts, row.uniques.map_or(0, |uniques| uniques.0))).collect(),
    };
    let measures: Vec<Measure> =
        Measure::ALL.into_iter().filter(|known| *known != Measure::Uniques || measure == *known).collect();
    let before = figures.before.as_ref().map(|before| {
        let row = |row: &query::DayRow| figure(measure, row.counts, row.uniques.map_or(0, |uniques| uniques.0));
        let mut values: Vec<u64> = before.rows.iter().map(row).collect();
        // Calendar weeks and months of two stretches can differ in number by one.
        values.resize(rows.len(), 0);
        values
    });
    Figures {
        interval: figures.interval,
        days: rows.iter().map(|row| row.day).collect(),
        part: None,
        drawn: measures.iter().position(|known| *known == measure).unwrap_or(0),
        columns: measures.into_iter().map(column).collect(),
        before: before.unwrap_or_default(),
        open_end: figures.now.range.last == figures.today,
    }
}

fn foot(figures: &query::Overview, place: &Place<'_>, as_of: Millis) -> Foot {
    let interval = INTERVALS.iter().find(|(_, interval)| *interval == figures.interval).map_or("day", |(word, _)| word);
    let range = figures.now.range;
    let state = State::default().and("from", range.first).and("to", range.last).and("interval", interval);
    let state = state.and("include", "unique_downloaders");
    let file = |ending: &str| Some(place.links.to(format_args!("{}/series{ending}{state}", place.api)));
    Foot { as_of: Instant(as_of), csv: file(".csv"), json: file("") }
}
