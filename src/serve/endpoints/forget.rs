//! The forget list: people whose events are removed and dropped.

use serde::Deserialize;
use serde_json::json;

use super::json_body;
use crate::ingest::Engine;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// User ids, addresses, or hashes as exports write them.
    people: Vec<String>,
}

/// The list, as hashes.
pub async fn list(call: Call) -> Outcome {
    let forgotten = call.app.read(Engine::forgotten).await??;
    Ok(Answer::json(&json!({ "forgotten": forgotten })))
}

/// Forgets some people.
pub async fn forget(mut call: Call) -> Outcome {
    let Named { people } = json_body::read(&mut call).await?;
    let receipt = call.app.upkeep(move |engine| engine.forget(&people)).await??;
    Ok(Answer::json(&receipt))
}

/// Takes some people off the list.
pub async fn unforget(mut call: Call) -> Outcome {
    let Named { people } = json_body::read(&mut call).await?;
    let receipt = call.app.upkeep(move |engine| engine.unforget(&people)).await??;
    Ok(Answer::json(&receipt))
}
