//! Flat JSON objects as log writers write them, read without a JSON reader.
//!
//! An object of plain texts, plain numbers and literals, with blanks where encoders put them, is cut into keys and values
//! here. For all else (escapes, nesting, exponents, whatever is no JSON) there is a reader that knows the whole of JSON.

use std::cmp::Ordering;

use super::places::{self, BLOCK_BYTES};

/// A value, as it stands in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Without its quotes; no escape and no control character is in it.
    Text(&'a str),
    Number(&'a str),
    Null,
    Bool,
}

/// Hands out the keys and values of an object in their order; `None` if this is not such an object, whatever was handed out
/// till then.
pub(super) fn each<'a>(text: &'a str, mut take: impl FnMut(&'a str, Value<'a>)) -> Option<()> {
    let mut reader = Reader { text, at: 0, quotes: Quotes::of(text)? };
    reader.take(b'{')?;
    reader.skip_blanks();
    if reader.peek() == Some(b'}') {
        return reader.end();
    }
    loop {
        let key = reader.plain_text()?;
        reader.skip_blanks();
        reader.take(b':')?;
        reader.skip_blanks();
        let value = reader.value()?;
        take(key, value);
        reader.skip_blanks();
        if reader.peek() == Some(b'}') {
            return reader.end();
        }
        reader.take(b',')?;
        reader.skip_blanks();
    }
}

/// A place in an object. Byte by byte: prefixes of texts are compared by a call each.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Those behind `at`.
    quotes: Quotes<'a>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let found = self.peek() == Some(byte);
        self.at += 1;
        found.then_some(())
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// The closing brace, behind which there must be nothing but blanks.
    fn end(&mut self) -> Option<()> {
        self.take(b'}')?;
        self.skip_blanks();
        (self.at == self.text.len()).then_some(())
    }

    #[inline(always)]
    fn value(&mut self) -> Option<Value<'a>> {
        match self.peek()? {
            b'"' => self.plain_text().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            b'n' => self.word("null").map(|()| Value::Null),
            b't' => self.word("true").map(|()| Value::Bool),
            b'f' => self.word("false").map(|()| Value::Bool),
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let end = self.at + word.len();
        let found = self.text.as_bytes().get(self.at..end) == Some(word.as_bytes());
        self.at = end;
        found.then_some(())
    }

    /// Digits without a zero in front, and maybe a point with digits behind it.
    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.skip_digits();
        if whole == 0 || (whole > 1 && first == Some(b'0')) {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.skip_digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) { None } else { self.text.get(start..self.at) }
    }

    /// A text in quotes. None stands elsewhere, so that it ends at the next one.
    #[inline(always)]
    fn plain_text(&mut self) -> Option<&'a str> {
        if self.quotes.next()? != self.at {
            return None;
        }
        let end = self.quotes.next()?;
        let text = self.text.get(self.at + 1..end);
        self.at = end + 1;
        text
    }
}

/// Where the quotes of a text stand.
struct Quotes<'a> {
    blocks: &'a [[u8; BLOCK_BYTES]],
    last: [u8; BLOCK_BYTES],
    /// The block that is looked at, and its quotes that were not told yet.
    number: usize,
    mask: u64,
}

impl<'a> Quotes<'a> {
    /// `None` if there are escapes or control characters.
    fn of(text: &'a str) -> Option<Quotes<'a>> {
        let (blocks, last) = places::blocks(text.as_bytes());
        if blocks.iter().chain([&last]).any(places::has_escape_or_control) {
            return None;
        }
        let mask = places::places(blocks.first().unwrap_or(&last), b'"');
        Some(Quotes { blocks, last, number: 0, mask })
    }

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.mask == 0 {
            self.go_on()?;
        }
        let at = self.number * BLOCK_BYTES + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }

    /// Goes on to the next block that has quotes.
    #[inline(never)]
    fn go_on(&mut self) -> Option<()> {
        while self.mask == 0 {
            self.number += 1;
            let block = match self.number.cmp(&self.blocks.len()) {
                Ordering::Less => self.blocks.get(self.number)?,
                Ordering::Equal => &self.last,
                Ordering::Greater => return None,
            };
            self.mask = places::places(block, b'"');
        }
        Some(())
    }
}
