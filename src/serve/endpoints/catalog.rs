//! The catalog a hub sends: which repos there are, and which of them are private.

use serde::Deserialize;
use serde_json::{Value, json};

use super::json_body;
use crate::ingest::{Engine, FormerName, RepoListing};
use crate::model::{RepoKey, RepoKind, RepoName};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// Names that a repo can have had.
const FORMER_NAMES_MAX: usize = 1_000;

/// One repo as the hub lists it.
#[derive(Deserialize)]
#[serde(expecting = "an object with type and id")]
struct Listed {
    r#type: String,
    id: String,
    private: Option<bool>,
    likes: Option<u64>,
    library: Option<String>,
    created_at: Option<Value>,
    renamed_from: Option<Vec<Former>>,
}

/// A name a repo had before: `{"id","at"}`, or the id alone.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an entry of renamed_from is an id, or an object with id and at")]
enum Former {
    Id(String),
    Renamed { id: String, at: Option<Value> },
}

/// Takes a list of repos, all or none of it.
pub async fn put(mut call: Call) -> Outcome {
    let listed: Vec<Listed> = json_body::read(&mut call).await?;
    let mut listings = Vec::with_capacity(listed.len());
    for (index, repo) in listed.into_iter().enumerate() {
        listings.push(listing(index, repo)?);
    }
    let write = move |engine: &Engine| {
        let taken = engine.put_repos(listings)?;
        Ok(Answer::json(&json!({ "repos": taken })))
    };
    call.app.write(write).await?
}

fn listing(index: usize, repo: Listed) -> Result<RepoListing, Answer> {
    let wrong = |what: &str| Answer::bad_request(&format!("entry {index} of the list: {what}; nothing of the list was kept"));
    let kind = RepoKind::from_word(&repo.r#type).ok_or_else(|| wrong("type is model, dataset or space"))?;
    let name = RepoName::parse(&repo.id).ok_or_else(|| wrong("id is namespace/name, or a single legacy name"))?;
    let created_at = json_body::optional_instant(repo.created_at.as_ref())?;
    if repo.renamed_from.as_ref().is_some_and(|former| former.len() > FORMER_NAMES_MAX) {
        return Err(wrong(&format!("renamed_from has more than {FORMER_NAMES_MAX} names")));
    }
    let mut renamed_from = Vec::new();
    for former in repo.renamed_from.into_iter().flatten() {
        let (id, at) = match former {
            Former::Id(id) => (id, None),
            Former::Renamed { id, at } => (id, at),
        };
        let former = RepoName::parse(&id).ok_or_else(|| wrong("an id in renamed_from is not a repo's"))?;
        renamed_from.push(FormerName { name: former, at: json_body::optional_instant(at.as_ref())? });
    }
    let repo_key = RepoKey { kind, name };
    Ok(RepoListing { repo: repo_key, private: repo.private, likes: repo.likes, library: repo.library, created_at, renamed_from })
}
