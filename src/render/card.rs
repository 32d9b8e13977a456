//! A repo as clients of Hugging Face hubs read it: the keys of their API, as far as hubtally knows anything.

use serde_json::{Map, Value, json};

use crate::model::RepoKind;
use crate::query::{Card, Rule};

/// One repo. With `expand`, only its id and the keys asked for, of which unknown ones are left out; downloads that are
/// another system's never come without saying so.
#[must_use]
pub fn card(card: &Card, expand: &[&str]) -> Value {
    let id = card.repo.name.as_str();
    let mut keys = Map::new();
    keys.insert("id".to_owned(), json!(id));
    let mut add = |key: &str, value: Value| {
        if expand.is_empty() || expand.contains(&key) {
            keys.insert(key.to_owned(), value);
        }
    };
    if card.repo.kind == RepoKind::Model {
        add("modelId", json!(id));
    }
    if let Some(org) = card.repo.name.org() {
        add("author", json!(org));
    }
    add("private", json!(card.private));
    add("gated", json!(false));
    add("disabled", json!(false));
    let (downloads, all_time) = match card.reported {
        Some(reported) => (reported.of_range, reported.all_time),
        None => (card.downloads, card.downloads_all_time),
    };
    add("downloads", json!(downloads));
    add("downloadsAllTime", json!(all_time));
    add("likes", json!(card.likes));
    add("trendingScore", json!(card.trending));
    add("tags", json!(card.library.iter().collect::<Vec<_>>()));
    if let Some(library) = &card.library {
        add("library_name", json!(library));
    }
    if let Some(created) = card.created_at {
        add("createdAt", json!(created.to_string()));
    }
    let tells_downloads = keys.contains_key("downloads") || keys.contains_key("downloadsAllTime");
    if card.reported.is_some() && (tells_downloads || expand.contains(&"rule")) {
        keys.insert("rule".to_owned(), json!(Rule::Reported.word()));
    }
    Value::Object(keys)
}
