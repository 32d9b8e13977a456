//! CSV as RFC 4180 has it, with text fields that no spreadsheet takes for a formula.

use std::fmt::{Display, Write as _};

use crate::model::{DayRange, Method, RangeFlag, RepoKey};
use crate::parse::is_formula;
use crate::query::{AccessColumns, AccessRow, DayRow, RepoHistory};

/// The header of the breakdown export, exactly as publishers' scripts expect it.
pub const BREAKDOWN_HEADER: &str = "repoType,repoName,total,timestamp,downloads\n";

/// The columns of a repo's daily figures, as the seeds' own export names them.
const DAY_COLUMNS: &str = "date,downloads,authenticated,anonymous,files";

/// Rows of fields separated by commas; the only place that escapes.
#[derive(Default)]
pub struct CsvWriter {
    text: String,
    row_started: bool,
}

impl CsvWriter {
    /// Adds a number, a date or another field whose text cannot hold a separator.
    pub fn plain(&mut self, value: impl Display) -> &mut Self {
        self.separate();
        let _ = write!(self.text, "{value}");
        self
    }

    /// Adds text that people chose. A leading `=`, `+`, `-`, `@`, tab or carriage return gets a quote in front,
    /// because spreadsheets would run it as a formula; so does a text that looks as if it had got one, so that whoever
    /// takes one quote away has the text as it was.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        let defused = if is_formula(value.trim_start_matches('\'')) { "'" } else { "" };
        if value.contains(['"', ',', '\n', '\r']) {
            let _ = write!(self.text, "\"{defused}{}\"", value.replace('"', "\"\""));
        } else {
            let _ = write!(self.text, "{defused}{value}");
        }
        self
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.text.push('\n');
        self.row_started = false;
    }

    /// What was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if self.row_started {
            self.text.push(',');
        }
        self.row_started = true;
    }
}

/// Daily figures with a header; the column of unique downloaders is there when a row has them.
#[must_use]
pub fn days(rows: &[DayRow]) -> String {
    let uniques = rows.iter().any(|row| row.uniques.is_some());
    let mut csv = CsvWriter::default();
    csv.plain(DAY_COLUMNS);
    if uniques {
        csv.plain("unique_downloaders");
    }
    csv.end_row();
    for row in rows {
        csv.plain(row.day).plain(row.counts.downloads().0);
        csv.plain(row.counts.authenticated.0).plain(row.counts.anonymous.0).plain(row.counts.files.0);
        if uniques {
            csv.plain(row.uniques.map_or(0, |uniques| uniques.0));
        }
        csv.end_row();
    }
    csv.into_text()
}

/// One row of figures for a range of days, under a header.
#[must_use]
pub fn figures(range: DayRange, figures: &[(&str, u64)]) -> String {
    let mut csv = CsvWriter::default();
    csv.plain("from").plain("to");
    for (name, _) in figures {
        csv.plain(name);
    }
    csv.end_row();
    csv.plain(range.first).plain(range.last);
    for (_, figure) in figures {
        csv.plain(figure);
    }
    csv.end_row();
    csv.into_text()
}

/// The header of the access-log export: Hugging Face's ten columns, and what else counts.
#[must_use]
pub fn access_log_header(columns: AccessColumns) -> &'static str {
    match columns {
        AccessColumns::Ten => "timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent\n",
        AccessColumns::All => {
            "timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent,path,range\n"
        }
    }
}

/// The access-log lines of one repo on one day. `exported` writes a downloader.
#[must_use]
pub fn access_log(repo: &RepoKey, rows: &[AccessRow], columns: AccessColumns, exported: impl Fn(&AccessRow) -> String) -> String {
    let mut csv = CsvWriter::default();
    for row in rows {
        let method = match row.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        };
        let who = exported(row);
        let (user, address) = if row.user { (who.as_str(), "") } else { ("", who.as_str()) };
        let country = row.country.letters().unwrap_or_default();
        csv.plain(row.time).plain(row.status.0).plain(method).text(repo.name.as_str()).plain(repo.kind);
        csv.plain(user).plain(address);
        csv.text(std::str::from_utf8(&country).unwrap_or("").trim_matches('\0')).text(&row.region).text(&row.agent);
        if columns == AccessColumns::All {
            csv.text(&row.path).plain(match row.range {
                RangeFlag::None => "",
                RangeFlag::FirstByte => "bytes=0-0",
                RangeFlag::Part => "bytes=1-",
            });
        }
        csv.end_row();
    }
    csv.into_text()
}

/// The breakdown rows of one repo: its all-time total on every row, one row per day with downloads.
#[must_use]
pub fn breakdown(history: &RepoHistory) -> String {
    let mut csv = CsvWriter::default();
    for (day, downloads) in &history.days {
        csv.plain(history.repo.kind).text(history.repo.name.as_str()).plain(history.total.0);
        csv.plain(format_args!("{day}T00:00:00.000Z")).plain(downloads.0).end_row();
    }
    csv.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Day, Downloads, RepoKey, RepoKind, RepoName};

    #[test]
    fn text_is_quoted_and_defused_and_numbers_are_not() {
        let mut csv = CsvWriter::default();
        csv.text("a,\"b\"").text("=1+1").text("-x,y").plain(-3);
        csv.end_row();
        csv.text("'=1+1").text("''-").text("'a");
        csv.end_row();
        let first = "\"a,\"\"b\"\"\",'=1+1,\"'-x,y\",-3\n";
        assert_eq!(csv.into_text(), format!("{first}''=1+1,'''-,'a\n"));
    }

    #[test]
    fn the_breakdown_repeats_the_total_on_every_row() {
        let repo = RepoKey { kind: RepoKind::Model, name: RepoName::parse("myorg/mymodel").unwrap() };
        let first = Day::parse("2026-01-30").unwrap();
        let history = RepoHistory { repo, total: Downloads(9), days: vec![(first, Downloads(2)), (first.next(), Downloads(3))] };
        assert_eq!(
            breakdown(&history),
            "model,myorg/mymodel,9,2026-01-30T00:00:00.000Z,2\nmodel,myorg/mymodel,9,2026-01-31T00:00:00.000Z,3\n"
        );
    }
}
