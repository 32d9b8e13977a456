//! Totals, series and unique downloaders of any scope: the hub, a type, an organization, a repo.

use hyper::StatusCode;

use crate::ingest::Engine;
use crate::model::{Caller, Day, DayRange, Millis, OrgName, RepoKind};
use crate::query::{Interval, QueryError, Scope, View};
use crate::render::csv;
use crate::render::json::{Series, Totals, UniquesIn};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::validation::Validation;

/// Days in a range nobody chose.
const DEFAULT_DAYS: u16 = 30;

/// Sums over a range; all time unless told otherwise.
pub async fn totals(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), |_| Millis::EARLIEST.day());
    validation.finish()?;
    ask(call, move |view, scope, caller, csv| {
        let Some(counts) = view.scope_totals(scope, range, caller)? else { return Ok(None) };
        let figures = [
            ("downloads", counts.downloads().0),
            ("authenticated", counts.authenticated.0),
            ("anonymous", counts.anonymous.0),
            ("files", counts.files.0),
        ];
        Ok(Some(if csv { Answer::csv(csv::figures(range, &figures)) } else { Answer::json(&Totals::new(counts, range)) }))
    })
    .await
}

/// Figures per day, week or month.
pub async fn series(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), default_first);
    let intervals = [("day", Interval::Day), ("week", Interval::Week), ("month", Interval::Month)];
    let interval = validation.word("interval", Interval::Day, &intervals);
    let uniques = validation.include_uniques();
    validation.finish()?;
    ask(call, move |view, scope, caller, csv| {
        let Some(rows) = view.series(scope, range, interval, uniques, caller)? else { return Ok(None) };
        Ok(Some(if csv { Answer::csv(csv::days(&rows)) } else { Answer::json(&Series::new(&rows, range)) }))
    })
    .await
}

/// Distinct downloaders over a range, exact.
pub async fn uniques(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), default_first);
    validation.finish()?;
    ask(call, move |view, scope, caller, csv| {
        let Some(uniques) = view.uniques(scope, range, caller)? else { return Ok(None) };
        let figures = [("unique_downloaders", uniques.0)];
        Ok(Some(if csv { Answer::csv(csv::figures(range, &figures)) } else { Answer::json(&UniquesIn::new(uniques, range)) }))
    })
    .await
}

fn default_first(last: Day) -> Day {
    DayRange::ending(last, DEFAULT_DAYS).first
}

/// Asks a view on a thread of its own; `None` from the question is the answer of a scope that is not there.
async fn ask(
    call: Call,
    question: impl FnOnce(&View<'_>, &Scope, &Caller, bool) -> Result<Option<Answer>, QueryError> + Send + 'static,
) -> Outcome {
    let scope = scope(&call)?;
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let view = View::of(engine)?;
        question(&view, &scope, &caller, csv)?.ok_or_else(|| not_found(&scope))
    };
    call.app.read(ask).await?
}

/// The scope the path names.
fn scope(call: &Call) -> Result<Scope, Answer> {
    let (kind, org) = (call.params.get("type"), call.params.get("org"));
    if !org.is_empty() {
        return OrgName::parse(org).map(Scope::Org).ok_or_else(|| no_org(org));
    }
    match (kind, call.params.get("name")) {
        ("", _) => Ok(Scope::Hub),
        (kind, "") => RepoKind::from_word(kind)
            .or_else(|| RepoKind::from_plural(kind))
            .map(Scope::Kind)
            .ok_or_else(|| Answer::error(StatusCode::NOT_FOUND, "the types are model, dataset and space")),
        _ => call.repo().map(Scope::Repo),
    }
}

fn not_found(scope: &Scope) -> Answer {
    match scope {
        Scope::Repo(repo) => crate::serve::call::missing(repo),
        Scope::Org(org) => no_org(org.as_str()),
        Scope::Group(group) => no_group(group.as_str()),
        Scope::Hub | Scope::Kind(_) => Answer::unknown_route(),
    }
}

fn no_org(org: &str) -> Answer {
    Answer::error(StatusCode::NOT_FOUND, &format!("Organization '{org}' not found"))
}

fn no_group(group: &str) -> Answer {
    Answer::error(StatusCode::NOT_FOUND, &format!("Group '{group}' not found"))
}
