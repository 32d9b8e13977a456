//! The page of one repo.

use hyper::StatusCode;

use super::scoped::{api_of, cohorts, may_see, overlap_of, path_of, shares};
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
    let choice = choice(&call, &reader)?;
    let (caller, as_of) = (call.caller.clone(), call.engine().now());
    view_page(call, reader, move |view, reader| {
        let Some(number) = view.repo(&asked, &caller)? else { return Ok(None) };
        // The repo's own spelling, not the one of the address.
        let repo = view.key(number)?;
        let scope = Scope::Repo(repo.clone());
        let Some(figures) = view.overview(&scope, choice.look(may_see(&scope, &caller)), &caller)? else {
            return Ok(None);
        };
        let (path, api) = (path_of(&scope), api_of(&scope));
        let place = Place { links: &reader.links.clone(), path: &path, api: &api, rest: &State::default() };
        let (range, files) = (figures.now.range, figures.now.counts.files.0);
        Ok(Some(page(
            StatusCode::OK,
            &RepoPage {
                private: view.is_private(number)?,
                totals: view.totals(number)?,
                reported: view.reported_sum(&scope, &caller)?,
                overview: Overview::new(&figures, &choice, &place, as_of),
                shares: shares(view, &scope, range, files, &caller, &place, as_of)?,
                cohorts: cohorts(view, &scope, &figures, &caller, &place, as_of)?,
                overlap: overlap_of(&scope, &caller, &reader),
                frame: Frame::new(repo.name.as_str(), Section::Other, reader),
                repo,
            },
        )))
    })
    .await
}
