//! What the writer does after a failure: it opens the store anew, right away and then with pauses, until it works again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::engine::Commands;
use super::error::EngineError;
use super::writer::{Command, Writer};
use crate::store::StoreError;

/// Pauses between attempts to open the store again double from the first to the last of these.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Why the writer does not work at the moment.
pub(super) struct Trouble {
    cause: EngineError,
    /// `None` until it was tried once.
    pause: Option<Duration>,
    again_at: Instant,
}

impl Writer {
    /// The next command; none when the last sender is gone. While the store is broken it is tried in between.
    pub(super) fn next(&mut self, commands: &Commands) -> Option<Command> {
        loop {
            let Some(trouble) = &self.trouble else { return commands.recv().ok() };
            match commands.recv_timeout(trouble.again_at.saturating_duration_since(Instant::now())) {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Timeout) => self.recover(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Does a piece of work, unless the store is broken. A panic ends the work, not the writer. After a failure the store
    /// is opened anew before the asker hears of it.
    pub(super) fn attempt<T>(&mut self, work: impl FnOnce(&mut Writer) -> Result<T, EngineError>) -> Result<T, EngineError> {
        if self.trouble.as_ref().is_some_and(|trouble| trouble.again_at <= Instant::now()) {
            self.recover();
        }
        if let Some(trouble) = &self.trouble {
            return Err(trouble.cause.clone());
        }
        let outcome = self.caught(work);
        if let Err(error) = &outcome
            && is_failure(error)
        {
            self.fail(error.clone(), None);
            self.recover();
        }
        outcome
    }

    fn caught<T>(&mut self, work: impl FnOnce(&mut Writer) -> Result<T, EngineError>) -> Result<T, EngineError> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            let sentence = "writing ended in a panic, nothing of it was acknowledged: try again; the log has the place";
            Err(EngineError::Broken(sentence.to_owned()))
        })
    }

    /// Tells what is wrong, or that nothing is any more.
    pub(super) fn tell(&self, trouble: Option<String>) {
        *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn fail(&mut self, cause: EngineError, pause: Option<Duration>) {
        self.tell(Some(cause.to_string()));
        self.trouble = Some(Trouble { cause, pause, again_at: Instant::now() + pause.unwrap_or_default() });
    }

    /// Tries to work again.
    fn recover(&mut self) {
        let Some(Trouble { pause, .. }) = self.trouble.take() else { return };
        match self.caught(Writer::reopen) {
            Ok(()) => self.tell(None),
            // The store works, so that what is not damaged is taken in and what is can be rebuilt.
            Err(error @ EngineError::Store(StoreError::Damaged { .. })) => self.tell(Some(error.to_string())),
            Err(error) => {
                let pause = pause.map_or(FIRST_PAUSE, |pause| LAST_PAUSE.min(pause * 2));
                self.fail(error, Some(pause));
            }
        }
    }

    /// Opens the store anew, since it refuses all work after a failure, and makes sure that it can be written.
    ///
    /// What is published stays as it is if the store holds just what was committed; else it is counted anew before
    /// anybody is answered.
    fn reopen(&mut self) -> Result<(), EngineError> {
        self.end_merging();
        let shared = Arc::clone(&self.shared);
        {
            // Readers wait: between the old database and the new one there is nothing to read.
            let mut published = shared.published.write().unwrap_or_else(PoisonError::into_inner);
            published.doubtful |= shared.published.is_poisoned();
            shared.published.clear_poison();
            // A commit that ended in a panic.
            published.doubtful |= published.before.take().is_some();
            published.doubtful |= !shared.store.reopen()?;
        }
        shared.store.probe()?;
        self.start()
    }
}

/// Whether the store, or what is in memory of it, can no longer be relied on.
fn is_failure(error: &EngineError) -> bool {
    match error {
        EngineError::Store(error) => !matches!(error, StoreError::Unusable(_)),
        EngineError::Broken(_) | EngineError::Stopped => true,
        EngineError::Refused(_) | EngineError::Changed { .. } | EngineError::Moved { .. } => false,
    }
}
