//! The start page: the hub's counter, its figures over time, and what is downloaded now.

use hyper::StatusCode;

use super::scoped::may_see;
use super::{choice, page, reader, view_page};
use crate::model::{Caller, Counter, Day, DayRange, Millis};
use crate::query::{QueryError, Scope, View};
use crate::render::chart::sparkline;
use crate::render::links::State;
use crate::render::pages::{
    Choice, Foot, Frame, HubPage, Instant, Milestones, OtherHub, Overview, Place, Reader, Section, TrendRow,
};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

const TRENDING_DAYS: u16 = 7;
const TRENDING_REPOS: usize = 20;
const SPARKLINE_DAYS: u16 = 30;

/// The start page.
pub async fn hub(call: Call) -> Outcome {
    let reader = reader(&call);
    let choice = choice(&call, &reader)?;
    let (origin, caller, as_of) = (call.origin(), call.caller.clone(), call.engine().now());
    view_page(call, reader, move |view, reader| {
        let made = hub_page(view, &caller, &choice, as_of, reader, &origin)?;
        Ok(made.map(|made| page(StatusCode::OK, &made)))
    })
    .await
}

fn hub_page(
    view: &View<'_>,
    caller: &Caller,
    choice: &Choice,
    as_of: Millis,
    reader: Reader,
    origin: &str,
) -> Result<Option<HubPage>, QueryError> {
    let place = Place { links: &reader.links.clone(), path: "/", api: "/api/v1/hub", rest: &State::default() };
    let Some(figures) = view.overview(&Scope::Hub, choice.look(may_see(&Scope::Hub, caller)), caller)? else {
        return Ok(None);
    };
    let range = DayRange::ending(view.today(), TRENDING_DAYS);
    let recent = DayRange::ending(view.today().previous(), SPARKLINE_DAYS);
    let mut trending = Vec::new();
    for trend in view.trending(None, range, TRENDING_REPOS, caller)? {
        let rows = view.series(&Scope::Repo(trend.repo.clone()), recent, crate::query::Interval::Day, false, caller)?;
        let days: Vec<u64> = rows.unwrap_or_default().iter().map(|row| row.counts.downloads().0).collect();
        trending.push(TrendRow { trend, line: sparkline(&days) });
    }
    let links = reader.links.clone();
    let foot = |path: &str, state: String| Foot {
        as_of: Instant(as_of),
        csv: Some(links.to(format_args!("{path}.csv{state}"))),
        json: Some(links.to(format_args!("{path}{state}"))),
    };
    let trending_foot = foot("/api/trending", format!("?repo_type=all&days={TRENDING_DAYS}&limit={TRENDING_REPOS}"));
    let totals = view.hub(caller)?;
    let targets = Milestones::round_numbers(totals.downloads.0);
    let milestones = view.milestones(&targets, caller)?;
    let asked: Vec<String> = targets.iter().map(u64::to_string).collect();
    let counters = view.counters()?;
    Ok(Some(HubPage {
        totals,
        as_of: Instant(as_of),
        overview: Overview::new(&figures, choice, &place, as_of),
        trending,
        milestones: Milestones::new(milestones, foot("/api/ecosystem", format!("?targets={}", asked.join(",")))),
        counters_foot: foot("/api/v1/counters", String::new()),
        counters: counters.into_iter().map(other_hub).collect(),
        trending_foot,
        origin: format!("{origin}{}", reader.links.to("")),
        frame: Frame::new("hubtally", Section::Hub, reader),
    }))
}

fn other_hub((name, counter): (String, Counter)) -> OtherHub {
    OtherHub { name, latest: counter.latest(Day(u16::MAX)), title: counter.title }
}
