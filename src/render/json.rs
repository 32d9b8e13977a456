//! The JSON shapes of the answers, key for key as clients of the hub's statistics read them.

use serde::Serialize;

use crate::ingest::Health;
use crate::model::{DayCounts, DayRange, Downloads, Files, Likes, Uniques};
use crate::query::{DayRow, Trend};

/// `{"start","end","days"}`.
#[derive(Serialize)]
pub struct Period {
    start: String,
    end: String,
    days: u32,
}

impl From<DayRange> for Period {
    fn from(range: DayRange) -> Period {
        let days = (u32::from(range.last.0) + 1).saturating_sub(u32::from(range.first.0));
        Period { start: range.first.to_string(), end: range.last.to_string(), days }
    }
}

/// One day (or interval): exactly five keys, and a sixth only when asked for.
#[derive(Serialize)]
struct Row {
    date: String,
    downloads: Downloads,
    authenticated: Downloads,
    anonymous: Downloads,
    files: Files,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_downloaders: Option<Uniques>,
}

impl From<&DayRow> for Row {
    fn from(row: &DayRow) -> Row {
        Row {
            date: row.day.to_string(),
            downloads: row.counts.downloads(),
            authenticated: row.counts.authenticated,
            anonymous: row.counts.anonymous,
            files: row.counts.files,
            unique_downloaders: row.uniques,
        }
    }
}

/// `{"stats":[…],"period":{…}}`.
#[derive(Serialize)]
pub struct Recent {
    stats: Vec<Row>,
    period: Period,
}

impl Recent {
    /// The days of one repo.
    #[must_use]
    pub fn new(rows: &[DayRow], range: DayRange) -> Recent {
        Recent { stats: rows.iter().map(Row::from).collect(), period: range.into() }
    }
}

/// `{"series":[…],"period":{…}}`.
#[derive(Serialize)]
pub struct Series {
    series: Vec<Row>,
    period: Period,
}

impl Series {
    /// The intervals of a scope.
    #[must_use]
    pub fn new(rows: &[DayRow], range: DayRange) -> Series {
        Series { series: rows.iter().map(Row::from).collect(), period: range.into() }
    }
}

#[derive(Serialize)]
struct TrendRow<'a> {
    id: &'a str,
    r#type: &'static str,
    downloads: Downloads,
    likes: Likes,
    recent_downloads: Downloads,
    private: bool,
}

impl TrendRow<'_> {
    fn new(trend: &Trend) -> TrendRow<'_> {
        TrendRow {
            id: trend.repo.name.as_str(),
            r#type: trend.repo.kind.word(),
            downloads: trend.downloads,
            likes: trend.likes,
            recent_downloads: trend.recent,
            private: trend.private,
        }
    }
}

/// `{"trending":[…],"period":{…}}`.
#[derive(Serialize)]
pub struct Trending<'a> {
    trending: Vec<TrendRow<'a>>,
    period: Period,
}

impl Trending<'_> {
    /// The repos in the order the query ranked them.
    #[must_use]
    pub fn new(trends: &[Trend], range: DayRange) -> Trending<'_> {
        Trending { trending: trends.iter().map(TrendRow::new).collect(), period: range.into() }
    }
}

/// `{"from","to","downloads","authenticated","anonymous","files"}`.
#[derive(Serialize)]
pub struct Totals {
    from: String,
    to: String,
    downloads: Downloads,
    authenticated: Downloads,
    anonymous: Downloads,
    files: Files,
}

impl Totals {
    /// The sums of a scope over a range.
    #[must_use]
    pub fn new(counts: DayCounts, range: DayRange) -> Totals {
        Totals {
            from: range.first.to_string(),
            to: range.last.to_string(),
            downloads: counts.downloads(),
            authenticated: counts.authenticated,
            anonymous: counts.anonymous,
            files: counts.files,
        }
    }
}

/// `{"from","to","unique_downloaders"}`.
#[derive(Serialize)]
pub struct UniquesIn {
    from: String,
    to: String,
    unique_downloaders: Uniques,
}

impl UniquesIn {
    /// The distinct downloaders of a scope in a range.
    #[must_use]
    pub fn new(uniques: Uniques, range: DayRange) -> UniquesIn {
        UniquesIn { from: range.first.to_string(), to: range.last.to_string(), unique_downloaders: uniques }
    }
}

/// `{"status","ready","damaged","reasons"}`.
#[derive(Serialize)]
pub struct HealthAnswer {
    status: &'static str,
    ready: bool,
    damaged: bool,
    /// Places and figures of the store: only for those who may see everything, since they can name hidden repos.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
}

impl HealthAnswer {
    /// The state of the engine, with its reasons if the caller may read them.
    #[must_use]
    pub fn new(health: Health, with_reasons: bool) -> HealthAnswer {
        let status = match (health.damaged, health.ready) {
            (true, _) => "damaged",
            (false, true) => "ok",
            (false, false) => "not ready",
        };
        HealthAnswer { status, ready: health.ready, damaged: health.damaged, reasons: with_reasons.then_some(health.reasons) }
    }
}
