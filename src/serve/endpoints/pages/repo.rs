//! The page of one repo.

use hyper::StatusCode;

use super::{choice, missing, page, reader, view_page};
use crate::query::Scope;
use crate::render::links::State;
use crate::render::pages::{Frame, Overview, Place, RepoPage, Section};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

/// One repo; a hidden one answers like a missing one.
pub async fn repo(call: Call) -> Outcome {
    let reader = reader(&call);
    let Ok(asked) = call.repo() else { return missing(reader) };
    let choice = match choice(&call, &reader) {
        Ok(choice) => choice,
        Err(refused) => return Ok(refused),
    };
    let (caller, as_of) = (call.caller.clone(), call.engine().now());
    view_page(call, reader, move |view, reader| {
        let Some(number) = view.repo(&asked, &caller)? else { return Ok(None) };
        // The repo's own spelling, not the one of the address.
        let repo = view.key(number)?;
        let Some(figures) = view.overview(&Scope::Repo(repo.clone()), choice.look(), &caller)? else { return Ok(None) };
        let path = format!("/{}/{}", repo.kind.plural(), repo.name);
        let api = format!("/api/v1/repos/{}/{}", repo.kind, repo.name);
        let place = Place { links: &reader.links.clone(), path: &path, api: &api, rest: &State::default() };
        Ok(Some(page(
            StatusCode::OK,
            &RepoPage {
                private: view.is_private(number)?,
                totals: view.totals(number)?,
                overview: Overview::new(&figures, &choice, &place, as_of),
                frame: Frame::new(repo.name.as_str(), Section::Other, reader),
                repo,
            },
        )))
    })
    .await
}
