//! The hub's cumulative counter, how it was made, and when it will reach round numbers.

use super::analytics::answer;
use super::counters::targets;
use crate::ingest::Engine;
use crate::query::View;
use crate::render::json::EcosystemPage;
use crate::render::milestones::{CounterJson, MilestoneJson};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

/// Everything downloaded so far, as far as the caller sees it, and the counters of other hubs beside it.
pub async fn ecosystem(call: Call) -> Outcome {
    let targets = targets(&call)?;
    let (caller, csv) = (call.caller, call.csv);
    let ask = move |engine: &Engine| {
        let view = View::of(engine)?;
        let ecosystem = view.ecosystem(&caller)?;
        let milestones = view.milestones(&targets, &caller)?;
        let counters = view.counters()?;
        let milestones = milestones.iter().map(MilestoneJson::from).collect();
        let counters = counters.iter().map(|(name, counter)| CounterJson::new(name, counter)).collect();
        Ok(answer(&EcosystemPage::new(&ecosystem, engine.now(), milestones, counters), csv))
    };
    call.app.read(ask).await?
}
