//! Past numbers that changed: what the log of restatements tells of a scope.

use super::answers::Scope;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayRange, Downloads, Millis, RepoKey, RepoNumber};
use crate::store;

/// A closed day whose downloads a delivery or a retraction changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restatement {
    pub at: Millis,
    /// Serial number of the document that brought it, for who may see deliveries.
    pub delivery: Option<u32>,
    pub day: Day,
    /// The repo whose downloads fell; `None` for the whole hub, whose downloads may have risen too.
    pub repo: Option<RepoKey>,
    pub before: Downloads,
    pub after: Downloads,
}

impl View<'_> {
    /// Restatements of the days of a range, latest first; `None` if the scope is missing or hidden. Sums of the hub are
    /// told only to who may see all of it.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn restatements(&self, scope: &Scope, range: DayRange, caller: &Caller) -> Result<Option<Vec<Restatement>>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let mut rows = Vec::new();
        for entry in store::list_restatements(&self.txn)?.into_iter().rev() {
            let day = Day(entry.day);
            if !range.until(self.today).contains(day) {
                continue;
            }
            let row = |repo, before, after| Restatement {
                at: Millis(entry.at_ms),
                delivery: entry.document.filter(|_| caller.is_admin()),
                day,
                repo,
                before: Downloads(before),
                after: Downloads(after),
            };
            if *scope == Scope::Hub && caller.is_admin() {
                rows.push(row(None, entry.before, entry.after));
            }
            for (repo, before, after) in &entry.fallen {
                let number = RepoNumber(*repo);
                if members.contain(number) && self.exists(number)? {
                    rows.push(row(Some(self.key(number)?), *before, *after));
                }
            }
        }
        Ok(Some(rows))
    }
}
