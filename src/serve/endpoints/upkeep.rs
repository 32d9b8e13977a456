//! What keeps a store in order: verification, rebuilding, counting anew, giving space back, backups, the forget list, events
//! for other nodes.

use serde_json::{Value, json};

use super::{backup, forget, outgoing};
use crate::model::Millis;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::routes::Upkeep;
use crate::serve::validation::Validation;

/// Does what is asked.
pub async fn upkeep(what: Upkeep, call: Call) -> Outcome {
    match what {
        Upkeep::Verify => verify(call).await,
        Upkeep::Rebuild => rebuild(call).await,
        Upkeep::Recount => recount(call).await,
        Upkeep::Compact => compact(call).await,
        Upkeep::Backup => backup::back_up(call).await,
        Upkeep::Forgotten => forget::list(call).await,
        Upkeep::Forget => forget::forget(call).await,
        Upkeep::Unforget => forget::unforget(call).await,
        Upkeep::Outgoing => outgoing::outgoing(call).await,
    }
}

/// Reads everything and says what is damaged.
async fn verify(call: Call) -> Outcome {
    let report = call.app.upkeep(|engine| engine.verify(&|_| {})).await??;
    Ok(Answer::json(&json!({ "checked_values": report.checked_values, "findings": report.findings })))
}

/// Makes all views anew from the events.
async fn rebuild(call: Call) -> Outcome {
    call.app.upkeep(|engine| engine.rebuild(&|_| {})).await??;
    Ok(Answer::json(&json!({ "rebuilt": true })))
}

/// Counts a stretch of days anew, and says where to go on.
async fn recount(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(Millis::LATEST.day(), |_| Millis::EARLIEST.day());
    validation.finish()?;
    let recounted = call.app.upkeep(move |engine| engine.recount(range)).await??;
    Ok(Answer::json(&json!({
        "days": recounted.days,
        "rows": recounted.rows,
        "changed_days": recounted.changed_days,
        "next": recounted.next.map_or(Value::Null, |day| Value::from(day.to_string())),
        "days_left": recounted.days_left,
    })))
}

/// Writes the store anew without its unused space.
async fn compact(call: Call) -> Outcome {
    let summary = call.app.upkeep(|engine| engine.compact()).await??;
    let size = |size: crate::store::FileSize| json!({ "bytes": size.bytes, "allocated_bytes": size.allocated_bytes });
    Ok(Answer::json(&json!({ "before": size(summary.before), "after": size(summary.after), "values": summary.values })))
}
