//! The JSON shapes of the answers, key for key as clients of the hub's statistics read them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::analytics::{Sheet, header};
use super::csv::CsvWriter;
use super::milestones::{self, CounterJson, ForecastMethod, MilestoneJson};
use crate::ingest::Health;
use crate::model::{Day, DayRange, Downloads, Files, Likes, Millis, Uniques};
use crate::query::{DayRow, Ecosystem, Trend};

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
    #[serde(serialize_with = "as_date")]
    date: Day,
    downloads: Downloads,
    authenticated: Downloads,
    anonymous: Downloads,
    files: Files,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_downloaders: Option<Uniques>,
}

/// Written straight into the answer: a year of days is the most frequent long one.
pub(super) fn as_date<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(day.text().as_str())
}

impl From<&DayRow> for Row {
    fn from(row: &DayRow) -> Row {
        Row {
            date: row.day,
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

impl Sheet for Trending<'_> {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        header(&mut csv, &["type", "id", "recent_downloads", "downloads", "likes", "private"]);
        for row in &self.trending {
            csv.plain(row.r#type).text(row.id).plain(row.recent_downloads.0).plain(row.downloads.0);
            csv.plain(row.likes.0).plain(row.private).end_row();
        }
        csv.into_text()
    }
}

/// The cumulative counter with its method.
#[derive(Serialize)]
pub struct EcosystemPage {
    cumulative_downloads: Downloads,
    as_of: String,
    by_type: BTreeMap<&'static str, Downloads>,
    last_30_days: Downloads,
    unique_downloaders: Uniques,
    distinct_repos: u64,
    first_day: Option<String>,
    methodology: Methodology,
    milestones: Vec<MilestoneJson>,
    forecast: ForecastMethod,
    /// Counters of other hubs, never added to ours.
    counters: Vec<CounterJson>,
}

/// What a figure is and is not, in words.
#[derive(Serialize)]
struct Methodology {
    source: &'static str,
    metric: &'static str,
    scope: &'static str,
    caveats: [&'static str; 3],
}

impl EcosystemPage {
    /// What the hub has given out until `as_of`.
    #[must_use]
    pub fn new(
        ecosystem: &Ecosystem,
        as_of: Millis,
        milestones: Vec<MilestoneJson>,
        counters: Vec<CounterJson>,
    ) -> EcosystemPage {
        EcosystemPage {
            cumulative_downloads: ecosystem.hub.downloads,
            as_of: as_of.to_string(),
            by_type: ecosystem.kinds.iter().map(|(kind, downloads)| (kind.plural(), *downloads)).collect(),
            last_30_days: ecosystem.hub.last_30_days,
            unique_downloaders: ecosystem.uniques,
            distinct_repos: ecosystem.hub.repos,
            first_day: ecosystem.hub.first_day.map(|day| day.to_string()),
            methodology: Methodology {
                source: "access logs and events of this hub, counted by hubtally",
                metric: "cumulative download sessions: all counted requests of one downloader on one repository with less than \
                         30 minutes between one and the next are one download",
                scope: "models, datasets and spaces that you may see; files answered with 200 or 206, or handed on to a file store",
                caveats: [
                    "a cumulative total says nothing about how many copies are in use",
                    "late events and retractions change past figures, downwards too",
                    "unique downloaders are users, or addresses with their kind of client: one person may be several",
                ],
            },
            milestones,
            forecast: ForecastMethod::new(),
            counters,
        }
    }
}

/// As CSV its milestones: what else it holds is one number each.
impl Sheet for EcosystemPage {
    fn csv(&self) -> String {
        milestones::csv(&self.milestones)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DayCounts;

    #[test]
    fn a_day_has_five_keys_and_a_sixth_only_when_asked_for() {
        let day = Day::parse("2026-02-28").unwrap();
        let counts = DayCounts { authenticated: Downloads(1), anonymous: Downloads(2), files: Files(4) };
        let range = DayRange { first: day, last: day.next() };
        let plain = Recent::new(&[DayRow { day, counts, uniques: None }], range);
        assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            r#"{"stats":[{"date":"2026-02-28","downloads":3,"authenticated":1,"anonymous":2,"files":4}],"period":{"start":"2026-02-28","end":"2026-03-01","days":2}}"#
        );
        let more = Recent::new(&[DayRow { day, counts, uniques: Some(Uniques(2)) }], range);
        assert!(serde_json::to_string(&more).unwrap().contains(r#""files":4,"unique_downloaders":2}"#));
    }

    #[test]
    fn reasons_are_for_those_who_may_see_everything() {
        let health = || Health { ready: false, reasons: vec!["repo a/b, day 3".into()], damaged: true };
        let public = serde_json::to_string(&HealthAnswer::new(health(), false)).unwrap();
        assert_eq!(public, r#"{"status":"damaged","ready":false,"damaged":true}"#);
        assert!(serde_json::to_string(&HealthAnswer::new(health(), true)).unwrap().contains("a/b"));
    }
}
