//! The download breakdown of a publisher: daily figures of repos as another system, or another hubtally, counted them.

use super::breakdown_json::begins_list;
use super::line::{checked, trimmed};
use super::table::next_cell;
use super::timestamp::parse_instant;
use crate::model::{Day, Downloads, RejectReason, RepoKey, RepoKind, RepoName};

/// The columns that are read; others may stand between them.
const COLUMNS: [&str; 5] = ["repoType", "repoName", "total", "timestamp", "downloads"];

/// One line: a day of a repo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakdownLine {
    pub repo: RepoKey,
    /// All downloads of the repo, those of days that are not listed too; the same on each of its lines.
    pub total: Downloads,
    pub day: Day,
    pub downloads: Downloads,
}

/// Reads one breakdown.
#[derive(Clone, Debug)]
pub enum BreakdownParser {
    Table(BreakdownTable),
    /// A list of repos in JSON, which `BreakdownEntries` cuts.
    List,
}

/// Reads the lines of a table.
#[derive(Clone, Debug)]
pub struct BreakdownTable {
    separator: u8,
    header: Box<[u8]>,
    /// Which of [`COLUMNS`] each column is, from left to right.
    columns: Vec<Option<usize>>,
}

impl BreakdownParser {
    /// The parser of a file with this header, or with this line at the beginning of a list; `None` if it is none of a
    /// breakdown.
    #[must_use]
    pub fn from_header(line: &[u8]) -> Option<BreakdownParser> {
        if begins_list(line) {
            return Some(BreakdownParser::List);
        }
        BreakdownTable::from_header(line).map(BreakdownParser::Table)
    }
}

impl BreakdownTable {
    /// All five columns are named, once each.
    fn from_header(line: &[u8]) -> Option<BreakdownTable> {
        let text = checked(line).ok()?;
        [b',', b'\t'].into_iter().find_map(|separator| {
            let mut columns = Vec::new();
            let mut rest = Some(text);
            while let Some(cells) = rest {
                let cell = next_cell(cells, separator).ok()?;
                columns.push(COLUMNS.iter().position(|name| *name == cell.text.trim()));
                rest = cell.rest;
            }
            let once = |wanted: usize| columns.iter().filter(|column| **column == Some(wanted)).count() == 1;
            let header = text.as_bytes().into();
            (0..COLUMNS.len()).all(once).then_some(BreakdownTable { separator, header, columns })
        })
    }

    /// Whether a line repeats the header, as it does where files were joined.
    #[must_use]
    pub fn is_header(&self, line: &[u8]) -> bool {
        *self.header == *trimmed(line)
    }

    /// Reads one line, without its newline.
    ///
    /// # Errors
    /// The reason why it cannot be understood.
    pub fn parse(&self, line: &[u8]) -> Result<BreakdownLine, RejectReason> {
        let text = checked(line)?;
        let mut cells = [""; COLUMNS.len()];
        let (mut columns, mut rest) = (self.columns.iter(), Some(text));
        while let Some(ahead) = rest {
            let cell = next_cell(ahead, self.separator)?;
            let column = columns.next().ok_or(RejectReason::Columns)?;
            if let Some(place) = column.and_then(|column| cells.get_mut(column)) {
                *place = cell.text.trim();
            }
            rest = cell.rest;
        }
        if columns.next().is_some() {
            return Err(RejectReason::Columns);
        }
        let [kind, repo, total, timestamp, downloads] = cells;
        let number = |text: &str| text.parse::<u64>().ok().map(Downloads).ok_or(RejectReason::BadField);
        let (repo, day) = (repo_of(kind, repo)?, day_of(timestamp)?);
        Ok(BreakdownLine { repo, total: number(total)?, day, downloads: number(downloads)? })
    }
}

/// The repo of a line.
pub(super) fn repo_of(kind: &str, name: &str) -> Result<RepoKey, RejectReason> {
    if name.is_empty() {
        return Err(RejectReason::MissingRepo);
    }
    let kind = RepoKind::from_word(kind).ok_or(RejectReason::BadKind)?;
    let name = RepoName::parse(name).ok_or(RejectReason::BadRepo)?;
    Ok(RepoKey { kind, name })
}

/// The day of a line. A spreadsheet that saved the file may have left nothing but the day.
pub(super) fn day_of(timestamp: &str) -> Result<Day, RejectReason> {
    match Day::parse(timestamp) {
        Some(day) => Ok(day.start().accepted().ok_or(RejectReason::TimeOutOfRange)?.day()),
        None => Ok(parse_instant(timestamp)?.day()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"repoType,repoName,total,timestamp,downloads";

    #[test]
    fn a_breakdown_is_known_by_its_header_and_nothing_else_is() {
        assert!(BreakdownParser::from_header(HEADER).is_some());
        assert!(BreakdownParser::from_header(b"\xef\xbb\xbfrepoType\trepoName\tnote\ttotal\ttimestamp\tdownloads\r").is_some());
        for other in [
            "timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent",
            "repoType,repoName,total,timestamp",
            "repoType,repoName,total,timestamp,downloads,total",
            "model,acme/bert,9,2026-01-01T00:00:00.000Z,4",
            "",
        ] {
            assert!(BreakdownParser::from_header(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_line_is_a_day_of_a_repo_or_costs_itself() {
        let parser = BreakdownTable::from_header(HEADER).unwrap();
        let line = parser.parse(b"model,\"acme/bert\",9,2026-01-02T00:00:00.000Z,4\r").unwrap();
        assert_eq!((line.repo.name.as_str(), line.total, line.downloads), ("acme/bert", Downloads(9), Downloads(4)));
        assert_eq!(line.day, Day::parse("2026-01-02").unwrap());
        assert_eq!(parser.parse(b"model,acme/bert,9,2026-01-02,4").unwrap(), line);
        assert!(parser.is_header(b"repoType,repoName,total,timestamp,downloads\r"));
        for (text, reason) in [
            ("model,acme/bert,9,2026-01-02,4,5", RejectReason::Columns),
            ("model,acme/bert,9,2026-01-02", RejectReason::Columns),
            ("kernel,acme/bert,9,2026-01-02,4", RejectReason::BadKind),
            ("model,,9,2026-01-02,4", RejectReason::MissingRepo),
            ("model,a/b/c,9,2026-01-02,4", RejectReason::BadRepo),
            ("model,acme/bert,many,2026-01-02,4", RejectReason::BadField),
            ("model,acme/bert,9,2026-01-02,-4", RejectReason::BadField),
            ("model,acme/bert,9,soon,4", RejectReason::BadTime),
            ("model,acme/bert,9,1999-01-02,4", RejectReason::TimeOutOfRange),
            ("model,\"acme/bert,9,2026-01-02,4", RejectReason::OpenQuote),
        ] {
            assert_eq!(parser.parse(text.as_bytes()), Err(reason), "{text}");
        }
    }
}
