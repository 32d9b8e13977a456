//! Totals, series and unique downloaders of any scope: the hub, a type, an organization, a group, a repo.

use hyper::StatusCode;

use super::drilldown;
use crate::ingest::Engine;
use crate::model::{Caller, Day, DayRange, GroupName, Millis, OrgName, RepoKind, Role};
use crate::query::{Filter, Interval, QueryError, Rule, Scope, View, preceding};
use crate::render::analytics::{Bounds, Series, Sheet, Told, Totals, UniquesIn};
use crate::serve::answer::{Answer, Outcome, X_COUNTING_RULE};
use crate::serve::auth::{forbidden, unauthorized};
use crate::serve::call::Call;
use crate::serve::routes::Figure;
use crate::serve::validation::Validation;

/// Days in a range nobody chose.
const DEFAULT_DAYS: u16 = 30;

/// How a series may be cut.
pub const INTERVALS: [(&str, Interval); 3] = [("day", Interval::Day), ("week", Interval::Week), ("month", Interval::Month)];

/// Answers one figure of the scope that the path names.
pub async fn figure(figure: Figure, call: Call) -> Outcome {
    match figure {
        Figure::Totals => totals(call).await,
        Figure::Series => series(call).await,
        Figure::Uniques => uniques(call).await,
        Figure::Breakdown => drilldown::breakdown(call).await,
        Figure::Repos => drilldown::repos(call).await,
        Figure::Cohorts => drilldown::cohorts(call).await,
        Figure::Coverage => drilldown::coverage(call).await,
        Figure::Restatements => drilldown::restatements(call).await,
        Figure::Explain => drilldown::explain(call).await,
    }
}

/// Sums over a range; all time unless told otherwise.
async fn totals(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), |_| Millis::EARLIEST.day());
    let (filter, compare) = (validation.filter(), compare(&mut validation));
    let rule = validation.rule();
    validation.finish()?;
    admit_filter(&filter, rule, &call.caller)?;
    ask(call, move |view, scope, caller| {
        let rule = rule_of(rule, &filter, false, view, scope, caller)?;
        let told = Told { rule, files: filter.is_empty() && rule == Rule::Session };
        let counts = |range| match rule {
            Rule::Session if filter.is_empty() => view.scope_totals(scope, range, caller),
            Rule::Session => Ok(view.facets(scope, range, &filter, caller)?.map(|sums| sums.counts())),
            _ => view.totals_by_rule(scope, range, rule, &filter, caller),
        };
        let Some(now) = counts(range)? else { return Ok(None) };
        let before = preceding(range);
        let previous = if compare { counts(before)?.map(|counts| Totals::new(counts, before, told, None)) } else { None };
        Ok(Some(Totals::new(now, range, told, previous)))
    })
    .await
}

/// Figures per day, week or month.
async fn series(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), default_first);
    let interval = validation.word("interval", Interval::Day, &INTERVALS);
    let uniques = validation.include_uniques();
    let (filter, compare) = (validation.filter(), compare(&mut validation));
    let rule = validation.rule();
    validation.finish()?;
    admit_filter(&filter, rule, &call.caller)?;
    if uniques && rule.is_some_and(|rule| rule != Rule::Session) {
        return Err(Answer::bad_request("unique downloaders are the same under every rule: ask for them without `rule`"));
    }
    ask(call, move |view, scope, caller| {
        let rule = rule_of(rule, &filter, uniques, view, scope, caller)?;
        let told = Told { rule, files: filter.is_empty() && rule == Rule::Session };
        let rows = |range| match rule {
            Rule::Session if filter.is_empty() => view.series(scope, range, interval, uniques, caller),
            Rule::Session => view.filtered_series(scope, range, interval, uniques, &filter, caller),
            _ => view.series_by_rule(scope, range, interval, rule, &filter, caller),
        };
        let Some(now) = rows(range)? else { return Ok(None) };
        let before = preceding(range);
        let previous = if compare { rows(before)?.map(|rows| Series::new(&rows, before, told, None)) } else { None };
        Ok(Some(Series::new(&now, range, told, previous)))
    })
    .await
}

/// Distinct downloaders over a range, exact.
async fn uniques(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), default_first);
    let interval = validation.word("interval", None, &INTERVALS.map(|(word, interval)| (word, Some(interval))));
    let bounds = validation.word("include", false, &[("bounds", true)]);
    let (filter, compare) = (validation.filter(), compare(&mut validation));
    validation.finish()?;
    admit_filter(&filter, None, &call.caller)?;
    if bounds && call.caller.roles.is_empty() {
        return Err(needs_role());
    }
    ask(call, move |view, scope, caller| {
        let uniques = |range: DayRange, with_bounds: bool| {
            if filter.is_empty() && !with_bounds {
                return Ok(view.uniques(scope, range, caller)?.map(|uniques| (uniques, None)));
            }
            let Some(reach) = view.reach(scope, range, &filter, caller)? else { return Ok(None) };
            let bounds = with_bounds.then_some(Bounds { floor: reach.floor, ceiling: reach.ceiling });
            Ok::<_, QueryError>(Some((reach.ceiling, bounds)))
        };
        let Some((now, of_now)) = uniques(range, bounds)? else { return Ok(None) };
        let by_interval = match interval {
            Some(interval) if filter.is_empty() => view.uniques_by(scope, range, interval, caller)?,
            Some(interval) => {
                let rows = view.filtered_series(scope, range, interval, true, &filter, caller)?.unwrap_or_default();
                let part =
                    |row: &crate::query::DayRow| (DayRange { first: row.day, last: row.day }, row.uniques.unwrap_or_default());
                Some(rows.iter().map(part).collect())
            }
            None => None,
        };
        let before = preceding(range);
        let previous = if compare { uniques(before, bounds)? } else { None };
        let previous = previous.map(|(uniques, bounds)| UniquesIn::new(uniques, before, bounds, None, None));
        Ok(Some(UniquesIn::new(now, range, of_now, by_interval.as_deref(), previous)))
    })
    .await
}

/// Whether the preceding period is wanted beside the asked one.
pub fn compare(validation: &mut Validation<'_>) -> bool {
    validation.word("compare", false, &[("previous", true)])
}

/// The first of the days nobody chose.
pub fn default_first(last: Day) -> Day {
    DayRange::ending(last, DEFAULT_DAYS).first
}

/// Breakdowns are for readers of an organization and its publishers: a filter is one in disguise, except by audience,
/// which totals tell anyway. Other rules read the events, which costs more than the public should ask for.
fn admit_filter(filter: &Filter, rule: Option<Rule>, caller: &Caller) -> Result<(), Answer> {
    let ready = rule.is_none_or(|rule| matches!(rule, Rule::Session | Rule::Reported));
    let open = filter.class.is_none() && filter.country.is_none() && ready;
    if open { Ok(()) } else { admit_reader(caller) }
}

/// The rule that was asked for, else the one a scope has by itself. A filter, and unique downloaders, are questions about
/// what was counted here.
fn rule_of(
    asked: Option<Rule>,
    filter: &Filter,
    uniques: bool,
    view: &View<'_>,
    scope: &Scope,
    caller: &Caller,
) -> Result<Rule, QueryError> {
    match asked {
        Some(rule) => Ok(rule),
        None if uniques || !filter.is_empty() => Ok(Rule::Session),
        None => view.default_rule(scope, caller),
    }
}

/// Whether the caller has a role that reads.
pub fn admit_reader(caller: &Caller) -> Result<(), Answer> {
    if caller.roles.iter().any(|role| matches!(role, Role::Reader(_) | Role::Publisher(_) | Role::Admin)) {
        return Ok(());
    }
    if caller.ingest_source().is_some() {
        return Err(forbidden("a token that pushes events reads no analytics: use one of a reader or publisher"));
    }
    Err(needs_role())
}

fn needs_role() -> Answer {
    unauthorized("this needs a token that reads: `hubtally token create --scope reader:ORG` makes one")
}

/// Asks a view on a thread of its own; `None` from the question is the answer of a scope that is not there.
pub async fn ask<S: Sheet>(
    call: Call,
    question: impl FnOnce(&View<'_>, &Scope, &Caller) -> Result<Option<S>, QueryError> + Send + 'static,
) -> Outcome {
    let scope = scope(&call)?;
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let view = View::of(engine)?;
        let sheet = question(&view, &scope, &caller)?.ok_or_else(|| not_found(&scope))?;
        Ok(answer(&sheet, csv))
    };
    call.app.read(ask).await?
}

/// A sheet as the caller wants it.
pub fn answer(sheet: &impl Sheet, csv: bool) -> Answer {
    let answer = if csv { Answer::csv(sheet.csv()) } else { Answer::json(sheet) };
    match sheet.rule() {
        Some(rule) => answer.with(X_COUNTING_RULE, rule),
        None => answer,
    }
}

/// The scope the path names.
pub fn scope(call: &Call) -> Result<Scope, Answer> {
    let (kind, org, group) = (call.params.get("type"), call.params.get("org"), call.params.get("group"));
    if !org.is_empty() {
        return OrgName::parse(org).map(Scope::Org).ok_or_else(|| no_org(org));
    }
    if !group.is_empty() {
        return GroupName::parse(group).map(Scope::Group).ok_or_else(|| no_group(group));
    }
    match (kind, call.params.get("name")) {
        ("", _) => Ok(Scope::Hub),
        (kind, "") => RepoKind::parse(kind)
            .map(Scope::Kind)
            .ok_or_else(|| Answer::error(StatusCode::NOT_FOUND, "the types are model, dataset and space")),
        _ => call.repo().map(Scope::Repo),
    }
}

/// The answer for a scope that is missing or hidden.
pub fn not_found(scope: &Scope) -> Answer {
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

/// The answer for a group that is missing or has nothing to see.
pub fn no_group(group: &str) -> Answer {
    Answer::error(StatusCode::NOT_FOUND, &format!("Group '{group}' not found"))
}
