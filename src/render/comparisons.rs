//! What two scopes share, and past figures beside what they are now, as JSON and as CSV.

use serde::Serialize;

use super::analytics::{Sheet, header};
use super::csv::CsvWriter;
use super::json::{Period, as_date};
use crate::model::{Day, DayRange, Downloads, RepoKey, Uniques};
use crate::query::{Overlap, Restatement, Scope};

/// `{"from","to","a":{"scope","unique_downloaders"},"b":{…},"union","intersection","only_a","only_b"}`.
#[derive(Serialize)]
pub struct OverlapOf {
    #[serde(serialize_with = "as_date")]
    from: Day,
    #[serde(serialize_with = "as_date")]
    to: Day,
    a: Side,
    b: Side,
    union: Uniques,
    intersection: Uniques,
    only_a: Uniques,
    only_b: Uniques,
}

#[derive(Serialize)]
struct Side {
    scope: String,
    unique_downloaders: Uniques,
}

impl OverlapOf {
    /// What two scopes share in a range.
    #[must_use]
    pub fn new(a: &Scope, b: &Scope, overlap: Overlap, range: DayRange) -> OverlapOf {
        let side = |scope: &Scope, unique_downloaders| Side { scope: scope.to_string(), unique_downloaders };
        let Overlap { union, intersection, only_a, only_b, .. } = overlap;
        let (from, to) = (range.first, range.last);
        OverlapOf { from, to, a: side(a, overlap.a), b: side(b, overlap.b), union, intersection, only_a, only_b }
    }
}

impl Sheet for OverlapOf {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        header(
            &mut csv,
            &["from", "to", "a", "b", "downloaders_a", "downloaders_b", "union", "intersection", "only_a", "only_b"],
        );
        csv.plain(self.from).plain(self.to).text(&self.a.scope).text(&self.b.scope);
        csv.plain(self.a.unique_downloaders.0).plain(self.b.unique_downloaders.0);
        csv.plain(self.union.0).plain(self.intersection.0).plain(self.only_a.0).plain(self.only_b.0).end_row();
        csv.into_text()
    }
}

#[derive(Serialize)]
struct RestatementRow {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    #[serde(serialize_with = "as_date")]
    date: Day,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    before: Downloads,
    after: Downloads,
}

/// `{"restatements":[{"at","date","type","id","before","after"}],"period"}`.
#[derive(Serialize)]
pub struct Restatements {
    restatements: Vec<RestatementRow>,
    period: Period,
}

impl Restatements {
    /// Entries of the log, in the order of the query.
    #[must_use]
    pub fn new(rows: &[Restatement], range: DayRange) -> Restatements {
        let id = |repo: &RepoKey| repo.name.as_str().to_owned();
        let row = |row: &Restatement| RestatementRow {
            at: row.at.to_string(),
            delivery: row.delivery.map(|serial| serial.to_string()),
            date: row.day,
            r#type: row.repo.as_ref().map(|repo| repo.kind.word()),
            id: row.repo.as_ref().map(id),
            before: row.before,
            after: row.after,
        };
        Restatements { restatements: rows.iter().map(row).collect(), period: range.into() }
    }
}

impl Sheet for Restatements {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        header(&mut csv, &["at", "date", "type", "id", "before", "after"]);
        for row in &self.restatements {
            csv.plain(&row.at).plain(row.date).plain(row.r#type.unwrap_or_default());
            csv.text(row.id.as_deref().unwrap_or_default()).plain(row.before.0).plain(row.after.0).end_row();
        }
        csv.into_text()
    }
}
