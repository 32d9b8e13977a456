//! Whether anybody still waits for an answer: reading events for minutes ends when the one who asked has gone.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// Of the question that this thread answers.
    static ASKER: RefCell<Asker> = RefCell::default();
}

/// Who waits for an answer; by default somebody who never goes.
#[derive(Clone, Debug, Default)]
pub struct Asker(Option<Arc<AtomicBool>>);

/// Says that nobody waits any more when it is dropped.
#[derive(Debug)]
pub struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Asker {
    /// Somebody who waits until the second value is dropped.
    #[must_use]
    pub fn waiting() -> (Asker, Waiting) {
        let gone = Arc::new(AtomicBool::new(false));
        (Asker(Some(Arc::clone(&gone))), Waiting(gone))
    }

    /// Does work on this thread whose views are made for this asker.
    pub fn ask<T>(self, work: impl FnOnce() -> T) -> T {
        struct Before(Asker);
        impl Drop for Before {
            fn drop(&mut self) {
                ASKER.with(|asker| asker.swap(&RefCell::new(std::mem::take(&mut self.0))));
            }
        }
        let _before = Before(ASKER.with(|asker| asker.replace(self)));
        work()
    }

    /// Who asks on this thread.
    pub(super) fn here() -> Asker {
        ASKER.with(|asker| asker.borrow().clone())
    }

    /// Whether nobody waits any more.
    #[must_use]
    pub fn has_gone(&self) -> bool {
        self.0.as_ref().is_some_and(|gone| gone.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_known_on_the_thread_until_the_work_is_done() {
        let (asker, waiting) = Asker::waiting();
        asker.ask(|| {
            assert!(!Asker::here().has_gone());
            drop(waiting);
            assert!(Asker::here().has_gone());
        });
        assert!(!Asker::here().has_gone());
    }
}
