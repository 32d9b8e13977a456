//! A repo as clients of Hugging Face hubs read it: the keys of their API, as far as hubtally knows anything.

use serde_json::{Map, Value, json};

use crate::model::RepoKind;
use crate::query::Card;

/// One repo. With `expand`, only its id and the keys asked for, of which unknown ones are left out.
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
    add("downloads", json!(card.downloads));
    add("downloadsAllTime", json!(card.downloads_all_time));
    add("likes", json!(card.likes));
    add("trendingScore", json!(card.trending));
    add("tags", json!(card.library.iter().collect::<Vec<_>>()));
    if let Some(library) = &card.library {
        add("library_name", json!(library));
    }
    if let Some(created) = card.created_at {
        add("createdAt", json!(created.to_string()));
    }
    Value::Object(keys)
}
