//! The start page: what the hub has given out, and which repos are downloaded now.

use askama::Template;

use super::filters;
use super::frame::{Frame, Instant};
use super::milestones::Milestones;
use super::overview::{Foot, Overview};
use crate::model::Day;
use crate::query::{HubTotals, Trend};

/// A row of the trending table.
pub struct TrendRow {
    pub trend: Trend,
    /// The line of the last 30 whole days.
    pub line: String,
}

/// A counter of another hub.
pub struct OtherHub {
    pub name: String,
    pub title: String,
    pub latest: Option<(Day, u64)>,
}

/// The start page.
#[derive(Template)]
#[template(path = "hub.html")]
pub struct HubPage {
    pub frame: Frame,
    pub totals: HubTotals,
    pub as_of: Instant,
    pub overview: Overview,
    pub milestones: Milestones,
    pub counters: Vec<OtherHub>,
    pub counters_foot: Foot,
    pub trending: Vec<TrendRow>,
    pub trending_foot: Foot,
    /// Where this server listens, for the lines that show how to feed it.
    pub origin: String,
}
