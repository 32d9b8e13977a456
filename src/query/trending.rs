//! The most downloaded repos of the last days: filtered by type and permission first, then cut to the top.

use std::cmp::Reverse;

use super::answers::Trend;
use super::{QueryError, View};
use crate::model::{Caller, DayRange, Downloads, RepoKind, RepoNumber};
use crate::store;

impl View<'_> {
    /// The `limit` repos with the most downloads in the range: ties by all-time downloads, then by id, then by type.
    /// Repos without a download in the range are left out.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn trending(
        &self,
        kind: Option<RepoKind>,
        range: DayRange,
        limit: usize,
        caller: &Caller,
    ) -> Result<Vec<Trend>, QueryError> {
        let bytes = |trends: &Vec<Trend>| trends.len() * (size_of::<Trend>() + 64);
        let question = format_args!("trending: {limit} of {kind:?}, {range:?}");
        self.answered(question, caller, bytes, || self.rank(kind, range, limit, caller))
    }

    fn rank(&self, kind: Option<RepoKind>, range: DayRange, limit: usize, caller: &Caller) -> Result<Vec<Trend>, QueryError> {
        let mut sums: Vec<(Downloads, RepoNumber)> = self
            .recent_sums(range)?
            .into_iter()
            .zip(0..)
            .filter(|(downloads, _)| downloads.0 > 0)
            .map(|(downloads, number)| (downloads, RepoNumber(number)))
            .filter(|(_, repo)| kind.is_none_or(|kind| self.is_of_kind(*repo, kind)))
            .collect();
        sums.sort_unstable_by_key(|(downloads, repo)| (Reverse(*downloads), *repo));

        let mut trends: Vec<Trend> = Vec::new();
        for (recent, repo) in sums {
            // Ties with the last place are all looked at: all-time downloads decide among them.
            if trends.len() >= limit && trends.last().is_some_and(|last| recent < last.recent) {
                break;
            }
            if self.sees(repo, caller)? {
                trends.push(Trend {
                    repo: store::read_repo(&self.txn, repo)?.key,
                    downloads: self.downloads(repo)?,
                    likes: self.likes(repo)?,
                    recent,
                    private: !self.is_public(repo)?,
                });
            }
        }
        trends.sort_by(|a, b| {
            let by_size = (Reverse(a.recent), Reverse(a.downloads)).cmp(&(Reverse(b.recent), Reverse(b.downloads)));
            by_size.then_with(|| (&a.repo.name, a.repo.kind).cmp(&(&b.repo.name, b.repo.kind)))
        });
        trends.truncate(limit);
        Ok(trends)
    }

    /// Whether a repo is of a type.
    pub(super) fn is_of_kind(&self, repo: RepoNumber, kind: RepoKind) -> bool {
        self.published.sets.of_kind(kind).is_some_and(|set| set.contains(repo))
    }
}
