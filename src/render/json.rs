//! The JSON shapes of the answers, key for key as clients of the hub's statistics read them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::analytics::{Sheet, header};
use super::csv::CsvWriter;
use super::milestones::{self, CounterJson, ForecastMethod, MilestoneJson};
use crate::ingest::Health;
use crate::model::{Day, DayRange, Downloads, Likes, Millis, Uniques};
use crate::query::{Ecosystem, Trend};

/// `{"start","end","days"}`.
#[derive(Serialize)]
pub struct Period {
    start: String,
    end: String,
    days: u32,
}

impl From<DayRange> for Period {
    fn from(range: DayRange) -> Period {
        Period { start: range.first.to_string(), end: range.last.to_string(), days: range.count() }
    }
}

/// Written straight into the answer, without a text for each.
pub(super) fn as_date<S: Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(day.text().as_str())
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

    #[test]
    fn reasons_are_for_those_who_may_see_everything() {
        let health = || Health { ready: false, reasons: vec!["repo a/b, day 3".into()], damaged: true };
        let public = serde_json::to_string(&HealthAnswer::new(health(), false)).unwrap();
        assert_eq!(public, r#"{"status":"damaged","ready":false,"damaged":true}"#);
        assert!(serde_json::to_string(&HealthAnswer::new(health(), true)).unwrap().contains("a/b"));
    }
}
