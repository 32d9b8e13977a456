//! A pushed body -> rows -> the writer's queue -> its receipt.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{TrySendError, channel};

use xxhash_rust::xxh3::xxh3_128;

use super::batch::{Batch, BatchBuilder};
use super::engine::{Engine, QUEUE_BYTES_MAX};
use super::error::{EngineError, PushError};
use super::writer::{Command, PushJob};
use crate::model::{Format, Receipt, RejectReason, SourceName};
use crate::parse::{CHUNK_BYTES, ChunkReader, ItemReader, JsonItems, LineParser, is_blank};

/// The layout of a pushed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushContent {
    /// NDJSON, an array, or one object.
    Json,
    /// Our events as CSV with a header.
    Csv,
    /// Lines of a log as they are; each tells its format.
    Lines,
}

/// A pushed body, decompressed.
#[derive(Clone, Debug)]
pub struct Push {
    pub source: SourceName,
    pub body: Vec<u8>,
    pub content: PushContent,
    pub idempotency_key: Option<String>,
}

/// A usual line of a body: there is room for that many rows from the start, and for more when they come.
const LINE_BYTES: usize = 256;

/// Seconds after which a sender should try again when the queue is full.
const RETRY_AFTER_S: u64 = 1;

impl Engine {
    /// Takes a pushed body in; returns when its events are on disk and in every answer.
    ///
    /// # Errors
    /// When nothing of the body was kept, with the reason. A broken line in it is no error.
    pub fn push(&self, push: Push) -> Result<Receipt, PushError> {
        let (batch, formats) = self.read_body(&push)?;
        let bytes = push.body.len();
        let waiting = self.shared.queue_bytes.fetch_add(bytes, Ordering::AcqRel);
        let release = || self.shared.queue_bytes.fetch_sub(bytes, Ordering::AcqRel);
        if waiting > 0 && waiting + bytes > QUEUE_BYTES_MAX {
            release();
            return Err(PushError::QueueFull { retry_after_s: RETRY_AFTER_S });
        }
        let Push { source, body, idempotency_key, .. } = push;
        // It tells bodies of one key apart, and nobody asks for it where there is none.
        let body_hash = idempotency_key.as_ref().map_or(0, |_| xxh3_128(&body));
        // Its rows are all that is needed from here on, and it may wait for a while.
        self.shared.readers.take_body_back(body);
        let (reply, answer) = channel();
        let job = PushJob { source, batch, formats, body_hash, idempotency_key, bytes, reply };
        match self.queue(Command::Push(Box::new(job))) {
            Ok(()) => answer.recv().map_err(|_| PushError::Engine(EngineError::Stopped))?,
            Err(TrySendError::Full(_)) => {
                release();
                Err(PushError::QueueFull { retry_after_s: RETRY_AFTER_S })
            }
            Err(TrySendError::Disconnected(_)) => Err(PushError::Engine(EngineError::Stopped)),
        }
    }

    /// Memory for a body of so many bytes, if there is some from bodies that were pushed before.
    #[must_use]
    pub fn spare_body(&self, bytes: usize) -> Option<Vec<u8>> {
        self.shared.readers.spare_body(bytes)
    }

    /// Sets how many rows of pushes are held before they are folded into the views: for tests, which push too few to see it.
    pub fn fold_pushes_after(&self, rows: usize) {
        self.shared.overlay_rows_max.store(rows, Ordering::Release);
    }

    /// The rows of a body, and the formats its lines were in.
    fn read_body(&self, push: &Push) -> Result<(Batch, u32), PushError> {
        let (shared, body) = (&self.shared, push.body.as_slice());
        let names_max = shared.sizes.names_max.load(Ordering::Acquire);
        shared.readers.read((&shared.key, shared.proxies_of(&push.source)), body.len(), names_max, |builder| {
            builder.make_room(body.len() / LINE_BYTES);
            let formats = match push.content {
                PushContent::Json => read_json(body, builder)?,
                PushContent::Csv => read_csv(body, builder)?,
                PushContent::Lines => read_lines(body, builder),
            };
            Ok((builder.take(), formats))
        })
    }
}

fn read_json(body: &[u8], builder: &mut BatchBuilder<'_>) -> Result<u32, PushError> {
    let items = JsonItems::new(body).map_err(|error| PushError::Malformed(error.to_string()))?;
    let (mut formats, mut reader) = (0, ItemReader::default());
    for (number, item) in items {
        reader.read_item(item, |format, request| {
            formats |= format.bit();
            builder.add(number, request);
        });
    }
    Ok(formats)
}

fn read_csv(body: &[u8], builder: &mut BatchBuilder<'_>) -> Result<u32, PushError> {
    let first = body.split(|byte| *byte == b'\n').find(|line| !is_blank(line)).unwrap_or(&[]);
    let parser = LineParser::for_format(Format::Events, first).map_err(PushError::Malformed)?;
    if !parser.header() && !is_blank(first) {
        let why = "a CSV body starts with a header that names at least ts and repo (or url): put it in the first line";
        return Err(PushError::Malformed(why.to_owned()));
    }
    let mut reader = parser.reader();
    each_line(body, builder, |builder, number, line| {
        if !parser.is_header(line) {
            builder.add(number, reader.parse(line));
        }
    });
    Ok(Format::Events.bit())
}

fn read_lines(body: &[u8], builder: &mut BatchBuilder<'_>) -> u32 {
    let (mut formats, mut reader) = (0, ItemReader::default());
    each_line(body, builder, |builder, number, line| {
        reader.read_line(line, |format, request| {
            formats |= format.bit();
            builder.add(number, request);
        });
    });
    formats
}

/// Gives the lines of a body that are not blank; those too long to be read are rejected.
fn each_line<'k>(body: &[u8], builder: &mut BatchBuilder<'k>, mut take: impl FnMut(&mut BatchBuilder<'k>, u64, &[u8])) {
    // Of a body that is known to be short no more memory than it takes.
    for chunk in ChunkReader::new(body).with_chunk_bytes(CHUNK_BYTES.min(body.len() + 1)) {
        // Reading from memory cannot fail.
        let Ok(chunk) = chunk else { break };
        chunk.overlong.iter().for_each(|line| builder.reject(*line, RejectReason::TooLong));
        for (number, line) in chunk.lines().filter(|(_, line)| !is_blank(line)) {
            take(builder, number, line);
        }
    }
}
