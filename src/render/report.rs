//! The report of an organisation: its repos over some days against the days before, as text, a page of its own, or CSV.

use askama::Template;
use std::fmt::Write as _;

use super::csv::CsvWriter;
use super::number::{Change, grouped};

/// One repo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportRow {
    pub kind: String,
    pub id: String,
    /// All time.
    pub downloads: u64,
    pub recent: u64,
    /// Of as many days before those.
    pub before: u64,
    pub likes: u64,
    pub private: bool,
}

/// What is reported.
#[derive(Clone, Debug, Template)]
#[template(path = "report.html")]
pub struct Report {
    pub org: String,
    pub days: u16,
    /// First and last day.
    pub first: String,
    pub last: String,
    pub unique_downloaders: u64,
    pub rows: Vec<ReportRow>,
}

impl ReportRow {
    /// The change against the days before, as people read it.
    #[must_use]
    pub fn change(&self) -> Change {
        Change { now: self.recent, before: self.before }
    }
}

impl Report {
    /// The heading.
    #[must_use]
    pub fn title(&self) -> String {
        match self.days {
            7 => format!("Weekly Statistics Report - {}", self.org),
            days => format!("Statistics Report of {days} days - {}", self.org),
        }
    }

    /// Sums over all rows.
    #[must_use]
    pub fn total(&self) -> ReportRow {
        self.rows.iter().fold(ReportRow::default(), |mut sum, row| {
            sum.downloads += row.downloads;
            sum.recent += row.recent;
            sum.before += row.before;
            sum.likes += row.likes;
            sum
        })
    }

    fn count(count: &u64) -> String {
        grouped(*count)
    }

    /// In the layout of the script that hubs document.
    #[must_use]
    pub fn text(&self) -> String {
        let rule = "=".repeat(70);
        let mut text = format!("\n{rule}\n{}\n{} to {}\n{rule}\n\n", self.title(), self.first, self.last);
        for row in &self.rows {
            let (downloads, recent, change) = (grouped(row.downloads), grouped(row.recent), row.change());
            let private = if row.private { " (private)" } else { "" };
            let _ = writeln!(text, "{}/{}{private}", row.kind, row.id);
            let _ = writeln!(text, "  Downloads: {downloads} ({}-day: {recent})", self.days);
            let _ = writeln!(text, "  Likes: {}", grouped(row.likes));
            let _ = writeln!(text, "  Trend: {} ({change} against the {} days before)\n", trend(change), self.days);
        }
        let total = self.total();
        let _ = writeln!(text, "{rule}\nTotal Downloads: {}", grouped(total.downloads));
        let _ = writeln!(text, "Last {} days: {} ({})", self.days, grouped(total.recent), total.change());
        let _ = writeln!(text, "Unique downloaders of these days: {}", grouped(self.unique_downloaders));
        let _ = writeln!(text, "Total Likes: {}\n{rule}\n", grouped(total.likes));
        text
    }

    /// One row per repo under a header.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        for title in
            ["repo_type", "repo", "from", "to", "downloads", "recent_downloads", "previous_downloads", "likes", "private"]
        {
            csv.plain(title);
        }
        csv.end_row();
        for row in &self.rows {
            csv.text(&row.kind).text(&row.id).plain(&self.first).plain(&self.last);
            csv.plain(row.downloads).plain(row.recent).plain(row.before).plain(row.likes).plain(row.private).end_row();
        }
        csv.into_text()
    }
}

/// The seed's word for a direction.
fn trend(change: Change) -> &'static str {
    match change.direction() {
        "same" => "stable",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = |id: &str, recent, before| ReportRow {
            kind: "model".to_owned(),
            id: id.to_owned(),
            downloads: 1_234,
            recent,
            before,
            likes: 3,
            private: false,
        };
        let rows = vec![row("myorg/a", 56, 50), row("-x/<b>", 0, 0)];
        let (first, last) = ("2026-11-14".to_owned(), "2026-11-20".to_owned());
        Report { org: "my<org>".to_owned(), days: 7, first, last, unique_downloaders: 17, rows }
    }

    #[test]
    fn the_text_has_the_lines_of_the_script() {
        let text = report().text();
        for line in [
            "Weekly Statistics Report - my<org>",
            "model/myorg/a\n  Downloads: 1,234 (7-day: 56)\n  Likes: 3\n  Trend: up (+12 % against the 7 days before)",
            "  Trend: stable",
            "Total Downloads: 2,468",
            "Total Likes: 6",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_page_and_the_table_are_safe() {
        let page = report().render().unwrap();
        assert!(page.contains("my&#60;org&#62;") && !page.contains("<b>") && page.contains("1,234"), "{page}");
        assert!(!page.contains("http://") && !page.contains("<script"), "no outside request");
        assert!(report().csv().contains("\nmodel,'-x/<b>,2026-11-14,2026-11-20,1234,0,0,3,false\n"), "{}", report().csv());
    }
}
