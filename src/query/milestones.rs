//! When cumulative counters, ours and others', reached or will reach round numbers.

use super::forecast::{Growth, Outlook};
use super::members::Members;
use super::{QueryError, View};
use crate::model::{Caller, Counter, Day, DayRange};
use crate::store;

/// Numbers people ask for when they ask for none: a billion to a trillion.
pub const DEFAULT_TARGETS: [u64; 5] = [1_000_000_000, 10_000_000_000, 100_000_000_000, 500_000_000_000, 1_000_000_000_000];

/// What is known of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Milestone {
    pub target: u64,
    pub outlook: Outlook,
}

impl View<'_> {
    /// When the downloads of all visible repos reached these numbers, or will. Today is not over, so it plays no part in
    /// a forecast.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn milestones(&self, targets: &[u64], caller: &Caller) -> Result<Vec<Milestone>, QueryError> {
        let bytes = |all: &Vec<Milestone>| all.len() * (size_of::<Milestone>() + 3 * 128);
        self.answered(format_args!("milestones: {targets:?}"), caller, bytes, || self.make_milestones(targets, caller))
    }

    fn make_milestones(&self, targets: &[u64], caller: &Caller) -> Result<Vec<Milestone>, QueryError> {
        let members = std::sync::Arc::new(Members::AllBut(self.hidden_from(caller)?));
        let daily = self.daily(&members, DayRange { first: Day(0), last: self.today })?;
        let Some(first) = daily.iter().find(|(_, counts)| !counts.is_zero()).map(|(day, _)| *day) else {
            let growth = Growth { first: self.today, totals: Vec::new() };
            return Ok(milestones(targets, growth.outlooks(targets)));
        };
        let mut sum = 0;
        let totals = (first.0..=self.today.0).map(|day| {
            sum += daily.get(&Day(day)).map_or(0, |counts| counts.downloads().0);
            sum
        });
        let mut growth = Growth { first, totals: totals.collect() };
        let now = growth.totals.pop().unwrap_or(0);
        let mut all = milestones(targets, growth.outlooks(targets));
        for milestone in &mut all {
            if milestone.target <= now && !matches!(milestone.outlook, Outlook::Reached(_)) {
                milestone.outlook = Outlook::Reached(self.today);
            }
        }
        Ok(all)
    }

    /// A counter of another hub with the milestones of it.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub fn counter(&self, name: &str, targets: &[u64]) -> Result<Option<(Counter, Vec<Milestone>)>, QueryError> {
        let Some(mut counter) = store::find_counter(&self.txn, name)? else { return Ok(None) };
        counter.totals.retain(|day, _| *day <= self.today);
        let milestones = counter_milestones(&counter, targets);
        Ok(Some((counter, milestones)))
    }

    /// All counters of other hubs by name, as far as they were told until today.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn counters(&self) -> Result<Vec<(String, Counter)>, QueryError> {
        let mut counters = store::list_counters(&self.txn)?;
        counters.iter_mut().for_each(|(_, counter)| counter.totals.retain(|day, _| *day <= self.today));
        Ok(counters)
    }
}

/// What was reached is read from all totals, what is expected from the dense end of them.
fn counter_milestones(counter: &Counter, targets: &[u64]) -> Vec<Milestone> {
    let reached = |target: u64| {
        let short = counter.totals.iter().rfind(|(_, total)| **total < target).map(|(day, _)| *day);
        let mut after = counter.totals.iter().filter(|(day, _)| short.is_none_or(|short| **day > short));
        after.next().map(|(day, _)| *day)
    };
    let growth = Growth::of_dated(&counter.totals);
    let growth = growth.unwrap_or(Growth { first: Day(0), totals: Vec::new() });
    let mut all = milestones(targets, growth.outlooks(targets));
    for milestone in &mut all {
        match reached(milestone.target) {
            Some(day) => milestone.outlook = Outlook::Reached(day),
            // Totals that fell again do not count as reached.
            None if matches!(milestone.outlook, Outlook::Reached(_)) => {
                let why = "the counter was there and fell again: it says nothing of when it will be back";
                milestone.outlook = Outlook::Unknown(why.to_owned());
            }
            None => {}
        }
    }
    all
}

fn milestones(targets: &[u64], outlooks: Vec<Outlook>) -> Vec<Milestone> {
    targets.iter().zip(outlooks).map(|(target, outlook)| Milestone { target: *target, outlook }).collect()
}
