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
    let mut rest = blanks(text.strip_prefix('{')?);
    if let Some(end) = rest.strip_prefix('}') {
        return blanks(end).is_empty().then_some(());
    }
    loop {
        let (key, behind) = plain_text(rest)?;
        let (value, behind) = value(blanks(blanks(behind).strip_prefix(':')?))?;
        take(key, value);
        let behind = blanks(behind);
        match behind.strip_prefix(',') {
            Some(next) => rest = blanks(next),
            None => return blanks(behind.strip_prefix('}')?).is_empty().then_some(()),
        }
    }
}

fn blanks(text: &str) -> &str {
    let blanks = text.bytes().take_while(|byte| *byte == b' ').count();
    text.get(blanks..).unwrap_or_default()
}

fn value(text: &str) -> Option<(Value<'_>, &str)> {
    match text.as_bytes().first()? {
        b'"' => plain_text(text).map(|(text, rest)| (Value::Text(text), rest)),
        b'-' | b'0'..=b'9' => number(text).map(|(number, rest)| (Value::Number(number), rest)),
        b'n' => text.strip_prefix("null").map(|rest| (Value::Null, rest)),
        b't' => text.strip_prefix("true").map(|rest| (Value::Bool, rest)),
        b'f' => text.strip_prefix("false").map(|rest| (Value::Bool, rest)),
        _ => None,
    }
}

/// Digits without a zero in front, and maybe a point with digits behind it.
fn number(text: &str) -> Option<(&str, &str)> {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let bytes = text.as_bytes();
    let start = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(bytes.get(start..)?);
    if whole == 0 || (whole > 1 && bytes.get(start) == Some(&b'0')) {
        return None;
    }
    let mut end = start + whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(bytes.get(end + 1..)?);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    let exponent = matches!(bytes.get(end), Some(b'e' | b'E'));
    if exponent { None } else { text.split_at_checked(end) }
}

/// A text in quotes, and what follows it.
fn plain_text(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = first_special(inner.as_bytes())?;
    let (text, rest) = inner.split_at_checked(end)?;
    Some((text, rest.strip_prefix('"')?))
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
