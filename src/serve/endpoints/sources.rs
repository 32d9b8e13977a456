//! Sources: their settings, listed and changed.

use serde::Deserialize;
use serde_json::json;

use super::json_body;
use crate::ingest::{Engine, GivenSettings};
use crate::model::{HeadRedirect, Proxies, Redirects, SourceName};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// Settings to be changed; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    redirects: Option<Redirects>,
    head_redirect: Option<HeadRedirect>,
    knows_users: Option<bool>,
    trusted_proxies: Option<Networks>,
}

/// A list of networks, or the same as one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Networks {
    Text(String),
    List(Vec<String>),
}

/// The sources there are.
pub async fn list(call: Call) -> Outcome {
    let sources = call.app.read(Engine::sources).await??;
    Ok(Answer::json(&json!({ "sources": sources })))
}

/// Changes a source, which may be one of which no event came in yet. Counts everything anew where that is needed.
pub async fn set(mut call: Call) -> Outcome {
    let name = SourceName::parse(call.params.get("name"))
        .ok_or_else(|| Answer::bad_request("a source is 1 to 64 letters, digits, '.', '_' or '-'"))?;
    let change: Change = json_body::read(&mut call).await?;
    let networks = change.trusted_proxies.map(|networks| match networks {
        Networks::Text(text) => text,
        Networks::List(list) => list.join(","),
    });
    let proxies = networks.map(|text| Proxies::parse(&text)).transpose();
    let proxies = proxies.map_err(|error| Answer::bad_request(&format!("trusted_proxies: {error}")))?;
    let Change { redirects, head_redirect, knows_users, .. } = change;
    let given = GivenSettings { redirects, head_redirect, knows_users };
    let source = call.app.upkeep(move |engine| engine.set_source(&name, given, proxies)).await??;
    Ok(Answer::json(&source))
}
