//! What is known of a scope and what is missing, by source and hour; and how its numbers came about.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answers::Scope;
use super::facets::Filter;
use super::members::Members;
use super::rules::Rule;
use super::scan::Reach;
use super::{QueryError, View};
use crate::block::Joined;
use crate::classify::{Class, class};
use crate::model::{Caller, Day, DayCounts, DayRange, Method, Millis, PathHash, SourceId, SourceSettings, Status, Who, Word};

const HOUR_MS: i64 = 3_600_000;

/// How many events name what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub events: u64,
    /// A user or an address, or a hash of one.
    pub downloader: u64,
    pub user: u64,
    pub country: u64,
    pub region: u64,
    pub agent: u64,
    pub path: u64,
}

/// What one source told of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCoverage {
    pub name: String,
    pub named: Named,
    /// Hours with events, with their number; ascending.
    pub hours: Vec<(Millis, u64)>,
    /// Hours without any event between the first and the last with one: start of the first and end of the last.
    pub gaps: Vec<(Millis, Millis)>,
}

/// What a source's events were taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceReading {
    pub name: String,
    pub settings: SourceSettings,
    /// Answers that carried the file, or a part of it.
    pub bodies: u64,
    /// Answers that sent the client on to where the file is.
    pub hand_offs: u64,
    /// Looks that moved no data: stored, not counted.
    pub probes: u64,
    /// Of the probes, redirects of a HEAD: downloads or mere checks, nobody can tell from a log.
    pub head_redirects: u64,
    /// POSTs of git and LFS clients; those that moved data count.
    pub git_posts: u64,
}

/// How the numbers of a scope came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub rule: Rule,
    /// By the rule; files are known to the default rule alone.
    pub counts: DayCounts,
    pub reach: Reach,
    pub sources: Vec<SourceReading>,
}

impl View<'_> {
    /// What every source told of a scope over a range; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn coverage(&self, scope: &Scope, range: DayRange, caller: &Caller) -> Result<Option<Vec<SourceCoverage>>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let bytes = |all: &Vec<SourceCoverage>| {
            all.iter().map(|of| size_of::<SourceCoverage>() + of.name.len() + 16 * (of.hours.len() + of.gaps.len())).sum()
        };
        let question = format_args!("coverage of {scope}, {range:?}");
        self.answered(question, caller, bytes, || self.cover(&members, range)).map(Some)
    }

    fn cover(&self, members: &Members, range: DayRange) -> Result<Vec<SourceCoverage>, QueryError> {
        let counting = self.counting()?;
        let mut named: BTreeMap<SourceId, Named> = BTreeMap::new();
        let hours = self.hours(members, range, |event| named.entry(event.row.source).or_default().add(event))?;
        let mut sources = Vec::new();
        for (source, named) in named {
            let days = hours.range((source, Day(0))..=(source, Day(u16::MAX)));
            let of_source = days.flat_map(|((_, day), hours)| {
                hours.iter().zip(0..).filter(|(events, _)| **events > 0).map(|(events, hour)| (hour_of(*day, hour), *events))
            });
            let hours: Vec<(Millis, u64)> = of_source.collect();
            let gap = |pair: &[(Millis, u64)]| match pair {
                [(before, _), (after, _)] if after.0 - before.0 > HOUR_MS => Some((Millis(before.0 + HOUR_MS), *after)),
                _ => None,
            };
            let gaps = hours.windows(2).filter_map(gap).collect();
            sources.push(SourceCoverage { name: counting.source_name(source).to_owned(), named, hours, gaps });
        }
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(sources)
    }

    /// How the numbers of a scope over a range come about by a rule; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a block is damaged, or a source lacks what the rule needs.
    pub fn explain(
        &self,
        scope: &Scope,
        range: DayRange,
        rule: Rule,
        caller: &Caller,
    ) -> Result<Option<Explanation>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let bytes = |all: &Explanation| all.sources.iter().map(|of| size_of::<SourceReading>() + of.name.len()).sum();
        let question = format_args!("explanation of {scope}, {range:?}, {rule:?}");
        self.answered(question, caller, bytes, || self.tell_how(scope, &members, range, rule, caller)).map(Some)
    }

    fn tell_how(
        &self,
        scope: &Scope,
        members: &Arc<Members>,
        range: DayRange,
        rule: Rule,
        caller: &Caller,
    ) -> Result<Explanation, QueryError> {
        let counting = self.counting()?;
        let mut sources: BTreeMap<SourceId, SourceReading> = BTreeMap::new();
        self.hours(members, range, |event| {
            let settings = counting.settings(event.row.source);
            let name = || SourceReading {
                name: counting.source_name(event.row.source).to_owned(),
                settings,
                ..SourceReading::default()
            };
            sources.entry(event.row.source).or_insert_with(name).add(event, &settings);
        })?;
        let mut counts = DayCounts::default();
        if rule == Rule::Session {
            self.daily(members, range)?.values().for_each(|of_day| counts += *of_day);
        } else {
            counts = self.totals_by_rule(scope, range, rule, &Filter::default(), caller)?.unwrap_or_default();
        }
        let reach = self.reach_of(members, range, &Filter::default())?;
        let mut sources: Vec<SourceReading> = sources.into_values().collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Explanation { rule, counts, reach, sources })
    }
}

impl Named {
    fn add(&mut self, event: &Joined) {
        let (row, events) = (&event.row, u64::from(event.count));
        self.events += events;
        for (sum, known) in [
            (&mut self.downloader, row.who != Who::NOBODY),
            (&mut self.user, row.user),
            (&mut self.country, row.country.letters().is_some()),
            (&mut self.region, row.region != Word::UNKNOWN),
            (&mut self.agent, row.agent_note != Word::UNKNOWN),
            (&mut self.path, row.method != Method::Post && row.path != PathHash(0)),
        ] {
            *sum += if known { events } else { 0 };
        }
    }
}

impl SourceReading {
    fn add(&mut self, event: &Joined, settings: &SourceSettings) {
        let (row, events) = (&event.row, u64::from(event.count));
        if row.method == Method::Post {
            self.git_posts += events;
            return;
        }
        match class(row.method, row.status, row.range, settings) {
            Class::Body => self.bodies += events,
            Class::HandOff => self.hand_offs += events,
            Class::Probe => {
                self.probes += events;
                let redirect = row.method == Method::Head && row.status == Status(302);
                self.head_redirects += if redirect { events } else { 0 };
            }
        }
    }
}

fn hour_of(day: Day, hour: i64) -> Millis {
    Millis(day.start().0 + hour * HOUR_MS)
}
