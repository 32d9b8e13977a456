//! A figure by one dimension, as bars: countries, client libraries, kinds of file.

use askama::Template;

use super::filters;
use super::frame::Instant;
use super::overview::{Foot, Place};
use crate::model::{DayRange, Millis};
use crate::query::{Breakdown, BreakdownRow, Dimension};
use crate::render::links::State;
use crate::render::number::Share;

/// Lines shown at once; the others can be unfolded.
const LINES: usize = 7;

/// One line: a name, a bar and a count.
struct Line {
    name: String,
    /// Two letters behind the name, for a script that knows the country's name.
    country: Option<String>,
    /// The bar in percent of the widest one.
    width: String,
    count: u64,
    share: Share,
}

/// A block of bars.
#[derive(Template)]
#[template(path = "shares.html")]
pub struct Shares {
    id: &'static str,
    title: &'static str,
    counted: &'static str,
    top: Vec<Line>,
    rest: Vec<Line>,
    foot: Foot,
}

impl askama::filters::HtmlSafe for Shares {}

impl Shares {
    /// Draws a breakdown of a range of days.
    #[must_use]
    pub fn new(breakdown: &Breakdown, range: DayRange, place: &Place<'_>, as_of: Millis) -> Shares {
        let (title, counted) = match breakdown.by {
            Dimension::Country => ("Countries", "Downloads"),
            Dimension::Region => ("Regions", "Downloads"),
            Dimension::Library => ("Client libraries", "Downloads"),
            Dimension::Version => ("Library versions", "Downloads"),
            Dimension::Class => ("Kinds of client", "Downloads"),
            Dimension::Kind => ("Kinds of file", "Files"),
            Dimension::File => ("Files", "Files"),
            Dimension::Weekday => ("Days of the week", "Downloads"),
            Dimension::Source => ("Sources", "Downloads"),
        };
        let most = breakdown.rows.iter().map(|row| row.count).max().unwrap_or(0);
        let mut top: Vec<Line> = breakdown.rows.iter().map(|row| line(row, breakdown, most)).collect();
        let rest = top.split_off(top.len().min(LINES));
        let by = breakdown.by.word();
        let state = State::default().and("by", by).and("from", range.first).and("to", range.last);
        let file = |ending: &str| Some(place.links.to(format_args!("{}/breakdown{ending}{state}", place.api)));
        Shares { id: by, title, counted, top, rest, foot: Foot { as_of: Instant(as_of), csv: file(".csv"), json: file("") } }
    }
}

fn line(row: &BreakdownRow, breakdown: &Breakdown, most: u64) -> Line {
    let known = |key: &String| match &row.of {
        Some(_) if breakdown.by == Dimension::Region => format!("{key}, "),
        Some(of) => format!("{of} {key}"),
        None if matches!(breakdown.by, Dimension::Weekday | Dimension::Kind | Dimension::Class) => capitalized(key),
        None => key.clone(),
    };
    let per_mille = Share { part: row.count, whole: most }.per_mille();
    Line {
        name: match &row.key {
            Some(_) if breakdown.by == Dimension::Country => String::new(),
            Some(key) => known(key),
            None if breakdown.by == Dimension::Region && row.of.is_some() => "Unknown, ".to_owned(),
            None => "Unknown".to_owned(),
        },
        country: match breakdown.by {
            Dimension::Country => row.key.clone(),
            // A region's letters mean something in their country alone.
            Dimension::Region => row.of.clone(),
            _ => None,
        },
        width: format!("{}.{}", per_mille / 10, per_mille % 10),
        count: row.count,
        share: Share { part: row.count, whole: breakdown.total },
    }
}

/// A word of ours at the beginning of a line.
fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
