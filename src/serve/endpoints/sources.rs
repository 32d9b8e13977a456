//! Sources: their settings, listed and changed.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::json_body;
use crate::ingest::{Engine, FollowingSetting, GivenSettings, SourceChange};
use crate::model::{Proxies, SourceName};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// The word for a setting that follows from the formats.
const DEFAULT: &str = "default";

/// Settings to be changed; what is left out stays, and what is `"default"` follows from the formats again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    redirects: Option<Value>,
    head_redirect: Option<Value>,
    knows_users: Option<Value>,
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
    let mut reset = Vec::new();
    let given = GivenSettings {
        redirects: setting(change.redirects, FollowingSetting::Redirects, "redirects is handoff, ignore or default", &mut reset)?,
        head_redirect: setting(
            change.head_redirect,
            FollowingSetting::HeadRedirect,
            "head_redirect is probe, handoff or default",
            &mut reset,
        )?,
        knows_users: setting(
            change.knows_users,
            FollowingSetting::KnowsUsers,
            "knows_users is true, false or \"default\"",
            &mut reset,
        )?,
    };
    let change = SourceChange { given, reset, proxies };
    let source = call.app.upkeep(move |engine| engine.set_source(&name, change)).await??;
    Ok(Answer::json(&source))
}

/// A setting as it was given, if it was; one that is `"default"` goes among those to be reset.
fn setting<T: DeserializeOwned>(
    value: Option<Value>,
    which: FollowingSetting,
    sentence: &str,
    reset: &mut Vec<FollowingSetting>,
) -> Result<Option<T>, Answer> {
    match value {
        None => Ok(None),
        Some(Value::String(word)) if word == DEFAULT => {
            reset.push(which);
            Ok(None)
        }
        Some(value) => serde_json::from_value(value).map(Some).map_err(|_| Answer::bad_request(sentence)),
    }
}
