//! One open log file: how far it is read, whether it is still the same content, and its new lines into the store.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::append::Appended;
use super::batch::BatchBuilder;
use super::document::{Recognised, Trail, recognise};
use super::engine::Engine;
use super::error::EngineError;
use super::import::{HEAD_LINES, Head, ImportOptions};
use super::rotated::file_record;
use super::stages::read_lines;
use crate::model::{DeliveryId, Format, SourceId};
use crate::parse::{Compression, LineParser};
use crate::store::{self, DeliveryState, DocumentRecord};

/// Bytes that are read and committed together at most, unless a single line is longer.
const BATCH_BYTES: usize = 1 << 20;

/// What is more than this behind is imported on all cores.
const BULK_BYTES: u64 = 32 << 20;

/// Bytes before the place reached that must still be what they were.
const WINDOW_BYTES: usize = 1 << 10;

/// What became of a look at a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing new.
    Idle,
    /// Lines were taken in, and there may be more.
    Read,
    /// The content is not what it was: it was truncated, and has perhaps grown since.
    Truncated,
}

/// A part of an open file as a stream of its own. It fails once hubtally stops.
pub(super) struct FileRange {
    file: Arc<File>,
    at: u64,
    end: u64,
    stopping: Arc<AtomicBool>,
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(io::Error::other("hubtally is stopping"));
        }
        let want = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..want).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A document that a file begins with, and the hash up to its end.
type Found = (DeliveryId, DocumentRecord, Trail);

/// Where a file that was recognised is read to.
struct Place {
    source: SourceId,
    parser: LineParser,
    delivery: Option<DeliveryId>,
    document: DocumentRecord,
    trail: Trail,
    /// The bytes before the place.
    window: Vec<u8>,
}

/// An open log file.
pub(super) struct Followed {
    file: Arc<File>,
    stopping: Arc<AtomicBool>,
    /// Device and inode.
    pub id: (u64, u64),
    /// What the file was like when it was last looked at.
    seen: Option<Metadata>,
    place: Option<Place>,
    /// Rounds in which it did not grow.
    pub silent_rounds: u32,
    /// Its delivery was taken back: no more of it is read.
    pub retracted: Option<DeliveryId>,
    /// Its first lines are in no format that is known, and more lines cannot change that.
    pub unknown_format: bool,
}

impl Followed {
    pub fn new(file: File, metadata: &Metadata, stopping: &Arc<AtomicBool>) -> Followed {
        Followed {
            file: Arc::new(file),
            stopping: Arc::clone(stopping),
            id: (metadata.dev(), metadata.ino()),
            seen: Some(metadata.clone()),
            place: None,
            silent_rounds: 0,
            retracted: None,
            unknown_format: false,
        }
    }

    /// The document, once a line of it is in.
    pub fn delivery(&self) -> Option<DeliveryId> {
        self.retracted.or_else(|| self.place.as_ref().and_then(|place| place.delivery))
    }

    fn reached(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.document.bytes)
    }

    /// Bytes that are there and not in the store.
    pub fn behind_bytes(&self) -> u64 {
        let bytes = self.seen.as_ref().map_or(0, Metadata::len);
        if self.retracted.is_some() { 0 } else { bytes.saturating_sub(self.reached()) }
    }

    /// Whether anything was written to it.
    pub fn is_empty(&self) -> bool {
        self.seen.as_ref().is_none_or(|metadata| metadata.len() == 0)
    }

    /// Whether no name leads to it any more.
    pub fn is_removed(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// Forgets how far it was read: the store tells when it is recognised anew.
    pub fn forget_place(&mut self) {
        self.place = None;
    }

    /// Takes the content for new, as after a truncation.
    pub fn begin_anew(&mut self) {
        (self.place, self.seen, self.retracted, self.silent_rounds) = (None, None, None, 0);
        self.unknown_format = false;
    }

    /// The whole file as it is now.
    pub fn all(&self) -> Box<dyn Read + Send> {
        Box::new(self.range(0, self.seen.as_ref().map_or(0, Metadata::len)))
    }

    fn range(&self, at: u64, end: u64) -> FileRange {
        FileRange { file: Arc::clone(&self.file), at, end, stopping: Arc::clone(&self.stopping) }
    }

    /// Takes in what was written since the last look, at most one batch. `others` are documents that other open files
    /// write to, which this one cannot be.
    pub fn step(&mut self, engine: &Engine, options: &ImportOptions, others: &BTreeSet<DeliveryId>) -> Result<Step, EngineError> {
        let now = self.file.metadata().map_err(|error| unreadable(options, &error))?;
        let same = |seen: &Metadata| file_record(seen) == file_record(&now);
        let (changed, shrunk) = match &self.seen {
            Some(seen) => (!same(seen), now.len() < seen.len()),
            None => (true, false),
        };
        if shrunk || now.len() < self.reached() {
            return Ok(Step::Truncated);
        }
        if changed {
            self.silent_rounds = 0;
        }
        let bytes = now.len();
        self.seen = Some(now);
        if self.retracted.is_some() || (!changed && bytes == self.reached()) {
            return Ok(Step::Idle);
        }
        if self.place.is_none() && !self.find_place(engine, options, others, bytes)? {
            return Ok(Step::Idle);
        }
        self.read_on(engine, options, bytes)
    }

    /// Finds how far the file is in the store; `false` if it has no line yet that tells its format.
    fn find_place(
        &mut self,
        engine: &Engine,
        options: &ImportOptions,
        others: &BTreeSet<DeliveryId>,
        bytes: u64,
    ) -> Result<bool, EngineError> {
        let failed = |error: &io::Error| unreadable(options, error);
        let mut magic = Vec::new();
        self.range(0, bytes.min(4)).read_to_end(&mut magic).map_err(|error| failed(&error))?;
        if Compression::of(&magic) != Compression::Plain {
            return Err(EngineError::Refused(format!("{} is compressed: follow the file the server writes", options.name)));
        }
        let end = self.end_of_lines(0, bytes).map_err(|error| failed(&error))?;
        let Some(end) = end else { return Ok(false) };
        let head = Head::read(&mut self.range(0, end)).map_err(|error| failed(&error))?;
        let parser = match head.parser(options) {
            Ok(Some(parser)) => parser,
            Ok(None) => return Ok(false),
            Err(_) if head.whole_lines() < HEAD_LINES => return Ok(false),
            Err(_) => {
                self.unknown_format = true;
                return Err(EngineError::Refused(format!(
                    "the format of {} cannot be told from its first lines: name it with --tail-format",
                    options.name
                )));
            }
        };
        let source = engine.register_source(options, parser.format())?;
        let mut found = self.recognise(engine, source, others, bytes).map_err(|error| failed(&error))??;
        let behind = |found: &Option<Found>| end.saturating_sub(found.as_ref().map_or(0, |(_, document, _)| document.bytes));
        if behind(&found) > BULK_BYTES && !self.is_retracted(engine, found.as_ref())? {
            let options = ImportOptions { as_new: found.is_none(), ..options.clone() };
            engine.import_file(Box::new(self.range(0, end)), &options, None, &|_| {})?;
            found = self.recognise(engine, source, others, bytes).map_err(|error| failed(&error))??;
        }
        if self.is_retracted(engine, found.as_ref())? {
            self.retracted = found.map(|(id, ..)| id);
            return Ok(false);
        }
        let (delivery, document, trail) = match found {
            Some((id, document, trail)) => (Some(id), document, trail),
            None => {
                let format = Format::ALL.iter().position(|format| *format == parser.format()).unwrap_or(0);
                let format = u8::try_from(format).unwrap_or(0);
                (None, DocumentRecord { format, terminated: true, ..DocumentRecord::default() }, Trail::default())
            }
        };
        let window = self.window_at(document.bytes).map_err(|error| failed(&error))?;
        self.place = Some(Place { source, parser, delivery, document, trail, window });
        Ok(true)
    }

    /// The longest document that the file begins with.
    fn recognise(
        &self,
        engine: &Engine,
        source: SourceId,
        others: &BTreeSet<DeliveryId>,
        bytes: u64,
    ) -> io::Result<Result<Option<Found>, EngineError>> {
        let mut longest: Option<Found> = None;
        loop {
            let mut known = match engine.known_documents(source) {
                Ok(known) => known,
                Err(error) => return Ok(Err(error)),
            };
            let longer_than = longest.as_ref().map_or(0, |(_, document, _)| document.bytes);
            known.retain(|known| {
                let document = &known.document;
                !others.contains(&known.id) && document.bytes > longer_than && document.bytes <= bytes
            });
            if known.is_empty() {
                return Ok(Ok(longest));
            }
            match recognise(&mut self.range(0, bytes), known)? {
                Recognised::Known { id, document, trail, .. } => longest = Some((id, document, *trail)),
                Recognised::New { .. } | Recognised::Changed { .. } => return Ok(Ok(longest)),
            }
        }
    }

    fn is_retracted(&self, engine: &Engine, found: Option<&Found>) -> Result<bool, EngineError> {
        let Some((id, ..)) = found else { return Ok(false) };
        let txn = engine.shared.store.read()?;
        Ok(store::get_delivery(&txn, *id)?.is_some_and(|record| record.state == DeliveryState::Retracted))
    }

    /// Reads and commits whole lines after the place.
    fn read_on(&mut self, engine: &Engine, options: &ImportOptions, bytes: u64) -> Result<Step, EngineError> {
        let failed = |error: io::Error| unreadable(options, &error);
        let at = self.reached();
        let end = self.end_of_batch(at, bytes).map_err(failed)?;
        let Some(place) = &self.place else { return Ok(Step::Idle) };
        let document = &place.document;
        let parsed = match end {
            None => None,
            Some(end) => {
                let start = (at, document.lines + 1);
                let lines = self.range(at, end);
                let shared = &engine.shared;
                let names_max = shared.sizes.names_max.load(Ordering::Acquire);
                let reading = (&shared.key, shared.proxies_of(&options.source));
                let read = |builder: &mut BatchBuilder<'_>| {
                    read_lines(lines, &place.trail, start, BATCH_BYTES + 1, &place.parser, builder)
                };
                // Without a turn: whoever follows a log is one, and a disk may be slow.
                shared.readers.read(reading, 0, names_max, read).map_err(failed)?
            }
        };
        let window = match &parsed {
            Some((parsed, _)) => self.window_at(parsed.bytes).map_err(failed)?,
            None => Vec::new(),
        };
        // Looked at after reading: what was read before a truncation is what belongs here, what was read after it is not.
        let truncated = self.file.metadata().map_err(failed)?.len() < end.unwrap_or(at);
        if truncated || self.window_at(at).map_err(failed)? != place.window {
            return Ok(Step::Truncated);
        }
        let Some((parsed, trail)) = parsed else { return Ok(Step::Idle) };
        if !document.terminated && self.byte_at(at).map_err(failed)? != Some(b'\n') {
            // The last line had no end when it was imported, and went on: this is another document.
            return Ok(Step::Truncated);
        }
        let after = document.checkpoints.last().copied();
        let document = DocumentRecord {
            format: document.format,
            bytes: parsed.bytes,
            lines: parsed.next_line - 1,
            terminated: parsed.terminated,
            checkpoints: parsed.checkpoints,
            file: None,
        };
        let (source, delivery, name) = (place.source, place.delivery, options.name.clone());
        let appended = Appended { source, name, delivery, after, batch: parsed.batch, document: document.clone() };
        let id = engine.write(move |writer| writer.append(appended))?;
        if let Some(place) = &mut self.place {
            (place.delivery, place.document, place.trail, place.window) = (Some(id), document, trail, window);
        }
        Ok(Step::Read)
    }

    /// Takes in the rest of a file that nobody writes to any more, a last line without an end included where it can be
    /// understood, and notes that it is complete.
    pub fn finish(&mut self, engine: &Engine, options: &ImportOptions) -> Result<(), EngineError> {
        let metadata = self.file.metadata().map_err(|error| unreadable(options, &error))?;
        let file = Some(file_record(&metadata));
        if self.retracted.is_some() || metadata.len() == 0 {
            return Ok(());
        }
        match self.delivery() {
            Some(id) if metadata.len() == self.reached() => engine.write(move |writer| writer.complete_document(id, file)),
            _ => engine.import_file(Box::new(self.range(0, metadata.len())), options, file, &|_| {}).map(drop),
        }
    }

    /// Where the last line that ends between two places ends.
    fn end_of_lines(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut buffer = vec![0; BATCH_BYTES];
        let mut end = to;
        while end > from {
            let start = from.max(end.saturating_sub(BATCH_BYTES as u64));
            let bytes = buffer.get_mut(..usize::try_from(end - start).unwrap_or(BATCH_BYTES)).unwrap_or_default();
            self.file.read_exact_at(bytes, start)?;
            if let Some(newline) = memchr::memrchr(b'\n', bytes) {
                return Ok(Some(start + newline as u64 + 1));
            }
            end = start;
        }
        Ok(None)
    }

    /// Where a batch of whole lines from a place on ends. A line longer than a batch is one by itself.
    fn end_of_batch(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        let batch = to.min(from + BATCH_BYTES as u64);
        if let Some(end) = self.end_of_lines(from, batch)? {
            return Ok(Some(end));
        }
        let mut buffer = vec![0; BATCH_BYTES];
        let mut at = batch;
        while at < to {
            let read = self.file.read_at(&mut buffer, at)?;
            if read == 0 {
                break;
            }
            if let Some(newline) = memchr::memchr(b'\n', buffer.get(..read).unwrap_or_default()) {
                return Ok(Some(at + newline as u64 + 1));
            }
            at += read as u64;
        }
        Ok(None)
    }

    /// The last bytes before a place.
    fn window_at(&self, place: u64) -> io::Result<Vec<u8>> {
        let start = place.saturating_sub(WINDOW_BYTES as u64);
        let mut window = Vec::with_capacity(WINDOW_BYTES);
        self.range(start, place).read_to_end(&mut window)?;
        Ok(window)
    }

    fn byte_at(&self, place: u64) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let read = self.file.read_at(&mut byte, place)?;
        Ok(byte.first().copied().filter(|_| read == 1))
    }
}

fn unreadable(options: &ImportOptions, error: &io::Error) -> EngineError {
    EngineError::Refused(format!("{} cannot be read: {error}", options.name))
}
