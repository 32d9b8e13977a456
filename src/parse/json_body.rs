//! Pushed JSON bodies: an array, objects over several lines, or NDJSON, cut into items without building a list of them.

use std::fmt;

use serde::de::IgnoredAny;

/// The items of a body with their 1-based numbers: of the line in NDJSON, of the item otherwise.
///
/// Cutting is lazy, since a body of a few megabytes may hold millions of items.
#[derive(Clone, Debug)]
pub struct JsonItems<'a> {
    rest: &'a [u8],
    number: u64,
    layout: Layout,
}

#[derive(Clone, Copy, Debug)]
enum Layout {
    Lines,
    /// Values side by side, with blanks or commas between them.
    Values,
}

/// A body that cannot be cut into items at all. Holds a place, never text of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonBodyError {
    /// 1-based.
    pub line: usize,
    /// 1-based, in bytes.
    pub column: usize,
    /// Whether the body began as an array; as one object otherwise.
    pub array: bool,
}

impl fmt::Display for JsonBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.array { "array" } else { "object" };
        write!(
            f,
            "the JSON {what} breaks off or is damaged at line {}, column {}: send it again whole, or as one object per line",
            self.line, self.column
        )
    }
}

impl std::error::Error for JsonBodyError {}

impl<'a> JsonItems<'a> {
    /// Recognises the layout of a body.
    ///
    /// # Errors
    /// If the body begins as an array, or as one object over several lines, and is not valid as such: then nothing in it can
    /// be told apart. A broken line of NDJSON is no error here, it costs one item.
    pub fn new(body: &'a [u8]) -> Result<JsonItems<'a>, JsonBodyError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let text = body.trim_ascii();
        if let [b'[', inner @ ..] = text {
            serde_json::from_slice::<Vec<IgnoredAny>>(text).map_err(|error| place(&error, true))?;
            let inner = inner.strip_suffix(b"]").unwrap_or(inner);
            return Ok(JsonItems { rest: inner, number: 1, layout: Layout::Values });
        }
        let lines = JsonItems { rest: body, number: 1, layout: Layout::Lines };
        let first_line = text.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
        if !first_line.starts_with(b"{") || serde_json::from_slice::<IgnoredAny>(first_line).is_ok() {
            return Ok(lines);
        }
        let broken = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>().find_map(Result::err);
        match broken {
            None => Ok(JsonItems { rest: text, number: 1, layout: Layout::Values }),
            // A lone brace begins an object over several lines; anything longer is a broken line.
            Some(error) if first_line == b"{" => Err(place(&error, false)),
            Some(_) => Ok(lines),
        }
    }

    fn next_line(&mut self) -> Option<(u64, &'a [u8])> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let (line, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest.get(1..).unwrap_or_default();
            let number = self.number;
            self.number += 1;
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Some((number, line));
            }
        }
        None
    }

    fn next_value(&mut self) -> Option<(u64, &'a [u8])> {
        let skipped = self.rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count();
        let text = self.rest.get(skipped..).filter(|text| !text.is_empty())?;
        let (value, rest) = text.split_at_checked(value_end(text))?;
        self.rest = rest;
        let number = self.number;
        self.number += 1;
        Some((number, value.trim_ascii_end()))
    }
}

impl<'a> Iterator for JsonItems<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Values => self.next_value(),
        }
    }
}

fn place(error: &serde_json::Error, array: bool) -> JsonBodyError {
    JsonBodyError { line: error.line(), column: error.column(), array }
}

/// Where the first of several valid values ends. Brackets in strings do not count.
fn value_end(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if in_string => {
                bytes.next();
            }
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}
