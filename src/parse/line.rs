//! The line parser: one dialect, chosen from a file's first line or by name, applied to every line of that file.

use std::sync::Arc;

use super::breakdown::BreakdownParser;
use super::fields::Naming;
use super::flat::Habits;
use super::request::Request;
use super::table::Table;
use super::{caddy, combined, json, nginx, s3, traefik};
use crate::model::{Format, RejectReason};

/// The longest line that is read, in bytes, without its newline.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line, without its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// It is text without a NUL.
    Text(&'a str),
    /// It may be anything.
    Bytes(&'a [u8]),
}

impl<'a> Line<'a> {
    /// The bytes of the line.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Line::Text(text) => text.as_bytes(),
            Line::Bytes(bytes) => bytes,
        }
    }
}

/// Reads the lines of one file. Cheap to clone: lines of one file may be read on several threads.
#[derive(Clone, Debug)]
pub struct LineParser {
    dialect: Dialect,
    /// The first line, if it is a header.
    header: Option<Arc<[u8]>>,
}

#[derive(Clone, Debug)]
enum Dialect {
    Table(Arc<Table>),
    Json(Naming),
    Combined,
    Caddy,
    S3,
}

/// Whether a line holds nothing but blanks. Such lines are not counted and never parsed.
#[must_use]
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

impl LineParser {
    /// Recognises a file by its first line that is not blank. `None` if no known format begins like this.
    #[must_use]
    pub fn detect(first_line: &[u8]) -> Option<LineParser> {
        let text = checked(first_line).ok()?;
        if text.trim_start().starts_with('{') {
            let has = |key: &str| memchr::memmem::find(text.as_bytes(), key.as_bytes()).is_some();
            return match () {
                () if has("\"repoName\"") => Some(Self::json(Naming::HuggingFace)),
                () if nginx::is_likely(text) => Some(Self::json(Naming::Nginx)),
                () if traefik::is_likely(text) => Some(Self::json(Naming::Traefik)),
                () if caddy::is_likely(text) => Some(Self::plain(Dialect::Caddy)),
                () if has("\"ts\"") => Some(Self::json(Naming::Events)),
                () => None,
            };
        }
        // It names a time and a repo as exports of requests do, and holds none.
        if BreakdownParser::from_header(first_line).is_some() {
            return None;
        }
        Self::table(text, Naming::HuggingFace)
            .or_else(|| Self::table(text, Naming::Events))
            .or_else(|| combined::is_likely(text).then_some(Self::plain(Dialect::Combined)))
            .or_else(|| s3::is_likely(text).then_some(Self::plain(Dialect::S3)))
    }

    /// The parser of a format the user named, with the file's first line that is not blank.
    ///
    /// # Errors
    /// One sentence with its remedy, if the format needs a header and this is none. It does not quote the line.
    pub fn for_format(format: Format, first_line: &[u8]) -> Result<LineParser, String> {
        let text = checked(first_line).unwrap_or_default();
        let is_json = text.trim_start().starts_with('{');
        match format {
            Format::Combined => Ok(Self::plain(Dialect::Combined)),
            Format::CaddyJson => Ok(Self::plain(Dialect::Caddy)),
            Format::TraefikJson => Ok(Self::json(Naming::Traefik)),
            Format::S3 => Ok(Self::plain(Dialect::S3)),
            Format::NginxJson => Ok(Self::json(Naming::Nginx)),
            Format::HfExport if is_json => Ok(Self::json(Naming::HuggingFace)),
            Format::HfExport => Self::table(text, Naming::HuggingFace).ok_or_else(|| {
                "a Hugging Face export starts with a header that names at least timestamp and repoName, and this file does not: \
                 put the header line back, or name another format"
                    .to_owned()
            }),
            // Without a header it can only be NDJSON, and a broken first line of that costs one line.
            Format::Events => Ok(Self::table(text, Naming::Events).unwrap_or_else(Self::events)),
        }
    }

    /// The parser of our own NDJSON events, for bodies that say what they are.
    #[must_use]
    pub fn events() -> LineParser {
        Self::json(Naming::Events)
    }

    fn json(naming: Naming) -> LineParser {
        LineParser { dialect: Dialect::Json(naming), header: None }
    }

    fn plain(dialect: Dialect) -> LineParser {
        LineParser { dialect, header: None }
    }

    fn table(header: &str, naming: Naming) -> Option<LineParser> {
        let table = Table::from_header(header, naming)?;
        Some(LineParser { dialect: Dialect::Table(Arc::new(table)), header: Some(header.as_bytes().into()) })
    }

    /// Whether the first line is a header, which is no line of the log.
    #[must_use]
    pub fn header(&self) -> bool {
        self.header.is_some()
    }

    /// Whether a line repeats the header, as it does where files were joined.
    #[must_use]
    pub fn is_header(&self, line: &[u8]) -> bool {
        self.header.as_deref().is_some_and(|header| header == trimmed(line))
    }

    /// The format the lines are in.
    #[must_use]
    pub fn format(&self) -> Format {
        let naming = match &self.dialect {
            Dialect::Combined => return Format::Combined,
            Dialect::Caddy => return Format::CaddyJson,
            Dialect::S3 => return Format::S3,
            Dialect::Json(naming) => *naming,
            Dialect::Table(table) => table.naming(),
        };
        match naming {
            Naming::HuggingFace => Format::HfExport,
            Naming::Events => Format::Events,
            Naming::Nginx => Format::NginxJson,
            Naming::Traefik => Format::TraefikJson,
        }
    }

    /// Begins to read lines that follow each other.
    #[must_use]
    pub fn reader(&self) -> LineReader<'_> {
        let naming = if let Dialect::Json(naming) = &self.dialect { *naming } else { Naming::Events };
        LineReader { dialect: &self.dialect, habits: Habits::of(naming) }
    }

    /// Reads one line that stands alone.
    ///
    /// # Errors
    /// As [`LineReader::parse`].
    pub fn parse<'a>(&self, line: &'a [u8]) -> Result<Request<'a>, RejectReason> {
        self.reader().parse(line)
    }

    /// Reads the last line of a file that does not end in a newline: if it cannot be understood, it was cut off. A line of
    /// a table may always have been, since its last column has no end of its own.
    ///
    /// # Errors
    /// `CutOff`, or `TooLong`.
    pub fn parse_unterminated<'a>(&self, line: &'a [u8]) -> Result<Request<'a>, RejectReason> {
        if matches!(self.dialect, Dialect::Table(_)) && line.len() <= LINE_BYTES_MAX {
            return Err(RejectReason::CutOff);
        }
        self.parse(line).map_err(|reason| match reason {
            RejectReason::TooLong => RejectReason::TooLong,
            _ => RejectReason::CutOff,
        })
    }
}

/// Reads lines one after the other: what one was like helps to read the next.
#[derive(Clone, Debug)]
pub struct LineReader<'p> {
    dialect: &'p Dialect,
    habits: Habits,
}

impl LineReader<'_> {
    /// Reads one line, without its newline. A carriage return at its end and a byte order mark are ignored.
    ///
    /// # Errors
    /// The reason why the line cannot be understood; it says nothing about any other line.
    pub fn parse<'a>(&mut self, line: &'a [u8]) -> Result<Request<'a>, RejectReason> {
        self.parse_checked(checked(line)?)
    }

    /// Reads one line of which more may be known than its bytes.
    ///
    /// # Errors
    /// As [`LineReader::parse`].
    pub fn parse_line<'a>(&mut self, line: Line<'a>) -> Result<Request<'a>, RejectReason> {
        match line {
            Line::Text(text) if text.len() <= LINE_BYTES_MAX => self.parse_checked(trimmed_text(text)),
            line => self.parse(line.bytes()),
        }
    }

    fn parse_checked<'a>(&mut self, text: &'a str) -> Result<Request<'a>, RejectReason> {
        match self.dialect {
            Dialect::Table(table) => table.parse(text),
            Dialect::Json(Naming::Nginx) => nginx::parse(text, &mut self.habits),
            Dialect::Json(Naming::Traefik) => traefik::parse(text, &mut self.habits),
            Dialect::Json(_) => json::parse(text, &mut self.habits),
            Dialect::Combined => combined::parse(text),
            Dialect::Caddy => caddy::parse(text),
            Dialect::S3 => s3::parse(text),
        }
    }
}

fn trimmed_text(line: &str) -> &str {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.strip_prefix('\u{feff}').unwrap_or(line)
}

pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
}

pub(super) fn checked(line: &[u8]) -> Result<&str, RejectReason> {
    if line.len() > LINE_BYTES_MAX {
        return Err(RejectReason::TooLong);
    }
    let line = trimmed(line);
    if memchr::memchr(0, line).is_some() {
        return Err(RejectReason::ControlByte);
    }
    std::str::from_utf8(line).map_err(|_| RejectReason::BadUtf8)
}
