//! Cuts a stream of decoded bytes into chunks of whole lines, with exact line numbers and offsets.

use std::io::{self, Read};

use super::line::{LINE_BYTES_MAX, Line};

/// Bytes of a chunk, about.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Bytes of lines that are checked together, about.
const WINDOW_BYTES: usize = 8 << 10;

/// Bytes read at a time.
const READ_BYTES: usize = 128 * 1024;

/// Whole lines of a stream.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The lines with their newlines, without those that are too long. Only the last line of a stream may lack its newline.
    pub bytes: Vec<u8>,
    /// 1-based number of the chunk's first line, overlong or not.
    pub first_line: u64,
    /// Number of the line after the chunk's last one.
    pub next_line: u64,
    /// Offset of the chunk's first line in the decoded stream.
    pub start_offset: u64,
    /// Offset after the chunk's last line; lines that are too long count.
    pub end_offset: u64,
    /// 1-based numbers of the lines longer than [`LINE_BYTES_MAX`], ascending.
    pub overlong: Vec<u64>,
    /// Whether the chunk ends with a newline.
    pub terminated: bool,
}

impl Chunk {
    /// The lines that are not too long, without their newlines, each with its 1-based number.
    #[must_use]
    pub fn lines(&self) -> ChunkLines<'_> {
        ChunkLines { rest: &self.bytes, number: self.first_line, overlong: &self.overlong }
    }

    /// How many lines there are at most.
    #[must_use]
    pub fn lines_max(&self) -> usize {
        usize::try_from(self.next_line - self.first_line).unwrap_or(0)
    }

    /// The same lines, those marked as text that are known to be.
    #[must_use]
    pub fn checked_lines(&self) -> CheckedLines<'_> {
        CheckedLines { lines: self.lines(), text: "", after_window: usize::MAX, after_nul: usize::MAX }
    }
}

/// The lines of a [`Chunk`].
#[derive(Clone, Debug)]
pub struct ChunkLines<'a> {
    rest: &'a [u8],
    number: u64,
    overlong: &'a [u64],
}

impl<'a> Iterator for ChunkLines<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        while let Some((first, after)) = self.overlong.split_first()
            && *first == self.number
        {
            self.overlong = after;
            self.number += 1;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        let number = self.number;
        self.number += 1;
        Some((number, line))
    }
}

/// The lines of a [`Chunk`], of which many are looked at together, but no more than stay in a core's first cache until they are
/// parsed. What is no text, or holds a NUL, costs one more look from the next line on.
#[derive(Clone, Debug)]
pub struct CheckedLines<'a> {
    lines: ChunkLines<'a>,
    /// As much of the rest as is known to be text without a NUL.
    text: &'a str,
    /// How many bytes are left behind the lines that are looked at, and from their first NUL on.
    after_window: usize,
    after_nul: usize,
}

impl<'a> CheckedLines<'a> {
    /// Checks the lines at hand up to the first byte that is no text.
    fn check(&mut self) {
        let rest = self.lines.rest;
        if rest.len() <= self.after_window {
            self.after_window = rest.len() - window_bytes(rest);
            self.after_nul = usize::MAX;
        }
        // The same NUL may be ahead of many checks: it is looked for once.
        if rest.len() < self.after_nul {
            let window = rest.get(..rest.len() - self.after_window).unwrap_or_default();
            self.after_nul = memchr::memchr(0, window).map_or(self.after_window, |at| rest.len() - at);
        }
        let clean = rest.get(..rest.len() - self.after_nul).unwrap_or_default();
        self.text = match std::str::from_utf8(clean) {
            Ok(text) => text,
            Err(error) => clean.get(..error.valid_up_to()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default(),
        };
    }
}

/// How many bytes of whole lines are looked at together: [`WINDOW_BYTES`], about, or a longer line.
fn window_bytes(rest: &[u8]) -> usize {
    let (first, behind) = rest.split_at(rest.len().min(WINDOW_BYTES));
    match memchr::memrchr(b'\n', first) {
        Some(newline) => newline + 1,
        None => memchr::memchr(b'\n', behind).map_or(rest.len(), |newline| WINDOW_BYTES + newline + 1),
    }
}

impl<'a> Iterator for CheckedLines<'a> {
    type Item = (u64, Line<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.text.is_empty() {
            self.check();
        }
        let (number, line) = self.lines.next()?;
        let text = self.text.get(..line.len());
        self.text = self.text.get(line.len() + 1..).unwrap_or_default();
        Some((number, text.map_or(Line::Bytes(line), Line::Text)))
    }
}

/// Reads a stream chunk by chunk.
///
/// An I/O error comes after the chunks of all whole lines read before it; the line it cut is in none of them.
pub struct ChunkReader<R> {
    reader: R,
    chunk_bytes: usize,
    /// What was read beyond the last chunk, and memory for more behind it.
    ahead: Vec<u8>,
    /// How much of that was read.
    filled: usize,
    /// Memory for the next chunks.
    spare: Vec<Vec<u8>>,
    line: u64,
    offset: u64,
    state: State,
}

enum State {
    Reading,
    Ended,
    Failed(io::Error),
    Done,
}

impl<R: Read> ChunkReader<R> {
    /// Reads from the start of a stream.
    pub fn new(reader: R) -> ChunkReader<R> {
        ChunkReader::starting_at(reader, 0, 1)
    }

    /// Reads from a line start in the middle, to which the reader has been advanced: its decoded offset and 1-based number.
    pub fn starting_at(reader: R, offset: u64, line: u64) -> ChunkReader<R> {
        let (ahead, spare, state) = (Vec::new(), Vec::new(), State::Reading);
        ChunkReader { reader, chunk_bytes: CHUNK_BYTES, ahead, filled: 0, spare, line, offset, state }
    }

    /// With chunks of about this many bytes, at least 1.
    #[must_use]
    pub fn with_chunk_bytes(self, chunk_bytes: usize) -> ChunkReader<R> {
        ChunkReader { chunk_bytes: chunk_bytes.max(1), ..self }
    }

    /// The underlying reader, which has been read beyond the last chunk.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Takes the memory of a chunk that nobody needs any more for another one.
    pub fn reuse(&mut self, chunk: Chunk) {
        self.spare.push(chunk.bytes);
    }

    /// What was read beyond the last chunk.
    fn read_ahead(&self) -> &[u8] {
        self.ahead.get(..self.filled).unwrap_or(&self.ahead)
    }

    /// Reads up to `bytes` more.
    fn fill(&mut self, bytes: usize) {
        let end = self.filled + bytes;
        self.ahead.reserve_exact(end.saturating_sub(self.ahead.len()));
        while self.filled < end && matches!(self.state, State::Reading) {
            // In pieces, which are still in a core's cache when the reader's observer looks at them. Memory is cleared as far as
            // it is used, for there may be little to read.
            let until = end.min(self.filled + READ_BYTES);
            if self.ahead.len() < until {
                self.ahead.resize(until, 0);
            }
            match self.reader.read(self.ahead.get_mut(self.filled..until).unwrap_or_default()) {
                Ok(0) => self.state = State::Ended,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.state = State::Failed(error),
            }
        }
    }

    /// Where the whole lines among the bytes ahead end, if there are any, with overlong lines taken out of them.
    fn whole_lines(&mut self, chunk: &mut Chunk) -> usize {
        let mut at = 0;
        let mut counted_to = 0;
        loop {
            let window_end = self.filled.min(at + LINE_BYTES_MAX + 1);
            let window = self.read_ahead().get(at..window_end).unwrap_or_default();
            // All lines that end within the window are short enough, so only its last newline matters.
            if let Some(newline) = memchr::memrchr(b'\n', window) {
                at += newline + 1;
                continue;
            }
            chunk.next_line += newlines(self.read_ahead().get(counted_to..at).unwrap_or_default());
            counted_to = at;
            if window.len() <= LINE_BYTES_MAX {
                return at;
            }
            if !self.remove_line(at, chunk) {
                return at;
            }
        }
    }

    /// Takes out an overlong line, reading on until it ends. `false` if the stream fails before that.
    fn remove_line(&mut self, at: usize, chunk: &mut Chunk) -> bool {
        let mut removed = 0;
        loop {
            if let Some(newline) = memchr::memchr(b'\n', self.read_ahead().get(at..).unwrap_or_default()) {
                self.ahead.drain(at..=at + newline);
                self.filled -= newline + 1;
                removed += newline as u64 + 1;
                chunk.terminated = true;
                break;
            }
            removed += (self.filled - at) as u64;
            self.filled = at;
            match self.state {
                State::Reading => self.fill(READ_BYTES),
                State::Failed(_) => return false,
                State::Ended | State::Done => {
                    chunk.terminated = false;
                    break;
                }
            }
        }
        chunk.overlong.push(chunk.next_line);
        chunk.next_line += 1;
        chunk.end_offset += removed;
        true
    }

    /// The next chunk; empty if there is none.
    fn read_chunk(&mut self) -> Chunk {
        let mut chunk = Chunk {
            first_line: self.line,
            next_line: self.line,
            start_offset: self.offset,
            end_offset: self.offset,
            terminated: true,
            ..Chunk::default()
        };
        let mut wanted = self.chunk_bytes.saturating_sub(self.filled).max(1);
        let mut end;
        loop {
            self.fill(wanted);
            end = self.whole_lines(&mut chunk);
            if end > 0 || chunk.next_line > chunk.first_line || !matches!(self.state, State::Reading) {
                break;
            }
            wanted = self.chunk_bytes;
        }
        if matches!(self.state, State::Ended) && end < self.filled {
            end = self.filled;
            chunk.next_line += 1;
            chunk.terminated = false;
        }
        let mut next = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(self.chunk_bytes));
        let rest = self.read_ahead().get(end..).unwrap_or_default();
        next.resize(next.len().max(rest.len()), 0);
        next.get_mut(..rest.len()).into_iter().for_each(|start| start.copy_from_slice(rest));
        self.filled = rest.len();
        self.ahead.truncate(end);
        chunk.bytes = std::mem::replace(&mut self.ahead, next);
        chunk.end_offset += end as u64;
        self.line = chunk.next_line;
        self.offset = chunk.end_offset;
        chunk
    }
}

impl<R: Read> Iterator for ChunkReader<R> {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, State::Done) {
            return None;
        }
        let chunk = self.read_chunk();
        if chunk.next_line > chunk.first_line {
            return Some(Ok(chunk));
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => Some(Err(error)),
            _ => None,
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// A reader that shows all bytes that pass to somebody else, for example to a hash.
pub struct Observed<R, F> {
    reader: R,
    observer: F,
}

impl<R: Read, F: FnMut(&[u8])> Observed<R, F> {
    /// Calls `observer` with every piece read, in order.
    pub fn new(reader: R, observer: F) -> Observed<R, F> {
        Observed { reader, observer }
    }
}

impl<R: Read, F: FnMut(&[u8])> Read for Observed<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        (self.observer)(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
