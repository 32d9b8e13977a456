//! What the writer knows by name: repos with what the catalog says of them, sources with their settings, and likes.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::engine::{GivenSettings, RepoListing};
use super::error::EngineError;
use super::publish::Publishing;
use super::writer::Writer;
use crate::model::{Format, Likes, Millis, Renames, RepoKey, RepoNumber, SourceId, SourceName, Who};
use crate::store::{self, BlockRecord, CountersRecord, RepoSets, RepoTables, SourceEntry, StoreError, WriteTxn};

/// Repo names that are remembered.
const REMEMBERED_MAX: usize = 1 << 18;

impl Writer {
    /// The sets of repos with new ones entered, written if there are any.
    pub(super) fn with_new_repos(&self, txn: &WriteTxn, new: &[(RepoNumber, RepoKey)]) -> Result<Option<RepoSets>, EngineError> {
        if new.is_empty() {
            return Ok(None);
        }
        let mut sets = self.sets()?;
        new.iter().for_each(|(number, key)| sets.set_kind(*number, key.kind));
        store::put_repo_sets(txn, &sets)?;
        Ok(Some(sets))
    }

    /// A copy of the published sets of repos.
    pub(super) fn sets(&self) -> Result<RepoSets, EngineError> {
        Ok(self.shared.published.read().map_err(|_| EngineError::Stopped)?.sets.clone())
    }

    /// The numbers of some repos; new ones are entered and listed in `new`, which may hold others of the same transaction.
    /// Who commits them may remember them.
    pub(super) fn number_repos(
        &mut self,
        txn: &WriteTxn,
        counters: &mut CountersRecord,
        repos: &[impl Borrow<RepoKey>],
        new: &mut Vec<(RepoNumber, RepoKey)>,
    ) -> Result<Vec<RepoNumber>, StoreError> {
        let (mut numbers, mut tables) = (Vec::with_capacity(repos.len()), None);
        for repo in repos.iter().map(Borrow::borrow) {
            let number = match self.names.get(repo) {
                Some(number) => *number,
                None => {
                    let tables = match &mut tables {
                        Some(open) => open,
                        closed => closed.insert(RepoTables::open(txn)?),
                    };
                    let next = counters.repo;
                    let number = tables.allocate(counters, repo)?;
                    if counters.repo == next {
                        // Numbers ascend: from the first new one on none is committed yet.
                        if new.first().is_none_or(|(first, _)| number < *first) {
                            self.remember(repo, number);
                        }
                    } else {
                        new.push((number, repo.clone()));
                    }
                    number
                }
            };
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Remembers the number of a repo that is committed.
    pub(super) fn remember(&mut self, repo: &RepoKey, number: RepoNumber) {
        if self.names.len() >= REMEMBERED_MAX {
            self.names.clear();
        }
        self.names.insert(repo.clone(), number);
    }

    /// The source of a name, entered if it is new, with the formats that arrived and settings that were given. Says whether
    /// settings that were in force have changed.
    pub(super) fn register(
        &mut self,
        txn: &WriteTxn,
        name: &SourceName,
        formats: u32,
        change: impl FnOnce(&mut store::SourceRecord),
    ) -> Result<(SourceId, bool), StoreError> {
        let known = self.sources.iter().position(|source| source.record.name == name.as_str());
        let mut entry = match known.and_then(|at| self.sources.get(at).cloned()) {
            Some(entry) => entry,
            None => {
                let too_many = || StoreError::Unusable("there are 65,536 sources already: use one of them".to_owned());
                let id = SourceId(u16::try_from(self.sources.len()).map_err(|_| too_many())?);
                let record = store::SourceRecord { name: name.as_str().to_owned(), ..store::SourceRecord::default() };
                SourceEntry { id, record }
            }
        };
        let before = entry.clone();
        entry.record.formats |= formats;
        change(&mut entry.record);
        if known.is_some() && entry == before {
            return Ok((entry.id, false));
        }
        store::put_source(txn, &entry)?;
        let checksum_before = self.settings_checksum();
        let (id, recount) = (entry.id, known.is_some() && before.record.formats != 0 && entry.settings() != before.settings());
        match known.and_then(|at| self.sources.get_mut(at)) {
            Some(place) => *place = entry,
            None => self.sources.push(entry),
        }
        self.refresh_settings();
        // No event was counted under other settings, so the views stay right; else the next start would build them anew.
        let mut views = store::view_state(txn)?;
        if !recount && views.settings_checksum == checksum_before {
            views.settings_checksum = self.settings_checksum();
            store::put_view_state(txn, &views)?;
        }
        Ok((id, recount))
    }

    /// Enters a source with formats that arrived and a change of its settings; everything is counted anew if that changes
    /// how events it already holds are read.
    pub(super) fn change_source(
        &mut self,
        name: &SourceName,
        formats: u32,
        change: impl FnOnce(&mut store::SourceRecord),
    ) -> Result<SourceId, EngineError> {
        let txn = self.shared.store.write()?;
        let (source, recount) = self.register(&txn, name, formats, change)?;
        txn.commit()?;
        if recount {
            self.rebuild(Publishing::Pushes)?;
        }
        Ok(source)
    }

    pub(super) fn configure_source(
        &mut self,
        name: &SourceName,
        format: Option<Format>,
        given: GivenSettings,
    ) -> Result<SourceId, EngineError> {
        self.change_source(name, format.map_or(0, Format::bit), |record| given.enter(record))
    }

    /// Enters formats that are about to arrive in pushes. Where they take back that the source tells users, evidence that
    /// came in before is no evidence any more.
    pub(super) fn admit_formats(&mut self, name: &SourceName, formats: u32) -> Result<(), EngineError> {
        let known = self.sources.iter().find(|source| source.record.name == name.as_str());
        match known {
            Some(source) if source.record.formats | formats != source.record.formats => {
                self.change_source(name, formats, |_| {}).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Takes in what the hub's catalog says. Days with events of repos that have another name now are counted anew.
    pub(super) fn put_repos(&mut self, listings: &[RepoListing]) -> Result<u64, EngineError> {
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let mut sets = self.sets()?;
        for listing in listings {
            let number = store::allocate_repo(&txn, &mut counters, &listing.repo)?;
            let record = store::ListingRecord {
                private: listing.private,
                likes: listing.likes,
                library: listing.library.clone(),
                created_ms: listing.created_at.map(|at| at.0),
            };
            store::write_listing(&txn, number, record)?;
            sets.set_kind(number, listing.repo.kind);
            sets.set_listing(number, listing.private);
            let mut before = Vec::with_capacity(listing.renamed_from.len());
            for former in &listing.renamed_from {
                let old = RepoKey { kind: listing.repo.kind, name: former.name.clone() };
                let old = store::allocate_repo(&txn, &mut counters, &old)?;
                sets.set_kind(old, listing.repo.kind);
                before.push(store::RenameRecord { from: old.0, at_ms: former.at.map(|at| at.0) });
            }
            store::put_renames(&txn, number, &before)?;
        }
        store::put_counters(&txn, &counters)?;
        let renames = store::renames(&txn)?;
        if renames == *self.renames {
            store::put_repo_sets(&txn, &sets)?;
            self.shared.commit(txn, |published| published.sets = sets)?;
            self.shared.advance();
        } else {
            self.rename(txn, sets, renames)?;
        }
        Ok(listings.len() as u64)
    }

    /// Counts the days anew that hold events which are now read under another name.
    fn rename(&mut self, txn: WriteTxn, sets: RepoSets, renames: Renames) -> Result<(), EngineError> {
        let differing = renames.differing(&self.renames);
        let mut days = BTreeSet::new();
        for (day, manifest) in store::manifests(&txn)? {
            let mut blocks = manifest.segments.iter().flat_map(|segment| &segment.blocks);
            let holds = |block: &BlockRecord| RepoNumber(block.first_repo)..=RepoNumber(block.last_repo);
            if blocks.any(|block| differing.range(holds(block)).next().is_some()) {
                days.insert(day);
            }
        }
        self.renames = Arc::new(renames);
        self.refresh_settings();
        self.publish_all_of(txn, sets, days)
    }

    /// Takes in a like or unlike.
    pub(super) fn like(&mut self, repo: &RepoKey, who: Who, ts: Millis, liked: bool) -> Result<Likes, EngineError> {
        if self.is_forgotten(who) {
            let txn = self.shared.store.read()?;
            let Some(number) = store::find_repo(&txn, repo)? else { return Ok(Likes::default()) };
            let read_as = self.renames.read_as(number, ts);
            return Ok(store::likes_as_read(&txn, &self.renames, read_as)?.unwrap_or_default());
        }
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let mut new = Vec::new();
        let numbers = self.number_repos(&txn, &mut counters, std::slice::from_ref(repo), &mut new)?;
        let number = numbers.first().copied().unwrap_or_default();
        let likes = store::put_like(&txn, number, who, ts, liked)?;
        let read_as = self.renames.read_as(number, ts);
        let likes = store::likes_as_read(&txn, &self.renames, read_as)?.unwrap_or(likes);
        store::put_counters(&txn, &counters)?;
        let sets = self.with_new_repos(&txn, &new)?;
        self.shared.commit(txn, |published| {
            if let Some(sets) = sets {
                published.sets = sets;
            }
        })?;
        self.shared.advance();
        Ok(likes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{Engine, OpenOptions, Place};
    use crate::model::{RepoKind, RepoName};

    #[test]
    fn a_number_that_was_not_committed_is_free_for_another_repo() {
        let options = OpenOptions { place: Place::Memory, default_public: true, frozen_now: None };
        let engine = Engine::open(&options).unwrap();
        let repo = |name| RepoKey { kind: RepoKind::Model, name: RepoName::parse(name).unwrap() };
        let (dropped, kept) = (repo("org/dropped"), repo("org/kept"));
        let numbers = engine.write(move |writer| {
            let number = |writer: &mut Writer, repos: &[RepoKey], times: usize| {
                let txn = writer.shared.store.write()?;
                let (mut counters, mut new) = (store::counters(&txn)?, Vec::new());
                let mut numbers = Vec::new();
                for _ in 0..times {
                    numbers = writer.number_repos(&txn, &mut counters, repos, &mut new)?;
                }
                Ok::<_, EngineError>(numbers)
            };
            // Two bodies of a group name it, and the group is not committed.
            number(writer, std::slice::from_ref(&dropped), 2)?;
            number(writer, &[kept, dropped], 1)
        });
        let numbers = numbers.unwrap();
        assert!(numbers.first() != numbers.last(), "{numbers:?}");
    }
}
