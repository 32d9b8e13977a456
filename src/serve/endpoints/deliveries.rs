//! Deliveries: the list, and taking one back.

use hyper::StatusCode;
use serde_json::json;

use crate::ingest::Engine;
use crate::render::ledger;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// What came in, as the ledger has it, and the logs that are followed.
pub async fn list(call: Call) -> Outcome {
    let deliveries = call.app.read(Engine::deliveries).await??;
    if call.csv {
        return Ok(Answer::csv(ledger::deliveries(&deliveries)));
    }
    let following = call.engine().following();
    Ok(Answer::json(&json!({ "deliveries": deliveries, "following": following })))
}

/// Takes a delivery back: the numbers are then as if it had never come.
pub async fn retract(call: Call) -> Outcome {
    let asked = call.params.get("serial").to_owned();
    let missing =
        move || Answer::error(StatusCode::NOT_FOUND, &format!("there is no delivery {asked}; `hubtally deliveries` lists them"));
    let Ok(serial) = call.params.get("serial").parse::<u32>() else { return Err(missing()) };
    let work = move |engine: &Engine| {
        if !engine.deliveries()?.iter().any(|known| known.delivery == serial.to_string()) {
            return Err(missing());
        }
        Ok(Answer::json(&engine.retract(serial)?))
    };
    call.app.upkeep(work).await?
}
