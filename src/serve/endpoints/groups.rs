//! Saved groups of repos, usable wherever an organization is.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::analytics::{admit_reader, no_group};
use super::json_body;
use crate::ingest::{Engine, GROUP_REPOS_MAX};
use crate::model::{Caller, GroupName, RepoKey, RepoKind, RepoName};
use crate::query::View;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth::forbidden;
use crate::serve::call::Call;

/// A group as it is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    repos: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    r#type: String,
    id: String,
}

fn group_json(name: &GroupName, repos: &[RepoKey]) -> Value {
    let repos: Vec<Value> = repos.iter().map(|repo| json!({ "type": repo.kind.word(), "id": repo.name.as_str() })).collect();
    json!({ "name": name.as_str(), "repos": repos })
}

/// The groups of which the caller sees a repo, with those repos.
pub async fn list(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let caller = call.caller;
    let ask = move |engine: &Engine| {
        let groups = View::of(engine)?.groups(&caller)?;
        let groups: Vec<Value> = groups.iter().map(|(name, repos)| group_json(name, repos)).collect();
        Ok(Answer::json(&json!({ "groups": groups })))
    };
    call.app.read(ask).await?
}

/// One group with the repos that the caller sees.
pub async fn get(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let name = name(&call)?;
    let caller = call.caller;
    let ask = move |engine: &Engine| match View::of(engine)?.group(&name, &caller)? {
        Some(repos) => Ok(Answer::json(&group_json(&name, &repos))),
        None => Err(no_group(name.as_str())),
    };
    call.app.read(ask).await?
}

/// Saves a group in place of the one of that name.
pub async fn put(mut call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let name = name(&call)?;
    manages(&call.caller, &name)?;
    let told: Told = json_body::read(&mut call).await?;
    let repos = checked(&name, told.repos.into_iter().enumerate().map(repo).collect::<Result<Vec<RepoKey>, Answer>>()?)?;
    let answered = group_json(&name, &repos);
    call.app.write(move |engine: &Engine| engine.put_group(&name, Some(repos))).await??;
    Ok(Answer::json(&answered))
}

/// Removes a group; its repos stay what they are.
pub async fn remove(call: Call) -> Outcome {
    admit_reader(&call.caller)?;
    let name = name(&call)?;
    manages(&call.caller, &name)?;
    let missing = no_group(name.as_str());
    let was_there = call.app.write(move |engine: &Engine| engine.put_group(&name, None)).await??;
    if was_there { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(missing) }
}

/// The repos of a group in order, each once, if a group of that name may hold them.
pub fn checked(name: &GroupName, mut repos: Vec<RepoKey>) -> Result<Vec<RepoKey>, Answer> {
    if repos.is_empty() || repos.len() > GROUP_REPOS_MAX {
        return Err(Answer::bad_request(&format!("a group has 1 to {GROUP_REPOS_MAX} repos, and is removed as a whole")));
    }
    repos.sort_unstable();
    repos.dedup();
    let foreign =
        |repo: &&RepoKey| name.org().is_some_and(|org| repo.name.org().is_none_or(|own| !own.eq_ignore_ascii_case(org)));
    match repos.iter().find(foreign) {
        Some(repo) => {
            let sentence = format!("{repo} is not of the organization before the colon; nothing was kept");
            Err(Answer::bad_request(&sentence))
        }
        None => Ok(repos),
    }
}

/// Whether a caller may save or remove a group of this name. The name alone decides, before anything is looked up: an answer
/// that depended on what is saved would tell of groups and repos that are hidden from who asks.
pub fn manages(caller: &Caller, name: &GroupName) -> Result<(), Answer> {
    if caller.is_admin() || name.org().is_some_and(|org| caller.publishes(org)) {
        return Ok(());
    }
    Err(forbidden("a publisher's groups are called ORG:NAME after its organization; all others are the administrators'"))
}

fn repo((index, listed): (usize, Listed)) -> Result<RepoKey, Answer> {
    let wrong = |what: &str| Answer::bad_request(&format!("entry {index} of the repos: {what}; nothing was kept"));
    let kind = RepoKind::from_word(&listed.r#type).ok_or_else(|| wrong("type is model, dataset or space"))?;
    let name = RepoName::parse(&listed.id).ok_or_else(|| wrong("id is namespace/name, or a single legacy name"))?;
    Ok(RepoKey { kind, name })
}

fn name(call: &Call) -> Result<GroupName, Answer> {
    group_name(call.params.get("group"))
}

/// The name of a group as it was given.
pub fn group_name(text: &str) -> Result<GroupName, Answer> {
    let sentence =
        "the name of a group is 1 to 96 letters, digits, '.', '_' or '-', with ORG: in front if it is an organization's";
    GroupName::parse(text).ok_or_else(|| Answer::error(StatusCode::UNPROCESSABLE_ENTITY, sentence))
}
