//! Other counting rules, from the events: each day by itself, so that they need no memory of the day before.

use std::collections::BTreeMap;
use std::fmt;

use super::answers::{DayRow, Interval, Scope};
use super::facets::Filter;
use super::members::Members;
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
    /// Every GET or HEAD of a file that stands for the model, as Hugging Face counts models.
    HfModel,
    /// An address on a dataset once in five minutes, as Hugging Face counts datasets.
    HfDataset,
    /// Daily figures of another system, as its breakdown lists them.
    Reported,
}

/// A rule needs what a source does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotComputable {
    pub rule: Rule,
    /// The sources that lack it, by name.
    pub sources: Vec<String>,
}

impl fmt::Display for NotComputable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rule == Rule::Reported {
            return f.write_str(
                "'reported' is not computable here: no imported breakdown names these repositories, or a filter was given, and \
                 breakdowns tell neither who downloaded nor from where",
            );
        }
        let (rule, needs) = (self.rule.word(), self.rule.needs());
        let sources: Vec<String> = self.sources.iter().map(|source| format!("'{source}'")).collect();
        let sources = sources.join(", ");
        write!(f, "'{rule}' is not computable from this source: it needs {needs}, and not all requests of {sources} have one")
    }
}

impl Rule {
    /// All rules with the words they are asked by.
    pub const ALL: [(&'static str, Rule); 7] = [
        ("session-30m", Rule::Session),
        ("requests", Rule::Requests),
        ("kohaku-15m", Rule::QuarterHour),
        ("counter", Rule::ClockHour),
        ("hf-model", Rule::HfModel),
        ("hf-dataset", Rule::HfDataset),
        ("reported", Rule::Reported),
    ];

    /// The word a rule is asked by.
    #[must_use]
    pub fn word(self) -> &'static str {
        Rule::ALL.into_iter().find(|(_, rule)| *rule == self).map_or("", |(word, _)| word)
    }

    /// Whether looks that moved no data are as good as downloads.
    #[must_use]
    pub fn counts_looks(self) -> bool {
        matches!(self, Rule::HfModel | Rule::HfDataset)
    }

    /// What every request must name for the rule to be computable.
    fn needs(self) -> &'static str {
        match self {
            Rule::HfModel => "the path of every request",
            Rule::HfDataset => "the address or user of every request",
            Rule::Session | Rule::Requests | Rule::QuarterHour | Rule::ClockHour | Rule::Reported => "nothing more",
        }
    }
}

impl View<'_> {
    /// A scope's downloads by a rule, by day, week or month, zeros included; files stay 0. A filter chooses requests.
    /// `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a block is damaged, or a source lacks what the rule needs.
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
        let range = range.until(self.today);
        let days = match rule {
            Rule::HfModel => self.query_file_requests(&members, range, filter)?,
            Rule::HfDataset => self.dataset_windows(&members, range, filter)?,
            Rule::Reported => self.reported_daily(&members, range, filter)?,
            _ => self.counted_requests(&members, range, rule, filter)?,
        };
        let row = |part: DayRange| {
            let mut counts = DayCounts::default();
            part.among(&days).for_each(|(_, of_day)| counts += *of_day);
            DayRow { day: part.first, counts, uniques: None }
        };
        Ok(Some(intervals(range, interval).into_iter().map(row).collect()))
    }

    /// A scope's downloads by a rule over a range, files 0. `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// As `series_by_rule`.
    pub fn totals_by_rule(
        &self,
        scope: &Scope,
        range: DayRange,
        rule: Rule,
        filter: &Filter,
        caller: &Caller,
    ) -> Result<Option<DayCounts>, QueryError> {
        let Some(rows) = self.series_by_rule(scope, range, Interval::Month, rule, filter, caller)? else { return Ok(None) };
        let mut sum = DayCounts::default();
        rows.iter().for_each(|row| sum += row.counts);
        if rule == Rule::Reported
            && let Some(members) = self.members(scope, caller)?
        {
            sum.anonymous += self.reported_earlier(&members, range)?;
        }
        Ok(Some(sum))
    }

    /// Downloads by day under the rules that look at counted requests alone.
    fn counted_requests(
        &self,
        members: &Members,
        range: DayRange,
        rule: Rule,
        filter: &Filter,
    ) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let counting = self.counting()?;
        let mut days: BTreeMap<Day, DayCounts> = BTreeMap::new();
        for day in self.days_with_events(range)? {
            let (mut book, of_day) = (FacetBook::default(), days.entry(day).or_default());
            self.scan_day(members, day, Wanted::Counting, &counting, &mut book, |of| {
                let user = of.first.user;
                if filter.takes_audience(user) {
                    let sum = if user { &mut of_day.authenticated } else { &mut of_day.anonymous };
                    *sum += count(of, rule, filter);
                }
            })?;
        }
        Ok(days)
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
        Rule::Session | Rule::HfModel | Rule::HfDataset | Rule::Reported => 0,
    })
}
