//! When each source was last heard of.

use serde_json::json;

use crate::ingest::Engine;
use crate::model::{DAY_MS, Millis};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::validation::Validation;

/// Sources with their newest event of the last `days` (1 to 365, 7 unless told otherwise).
pub async fn freshness(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let days = validation.number("days", 7, 1..=365);
    validation.finish()?;
    let ask = move |engine: &Engine| -> Outcome {
        let now = engine.now();
        let sources = engine.freshness(Millis(now.0 - i64::from(days) * DAY_MS))?;
        let rows: Vec<_> = sources
            .into_iter()
            .map(|source| {
                let age_s = source.newest.map(|newest| (now.0 - newest.0) / 1000);
                json!({ "source": source.source, "newest_event": source.newest.map(|at| at.to_string()), "age_s": age_s })
            })
            .collect();
        Ok(Answer::json(&json!({ "as_of": now.to_string(), "days": days, "sources": rows })))
    };
    call.app.upkeep(ask).await?
}
