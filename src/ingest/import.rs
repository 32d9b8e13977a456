//! A document -> the store: read, cut, parsed on all cores, committed piece by piece, published at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::{Batch, BatchBuilder, Lines, Memo, add_to_record, receipt_of};
use super::document::{Known, Recognised, Trail, recognise};
use super::engine::{Engine, GivenSettings};
use super::error::EngineError;
use super::grouping::group_all;
use super::names::Numbered;
use super::pieces::Piece;
use super::spare::Spare;
use super::stages::{EncodeSpace, Parsed, Unsorted, cutter, encode_days, parse_all};
use crate::model::{Day, DeliveryId, Format, HeadRedirect, Receipt, Redirects, RejectReason, RepoKey, Row, SourceId, SourceName};
use crate::parse::{BreakdownParser, DecodeLimits, Decoded, LINE_BYTES_MAX, LineParser, is_blank};
use crate::rollup::RepoSet;
use crate::store::{self, CheckpointRecord, ContentRecord, DeliveryState, DocumentRecord, FileRecord, LinesRecord};

/// Rows after which a long import publishes what it has.
const PUBLISH_ROWS: u64 = 30_000_000;

/// Lines that are looked at for one that tells the format.
pub(super) const HEAD_LINES: usize = 16;
const HEAD_READ_BYTES: usize = 16 << 10;

/// Chunks that wait between two stages.
const STAGE_QUEUE: usize = 4;

/// How to import a document.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub source: SourceName,
    /// What people call it; plays no part in recognising it.
    pub name: String,
    /// `None` recognises the format from the first line.
    pub format: Option<Format>,
    pub redirects: Option<Redirects>,
    pub head_redirect: Option<HeadRedirect>,
    pub knows_users: Option<bool>,
    /// Takes the document for a new one without looking whether it is known.
    pub as_new: bool,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub rows: u64,
    /// Bytes of the input as it is stored, compressed or not.
    pub bytes_read: u64,
}

/// Counts the bytes of the input as they are read.
struct Counted<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Engine {
    /// Imports a document: a file or stream, compressed or not, new, known or grown.
    ///
    /// # Errors
    /// When it cannot be read or stored. What was committed before is kept, and importing it again completes it.
    pub fn import(
        &self,
        input: Box<dyn Read + Send>,
        options: &ImportOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Receipt, EngineError> {
        let _one_at_a_time = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        self.import_file(input, options, None, progress)
    }

    /// Imports a document as [`Engine::import`] does, but beside other imports: if two of them meet in one document, one of
    /// them ends with [`EngineError::Moved`]. `file` is what the document is known by once it is in.
    pub(super) fn import_file(
        &self,
        input: Box<dyn Read + Send>,
        options: &ImportOptions,
        file: Option<FileRecord>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Receipt, EngineError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let input = Counted { reader: input, bytes: Arc::clone(&bytes_read) };
        let mut decoded = Decoded::new(input, DecodeLimits::default()).map_err(|error| unreadable(options, &error))?;
        let head = Head::read(&mut decoded).map_err(|error| unreadable(options, &error))?;
        if let Some(parser) = head.breakdown(options) {
            let told = |rows| progress(Progress { rows, bytes_read: bytes_read.load(Ordering::Relaxed) });
            return self.import_reported(Cursor::new(head.bytes).chain(decoded), &parser, options, file, told);
        }
        let Some(parser) = head.parser(options)? else { return Ok(Receipt::default()) };
        let source = self.register_source(options, parser.format())?;
        let mut stream = Cursor::new(head.bytes).chain(decoded);

        let known = if options.as_new { Vec::new() } else { self.known_documents(source)? };
        let mut import = Import::new(self, options, source, parser, bytes_read);
        let recognised = recognise(&mut stream, known).map_err(|error| unreadable(options, &error))?;
        let (replay, trail) = match recognised {
            Recognised::New { read } => (read, Trail::default()),
            Recognised::Changed { id, bytes } => {
                return Err(EngineError::Changed { delivery: id.serial().to_string(), bytes });
            }
            Recognised::Known { id, document, trail, read } => {
                import.resume(id, document)?;
                (read, *trail)
            }
        };
        let outcome = import.run(Cursor::new(replay).chain(stream), trail, progress);
        import.finish(outcome, file)
    }

    /// Enters the source; everything is counted anew right away if its settings change, before the import adds to it.
    pub(super) fn register_source(&self, options: &ImportOptions, format: Format) -> Result<SourceId, EngineError> {
        let name = options.source.clone();
        let ImportOptions { redirects, head_redirect, knows_users, .. } = *options;
        let given = GivenSettings { redirects, head_redirect, knows_users };
        self.write(move |writer| writer.configure_source(&name, Some(format), given))
    }

    /// The documents of a source that came in before.
    pub(super) fn known_documents(&self, source: SourceId) -> Result<Vec<Known>, EngineError> {
        let txn = self.shared.store.read()?;
        let deliveries = store::list_deliveries(&txn)?.into_iter();
        Ok(deliveries
            .filter(|(_, record)| record.source == source.0)
            .filter_map(|(id, record)| match record.content {
                ContentRecord::Document(document) => {
                    Some(Known { id, document, retracted: record.state == DeliveryState::Retracted })
                }
                ContentRecord::Pushes { .. } | ContentRecord::Reported(_) => None,
            })
            .collect())
    }
}

pub(super) fn unreadable(options: &ImportOptions, error: &io::Error) -> EngineError {
    EngineError::Refused(format!("{} cannot be read: {error}", options.name))
}

/// A document that was taken back does not come in by itself again.
pub(super) fn retracted(options: &ImportOptions, id: DeliveryId) -> EngineError {
    EngineError::Refused(format!(
        "{} is delivery {}, which was retracted: to count it again import it with --as-new",
        options.name,
        id.serial()
    ))
}

/// The beginning of a document, as far as it takes to recognise its format.
pub(super) struct Head {
    bytes: Vec<u8>,
    /// Whether the document goes on after `bytes`.
    goes_on: bool,
}

impl Head {
    /// Reads some lines.
    pub(super) fn read(reader: &mut impl Read) -> io::Result<Head> {
        let mut head = Head { bytes: Vec::new(), goes_on: true };
        while head.goes_on && head.bytes.len() <= LINE_BYTES_MAX && head.lines().count() < HEAD_LINES {
            let at = head.bytes.len();
            head.bytes.resize(at + HEAD_READ_BYTES, 0);
            let read = match reader.read(head.bytes.get_mut(at..).unwrap_or_default()) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            };
            head.goes_on = read > 0;
            head.bytes.truncate(at + read);
        }
        Ok(head)
    }

    /// The whole lines that are not blank.
    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let whole = |line: &&[u8]| !is_blank(line) && (line.ends_with(b"\n") || !self.goes_on || line.len() > LINE_BYTES_MAX);
        let lines = self.bytes.split_inclusive(|byte| *byte == b'\n').filter(whole);
        lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line)).take(HEAD_LINES)
    }

    /// How many lines there are to tell the format, at most [`HEAD_LINES`].
    pub(super) fn whole_lines(&self) -> usize {
        self.lines().count()
    }

    /// The parser of a breakdown, if the first line that tells anything is the header of one. It holds no requests, so it
    /// is none where a format was named.
    fn breakdown(&self, options: &ImportOptions) -> Option<BreakdownParser> {
        let tells = |line: &&[u8]| LineParser::detect(line).is_some() || BreakdownParser::from_header(line).is_some();
        let first = self.lines().find(tells).filter(|_| options.format.is_none());
        first.and_then(BreakdownParser::from_header)
    }

    /// The parser of the document: of the format that was named, else of the first line that tells one. Broken lines may
    /// stand before it. `None` if there is nothing but blank lines.
    pub(super) fn parser(&self, options: &ImportOptions) -> Result<Option<LineParser>, EngineError> {
        let Some(first) = self.lines().next() else { return Ok(None) };
        if let Some(format) = options.format {
            let parser = LineParser::for_format(format, first).map_err(EngineError::Refused)?;
            return Ok(Some(parser));
        }
        if let Some(found) = self.lines().find_map(LineParser::detect) {
            return Ok(Some(found));
        }
        let formats: Vec<&str> = Format::ALL.iter().map(|format| format.word()).collect();
        Err(EngineError::Refused(format!(
            "the format of {} cannot be told from its first lines: name it with --format, one of {}",
            options.name,
            formats.join(", ")
        )))
    }
}

/// One import under way.
struct Import<'e> {
    engine: &'e Engine,
    options: &'e ImportOptions,
    source: SourceId,
    parser: LineParser,
    bytes_read: Arc<AtomicU64>,
    delivery: Option<DeliveryId>,
    document: DocumentRecord,
    /// Where the document ends in the ledger.
    committed: Option<CheckpointRecord>,
    /// What the ledger knew of the document before: all of it is repeated now.
    before: LinesRecord,
    /// What this import read.
    lines: Lines,
    accepted: u64,
    /// The number of a last line that was cut off and waits for its rest.
    cut_line: Option<u64>,
    /// Days with rows that are committed and not published, and how many rows.
    unpublished: BTreeSet<Day>,
    unpublished_rows: u64,
    names: Numbered,
    /// The repos it met.
    repos: RepoSet,
    /// Memory of rows that are in, for rows to come: asking the system for it again and again costs more than the copying.
    spare: Arc<Spare<Row>>,
    encoding: Vec<EncodeSpace>,
}

impl<'e> Import<'e> {
    fn new(
        engine: &'e Engine,
        options: &'e ImportOptions,
        source: SourceId,
        parser: LineParser,
        bytes_read: Arc<AtomicU64>,
    ) -> Import<'e> {
        let format = Format::ALL.iter().position(|format| *format == parser.format()).unwrap_or(0);
        let document =
            DocumentRecord { format: u8::try_from(format).unwrap_or(0), terminated: true, ..DocumentRecord::default() };
        Import {
            engine,
            options,
            source,
            parser,
            bytes_read,
            delivery: None,
            document,
            committed: None,
            before: LinesRecord::default(),
            lines: Lines::default(),
            accepted: 0,
            cut_line: None,
            unpublished: BTreeSet::new(),
            unpublished_rows: 0,
            names: Numbered::default(),
            repos: RepoSet::default(),
            spare: Arc::new(Spare::of(0, usize::MAX, usize::MAX)),
            encoding: Vec::new(),
        }
    }

    /// Goes on with a document that is in up to some place.
    fn resume(&mut self, id: DeliveryId, document: DocumentRecord) -> Result<(), EngineError> {
        let txn = self.engine.shared.store.read()?;
        let record = store::get_delivery(&txn, id)?;
        let record = record.ok_or_else(|| EngineError::Refused(format!("delivery {} is gone", id.serial())))?;
        if record.state == DeliveryState::Retracted {
            return Err(retracted(self.options, id));
        }
        self.delivery = Some(id);
        self.committed = document.checkpoints.last().copied();
        self.document = document;
        self.before = record.lines;
        Ok(())
    }

    /// Reads the rest of the document.
    fn run(&mut self, reader: impl Read + Send, trail: Trail, progress: &(dyn Fn(Progress) + Sync)) -> Result<(), EngineError> {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        let sizes = &self.engine.shared.sizes;
        let (chunk_bytes, group_rows) = (sizes.chunk_bytes.load(Ordering::Acquire), sizes.commit_rows.load(Ordering::Acquire));
        let names_max = sizes.names_max.load(Ordering::Acquire);
        let (parsed, batches) = sync_channel::<(u64, io::Result<Parsed>)>(STAGE_QUEUE);
        let (parser, key) = (self.parser.clone(), &self.engine.shared.key);
        let proxies = self.engine.shared.proxies_of(&self.options.source);
        let start = (self.document.bytes, self.document.lines + 1);
        let cutter = Mutex::new(cutter(reader, trail, start, chunk_bytes, names_max));
        // Nothing waits in between: one group fills up while the other is committed.
        let (full, groups) = sync_channel(0);
        let spare = Arc::clone(&self.spare);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let (parsed, parser, cutter) = (parsed.clone(), &parser, &cutter);
                let memo = Memo::new(Arc::default());
                let builder = BatchBuilder::new(key, Arc::clone(&proxies), memo).recycling(Arc::clone(&spare));
                scope.spawn(move || parse_all(cutter, parser, builder, &parsed));
            }
            // The parsers alone hold this end: the stage after them ends with the last of them.
            drop(parsed);
            let (rows, bytes_read) = (AtomicU64::new(self.lines.lines), Arc::clone(&self.bytes_read));
            let tell = move |lines| {
                let rows = rows.fetch_add(lines, Ordering::Relaxed) + lines;
                progress(Progress { rows, bytes_read: bytes_read.load(Ordering::Relaxed) });
            };
            scope.spawn(move || group_all(&batches, group_rows, &full, tell));
            let outcome = self.commit_all(&groups);
            // Unblocks the stages if committing ended early: their sends fail once this end is gone.
            drop(groups);
            outcome
        })
    }

    /// Commits groups of parsed chunks.
    fn commit_all(&mut self, groups: &Receiver<io::Result<Vec<Parsed>>>) -> Result<(), EngineError> {
        for group in groups {
            let group = group.map_err(|error| unreadable(self.options, &error))?;
            let mut batches = Vec::with_capacity(group.len());
            for parsed in group {
                self.document.bytes = parsed.bytes;
                self.document.lines = parsed.next_line - 1;
                self.document.terminated = parsed.terminated;
                self.document.checkpoints = parsed.checkpoints;
                self.cut_line = parsed.cut_line;
                batches.push(parsed.batch);
            }
            if batches.is_empty() || self.document.bytes == 0 {
                continue;
            }
            self.commit(batches)?;
            if self.unpublished_rows >= PUBLISH_ROWS {
                self.publish()?;
            }
        }
        Ok(())
    }

    /// Sorts, encodes and commits batches, with the place in the document they reach to.
    fn commit(&mut self, mut batches: Vec<Batch>) -> Result<(), EngineError> {
        let delivery = self.delivery()?;
        self.number_repos(&batches)?;
        let mut lines = Lines::default();
        let forgotten = self.engine.shared.forgotten();
        let mut days: BTreeMap<Day, Vec<&mut [Row]>> = BTreeMap::new();
        for batch in &mut batches {
            batch.forget(&forgotten);
            lines.add(std::mem::take(&mut batch.lines));
            batch.days_mut().for_each(|(day, rows)| days.entry(day).or_default().push(rows));
        }
        self.unpublished.extend(days.keys());
        let rows = Unsorted { days, names: &self.names, source: self.source, delivery };
        let segments = encode_days(rows, &mut self.encoding)?;
        self.spare.put(batches.into_iter().map(Batch::into_rows));
        let (after, document) = (self.committed, self.document.clone());
        let reached = document.checkpoints.last().copied();
        let piece = Piece { segments, lines, forgotten, after, document };
        let arrival = (self.source, self.options.name.clone());
        let lines = self.engine.write(move |writer| writer.commit_piece(delivery, arrival, piece))?;
        self.unpublished_rows += lines.events;
        self.lines.add(lines);
        self.committed = reached;
        Ok(())
    }

    /// The document's number, given when its first piece is committed.
    fn delivery(&mut self) -> Result<DeliveryId, EngineError> {
        if let Some(delivery) = self.delivery {
            return Ok(delivery);
        }
        let delivery = self.engine.write(|writer| writer.number_document())?;
        self.delivery = Some(delivery);
        Ok(delivery)
    }

    /// Learns the numbers of repos that this import has not met before. The batches share their names.
    fn number_repos(&mut self, batches: &[Batch]) -> Result<(), EngineError> {
        if let Some(batch) = batches.first() {
            self.names.follow(&batch.names);
        }
        let unknown = self.names.missing(batches.iter().flat_map(|batch| &batch.new_repos).copied());
        if unknown.is_empty() {
            return Ok(());
        }
        let (asked, places): (Vec<Arc<RepoKey>>, Vec<u32>) = unknown.into_iter().unzip();
        let numbers = self.engine.write(move |writer| writer.enter_repos(&asked))?;
        for (place, number) in places.into_iter().zip(numbers) {
            self.names.set(place, number);
            self.repos.set(number, true);
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<(), EngineError> {
        let Some(delivery) = self.delivery else { return Ok(()) };
        // Counting needs memory of its own.
        self.encoding.clear();
        self.spare.rest();
        let days = std::mem::take(&mut self.unpublished);
        let events = std::mem::take(&mut self.unpublished_rows);
        self.accepted += self.engine.write(move |writer| writer.publish_document(delivery, days, events))?;
        Ok(())
    }

    /// Publishes what was read, also after a failure, and gives the receipt.
    fn finish(mut self, outcome: Result<(), EngineError>, file: Option<FileRecord>) -> Result<Receipt, EngineError> {
        if let Err(error @ (EngineError::Store(_) | EngineError::Broken(_) | EngineError::Stopped)) = outcome {
            return Err(error);
        }
        if !self.unpublished.is_empty() {
            self.publish()?;
        }
        if let Err(error) = outcome {
            if matches!(error, EngineError::Moved { .. }) {
                return Err(error);
            }
            return Err(EngineError::Refused(format!(
                "{error}. The {} lines before that are in; import the whole log again to complete it",
                self.lines.lines
            )));
        }
        if let Some(delivery) = self.delivery {
            self.engine.write(move |writer| writer.complete_document(delivery, file))?;
        }
        let mut record = self.before.clone();
        record.repeated += record.accepted;
        record.accepted = 0;
        let mut read = self.lines;
        if let Some(line) = self.cut_line {
            read.reject(line, RejectReason::CutOff);
        }
        add_to_record(&mut record, &read);
        record.repeated += record.accepted - self.accepted.min(record.accepted);
        record.accepted = self.accepted.min(record.accepted);
        let delivery = self.delivery.map_or_else(String::new, |delivery| delivery.serial().to_string());
        let mut receipt = receipt_of(&delivery, &record);
        if !self.engine.shared.default_public
            && let Ok((published, txn)) = self.engine.published()
        {
            let declared = self.engine.declared(&txn)?;
            receipt.notes.extend(published.note_of_private(self.repos.iter(), &declared));
        }
        Ok(receipt)
    }
}
