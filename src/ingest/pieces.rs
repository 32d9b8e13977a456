//! Pieces of documents into the store: numbered, committed with the ledger's note of how far they reach, published.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::batch::{Lines, add_to_record};
use super::error::EngineError;
use super::publish::Publishing;
use super::writer::Writer;
use crate::model::{Day, DeliveryId, RepoKey, RepoNumber, SourceId, Who};
use crate::store::{
    self, CheckpointRecord, ContentRecord, DeliveryRecord, DeliveryState, DocumentRecord, EncodedSegment, FileRecord, LinesRecord,
};

/// A piece of a document that is ready to be committed.
pub(super) struct Piece {
    pub segments: Vec<EncodedSegment>,
    pub lines: Lines,
    /// The people whose events were dropped from it.
    pub forgotten: Arc<BTreeSet<Who>>,
    /// Where the document ended in the ledger when this piece was read; `None` if it was not there.
    pub after: Option<CheckpointRecord>,
    pub document: DocumentRecord,
}

/// Makes sure that nobody else added to a document since it was read up to `after`, and that it was not taken back.
pub(super) fn check_place(
    id: DeliveryId,
    known: Option<&DeliveryRecord>,
    after: Option<CheckpointRecord>,
) -> Result<(), EngineError> {
    let Some(known) = known else {
        return if after.is_none() { Ok(()) } else { Err(EngineError::Moved { delivery: id.serial().to_string() }) };
    };
    if known.state == DeliveryState::Retracted {
        return Err(EngineError::Refused(format!("delivery {} was retracted while it came in", id.serial())));
    }
    match &known.content {
        ContentRecord::Document(document) | ContentRecord::Reported(document)
            if document.checkpoints.last().copied() == after =>
        {
            Ok(())
        }
        _ => Err(EngineError::Moved { delivery: id.serial().to_string() }),
    }
}

impl Writer {
    pub(super) fn number_document(&mut self) -> Result<DeliveryId, EngineError> {
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        counters.delivery += 1;
        store::put_counters(&txn, &counters)?;
        txn.commit()?;
        Ok(DeliveryId::document(counters.delivery))
    }

    pub(super) fn enter_repos(&mut self, repos: &[Arc<RepoKey>]) -> Result<Vec<RepoNumber>, EngineError> {
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let mut new = Vec::new();
        let numbers = self.number_repos(&txn, &mut counters, repos, &mut new)?;
        if new.is_empty() {
            return Ok(numbers);
        }
        store::put_counters(&txn, &counters)?;
        let sets = self.with_new_repos(&txn, &new)?;
        self.shared.commit(txn, |published| {
            if let Some(sets) = sets {
                published.sets = sets;
            }
        })?;
        Ok(numbers)
    }

    /// What the ledger says of a document, new or known, with more of its lines.
    pub(super) fn grown(
        &self,
        known: Option<DeliveryRecord>,
        (source, name): (SourceId, String),
        lines: &Lines,
        document: DocumentRecord,
    ) -> DeliveryRecord {
        let mut record = known.unwrap_or_else(|| DeliveryRecord {
            source: source.0,
            name,
            arrived_ms: self.shared.now().0,
            state: DeliveryState::Partial,
            lines: LinesRecord::default(),
            content: ContentRecord::Document(DocumentRecord::default()),
        });
        add_to_record(&mut record.lines, lines);
        record.state = DeliveryState::Partial;
        record.content = ContentRecord::Document(document);
        record
    }

    /// Commits a piece: its blocks and the ledger's note of how far the document is in, in one transaction. Gives what became
    /// of its lines.
    pub(super) fn commit_piece(
        &mut self,
        id: DeliveryId,
        (source, name): (SourceId, String),
        mut piece: Piece,
    ) -> Result<Lines, EngineError> {
        let forgotten = self.shared.forgotten();
        let is_stale = piece.forgotten != forgotten;
        let txn = self.shared.store.write()?;
        let known = store::get_delivery(&txn, id)?;
        check_place(id, known.as_ref(), piece.after)?;
        let mut counters = store::counters(&txn)?;
        for segment in piece.segments {
            let mut manifest = store::manifest(&txn, segment.day)?;
            let day = segment.day;
            store::add_segment(&mut txn.open(store::Table::Blocks)?, &mut manifest, segment, counters.segment)?;
            counters.segment += 1;
            if is_stale {
                // Somebody was forgotten after the piece was made and before it came here.
                let fresh = counters.segment - 1;
                let removed = self.remove_rows_of_day(
                    &txn,
                    day,
                    &mut manifest,
                    &mut counters.segment,
                    |segment| segment.id == fresh,
                    |row| !forgotten.contains(&row.who),
                )?;
                piece.lines.forget(removed.events);
            }
            store::put_manifest(&txn, day, &manifest)?;
        }
        let record = self.grown(known, (source, name), &piece.lines, piece.document);
        store::put_delivery(&txn, id, &record)?;
        store::put_counters(&txn, &counters)?;
        txn.commit()?;
        Ok(piece.lines)
    }

    /// Publishes the committed pieces of a document; gives how many of their events are new.
    pub(super) fn publish_document(&mut self, id: DeliveryId, days: BTreeSet<Day>, events: u64) -> Result<u64, EngineError> {
        let applied = self.publish_days(days, Publishing::Document(id), |_, txn, applied| {
            if let Some(mut record) = store::get_delivery(txn, id)? {
                let repeated = events.saturating_sub(applied.accepted).min(record.lines.accepted);
                record.lines.accepted -= repeated;
                record.lines.repeated += repeated;
                store::put_delivery(txn, id, &record)?;
            }
            Ok(())
        })?;
        Ok(applied.accepted)
    }

    /// Notes that a document is in to its end, and the file it was read from if that will not be read again.
    pub(super) fn complete_document(&mut self, id: DeliveryId, file: Option<FileRecord>) -> Result<(), EngineError> {
        let txn = self.shared.store.write()?;
        let Some(mut record) = store::get_delivery(&txn, id)? else { return Ok(()) };
        let before = record.clone();
        if record.state == DeliveryState::Partial {
            record.state = DeliveryState::Complete;
        }
        if let (ContentRecord::Document(document), Some(_)) = (&mut record.content, file) {
            document.file = file;
        }
        if record != before {
            store::put_delivery(&txn, id, &record)?;
            txn.commit()?;
        }
        Ok(())
    }
}
