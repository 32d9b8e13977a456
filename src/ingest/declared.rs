//! What the configuration's patterns say of each repo: looked at once per repo, as ids never change.

use std::sync::{Arc, PoisonError, RwLock};

use super::engine::{Engine, Shared};
use super::error::EngineError;
use crate::model::{RepoNumber, VisibilityPatterns};
use crate::rollup::RepoSet;
use crate::store::{self, ReadTxn};

/// The repos of which the patterns speak.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    pub public: RepoSet,
    pub private: RepoSet,
    /// Repos with smaller numbers were looked at.
    next: u32,
}

/// The patterns, with what they came to so far.
#[derive(Default)]
pub(super) struct Declaration {
    patterns: VisibilityPatterns,
    declared: RwLock<Arc<Declared>>,
}

impl Declaration {
    /// What the patterns say of all repos that a snapshot knows.
    pub(super) fn of(&self, txn: &ReadTxn) -> Result<Arc<Declared>, EngineError> {
        let known = Arc::clone(&self.declared.read().unwrap_or_else(PoisonError::into_inner));
        if self.patterns.is_empty() {
            return Ok(known);
        }
        let repos = store::counters(txn)?.repo;
        if known.next >= repos {
            return Ok(known);
        }
        let mut declared = Declared::clone(&known);
        for number in (known.next..repos).map(RepoNumber) {
            match self.patterns.private(&store::read_repo(txn, number)?.key.name) {
                Some(true) => declared.private.set(number, true),
                Some(false) => declared.public.set(number, true),
                None => {}
            }
        }
        declared.next = repos;
        let declared = Arc::new(declared);
        let mut place = self.declared.write().unwrap_or_else(PoisonError::into_inner);
        if place.next < declared.next {
            *place = Arc::clone(&declared);
        }
        Ok(declared)
    }
}

impl Engine {
    /// Says once, before anything is asked, which repos are public and which private whatever events show. What the
    /// catalog says of a repo by name still comes first.
    pub fn declare(&self, patterns: VisibilityPatterns) {
        // A second declaration would contradict answers that were given.
        let _ = self.shared.declaration.set(Declaration { patterns, declared: RwLock::default() });
    }

    /// What the configuration's patterns say of all repos that a snapshot knows.
    ///
    /// # Errors
    /// When the store fails.
    pub fn declared(&self, txn: &ReadTxn) -> Result<Arc<Declared>, EngineError> {
        self.shared.declared(txn)
    }
}

impl Shared {
    pub(super) fn declared(&self, txn: &ReadTxn) -> Result<Arc<Declared>, EngineError> {
        self.declaration.get().map_or_else(|| Ok(Arc::default()), |declaration| declaration.of(txn))
    }
}
