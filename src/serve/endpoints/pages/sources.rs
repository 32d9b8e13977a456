//! Deliveries for administrators: the list with its reasons, and taking one back after a question.

use hyper::StatusCode;
use hyper::header;

use super::{missing, notice, page, reader, refused, view_page};
use crate::ingest::Engine;
use crate::model::{Caller, DayRange};
use crate::query::{Delivery, QueryError, Scope, View};
use crate::render::links::State;
use crate::render::pages::{Foot, Frame, Hours, Instant, Pick, Reader, RetractPage, Section, SourcesPage};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

const DELIVERIES_SHOWN: usize = 100;
const RESTATED_SHOWN: usize = 50;
/// Days whose hours are shown, the first unless chosen: to draw them their events are read.
const HOURS_DAYS: [u16; 2] = [7, 28];

/// The page of deliveries.
pub async fn sources(call: Call) -> Outcome {
    let reader = reader(&call);
    if !call.caller.is_admin() {
        return forbidden(reader);
    }
    let skipped = match call.query.last("skip").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(skipped)) => skipped,
        Some(Err(_)) => return Err(refused("skip is the number of deliveries to leave out", &reader)),
    };
    let part = call.query.last("part") == Some("hours");
    let days = match call.query.last("days") {
        None => part.then_some(HOURS_DAYS[0]),
        Some(text) => match HOURS_DAYS.into_iter().find(|days| days.to_string() == text) {
            Some(days) => Some(days),
            None => return Err(refused(&format!("days={text} cannot be shown; it can be one of {HOURS_DAYS:?}"), &reader)),
        },
    };
    let (caller, as_of) = (call.caller.clone(), Instant(call.engine().now()));
    view_page(call, reader, move |view, reader| {
        if let Some(days) = days.filter(|_| part) {
            return Ok(Some(page(StatusCode::OK, &hours(view, &caller, &reader, days, as_of)?)));
        }
        let made = sources_page(view, &caller, reader, (skipped, days), as_of)?;
        Ok(Some(page(StatusCode::OK, &made)))
    })
    .await
}

fn sources_page(
    view: &View<'_>,
    caller: &Caller,
    reader: Reader,
    (skipped, days): (usize, Option<u16>),
    as_of: Instant,
) -> Result<SourcesPage, QueryError> {
    let all = view.deliveries()?;
    let (total, latest) = (all.len(), all.first().map(|delivery| Instant(delivery.arrived)));
    let deliveries: Vec<Delivery> = all.into_iter().skip(skipped).take(DELIVERIES_SHOWN).collect();
    let older = skipped + DELIVERIES_SHOWN;
    let foot =
        |path: &str| Foot { as_of, csv: Some(reader.links.to(format_args!("{path}.csv"))), json: Some(reader.links.to(path)) };
    let files = |figure: &str| foot(&format!("/api/v1/hub/{figure}"));
    Ok(SourcesPage {
        deliveries,
        total: total as u64,
        older: (older < total).then(|| reader.links.to(format_args!("/sources{}", State::default().and("skip", older)))),
        latest,
        hours: days.map(|days| hours(view, caller, &reader, days, as_of)).transpose()?,
        silent: view.silent_days(caller)?,
        silent_foot: files("series"),
        restated_foot: files("restatements"),
        restated: view.restated(RESTATED_SHOWN)?,
        foot: foot("/api/v1/deliveries"),
        frame: Frame::new("Sources", Section::Sources, reader),
    })
}

/// The hours of the last days.
fn hours(view: &View<'_>, caller: &Caller, reader: &Reader, days: u16, as_of: Instant) -> Result<Hours, QueryError> {
    let range = DayRange::ending(view.today(), days);
    let coverage = view.coverage(&Scope::Hub, range, caller)?.unwrap_or_default();
    let pick = |choice: u16| Pick {
        href: reader.links.to(format_args!("/sources{}#hours", State::default().and("days", choice))),
        text: format!("{choice} days"),
        current: choice == days,
    };
    Ok(Hours::new(&coverage, range, HOURS_DAYS.into_iter().map(pick).collect(), &reader.links, as_of))
}

/// The question before a delivery is taken back.
pub async fn ask_retract(call: Call) -> Outcome {
    let reader = reader(&call);
    if !call.caller.is_admin() {
        return forbidden(reader);
    }
    let Ok(serial) = call.params.get("serial").parse::<u32>() else { return missing(reader) };
    view_page(call, reader, move |view, reader| {
        let Some(delivery) = view.deliveries()?.into_iter().find(|delivery| delivery.serial == serial) else { return Ok(None) };
        let frame = Frame::new(format!("Retract delivery {serial}"), Section::Sources, reader);
        Ok(Some(page(StatusCode::OK, &RetractPage { frame, delivery })))
    })
    .await
}

/// Takes a delivery back, and shows the list.
pub async fn retract(call: Call) -> Outcome {
    let reader = reader(&call);
    if !call.caller.is_admin() {
        return forbidden(reader);
    }
    let Ok(serial) = call.params.get("serial").parse::<u32>() else { return missing(reader) };
    let work = move |engine: &Engine| -> Result<bool, Answer> {
        if !engine.deliveries()?.iter().any(|known| known.delivery == serial.to_string()) {
            return Ok(false);
        }
        engine.retract(serial)?;
        Ok(true)
    };
    match call.app.upkeep(work).await.and_then(|outcome| outcome) {
        Ok(true) => {
            let list = reader.links.to(format_args!("/sources#d{serial}"));
            Ok(Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, &list))
        }
        Ok(false) => missing(reader),
        Err(answer) => super::readable(Err(answer), reader),
    }
}

fn forbidden(reader: Reader) -> Outcome {
    let sentence = "Deliveries are shown to administrators: sign in as one.";
    notice(StatusCode::FORBIDDEN, "For administrators", sentence, reader)
}
