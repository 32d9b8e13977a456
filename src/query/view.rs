//! One consistent state, with the look-ups that all questions share.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, RwLockReadGuard};

use super::asker::Asker;
use super::members::KnownMembers;
use super::rules::NotComputable;
use crate::ingest::{Declared, Engine, EngineError, Published};
use crate::model::{Day, RepoNumber};
use crate::store::{ReadTxn, StoreError};

/// A question could not be answered. A wrong number is never given instead.
#[derive(Debug)]
pub enum QueryError {
    /// A stored value is damaged, missing or stale.
    Damaged(String),
    Engine(EngineError),
    /// Whoever asked has gone.
    NobodyWaits,
    /// The events lack what the rule needs.
    NotComputable(NotComputable),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::Damaged(why) => f.write_str(why),
            QueryError::Engine(error) => error.fmt(f),
            QueryError::NobodyWaits => f.write_str("nobody waits for this answer any more"),
            QueryError::NotComputable(lacking) => lacking.fmt(f),
        }
    }
}

impl std::error::Error for QueryError {}

impl From<EngineError> for QueryError {
    fn from(error: EngineError) -> QueryError {
        match error {
            EngineError::Store(error) => error.into(),
            other => QueryError::Engine(other),
        }
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> QueryError {
        match error {
            StoreError::Damaged { .. } => QueryError::Damaged(error.to_string()),
            other => QueryError::Engine(EngineError::Store(other)),
        }
    }
}

/// What all answers of one request come from.
pub struct View<'e> {
    pub(super) published: RwLockReadGuard<'e, Published>,
    pub(super) txn: ReadTxn,
    pub(super) today: Day,
    pub(super) default_public: bool,
    /// Members of the scopes that were asked for so far.
    pub(super) known_members: RefCell<Vec<KnownMembers>>,
    pub(super) declared: Arc<Declared>,
    pub(super) asker: Asker,
    /// Repos of which another system's figures were told under names that were, or are, read as others; once looked up.
    pub(super) reported_by_former_names: OnceCell<BTreeSet<RepoNumber>>,
}

impl<'e> View<'e> {
    /// Holds the published state still.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(engine: &'e Engine) -> Result<View<'e>, QueryError> {
        let (published, txn) = engine.published()?;
        let declared = engine.declared(&txn)?;
        Ok(View {
            published,
            txn,
            today: engine.today(),
            default_public: engine.default_public(),
            known_members: RefCell::default(),
            declared,
            asker: Asker::here(),
            reported_by_former_names: OnceCell::new(),
        })
    }

    /// The UTC day answers are given for; later days count for nothing yet.
    #[must_use]
    pub fn today(&self) -> Day {
        self.today
    }
}

pub(super) fn damaged(day: Day, error: impl fmt::Display) -> QueryError {
    QueryError::Damaged(format!("the counts of {day} are damaged: {error}; run 'hubtally verify'"))
}
