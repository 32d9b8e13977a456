//! The table of repos: searched, sorted and paged by the address; a script only asks for it while one types.

use askama::Template;

use super::filters;
use super::frame::Instant;
use super::overview::{Foot, Pick};
use crate::model::Millis;
use crate::query::{RepoTable, TableCursor, TableQuestion, TableRow, TableSort, Window};
use crate::render::chart::sparkline;
use crate::render::links::{Links, State};

/// Rows of a page, unless more are asked for.
const ROWS: usize = 25;
/// How many rows a page can have.
const ROWS_CHOICES: [usize; 3] = [ROWS, 100, 500];
/// Rows of the table as a file.
const FILE_ROWS: usize = 1_000;
/// A search longer than any name finds nothing.
const SEARCH_BYTES_MAX: usize = 200;

/// What tables can be sorted by, with the words of addresses.
const SORTS: [(&str, TableSort); 6] = [
    ("downloads", TableSort::Window),
    ("uniques", TableSort::UniqueDownloaders),
    ("all", TableSort::Downloads),
    ("recent", TableSort::Recent),
    ("likes", TableSort::Likes),
    ("name", TableSort::Name),
];

/// What the reader asked of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableChoice {
    pub search: String,
    pub sort: TableSort,
    pub rows: usize,
    pub cursor: Option<TableCursor>,
}

impl TableChoice {
    /// Reads the parameters of an address.
    ///
    /// # Errors
    /// A sentence about the first one that cannot be understood.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<TableChoice, String> {
        let asked = |name| get(name).filter(|value| !value.is_empty());
        let sort = match asked("sort") {
            None => TableSort::default(),
            Some(word) => SORTS.iter().find(|(known, _)| *known == word).map(|(_, sort)| *sort).ok_or_else(|| {
                format!("sort={word} is unknown; tables are sorted by {}", SORTS.map(|(word, _)| word).join(", "))
            })?,
        };
        let rows = match asked("rows") {
            None => ROWS,
            Some(text) => ROWS_CHOICES
                .into_iter()
                .find(|rows| rows.to_string() == text)
                .ok_or_else(|| format!("rows={text} cannot be shown; a page has {ROWS_CHOICES:?} rows"))?,
        };
        let cursor = match asked("after") {
            None => None,
            Some(text) => Some(TableCursor::parse(text).ok_or_else(|| format!("after={text} is no place in a table"))?),
        };
        let search = asked("q").unwrap_or_default().trim().to_owned();
        if search.len() > SEARCH_BYTES_MAX {
            return Err(format!("the search is longer than {SEARCH_BYTES_MAX} bytes"));
        }
        Ok(TableChoice { search, sort, rows, cursor })
    }

    /// The question to the query room.
    #[must_use]
    pub fn question(&self, window: Window) -> TableQuestion {
        TableQuestion { window, sort: self.sort, search: self.search.clone(), limit: self.rows, cursor: self.cursor.clone() }
    }

    /// The choice as an address says it; what is the default is left out, and so is the page.
    #[must_use]
    pub fn state(&self) -> State {
        let sort = SORTS.iter().find(|(_, sort)| *sort == self.sort && *sort != TableSort::default());
        let rows = if self.rows == ROWS { String::new() } else { self.rows.to_string() };
        State::default().and("q", &self.search).and("sort", sort.map_or("", |(word, _)| word)).and("rows", rows)
    }
}

/// The head of a column.
struct Head {
    href: String,
    text: &'static str,
    /// What follows where there is room.
    more: &'static str,
    class: &'static str,
    /// The value of `aria-sort`.
    sorted: Option<&'static str>,
}

/// One repo.
struct Row {
    href: String,
    name: String,
    kind: &'static str,
    private: bool,
    line: String,
    window: u64,
    uniques: u64,
    /// Of all time, or of the last 30 days where the first figure is of all time.
    beside: u64,
    likes: u64,
    /// Whether the downloads are another system's.
    reported: bool,
}

/// The table with its search.
#[derive(Template)]
#[template(path = "repos.html")]
pub struct Repos {
    action: String,
    search: String,
    /// What the search must not lose.
    kept: State,
    heads: Vec<Head>,
    rows: Vec<Row>,
    total: u64,
    first: Option<String>,
    next: Option<String>,
    sizes: Vec<Pick>,
    foot: Foot,
}

impl askama::filters::HtmlSafe for Repos {}

/// Where a table stands.
pub struct TablePlace<'a> {
    pub links: &'a Links,
    /// The page, such as `/orgs/acme`.
    pub path: &'a str,
    /// Where this reader can have the table as CSV and as JSON.
    pub files: Option<[String; 2]>,
    /// The rest of the address: the span and the chart.
    pub rest: &'a State,
    /// Whether the table is about all time.
    pub all_time: bool,
    /// The namespace all repos share, which rows need not repeat.
    pub org: Option<&'a str>,
    pub as_of: Millis,
}

impl Repos {
    /// Puts a page of a table into words.
    #[must_use]
    pub fn new(table: &RepoTable, choice: &TableChoice, place: &TablePlace<'_>) -> Repos {
        let state = |choice: &TableChoice| {
            let chosen = choice.state();
            chosen.pairs().iter().fold(place.rest.clone(), |state, (name, value)| state.and(name, value))
        };
        let href = |state: State| format!("{}#repos", place.links.to(format_args!("{}{state}", place.path)));
        let head = |(text, more), class, word: &str| {
            let sort = SORTS.iter().find(|(known, _)| *known == word).map_or(TableSort::default(), |(_, sort)| *sort);
            let direction = if sort == TableSort::Name { "ascending" } else { "descending" };
            let sorted = (sort == choice.sort).then_some(direction);
            Head { href: href(state(&TableChoice { sort, cursor: None, ..choice.clone() })), text, more, class, sorted }
        };
        let size = |rows: usize| Pick {
            href: href(state(&TableChoice { rows, cursor: None, ..choice.clone() })),
            text: rows.to_string(),
            current: rows == choice.rows,
        };
        let window = if place.all_time { State::default().and("window", "all") } else { range(table) };
        let asked = window.and("search", &choice.search).and("limit", FILE_ROWS);
        let files = place.files.as_ref().map(|files| files.each_ref().map(|path| place.links.to(format_args!("{path}{asked}"))));
        let (csv, json) = files.map_or((None, None), |[csv, json]| (Some(csv), Some(json)));
        Repos {
            action: place.links.to(place.path),
            search: choice.search.clone(),
            kept: state(choice).without(&["q"]),
            heads: vec![
                head(("Repository", ""), "", "name"),
                head(("Downloads", ""), "number", "downloads"),
                head(("Unique", " downloaders"), "number", "uniques"),
                if place.all_time {
                    head(("30 days", ""), "number wide", "recent")
                } else {
                    head(("All time", ""), "number wide", "all")
                },
                head(("Likes", ""), "number wide", "likes"),
            ],
            rows: table.rows.iter().map(|row| Row::new(row, table, place)).collect(),
            total: table.total,
            first: choice.cursor.is_some().then(|| href(state(choice))),
            next: table.next.as_ref().map(|next| href(state(choice).and("after", next))),
            sizes: if table.total > ROWS as u64 { ROWS_CHOICES.into_iter().map(size).collect() } else { Vec::new() },
            foot: Foot { as_of: Instant(place.as_of), csv, json },
        }
    }
}

impl Repos {
    /// Whether any row's downloads are another system's.
    fn has_reported(&self) -> bool {
        self.rows.iter().any(|row| row.reported)
    }
}

fn range(table: &RepoTable) -> State {
    State::default().and("from", table.range.first).and("to", table.range.last)
}

impl Row {
    fn new(row: &TableRow, table: &RepoTable, place: &TablePlace<'_>) -> Row {
        let name = row.repo.name.as_str();
        let short = name.split_once('/').filter(|(org, _)| place.org.is_some_and(|shared| shared.eq_ignore_ascii_case(org)));
        let points: Vec<u64> = row.sparkline.iter().map(|downloads| downloads.0).collect();
        // A last day that is not over would make every line fall at its end.
        let unfinished = table.parts.last().is_some_and(|part| part.first == part.last && part.last == place.as_of.day());
        // Unless nothing else is there to be drawn.
        let before = points.split_last().is_some_and(|(_, before)| before.len() > 1 && before.iter().any(|point| *point > 0));
        let drawn = points.len() - usize::from(unfinished && before);
        Row {
            href: place.links.repo(&row.repo),
            name: short.map_or(name, |(_, name)| name).to_owned(),
            kind: row.repo.kind.word(),
            private: row.private,
            line: sparkline(points.get(..drawn).unwrap_or_default()),
            window: match row.reported {
                Some(reported) if place.all_time => reported.all_time.0,
                Some(reported) => reported.of_range.0,
                None => points.iter().sum(),
            },
            uniques: row.unique_downloaders.0,
            beside: match (row.reported, place.all_time) {
                (Some(reported), true) => reported.recent.0,
                (Some(reported), false) => reported.all_time.0,
                (None, true) => row.recent.0,
                (None, false) => row.downloads.0,
            },
            likes: row.likes.0,
            reported: row.reported.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_asks_of_a_table_is_what_it_is_written_as() {
        let pairs = [("q", "llama"), ("sort", "uniques"), ("rows", "100")];
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let choice = TableChoice::read(get).unwrap();
        assert_eq!((choice.sort, choice.rows), (TableSort::UniqueDownloaders, 100));
        assert_eq!(choice.state().to_string(), "?q=llama&sort=uniques&rows=100");
        assert_eq!(TableChoice::read(|_| None).unwrap().state().to_string(), "");
        for (asked, value) in [("sort", "size"), ("rows", "7"), ("after", "x")] {
            assert!(TableChoice::read(|name| (name == asked).then_some(value)).unwrap_err().contains(value));
        }
    }
}
