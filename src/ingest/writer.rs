//! The one writer: takes commands in order, commits pushes in groups, publishes before it acknowledges.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::sync::{Arc, RwLockWriteGuard};

use super::DeliveryInfo;
use super::batch::{Batch, add_to_record, receipt_of};
use super::commit::{Answer, Group, Planned};
use super::engine::{Commands, Shared, delivery_info};
use super::error::{EngineError, PushError};
use super::merging::Merging;
use super::names::Numbered;
use super::publish::Publishing;
use super::published::Published;
use super::readers::LARGE_BYTES;
use super::recovery::Trouble;
use super::seen::Seen;
use crate::block::{BodyRows, Encoder};
use crate::model::{Day, DeliveryId, Receipt, Renames, RepoKey, RepoNumber, Row, SourceId, SourceName};
use crate::rollup::Live;
use crate::store::{
    self, BodyRecord, ContentRecord, CountersRecord, DeliveryRecord, DeliveryState, LinesRecord, SourceEntry, StoreError,
    WriteTxn,
};

/// Rows of one group commit after which no further body comes to it, and bodies at most.
pub(super) const GROUP_ROWS_MAX: usize = 1 << 16;
const GROUP_JOBS_MAX: usize = 1_024;

/// Rows the overlay may hold before they are folded into the views.
pub(super) const LIVE_ROWS_MAX: usize = 250_000;

/// The same of repos and their days: each takes some 2 KB, which is more than its rows do where it has few.
pub(super) const LIVE_REPO_DAYS_MAX: usize = 60_000;

/// So often the writer looks for a command after a large body, or many rows, before it gives their memory back: a fifth of a
/// second if none comes, in which those push the next body who push one after the other.
const LOOKS_BEFORE_REST: u32 = 10;

/// What the writer is asked to do.
pub enum Command {
    Push(Box<PushJob>),
    Task(Box<dyn FnOnce(&mut Writer) + Send>),
    Stop,
}

/// A pushed body that was read and waits to be committed.
pub struct PushJob {
    pub source: SourceName,
    pub batch: Batch,
    /// A bit for each format its lines were in.
    pub formats: u32,
    pub body_hash: u128,
    pub idempotency_key: Option<String>,
    pub bytes: usize,
    pub reply: Sender<Result<Receipt, PushError>>,
}

impl PushJob {
    /// Whether it uses the same names, as the bodies of one group must: names began anew at some time.
    fn has_names_of(&self, other: &PushJob) -> bool {
        Arc::ptr_eq(&self.batch.names, &other.batch.names)
    }
}

/// The writer's state; all of it can be read from the store again.
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) encoder: Encoder,
    /// That of the thread beside.
    pub(super) encoder_beside: Encoder,
    /// Memory for the rows of a block, of both threads that encode, while more are to come.
    pub(super) scratch: [Vec<Row>; 2],
    pub(super) sources: Vec<SourceEntry>,
    pub(super) names: HashMap<RepoKey, RepoNumber>,
    /// What is committed of the names that readers use.
    pub(super) numbered: Numbered,
    pub(super) renames: Arc<Renames>,
    pushes: HashMap<(SourceId, Day), DeliveryId>,
    /// Events of pushes that turned out to be repeated, to be noted with the delivery's next commit.
    pub(super) repeats: BTreeMap<DeliveryId, u64>,
    pub(super) seen: Seen,
    pub(super) merging: Merging,
    /// Set while the overlay is folded, and from a failure on until its days were counted as a whole.
    pub(super) fold_failed: bool,
    /// Memory of the rows of the last group, while more are to come.
    pub(super) spare: Vec<BodyRows>,
    /// How many looks for a command are left before that memory is given back, and that of readers.
    looks_left: u32,
    /// Set while the store is broken.
    pub(super) trouble: Option<Trouble>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>) -> Result<Writer, StoreError> {
        Ok(Writer {
            shared,
            encoder: Encoder::new()?,
            encoder_beside: Encoder::new()?,
            scratch: Default::default(),
            sources: Vec::new(),
            names: HashMap::new(),
            numbered: Numbered::default(),
            renames: Arc::default(),
            pushes: HashMap::new(),
            repeats: BTreeMap::new(),
            seen: Seen::default(),
            merging: Merging::Nothing,
            fold_failed: false,
            spare: Vec::new(),
            looks_left: 0,
            trouble: None,
        })
    }

    /// Reads the writer's state from the store and brings the views up to date.
    pub fn start(&mut self) -> Result<(), EngineError> {
        let txn = self.shared.store.read()?;
        self.sources = store::read_sources(&txn)?;
        self.renames = Arc::new(store::renames(&txn)?);
        self.lock()?.reported = store::reported_repos(&txn)?;
        self.names.clear();
        self.numbered = Numbered::default();
        self.repeats.clear();
        self.seen.clear();
        self.pushes = store::list_deliveries(&txn)?
            .into_iter()
            .filter_map(|(id, record)| match record.content {
                ContentRecord::Pushes { day, .. } if record.state != DeliveryState::Retracted => {
                    Some(((SourceId(record.source), Day(day)), id))
                }
                _ => None,
            })
            .collect();
        self.refresh_forgotten(&txn)?;
        drop(txn);
        self.refresh_settings();
        self.catch_up()
    }

    /// Takes commands until it is told to stop.
    pub fn run(&mut self, commands: &Commands) {
        let mut waiting = None;
        loop {
            let Some(command) = waiting.take().or_else(|| self.next_or_rest(commands)) else { break };
            match command {
                Command::Stop => break,
                Command::Task(task) => task(self),
                Command::Push(first) => {
                    let mut jobs = vec![*first];
                    let mut rows = jobs.iter().map(|job| job.batch.rows().len()).sum::<usize>();
                    while rows < GROUP_ROWS_MAX && jobs.len() < GROUP_JOBS_MAX {
                        match commands.try_recv() {
                            Ok(Command::Push(job)) if jobs.first().is_some_and(|first| first.has_names_of(&job)) => {
                                rows += job.batch.rows().len();
                                jobs.push(*job);
                            }
                            Ok(other) => {
                                waiting = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.push_all(jobs);
                }
            }
        }
        drop(self.attempt(Writer::note_repeats));
        self.end_merging();
    }

    /// Puts off when memory is given back: more is to come.
    pub(super) fn rest_later(&mut self) {
        self.looks_left = LOOKS_BEFORE_REST;
    }

    /// The next command. When nothing large has come for a while, no memory is held for more of it.
    fn next_or_rest(&mut self, commands: &Commands) -> Option<Command> {
        while self.looks_left > 0 && self.trouble.is_none() {
            let found = self.wait_a_moment(commands);
            self.looks_left -= 1;
            if self.looks_left == 0 {
                self.shared.readers.rest();
                (self.spare, self.scratch) = Default::default();
            }
            match found {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.next_while_merging(commands)
    }

    pub(super) fn lock(&self) -> Result<RwLockWriteGuard<'_, Published>, EngineError> {
        self.shared.lock()
    }

    /// Commits and publishes a group of pushed bodies, and answers each.
    fn push_all(&mut self, mut jobs: Vec<PushJob>) {
        if jobs.iter().any(|job| job.bytes >= LARGE_BYTES) {
            self.rest_later();
        }
        let outcome = self.attempt(|writer| writer.commit_group(&mut jobs));
        let bytes: usize = jobs.iter().map(|job| job.bytes).sum();
        self.shared.queue_bytes.fetch_sub(bytes, Ordering::AcqRel);
        // A sender that hung up gets its answer when it retries.
        match outcome {
            Ok(answers) => {
                for (job, answer) in jobs.iter().zip(answers) {
                    drop(job.reply.send(answer));
                }
            }
            Err(error) => jobs.iter().for_each(|job| drop(job.reply.send(Err(error.clone().into())))),
        }
        if self.is_overlay_full() {
            drop(self.attempt(Writer::fold_overlay));
        }
    }

    /// Whether it is time to fold the overlay into the views.
    pub(super) fn is_overlay_full(&self) -> bool {
        let rows_max = self.shared.overlay_rows_max.load(Ordering::Acquire);
        let full = |live: &Live| live.rows() > rows_max || live.repo_days() > LIVE_REPO_DAYS_MAX;
        self.shared.published.read().is_ok_and(|published| full(&published.live))
    }

    /// Folds the overlay into the views; its days as a whole where it may not be what was committed.
    pub(super) fn fold_overlay(&mut self) -> Result<(), EngineError> {
        let doubtful = self.shared.published.read().map_err(|_| EngineError::Stopped)?.doubtful;
        let publishing = if doubtful { Publishing::Pushes } else { Publishing::Overlay };
        self.fold_failed = true;
        self.publish_days(BTreeSet::new(), publishing, |_, _, _| Ok(()))?;
        self.fold_failed = false;
        Ok(())
    }

    /// Commits pushed bodies, whose batches it takes, and publishes them.
    fn commit_group(&mut self, jobs: &mut [PushJob]) -> Result<Vec<Answer>, EngineError> {
        for job in &*jobs {
            self.admit_formats(&job.source, job.formats)?;
        }
        let before = self.shared.store.read()?;
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let group = self.plan(&txn, &mut counters, jobs)?;
        self.commit_planned(&before, txn, counters, group)
    }

    /// Reads every body as rows of its delivery, or answers it from what is known.
    fn plan(&mut self, txn: &WriteTxn, counters: &mut CountersRecord, jobs: &mut [PushJob]) -> Result<Group, EngineError> {
        let mut group = self.begin_group();
        let forgotten = self.shared.forgotten();
        for job in jobs {
            let (source, _) = self.register(txn, &job.source, job.formats, |_| {})?;
            if let Some(answer) = known_body(txn, source, job)? {
                group.jobs.push(Planned::Answered(answer));
                continue;
            }
            let mut batch = std::mem::take(&mut job.batch);
            batch.forget(&forgotten);
            let delivery = self.pushes_of_today(txn, counters, source, &mut group.deliveries)?;
            if let Some(ContentRecord::Pushes { formats, .. }) =
                group.deliveries.get_mut(&delivery).map(|record| &mut record.content)
            {
                *formats |= job.formats;
            }
            let mut lines = LinesRecord::default();
            add_to_record(&mut lines, &batch.lines);
            if let Some(record) = group.deliveries.get_mut(&delivery) {
                add_to_record(&mut record.lines, &batch.lines);
            }
            if let Some(key) = &job.idempotency_key {
                let record = BodyRecord { body_hash: job.body_hash, delivery: delivery.0, lines: lines.clone() };
                store::put_body(txn, source, key, &record)?;
            }
            self.number_rows(txn, counters, &mut group, &mut batch, (source, delivery))?;
            let receipt = receipt_of(&delivery.serial().to_string(), &lines);
            group.jobs.push(Planned::Rows { delivery, batch, receipt });
        }
        Ok(group)
    }

    /// The delivery that a source's pushes of today belong to.
    fn pushes_of_today(
        &mut self,
        txn: &WriteTxn,
        counters: &mut CountersRecord,
        source: SourceId,
        open: &mut BTreeMap<DeliveryId, DeliveryRecord>,
    ) -> Result<DeliveryId, StoreError> {
        let now = self.shared.now();
        let id = *self.pushes.entry((source, now.day())).or_insert_with(|| {
            counters.delivery += 1;
            DeliveryId::pushes(counters.delivery)
        });
        if let std::collections::btree_map::Entry::Vacant(place) = open.entry(id) {
            let record = store::get_delivery(txn, id)?.unwrap_or_else(|| DeliveryRecord {
                source: source.0,
                name: format!("pushes of {}", now.day()),
                arrived_ms: now.0,
                state: DeliveryState::Complete,
                lines: LinesRecord::default(),
                content: ContentRecord::Pushes { day: now.day().0, formats: 0 },
            });
            place.insert(record);
        }
        Ok(id)
    }

    /// Moves events that turned out to be repeated from accepted to repeated.
    pub(super) fn settle_repeats(&mut self, id: DeliveryId, record: &mut DeliveryRecord) {
        let repeats = self.repeats.remove(&id).unwrap_or(0).min(record.lines.accepted);
        record.lines.accepted -= repeats;
        record.lines.repeated += repeats;
    }

    /// Writes down the repeats that no later commit has noted.
    pub(super) fn note_repeats(&mut self) -> Result<(), EngineError> {
        if self.repeats.values().all(|repeats| *repeats == 0) {
            return Ok(());
        }
        let txn = self.shared.store.write()?;
        let ids: Vec<DeliveryId> = self.repeats.keys().copied().collect();
        for id in ids {
            if let Some(mut record) = store::get_delivery(&txn, id)? {
                self.settle_repeats(id, &mut record);
                store::put_delivery(&txn, id, &record)?;
            }
        }
        Ok(txn.commit()?)
    }

    /// Lets the next push of that day begin a new delivery.
    pub(super) fn forget_pushes(&mut self, id: DeliveryId) {
        self.pushes.retain(|_, of_day| *of_day != id);
        self.repeats.remove(&id);
    }

    /// Lists all deliveries.
    pub(super) fn deliveries(&mut self) -> Result<Vec<DeliveryInfo>, EngineError> {
        self.note_repeats()?;
        let txn = self.shared.store.read()?;
        let deliveries = store::list_deliveries(&txn)?;
        Ok(deliveries.into_iter().map(|(id, record)| delivery_info(id, &record, &self.sources)).collect())
    }
}

/// The answer to a body whose idempotency key came before.
fn known_body(txn: &WriteTxn, source: SourceId, job: &PushJob) -> Result<Option<Answer>, StoreError> {
    let Some(key) = &job.idempotency_key else { return Ok(None) };
    let Some(known) = store::get_body(txn, source, key)? else { return Ok(None) };
    let delivery = store::get_delivery(txn, DeliveryId(known.delivery))?;
    if delivery.is_some_and(|delivery| delivery.state == DeliveryState::Retracted) {
        return Ok(None);
    }
    if known.body_hash != job.body_hash {
        return Ok(Some(Err(PushError::KeyReused)));
    }
    let mut receipt = receipt_of(&DeliveryId(known.delivery).serial().to_string(), &known.lines);
    receipt.repeated += std::mem::take(&mut receipt.accepted);
    Ok(Some(Ok(receipt)))
}
