//! What a publisher's exports have in common: whose they are, and which repos are in them.

use hyper::StatusCode;

use crate::ingest::Engine;
use crate::model::{OrgName, RepoKey, RepoNumber};
use crate::query::View;
use crate::serve::answer::Answer;
use crate::serve::call::Call;

/// The repos of the organization a call names, for its publishers. A foreign organization and one that does not exist
/// answer the same.
pub async fn repos(call: &Call) -> Result<Vec<(RepoKey, RepoNumber)>, Answer> {
    let asked = call.params.get("org").to_owned();
    let not_found = || Answer::error(StatusCode::NOT_FOUND, &format!("Organization '{asked}' not found"));
    let org = OrgName::parse(&asked).filter(|org| call.caller.publishes(org.as_str())).ok_or_else(not_found)?;
    let caller = call.caller.clone();
    let list = move |engine: &Engine| View::of(engine)?.org_repos(&org, &caller);
    call.app.read(list).await??.ok_or_else(not_found)
}
