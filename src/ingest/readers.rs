//! Readers of lines that come a few at a time: what each has met is kept for the next ones, and all name repos and texts alike.

use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::batch::{BatchBuilder, Memo};
use super::names::CurrentNames;
use crate::identify::IdentityKey;
use crate::model::Proxies;

/// Bodies of more bytes take turns, as many at once as there are cores: more would only wait for each other in the middle,
/// each with its rows in memory. Smaller ones are read before anybody would notice.
const LARGE_BYTES: usize = 64 << 10;

/// Readers whose memory is kept.
const MEMOS_MAX: usize = 8;

/// Names and texts that are kept: some 15 MB with what readers have met of them.
const NAMES_MAX: usize = 1 << 16;

/// What readers leave to those who come after them.
pub(super) struct Readers {
    state: Mutex<State>,
    turn_ended: Condvar,
    large_max: usize,
}

#[derive(Default)]
struct State {
    names: CurrentNames,
    memos: Vec<Memo>,
    /// Large bodies that are being read.
    large: usize,
}

/// The turn of a large body; it ends when this is dropped.
struct Turn<'r>(&'r Readers);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().large -= 1;
        self.0.turn_ended.notify_one();
    }
}

impl Readers {
    /// Nobody has read anything yet.
    pub fn new() -> Readers {
        let large_max = std::thread::available_parallelism().map_or(1, NonZero::get);
        Readers { state: Mutex::default(), turn_ended: Condvar::new(), large_max }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Turn<'_> {
        let state = self.lock();
        let mut state =
            self.turn_ended.wait_while(state, |state| state.large >= self.large_max).unwrap_or_else(PoisonError::into_inner);
        state.large += 1;
        Turn(self)
    }

    /// Reads lines of so many bytes as soon as it is their turn. Names begin anew from `names_max` on at the latest.
    pub fn read<T>(
        &self,
        (key, proxies): (&IdentityKey, Arc<Proxies>),
        bytes: usize,
        names_max: usize,
        read: impl FnOnce(&mut BatchBuilder<'_>) -> T,
    ) -> T {
        let _turn = (bytes > LARGE_BYTES).then(|| self.turn());
        let memo = {
            let mut state = self.lock();
            let names = state.names.get(names_max.min(NAMES_MAX));
            // Others hold on to names that nobody uses any more.
            state.memos.retain(|memo| memo.is_of(&names));
            state.memos.pop().unwrap_or_else(|| Memo::new(names))
        };
        let mut builder = BatchBuilder::new(key, proxies, memo);
        let done = read(&mut builder);
        let mut state = self.lock();
        if state.memos.len() < MEMOS_MAX {
            state.memos.push(builder.into_memo());
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_take_turns_and_small_ones_do_not() {
        let readers = Readers { large_max: 1, ..Readers::new() };
        let key = IdentityKey::new(&[7; 32]);
        let (entered, events) = std::sync::mpsc::channel();
        let read = |bytes, name| {
            readers.read((&key, Arc::default()), bytes, usize::MAX, |_| entered.send(name).unwrap());
        };
        std::thread::scope(|scope| {
            let first = readers.turn();
            scope.spawn(|| read(LARGE_BYTES + 1, "large"));
            read(LARGE_BYTES, "small");
            assert_eq!(events.recv(), Ok("small"));
            assert!(events.try_recv().is_err(), "it is not its turn");
            drop(first);
            assert_eq!(events.recv(), Ok("large"));
        });
        assert_eq!(readers.lock().large, 0);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            readers.read((&key, Arc::default()), usize::MAX, usize::MAX, |_| panic!("reading ends"));
        }));
        assert!(outcome.is_err() && readers.lock().large == 0, "a turn ends however it ends");
    }
}
