//! Daily figures of another system -> the store: read whole, committed at once with the ledger's note of the document.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{Cursor, Read};
use std::rc::Rc;

use super::batch::{Lines, add_to_record, receipt_of};
use super::document::{Known, Recognised, Trail, recognise};
use super::engine::{DeliveryInfo, Engine, GivenSettings, delivery_info};
use super::error::EngineError;
use super::import::{ImportOptions, retracted, unreadable};
use super::pieces::check_place;
use super::writer::Writer;
use crate::model::{Day, DeliveryId, Downloads, Receipt, RejectReason, RepoKey, RepoNumber, SourceId};
use crate::parse::{
    BreakdownEntries, BreakdownLine, BreakdownListError, BreakdownParser, ChunkReader, ENTRY_BYTES_MAX, Observed,
    for_entry_lines, is_blank,
};
use crate::store::{
    self, CheckpointRecord, ContentRecord, DeliveryRecord, DeliveryState, DocumentRecord, FileRecord, LinesRecord, ReportedRecord,
};

/// Days and repos of one breakdown, since it is held in memory until it is in.
const DAYS_MAX: u64 = 20_000_000;
const REPOS_MAX: usize = 500_000;

/// What a breakdown says of one repo.
#[derive(Debug, Default)]
struct Told {
    total: Downloads,
    days: BTreeMap<Day, Downloads>,
}

impl Told {
    /// Of two lines of one day the larger figure stands: which came first says nothing.
    fn join(&mut self, total: Downloads, day: Day, downloads: Downloads) -> bool {
        self.total = self.total.max(total);
        match self.days.entry(day) {
            Entry::Vacant(place) => {
                place.insert(downloads);
                true
            }
            Entry::Occupied(mut known) => {
                let grows = *known.get() < downloads;
                *known.get_mut() = downloads.max(*known.get());
                grows
            }
        }
    }

    fn with(mut self, record: &ReportedRecord) -> ReportedRecord {
        for (day, downloads) in &record.days {
            self.join(Downloads(record.total), Day(*day), Downloads(*downloads));
        }
        ReportedRecord { total: self.total.0, days: self.days.iter().map(|(day, downloads)| (day.0, downloads.0)).collect() }
    }
}

/// A document, or the rest of one, that was read.
struct Reading {
    source: SourceId,
    name: String,
    /// What it goes on from.
    delivery: Option<DeliveryId>,
    after: Option<CheckpointRecord>,
    document: DocumentRecord,
    told: BTreeMap<RepoKey, Told>,
    days: u64,
    lines: Lines,
    repeated: u64,
}

impl Engine {
    /// Imports a breakdown; `lines_read` hears how many lines there were so far.
    pub(super) fn import_reported(
        &self,
        mut stream: impl Read,
        parser: &BreakdownParser,
        options: &ImportOptions,
        file: Option<FileRecord>,
        lines_read: impl Fn(u64),
    ) -> Result<Receipt, EngineError> {
        let name = options.source.clone();
        let source = self.write(move |writer| writer.configure_source(&name, None, GivenSettings::default()))?;
        let known = if options.as_new { Vec::new() } else { self.known_breakdowns(source)? };
        let mut reading = Reading {
            source,
            name: options.name.clone(),
            delivery: None,
            after: None,
            document: DocumentRecord { terminated: true, ..DocumentRecord::default() },
            told: BTreeMap::new(),
            days: 0,
            lines: Lines::default(),
            repeated: 0,
        };
        let mut before = LinesRecord::default();
        let recognised = recognise(&mut stream, known).map_err(|error| unreadable(options, &error))?;
        let (replay, trail) = match recognised {
            Recognised::New { read } => (read, Trail::default()),
            Recognised::Changed { id, bytes } => {
                return Err(EngineError::Changed { delivery: id.serial().to_string(), bytes });
            }
            Recognised::Known { id, document, trail, read } => {
                let record = store::get_delivery(&self.shared.store.read()?, id)?;
                let record = record.filter(|record| record.state != DeliveryState::Retracted);
                before = record.ok_or_else(|| retracted(options, id))?.lines;
                reading.delivery = Some(id);
                reading.after = document.checkpoints.last().copied();
                reading.document = document;
                (read, *trail)
            }
        };
        reading.read(Cursor::new(replay).chain(stream), trail, parser, options, lines_read)?;
        reading.document.file = file.or(reading.document.file);
        let mut record = LinesRecord { accepted: 0, repeated: before.repeated + before.accepted, ..before };
        reading.add_lines(&mut record);
        let (id, repos) = self.write(move |writer| writer.commit_reported(reading))?;
        let mut receipt = receipt_of(&id.serial().to_string(), &record);
        if !self.shared.default_public
            && let Ok((published, txn)) = self.published()
        {
            let declared = self.declared(&txn)?;
            receipt.notes.extend(published.note_of_private(repos.into_iter(), &declared));
        }
        Ok(receipt)
    }

    /// The breakdowns of a source that came in before.
    fn known_breakdowns(&self, source: SourceId) -> Result<Vec<Known>, EngineError> {
        let deliveries = store::list_deliveries(&self.shared.store.read()?)?.into_iter();
        let known = |(id, record): (DeliveryId, DeliveryRecord)| match record.content {
            ContentRecord::Reported(document) if record.source == source.0 => {
                Some(Known { id, document, retracted: record.state == DeliveryState::Retracted })
            }
            _ => None,
        };
        Ok(deliveries.filter_map(known).collect())
    }
}

impl Reading {
    /// Reads to the end. Nothing is committed before that, so a stream that fails leaves nothing behind.
    fn read(
        &mut self,
        reader: impl Read,
        trail: Trail,
        parser: &BreakdownParser,
        options: &ImportOptions,
        lines_read: impl Fn(u64),
    ) -> Result<(), EngineError> {
        let trail = Rc::new(RefCell::new(trail));
        let observer = Rc::clone(&trail);
        let observed = Observed::new(reader, move |bytes: &[u8]| observer.borrow_mut().observe(bytes));
        let (offset, line) = (self.document.bytes, self.document.lines + 1);
        let parser = match parser {
            BreakdownParser::Table(parser) => parser,
            BreakdownParser::List => {
                let entries = BreakdownEntries::starting_at(observed, offset, line);
                return self.read_list(entries, &trail, options, lines_read);
            }
        };
        for chunk in ChunkReader::starting_at(observed, offset, line) {
            let chunk = chunk.map_err(|error| {
                EngineError::Refused(format!("{}, and nothing of it was kept: import it again", unreadable(options, &error)))
            })?;
            chunk.overlong.iter().for_each(|line| self.lines.reject(*line, RejectReason::TooLong));
            for (number, line) in chunk.lines().filter(|(_, line)| !is_blank(line) && !parser.is_header(line)) {
                match parser.parse(line) {
                    Ok(line) => self.add(line),
                    Err(reason) => self.lines.reject(number, reason),
                }
            }
            self.check_size(options)?;
            self.document.bytes = chunk.end_offset;
            self.document.lines = chunk.next_line - 1;
            self.document.terminated = chunk.terminated;
            self.document.checkpoints = trail.borrow_mut().checkpoints_at(chunk.end_offset);
            lines_read(self.lines.lines);
        }
        Ok(())
    }

    /// Reads a list in JSON to its end; each of its records counts as a line.
    fn read_list(
        &mut self,
        mut entries: BreakdownEntries<impl Read>,
        trail: &RefCell<Trail>,
        options: &ImportOptions,
        lines_read: impl Fn(u64),
    ) -> Result<(), EngineError> {
        while let Some(entry) = entries.next_entry().map_err(|error| no_list(options, &error))? {
            let mut place = 0_u64;
            let read = entry.text.as_ref().map_err(|reason| *reason).and_then(|text| {
                for_entry_lines(text, |record| {
                    place += 1;
                    match record {
                        Ok(line) => self.add(line),
                        Err(reason) => self.lines.reject_as(entry.line, reason, || {
                            format!("entry {}, record {place}: {}", entry.number, reason.sentence())
                        }),
                    }
                })
            });
            match read {
                Ok(()) => {}
                Err(RejectReason::TooLong) => self.lines.reject_as(entry.line, RejectReason::TooLong, || {
                    let mib = ENTRY_BYTES_MAX / 1024 / 1024;
                    format!("entry {}: it is longer than {mib} MiB; write its records as several entries", entry.number)
                }),
                Err(reason) => {
                    self.lines.reject_as(entry.line, reason, || format!("entry {}: {}", entry.number, reason.sentence()));
                }
            }
            self.check_size(options)?;
            lines_read(self.lines.lines);
        }
        self.document.bytes = entries.offset();
        self.document.lines = entries.line() - 1;
        self.document.checkpoints = trail.borrow_mut().checkpoints_at(entries.offset());
        Ok(())
    }

    fn add(&mut self, line: BreakdownLine) {
        self.lines.lines += 1;
        self.lines.events += 1;
        let told = self.told.entry(line.repo).or_default();
        let days = told.days.len();
        self.repeated += u64::from(!told.join(line.total, line.day, line.downloads));
        self.days += (told.days.len() - days) as u64;
    }

    fn check_size(&self, options: &ImportOptions) -> Result<(), EngineError> {
        if self.days <= DAYS_MAX && self.told.len() <= REPOS_MAX {
            return Ok(());
        }
        Err(EngineError::Refused(format!(
            "{} has more than {DAYS_MAX} days or {REPOS_MAX} repositories: import it in parts, such as one file per \
             organization; nothing of it was kept",
            options.name
        )))
    }

    /// Adds what became of the lines.
    fn add_lines(&self, record: &mut LinesRecord) {
        add_to_record(record, &self.lines);
        record.accepted -= self.repeated;
        record.repeated += self.repeated;
    }
}

fn no_list(options: &ImportOptions, error: &BreakdownListError) -> EngineError {
    let sentence = match error {
        BreakdownListError::Unreadable(error) => {
            format!("{}, and nothing of it was kept: import it again", unreadable(options, error))
        }
        _ => format!("{} cannot be read: {error}; nothing of it was kept: import it again, whole", options.name),
    };
    EngineError::Refused(sentence)
}

impl Writer {
    /// Commits a breakdown with its entry in the ledger and publishes it; gives its number and its repos.
    fn commit_reported(&mut self, reading: Reading) -> Result<(DeliveryId, Vec<RepoNumber>), EngineError> {
        let txn = self.shared.store.write()?;
        let mut counters = store::counters(&txn)?;
        let id = reading.delivery.unwrap_or_else(|| {
            counters.delivery += 1;
            DeliveryId::document(counters.delivery)
        });
        let known = store::get_delivery(&txn, id)?;
        check_place(id, known.as_ref(), reading.after)?;
        let mut record = known.unwrap_or_else(|| DeliveryRecord {
            source: reading.source.0,
            name: reading.name.clone(),
            arrived_ms: self.shared.now().0,
            state: DeliveryState::Complete,
            lines: LinesRecord::default(),
            content: ContentRecord::Reported(DocumentRecord::default()),
        });
        reading.add_lines(&mut record.lines);
        record.content = ContentRecord::Reported(reading.document);

        let keys: Vec<RepoKey> = reading.told.keys().cloned().collect();
        let mut new = Vec::new();
        let numbers = self.number_repos(&txn, &mut counters, &keys, &mut new)?;
        for (number, told) in numbers.iter().zip(reading.told.into_values()) {
            let before = store::read_reported(&txn, *number, id)?.unwrap_or_default();
            store::put_reported(&txn, *number, id, &told.with(&before))?;
        }
        store::put_delivery(&txn, id, &record)?;
        store::put_counters(&txn, &counters)?;
        let sets = self.with_new_repos(&txn, &new)?;
        let reported = store::reported_repos(&txn)?;
        self.shared.commit(txn, |published| {
            if let Some(sets) = sets {
                published.sets = sets;
            }
            published.reported = reported;
        })?;
        self.shared.advance();
        Ok((id, numbers))
    }

    /// Takes a breakdown back.
    pub(super) fn retract_reported(
        &mut self,
        txn: store::WriteTxn,
        id: DeliveryId,
        mut record: DeliveryRecord,
    ) -> Result<DeliveryInfo, EngineError> {
        store::remove_reported(&txn, id)?;
        record.state = DeliveryState::Retracted;
        store::put_delivery(&txn, id, &record)?;
        let reported = store::reported_repos(&txn)?;
        self.shared.commit(txn, |published| published.reported = reported)?;
        self.shared.advance();
        Ok(delivery_info(id, &record, &self.sources))
    }
}
