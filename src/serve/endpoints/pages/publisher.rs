//! The publisher's page of an organization or of a saved group, and its table alone for the script that searches.

use hyper::StatusCode;

use super::groups::form_of;
use super::scoped::{TableAsked, api_of, cohorts, may_see, overlap_of, path_of, shares, table};
use super::{choice, missing, notice, page, reader, table_choice, view_page};
use crate::model::{Caller, GroupName, Millis, OrgName};
use crate::query::{QueryError, Scope, View};
use crate::render::pages::{Choice, Frame, Overview, Place, PublisherPage, Reader, Section, TableChoice};
use crate::serve::answer::Outcome;
use crate::serve::call::Call;

/// An organization.
pub async fn org(call: Call) -> Outcome {
    let scope = OrgName::parse(call.params.get("org")).map(Scope::Org);
    publisher(call, scope).await
}

/// A saved group.
pub async fn group(call: Call) -> Outcome {
    let scope = GroupName::parse(call.params.get("group")).map(Scope::Group);
    publisher(call, scope).await
}

/// What is asked, by whom and when.
struct Asked {
    scope: Scope,
    caller: Caller,
    choice: Choice,
    table: TableChoice,
    as_of: Millis,
}

impl Asked {
    fn of_table<'a>(&'a self, path: &'a str) -> TableAsked<'a> {
        let Asked { scope, caller, choice, table, as_of } = self;
        TableAsked { scope, path, caller, choice, table, as_of: *as_of }
    }
}

async fn publisher(call: Call, scope: Option<Scope>) -> Outcome {
    let reader = reader(&call);
    let Some(scope) = scope else { return missing(reader) };
    let choice = choice(&call, &reader)?;
    let (rows, part) = table_choice(&call, &reader)?;
    let asked = Asked { scope, caller: call.caller.clone(), choice, table: rows, as_of: call.engine().now() };
    view_page(call, reader, move |view, reader| {
        if part {
            let made = table(view, &asked.of_table(&path_of(&asked.scope)), &reader)?;
            return Ok(made.map(|(repos, _)| page(StatusCode::OK, &repos)));
        }
        if let Some(whole) = whole(view, &asked, reader.clone())? {
            return Ok(Some(page(StatusCode::OK, &whole)));
        }
        // To its own people an organization is no secret.
        Ok(match &asked.scope {
            Scope::Org(org) if asked.caller.sees_private(Some(org.as_str())) => Some(nothing_yet(org, reader)),
            _ => None,
        })
    })
    .await
}

fn nothing_yet(org: &OrgName, reader: Reader) -> Outcome {
    let sentence = format!(
        "No repository of {org} is known here. `hubtally import access.log.gz` brings in those that a log names, and a hub lists \
         its own with PUT /api/v1/repos."
    );
    notice(StatusCode::NOT_FOUND, "Nothing to see yet", &sentence, reader)
}

fn whole(view: &View<'_>, asked: &Asked, reader: Reader) -> Result<Option<PublisherPage>, QueryError> {
    let Asked { scope, caller, choice, table: rows, as_of } = asked;
    let Some(figures) = view.overview(scope, choice.look(may_see(scope, caller)), caller)? else { return Ok(None) };
    let (path, api) = (path_of(scope), api_of(scope));
    let Some((repos, found)) = table(view, &asked.of_table(&path), &reader)? else { return Ok(None) };
    let place = Place { links: &reader.links.clone(), path: &path, api: &api, rest: &rows.state() };
    let (what, name) = match scope {
        // The organization's own spelling, not the one of the address.
        Scope::Org(org) => ("Organization", found.rows.first().and_then(|row| row.repo.name.org()).unwrap_or(org.as_str())),
        Scope::Group(group) => ("Group", group.as_str()),
        _ => ("", ""),
    };
    let export = match scope {
        Scope::Org(org) if caller.publishes(org.as_str()) => {
            Some(reader.links.to(format_args!("/organizations/{org}/settings/publisher-analytics/download-breakdown")))
        }
        _ => None,
    };
    let home = reader.home.as_deref().is_some_and(|home| home.eq_ignore_ascii_case(name) && matches!(scope, Scope::Org(_)));
    let section = if home { Section::Home } else { Section::Other };
    let (range, files) = (figures.now.range, figures.now.counts.files.0);
    Ok(Some(PublisherPage {
        what,
        name: name.to_owned(),
        kinds: found.kinds,
        reported: view.reported_sum(scope, caller)?,
        overview: Overview::new(&figures, choice, &place, *as_of),
        repos,
        shares: shares(view, scope, range, files, caller, &place, *as_of)?,
        cohorts: cohorts(view, scope, &figures, caller, &place, *as_of)?,
        overlap: overlap_of(scope, caller, &reader),
        groups: form_of(scope, caller, &reader),
        export,
        frame: Frame::new(name, section, reader),
    }))
}
