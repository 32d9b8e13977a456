//! CSV and TSV by header: RFC 4180 without newlines in quotes, since every newline is a fresh start.

use super::fields::{Columns, Field, Fields, Naming};
use super::places::{self, BLOCK_BYTES};
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
    columns: Columns,
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
            let columns = Columns::of(&fields);
            naming.is_readable(&fields).then(|| Table { separator, naming, guarded, fields: fields.into(), columns })
        })
    }

    pub(super) fn naming(&self) -> Naming {
        self.naming
    }

    pub(super) fn parse<'a>(&self, line: &'a str) -> Result<Request<'a>, RejectReason> {
        let mut fields = Fields::of_columns(self.columns);
        if !self.split_plain(line, &mut fields)? {
            fields = Fields::of_columns(self.columns);
            self.split_quoted(line, &mut fields)?;
        }
        if self.guarded {
            [Field::Path, Field::Agent, Field::Region].into_iter().for_each(|field| fields.undo_guard(field));
        }
        fields.request(self.naming)
    }

    /// Splits a line without quotes; `false` if it has one.
    fn split_plain<'a>(&self, line: &'a str, fields: &mut Fields<'a>) -> Result<bool, RejectReason> {
        let mut columns = self.fields.iter();
        let mut start = 0;
        let (blocks, last) = places::blocks(line.as_bytes());
        for (number, block) in blocks.iter().chain([&last]).enumerate() {
            // A quote stands before the separators that it makes part of a cell.
            if places::has_quote(block) {
                return Ok(false);
            }
            let mut mask = places::places(block, self.separator);
            while mask != 0 {
                let end = number * BLOCK_BYTES + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let &field = columns.next().ok_or(RejectReason::Columns)?;
                fields.set_plain(field, line.get(start..end).unwrap_or_default());
                start = end + 1;
            }
        }
        let &field = columns.next().ok_or(RejectReason::Columns)?;
        fields.set_plain(field, line.get(start..).unwrap_or_default());
        columns.next().map_or(Ok(true), |_| Err(RejectReason::Columns))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_splits_as_the_long_one_does() {
        const PIECES: &[&str] =
            &[",", ",", ",", "a", "GET", "é", "\"", "\"\"", "\",\"", "a piece that is longer than a block is wide, whatever"];
        let table = Table::from_header("timestamp,status,method,repoName,userAgent", Naming::HuggingFace).unwrap();
        let mut random = crate::generate::numbers(3);
        let (mut split, mut refused) = (0, 0);
        for _ in 0..200_000 {
            let pieces = if random(2) == 0 { 6 } else { PIECES.len() };
            let line: String = (0..random(14)).map(|_| PIECES[random(pieces)]).collect();
            let (mut short, mut long) = (Fields::of_columns(table.columns), Fields::of_columns(table.columns));
            match table.split_plain(&line, &mut short) {
                Ok(true) => {
                    assert_eq!(table.split_quoted(&line, &mut long), Ok(()), "{line}");
                    let alike =
                        |field: Field| short.text(field) == long.text(field) && short.is_present(field) == long.is_present(field);
                    assert!(
                        [Field::Time, Field::Agent, Field::Path].into_iter().chain(table.fields.clone()).all(alike),
                        "{line}"
                    );
                    split += 1;
                }
                Ok(false) => assert!(line.contains('"'), "{line}"),
                Err(reason) => {
                    assert_eq!(table.split_quoted(&line, &mut long), Err(reason), "{line}");
                    refused += 1;
                }
            }
        }
        assert!(split > 10_000 && refused > 10_000, "{split} split, {refused} refused");
    }
}
