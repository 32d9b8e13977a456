//! The hub's cumulative counter, and how it was made.

use crate::ingest::Engine;
use crate::query::View;
use crate::render::json::EcosystemPage;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// Everything downloaded so far, as far as the caller sees it.
pub async fn ecosystem(call: Call) -> Outcome {
    let caller = call.caller;
    let ask = move |engine: &Engine| {
        let ecosystem = View::of(engine)?.ecosystem(&caller)?;
        Ok(Answer::json(&EcosystemPage::new(&ecosystem, engine.now())))
    };
    call.app.read(ask).await?
}
