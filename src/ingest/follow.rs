//! Follows logs as a server writes them: through rotation by renaming, copying and truncating, compression and restarts.
//!
//! One thread per log. It holds the file open, so that a renamed one is read to its end; what was rotated while nobody
//! looked is found in the folder and recognised by its content. Where it is read to is in the store, together with its
//! lines, and nowhere else: whatever is forgotten or done twice, every line counts once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::engine::Engine;
use super::error::EngineError;
use super::followed::{Followed, Step};
use super::import::ImportOptions;
use super::rotated::{Rotated, file_record, rotated_files};
use crate::model::{DeliveryId, Format, SourceName};
use crate::store::{self, ContentRecord, FileRecord, StoreError};

/// A round of looking at all files; all other times are counted in rounds.
const ROUND: Duration = Duration::from_millis(250);

/// A rotated file is taken in if it looks the same after so many rounds.
const LOOK_ROUNDS: u32 = 4;

/// The folder is searched for rotated files at least so often.
const SEARCH_ROUNDS: u32 = 120;

/// A file that was rotated away is let go once nobody has written to it for so long.
const SILENT_ROUNDS: u32 = 240;

/// A failure is told after so many rounds, and is a matter of the server's health after so many more.
const TOLD_ROUNDS: u32 = 4;
const STUCK_ROUNDS: u32 = 240;

/// Rotated files that are held open at once.
const OLD_FILES_MAX: usize = 8;

/// A log to follow.
#[derive(Clone)]
pub struct FollowOptions {
    pub file: PathBuf,
    pub source: SourceName,
    /// `None` recognises the format from the first lines.
    pub format: Option<Format>,
    /// Takes sentences for the operator.
    pub say: Arc<dyn Fn(&str) + Send + Sync>,
}

/// How a followed log stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Following {
    pub file: String,
    pub source: String,
    /// `following`, `waiting` for the file or its first lines, or `failing`.
    pub state: &'static str,
    /// Bytes of it, and of those it was rotated into, that are there and not in the store.
    pub behind_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    #[serde(skip)]
    failing_rounds: u32,
    #[serde(skip)]
    documents: Vec<(DeliveryId, u64)>,
}

impl Following {
    /// Whether it has failed for so long that somebody should look after it.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.failing_rounds >= STUCK_ROUNDS
    }
}

/// The threads that follow logs.
#[derive(Default)]
pub(super) struct Tails {
    stopping: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Tails {
    /// Ends them once what they have read is committed.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.iter().for_each(|thread| thread.thread().unpark());
        for thread in threads {
            // The last owner of the engine may be one of them.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl Engine {
    /// Follows a log until the engine stops.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn follow(self: &Arc<Engine>, options: FollowOptions) -> Result<(), EngineError> {
        let mut following = self.shared.following.lock().unwrap_or_else(PoisonError::into_inner);
        let number = following.len();
        following.push(Following {
            file: options.file.display().to_string(),
            source: options.source.to_string(),
            state: "waiting",
            behind_bytes: 0,
            problem: None,
            failing_rounds: 0,
            documents: Vec::new(),
        });
        drop(following);
        let tailer = Tailer::new(Arc::clone(self), options, number);
        let thread = std::thread::Builder::new().name("tail".to_owned()).spawn(move || tailer.run()).map_err(StoreError::from)?;
        self.tails.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// How the followed logs stand.
    #[must_use]
    pub fn following(&self) -> Vec<Following> {
        self.shared.following.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The documents that are followed, with how many bytes of each are not in yet.
    pub(super) fn followed_documents(&self) -> BTreeMap<DeliveryId, u64> {
        self.following().into_iter().flat_map(|following| following.documents).collect()
    }

    /// The files that known documents were read from to their ends.
    fn files_read(&self, source: &SourceName) -> Result<HashSet<FileRecord>, EngineError> {
        let txn = self.shared.store.read()?;
        let source = store::read_sources(&txn)?.into_iter().find(|entry| entry.record.name == source.as_str());
        let Some(source) = source else { return Ok(HashSet::new()) };
        let deliveries = store::list_deliveries(&txn)?.into_iter().filter(|(_, record)| record.source == source.id.0);
        let file = |content: &ContentRecord| match content {
            ContentRecord::Document(document) => document.file,
            ContentRecord::Pushes { .. } | ContentRecord::Reported(_) => None,
        };
        Ok(deliveries.filter_map(|(_, record)| file(&record.content)).collect())
    }
}

/// Follows one log.
struct Tailer {
    engine: Arc<Engine>,
    options: FollowOptions,
    import: ImportOptions,
    /// Its place in the list of followed logs.
    number: usize,
    /// The file under the log's name.
    current: Option<Followed>,
    /// Files that were rotated away and may still be written to, oldest first.
    old: Vec<Followed>,
    /// Rotated files that need not be looked at again.
    done: HashSet<FileRecord>,
    /// Rotated files as they looked at the last search.
    looks: HashMap<PathBuf, FileRecord>,
    /// Rotated files to be taken in, the next one last.
    waiting: Vec<Rotated>,
    rounds_to_search: u32,
    failing_rounds: u32,
    /// The last sentence that was said.
    said: Option<String>,
}

impl Tailer {
    fn new(engine: Arc<Engine>, options: FollowOptions, number: usize) -> Tailer {
        let name = options.file.file_name().unwrap_or(options.file.as_os_str()).to_string_lossy().into_owned();
        let (source, format) = (options.source.clone(), options.format);
        let import =
            ImportOptions { source, name, format, redirects: None, head_redirect: None, knows_users: None, as_new: false };
        Tailer {
            engine,
            options,
            import,
            number,
            current: None,
            old: Vec::new(),
            done: HashSet::new(),
            looks: HashMap::new(),
            waiting: Vec::new(),
            rounds_to_search: 0,
            failing_rounds: 0,
            said: None,
        }
    }

    fn stopping(&self) -> bool {
        self.engine.tails.stopping.load(Ordering::Acquire)
    }

    fn run(mut self) {
        while !self.stopping() {
            let outcome = self.round();
            let failed = outcome.is_err();
            if !failed {
                self.failing_rounds = 0;
            }
            match outcome {
                Err(EngineError::Stopped) => break,
                // Somebody else added to a document: where it ends now is found at the next round.
                Err(EngineError::Moved { .. }) => self.forget_places(),
                Err(_) if self.stopping() => break,
                Ok(true) => {
                    self.report(None);
                    continue;
                }
                Ok(false) => self.report(None),
                Err(error) => self.report(Some(error.to_string())),
            }
            // Nobody waits for the answer of a failing disk or folder, so it is not asked all the time.
            let rounds = if failed && self.failing_rounds > TOLD_ROUNDS { LOOK_ROUNDS } else { 1 };
            if failed {
                self.failing_rounds = self.failing_rounds.saturating_add(rounds);
            }
            std::thread::park_timeout(ROUND * rounds);
            self.rounds_to_search = self.rounds_to_search.saturating_sub(rounds);
            self.old.iter_mut().for_each(|followed| followed.silent_rounds += rounds);
        }
        let tidied = self.engine.shared.following.lock();
        if let Some(following) = tidied.unwrap_or_else(PoisonError::into_inner).get_mut(self.number) {
            following.documents.clear();
        }
    }

    fn forget_places(&mut self) {
        self.old.iter_mut().chain(self.current.as_mut()).for_each(Followed::forget_place);
    }

    /// Looks at all files once; says whether there may be more to read at once.
    fn round(&mut self) -> Result<bool, EngineError> {
        let mut first_failure = Ok(());
        let mut more = false;
        let mut note = |outcome: Result<bool, EngineError>| match outcome {
            Ok(has_more) => more |= has_more,
            Err(error) if first_failure.is_ok() => first_failure = Err(error),
            Err(_) => {}
        };
        note(self.read_old_files());
        note(self.look_at_name().map(|()| false));
        note(self.read_current());
        note(self.search());
        note(self.take_in_next());
        first_failure.map(|()| more)
    }

    /// Reads what was written late to files that were rotated away, and lets go of those that are silent.
    fn read_old_files(&mut self) -> Result<bool, EngineError> {
        let mut more = false;
        let (mut at, mut failure) = (0, Ok(()));
        while at < self.old.len() {
            let others = self.other_documents(self.old.get(at).map(|followed| followed.id));
            let too_many = self.old.len() - at > OLD_FILES_MAX;
            let successor_is_written = self.current.as_ref().is_some_and(|current| !current.is_empty());
            let Some(followed) = self.old.get_mut(at) else { break };
            let outcome = followed.step(&self.engine, &self.import, &others);
            let silent = followed.silent_rounds >= SILENT_ROUNDS && (successor_is_written || followed.is_removed());
            let over = match outcome {
                Ok(Step::Read) => {
                    more = true;
                    false
                }
                Ok(Step::Idle) if silent || too_many => match followed.finish(&self.engine, &self.import) {
                    // What cannot be understood is told once, when it is found as a rotated file.
                    Ok(()) | Err(EngineError::Refused(_)) => true,
                    Err(error) => {
                        failure = Err(error);
                        too_many
                    }
                },
                Ok(Step::Idle) => false,
                Ok(Step::Truncated) => true,
                Err(EngineError::Refused(_)) if followed.unknown_format => true,
                Err(error) => {
                    failure = Err(error);
                    too_many
                }
            };
            if over {
                self.old.remove(at);
                self.rounds_to_search = 0;
            } else {
                at += 1;
            }
        }
        failure.map(|()| more)
    }

    /// Opens the file under the log's name if it is another one than before.
    fn look_at_name(&mut self) -> Result<(), EngineError> {
        let shown = self.options.file.display().to_string();
        let refused = |error: &io::Error| {
            EngineError::Refused(format!("{shown} cannot be followed: {error}; let the user that runs hubtally read it"))
        };
        let metadata = match fs::metadata(&self.options.file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(refused(&error)),
        };
        if self.current.as_ref().is_some_and(|current| current.id == (metadata.dev(), metadata.ino())) {
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(EngineError::Refused(format!(
                "{shown} is no regular file and cannot be followed: let the server write its log to one (in nginx's container \
                 the log is a link to standard output)"
            )));
        }
        let file = match File::open(&self.options.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(refused(&error)),
        };
        let metadata = file.metadata().map_err(|error| refused(&error))?;
        // Between the two looks the name may have come to stand for a third file; what is open counts.
        if self.current.as_ref().is_some_and(|current| current.id == (metadata.dev(), metadata.ino())) {
            return Ok(());
        }
        let opened = Followed::new(file, &metadata, &self.engine.tails.stopping);
        self.old.extend(self.current.replace(opened));
        self.rounds_to_search = 0;
        Ok(())
    }

    fn read_current(&mut self) -> Result<bool, EngineError> {
        let others = self.other_documents(self.current.as_ref().map(|current| current.id));
        let Some(current) = &mut self.current else { return Ok(false) };
        match current.step(&self.engine, &self.import, &others)? {
            Step::Idle => Ok(false),
            Step::Read => Ok(true),
            Step::Truncated => {
                current.begin_anew();
                self.rounds_to_search = 0;
                Ok(true)
            }
        }
    }

    /// Documents that other open files write to.
    fn other_documents(&self, id: Option<(u64, u64)>) -> BTreeSet<DeliveryId> {
        let own = self.old.iter().chain(&self.current).filter(|followed| Some(followed.id) != id);
        let own: Vec<DeliveryId> = own.filter_map(Followed::delivery).collect();
        let following = self.engine.following().into_iter().zip(0..).filter(|(_, number)| *number != self.number);
        following.flat_map(|(following, _)| following.documents).map(|(id, _)| id).chain(own).collect()
    }

    /// Looks for rotated files that are not in yet and have stopped changing. A server may still write to one that was
    /// just renamed, and one that is being copied is no document yet.
    fn search(&mut self) -> Result<bool, EngineError> {
        if self.rounds_to_search > 0 {
            return Ok(false);
        }
        self.rounds_to_search = SEARCH_ROUNDS;
        let folder = |error: io::Error| {
            EngineError::Refused(format!("the folder of {} cannot be searched: {error}", self.options.file.display()))
        };
        let mut files = match rotated_files(&self.options.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            files => files.map_err(folder)?,
        };
        let open: BTreeSet<(u64, u64)> = self.old.iter().chain(&self.current).map(|followed| followed.id).collect();
        files.retain(|rotated| !open.contains(&(rotated.file.device, rotated.file.inode)) && !self.done.contains(&rotated.file));
        if files.is_empty() {
            return Ok(false);
        }
        let read = self.engine.files_read(&self.options.source)?;
        let (read, files): (Vec<Rotated>, Vec<Rotated>) = files.into_iter().partition(|rotated| read.contains(&rotated.file));
        self.done.extend(read.into_iter().map(|rotated| rotated.file));
        let looks: HashMap<PathBuf, FileRecord> = files.iter().map(|rotated| (rotated.path.clone(), rotated.file)).collect();
        self.waiting = files.into_iter().filter(|rotated| self.looks.get(&rotated.path) == Some(&rotated.file)).collect();
        self.waiting.reverse();
        if self.waiting.len() < looks.len() {
            self.rounds_to_search = LOOK_ROUNDS;
        }
        self.looks = looks;
        Ok(!self.waiting.is_empty())
    }

    /// Takes in one rotated file.
    fn take_in_next(&mut self) -> Result<bool, EngineError> {
        let Some(rotated) = self.waiting.pop() else { return Ok(false) };
        let file = match File::open(&rotated.path) {
            Ok(file) => file,
            // It was renamed since the folder was searched.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.rounds_to_search = 0;
                return Ok(true);
            }
            Err(error) => return Err(EngineError::Refused(format!("{} cannot be read: {error}", rotated.path.display()))),
        };
        if !file.metadata().is_ok_and(|metadata| file_record(&metadata) == rotated.file) {
            self.rounds_to_search = 0;
            return Ok(true);
        }
        let name = rotated.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut options = ImportOptions { name, ..self.import.clone() };
        let mut outcome = self.import_rotated(&file, rotated.file, &options);
        if outcome.as_ref().is_err_and(EngineError::is_changed_document) {
            options.as_new = true;
            outcome = self.import_rotated(&file, rotated.file, &options);
        }
        match outcome {
            Ok(()) => {
                self.done.insert(rotated.file);
                Ok(true)
            }
            // It says why; another look at the same bytes would not change that.
            Err(EngineError::Refused(why)) if !self.stopping() => {
                self.done.insert(rotated.file);
                (self.options.say)(&format!("{}: {why}", rotated.path.display()));
                Ok(true)
            }
            Err(error) => {
                self.rounds_to_search = LOOK_ROUNDS;
                Err(error)
            }
        }
    }

    fn import_rotated(&self, file: &File, record: FileRecord, options: &ImportOptions) -> Result<(), EngineError> {
        let unreadable = |error: io::Error| EngineError::Refused(format!("it cannot be read: {error}"));
        let followed = Followed::new(
            file.try_clone().map_err(unreadable)?,
            &file.metadata().map_err(unreadable)?,
            &self.engine.tails.stopping,
        );
        self.engine.import_file(followed.all(), options, Some(record), &|_| {}).map(drop)
    }

    /// Tells how the log stands, and the operator what is wrong once it has been so for a second.
    fn report(&mut self, problem: Option<String>) {
        let open = || self.old.iter().chain(&self.current);
        let retracted = self.current.as_ref().and_then(|current| current.retracted).map(|id| {
            format!(
                "{} is delivery {}, which was retracted: its lines do not count, those after the next rotation do; to count \
                 them all the same import it with --as-new",
                self.options.file.display(),
                id.serial()
            )
        });
        let state = match (&problem, open().any(|followed| followed.delivery().is_some())) {
            (Some(_), _) => "failing",
            (None, true) => "following",
            (None, false) => "waiting",
        };
        let documents = open().filter_map(|followed| followed.delivery().map(|id| (id, followed.behind_bytes()))).collect();
        let behind_bytes =
            open().map(Followed::behind_bytes).sum::<u64>() + self.waiting.iter().map(|r| r.file.bytes).sum::<u64>();
        let told = problem.clone().filter(|_| self.failing_rounds >= TOLD_ROUNDS).or_else(|| retracted.clone());
        let missing = (self.current.is_none() && problem.is_none())
            .then(|| format!("{} is not there yet: waiting for it", self.options.file.display()));
        let told = told.or_else(|| missing.clone());
        if let Some(sentence) = &told
            && self.said.as_ref() != Some(sentence)
        {
            (self.options.say)(sentence);
            self.said.clone_from(&told);
        } else if problem.is_none() && told.is_none() && self.said.take().is_some() {
            (self.options.say)(&format!("{} is followed", self.options.file.display()));
        }
        let mut all = self.engine.shared.following.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(following) = all.get_mut(self.number) {
            (following.state, following.behind_bytes, following.documents) = (state, behind_bytes, documents);
            following.problem = problem.or(retracted).or(missing);
            following.failing_rounds = self.failing_rounds;
        }
    }
}
