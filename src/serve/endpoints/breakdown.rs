//! The publisher's breakdown of an organization: one CSV row per repo and day, streamed.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{StatusCode, header};
use tokio::sync::mpsc;

use crate::ingest::Engine;
use crate::model::{OrgName, RepoKey, RepoKind, RepoNumber};
use crate::query::{QueryError, View};
use crate::render::csv;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::app::App;
use crate::serve::body::Body;
use crate::serve::call::Call;
use crate::serve::compression::{Packer, Packing, labelled};
use crate::serve::limits;

/// A repo of the organization.
type Listed = (RepoKey, RepoNumber);

/// Models, then datasets, by name. A foreign organization and one that does not exist answer the same.
pub async fn breakdown(call: Call) -> Outcome {
    let asked = call.params.get("org").to_owned();
    let not_found = || Answer::error(StatusCode::NOT_FOUND, &format!("Organization '{asked}' not found"));
    let org = OrgName::parse(&asked).filter(|org| call.caller.publishes(org.as_str())).ok_or_else(not_found)?;
    let caller = call.caller;
    let list = move |engine: &Engine| View::of(engine)?.org_repos(&org, &caller);
    let mut repos = call.app.read(list).await??.ok_or_else(not_found)?;
    repos.retain(|(repo, _)| repo.kind != RepoKind::Space);
    let packing = Packing::accepted(&call.head.headers);
    let (chunks, body) = mpsc::channel(limits::CHUNKS_WAITING_MAX);
    tokio::spawn(stream(call.app, repos, packing, chunks));
    let mut answer = labelled(Answer::csv(String::new()), packing);
    answer.body = Body::Stream(body);
    Ok(answer.with(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"download-breakdown-{asked}.csv\"")))
}

/// Makes the rows a chunk at a time. Each chunk reads a view of its own and lets it go before it waits for the
/// client: a slow client never holds a snapshot of the store.
async fn stream(app: Arc<App>, repos: Vec<Listed>, packing: Option<Packing>, chunks: mpsc::Sender<std::io::Result<Bytes>>) {
    let Err(error) = send_all(&app, repos, packing, &chunks).await else { return };
    // The status is long gone; a body cut off in the middle is the only way left to say that it is not whole.
    let _ = chunks.send(Err(error)).await;
}

async fn send_all(
    app: &App,
    repos: Vec<Listed>,
    packing: Option<Packing>,
    chunks: &mpsc::Sender<std::io::Result<Bytes>>,
) -> std::io::Result<()> {
    let mut packer = Packer::new(packing)?;
    let mut text = csv::BREAKDOWN_HEADER.to_owned();
    let mut left = repos.into_iter();
    loop {
        let packed = packer.push(text.into_bytes())?;
        if !packed.is_empty() && chunks.send(Ok(packed.into())).await.is_err() {
            return Ok(());
        }
        if left.len() == 0 {
            break;
        }
        let made = app.read(move |engine| next_rows(engine, &mut left).map(|text| (text, left))).await;
        let cut = || std::io::Error::other("the rest of the breakdown could not be read");
        (text, left) = made.map_err(|_| cut())?.map_err(|error| {
            // Builds the answer nobody gets, for the line it leaves in the log.
            drop(Answer::from(error));
            cut()
        })?;
    }
    let rest = packer.finish()?;
    if !rest.is_empty() {
        let _ = chunks.send(Ok(rest.into())).await;
    }
    Ok(())
}

fn next_rows(engine: &Engine, repos: &mut std::vec::IntoIter<Listed>) -> Result<String, QueryError> {
    let view = View::of(engine)?;
    let mut text = String::new();
    for (repo, number) in repos {
        text.push_str(&csv::breakdown(&view.history(number, &repo)?));
        if text.len() >= limits::CHUNK_BYTES {
            break;
        }
    }
    Ok(text)
}
