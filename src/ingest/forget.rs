//! Forgets people: their events go, physically, and later ones are dropped when they come.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use serde::Serialize;

use super::engine::Engine;
use super::error::EngineError;
use super::publish::Publishing;
use super::segments;
use super::writer::Writer;
use crate::model::{Day, RepoNumber, Who};
use crate::store::{self, Read, StoreError};

/// What forgetting some people came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ForgetReceipt {
    pub people: u64,
    /// Of them, those who stood on the list before.
    pub known: u64,
    pub events: u64,
    pub days: u64,
    pub repos: u64,
    pub likes: u64,
}

/// An identity on the forget list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForgottenInfo {
    pub who: String,
    pub at: String,
}

impl Engine {
    /// Removes all events and likes of some people, named by user id, address, or hash as exports write it, and drops those
    /// that come later.
    ///
    /// # Errors
    /// When a name cannot be read, or the store fails; then nobody was forgotten.
    pub fn forget(&self, people: &[String]) -> Result<ForgetReceipt, EngineError> {
        let whos = self.identities(people)?;
        self.write(move |writer| writer.forget(&whos))
    }

    /// Takes people off the forget list: what comes from now on counts again. What was removed stays removed.
    ///
    /// # Errors
    /// When a name cannot be read, or the store fails.
    pub fn unforget(&self, people: &[String]) -> Result<ForgetReceipt, EngineError> {
        let whos = self.identities(people)?;
        self.write(move |writer| writer.unforget(&whos))
    }

    /// The forget list.
    ///
    /// # Errors
    /// When the store fails.
    pub fn forgotten(&self) -> Result<Vec<ForgottenInfo>, EngineError> {
        let entries = store::list_forgotten(&self.shared.store.read()?)?;
        let info = |(who, at): (Who, crate::model::Millis)| ForgottenInfo { who: self.exported(who, true), at: at.to_string() };
        Ok(entries.into_iter().map(info).collect())
    }

    /// For each person all they may have come in as. What was typed is in no error: errors are logged.
    fn identities(&self, people: &[String]) -> Result<Vec<Vec<Who>>, EngineError> {
        let all_of = |(at, text): (usize, &String)| {
            self.shared.key.all_of(text.trim()).ok_or_else(|| {
                EngineError::Refused(format!(
                    "person {} is neither a user id nor an address nor a hash of this store's key, which begins with ht1_{}_",
                    at + 1,
                    self.shared.key.id()
                ))
            })
        };
        people.iter().enumerate().map(all_of).collect()
    }
}

impl Writer {
    /// Reads the forget list.
    pub(super) fn refresh_forgotten(&self, txn: &impl Read) -> Result<(), StoreError> {
        let forgotten: BTreeSet<Who> = store::list_forgotten(txn)?.into_iter().map(|(who, _)| who).collect();
        *self.shared.forgotten.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(forgotten);
        Ok(())
    }

    fn forget(&mut self, people: &[Vec<Who>]) -> Result<ForgetReceipt, EngineError> {
        self.note_repeats()?;
        let before = self.shared.forgotten();
        let whos: BTreeSet<Who> = people.iter().flatten().copied().collect();
        let known = people.iter().filter(|person| person.iter().all(|who| before.contains(who))).count() as u64;
        let mut receipt = ForgetReceipt { people: people.len() as u64, known, ..ForgetReceipt::default() };
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let (mut days, mut repos): (BTreeSet<Day>, BTreeSet<RepoNumber>) = Default::default();
        for (day, mut manifest) in store::manifests(&txn)? {
            let touched = segments::with_events_of(&txn, day, &manifest, &whos)?;
            if touched.is_empty() {
                continue;
            }
            let is_touched = |segment: &store::SegmentRecord| touched.contains(&segment.id);
            let keep = |row: &crate::model::Row| !whos.contains(&row.who);
            let removed = self.remove_rows_of_day(&txn, day, &mut manifest, &mut counters.segment, is_touched, keep)?;
            store::put_manifest(&txn, day, &manifest)?;
            receipt.events += removed.events;
            repos.extend(removed.repos);
            days.insert(day);
        }
        store::put_counters(&txn, &counters)?;
        receipt.likes = store::forget_likes(&txn, &whos)?;
        (receipt.days, receipt.repos) = (days.len() as u64, repos.len() as u64);
        for who in whos.iter().filter(|who| !before.contains(who)) {
            store::put_forgotten(&txn, *who, self.shared.now())?;
        }
        txn.commit()?;
        self.refresh_forgotten(&self.shared.store.read()?)?;
        // The tail of the day before may have held sessions open that are nobody's now.
        self.publish_days(days, Publishing::Pushes, |_, _, _| Ok(()))?;
        Ok(receipt)
    }

    fn unforget(&mut self, people: &[Vec<Who>]) -> Result<ForgetReceipt, EngineError> {
        let before = self.shared.forgotten();
        let known = people.iter().filter(|person| person.iter().any(|who| before.contains(who))).count() as u64;
        let txn = self.shared.store.write()?;
        people.iter().flatten().try_for_each(|who| store::remove_forgotten(&txn, *who))?;
        txn.commit()?;
        self.refresh_forgotten(&self.shared.store.read()?)?;
        Ok(ForgetReceipt { people: people.len() as u64, known, ..ForgetReceipt::default() })
    }

    /// Whether the likes of somebody are dropped.
    pub(super) fn is_forgotten(&self, who: Who) -> bool {
        self.shared.forgotten().contains(&who)
    }
}
