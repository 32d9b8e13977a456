//! Breakdowns: downloads, or files, by one dimension.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{Datelike, Weekday};

use super::answers::Scope;
use super::facets::{FacetSums, Filter};
use super::{QueryError, View};
use crate::classify::{ClientClass, FileKind};
use crate::model::{Caller, DayRange, SourceId};
use crate::store;

/// What a breakdown tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    Country,
    Region,
    Library,
    Version,
    Class,
    /// Files by path. No view knows paths: this reads the events.
    File,
    /// Files by kind: weights, tokenizer, config, data, other.
    Kind,
    Weekday,
    Source,
}

impl Dimension {
    /// All dimensions with the words they are asked by.
    pub const ALL: [(&'static str, Dimension); 9] = [
        ("country", Dimension::Country),
        ("region", Dimension::Region),
        ("library", Dimension::Library),
        ("version", Dimension::Version),
        ("class", Dimension::Class),
        ("file", Dimension::File),
        ("kind", Dimension::Kind),
        ("weekday", Dimension::Weekday),
        ("source", Dimension::Source),
    ];

    /// The word it is asked by.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, dimension)| *dimension == self).map_or("", |(word, _)| word)
    }

    /// Whether files are counted, and not downloads.
    #[must_use]
    pub fn counts_files(self) -> bool {
        matches!(self, Dimension::Kind | Dimension::File)
    }
}

/// One line of a breakdown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BreakdownRow {
    /// What the line is about; `None` stands for "unknown".
    pub key: Option<String>,
    /// Of a region its country, of a version its library.
    pub of: Option<String>,
    /// Downloads, or files where the dimension counts those.
    pub count: u64,
}

/// A scope over a range by one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    pub by: Dimension,
    /// The largest first, then by key, "unknown" last among equals; weekdays from Monday on, zeros included.
    pub rows: Vec<BreakdownRow>,
    /// The sum of all rows.
    pub total: u64,
}

const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "monday"),
    (Weekday::Tue, "tuesday"),
    (Weekday::Wed, "wednesday"),
    (Weekday::Thu, "thursday"),
    (Weekday::Fri, "friday"),
    (Weekday::Sat, "saturday"),
    (Weekday::Sun, "sunday"),
];

impl View<'_> {
    /// A scope over a range by one dimension; `None` if the scope is missing or hidden. A filter chooses sessions; files
    /// by kind or path are always those of all sessions.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn breakdown(
        &self,
        scope: &Scope,
        range: DayRange,
        by: Dimension,
        filter: &Filter,
        caller: &Caller,
    ) -> Result<Option<Breakdown>, QueryError> {
        if by == Dimension::File {
            return self.files_by_path(scope, range, caller);
        }
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let sums = self.facets_of(&members, range, filter)?;
        let files =
            if by == Dimension::Kind { self.daily(&members, range)?.values().map(|counts| counts.files.0).sum() } else { 0 };
        Ok(Some(self.breakdown_of(&sums, by, files)?))
    }

    /// One breakdown of sums that were made once for several. `files` is the number of all files of the scope and range.
    ///
    /// # Errors
    /// When the store fails.
    pub fn breakdown_of(&self, sums: &FacetSums, by: Dimension, files: u64) -> Result<Breakdown, QueryError> {
        let mut counts: BTreeMap<(Option<String>, Option<String>), u64> = BTreeMap::new();
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let names: BTreeMap<SourceId, String> = match by {
            Dimension::Source => {
                store::read_sources(&self.txn)?.into_iter().map(|source| (source.id, source.record.name)).collect()
            }
            _ => BTreeMap::new(),
        };
        match by {
            Dimension::Country | Dimension::Region => {
                for (place, downloads) in sums.places() {
                    let country = place.country.letters().map(|letters| letters.map(char::from).iter().collect());
                    let key = if by == Dimension::Country { (country, None) } else { (known(&place.region), country) };
                    *counts.entry(key).or_default() += downloads.0;
                }
            }
            Dimension::Library | Dimension::Version | Dimension::Class | Dimension::Source => {
                for (client, downloads) in sums.clients() {
                    let key = match by {
                        Dimension::Version => (known(&client.version), known(&client.library)),
                        Dimension::Class => (
                            Some(ClientClass::of(&client.library))
                                .filter(|class| *class != ClientClass::Unknown)
                                .map(|class| class.word().to_owned()),
                            None,
                        ),
                        Dimension::Source => (names.get(&client.source).cloned(), None),
                        _ => (known(&client.library), None),
                    };
                    *counts.entry(key).or_default() += downloads.0;
                }
            }
            Dimension::Kind => {
                for (kind, of_kind) in FileKind::ALL.iter().zip(sums.kinds.0) {
                    counts.insert((Some(kind.word().to_owned()), None), of_kind.0);
                }
                counts.insert((None, None), files.saturating_sub(sums.files_of_known_kind().0));
            }
            Dimension::Weekday => return Ok(weekdays(sums)),
            // Sums know no paths.
            Dimension::File => {}
        }
        let total = counts.values().sum();
        let mut rows: Vec<BreakdownRow> = counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|((key, of), count)| BreakdownRow { key, of, count })
            .collect();
        rows.sort_by(|a, b| {
            let rank = |row: &BreakdownRow| (Reverse(row.count), row.key.is_none());
            rank(a).cmp(&rank(b)).then_with(|| (&a.key, &a.of).cmp(&(&b.key, &b.of)))
        });
        Ok(Breakdown { by, rows, total })
    }
}

fn weekdays(sums: &FacetSums) -> Breakdown {
    let count = |weekday: Weekday| -> u64 {
        let days = sums.days.iter().filter(|(day, _)| day.date().weekday() == weekday);
        days.map(|(_, counts)| counts.downloads().0).sum()
    };
    let row = |(weekday, word): (Weekday, &str)| BreakdownRow { key: Some(word.to_owned()), of: None, count: count(weekday) };
    let rows: Vec<BreakdownRow> = WEEKDAYS.into_iter().map(row).collect();
    Breakdown { by: Dimension::Weekday, total: rows.iter().map(|row| row.count).sum(), rows }
}
