//! The forms of saved groups, for publishers and administrators: list, make, change, remove.

use hyper::StatusCode;
use hyper::header;

use super::scoped::{from_typed, path_of, typed};
use super::{notice, own_form, page, reader, sentence_of, view_page};
use crate::ingest::Engine;
use crate::model::{Caller, GroupName, RepoKey, Role};
use crate::query::{QueryError, Scope, View};
use crate::render::pages::{Frame, GroupFields, GroupForm, GroupRow, GroupsPage, Reader, Section};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::endpoints::groups::{checked, group_name, manages};
use crate::serve::limits;
use crate::serve::query_string::QueryString;
use crate::serve::routes::GroupForms;

const PATH: &str = "/settings/groups";
const TITLE: &str = "Saved groups";

/// What was done, by the word in the address.
const DONE: [(&str, &str); 3] =
    [("made", "The group is saved."), ("saved", "The group is changed."), ("removed", "The group is removed.")];

/// The list, or what a form does.
pub async fn group_forms(what: GroupForms, call: Call) -> Outcome {
    match what {
        GroupForms::List => list(call).await,
        GroupForms::Edit => edit(call).await,
        GroupForms::Make => make_group(call).await,
        GroupForms::Change => change_group(call).await,
    }
}

/// Whether a caller may save groups of any name at all.
pub fn saves_groups(caller: &Caller) -> bool {
    caller.roles.iter().any(|role| matches!(role, Role::Admin | Role::Publisher(_)))
}

/// Where groups of a scope are made or changed, for those who may.
pub fn form_of(scope: &Scope, caller: &Caller, reader: &Reader) -> Option<String> {
    match scope {
        Scope::Org(org) if caller.publishes(org.as_str()) => Some(reader.links.to(format_args!("{PATH}?name={org}%3A"))),
        Scope::Group(group) if manages(caller, group).is_ok() => Some(reader.links.to(format_args!("{PATH}/{group}"))),
        _ => None,
    }
}

/// The list, with the form of a new group.
async fn list(call: Call) -> Outcome {
    if let Some(elsewhere) = turned_away(&call, PATH) {
        return elsewhere;
    }
    let done = call.query.last("done").and_then(|word| DONE.iter().find(|(known, _)| *known == word));
    let name = call.query.last("name").unwrap_or_default().to_owned();
    show_all(call, StatusCode::OK, done.map(|(_, sentence)| *sentence), GroupFields { name, repos: String::new() }, None).await
}

/// The form of one group.
async fn edit(call: Call) -> Outcome {
    if let Some(elsewhere) = turned_away(&call, PATH) {
        return elsewhere;
    }
    let reader = reader(&call);
    let name = match managed(&call) {
        Ok(name) => name,
        Err(refused) => return super::readable(Err(refused), reader),
    };
    let caller = call.caller.clone();
    view_page(call, reader, move |view, reader| {
        let Some(repos) = view.group(&name, &caller)? else { return Ok(None) };
        let lines: Vec<String> = repos.into_iter().map(|repo| typed(&Scope::Repo(repo))).collect();
        let fields = GroupFields { name: name.to_string(), repos: lines.join("\n") };
        let frame = Frame::new(name.as_str(), Section::Account, reader);
        Ok(Some(page(StatusCode::OK, &GroupForm { frame, error: None, fields })))
    })
    .await
}

/// Makes a group.
async fn make_group(mut call: Call) -> Outcome {
    let form = own_form(&mut call, limits::GROUP_FORM_BYTES_MAX).await?;
    match make(&call, &form).await {
        Ok(()) => Ok(back("made")),
        Err(refused) if refused.status.is_client_error() => {
            if !saves_groups(&call.caller) {
                return for_publishers(&call);
            }
            let fields = GroupFields { name: text(&form, "name"), repos: text(&form, "repos") };
            let sentence = sentence_of(&refused);
            show_all(call, refused.status, None, fields, Some(sentence)).await
        }
        Err(failed) => Err(failed),
    }
}

async fn make(call: &Call, form: &QueryString) -> Result<(), Answer> {
    let name = group_name(text(form, "name").trim())?;
    manages(&call.caller, &name)?;
    let repos = checked(&name, repos(form)?)?;
    let taken = format!("there is a group {name} already: change it in the list above, or choose another name");
    match call.app.write(move |engine: &Engine| engine.add_group(&name, repos)).await?? {
        true => Ok(()),
        false => Err(Answer::error(StatusCode::CONFLICT, &taken)),
    }
}

/// Changes a group, or removes it.
async fn change_group(mut call: Call) -> Outcome {
    let form = own_form(&mut call, limits::GROUP_FORM_BYTES_MAX).await?;
    match change(&call, &form).await {
        Ok(done) => Ok(back(done)),
        Err(refused) if refused.status.is_client_error() => {
            let reader = reader(&call);
            let Ok(name) = managed(&call) else { return super::readable(Err(refused), reader) };
            let fields = GroupFields { name: name.to_string(), repos: text(&form, "repos") };
            let frame = Frame::new(name.as_str(), Section::Account, reader);
            page(refused.status, &GroupForm { frame, error: Some(sentence_of(&refused)), fields })
        }
        Err(failed) => Err(failed),
    }
}

async fn change(call: &Call, form: &QueryString) -> Result<&'static str, Answer> {
    let name = managed(call)?;
    let (repos, done) = match form.last("do") {
        Some("remove") => (None, "removed"),
        _ => (Some(checked(&name, repos(form)?)?), "saved"),
    };
    let was_there = call.app.write(move |engine: &Engine| engine.put_group(&name, repos)).await??;
    if was_there || done == "saved" {
        return Ok(done);
    }
    Err(Answer::error(StatusCode::NOT_FOUND, "there is no such group any more"))
}

/// The group the path names, if the caller may change groups of that name.
fn managed(call: &Call) -> Result<GroupName, Answer> {
    let name = group_name(call.params.get("group"))?;
    manages(&call.caller, &name)?;
    Ok(name)
}

/// The repos of a form, one to a line, as the addresses of their pages.
fn repos(form: &QueryString) -> Result<Vec<RepoKey>, Answer> {
    let mut repos = Vec::new();
    for (line, number) in form.last("repos").unwrap_or_default().lines().zip(1..) {
        let line = line.trim().trim_matches('/');
        match from_typed(line) {
            _ if line.is_empty() => {}
            Some(Scope::Repo(repo)) => repos.push(repo),
            _ => return Err(unreadable(number)),
        }
    }
    Ok(repos)
}

fn unreadable(line: usize) -> Answer {
    let sentence = format!(
        "line {line} names no repository: write models/NAMESPACE/NAME, datasets/NAMESPACE/NAME or spaces/NAMESPACE/NAME; \
         nothing was kept"
    );
    Answer::bad_request(&sentence)
}

fn text(form: &QueryString, name: &str) -> String {
    form.last(name).unwrap_or_default().to_owned()
}

fn back(word: &str) -> Answer {
    Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, &format!("{PATH}?done={word}"))
}

/// The answer to those who may save nothing, before anything is looked up.
fn turned_away(call: &Call, next: &str) -> Option<Outcome> {
    if !call.caller.is_known() {
        let answer = Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, &format!("/login?next={next}"));
        return Some(Ok(answer));
    }
    (!saves_groups(&call.caller)).then(|| for_publishers(call))
}

fn for_publishers(call: &Call) -> Outcome {
    let sentence = "Groups are saved by an organization's publishers and by administrators: sign in as one.";
    notice(StatusCode::FORBIDDEN, "For publishers", sentence, reader(call))
}

async fn show_all(
    call: Call,
    status: StatusCode,
    done: Option<&'static str>,
    fields: GroupFields,
    error: Option<String>,
) -> Outcome {
    let (reader, caller) = (reader(&call), call.caller.clone());
    view_page(call, reader, move |view, reader| {
        let groups = rows(view, &caller, &reader)?;
        let frame = Frame::new(TITLE, Section::Account, reader);
        Ok(Some(page(status, &GroupsPage { frame, done, error, groups, fields, orgs: orgs(&caller) })))
    })
    .await
}

/// The groups that a caller may change.
fn rows(view: &View<'_>, caller: &Caller, reader: &Reader) -> Result<Vec<GroupRow>, QueryError> {
    let mut rows = Vec::new();
    for (name, repos) in view.groups(caller)? {
        if manages(caller, &name).is_err() {
            continue;
        }
        let scope = Scope::Group(name.clone());
        let href = view.has(&scope, caller)?.then(|| reader.links.to(path_of(&scope)));
        let change = reader.links.to(format_args!("{PATH}/{name}"));
        rows.push(GroupRow { name: name.to_string(), href, change, repos: repos.len() as u64 });
    }
    Ok(rows)
}

/// The organizations whose groups a caller may save; `None` for those who may save any.
fn orgs(caller: &Caller) -> Option<Vec<String>> {
    let org = |role: &Role| match role {
        Role::Publisher(org) => Some(org.to_string()),
        Role::Reader(_) | Role::Ingest(_) | Role::Admin => None,
    };
    (!caller.is_admin()).then(|| caller.roles.iter().filter_map(org).collect())
}
