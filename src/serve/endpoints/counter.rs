//! The hub's cumulative counter alone, for pages that show it while it moves.

use serde_json::json;

use crate::ingest::Engine;
use crate::model::{DayRange, Millis};
use crate::query::{Scope, View};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// `{"downloads","as_of"}`: all time, as far as the caller sees it.
pub async fn counter(call: Call) -> Outcome {
    let caller = call.caller;
    let ask = move |engine: &Engine| {
        let as_of = engine.now();
        let view = View::of(engine)?;
        let ever = DayRange { first: Millis::EARLIEST.day(), last: view.today() };
        let counts = view.scope_totals(&Scope::Hub, ever, &caller)?.unwrap_or_default();
        Ok(Answer::json(&json!({ "downloads": counts.downloads(), "as_of": as_of.to_string() })))
    };
    call.app.read(ask).await?
}
