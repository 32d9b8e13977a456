//! The page of what the downloaders of two scopes have in common, for those who may see both sides.

use hyper::StatusCode;

use super::scoped::{api_name, from_typed, may_see, path_of, typed};
use super::{notice, page, reader, view_page};
use crate::model::{Caller, DayRange, Millis, RepoKind};
use crate::query::{QueryError, Scope, Span, View};
use crate::render::links::{Links, State};
use crate::render::pages::{Choice, Foot, Found, Frame, Instant, OverlapPage, Pick, Reader, Section, Side};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

/// The days of "last month".
const MONTH_DAYS: u16 = 30;
/// Organizations, groups and repos that are offered, of each at most so many.
const OFFERED: usize = 100;
/// Links to a first comparison.
const LINKED: usize = 12;

/// What is asked, by whom and when.
struct Asked {
    a: String,
    b: String,
    choice: Choice,
    caller: Caller,
    as_of: Millis,
}

/// Two sides, or the form that asks for them.
pub async fn overlap(call: Call) -> Outcome {
    let reader = reader(&call);
    if call.caller.roles.is_empty() {
        let sentence = "Who downloads from two places at once is shown to publishers and administrators: sign in as one.";
        return notice(StatusCode::FORBIDDEN, "For publishers", sentence, reader);
    }
    let choice = super::choice(&call, &reader)?;
    let side = |name| call.query.last(name).unwrap_or_default().trim().trim_matches('/').to_owned();
    let (a, b) = (side("a"), side("b"));
    let asked = Asked { a, b, choice, caller: call.caller.clone(), as_of: call.engine().now() };
    view_page(call, reader, move |view, reader| {
        let made = overlap_page(view, &asked, reader)?;
        let status = if made.sentence.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        Ok(Some(page(status, &made)))
    })
    .await
}

fn overlap_page(view: &View<'_>, asked: &Asked, reader: Reader) -> Result<OverlapPage, QueryError> {
    let links = reader.links.clone();
    let (a, b) = (from_typed(&asked.a), from_typed(&asked.b));
    let may = |scope: &Option<Scope>| scope.as_ref().filter(|scope| may_see(scope, &asked.caller)).cloned();
    let (mut found, mut sentence) = (None, String::new());
    if !asked.a.is_empty() && !asked.b.is_empty() {
        if let (Some(a), Some(b)) = (may(&a), may(&b)) {
            found = compared(view, asked, &a, &b, &reader)?;
        }
        if found.is_none() {
            // The same for what is missing, hidden, or not this reader's.
            "One of the two is not there, or its downloaders are not for you to see.".clone_into(&mut sentence);
        }
    }
    let pick = |span, text: &str| {
        let state = Choice { window: span, ..asked.choice }.state().and("a", &asked.a).and("b", &asked.b);
        let current = asked.choice.window == span;
        Pick { href: links.to(format_args!("/overlap{state}")), text: text.to_owned(), current }
    };
    let offered = offered(view, &asked.caller)?;
    let with = match (may(&a), asked.b.is_empty()) {
        (Some(a), true) => with(&a, &offered, asked, &links),
        _ => Vec::new(),
    };
    let side = |text: &str, scope: Option<Scope>| Side {
        text: text.to_owned(),
        href: scope.filter(|_| found.is_some()).map(|scope| links.to(path_of(&scope))),
    };
    Ok(OverlapPage {
        offered: offered.iter().map(typed).collect(),
        with,
        windows: vec![pick(Span::All, "All time"), pick(Span::Month, "Last month")],
        kept: asked.choice.state(),
        today: view.today(),
        sentence,
        a: side(&asked.a, a),
        b: side(&asked.b, b),
        frame: Frame::new("Overlap", Section::Overlap, reader),
        found,
    })
}

/// What the two fields offer: all of it is the reader's to compare.
fn offered(view: &View<'_>, caller: &Caller) -> Result<Vec<Scope>, QueryError> {
    let offers = view.offers(OFFERED, caller)?;
    let orgs = offers.orgs.into_iter().map(Scope::Org);
    let groups = offers.groups.into_iter().map(Scope::Group);
    let hub = std::iter::once(Scope::Hub).chain(RepoKind::ALL.map(Scope::Kind)).filter(|_| caller.is_admin());
    Ok(groups.chain(orgs).chain(offers.repos.into_iter().map(Scope::Repo)).chain(hub).collect())
}

/// Links from one side to comparisons with others: where a field cannot show what it offers, these can be followed.
fn with(a: &Scope, offered: &[Scope], asked: &Asked, links: &Links) -> Vec<Pick> {
    let others = offered.iter().filter(|other| *other != a).take(LINKED);
    let pick = |other: &Scope| {
        let state = asked.choice.state().and("a", &asked.a).and("b", typed(other));
        Pick { href: links.to(format_args!("/overlap{state}")), text: typed(other), current: false }
    };
    others.map(pick).collect()
}

fn compared(view: &View<'_>, asked: &Asked, a: &Scope, b: &Scope, reader: &Reader) -> Result<Option<Found>, QueryError> {
    let today = view.today();
    let range = match asked.choice.window {
        Span::All => DayRange { first: view.hub(&asked.caller)?.first_day.unwrap_or(today), last: today },
        Span::Month => DayRange::ending(today, MONTH_DAYS),
        Span::Range(range) => range,
    };
    let Some(overlap) = view.overlap(a, b, range, &asked.caller)? else { return Ok(None) };
    let state = State::default().and("a", api_name(a)).and("b", api_name(b)).and("from", range.first).and("to", range.last);
    let file = |ending: &str| Some(reader.links.to(format_args!("/api/v1/overlap{ending}{state}")));
    Ok(Some(Found { overlap, range, foot: Foot { as_of: Instant(asked.as_of), csv: file(".csv"), json: file("") } }))
}
