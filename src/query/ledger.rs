//! What came in, as the ledger tells it: deliveries with the reasons of their lines, and numbers that changed afterwards.

use super::answers::{Interval, Scope};
use super::{QueryError, View};
use crate::model::{Caller, Day, DayRange, Downloads, Millis, RepoKey, RepoNumber};
use crate::store::{self, ContentRecord, DeliveryState};

/// Lines of one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub word: String,
    pub lines: u64,
}

/// A delivery with the fate of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub serial: u32,
    pub source: String,
    /// The name of the document; empty for pushes.
    pub name: String,
    /// Whether it is a document, and not the pushes of a day.
    pub document: bool,
    pub arrived: Millis,
    /// `complete`, `partial` or `retracted`.
    pub state: &'static str,
    pub lines: u64,
    pub accepted: u64,
    pub repeated: u64,
    pub skipped: Vec<Reason>,
    pub rejected: Vec<Reason>,
    /// The first rejected lines: their number and what is wrong with them.
    pub samples: Vec<(u64, String)>,
}

/// A closed day whose downloads a delivery or a retraction changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restated {
    pub at: Millis,
    /// The document; `None` for pushes and retractions.
    pub document: Option<u32>,
    pub day: Day,
    pub before: Downloads,
    pub after: Downloads,
    /// Repos whose downloads fell, with both numbers.
    pub fallen: Vec<(RepoKey, Downloads, Downloads)>,
}

impl View<'_> {
    /// All deliveries, the newest first. For those who may see everything: names of documents can tell of hidden repos.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn deliveries(&self) -> Result<Vec<Delivery>, QueryError> {
        let sources = store::read_sources(&self.txn)?;
        let name_of = |id: u16| sources.iter().find(|source| source.id.0 == id).map(|source| source.record.name.clone());
        let reasons = |counted: &[(String, u64)]| -> Vec<Reason> {
            counted.iter().map(|(word, lines)| Reason { word: word.clone(), lines: *lines }).collect()
        };
        let mut deliveries: Vec<Delivery> = store::list_deliveries(&self.txn)?
            .into_iter()
            .map(|(id, record)| Delivery {
                serial: id.serial(),
                source: name_of(record.source).unwrap_or_default(),
                name: record.name,
                document: !matches!(record.content, ContentRecord::Pushes { .. }),
                arrived: Millis(record.arrived_ms),
                state: match record.state {
                    DeliveryState::Partial => "partial",
                    DeliveryState::Complete => "complete",
                    DeliveryState::Retracted => "retracted",
                },
                lines: record.lines.lines,
                accepted: record.lines.accepted,
                repeated: record.lines.repeated,
                skipped: reasons(&record.lines.skipped),
                rejected: reasons(&record.lines.rejected),
                samples: record.lines.samples,
            })
            .collect();
        deliveries.sort_by_key(|delivery| std::cmp::Reverse((delivery.arrived, delivery.serial)));
        Ok(deliveries)
    }

    /// The last changes of closed days, the newest first. For those who may see everything.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn restated(&self, limit: usize) -> Result<Vec<Restated>, QueryError> {
        let records = store::list_restatements(&self.txn)?;
        let mut restated = Vec::new();
        for record in records.into_iter().rev().take(limit) {
            let mut fallen = Vec::new();
            for (repo, before, after) in record.fallen {
                fallen.push((self.key(RepoNumber(repo))?, Downloads(before), Downloads(after)));
            }
            let (before, after) = (Downloads(record.before), Downloads(record.after));
            let (at, day) = (Millis(record.at_ms), Day(record.day));
            restated.push(Restated { at, document: record.document, day, before, after, fallen });
        }
        Ok(restated)
    }

    /// Stretches of days without any download between the first counted day and today: perhaps nobody came, perhaps a log
    /// is missing.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn silent_days(&self, caller: &Caller) -> Result<Vec<DayRange>, QueryError> {
        let ever = DayRange { first: Millis::EARLIEST.day(), last: self.today };
        let days = self.series(&Scope::Hub, ever, Interval::Day, false, caller)?.unwrap_or_default();
        let mut silent: Vec<DayRange> = Vec::new();
        for row in days.iter().skip_while(|row| row.counts.is_zero()).filter(|row| row.counts.is_zero()) {
            match silent.last_mut() {
                Some(range) if range.last.next() == row.day => range.last = row.day,
                _ => silent.push(DayRange { first: row.day, last: row.day }),
            }
        }
        Ok(silent)
    }
}
