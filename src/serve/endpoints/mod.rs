//! What answers each route, grouped by subject.

mod access_logs;
mod analytics;
mod breakdown;
mod catalog;
mod counter;
mod counters;
mod deliveries;
mod ecosystem;
mod events;
mod exports;
mod health;
mod import_progress;
mod imports;
mod json_body;
mod likes;
mod pages;
mod sources;
mod stats;
mod streamed;
mod tokens;
mod trending;
mod upkeep;

use super::answer::Outcome;
use super::call::Call;
use super::routes::Endpoint;

/// Answers a call by its route.
pub async fn answer(endpoint: Endpoint, call: Call) -> Outcome {
    match endpoint {
        Endpoint::Alive => Ok(health::alive(&call)),
        Endpoint::Ready => Ok(health::ready(&call)),
        Endpoint::Stats => stats::stats(&call),
        Endpoint::Recent => stats::recent(&call),
        Endpoint::Trending => trending::trending(call).await,
        Endpoint::Like => likes::set(call, true).await,
        Endpoint::Unlike => likes::set(call, false).await,
        Endpoint::Breakdown => breakdown::breakdown(call).await,
        Endpoint::AccessLogs => access_logs::access_logs(call).await,
        Endpoint::Ecosystem => ecosystem::ecosystem(call).await,
        Endpoint::OtherCounters => counters::list(call).await,
        Endpoint::OtherCounter => counters::get(call).await,
        Endpoint::PutCounter => counters::put(call).await,
        Endpoint::AddTotals => counters::add(call).await,
        Endpoint::RemoveCounter => counters::remove(call).await,
        Endpoint::Counter => counter::counter(call).await,
        Endpoint::PushEvents => events::push(call).await,
        Endpoint::Import => imports::import(call).await,
        Endpoint::PutRepos => catalog::put(call).await,
        Endpoint::Totals => analytics::totals(call).await,
        Endpoint::Series => analytics::series(call).await,
        Endpoint::Uniques => analytics::uniques(call).await,
        Endpoint::Sources => sources::list(call).await,
        Endpoint::SetSource => sources::set(call).await,
        Endpoint::Deliveries => deliveries::list(call).await,
        Endpoint::Retract => deliveries::retract(call).await,
        Endpoint::Tokens => tokens::list(call).await,
        Endpoint::CreateToken => tokens::create(call).await,
        Endpoint::RevokeToken => tokens::revoke(call).await,
        Endpoint::Verify => upkeep::verify(call).await,
        Endpoint::Rebuild => upkeep::rebuild(call).await,
        Endpoint::Hub => pages::hub(call).await,
        Endpoint::Catalog => pages::catalog(call).await,
        Endpoint::SourcesPage => pages::sources(call).await,
        Endpoint::AskRetract => pages::ask_retract(call).await,
        Endpoint::RetractHere => pages::retract(call).await,
        Endpoint::Org => pages::org(call).await,
        Endpoint::Group => pages::group(call).await,
        Endpoint::CounterPage => pages::counter(call).await,
        Endpoint::Repo => pages::repo(call).await,
        Endpoint::Welcome => pages::welcome(&call),
        Endpoint::ClaimAdmin => pages::claim(call).await,
        Endpoint::Asset => pages::asset(&call),
        Endpoint::Icon => Ok(pages::icon()),
    }
}
