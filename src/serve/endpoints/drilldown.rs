//! What lies behind the figures of a scope, for readers, publishers and admins: breakdowns, repos, who came back, what is
//! known, what changed, and what two scopes share.

use hyper::StatusCode;

use super::analytics::{INTERVALS, admit_reader, answer, ask, compare, default_first, not_found};
use crate::ingest::Engine;
use crate::model::{DayRange, Millis};
use crate::query::{Dimension, Interval, Rule, Scope, TableCursor, TableQuestion, TableSort, View, Window, preceding};
use crate::render::analytics::{Cohorts, Parts, Repos};
use crate::render::comparisons::{OverlapOf, Restatements};
use crate::render::coverage::{Coverage, Explained};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::validation::Validation;

/// Rows of a breakdown and of a page of repos.
const ROWS_DEFAULT: u16 = 50;
const ROWS_MAX: u16 = 1_000;

/// Days of coverage in a range nobody chose.
const COVERAGE_DAYS: u16 = 7;

/// The longest search text that is looked at, in characters.
const SEARCH_MAX: usize = 200;

/// Downloads or files by one dimension.
pub async fn breakdown(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let mut validation = Validation::new(&call.query);
    let words = Dimension::ALL.map(|(word, _)| format!("'{word}'")).join(", ");
    let by = validation.required("by", &format!("Input should be one of {words}"), |text| {
        Dimension::ALL.into_iter().find(|(word, _)| *word == text).map(|(_, by)| by)
    });
    let range = validation.range(call.engine().today(), default_first);
    let (filter, compare) = (validation.filter(), compare(&mut validation));
    let limit = validation.number("limit", ROWS_DEFAULT, 1..=ROWS_MAX);
    validation.finish()?;
    let by = by.unwrap_or(Dimension::Country);
    if by.counts_files() && !filter.is_empty() {
        let sentence = "a breakdown of files takes no audience, class or country: a filter chooses downloads";
        return Err(Answer::error(StatusCode::UNPROCESSABLE_ENTITY, sentence));
    }
    let scope = super::analytics::scope(&call)?;
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let view = View::of(engine)?;
        let now = view.breakdown(&scope, range, by, &filter, &caller)?.ok_or_else(|| not_found(&scope))?;
        let previous = if compare { view.breakdown(&scope, preceding(range), by, &filter, &caller)? } else { None };
        Ok(answer(&Parts::new(&now, range, usize::from(limit), previous.as_ref()), csv))
    };
    call.app.read(ask).await?
}

/// The repos of a scope, page by page.
pub async fn repos(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let scope = super::analytics::scope(&call)?;
    table(call, scope).await
}

/// The repos of the hub as a file, for everybody: what the page of all repos shows.
pub async fn catalog_file(call: Call) -> Outcome {
    table(call, Scope::Hub).await
}

async fn table(call: Call, scope: Scope) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let sorts = [
        ("window", TableSort::Window),
        ("downloads", TableSort::Downloads),
        ("downloads_30d", TableSort::Recent),
        ("likes", TableSort::Likes),
        ("unique_downloaders", TableSort::UniqueDownloaders),
        ("name", TableSort::Name),
    ];
    let sort = validation.word("sort", TableSort::Window, &sorts);
    let window = validation.word("window", Window::Month, &[("30d", Window::Month), ("all", Window::All)]);
    let chosen = ["from", "to"].iter().any(|name| call.query.last(name).is_some());
    let range = validation.range(call.engine().today(), default_first);
    let window = if chosen { Window::Range(range) } else { window };
    let limit = usize::from(validation.number("limit", ROWS_DEFAULT, 1..=ROWS_MAX));
    let cursor = validation.parsed("cursor", "Input should be the `next` of the page before", TableCursor::parse);
    let search = validation.parsed("search", "Input should have at most 200 characters", |text| {
        (text.chars().count() <= SEARCH_MAX).then(|| text.to_owned())
    });
    validation.finish()?;
    let question = TableQuestion { window, sort, search: search.unwrap_or_default(), limit, cursor };
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let table = View::of(engine)?.repo_table(&scope, &question, &caller)?.ok_or_else(|| not_found(&scope))?;
        Ok(answer(&Repos::new(&table), csv))
    };
    call.app.read(ask).await?
}

/// New and returning downloaders per day, week or month.
pub async fn cohorts(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), default_first);
    let interval = validation.word("interval", Interval::Week, &INTERVALS);
    validation.finish()?;
    ask(call, move |view, scope, caller| {
        let cohorts = view.cohorts(scope, range, interval, caller)?;
        Ok(cohorts.map(|cohorts| Cohorts::new(&cohorts, range)))
    })
    .await
}

/// Past figures that changed.
pub async fn restatements(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), |_| Millis::EARLIEST.day());
    validation.finish()?;
    ask(call, move |view, scope, caller| {
        let rows = view.restatements(scope, range, caller)?;
        Ok(rows.map(|rows| Restatements::new(&rows, range)))
    })
    .await
}

/// The downloaders that two scopes share.
pub async fn overlap(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let mut validation = Validation::new(&call.query);
    let scope = "Input should be hub, types/TYPE, orgs/ORG, groups/NAME or repos/TYPE/ID";
    let (a, b) = (validation.required("a", scope, Scope::parse), validation.required("b", scope, Scope::parse));
    let range = validation.range(call.engine().today(), default_first);
    validation.finish()?;
    let (Some(a), Some(b)) = (a, b) else { return Err(not_found(&Scope::Hub)) };
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let view = View::of(engine)?;
        match view.overlap(&a, &b, range, &caller)? {
            Some(overlap) => Ok(answer(&OverlapOf::new(&a, &b, overlap, range), csv)),
            None => Err(not_found(if view.has(&a, &caller)? { &b } else { &a })),
        }
    };
    call.app.read(ask).await?
}

/// What is known and what is missing, by source and hour. It reads the events, so nobody gets all time by accident.
pub async fn coverage(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), |last| DayRange::ending(last, COVERAGE_DAYS).first);
    validation.finish()?;
    ask(call, move |view, scope, caller| {
        let sources = view.coverage(scope, range, caller)?;
        Ok(sources.map(|sources| Coverage::new(&sources, range)))
    })
    .await
}

/// How the figures were counted, in words and figures.
pub async fn explain(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), default_first);
    let rule = validation.word("rule", Rule::Session, &Rule::ALL);
    validation.finish()?;
    ask(call, move |view, scope, caller| {
        let explanation = view.explain(scope, range, rule, caller)?;
        Ok(explanation.map(|explanation| Explained::new(scope, &explanation, range)))
    })
    .await
}
