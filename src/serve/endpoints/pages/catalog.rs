//! Every repo of the hub that the reader may see, in one table.

use hyper::StatusCode;

use super::scoped::{TableAsked, path_of, table};
use super::{page, reader, table_choice, view_page};
use crate::model::{GroupName, RepoKey, Role};
use crate::query::{Scope, Span};
use crate::render::links::State;
use crate::render::pages::{CatalogPage, Choice, Frame, Pick, Section};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

const PATH: &str = "/repos";

/// The table of all repos.
pub async fn catalog(call: Call) -> Outcome {
    let reader = reader(&call);
    let choice = super::choice(&call, &reader)?;
    let (rows, part) = table_choice(&call, &reader)?;
    let (caller, as_of) = (call.caller.clone(), call.engine().now());
    view_page(call, reader, move |view, reader| {
        let asked = TableAsked { scope: &Scope::Hub, path: PATH, caller: &caller, choice: &choice, table: &rows, as_of };
        let Some((repos, _)) = table(view, &asked, &reader)? else { return Ok(None) };
        if part {
            return Ok(Some(page(StatusCode::OK, &repos)));
        }
        let pick = |span, text: &str| {
            let state: State = Choice { window: span, ..choice }.state();
            let state = rows.state().pairs().iter().fold(state, |state, (name, value)| state.and(name, value));
            Pick { href: reader.links.to(format_args!("{PATH}{state}")), text: text.to_owned(), current: choice.window == span }
        };
        let windows = vec![pick(Span::All, "All time"), pick(Span::Month, "Last month")];
        let group = |(name, repos): (GroupName, Vec<RepoKey>)| {
            (name.to_string(), reader.links.to(path_of(&Scope::Group(name))), repos.len() as u64)
        };
        // As in the API: names of groups are for those who read.
        let known = if caller.roles.is_empty() { Vec::new() } else { view.groups(&caller)? };
        let groups = known.into_iter().map(group).collect();
        let frame = Frame::new("Repositories", Section::Repos, reader);
        let publishes = |role: &Role| matches!(role, Role::Admin | Role::Publisher(_));
        let may_save = caller.roles.iter().any(publishes);
        Ok(Some(page(StatusCode::OK, &CatalogPage { frame, windows, repos, groups, may_save })))
    })
    .await
}
