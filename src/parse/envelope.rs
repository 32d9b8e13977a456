//! What a log shipper sends: records of its own, each with a line of the log that it followed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::Naming;
use super::flat::Habits;
use super::json;
use super::line::{LineParser, checked};
use super::request::Request;
use crate::model::{Format, RejectReason};

/// Where shippers put the line: Vector and Logstash in `message`, Fluent Bit in `log` or, from the journal, `MESSAGE`.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    log: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "MESSAGE")]
    journal: Option<&'a RawValue>,
}

/// Reads items of pushed bodies one after the other: what one was like helps to read the next.
#[derive(Clone, Debug)]
pub struct ItemReader {
    events: Habits,
}

impl Default for ItemReader {
    fn default() -> ItemReader {
        ItemReader { events: Habits::of(Naming::Events) }
    }
}

impl ItemReader {
    /// Reads an item of a JSON body: an event of ours, else the line of a log inside a shipper's record, else a line of a
    /// JSON log into which a shipper mixed fields of its own. Gives the format it was read in too.
    pub fn read_item<T>(&mut self, item: &[u8], take: impl FnOnce(Format, Result<Request<'_>, RejectReason>) -> T) -> T {
        let own = checked(item).and_then(|text| json::parse(text, &mut self.events));
        if own.is_ok() {
            return take(Format::Events, own);
        }
        match carried(item) {
            Some(line) => self.read_line(line.as_bytes(), take),
            None => match recognised(item) {
                Some(parser) => take(parser.format(), parser.parse(item)),
                None => take(Format::Events, own),
            },
        }
    }

    /// Reads a line of a log of which nothing is known: every line tells its format by itself.
    pub fn read_line<T>(&mut self, line: &[u8], take: impl FnOnce(Format, Result<Request<'_>, RejectReason>) -> T) -> T {
        // Most lines are events of ours, and to be sure of that costs less than to ask what they are.
        let own = checked(line).ok().and_then(|text| json::parse_own(text, &mut self.events));
        if let Some(request) = own {
            return take(Format::Events, request);
        }
        match recognised(line) {
            Some(parser) => take(parser.format(), parser.parse(line)),
            None => take(Format::Combined, Err(RejectReason::UnknownLine)),
        }
    }
}

/// The parser of a line that stands alone. A header of a table is none: its lines would not be understood without it.
fn recognised(line: &[u8]) -> Option<LineParser> {
    LineParser::detect(line).filter(|parser| !parser.header())
}

/// The line in a shipper's record: a text, or an object where the shipper has read the line as JSON.
fn carried(item: &[u8]) -> Option<Cow<'_, str>> {
    let record: Record<'_> = serde_json::from_slice(item).ok()?;
    let value = record.message.or(record.log).or(record.journal)?.get();
    if value.starts_with('{') {
        return Some(Cow::Borrowed(value));
    }
    let text: String = serde_json::from_str(value).ok()?;
    let line = text.trim_end_matches(['\n', '\r']);
    Some(Cow::Owned(line.to_owned()))
}
