//! The stages of an import that run on all cores: a stream cut into chunks, chunks parsed, days encoded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};

use super::batch::{Batch, BatchBuilder};
use super::document::Trail;
use super::error::EngineError;
use crate::block::{Encoder, sort_and_add};
use crate::model::{Day, DeliveryId, RejectReason, Row, Words};
use crate::parse::{Chunk, ChunkReader, LineParser, Observed, is_blank};
use crate::store::{CheckpointRecord, EncodedSegment, SegmentEncoder, StoreError};

/// A chunk on its way to a parser, with what the ledger must know once it is in.
pub(super) struct Cut {
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

/// Cuts a stream into chunks and hands them to the parsers.
pub(super) fn cut_all(
    reader: impl Read,
    trail: Trail,
    (offset, line): (u64, u64),
    chunk_bytes: usize,
    cuts: &SyncSender<(u64, io::Result<Cut>)>,
) {
    let trail = Rc::new(RefCell::new(trail));
    let observer = Rc::clone(&trail);
    let observed = Observed::new(reader, move |bytes: &[u8]| observer.borrow_mut().observe(bytes));
    for (number, chunk) in (0..).zip(ChunkReader::starting_at(observed, offset, line).with_chunk_bytes(chunk_bytes)) {
        let failed = chunk.is_err();
        let cut = chunk.map(|chunk| {
            let mut trail = trail.borrow_mut();
            let before_tail = tail_start(&chunk).map(|offset| (offset, trail.checkpoints_at(offset)));
            let checkpoints = trail.checkpoints_at(chunk.end_offset);
            Cut { chunk, checkpoints, before_tail }
        });
        if cuts.send((number, cut)).is_err() || failed {
            break;
        }
    }
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
    let parsed = parse_chunk(&Cut { chunk, checkpoints, before_tail: None }, parser, builder);
    Ok(Some((parsed, trail)))
}

/// Parses chunks until there are none.
pub(super) fn parse_all(
    cuts: &Mutex<Receiver<(u64, io::Result<Cut>)>>,
    parser: &LineParser,
    mut builder: BatchBuilder<'_>,
    parsed: &SyncSender<(u64, io::Result<Parsed>)>,
) {
    loop {
        let next = cuts.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, cut)) = next else { break };
        let result = cut.map(|cut| parse_chunk(&cut, parser, &mut builder));
        if parsed.send((number, result)).is_err() {
            break;
        }
    }
}

fn parse_chunk(cut: &Cut, parser: &LineParser, builder: &mut BatchBuilder<'_>) -> Parsed {
    let chunk = &cut.chunk;
    chunk.overlong.iter().for_each(|line| builder.reject(*line, RejectReason::TooLong));
    let mut lines = chunk.lines().peekable();
    while let Some((number, line)) = lines.next() {
        if is_blank(line) || parser.is_header(line) {
            continue;
        }
        let last = !chunk.terminated && lines.peek().is_none();
        if !last {
            builder.add(number, parser.parse(line));
            continue;
        }
        match (parser.parse_unterminated(line), &cut.before_tail) {
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

/// Sorts and encodes the rows of some days, on all cores; gives their memory back for other rows.
pub(super) fn encode_days(
    days: BTreeMap<Day, Vec<Row>>,
    words: &Words,
    delivery: DeliveryId,
) -> Result<(Vec<EncodedSegment>, Vec<Vec<Row>>), EngineError> {
    let queue = Mutex::new(days.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<(Vec<EncodedSegment>, Vec<Vec<Row>>), StoreError> {
        let mut encoder = Encoder::new()?;
        let (mut segments, mut spare) = (Vec::new(), Vec::new());
        while let Some((day, mut rows)) = next() {
            sort_and_add(&mut rows, words);
            let mut segment = SegmentEncoder::new(day, &mut encoder);
            segment.add(&rows, words)?;
            segments.extend(segment.finish().map(|mut segment| {
                segment.record.unpublished = Some(delivery.0);
                segment
            }));
            rows.clear();
            spare.push(rows);
        }
        Ok((segments, spare))
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let results: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let (mut segments, mut spare) = (Vec::new(), Vec::new());
    for result in results {
        let (of_thread, empty) = result.map_err(|_| EngineError::Broken("encoding ended in a panic".to_owned()))??;
        segments.extend(of_thread);
        spare.extend(empty);
    }
    segments.sort_unstable_by_key(|segment| segment.day);
    Ok((segments, spare))
}
