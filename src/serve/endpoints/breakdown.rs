//! The publisher's breakdown of an organization: one CSV row per repo and day, streamed.

use super::exports;
use super::streamed::{self, Pieces};
use crate::ingest::Engine;
use crate::model::{RepoKey, RepoKind, RepoNumber};
use crate::query::{QueryError, View};
use crate::render::csv;
use crate::serve::answer::Outcome;
use crate::serve::call::Call;
use crate::serve::limits;

/// Models, then datasets, by name. A foreign organization and one that does not exist answer the same.
pub async fn breakdown(call: Call) -> Outcome {
    let mut repos = exports::repos(&call).await?;
    repos.retain(|(repo, _)| repo.kind != RepoKind::Space);
    let name = format!("download-breakdown-{}.csv", call.params.get("org"));
    Ok(streamed::csv(call, &name, csv::BREAKDOWN_HEADER, Breakdown { repos: repos.into_iter() }))
}

struct Breakdown {
    repos: std::vec::IntoIter<(RepoKey, RepoNumber)>,
}

impl Pieces for Breakdown {
    fn next(mut self, engine: &Engine) -> Result<(String, Option<Breakdown>), QueryError> {
        let view = View::of(engine)?;
        let mut text = String::new();
        for (repo, number) in self.repos.by_ref() {
            text.push_str(&csv::breakdown(&view.history(number, &repo)?));
            if text.len() >= limits::CHUNK_BYTES {
                return Ok((text, Some(self)));
            }
        }
        Ok((text, None))
    }
}
