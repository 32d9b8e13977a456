//! The stages of an import that run on all cores: a stream cut into chunks, chunks parsed, days encoded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::num::NonZero;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::{Batch, BatchBuilder};
use super::document::Trail;
use super::error::EngineError;
use super::names::{CurrentNames, Names, Numbered};
use crate::block::{Encoder, for_sorted_blocks};
use crate::model::{Day, DeliveryId, RejectReason, Row, SourceId};
use crate::parse::{Chunk, ChunkReader, LineParser, Observed, is_blank};
use crate::store::{CheckpointRecord, EncodedSegment, SegmentEncoder, StoreError};

/// A chunk for a parser, with what the ledger must know once it is in.
struct Cut {
    chunk: Chunk,
    checkpoints: Vec<CheckpointRecord>,
    /// Where the last line begins if it does not end, with the checkpoints up to there.
    before_tail: Option<(u64, Vec<CheckpointRecord>)>,
}

/// A chunk that was parsed.
pub(super) struct Parsed {
    pub batch: Batch,
    pub bytes: u64,
    pub next_line: u64,
    pub terminated: bool,
    pub checkpoints: Vec<CheckpointRecord>,
    /// The number of a last line that was cut off. It is no part of what is in: the document goes on where it begins.
    pub cut_line: Option<u64>,
}

/// A stream that parsers take chunks from, one after the other: whoever is free reads the next one.
pub(super) struct Cutter<R> {
    chunks: ChunkReader<R>,
    trail: Arc<Mutex<Trail>>,
    names: CurrentNames,
    names_max: usize,
    /// The number of the next chunk.
    next: u64,
}

/// Cuts a stream from a line start on, to which it has been read: its offset and 1-based number.
pub(super) fn cutter<R: Read + Send>(
    reader: R,
    trail: Trail,
    (offset, line): (u64, u64),
    chunk_bytes: usize,
    names_max: usize,
) -> Cutter<impl Read + Send> {
    let trail = Arc::new(Mutex::new(trail));
    let observer = Arc::clone(&trail);
    let observed = Observed::new(reader, move |bytes: &[u8]| locked(&observer).observe(bytes));
    let chunks = ChunkReader::starting_at(observed, offset, line).with_chunk_bytes(chunk_bytes);
    Cutter { chunks, trail, names: CurrentNames::default(), names_max, next: 0 }
}

impl<R: Read> Cutter<R> {
    /// The next chunk with its number, and the names its lines are to use. Names begin anew between one chunk and the next,
    /// never back and forth.
    fn next(&mut self) -> Option<(u64, io::Result<Cut>, Arc<Names>)> {
        let chunk = self.chunks.next()?;
        let cut = chunk.map(|chunk| {
            let mut trail = locked(&self.trail);
            let before_tail = tail_start(&chunk).map(|offset| (offset, trail.checkpoints_at(offset)));
            let checkpoints = trail.checkpoints_at(chunk.end_offset);
            Cut { chunk, checkpoints, before_tail }
        });
        let number = self.next;
        self.next += 1;
        Some((number, cut, self.names.get(self.names_max)))
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the last line of a stream begins, if it has no newline.
fn tail_start(chunk: &Chunk) -> Option<u64> {
    let tail = chunk.bytes.rsplit(|byte| *byte == b'\n').next().filter(|tail| !chunk.terminated && !tail.is_empty())?;
    chunk.end_offset.checked_sub(tail.len() as u64)
}

/// Parses whole lines that stand in the middle of a document, one chunk of them: what a followed log brings at once.
/// Gives the trail that has seen them too; `None` if there are none.
pub(super) fn read_lines(
    lines: impl Read,
    trail: &Trail,
    (offset, line): (u64, u64),
    chunk_bytes: usize,
    parser: &LineParser,
    builder: &mut BatchBuilder<'_>,
) -> io::Result<Option<(Parsed, Trail)>> {
    let trail = RefCell::new(trail.clone());
    let observed = Observed::new(lines, |bytes: &[u8]| trail.borrow_mut().observe(bytes));
    let chunk = ChunkReader::starting_at(observed, offset, line).with_chunk_bytes(chunk_bytes).next().transpose()?;
    let mut trail = trail.into_inner();
    let Some(chunk) = chunk else { return Ok(None) };
    let checkpoints = trail.checkpoints_at(chunk.end_offset);
    builder.make_room(chunk.lines_max());
    let parsed = parse_chunk(&Cut { chunk, checkpoints, before_tail: None }, parser, builder);
    Ok(Some((parsed, trail)))
}

/// Reads and parses chunks until there are none.
pub(super) fn parse_all(
    cutter: &Mutex<Cutter<impl Read>>,
    parser: &LineParser,
    mut builder: BatchBuilder<'_>,
    parsed: &SyncSender<(u64, io::Result<Parsed>)>,
) {
    let mut done = None;
    loop {
        // Behind a panic in the middle of a read lines would be missing.
        let next = cutter.lock().ok().and_then(|mut cutter| {
            done.take().into_iter().for_each(|chunk| cutter.chunks.reuse(chunk));
            cutter.next()
        });
        let Some((number, cut, names)) = next else { break };
        let result = cut.map(|cut| {
            builder.go_on_with(names);
            builder.make_room(cut.chunk.lines_max());
            let parsed = parse_chunk(&cut, parser, &mut builder);
            done = Some(cut.chunk);
            parsed
        });
        if parsed.send((number, result)).is_err() {
            break;
        }
    }
}

fn parse_chunk(cut: &Cut, parser: &LineParser, builder: &mut BatchBuilder<'_>) -> Parsed {
    let chunk = &cut.chunk;
    chunk.overlong.iter().for_each(|line| builder.reject(*line, RejectReason::TooLong));
    let (mut lines, mut reader) = (chunk.checked_lines().peekable(), parser.reader());
    while let Some((number, line)) = lines.next() {
        if is_blank(line.bytes()) || parser.is_header(line.bytes()) {
            continue;
        }
        let last = !chunk.terminated && lines.peek().is_none();
        if !last {
            builder.add(number, reader.parse_line(line));
            continue;
        }
        match (parser.parse_unterminated(line.bytes()), &cut.before_tail) {
            (Err(RejectReason::CutOff), Some((bytes, checkpoints))) => {
                let (bytes, checkpoints) = (*bytes, checkpoints.clone());
                return Parsed {
                    batch: builder.take(),
                    bytes,
                    next_line: number,
                    terminated: true,
                    checkpoints,
                    cut_line: Some(number),
                };
            }
            (request, _) => builder.add(number, request),
        }
    }
    Parsed {
        batch: builder.take(),
        bytes: chunk.end_offset,
        next_line: chunk.next_line,
        terminated: chunk.terminated,
        checkpoints: cut.checkpoints.clone(),
        cut_line: None,
    }
}

/// Memory of a thread that encodes, for the next group.
pub(super) struct EncodeSpace {
    encoder: Encoder,
    block: Vec<Row>,
}

/// Rows that are committed together.
pub(super) struct Unsorted<'r> {
    /// Stretches of rows of one day, which repos stand in by place, source and delivery not at all.
    pub days: BTreeMap<Day, Vec<&'r mut [Row]>>,
    pub names: &'r Numbered,
    pub source: SourceId,
    pub delivery: DeliveryId,
}

impl Unsorted<'_> {
    fn number(&self, row: &mut Row) {
        self.names.number_row(row);
        (row.source, row.delivery) = (self.source, self.delivery);
    }
}

/// Numbers, sorts and encodes rows day by day, on all cores.
pub(super) fn encode_days(mut rows: Unsorted<'_>, spare: &mut Vec<EncodeSpace>) -> Result<Vec<EncodedSegment>, EngineError> {
    let days = Mutex::new(std::mem::take(&mut rows.days).into_iter());
    let next = || locked(&days).next();
    let spaces = Mutex::new(std::mem::take(spare));
    let work = || -> Result<Vec<EncodedSegment>, StoreError> {
        let space = locked(&spaces).pop();
        let mut space = match space {
            Some(space) => space,
            None => EncodeSpace { encoder: Encoder::new()?, block: Vec::new() },
        };
        let mut segments = Vec::new();
        while let Some((day, mut stretches)) = next() {
            stretches.iter_mut().flat_map(|stretch| stretch.iter_mut()).for_each(|row| rows.number(row));
            let words = rows.names.words();
            let mut segment = SegmentEncoder::new(day, &mut space.encoder);
            for_sorted_blocks(&stretches, words, &mut space.block, |block| segment.add(block, words))?;
            segments.extend(segment.finish().map(|mut segment| {
                segment.record.unpublished = Some(rows.delivery.0);
                segment
            }));
        }
        locked(&spaces).push(space);
        Ok(segments)
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let results: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut segments = Vec::new();
    for result in results {
        segments.extend(result.map_err(|_| EngineError::Broken("encoding ended in a panic".to_owned()))??);
    }
    *spare = spaces.into_inner().unwrap_or_else(PoisonError::into_inner);
    segments.sort_unstable_by_key(|segment| segment.day);
    Ok(segments)
}
