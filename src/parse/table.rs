//! CSV and TSV by header: RFC 4180 without newlines in quotes, since every newline is a fresh start.

use super::fields::{Escaping, Field, Fields, Naming};
use super::request::Request;
use crate::model::RejectReason;

/// The layout a header line gives.
#[derive(Debug)]
pub(super) struct Table {
    separator: u8,
    naming: Naming,
    /// Whether hubtally wrote it, which puts a quote before what a spreadsheet would run.
    guarded: bool,
    /// What each column means, from left to right.
    fields: Box<[Field]>,
}

/// One cell: its text without outer quotes, whether it has doubled quotes, and what follows its separator, if any.
pub(super) struct Cell<'a> {
    pub text: &'a str,
    escaped: bool,
    pub rest: Option<&'a str>,
}

impl Table {
    /// The layout, if the line is a header of this naming: it names a time and a repo, and no column twice.
    pub(super) fn from_header(header: &str, naming: Naming) -> Option<Table> {
        [b',', b'\t'].into_iter().find_map(|separator| {
            let mut fields = Vec::new();
            let mut rest = Some(header);
            while let Some(text) = rest {
                let cell = next_cell(text, separator).ok()?;
                let field = naming.field(cell.text.trim());
                fields.push(if fields.contains(&field) { Field::Unknown } else { field });
                rest = cell.rest;
            }
            // No other export of this naming tells ranges.
            let guarded = naming == Naming::HuggingFace && fields.contains(&Field::Path) && fields.contains(&Field::Range);
            naming.is_readable(&fields).then(|| Table { separator, naming, guarded, fields: fields.into() })
        })
    }

    pub(super) fn naming(&self) -> Naming {
        self.naming
    }

    pub(super) fn parse<'a>(&self, line: &'a str) -> Result<Request<'a>, RejectReason> {
        let mut fields = Fields::new(Escaping::DoubledQuotes);
        if memchr::memchr(b'"', line.as_bytes()).is_none() {
            self.split_plain(line, &mut fields)?;
        } else {
            self.split_quoted(line, &mut fields)?;
        }
        if self.guarded {
            [Field::Path, Field::Agent, Field::Region].into_iter().for_each(|field| fields.undo_guard(field));
        }
        fields.request(self.naming)
    }

    fn split_plain<'a>(&self, line: &'a str, fields: &mut Fields<'a>) -> Result<(), RejectReason> {
        let mut columns = self.fields.iter();
        let mut start = 0;
        let needle = u64::from_ne_bytes([self.separator; 8]);
        let (blocks, tail) = line.as_bytes().as_chunks::<64>();
        let mut last = [0; 64];
        last.iter_mut().zip(tail).for_each(|(to, &from)| *to = from);
        for (number, block) in blocks.iter().chain([&last]).enumerate() {
            let mut mask = positions(block, needle);
            while mask != 0 {
                let end = number * 64 + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let &field = columns.next().ok_or(RejectReason::Columns)?;
                fields.set_plain(field, line.get(start..end).unwrap_or_default());
                start = end + 1;
            }
        }
        let &field = columns.next().ok_or(RejectReason::Columns)?;
        fields.set_plain(field, line.get(start..).unwrap_or_default());
        columns.next().map_or(Ok(()), |_| Err(RejectReason::Columns))
    }

    fn split_quoted<'a>(&self, line: &'a str, fields: &mut Fields<'a>) -> Result<(), RejectReason> {
        let mut columns = self.fields.iter();
        let mut rest = Some(line);
        while let Some(text) = rest {
            let cell = next_cell(text, self.separator)?;
            let &field = columns.next().ok_or(RejectReason::Columns)?;
            fields.set(field, cell.text, cell.escaped);
            rest = cell.rest;
        }
        columns.next().map_or(Ok(()), |_| Err(RejectReason::Columns))
    }
}

/// Whether a spreadsheet takes a text for a formula, or loses its beginning.
#[must_use]
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Where a byte stands in a block, as one bit per byte; the byte comes repeated eight times.
///
/// Eight bytes at a time in plain integers: a call of a vector search per column costs more than the column.
fn positions(block: &[u8; 64], needle: u64) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // Brings the high bits of eight bytes together in the top byte.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for (number, word) in words.iter().enumerate() {
        let differing = u64::from_le_bytes(*word) ^ needle;
        let equal = !(((differing & LOW_BITS) + LOW_BITS) | differing | LOW_BITS);
        mask |= (equal.wrapping_mul(GATHER) >> 56) << (number * 8);
    }
    mask
}

/// Cuts off the first cell. A quote inside a cell that does not begin with one is just a character.
pub(super) fn next_cell(line: &str, separator: u8) -> Result<Cell<'_>, RejectReason> {
    let bytes = line.as_bytes();
    if bytes.first() != Some(&b'"') {
        let Some(end) = memchr::memchr(separator, bytes) else {
            return Ok(Cell { text: line, escaped: false, rest: None });
        };
        return Ok(Cell { text: line.get(..end).unwrap_or_default(), escaped: false, rest: line.get(end + 1..) });
    }
    let mut escaped = false;
    let mut from = 1;
    loop {
        let ahead = bytes.get(from..).unwrap_or_default();
        let end = from + memchr::memchr(b'"', ahead).ok_or(RejectReason::OpenQuote)?;
        let text = line.get(1..end).unwrap_or_default();
        match bytes.get(end + 1) {
            Some(b'"') => {
                escaped = true;
                from = end + 2;
            }
            None => return Ok(Cell { text, escaped, rest: None }),
            Some(&byte) if byte == separator => return Ok(Cell { text, escaped, rest: line.get(end + 2..) }),
            Some(_) => return Err(RejectReason::BadSyntax),
        }
    }
}
