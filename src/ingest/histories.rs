//! Days on their way into the years and heads of their repos: gathered over many days, since each year is written whole.

use super::publish::damaged;
use crate::model::{Day, RepoNumber};
use crate::rollup::{RepoDay, RepoHead, RepoYear};
use crate::store::{RepoSets, RepoYears, StoreError, WriteTxn};

/// So many days of repos are gathered at most: some 20 MB.
const GATHERED_MAX: usize = 400_000;

/// Changed days of repos, in any order.
#[derive(Default)]
pub struct Histories {
    /// `None` takes the day out.
    changes: Vec<(RepoNumber, Day, Option<RepoDay>)>,
}

impl Histories {
    /// Sets a day of a repo, or takes it out.
    pub fn add(&mut self, repo: RepoNumber, day: Day, of_day: Option<RepoDay>) {
        self.changes.push((repo, day, of_day));
    }

    /// Writes what was gathered if it is time to.
    ///
    /// # Errors
    /// As [`Histories::write`].
    pub fn write_if_full(&mut self, txn: &WriteTxn, sets: &mut RepoSets) -> Result<(), StoreError> {
        if self.changes.len() < GATHERED_MAX {
            return Ok(());
        }
        self.write(txn, sets)
    }

    /// Writes the years and heads of the repos that changed, and enters them in the sets; then nothing is gathered.
    ///
    /// # Errors
    /// When the store fails, or a head or year is missing, stale or damaged.
    pub fn write(&mut self, txn: &WriteTxn, sets: &mut RepoSets) -> Result<(), StoreError> {
        // Days come one after the other, each with ascending repos, which the stable sort makes use of.
        self.changes.sort_by_key(|(repo, day, _)| (*repo, *day));
        let mut histories = RepoYears::open(txn)?;
        for of_repo in self.changes.chunk_by(|a, b| a.0 == b.0) {
            let Some((repo, ..)) = of_repo.first() else { continue };
            // To be sure that there is none takes longer than to read one.
            let is_counted = sets.counted.contains(*repo);
            let mut head = if is_counted { histories.head(*repo)? } else { RepoHead::default() };
            if is_counted && head.years.is_empty() {
                return Err(damaged("repo_heads", repo.0, "the value is missing"));
            }
            let mut years: Vec<(u16, RepoYear)> = Vec::new();
            for (_, day, of_day) in of_repo {
                let year = day.year();
                if years.last().is_none_or(|(last, _)| *last != year) {
                    years.push((year, histories.year(*repo, &head, year)?));
                }
                if let Some((_, days)) = years.last_mut() {
                    days.set(*day, *of_day);
                }
            }
            histories.put(*repo, &mut head, years)?;
            sets.counted.set(*repo, !head.years.is_empty());
            sets.evidence.set(*repo, head.years.iter().any(|year| year.evidence));
        }
        self.changes.clear();
        Ok(())
    }
}
