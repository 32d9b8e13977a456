//! The breakdown as JSON, in which Hugging Face gave it out before October 2024: a list of repos, each with its days.

use std::fmt;
use std::io::{self, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::breakdown::{BreakdownLine, day_of, repo_of};
use super::chunks::CHUNK_BYTES;
use crate::model::{Downloads, RejectReason};

/// Bytes of one entry: a repo with a day on each of its records since 2015 takes less than a megabyte.
pub const ENTRY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much of a line is looked at to recognise a list.
const LOOKED_AT: usize = 64 * 1024;

/// Whether a line is, or stands at the beginning of, such a list: on one line or over several, as a list or entry by entry.
pub(super) fn begins_list(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let text = line.get(..LOOKED_AT).unwrap_or(line).trim_ascii();
    let has = |key: &str| memchr::memmem::find(text, key.as_bytes()).is_some();
    match text {
        [b'[' | b'{', ..] => has("\"repoType\"") && has("\"repoName\"") && (has("\"totalDownloads\"") || has("\"records\"")),
        // A list that is written over several lines has a key on each of them.
        [b'"', ..] => ["\"repoType\"", "\"repoName\"", "\"totalDownloads\""]
            .iter()
            .any(|key| text.strip_prefix(key.as_bytes()).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))),
        _ => false,
    }
}

/// One entry of a list, as it stands in the text.
#[derive(Debug)]
pub struct BreakdownEntry {
    /// 1-based, among those read.
    pub number: u64,
    /// The line it begins on.
    pub line: u64,
    /// The reason is that it is too long.
    pub text: Result<Vec<u8>, RejectReason>,
}

/// Why a list cannot be cut into entries: then nothing in it can be told apart. Holds a place, never text.
#[derive(Debug)]
pub enum BreakdownListError {
    Unreadable(io::Error),
    /// It ends inside a list or an entry; the line is its last one.
    BreaksOff(u64),
    /// Something stands between entries on this line.
    Unexpected(u64),
}

impl fmt::Display for BreakdownListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BreakdownListError::Unreadable(error) => error.fmt(f),
            BreakdownListError::BreaksOff(line) => write!(f, "the list of repositories breaks off on line {line}"),
            BreakdownListError::Unexpected(line) => write!(f, "what stands on line {line} is no list of repositories"),
        }
    }
}

impl std::error::Error for BreakdownListError {}

/// Cuts a stream into entries, one of which is held at a time.
pub struct BreakdownEntries<R> {
    reader: R,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    number: u64,
    in_list: bool,
    offset: u64,
}

impl<R: Read> BreakdownEntries<R> {
    /// Reads from the start of a line outside any list: its offset and 1-based number.
    pub fn starting_at(reader: R, offset: u64, line: u64) -> BreakdownEntries<R> {
        BreakdownEntries { reader, buffer: Vec::new(), at: 0, line, number: 0, in_list: false, offset }
    }

    /// Bytes of the stream up to here.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of this line.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// When the stream fails, or is no list.
    pub fn next_entry(&mut self) -> Result<Option<BreakdownEntry>, BreakdownListError> {
        loop {
            let Some(byte) = self.byte()? else {
                return if self.in_list { Err(BreakdownListError::BreaksOff(self.line)) } else { Ok(None) };
            };
            match byte {
                byte if byte.is_ascii_whitespace() => {}
                // A byte order mark.
                0xef | 0xbb | 0xbf if self.offset <= 3 => {}
                b',' if self.in_list => {}
                b'[' if !self.in_list => self.in_list = true,
                b']' if self.in_list => self.in_list = false,
                b'}' | b':' => return Err(BreakdownListError::Unexpected(self.line)),
                byte if self.in_list || byte == b'{' => return self.entry(byte).map(Some),
                _ => return Err(BreakdownListError::Unexpected(self.line)),
            }
        }
    }

    /// Reads an entry to its end.
    fn entry(&mut self, first: u8) -> Result<BreakdownEntry, BreakdownListError> {
        self.number += 1;
        let (number, line) = (self.number, self.line);
        let (mut text, mut too_long) = (Vec::new(), false);
        let (mut nesting, mut byte) = (Nesting::default(), first);
        loop {
            let place = nesting.place(byte);
            if place == Place::Behind {
                self.in_list &= byte != b']';
                break;
            }
            if text.len() < ENTRY_BYTES_MAX {
                text.push(byte);
            } else {
                too_long = true;
            }
            if place == Place::Last {
                break;
            }
            byte = self.byte()?.ok_or(BreakdownListError::BreaksOff(self.line))?;
        }
        Ok(BreakdownEntry { number, line, text: if too_long { Err(RejectReason::TooLong) } else { Ok(text) } })
    }

    fn byte(&mut self) -> Result<Option<u8>, BreakdownListError> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            let read = self.reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.buffer);
            read.map_err(BreakdownListError::Unreadable)?;
        }
        let byte = self.buffer.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        self.offset += u64::from(byte.is_some());
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }
}

/// Where in an entry a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    Last,
    /// What is neither an object nor a list ends before the next comma, or with the list around it.
    Behind,
}

/// How deep in brackets a byte stands; those in strings do not count.
#[derive(Default)]
struct Nesting {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    fn place(&mut self, byte: u8) -> Place {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return Place::Inside;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth == 1 => return Place::Last,
            b'}' | b']' if self.depth > 1 => self.depth -= 1,
            b',' | b']' if self.depth == 0 => return Place::Behind,
            _ => {}
        }
        Place::Inside
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    repo_type: Option<String>,
    repo_name: Option<String>,
    total_downloads: u64,
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Record {
    timestamp: String,
    downloads: u64,
}

/// Gives the lines that a table would have for an entry to `each`, one for each of its records: an entry may have millions.
///
/// # Errors
/// The reason why nothing of the entry can be understood; a bad record costs itself.
pub fn for_entry_lines(text: &[u8], each: impl FnMut(Result<BreakdownLine, RejectReason>)) -> Result<(), RejectReason> {
    let entry: Entry<'_> = serde_json::from_slice(text).map_err(|error| reason(&error))?;
    let repo = repo_of(&entry.repo_type.unwrap_or_default(), &entry.repo_name.unwrap_or_default())?;
    let total = Downloads(entry.total_downloads);
    let line = |record: &&RawValue| {
        let record: Record = serde_json::from_str(record.get()).map_err(|error| reason(&error))?;
        Ok(BreakdownLine { repo: repo.clone(), total, day: day_of(&record.timestamp)?, downloads: Downloads(record.downloads) })
    };
    entry.records.iter().map(line).for_each(each);
    Ok(())
}

fn reason(error: &serde_json::Error) -> RejectReason {
    if error.is_data() { RejectReason::BadField } else { RejectReason::BadSyntax }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Result<Vec<String>, String> {
        // A byte at a time, so that no place of a cut matters.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer.get_mut(..1).unwrap_or_default())
            }
        }
        let mut entries = BreakdownEntries::starting_at(Slow(text.as_bytes()), 0, 1);
        let mut cut = Vec::new();
        while let Some(entry) = entries.next_entry().map_err(|error| error.to_string())? {
            let text = String::from_utf8(entry.text.unwrap()).unwrap();
            cut.push(format!("{}@{} {}", entry.number, entry.line, text.trim()));
        }
        assert_eq!(entries.offset(), text.len() as u64);
        Ok(cut)
    }

    #[test]
    fn a_list_is_cut_into_entries_wherever_its_lines_and_brackets_are() {
        assert_eq!(cut("[]"), Ok(Vec::new()));
        assert_eq!(
            cut("\u{feff}[{\"a\":\"}]\\\"\"},\n 7 ,[1],\"x,]\"]\n").unwrap(),
            ["1@1 {\"a\":\"}]\\\"\"}", "2@2 7", "3@2 [1]", "4@2 \"x,]\""]
        );
        assert_eq!(cut("{\"a\":\n1}\n{}\n[null]").unwrap(), ["1@1 {\"a\":\n1}", "2@3 {}", "3@4 null"]);
        for broken in ["[", "[{}", "[{\"a\":[}", "{\"a", "[{}\n,\"", "[1"] {
            assert!(cut(broken).unwrap_err().contains("breaks off"), "{broken}");
        }
        for other in ["x", "[{}] 1", "{}}", "[:]", "[]]", "\"a\""] {
            assert!(cut(other).unwrap_err().contains("is no list of repositories"), "{other}");
        }
    }

    #[test]
    fn a_list_is_recognised_on_one_line_and_over_several_and_no_log_is() {
        for list in [
            "[{\"repoType\":\"model\",\"repoName\":\"a/b\",\"totalDownloads\":1,\"records\":[]}]",
            " [ {\"records\":[],\"repoName\":\"a/b\",\"repoType\":\"model\"",
            "{\"repoType\":\"model\",\"repoName\":\"a/b\",\"totalDownloads\":1",
            "    \"repoType\" : \"model\",\r",
            "\"totalDownloads\": 7,",
        ] {
            assert!(begins_list(list.as_bytes()), "{list}");
        }
        for other in [
            "[",
            "{",
            "repoType,repoName,total,timestamp,downloads",
            "\"repoType\",\"repoName\",\"total\",\"timestamp\",\"downloads\"",
            "{\"timestamp\":1,\"repoType\":\"model\",\"repoName\":\"a/b\"}",
            "",
        ] {
            assert!(!begins_list(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_bad_record_costs_itself_and_a_bad_entry_its_records() {
        let read = |text: &str| {
            let mut found = Vec::new();
            for_entry_lines(text.as_bytes(), |line| found.push(line)).map(|()| found)
        };
        let lines = |fields: &str, records: &str| read(&format!("{{{fields},\"records\":[{records}]}}"));
        let good = "\"repoType\":\"model\",\"repoName\":\"acme/bert\",\"totalDownloads\":9";
        let records = "{\"timestamp\":\"2024-01-02T00:00:00.000Z\",\"downloads\":4},{\"timestamp\":\"soon\",\"downloads\":4},7,\
            {\"timestamp\":\"2024-01-03\",\"downloads\":-1},{\"timestamp\":\"1999-01-03\",\"downloads\":1}";
        let found = lines(good, records).unwrap();
        let line = found.first().unwrap().as_ref().unwrap();
        assert_eq!((line.repo.name.as_str(), line.total, line.downloads), ("acme/bert", Downloads(9), Downloads(4)));
        let wrong: Vec<RejectReason> = found.into_iter().skip(1).map(|line| line.unwrap_err()).collect();
        let field = RejectReason::BadField;
        assert_eq!(wrong, [RejectReason::BadTime, field, field, RejectReason::TimeOutOfRange]);
        for (fields, reason) in [
            (good.replace("\"model\"", "\"kernel\""), RejectReason::BadKind),
            (good.replace("acme/bert", "a/b/c"), RejectReason::BadRepo),
            (good.replace("repoName", "name"), RejectReason::MissingRepo),
            (good.replace('9', "\"9\""), field),
            (good.replace('9', "9,,"), RejectReason::BadSyntax),
        ] {
            assert_eq!(lines(&fields, records), Err(reason), "{fields}");
        }
        assert_eq!(read("7"), Err(field));
    }
}
