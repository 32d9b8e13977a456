//! Verification and rebuilding on request.

use serde_json::json;

use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// Reads everything and says what is damaged.
pub async fn verify(call: Call) -> Outcome {
    let report = call.app.upkeep(|engine| engine.verify(&|_| {})).await??;
    Ok(Answer::json(&json!({ "checked_values": report.checked_values, "findings": report.findings })))
}

/// Makes all views anew from the events.
pub async fn rebuild(call: Call) -> Outcome {
    call.app.upkeep(|engine| engine.rebuild(&|_| {})).await??;
    Ok(Answer::json(&json!({ "rebuilt": true })))
}
