//! The engine: the store, its one writer thread, and what is published.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::declared::Declaration;
use super::error::EngineError;
use super::follow::{Following, Tails};
use super::publish::Publishing;
use super::published::Published;
use super::readers::Readers;
use super::room::Room;
use super::sizes::PieceSizes;
use super::writer::{Command, LIVE_ROWS_MAX, Writer};
use crate::identify::{IdentityKey, NameKind};
use crate::model::{Day, HeadRedirect, Likes, Millis, Proxies, Redirects, RepoKey, RepoName, SourceName, Who};
use crate::rollup::Counting;
use crate::store::{self, ContentRecord, DeliveryState, Place, Store, StoreError, WriteTxn};

/// Commands that may wait for the writer.
const QUEUE_LENGTH: usize = 4_096;

/// No instant: the clock runs.
const RUNNING: i64 = i64::MIN;

fn system_now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Bytes of pushed bodies that may wait for the writer.
pub(super) const QUEUE_BYTES_MAX: usize = 128 << 20;

/// How to open an engine.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub place: Place,
    /// Whether a repo of which nothing tells is public.
    pub default_public: bool,
    /// A clock that stands still, for tests and harnesses.
    pub frozen_now: Option<Millis>,
}

/// What the threads share.
pub(crate) struct Shared {
    pub(super) store: Store,
    pub(super) key: IdentityKey,
    pub(super) default_public: bool,
    /// The frozen clock in ms, or `RUNNING`.
    frozen_now_ms: AtomicI64,
    pub(super) published: RwLock<Published>,
    pub(super) counting: RwLock<Arc<Counting>>,
    /// What the configuration says of repos; unset if nothing.
    pub(super) declaration: OnceLock<Declaration>,
    /// The trusted proxies of the sources that have some.
    pub(super) proxies: RwLock<HashMap<String, Arc<Proxies>>>,
    sequence: AtomicU64,
    pub(super) readers: Readers,
    pub(super) queue_bytes: AtomicUsize,
    pub(super) sizes: PieceSizes,
    pub(super) overlay_rows_max: AtomicUsize,
    /// People whose events are dropped. Only the writer changes it.
    pub(super) forgotten: RwLock<Arc<BTreeSet<Who>>>,
    /// The last failure of the writer, until it works again.
    pub(super) trouble: Mutex<Option<String>>,
    /// How the followed logs stand, in the order in which they were named.
    pub(super) following: Mutex<Vec<Following>>,
}

impl Shared {
    /// The instant by the clock, or by the frozen one.
    pub(super) fn now(&self) -> Millis {
        match self.frozen_now_ms.load(Ordering::Acquire) {
            RUNNING => system_now(),
            frozen => Millis(frozen),
        }
    }

    /// Says that answers have changed.
    pub(super) fn advance(&self) {
        self.sequence.fetch_add(1, Ordering::Release);
    }

    /// What is published, to be changed: nothing that was kept of it until now holds any longer.
    pub(super) fn lock(&self) -> Result<RwLockWriteGuard<'_, Published>, EngineError> {
        let mut published = self.published.write().map_err(|_| doubtful())?;
        published.of_sequence = Room::default();
        Ok(published)
    }

    /// Commits, and changes what is published with it. Nobody waits for the disk but the writer.
    pub(super) fn commit<T>(&self, txn: WriteTxn, change: impl FnOnce(&mut Published) -> T) -> Result<T, EngineError> {
        let before = self.store.snapshot()?;
        self.published.write().map_err(|_| doubtful())?.before = Some(before);
        let outcome = txn.commit();
        let mut published = self.lock()?;
        published.before = None;
        outcome?;
        Ok(change(&mut published))
    }

    /// The people whose events are dropped.
    pub(super) fn forgotten(&self) -> Arc<BTreeSet<Who>> {
        Arc::clone(&self.forgotten.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn counting(&self) -> Arc<Counting> {
        Arc::clone(&self.counting.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// hubtally without its network: takes deliveries in and gives consistent views out.
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    queue: SyncSender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Documents come in one at a time: two imports of the same one could not recognise each other.
    pub(super) importing: Mutex<()>,
    pub(super) tails: Tails,
}

/// Whether the engine can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    pub ready: bool,
    pub reasons: Vec<String>,
    pub damaged: bool,
}

/// Settings of a source that somebody gave; the others follow from the formats that arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenSettings {
    pub redirects: Option<Redirects>,
    pub head_redirect: Option<HeadRedirect>,
    pub knows_users: Option<bool>,
}

/// A repo as the hub's catalog lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoListing {
    pub repo: RepoKey,
    pub private: Option<bool>,
    pub likes: Option<u64>,
    pub library: Option<String>,
    pub created_at: Option<Millis>,
    pub renamed_from: Vec<FormerName>,
}

/// A name that a repo had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerName {
    pub name: RepoName,
    /// When the repo was renamed; without it, until a new repo took the name.
    pub at: Option<Millis>,
}

/// A delivery as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryInfo {
    pub delivery: String,
    /// `document`, `pushes`, or `reported` for daily figures of another system.
    pub kind: String,
    pub source: String,
    pub name: String,
    pub arrived: String,
    pub lines: u64,
    pub accepted: u64,
    pub repeated: u64,
    pub skipped: u64,
    pub rejected: u64,
    /// `complete`, `partial`, `following` or `retracted`.
    pub state: String,
    /// Bytes of a followed log that are not in yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_bytes: Option<u64>,
}

impl Engine {
    /// Opens the store, brings its views up to date and starts the writer.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn open(options: &OpenOptions) -> Result<Arc<Engine>, EngineError> {
        let fingerprint = |secret: &[u8; 32]| IdentityKey::new(secret).fingerprint();
        let now = options.frozen_now.unwrap_or_else(system_now);
        let store = Store::open(options.place.clone(), fingerprint, now)?;
        let key = IdentityKey::new(store.secret());
        let shared = Arc::new(Shared {
            store,
            key,
            default_public: options.default_public,
            frozen_now_ms: AtomicI64::new(options.frozen_now.map_or(RUNNING, |now| now.0)),
            published: RwLock::new(Published { doubtful: true, ..Published::default() }),
            counting: RwLock::default(),
            declaration: OnceLock::new(),
            proxies: RwLock::default(),
            sequence: AtomicU64::new(1),
            readers: Readers::new(),
            queue_bytes: AtomicUsize::new(0),
            sizes: PieceSizes::default(),
            overlay_rows_max: AtomicUsize::new(LIVE_ROWS_MAX),
            forgotten: RwLock::default(),
            trouble: Mutex::default(),
            following: Mutex::default(),
        });
        let mut writer = Writer::new(Arc::clone(&shared))?;
        writer.start()?;
        let (queue, commands) = sync_channel(QUEUE_LENGTH);
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.run(&commands))
            .map_err(StoreError::from)?;
        Ok(Arc::new(Engine {
            shared,
            queue,
            writer: Mutex::new(Some(thread)),
            importing: Mutex::default(),
            tails: Tails::default(),
        }))
    }

    /// The instant answers are given for.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.shared.now()
    }

    /// Sets a clock that stands still: for harnesses that walk through days.
    pub fn freeze_clock(&self, now: Millis) {
        self.shared.frozen_now_ms.store(now.0, Ordering::Release);
        self.shared.advance();
    }

    /// The UTC day answers are given for.
    #[must_use]
    pub fn today(&self) -> Day {
        self.now().day()
    }

    /// A number that grows with every publication.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.shared.sequence.load(Ordering::Acquire)
    }

    /// The folder the store lies in, if it lies in one.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        match self.shared.store.place() {
            Place::Folder(folder) => Some(folder.clone()),
            Place::Memory | Place::Disk(_) => None,
        }
    }

    /// A downloader as exports write it.
    #[must_use]
    pub fn exported(&self, who: Who, agent_counts: bool) -> String {
        self.shared.key.export(who, agent_counts)
    }

    /// Whether a repo of which nothing tells is public.
    #[must_use]
    pub fn default_public(&self) -> bool {
        self.shared.default_public
    }

    /// What is published, held still, with a snapshot of the store that belongs to it.
    ///
    /// # Errors
    /// When the store fails, or when a failure left the live figures in doubt.
    pub fn published(&self) -> Result<(RwLockReadGuard<'_, Published>, store::ReadTxn), EngineError> {
        let published = self.shared.published.read().map_err(|_| doubtful())?;
        if published.doubtful {
            return Err(doubtful());
        }
        let txn = match &published.before {
            Some(before) => before.read(),
            None => self.shared.store.read()?,
        };
        Ok((published, txn))
    }

    /// Whether the engine can do its work.
    #[must_use]
    pub fn health(&self) -> Health {
        let mut reasons = Vec::new();
        reasons.extend(self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let damaged = self.shared.published.read().map_or(true, |published| published.doubtful);
        if damaged {
            reasons.push(doubtful().to_string());
        }
        let ready = reasons.is_empty();
        // A log that cannot be followed is no reason to send readers and pushers away.
        reasons.extend(self.following().into_iter().filter(Following::is_stuck).filter_map(|following| following.problem));
        Health { ready, reasons, damaged }
    }

    /// Runs a piece of work on the writer thread and waits for it.
    pub(super) fn write<T: Any + Send>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (reply, answer) = channel();
        let task = Box::new(move |writer: &mut Writer| {
            // The asker may have gone away; the work is done all the same.
            drop(reply.send(writer.attempt(work)));
        });
        self.queue.send(Command::Task(task)).map_err(|_| EngineError::Stopped)?;
        answer.recv().map_err(|_| EngineError::Stopped)?
    }

    /// Queues a command without waiting for room.
    pub(super) fn queue(&self, command: Command) -> Result<(), TrySendError<Command>> {
        self.queue.try_send(command)
    }

    /// Stops following logs, commits what is queued and ends the writer. Later calls that write fail.
    pub fn stop(&self) {
        self.tails.stop();
        drop(self.queue.send(Command::Stop));
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }

    /// Takes in what the hub's catalog says of some repos; gives their number.
    ///
    /// # Errors
    /// When the store fails; then none of it was taken in.
    pub fn put_repos(&self, listings: Vec<RepoListing>) -> Result<u64, EngineError> {
        self.write(move |writer| writer.put_repos(&listings))
    }

    /// Takes in a like or unlike; gives the new number of likes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn like(&self, repo: &RepoKey, user: &str, ts: Millis, liked: bool) -> Result<Likes, EngineError> {
        let who: Who = self.shared.key.named(NameKind::User, user);
        let repo = repo.clone();
        self.write(move |writer| writer.like(&repo, who, ts, liked))
    }

    /// Says how the requests of a source are to be read; what is not given stays as it is. Everything is counted anew if
    /// a setting changes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn configure_source(&self, name: &SourceName, given: GivenSettings) -> Result<(), EngineError> {
        let name = name.clone();
        self.write(move |writer| writer.configure_source(&name, None, given).map(drop))
    }

    /// All deliveries.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deliveries(&self) -> Result<Vec<DeliveryInfo>, EngineError> {
        let mut deliveries = self.write(Writer::deliveries)?;
        let behind = self.followed_documents();
        for delivery in deliveries.iter_mut().filter(|delivery| delivery.kind == "document" && delivery.state != "retracted") {
            let serial = delivery.delivery.parse().unwrap_or(0);
            if let Some(behind_bytes) = behind.get(&crate::model::DeliveryId::document(serial)) {
                delivery.state = "following".to_owned();
                delivery.behind_bytes = Some(*behind_bytes);
            }
        }
        Ok(deliveries)
    }

    /// Takes a delivery back: the numbers are as if it had never come.
    ///
    /// # Errors
    /// When there is no such delivery, or the store fails.
    pub fn retract(&self, serial: u32) -> Result<DeliveryInfo, EngineError> {
        // An import that has begun may have registered a format of which no delivery tells yet: then formats stay.
        let alone = self.importing.try_lock();
        let forget_formats = !matches!(alone, Err(TryLockError::WouldBlock));
        self.write(move |writer| writer.retract(serial, forget_formats))
    }

    /// Throws all views away and builds them anew from the events.
    ///
    /// # Errors
    /// When the store fails or an event block is damaged.
    pub fn rebuild(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<(), EngineError> {
        progress("rebuilding all views from the events");
        self.write(|writer| writer.rebuild(Publishing::Pushes))?;
        progress("done");
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn doubtful() -> EngineError {
    EngineError::Broken(
        "a failure left the live figures in doubt: hubtally counts them anew as soon as the store can be written".to_owned(),
    )
}

/// A delivery as people see it.
pub(super) fn delivery_info(
    id: crate::model::DeliveryId,
    record: &store::DeliveryRecord,
    sources: &[store::SourceEntry],
) -> DeliveryInfo {
    let source = sources.iter().find(|source| source.id.0 == record.source);
    let kind = match record.content {
        ContentRecord::Document(_) => "document",
        ContentRecord::Pushes { .. } => "pushes",
        ContentRecord::Reported(_) => "reported",
    };
    let state = match record.state {
        DeliveryState::Partial => "partial",
        DeliveryState::Complete => "complete",
        DeliveryState::Retracted => "retracted",
    };
    DeliveryInfo {
        delivery: id.serial().to_string(),
        kind: kind.to_owned(),
        source: source.map_or_else(String::new, |source| source.record.name.clone()),
        name: record.name.clone(),
        arrived: Millis(record.arrived_ms).to_string(),
        lines: record.lines.lines,
        accepted: record.lines.accepted,
        repeated: record.lines.repeated,
        skipped: record.lines.skipped.iter().map(|(_, lines)| lines).sum(),
        rejected: record.lines.rejected.iter().map(|(_, lines)| lines).sum(),
        state: state.to_owned(),
        behind_bytes: None,
    }
}

/// The receiving end of the queue.
pub(super) type Commands = Receiver<Command>;
