//! The page of another hub's counter.

use hyper::StatusCode;

use super::{page, reader, view_page};
use crate::query::DEFAULT_TARGETS;
use crate::render::pages::{CounterPage, Foot, Frame, Instant, Milestones, Section};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

/// The page of a counter.
pub async fn counter(call: Call) -> Outcome {
    let reader = reader(&call);
    let (name, as_of) = (call.params.get("name").to_owned(), call.engine().now());
    view_page(call, reader, move |view, reader| {
        let Some((counter, milestones)) = view.counter(&name, &DEFAULT_TARGETS)? else { return Ok(None) };
        let foot = |csv: &str| Foot {
            as_of: Instant(as_of),
            csv: Some(reader.links.to(format_args!("/api/v1/counters/{name}.csv{csv}"))),
            json: Some(reader.links.to(format_args!("/api/v1/counters/{name}"))),
        };
        let (milestones, foot) = (Milestones::new(milestones, foot("?part=milestones")), foot(""));
        let frame = Frame::new(counter.title.clone(), Section::Other, reader);
        Ok(Some(page(StatusCode::OK, &CounterPage::new(frame, counter, milestones, foot))))
    })
    .await
}
