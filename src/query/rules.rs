//! Other counting rules, from the events: each day by itself, so that they need no memory of the day before.

use std::collections::BTreeMap;

use super::answers::{DayRow, Interval, Scope};
use super::facets::Filter;
use super::scan::DayOfDownloader;
use super::scope::intervals;
use super::{QueryError, View};
use crate::block::Wanted;
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads};
use crate::rollup::FacetBook;
use crate::sessionize::Visit;

/// How downloads are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Requests of a downloader on a repo less than 30 minutes apart are one download. The only rule of the views.
    #[default]
    Session,
    /// Every counted request.
    Requests,
    /// A downloader on a repo once per quarter of an hour of the clock.
    QuarterHour,
    /// A downloader on a repo once per clock hour, as the COUNTER code of practice counts unique requests.
    ClockHour,
}

impl Rule {
    /// All rules with the words they are asked by.
    pub const ALL: [(&'static str, Rule); 4] = [
        ("session-30m", Rule::Session),
        ("requests", Rule::Requests),
        ("kohaku-15m", Rule::QuarterHour),
        ("counter", Rule::ClockHour),
    ];
}

impl View<'_> {
    /// A scope's downloads by a rule, by day, week or month, zeros included; files stay 0. A filter chooses requests.
    /// `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn series_by_rule(
        &self,
        scope: &Scope,
        range: DayRange,
        interval: Interval,
        rule: Rule,
        filter: &Filter,
        caller: &Caller,
    ) -> Result<Option<Vec<DayRow>>, QueryError> {
        if rule == Rule::Session {
            return self.filtered_series(scope, range, interval, false, filter, caller);
        }
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let (range, counting) = (range.until(self.today), self.counting()?);
        let mut days: BTreeMap<Day, DayCounts> = BTreeMap::new();
        for day in self.days_with_events(range)? {
            let (mut book, of_day) = (FacetBook::default(), days.entry(day).or_default());
            self.scan_day(&members, day, Wanted::Counting, &counting, &mut book, |of| {
                let user = of.first.user;
                if filter.takes_audience(user) {
                    let sum = if user { &mut of_day.authenticated } else { &mut of_day.anonymous };
                    *sum += count(of, rule, filter);
                }
            })?;
        }
        let row = |part: DayRange| {
            let mut counts = DayCounts::default();
            days.range(part.first..=part.last).for_each(|(_, of_day)| counts += *of_day);
            DayRow { day: part.first, counts, uniques: None }
        };
        Ok(Some(intervals(range, interval).into_iter().map(row).collect()))
    }
}

/// What the counted requests of one downloader on one repo and day come to.
fn count(of: &DayOfDownloader<'_>, rule: Rule, filter: &Filter) -> Downloads {
    let taken: Vec<&Visit> = of.visits.iter().filter(|visit| filter.takes_event(visit.origin, of.words)).collect();
    let buckets = |bucket_ms: i64| {
        let mut buckets: Vec<i64> = taken.iter().map(|visit| visit.time.0.div_euclid(bucket_ms)).collect();
        buckets.dedup();
        buckets.len() as u64
    };
    Downloads(match rule {
        Rule::Requests => taken.iter().map(|visit| u64::from(visit.count)).sum(),
        Rule::QuarterHour => buckets(900_000),
        Rule::ClockHour => buckets(3_600_000),
        Rule::Session => 0,
    })
}
