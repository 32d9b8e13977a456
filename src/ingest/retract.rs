//! Takes deliveries back: the numbers are as if they had never come.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::engine::{DeliveryInfo, delivery_info};
use super::error::EngineError;
use super::publish::Publishing;
use super::segments;
use super::writer::Writer;
use crate::model::{Day, DeliveryId, RepoNumber, Row, SourceId};
use crate::store::{self, ContentRecord, DayManifest, DeliveryState, SegmentRecord};

impl Writer {
    /// Takes a delivery back.
    pub(super) fn retract(&mut self, serial: u32, forget_formats: bool) -> Result<DeliveryInfo, EngineError> {
        self.note_repeats()?;
        let txn = self.shared.store.write()?;
        let ids = [DeliveryId::document(serial), DeliveryId::pushes(serial)];
        let mut found = None;
        for id in ids {
            if let Some(record) = store::get_delivery(&txn, id)? {
                found = Some((id, record));
            }
        }
        let Some((id, mut record)) = found else {
            return Err(EngineError::Refused(format!("there is no delivery {serial}: 'hubtally deliveries' lists them")));
        };
        if let ContentRecord::Reported(_) = record.content {
            return self.retract_reported(txn, id, record);
        }
        let days = self.remove_rows(&txn, id)?;
        record.state = DeliveryState::Retracted;
        store::put_delivery(&txn, id, &record)?;
        if let ContentRecord::Pushes { .. } = record.content {
            self.forget_pushes(id);
        }
        let recount = forget_formats && self.forget_formats(&txn, SourceId(record.source))?;
        txn.commit()?;
        if recount {
            self.rebuild(Publishing::Pushes)?;
        } else {
            self.publish_days(days, Publishing::Pushes, |_, _, _| Ok(()))?;
        }
        Ok(delivery_info(id, &record, &self.sources))
    }

    /// Leaves a source the formats of the deliveries it still has; says whether all must be counted anew.
    fn forget_formats(&mut self, txn: &store::WriteTxn, source: SourceId) -> Result<bool, EngineError> {
        let mut formats = 0;
        for (_, record) in store::list_deliveries(txn)? {
            if record.source == source.0 && record.state != DeliveryState::Retracted {
                formats |= match record.content {
                    ContentRecord::Document(document) => 1 << document.format,
                    ContentRecord::Pushes { formats, .. } => formats,
                    ContentRecord::Reported(_) => 0,
                };
            }
        }
        let Some(entry) = self.sources.iter_mut().find(|entry| entry.id == source) else { return Ok(false) };
        let before = entry.settings();
        if entry.record.formats == formats {
            return Ok(false);
        }
        entry.record.formats = formats;
        store::put_source(txn, entry)?;
        let changed = entry.settings() != before;
        self.refresh_settings();
        Ok(changed)
    }

    /// Removes a delivery's rows from all segments; gives the days that had some.
    fn remove_rows(&mut self, txn: &store::WriteTxn, id: DeliveryId) -> Result<BTreeSet<Day>, EngineError> {
        let mut counters = store::counters(txn)?;
        let mut days = BTreeSet::new();
        for (day, mut manifest) in store::manifests(txn)? {
            let touched = |segment: &SegmentRecord| segment.deliveries.contains(&id.0);
            if !manifest.segments.iter().any(touched) {
                continue;
            }
            self.remove_rows_of_day(txn, day, &mut manifest, &mut counters.segment, touched, |row| row.delivery != id)?;
            store::put_manifest(txn, day, &manifest)?;
            days.insert(day);
        }
        store::put_counters(txn, &counters)?;
        Ok(days)
    }

    /// Writes those segments of a day that are `touched` anew, with the rows that `keep` keeps.
    pub(super) fn remove_rows_of_day(
        &mut self,
        txn: &store::WriteTxn,
        day: Day,
        manifest: &mut DayManifest,
        next_segment: &mut u64,
        touched: impl Fn(&SegmentRecord) -> bool,
        keep: impl Fn(&Row) -> bool,
    ) -> Result<Removed, EngineError> {
        let touched: Vec<_> = manifest.segments.iter().filter(|segment| touched(segment)).cloned().collect();
        let removed = RefCell::new(Removed::default());
        for segment in &touched {
            let members = std::slice::from_ref(segment);
            let rest = segments::merge(txn, &mut self.encoder, day, members, |row| {
                let keeps = keep(row);
                if !keeps {
                    removed.borrow_mut().add(row);
                }
                keeps
            })?;
            let rest = rest.map(|mut rest| {
                rest.record.unpublished = segment.unpublished;
                rest
            });
            segments::replace(txn, manifest, day, members, rest, next_segment)?;
        }
        Ok(removed.into_inner())
    }
}

/// What was removed of a day.
#[derive(Default)]
pub(super) struct Removed {
    pub events: u64,
    pub repos: BTreeSet<RepoNumber>,
}

impl Removed {
    fn add(&mut self, row: &Row) {
        self.events += u64::from(row.count);
        self.repos.insert(row.repo);
    }
}
