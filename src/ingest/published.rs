//! What is published: what every answer comes from, beside the store.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::changes::Changes;
use super::declared::Declared;
use super::numbers;
use super::room::Room;
use crate::model::{Day, DownloaderKey, Renames, RepoNumber};
use crate::rollup::{DownloaderNumber, Kin, Live, LiveNumbers};
use crate::store::{Read, RepoSets, Snapshot, StoreError, ViewStateRecord};

/// What all answers come from, beside a snapshot of the store taken under the same lock.
#[derive(Default)]
pub struct Published {
    /// Whether it may differ from the store, so that nobody is answered from it.
    pub(super) doubtful: bool,
    pub live: Live,
    /// The numbers of its downloaders that questions asked for.
    pub(super) numbers: Mutex<LiveNumbers>,
    pub sets: RepoSets,
    /// Repos of which another system's figures were told, under the names they were told of.
    pub reported: BTreeSet<RepoNumber>,
    /// The names by which repos are read.
    pub renames: Arc<Renames>,
    pub views: ViewStateRecord,
    /// The last day that has a view: it may lie in the future.
    pub last_day: Day,
    /// The store as this was published from it, while a commit that changes both is under way: it goes to the disk while
    /// questions are answered from here.
    pub(super) before: Option<Snapshot>,
    /// Which of the stored views changed when.
    pub changes: Changes,
    /// What questions keep while the stored views it was made of stay the same.
    pub of_views: Room,
    /// What questions keep until anything changes.
    pub of_sequence: Room,
}

impl Published {
    /// The numbers of downloaders of the overlay, in their order, as the dictionary in `txn` knows them, which is the published
    /// one. Those that were asked for before are at hand; for others the dictionary is looked through once.
    ///
    /// # Errors
    /// When the store fails or the dictionary is damaged.
    pub fn live_numbers(&self, txn: &impl Read, keys: Vec<DownloaderKey>) -> Result<Vec<DownloaderNumber>, StoreError> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers::learn(txn, &self.views, &mut numbers, &keys)?;
        Ok(keys.into_iter().map(|key| numbers.number(key).unwrap_or_default()).collect())
    }

    /// Which of the provisional numbers that were given are a person with a smaller number, ascending.
    #[must_use]
    pub fn live_kin(&self) -> Vec<Kin> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).kin().to_vec()
    }

    /// Puts other views in the place of those till now, with an overlay over them; gives the overlay there was.
    pub(super) fn set_views(&mut self, views: ViewStateRecord, live: Live, last_day: Day) -> Live {
        self.numbers = Mutex::new(LiveNumbers::over(DownloaderNumber(views.next_number)));
        (self.views, self.last_day) = (views, last_day);
        std::mem::replace(&mut self.live, live)
    }

    /// A note for receipts if some of these repos are private only because nothing tells otherwise.
    pub(super) fn note_of_private(&self, repos: impl Iterator<Item = RepoNumber>, declared: &Declared) -> Option<String> {
        let told = |repo: RepoNumber| {
            let sets = &self.sets;
            sets.listed_public.contains(repo)
                || sets.listed_private.contains(repo)
                || sets.evidence.contains(repo)
                || declared.public.contains(repo)
                || declared.private.contains(repo)
                || self.live.days_of(repo).any(|(_, live)| live.day().evidence)
        };
        let untold = repos.filter(|repo| !told(*repo)).count();
        let (repos, them) = if untold == 1 { ("repo is", "it") } else { ("repos are", "them") };
        (untold > 0).then(|| {
            format!(
                "{untold} {repos} private only because nothing tells otherwise: list {them} with PUT /api/v1/repos, name \
                 {them} by a pattern as in --public 'myorg/*', or start with --visibility public if this is a public mirror"
            )
        })
    }
}
