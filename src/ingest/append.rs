//! New lines of a followed log into the store: committed with the place they reach to, and in every answer at once.

use super::batch::{Batch, receipt_of};
use super::commit::Planned;
use super::error::EngineError;
use super::pieces::check_place;
use super::writer::Writer;
use crate::model::{DeliveryId, Format, SourceId};
use crate::store::{self, CheckpointRecord, DocumentRecord};

/// Lines that came after those that are in.
pub(super) struct Appended {
    pub source: SourceId,
    /// What people call the document.
    pub name: String,
    /// `None` makes a new document.
    pub delivery: Option<DeliveryId>,
    /// Where the document ended in the ledger when these lines were read.
    pub after: Option<CheckpointRecord>,
    pub batch: Batch,
    /// How the document is recognised with these lines.
    pub document: DocumentRecord,
}

impl Writer {
    /// Commits lines with the place they reach to in one transaction, and counts them in the overlay; gives the document's
    /// number.
    pub(super) fn append(&mut self, appended: Appended) -> Result<DeliveryId, EngineError> {
        let Appended { source, name, delivery, after, mut batch, document } = appended;
        batch.forget(&self.shared.forgotten());
        let before = self.shared.store.read()?;
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let id = delivery.unwrap_or_else(|| {
            counters.delivery += 1;
            DeliveryId::document(counters.delivery)
        });
        let known = store::get_delivery(&txn, id)?;
        check_place(id, known.as_ref(), after)?;
        if known.is_none() && !self.has_format(source, document.format) {
            // A retraction has made the source forget a format of which no delivery told yet.
            return Err(EngineError::Moved { delivery: id.serial().to_string() });
        }
        let record = self.grown(known, (source, name), &batch.lines, document);

        let mut group = self.begin_group();
        self.number_rows(&txn, &mut counters, &mut group, &mut batch, (source, id))?;
        let receipt = receipt_of(&id.serial().to_string(), &record.lines);
        group.deliveries.insert(id, record);
        group.jobs.push(Planned::Rows { delivery: id, batch, receipt });
        self.commit_planned(&before, txn, counters, group)?;
        if self.is_overlay_full() {
            self.fold_overlay()?;
        }
        Ok(id)
    }

    fn has_format(&self, source: SourceId, format: u8) -> bool {
        debug_assert!(usize::from(format) < Format::ALL.len());
        self.sources.iter().any(|entry| entry.id == source && entry.record.formats & (1 << format) != 0)
    }
}
