//! Gates: how many costly things run at once, so that they wait for each other and not everybody for them.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Answer;
use super::limits;
use crate::query::Asker;

/// A number of turns for work that blocks.
pub struct Gate {
    free: Arc<Semaphore>,
    turns: u32,
}

impl Gate {
    /// A gate that lets `turns` through at once.
    #[must_use]
    pub fn new(turns: u32) -> Gate {
        Gate { free: Arc::new(Semaphore::new(turns as usize)), turns }
    }

    /// Waits until nothing is being done.
    pub async fn idle(&self) {
        let _ = self.free.acquire_many(self.turns).await;
    }

    /// Runs blocking work on a thread of its own when its turn comes.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Answer> {
        let busy = || Answer::retry(StatusCode::SERVICE_UNAVAILABLE, 5, "the server is busy with other work; ask again");
        let turn = tokio::time::timeout(limits::TURN_TIMEOUT, Arc::clone(&self.free).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let (asker, _waiting) = Asker::waiting();
        let done = tokio::task::spawn_blocking(move || {
            // The turn belongs to the work, not to whoever waits: a client that leaves does not let more in.
            let _turn = turn;
            asker.ask(work)
        });
        done.await.map_err(|_| Answer::broken())
    }
}

/// Memory for bodies, handed out in KiB.
pub struct BodyBudget(Arc<Semaphore>);

impl BodyBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> BodyBudget {
        BodyBudget(Arc::new(Semaphore::new(bytes / 1024)))
    }

    /// An empty share of the budget, which grows with a body.
    #[must_use]
    pub fn share(&self) -> BodyShare {
        BodyShare { budget: Arc::clone(&self.0), held: None, held_bytes: 0 }
    }
}

/// The part of the budget one body holds; given back when dropped.
pub struct BodyShare {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    held_bytes: usize,
}

impl BodyShare {
    /// Makes room for `bytes` in all. Refuses at once when there is none: bodies that waited for each other half
    /// read would never end.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        if bytes <= self.held_bytes {
            return true;
        }
        let more_kib = (bytes - self.held_bytes).div_ceil(1024);
        let Ok(permits) = u32::try_from(more_kib) else { return false };
        let Ok(permit) = Arc::clone(&self.budget).try_acquire_many_owned(permits) else { return false };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        self.held_bytes += more_kib * 1024;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_and_given_back() {
        let budget = BodyBudget::new(4096);
        let (mut first, mut second) = (budget.share(), budget.share());
        assert!(first.grow_to(1) && first.grow_to(1024) && first.grow_to(3000));
        assert!(!second.grow_to(1025));
        drop(first);
        assert!(second.grow_to(4096));
    }
}
