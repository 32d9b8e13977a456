//! A group of pushed bodies, or the new lines of a followed log: into the store in one commit, then into every answer.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::batch::Batch;
use super::behind::replace_apart;
use super::encoding::{self, Encoding};
use super::error::{EngineError, PushError};
use super::merging::BESIDE_FAN_IN;
use super::names::Numbered;
use super::overlay::{self, Loaded, ReadDays, Touched};
use super::readers::{NAMES_KEPT_MAX, Readers, SPARE_ROWS_MIN};
use super::segments;
use super::writer::Writer;
use crate::block::BodyRows;
use crate::model::{Day, DeliveryId, Receipt, RepoKey, RepoNumber, Row, SourceId};
use crate::rollup::{Applied, Foreign};
use crate::store::{
    self, CountersRecord, DayManifest, DeliveryRecord, EncodedSegment, ReadTxn, RepoSets, SegmentRecord, WriteTxn,
};

/// Rows whose encoding a thread of its own pays for.
pub(super) const BESIDE_MIN: usize = 4_096;

/// Days whose rows' memory is kept: most groups are of one, or of two around midnight.
const SPARE_MAX: usize = 2;

/// What the sender of a body is told.
pub(super) type Answer = Result<Receipt, PushError>;

/// What a group comes to before it is committed.
pub(super) struct Group {
    /// The names that its rows use, with numbers of repos that this group enters.
    names: Numbered,
    pub jobs: Vec<Planned>,
    pub deliveries: BTreeMap<DeliveryId, DeliveryRecord>,
    pub new_repos: Vec<(RepoNumber, RepoKey)>,
}

/// What becomes of one body of a group.
pub(super) enum Planned {
    Answered(Answer),
    /// Rows of the delivery, with their repos numbered.
    Rows {
        delivery: DeliveryId,
        batch: Batch,
        receipt: Receipt,
    },
}

impl Group {
    /// How many rows its bodies have.
    fn rows(&self) -> usize {
        let of_job = |job: &Planned| match job {
            Planned::Answered(_) => 0,
            Planned::Rows { batch, .. } => batch.rows().len(),
        };
        self.jobs.iter().map(of_job).sum()
    }

    /// Takes the rows of all bodies, in stored order and in the memory of `spare`; a body is known by its place among the jobs.
    /// Readers have the memory back.
    fn take_rows(&mut self, readers: &Readers, spare: &mut Vec<BodyRows>) -> BTreeMap<Day, BodyRows> {
        let mut days: BTreeMap<Day, Vec<(u32, &[Row])>> = BTreeMap::new();
        for (body, job) in (0..).zip(&mut self.jobs) {
            if let Planned::Rows { batch, .. } = job {
                batch.days_mut().for_each(|(day, rows)| days.entry(day).or_default().push((body, rows)));
            }
        }
        let words = self.names.words();
        let mut refilled = |stretches: &[(u32, &[Row])]| spare.pop().unwrap_or_default().refilled(stretches, words);
        let sorted = days.into_iter().map(|(day, stretches)| (day, refilled(&stretches))).collect();
        readers.take_back(self.jobs.iter_mut().filter_map(|job| match job {
            Planned::Answered(_) => None,
            Planned::Rows { batch, .. } => Some(std::mem::take(batch).into_rows()),
        }));
        sorted
    }
}

impl Writer {
    /// Begins a group. It takes along what is numbered, which is forgotten if the group is not committed.
    pub(super) fn begin_group(&mut self) -> Group {
        let names = std::mem::take(&mut self.numbered);
        Group { names, jobs: Vec::new(), deliveries: BTreeMap::new(), new_repos: Vec::new() }
    }

    /// Makes the rows of a batch rows of a delivery, with their repos numbered.
    pub(super) fn number_rows(
        &mut self,
        txn: &WriteTxn,
        counters: &mut CountersRecord,
        group: &mut Group,
        batch: &mut Batch,
        (source, delivery): (SourceId, DeliveryId),
    ) -> Result<(), EngineError> {
        group.names.follow(&batch.names);
        let mut new: Vec<&mut Row> = Vec::new();
        for row in batch.days_mut().flat_map(|(_, rows)| rows) {
            (row.source, row.delivery) = (source, delivery);
            match group.names.number(row.repo.0) {
                Some(number) => row.repo = number,
                None => new.push(row),
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let missing = group.names.missing(new.iter().map(|row| row.repo.0));
        let (repos, places): (Vec<Arc<RepoKey>>, Vec<u32>) = missing.into_iter().unzip();
        let numbers = self.number_repos(txn, counters, &repos, &mut group.new_repos)?;
        places.into_iter().zip(numbers).for_each(|(place, number)| group.names.set(place, number));
        new.into_iter().for_each(|row| group.names.number_row(row));
        Ok(())
    }

    /// Commits a group, counts it in the overlay and answers it. `before` is what was committed before.
    pub(super) fn commit_planned(
        &mut self,
        before: &ReadTxn,
        txn: WriteTxn,
        mut counters: CountersRecord,
        mut group: Group,
    ) -> Result<Vec<Answer>, EngineError> {
        if group.rows() >= SPARE_ROWS_MIN {
            self.rest_later();
        }
        let days = group.take_rows(&self.shared.readers, &mut self.spare);
        let renames = Arc::clone(&self.renames);
        let read = overlay::as_read(&days, &renames);
        let (loaded, segments) = self.read_and_encode(before, &group, &days, &read)?;
        let due = self.put_segments(&txn, &mut counters, segments)?;
        for (id, record) in &mut group.deliveries {
            self.settle_repeats(*id, record);
            store::put_delivery(&txn, *id, record)?;
        }
        store::put_counters(&txn, &counters)?;
        let sets = self.with_new_repos(&txn, &group.new_repos)?;
        txn.commit()?;
        group.new_repos.iter().for_each(|(number, repo)| self.remember(repo, *number));

        let applied = self.publish_group(&group, &read, &loaded, sets)?;
        let answers = self.answers(&mut group, &read, &applied)?;
        drop(read);
        self.keep_spare(days.into_values());
        if !group.names.is_full(NAMES_KEPT_MAX) {
            self.numbered = group.names;
        }
        self.shared.advance();
        self.merge_beside(due);
        Ok(answers)
    }

    /// Keeps the memory of rows for the next group, of as many days as groups usually have.
    fn keep_spare(&mut self, rows: impl Iterator<Item = BodyRows>) {
        self.spare.extend(rows);
        // The largest comes last, which is used first.
        self.spare.sort_unstable_by_key(BodyRows::capacity);
        self.spare.drain(..self.spare.len().saturating_sub(SPARE_MAX));
    }

    /// Reads what the overlay must hold before the group's rows can be counted in it, and encodes the rows as one segment a
    /// day: those of a large group on a thread beside too.
    fn read_and_encode(
        &mut self,
        before: &ReadTxn,
        group: &Group,
        days: &BTreeMap<Day, BodyRows>,
        read: &ReadDays<'_>,
    ) -> Result<(Vec<Loaded>, Vec<EncodedSegment>), EngineError> {
        let Writer { shared, encoder, encoder_beside, scratch, seen, .. } = self;
        let [scratch, scratch_beside] = scratch;
        let rows: usize = days.values().map(|rows| rows.rows().len()).sum();
        let blocks = Encoding::of(days, group.names.words());
        let mut read = || -> Result<Vec<Loaded>, EngineError> {
            let published = shared.published.read().map_err(|_| EngineError::Stopped)?;
            let missing = Touched::missing(read, &published.live);
            Ok(overlay::read_missing(before, &missing, &published.live, seen, &shared.counting())?)
        };
        if rows < shared.sizes.beside_min.load(Ordering::Acquire) {
            return Ok((read()?, encoding::segments(blocks.encode(encoder, scratch)?)));
        }
        std::thread::scope(|scope| {
            let beside = scope.spawn(|| blocks.encode(encoder_beside, scratch_beside));
            let (loaded, here) = (read(), blocks.encode(encoder, scratch));
            let mut encoded = beside.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            encoded.append(&mut here?);
            Ok((loaded?, encoding::segments(encoded)))
        })
    }

    /// Writes the group's segments; gives the large ones that are to be merged.
    fn put_segments(
        &mut self,
        txn: &WriteTxn,
        counters: &mut CountersRecord,
        segments: Vec<EncodedSegment>,
    ) -> Result<Vec<(Day, Vec<SegmentRecord>)>, EngineError> {
        self.put_merged(txn, counters)?;
        let (mut due, rows_max) = (Vec::new(), self.shared.sizes.merge_beside_min.load(Ordering::Acquire) as u64);
        for segment in segments {
            let day = segment.day;
            let mut manifest = store::manifest(txn, day)?;
            store::add_segment(&mut txn.open(store::Table::Blocks)?, &mut manifest, segment, counters.segment)?;
            counters.segment += 1;
            // Most groups merge nothing, and need not know what the day's view is of.
            let merges = |members: &Vec<_>| segments::is_small(members, rows_max) || members.len() >= BESIDE_FAN_IN;
            if segments::due(&manifest, |segment| segment.unpublished.is_none()).iter().any(merges) {
                let (encoder, next) = (&mut self.encoder, &mut counters.segment);
                let tidy = |manifest: &mut DayManifest| segments::tidy(txn, encoder, day, manifest, next, rows_max);
                let large = replace_apart(txn, day, &mut manifest, tidy)?;
                due.extend(large.into_iter().flatten().map(|members| (day, members)));
            }
            store::put_manifest(txn, day, &manifest)?;
        }
        Ok(due)
    }

    /// Counts the committed rows in the overlay; gives what came of each body.
    fn publish_group(
        &mut self,
        group: &Group,
        days: &ReadDays<'_>,
        loaded: &[Loaded],
        sets: Option<RepoSets>,
    ) -> Result<Vec<Applied>, EngineError> {
        let counting = self.shared.counting();
        let mut applied = vec![Applied::default(); group.jobs.len()];
        let texts = Foreign::new(group.names.words(), group.names.words_list());
        days.iter().for_each(|(day, rows)| self.seen.add(*day, rows.rows(), &counting));
        let mut published = self.shared.lock()?;
        overlay::load(&mut published.live, loaded, &counting);
        if let Some(sets) = sets {
            published.sets = sets;
        }
        for (day, rows) in days {
            published.live.apply(*day, rows, &texts, &counting, &mut applied);
        }
        Ok(applied)
    }

    /// The receipts of a group that is published.
    fn answers(&mut self, group: &mut Group, days: &ReadDays<'_>, applied: &[Applied]) -> Result<Vec<Answer>, EngineError> {
        let notes = if self.shared.default_public { Vec::new() } else { self.notes_of_private(days, applied.len())? };
        let mut notes = notes.into_iter();
        let mut answers = Vec::with_capacity(applied.len());
        for (job, applied) in group.jobs.drain(..).zip(applied) {
            let note = notes.next().flatten();
            answers.push(match job {
                Planned::Answered(answer) => answer,
                Planned::Rows { delivery, mut receipt, .. } => {
                    (receipt.accepted, receipt.repeated) = (applied.accepted, applied.repeated);
                    *self.repeats.entry(delivery).or_default() += applied.repeated;
                    receipt.notes.extend(note);
                    Ok(receipt)
                }
            });
        }
        Ok(answers)
    }

    /// What each body is to be told of its repos that are private only because nothing tells otherwise.
    fn notes_of_private(&self, days: &ReadDays<'_>, bodies: usize) -> Result<Vec<Option<String>>, EngineError> {
        let mut repos: Vec<Vec<RepoNumber>> = vec![Vec::new(); bodies];
        for (row, body) in days.values().flat_map(|rows| rows.with_bodies()) {
            if let Some(of_body) = repos.get_mut(body as usize).filter(|repos| repos.last() != Some(&row.repo)) {
                of_body.push(row.repo);
            }
        }
        let declared = self.shared.declared(&self.shared.store.read()?)?;
        let published = self.shared.published.read().map_err(|_| EngineError::Stopped)?;
        let note = |mut repos: Vec<RepoNumber>| {
            repos.sort_unstable();
            repos.dedup();
            published.note_of_private(repos.into_iter(), &declared)
        };
        Ok(repos.into_iter().map(note).collect())
    }
}
