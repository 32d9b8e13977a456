//! Readers of lines that come a few at a time: what each has met is kept for the next ones, and all name repos and texts alike.

use std::num::NonZero;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::batch::{BatchBuilder, Memo};
use super::engine::Engine;
use super::names::CurrentNames;
use super::spare::Spare;
use super::writer::GROUP_ROWS_MAX;
use crate::identify::IdentityKey;
use crate::model::{Proxies, Row};

/// Bodies of more bytes take turns, fewer at once than there are cores: more would only wait for each other in the middle, each
/// with its rows in memory. Smaller ones are read before anybody would notice.
pub(super) const LARGE_BYTES: usize = 64 << 10;

/// Memory for fewer rows than this comes fast.
pub(super) const SPARE_ROWS_MIN: usize = 256;

/// Rows that fit into the memory that is kept for them: more than all bodies of a group have, and some that wait.
const SPARE_ROWS_MAX: usize = 4 * GROUP_ROWS_MAX;

/// Bytes of a body whose memory is kept, and of all of them.
const SPARE_BODY_BYTES: usize = 2 << 20;
const SPARE_BODIES_BYTES: usize = 32 << 20;

/// Readers whose memory is kept: as many as there are cores, and no more than these.
const MEMOS_MAX: usize = 8;

/// Names and texts that are kept from one body to the next.
pub(super) const NAMES_KEPT_MAX: usize = 1 << 16;

/// What readers leave to those who come after them.
pub(super) struct Readers {
    state: Mutex<State>,
    turn_ended: Condvar,
    /// Memory of rows that were taken in, while more are to come.
    spare: Arc<Spare<Row>>,
    /// The same of bodies that were read.
    bodies: Spare<u8>,
    large_max: usize,
    memos_max: usize,
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

impl Engine {
    /// Sets after how many names they begin anew, other than [`Engine::cut_imports`] does: for tests.
    pub fn keep_names(&self, names_max: usize) {
        self.shared.sizes.names_max.store(names_max, Ordering::Release);
    }
}

impl Readers {
    /// Nobody has read anything yet.
    pub fn new() -> Readers {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        // One core is the writer's: who is read before it has time only waits.
        let (large_max, memos_max) = ((cores - 1).max(1), cores.min(MEMOS_MAX));
        let spare = Arc::new(Spare::of(SPARE_ROWS_MIN, usize::MAX, SPARE_ROWS_MAX));
        let bodies = Spare::of(LARGE_BYTES, SPARE_BODY_BYTES, SPARE_BODIES_BYTES);
        Readers { state: Mutex::default(), turn_ended: Condvar::new(), spare, bodies, large_max, memos_max }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back the memory of rows, where it is worth it.
    pub fn take_back(&self, rows: impl Iterator<Item = Vec<Row>>) {
        self.spare.put(rows);
    }

    /// Takes back the memory of a body that was read, where it is worth it.
    pub fn take_body_back(&self, body: Vec<u8>) {
        self.bodies.put([body]);
    }

    /// Memory for a body of so many bytes, where one of about that size was read before.
    pub fn spare_body(&self, bytes: usize) -> Option<Vec<u8>> {
        self.bodies.find(bytes)
    }

    /// Gives memory back to the system.
    pub fn rest(&self) {
        self.spare.rest();
        self.bodies.rest();
    }

    fn turn(&self) -> Turn<'_> {
        let state = self.lock();
        let mut state =
            self.turn_ended.wait_while(state, |state| state.large >= self.large_max).unwrap_or_else(PoisonError::into_inner);
        state.large += 1;
        Turn(self)
    }

    /// Reads the lines of a body of so many bytes, as soon as it is its turn if it is a large one. Names begin anew from
    /// `names_max` on at the latest.
    pub fn read<T>(
        &self,
        (key, proxies): (&IdentityKey, Arc<Proxies>),
        body_bytes: usize,
        names_max: usize,
        read: impl FnOnce(&mut BatchBuilder<'_>) -> T,
    ) -> T {
        let _turn = (body_bytes > LARGE_BYTES).then(|| self.turn());
        let names_max = names_max.min(NAMES_KEPT_MAX);
        let (memo, _stale) = {
            let mut state = self.lock();
            let names = state.names.get(names_max);
            match state.memos.pop() {
                Some(memo) if memo.is_of(&names) => (memo, None),
                stale => (Memo::new(names), stale),
            }
        };
        let mut builder = BatchBuilder::new(key, proxies, memo).recycling(Arc::clone(&self.spare));
        let done = read(&mut builder);
        let mut memos = vec![builder.into_memo()];
        {
            let mut state = self.lock();
            let names = state.names.get(names_max);
            memos.append(&mut state.memos);
            let current = memos.extract_if(.., |memo| memo.is_of(&names));
            state.memos = current.take(self.memos_max).collect();
        }
        // What is left goes without the lock: names and what was met of them may be much.
        drop(memos);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ingest::{OpenOptions, Place, Push, PushContent};
    use crate::model::SourceName;
    use crate::parse::ItemReader;

    #[test]
    fn what_was_met_is_kept_as_long_as_its_names_are() {
        let readers = Readers { large_max: 2, ..Readers::new() };
        let key = IdentityKey::new(&[7; 32]);
        // The repo of a body, and whether its reader had met it.
        let read = |readers: &Readers, repo: &str| {
            readers.read((&key, Arc::default()), 100, 2, |builder| {
                let line = format!(r#"{{"ts":1777593600,"repo":"{repo}","ip":"192.0.2.1"}}"#);
                ItemReader::default().read_item(line.as_bytes(), |_, request| builder.add(1, request));
                let batch = builder.take();
                assert_eq!(batch.rows().len(), 1);
                (batch.names, batch.new_repos.is_empty())
            })
        };
        let (names, met) = read(&readers, "org/one");
        assert!(!met);
        let (again, met) = read(&readers, "org/one");
        assert!(met && Arc::ptr_eq(&names, &again));
        let (full, met) = read(&readers, "org/two");
        assert!(!met && Arc::ptr_eq(&names, &full));
        assert!(readers.lock().memos.is_empty(), "two names are as many as may be kept");
        drop((again, full));
        assert_eq!(Arc::strong_count(&names), 1, "nobody holds on to them");
        let (others, met) = read(&readers, "org/one");
        assert!(!met && !Arc::ptr_eq(&names, &others));
    }

    #[test]
    fn as_many_readers_as_cores_go_on_from_what_they_met() {
        let readers = Readers { large_max: 1, memos_max: 2, ..Readers::new() };
        let key = IdentityKey::new(&[7; 32]);
        let at_once = |bodies: usize| {
            let all_read = std::sync::Barrier::new(bodies);
            std::thread::scope(|scope| {
                for _ in 0..bodies {
                    scope.spawn(|| readers.read((&key, Arc::default()), 100, 2, |_| all_read.wait()));
                }
            });
            readers.lock().memos.len()
        };
        assert_eq!([1, 2, 3].map(at_once), [1, 2, 2], "bodies that are small take no turns");
    }

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
            scope.spawn(|| {
                entered.send("at the door").unwrap();
                read(LARGE_BYTES + 1, "large");
            });
            assert_eq!(events.recv(), Ok("at the door"));
            read(LARGE_BYTES, "small");
            assert_eq!(events.recv(), Ok("small"));
            assert!(events.recv_timeout(Duration::from_millis(100)).is_err(), "it is not its turn");
            drop(first);
            assert_eq!(events.recv(), Ok("large"));
        });
        assert_eq!(readers.lock().large, 0);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            readers.read((&key, Arc::default()), usize::MAX, usize::MAX, |_| panic!("reading ends"));
        }));
        assert!(outcome.is_err() && readers.lock().large == 0, "a turn ends however it ends");
    }

    #[test]
    fn memory_is_kept_until_nothing_has_come_for_a_while() {
        let options = OpenOptions { place: Place::Memory, default_public: true, frozen_now: None };
        let engine = Engine::open(&options).unwrap();
        let line = r#"{"ts":1777593600,"repo":"org/name","ip":"192.0.2.1"}"#;
        let push = |lines: usize, pause_ms| {
            let body = vec![line; lines].join("\n").into_bytes();
            let source = SourceName::default_source();
            engine.push(Push { source, body, content: PushContent::Json, idempotency_key: None }).unwrap();
            std::thread::sleep(Duration::from_millis(pause_ms));
        };
        // The machine may stand still for longer than that.
        let (at_once, later) = ([0; 100], [400, 800, 1_600, 3_200, 6_400]);
        let body_after = |pause_ms: u64| {
            push(LARGE_BYTES / line.len() + 1, pause_ms);
            engine.spare_body(LARGE_BYTES)
        };
        let kept = at_once.into_iter().find_map(body_after).expect("who pushes the next one at once has it");
        assert!(kept.is_empty() && kept.capacity() >= LARGE_BYTES);
        assert!(later.into_iter().any(|pause_ms| body_after(pause_ms).is_none()));

        // A small body of many rows.
        let rows_after = |pause_ms: u64| {
            push(SPARE_ROWS_MIN + 1, pause_ms);
            engine.shared.readers.spare.find(SPARE_ROWS_MIN)
        };
        assert!(at_once.into_iter().any(|pause_ms| rows_after(pause_ms).is_some()));
        assert!(later.into_iter().any(|pause_ms| rows_after(pause_ms).is_none()));
    }
}
