//! Stored events for another hubtally, page by page.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use crate::ingest::Engine;
use crate::model::{HeadRedirect, Redirects};
use crate::query::{OutgoingPlace, QueryError, View};
use crate::render::outgoing;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// The events after a place, as lines to be pushed to each source, with where the next page begins.
pub async fn outgoing(call: Call) -> Outcome {
    let from = match call.query.last("after") {
        None => OutgoingPlace::default(),
        Some(text) => text.parse().map_err(|()| Answer::bad_request("after is the `next` of the page before"))?,
    };
    let ask = move |engine: &Engine| -> Result<Answer, QueryError> {
        let view = View::of(engine)?;
        let page = view.outgoing(from)?;
        let mut repos = HashMap::new();
        let mut bodies: BTreeMap<u16, (u64, String)> = BTreeMap::new();
        for event in &page.events {
            let repo = match repos.entry(event.row.repo) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(view.stored_repo(event.row.repo)?),
            };
            let who = engine.exported(event.row.who, event.row.agent.0 != 0);
            let (lines, body) = bodies.entry(event.row.source.0).or_default();
            *lines += u64::from(event.count);
            body.push_str(&outgoing::lines(event, repo, who));
        }
        let sources = view.source_settings()?.into_iter().filter_map(|(id, name, settings)| {
            let (lines, body) = bodies.remove(&id.0)?;
            Some(json!({
                "source": name,
                "redirects": if settings.redirects == Redirects::Ignore { "ignore" } else { "handoff" },
                "head_redirect": if settings.head_redirect == HeadRedirect::Handoff { "handoff" } else { "probe" },
                "knows_users": settings.knows_users,
                "lines": lines,
                "events": body,
            }))
        });
        let sources: Vec<_> = sources.collect();
        Ok(Answer::json(
            &json!({ "key": engine.key_id(), "sources": sources, "next": page.next.to_string(), "end": page.is_end }),
        ))
    };
    Ok(call.app.read(ask).await??)
}
