//! Flat JSON objects as log writers write them, read without a JSON reader.
//!
//! An object of plain texts, plain numbers and literals, with blanks where encoders put them, is cut into keys and values
//! here. For all else (escapes, nesting, exponents, whatever is no JSON) there is a reader that knows the whole of JSON.

use super::fields::{Field, Naming};
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

/// What stands between the values of objects that one writer wrote: after each field what came last time, so that what
/// comes again is recognised at once, wherever fields are left out.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    naming: Naming,
    /// By the field before it; at last what objects begin with.
    after: [Habit; Field::COUNT + 1],
}

/// What stood between two values: `,"key":`, and the quote of a text.
#[derive(Clone, Copy, Debug)]
struct Habit {
    bytes: u128,
    mask: u128,
    len: usize,
    field: Field,
    is_text: bool,
}

/// Objects begin so.
const START: usize = Field::COUNT;

/// Longer ones are not remembered.
const HABIT_BYTES_MAX: usize = 16;

impl Habit {
    /// It stands nowhere: no byte of it is 1.
    const NONE: Habit = Habit { bytes: 1, mask: 0, len: 0, field: Field::Unknown, is_text: false };

    fn of(bytes: &[u8], field: Field, is_text: bool) -> Option<Habit> {
        let mut padded = [0; HABIT_BYTES_MAX];
        padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let mask = u128::MAX.checked_shr(8 * (HABIT_BYTES_MAX - bytes.len()) as u32).unwrap_or(0);
        Some(Habit { bytes: u128::from_le_bytes(padded), mask, len: bytes.len(), field, is_text })
    }
}

impl Habits {
    /// Nothing was read yet of objects with these names.
    pub(super) fn of(naming: Naming) -> Habits {
        Habits { naming, after: [Habit::NONE; Field::COUNT + 1] }
    }

    /// Whose names the fields go by.
    pub(super) fn naming(&self) -> Naming {
        self.naming
    }
}

/// Hands out the fields and values of an object in their order; `None` if this is not such an object, whatever was handed
/// out till then.
pub(super) fn each<'a>(text: &'a str, habits: &mut Habits, mut take: impl FnMut(Field, Value<'a>)) -> Option<()> {
    let mut reader = Reader { text, at: 0, quotes: Quotes::of(text)? };
    let mut before = START;
    loop {
        let (field, is_text) = match habits.after.get(before).filter(|habit| reader.stands(habit)) {
            Some(habit) => {
                reader.at += habit.len;
                (habit.field, habit.is_text)
            }
            None => {
                let start = reader.at;
                reader.take(if before == START { b'{' } else { b',' })?;
                reader.skip_blanks();
                if before == START && reader.peek() == Some(b'}') {
                    return reader.end();
                }
                let field = habits.naming.field(reader.key()?);
                let is_text = reader.peek() == Some(b'"');
                reader.at += usize::from(is_text);
                let between = text.as_bytes().get(start..reader.at)?;
                if let (Some(known), Some(habit)) = (habits.after.get_mut(before), Habit::of(between, field, is_text)) {
                    *known = habit;
                }
                (field, is_text)
            }
        };
        let value = if is_text {
            Value::Text(reader.rest_of_text()?)
        } else {
            // There were none last time.
            reader.skip_blanks();
            reader.value()?
        };
        take(field, value);
        before = field as usize;
        reader.skip_blanks();
        if reader.peek() == Some(b'}') {
            return reader.end();
        }
    }
}

/// A place in an object. Byte by byte: prefixes of texts are compared by a call each.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    quotes: Quotes<'a>,
}

impl<'a> Reader<'a> {
    /// Whether a habit is what comes next. Near the end of the text that is not asked.
    #[inline(always)]
    fn stands(&self, habit: &Habit) -> bool {
        let next = self.text.as_bytes().get(self.at..).and_then(|rest| rest.first_chunk());
        next.is_some_and(|next| u128::from_le_bytes(*next) & habit.mask == habit.bytes)
    }

    /// A key, and what leads to its value.
    fn key(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let key = self.rest_of_text()?;
        self.skip_blanks();
        self.take(b':')?;
        self.skip_blanks();
        Some(key)
    }

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
            b'"' => {
                self.at += 1;
                self.rest_of_text().map(Value::Text)
            }
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

    /// What is left of a text up to its quote, with the quote passed: none stands in a text.
    #[inline(always)]
    fn rest_of_text(&mut self) -> Option<&'a str> {
        let end = self.quotes.next_from(self.at)?;
        let text = self.text.get(self.at..end);
        self.at = end + 1;
        text
    }
}

/// Where the quotes of a text stand.
struct Quotes<'a> {
    blocks: &'a [[u8; BLOCK_BYTES]],
    last: [u8; BLOCK_BYTES],
    /// The block that was looked at, and its quotes.
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

    /// The first quote from a place on.
    #[inline(always)]
    fn next_from(&mut self, at: usize) -> Option<usize> {
        if at / BLOCK_BYTES != self.number {
            self.go_to(at / BLOCK_BYTES)?;
        }
        let mut mask = self.mask & u64::MAX << (at % BLOCK_BYTES);
        while mask == 0 {
            self.go_to(self.number + 1)?;
            mask = self.mask;
        }
        Some(self.number * BLOCK_BYTES + mask.trailing_zeros() as usize)
    }

    #[inline(never)]
    fn go_to(&mut self, number: usize) -> Option<()> {
        let block = if number == self.blocks.len() { &self.last } else { self.blocks.get(number)? };
        (self.number, self.mask) = (number, places::places(block, b'"'));
        Some(())
    }
}
