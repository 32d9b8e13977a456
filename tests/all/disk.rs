//! A simulated disk: it keeps what is durable apart from what was only written, loses power and fails operations as told.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use hubtally::store::{Disk, SharedDisk, StorageBackend};

use crate::oracle::Random;

const SECTOR_BYTES: usize = 512;

/// What happens to an operation that is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, as of a broken device.
    Broken,
    /// There is no space; reading goes on.
    Full,
    /// The writer panics in it.
    Panic,
}

/// Operations that fail: the first of them, and whether all later ones do too.
#[derive(Clone, Copy, Debug)]
struct Failing {
    from: u64,
    for_good: bool,
    fault: Fault,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Default)]
struct Content {
    /// What reads see.
    current: Vec<u8>,
    /// What is on the platter for sure.
    durable: Vec<u8>,
    /// Changes since the last sync, in order.
    pending: Vec<Change>,
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => image.resize(*length, 0),
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(bytes);
        }
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    /// Any sectors of what was written since the last sync are there, and either length.
    fn lose_power(&mut self, random: &mut Random) {
        let length = if random.chance(50) { self.durable.len() } else { self.current.len() };
        let kept_percent = random.pick(&[0, 10, 50, 90, 100]);
        for change in self.pending.drain(..) {
            let Change::Write { offset, bytes } = change else { continue };
            let mut at = offset;
            let end = offset + bytes.len();
            while at < end {
                let sector_end = end.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
                if random.chance(kept_percent) {
                    let sector = bytes[at - offset..sector_end - offset].to_vec();
                    apply(&mut self.durable, &Change::Write { offset: at, bytes: sector });
                }
                at = sector_end;
            }
        }
        self.durable.resize(length, 0);
        self.current.clone_from(&self.durable);
    }
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    random: Random,
    /// Changes until the power goes; `None` keeps it.
    power_for: Option<u64>,
    is_off: bool,
    /// Grows when power comes back: what was opened before is gone.
    boot: u64,
    operations: u64,
    failing: Option<Failing>,
    /// Operations that failed as told.
    failed: u64,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub struct Simulated(Arc<Mutex<State>>);

#[derive(Debug)]
struct Opened {
    disk: Simulated,
    content: Arc<Mutex<Content>>,
    boot: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Change,
}

impl Simulated {
    pub fn new(seed: u64) -> Simulated {
        Simulated(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            random: Random::new(seed),
            power_for: None,
            is_off: false,
            boot: 0,
            operations: 0,
            failing: None,
            failed: 0,
        })))
    }

    pub fn shared(&self) -> SharedDisk {
        SharedDisk(Arc::new(self.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes the power away after so many changes; `None` keeps it.
    pub fn power_for(&self, changes: Option<u64>) {
        self.state().power_for = changes;
    }

    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Brings the power back, with what was on the platter.
    pub fn power_on(&self) {
        let mut state = self.state();
        let State { files, random, .. } = &mut *state;
        files.values().for_each(|content| content.lock().unwrap().lose_power(random));
        state.is_off = false;
        state.boot += 1;
        state.power_for = None;
    }

    /// Operations so far, reads included.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets operation number `from` fail, or all from it on.
    pub fn fail(&self, from: u64, for_good: bool, fault: Fault) {
        self.state().failing = Some(Failing { from, for_good, fault });
    }

    /// Lets nothing fail any more.
    pub fn mend(&self) {
        self.state().failing = None;
    }

    /// How many operations failed as told.
    pub fn failed(&self) -> u64 {
        self.state().failed
    }

    /// Counts an operation; gives the fault it meets. The last change before the power goes is still made, and pending.
    fn begin(&self, operation: Operation, boot: Option<u64>) -> io::Result<()> {
        let mut state = self.state();
        if state.is_off || boot.is_some_and(|boot| boot != state.boot) {
            return Err(io::Error::other("no power"));
        }
        state.operations += 1;
        let now = state.operations;
        if let Some(failing) = state.failing
            && (now == failing.from || failing.for_good && now > failing.from)
            && (failing.fault != Fault::Full || operation == Operation::Change)
            && (failing.fault != Fault::Panic || std::thread::current().name() == Some("writer"))
        {
            state.failed += 1;
            drop(state);
            return match failing.fault {
                Fault::Broken => Err(io::Error::other("the device is broken")),
                Fault::Full => Err(io::ErrorKind::StorageFull.into()),
                Fault::Panic => panic!("a panic in a storage operation, as told"),
            };
        }
        if operation == Operation::Change
            && let Some(left) = &mut state.power_for
        {
            *left = left.saturating_sub(1);
            state.is_off = *left == 0;
        }
        Ok(())
    }

    /// An error if the power went with this operation.
    fn end(&self) -> io::Result<()> {
        if self.is_off() { Err(io::Error::other("no power")) } else { Ok(()) }
    }
}

impl Disk for Simulated {
    fn exists(&self, name: &str) -> bool {
        self.state().files.contains_key(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        self.begin(Operation::Read, None)?;
        let mut state = self.state();
        let boot = state.boot;
        let content = Arc::clone(state.files.entry(name.to_owned()).or_default());
        Ok(Box::new(Opened { disk: self.clone(), content, boot }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.begin(Operation::Change, None)?;
        self.state().files.remove(name);
        self.end()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.begin(Operation::Change, None)?;
        let mut state = self.state();
        let happens = !state.is_off || state.random.chance(50);
        if happens && let Some(content) = state.files.remove(from) {
            state.files.insert(to.to_owned(), content);
        }
        drop(state);
        self.end()
    }

    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }
}

impl Opened {
    fn begin(&self, operation: Operation) -> io::Result<MutexGuard<'_, Content>> {
        self.disk.begin(operation, Some(self.boot))?;
        Ok(self.content.lock().unwrap())
    }
}

impl StorageBackend for Opened {
    fn len(&self) -> io::Result<u64> {
        Ok(self.begin(Operation::Read)?.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.begin(Operation::Read)?;
        let start = usize::try_from(offset).unwrap();
        let bytes = content.current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.begin(Operation::Change)?.change(Change::Length(usize::try_from(len).unwrap()));
        self.disk.end()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.begin(Operation::Change)?;
        // Power that goes during a sync leaves its writes pending: any of them may have arrived.
        self.disk.end()?;
        content.sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let change = Change::Write { offset: usize::try_from(offset).unwrap(), bytes: data.to_vec() };
        self.begin(Operation::Change)?.change(change);
        self.disk.end()
    }
}
