//! What answers each route, grouped by subject.

mod access_logs;
mod analytics;
mod backup;
mod badges;
mod breakdown;
mod catalog;
mod counter;
mod counters;
mod deliveries;
mod drilldown;
mod ecosystem;
mod events;
mod exports;
mod forget;
mod freshness;
mod groups;
mod health;
mod hub_clients;
mod import_progress;
mod imports;
mod json_body;
mod likes;
mod metrics;
mod outgoing;
mod pages;
mod people;
mod sources;
mod stats;
mod streamed;
mod tokens;
mod trending;
mod upkeep;

use super::answer::Outcome;
use super::call::Call;
use super::openapi;
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
        Endpoint::RepoInfo => hub_clients::info(&call),
        Endpoint::RepoList => hub_clients::list(call).await,
        Endpoint::BadgeSvg => badges::svg(call).await,
        Endpoint::BadgeJson => badges::json(call).await,
        Endpoint::OpenApi => openapi::answer(&call),
        Endpoint::Metrics => metrics::metrics(call).await,
        Endpoint::Freshness => freshness::freshness(call).await,
        Endpoint::Figure(figure) => analytics::figure(figure, call).await,
        Endpoint::Overlap => drilldown::overlap(call).await,
        Endpoint::Groups => groups::list(call).await,
        Endpoint::Group => groups::get(call).await,
        Endpoint::PutGroup => groups::put(call).await,
        Endpoint::RemoveGroup => groups::remove(call).await,
        Endpoint::Sources => sources::list(call).await,
        Endpoint::SetSource => sources::set(call).await,
        Endpoint::Deliveries => deliveries::list(call).await,
        Endpoint::Retract => deliveries::retract(call).await,
        Endpoint::Tokens => tokens::list(call).await,
        Endpoint::CreateToken => tokens::create(call).await,
        Endpoint::RevokeToken => tokens::revoke(call).await,
        Endpoint::People => people::list(call).await,
        Endpoint::AddPerson => people::add(call).await,
        Endpoint::ChangePerson => people::change(call).await,
        Endpoint::RemovePerson => people::remove(call).await,
        Endpoint::Upkeep(what) => upkeep::upkeep(what, call).await,
        Endpoint::Hub => pages::hub(call).await,
        Endpoint::Catalog => pages::catalog(call).await,
        Endpoint::CatalogFile => drilldown::catalog_file(call).await,
        Endpoint::OverlapPage => pages::overlap(call).await,
        Endpoint::SourcesPage => pages::sources(call).await,
        Endpoint::AskRetract => pages::ask_retract(call).await,
        Endpoint::RetractHere => pages::retract(call).await,
        Endpoint::Org => pages::org(call).await,
        Endpoint::GroupPage => pages::group(call).await,
        Endpoint::CounterPage => pages::counter(call).await,
        Endpoint::Repo => pages::repo(call).await,
        Endpoint::Welcome => pages::welcome(&call),
        Endpoint::ClaimAdmin => pages::claim(call).await,
        Endpoint::Login => pages::login(&call),
        Endpoint::SignIn => pages::sign_in(call).await,
        Endpoint::SignOut => pages::sign_out(call).await,
        Endpoint::Settings => pages::settings(call).await,
        Endpoint::SettingsToken => pages::make_token(call).await,
        Endpoint::SettingsRevoke => pages::revoke_token(call).await,
        Endpoint::SettingsPassword => pages::change_password(call).await,
        Endpoint::SettingsAddPerson => pages::add_person(call).await,
        Endpoint::SettingsPerson => pages::change_person(call).await,
        Endpoint::GroupForms(what) => pages::group_forms(what, call).await,
        Endpoint::Asset => pages::asset(&call),
        Endpoint::Icon => Ok(pages::icon()),
    }
}
