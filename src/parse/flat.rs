//! Flat JSON objects as log writers write them, read without a JSON reader.
//!
//! An object of plain texts, plain numbers and literals, with blanks where encoders put them, is cut into keys and values
//! here. For all else (escapes, nesting, exponents, whatever is no JSON) there is a reader that knows the whole of JSON.

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
    let mut reader = Reader { text, at: 0 };
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

    /// A text in quotes.
    fn plain_text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        self.at += first_special(self.text.as_bytes().get(start..)?)?;
        let text = self.text.get(start..self.at);
        self.take(b'"')?;
        text
    }
}

/// Where the first quote, backslash or control character stands, eight bytes at a time.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    // Sets the high bits of bytes that are below `bound`, 128 at most; above the first one it may set others too.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGH_BITS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let special = quote | backslash | below(word, 0x20);
        if special != 0 {
            return Some(number * 8 + special.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(words.len() * 8 + at)
}
