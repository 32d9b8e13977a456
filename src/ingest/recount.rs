//! Counts a stretch of days anew while answers and pushes go on: what a rebuild does to all days at once.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use super::error::EngineError;
use super::publish::Publishing;
use super::writer::Writer;
use crate::model::{Day, DayRange};
use crate::store::{self, Read};

/// Rows that are counted anew before others have their turn.
const STRETCH_ROWS: u64 = 1_000_000;

/// What counting a stretch anew came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recounted {
    pub days: u64,
    pub rows: u64,
    /// Days whose sums were others before.
    pub changed_days: u64,
    /// Where to go on, and how many days are left from there.
    pub next: Option<Day>,
    pub days_left: u64,
}

impl Engine {
    /// Counts the first days of a range anew, as many as keep others from their turn for moments only. At every moment
    /// answers are those of whole days.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub fn recount(&self, range: DayRange) -> Result<Recounted, EngineError> {
        self.write(move |writer| writer.recount(range))
    }
}

impl Writer {
    fn recount(&mut self, range: DayRange) -> Result<Recounted, EngineError> {
        let before = self.shared.store.read()?;
        let mut rows_of: BTreeMap<Day, u64> = store::days_with_view(&before, range)?.into_iter().map(|day| (day, 0)).collect();
        for (day, manifest) in store::manifests(&before)? {
            rows_of.insert(day, manifest.segments.iter().map(|segment| segment.rows).sum());
        }
        rows_of.retain(|day, _| range.contains(*day));
        let mut recounted = Recounted::default();
        let mut days = BTreeSet::new();
        while let Some((day, rows)) = rows_of.pop_first() {
            days.insert(day);
            recounted.rows += rows;
            if recounted.rows >= STRETCH_ROWS {
                break;
            }
        }
        recounted.days = days.len() as u64;
        recounted.next = rows_of.first_key_value().map(|(day, _)| *day);
        recounted.days_left = rows_of.len() as u64;
        let sums = |txn: &store::ReadTxn| days.iter().map(|day| sums_of(txn, *day)).collect::<Result<Vec<_>, _>>();
        let known = sums(&before)?;
        drop(before);
        self.publish_days(days.clone(), Publishing::Pushes, |_, _, _| Ok(()))?;
        let counted = sums(&self.shared.store.read()?)?;
        recounted.changed_days = known.iter().zip(&counted).filter(|(known, counted)| known != counted).count() as u64;
        Ok(recounted)
    }
}

/// The sums of a day's view: authenticated and anonymous downloads, and files.
fn sums_of(txn: &impl Read, day: Day) -> Result<Option<(u64, u64, u64)>, store::StoreError> {
    Ok(store::day_view(txn, day)?.map(|view| (view.authenticated, view.anonymous, view.files)))
}
