//! The analytics answers as JSON and as CSV. JSON keeps the order in which people read the keys.

use serde::Serialize;

use super::csv::CsvWriter;
use super::json::{Period, as_date};
use crate::model::{Day, DayCounts, DayRange, Downloads, Files, Likes, Uniques};
use crate::query::{Breakdown, BreakdownRow, Cohort, DayRow, RepoTable, Rule};

/// What an answer looks like to both kinds of readers.
pub trait Sheet: Serialize {
    /// The rows under a header.
    fn csv(&self) -> String;

    /// The word of the rule by which downloads were counted, if it is not the default.
    fn rule(&self) -> Option<&'static str> {
        None
    }
}

pub(super) fn header(csv: &mut CsvWriter, names: &[&str]) {
    names.iter().for_each(|name| {
        csv.plain(name);
    });
    csv.end_row();
}

/// What a rule tells beside downloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub rule: Rule,
    /// A filter chooses sessions, and files are not kept by session.
    pub files: bool,
}

impl Told {
    /// The rule's word, unless it is the default.
    fn label(self) -> Option<&'static str> {
        (self.rule != Rule::Session).then(|| self.rule.word())
    }

    /// Downloads of one kind of downloader, where the rule tells them apart.
    fn of(self, downloads: Downloads) -> Option<Downloads> {
        (self.rule != Rule::Reported).then_some(downloads)
    }
}

/// `{"from","to","downloads","authenticated","anonymous","files"}`.
#[derive(Serialize)]
pub struct Totals {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(serialize_with = "as_date")]
    from: Day,
    #[serde(serialize_with = "as_date")]
    to: Day,
    downloads: Downloads,
    /// These two are absent where nobody tells who downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticated: Option<Downloads>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous: Option<Downloads>,
    /// Absent under a filter, which chooses sessions: files are not kept by session.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Box<Totals>>,
}

impl Totals {
    /// The sums of a scope over a range, and of the one before.
    #[must_use]
    pub fn new(counts: DayCounts, range: DayRange, told: Told, previous: Option<Totals>) -> Totals {
        Totals {
            rule: told.label(),
            from: range.first,
            to: range.last,
            downloads: counts.downloads(),
            authenticated: told.of(counts.authenticated),
            anonymous: told.of(counts.anonymous),
            files: told.files.then_some(counts.files),
            previous: previous.map(Box::new),
        }
    }
}

/// The cells of the two kinds of downloaders, if they are told apart.
fn kinds(csv: &mut CsvWriter, authenticated: Option<Downloads>, anonymous: Option<Downloads>) {
    for downloads in [authenticated, anonymous].into_iter().flatten() {
        csv.plain(downloads.0);
    }
}

impl Sheet for Totals {
    fn rule(&self) -> Option<&'static str> {
        self.rule
    }

    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        csv.plain("from").plain("to").plain("downloads");
        if self.authenticated.is_some() {
            csv.plain("authenticated").plain("anonymous");
        }
        if self.files.is_some() {
            csv.plain("files");
        }
        csv.end_row();
        for totals in [Some(self), self.previous.as_deref()].into_iter().flatten() {
            csv.plain(totals.from).plain(totals.to).plain(totals.downloads.0);
            kinds(&mut csv, totals.authenticated, totals.anonymous);
            if let Some(files) = totals.files {
                csv.plain(files.0);
            }
            csv.end_row();
        }
        csv.into_text()
    }
}

#[derive(Serialize)]
struct SeriesRow {
    #[serde(serialize_with = "as_date")]
    date: Day,
    downloads: Downloads,
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticated: Option<Downloads>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous: Option<Downloads>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_downloaders: Option<Uniques>,
}

/// `{"series":[…],"period":{…}}`.
#[derive(Serialize)]
pub struct Series {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    series: Vec<SeriesRow>,
    period: Period,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Box<Series>>,
}

impl Series {
    /// The intervals of a scope, and those of the range before.
    #[must_use]
    pub fn new(rows: &[DayRow], range: DayRange, told: Told, previous: Option<Series>) -> Series {
        let row = |row: &DayRow| SeriesRow {
            date: row.day,
            downloads: row.counts.downloads(),
            authenticated: told.of(row.counts.authenticated),
            anonymous: told.of(row.counts.anonymous),
            files: told.files.then_some(row.counts.files),
            unique_downloaders: row.uniques,
        };
        let series = rows.iter().map(row).collect();
        Series { rule: told.label(), series, period: range.into(), previous: previous.map(Box::new) }
    }
}

impl Sheet for Series {
    fn rule(&self) -> Option<&'static str> {
        self.rule
    }

    /// The range before comes first: one table, ascending.
    fn csv(&self) -> String {
        let rows = self.previous.iter().flat_map(|previous| &previous.series).chain(&self.series);
        let (files, uniques) =
            (self.series.iter().any(|row| row.files.is_some()), self.series.iter().any(|row| row.unique_downloaders.is_some()));
        let mut csv = CsvWriter::default();
        csv.plain("date").plain("downloads");
        if self.rule != Some(Rule::Reported.word()) {
            csv.plain("authenticated").plain("anonymous");
        }
        if files {
            csv.plain("files");
        }
        if uniques {
            csv.plain("unique_downloaders");
        }
        csv.end_row();
        for row in rows {
            csv.plain(row.date).plain(row.downloads.0);
            kinds(&mut csv, row.authenticated, row.anonymous);
            if files {
                csv.plain(row.files.unwrap_or_default().0);
            }
            if uniques {
                csv.plain(row.unique_downloaders.unwrap_or_default().0);
            }
            csv.end_row();
        }
        csv.into_text()
    }
}

#[derive(Serialize)]
struct UniquesRow {
    #[serde(serialize_with = "as_date")]
    date: Day,
    unique_downloaders: Uniques,
}

/// The bounds between which the number of people lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Distinct users and addresses.
    pub floor: Uniques,
    /// Distinct users, and addresses with their kind of client: the figure itself.
    pub ceiling: Uniques,
}

/// `{"from","to","unique_downloaders"}`.
#[derive(Serialize)]
pub struct UniquesIn {
    #[serde(serialize_with = "as_date")]
    from: Day,
    #[serde(serialize_with = "as_date")]
    to: Day,
    unique_downloaders: Uniques,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    bounds: Option<Bounds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Vec<UniquesRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Box<UniquesIn>>,
}

impl UniquesIn {
    /// The distinct downloaders of a scope in a range, and in the one before.
    #[must_use]
    pub fn new(
        uniques: Uniques,
        range: DayRange,
        bounds: Option<Bounds>,
        by_interval: Option<&[(DayRange, Uniques)]>,
        previous: Option<UniquesIn>,
    ) -> UniquesIn {
        let row = |(part, uniques): &(DayRange, Uniques)| UniquesRow { date: part.first, unique_downloaders: *uniques };
        UniquesIn {
            from: range.first,
            to: range.last,
            unique_downloaders: uniques,
            bounds,
            series: by_interval.map(|rows| rows.iter().map(row).collect()),
            previous: previous.map(Box::new),
        }
    }
}

impl Sheet for UniquesIn {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        if let Some(series) = &self.series {
            header(&mut csv, &["date", "unique_downloaders"]);
            for row in series {
                csv.plain(row.date).plain(row.unique_downloaders.0).end_row();
            }
            return csv.into_text();
        }
        csv.plain("from").plain("to").plain("unique_downloaders");
        if self.bounds.is_some() {
            csv.plain("floor").plain("ceiling");
        }
        csv.end_row();
        for uniques in [Some(self), self.previous.as_deref()].into_iter().flatten() {
            csv.plain(uniques.from).plain(uniques.to).plain(uniques.unique_downloaders.0);
            if let Some(bounds) = uniques.bounds {
                csv.plain(bounds.floor.0).plain(bounds.ceiling.0);
            }
            csv.end_row();
        }
        csv.into_text()
    }
}

#[derive(Serialize)]
struct PartRow<'a> {
    /// `null` stands for "unknown".
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    downloads: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<u64>,
}

/// `{"by","rows":[{"key","downloads"}],"total","other","period"}`.
#[derive(Serialize)]
pub struct Parts<'a> {
    by: &'static str,
    rows: Vec<PartRow<'a>>,
    /// Of all rows, those beyond the limit included.
    total: u64,
    /// Of the rows beyond the limit.
    other: u64,
    period: Period,
}

impl<'a> Parts<'a> {
    /// The largest `limit` rows of a breakdown, beside what they were in the range before.
    #[must_use]
    pub fn new(breakdown: &'a Breakdown, range: DayRange, limit: usize, previous: Option<&Breakdown>) -> Parts<'a> {
        let files = breakdown.by.counts_files();
        let before = |row: &BreakdownRow| {
            let same = |other: &&BreakdownRow| (&other.key, &other.of) == (&row.key, &row.of);
            previous.map(|previous| previous.rows.iter().find(same).map_or(0, |row| row.count))
        };
        let by = breakdown.by.word();
        let row = |row: &'a BreakdownRow| PartRow {
            key: row.key.as_deref(),
            country: row.of.as_deref().filter(|_| by == "region"),
            library: row.of.as_deref().filter(|_| by == "version"),
            downloads: (!files).then_some(row.count),
            files: files.then_some(row.count),
            previous: before(row),
        };
        Parts {
            by,
            rows: breakdown.rows.iter().take(limit).map(row).collect(),
            total: breakdown.total,
            other: breakdown.rows.iter().skip(limit).map(|row| row.count).sum(),
            period: range.into(),
        }
    }
}

impl Sheet for Parts<'_> {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        csv.plain(self.by);
        let of = match self.by {
            "region" => Some("country"),
            "version" => Some("library"),
            _ => None,
        };
        if let Some(of) = of {
            csv.plain(of);
        }
        csv.plain(if matches!(self.by, "kind" | "file") { "files" } else { "downloads" });
        let previous = self.rows.iter().any(|row| row.previous.is_some());
        if previous {
            csv.plain("previous");
        }
        csv.end_row();
        for row in &self.rows {
            csv.text(row.key.unwrap_or_default());
            if of.is_some() {
                csv.text(row.country.or(row.library).unwrap_or_default());
            }
            csv.plain(row.downloads.or(row.files).unwrap_or(0));
            if previous {
                csv.plain(row.previous.unwrap_or(0));
            }
            csv.end_row();
        }
        csv.into_text()
    }
}

#[derive(Serialize)]
struct RepoRow<'a> {
    r#type: &'static str,
    id: &'a str,
    downloads: Downloads,
    downloads_30d: Downloads,
    unique_downloaders: Uniques,
    likes: Likes,
    private: bool,
    sparkline: &'a [Downloads],
    /// Another system's figures where nothing was counted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<Reported>,
}

#[derive(Clone, Copy, Serialize)]
struct Reported {
    downloads: Downloads,
    downloads_30d: Downloads,
}

/// `{"repos":[…],"total","next","period"}`.
#[derive(Serialize)]
pub struct Repos<'a> {
    repos: Vec<RepoRow<'a>>,
    total: u64,
    /// The `cursor` of the next page.
    next: Option<String>,
    /// The days that uniques and sparklines are about.
    period: Period,
    /// Days of one point of a sparkline; the first may have fewer.
    sparkline_days: u16,
}

impl<'a> Repos<'a> {
    /// A page of a table.
    #[must_use]
    pub fn new(table: &'a RepoTable) -> Repos<'a> {
        let repos = table.rows.iter().map(|row| RepoRow {
            r#type: row.repo.kind.word(),
            id: row.repo.name.as_str(),
            downloads: row.downloads,
            downloads_30d: row.recent,
            unique_downloaders: row.unique_downloaders,
            likes: row.likes,
            private: row.private,
            sparkline: &row.sparkline,
            reported: row.reported.map(|of| Reported { downloads: of.all_time, downloads_30d: of.recent }),
        });
        Repos {
            repos: repos.collect(),
            total: table.total,
            next: table.next.as_ref().map(ToString::to_string),
            period: table.range.into(),
            sparkline_days: table.parts.last().map_or(1, |part| part.last.0 - part.first.0 + 1),
        }
    }
}

impl Sheet for Repos<'_> {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        let columns =
            ["type", "id", "downloads", "downloads_30d", "unique_downloaders", "likes", "private", "reported", "reported_30d"];
        header(&mut csv, &columns);
        for row in &self.repos {
            csv.plain(row.r#type).text(row.id).plain(row.downloads.0).plain(row.downloads_30d.0);
            csv.plain(row.unique_downloaders.0).plain(row.likes.0).plain(row.private);
            let reported = row.reported.map(|of| [of.downloads, of.downloads_30d]);
            for figure in reported.map_or([None; 2], |figures| figures.map(Some)) {
                csv.text(&figure.map_or_else(String::new, |downloads| downloads.0.to_string()));
            }
            csv.end_row();
        }
        csv.into_text()
    }
}

#[derive(Serialize)]
struct CohortRow {
    #[serde(serialize_with = "as_date")]
    date: Day,
    unique_downloaders: Uniques,
    new: Uniques,
    returning: Uniques,
}

/// `{"cohorts":[{"date","unique_downloaders","new","returning"}],"period"}`.
#[derive(Serialize)]
pub struct Cohorts {
    cohorts: Vec<CohortRow>,
    period: Period,
}

impl Cohorts {
    /// Intervals in order.
    #[must_use]
    pub fn new(cohorts: &[Cohort], range: DayRange) -> Cohorts {
        let row = |cohort: &Cohort| CohortRow {
            date: cohort.range.first,
            unique_downloaders: cohort.unique_downloaders,
            new: cohort.new,
            returning: cohort.returning,
        };
        Cohorts { cohorts: cohorts.iter().map(row).collect(), period: range.into() }
    }
}

impl Sheet for Cohorts {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        header(&mut csv, &["date", "unique_downloaders", "new", "returning"]);
        for row in &self.cohorts {
            csv.plain(row.date).plain(row.unique_downloaders.0).plain(row.new.0).plain(row.returning.0).end_row();
        }
        csv.into_text()
    }
}
