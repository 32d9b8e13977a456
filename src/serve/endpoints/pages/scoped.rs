//! A scope as pages have it: where its page and its figures lie, and the blocks that need a role.

use crate::model::{Caller, DayRange, GroupName, Millis, OrgName, RepoKey, RepoKind, RepoName};
use crate::query::{Dimension, Filter, Interval, Overview, QueryError, RepoTable, Scope, Span, View, Window};
use crate::render::links::State;
use crate::render::pages::{Choice, Cohorts, Place, Reader, Repos, Shares, TableChoice, TablePlace};

const DIMENSIONS: [Dimension; 5] =
    [Dimension::Country, Dimension::Region, Dimension::Library, Dimension::Kind, Dimension::Weekday];

/// Whether a caller may see more of a scope than its totals, series and uniques, which are public with their repos.
pub fn may_see(scope: &Scope, caller: &Caller) -> bool {
    match scope {
        Scope::Org(org) => caller.sees_private(Some(org.as_str())),
        Scope::Repo(repo) => caller.sees_private(repo.name.org()),
        // An organization's group holds repos of that organization alone.
        Scope::Group(group) => caller.is_admin() || group.org().is_some_and(|org| caller.sees_private(Some(org))),
        Scope::Hub | Scope::Kind(_) => caller.is_admin(),
    }
}

/// The blocks of a scope over a range; `None` if they are not for this caller. `files` is the number of all its files.
pub fn shares(
    view: &View<'_>,
    scope: &Scope,
    range: DayRange,
    files: u64,
    caller: &Caller,
    place: &Place<'_>,
    as_of: Millis,
) -> Result<Option<Vec<Shares>>, QueryError> {
    if !may_see(scope, caller) {
        return Ok(None);
    }
    let Some(sums) = view.facets(scope, range, &Filter::default(), caller)? else { return Ok(None) };
    let mut blocks = Vec::new();
    for by in DIMENSIONS {
        let breakdown = view.breakdown_of(&sums, by, files)?;
        // Few logs know regions: a block that only says so is none.
        if by != Dimension::Region || breakdown.rows.iter().any(|row| row.key.is_some()) {
            blocks.push(Shares::new(&breakdown, range, place, as_of));
        }
    }
    Ok(Some(blocks))
}

/// New and returning downloaders over a range; `None` if they are not for this caller.
pub fn cohorts(
    view: &View<'_>,
    scope: &Scope,
    figures: &Overview,
    caller: &Caller,
    place: &Place<'_>,
    as_of: Millis,
) -> Result<Option<Cohorts>, QueryError> {
    if !may_see(scope, caller) {
        return Ok(None);
    }
    let range = figures.now.range;
    // Few points: each is a union of its own.
    let interval = match range.count() {
        0..=31 => Interval::Day,
        32..=190 => Interval::Week,
        _ => Interval::Month,
    };
    let since_before = figures.first_day.is_some_and(|first| first < range.first);
    let found = view.cohorts(scope, range, interval, caller)?;
    Ok(found.map(|cohorts| Cohorts::new(&cohorts, interval, range, since_before, place, as_of)))
}

/// Where the downloaders of a scope are compared with others, for those who may.
pub fn overlap_of(scope: &Scope, caller: &Caller, reader: &Reader) -> Option<String> {
    may_see(scope, caller).then(|| reader.links.to(format_args!("/overlap{}", State::default().and("a", typed(scope)))))
}

/// A scope as people type it: the address of its page, if it has one of its own.
pub fn typed(scope: &Scope) -> String {
    match scope {
        Scope::Hub => "hub".to_owned(),
        Scope::Kind(kind) => format!("types/{kind}"),
        _ => path_of(scope).trim_start_matches('/').to_owned(),
    }
}

/// Where the API has the figures of a scope.
pub fn api_of(scope: &Scope) -> String {
    match scope {
        Scope::Hub => "/api/v1/hub".to_owned(),
        Scope::Kind(kind) => format!("/api/v1/types/{kind}"),
        Scope::Org(org) => format!("/api/v1/orgs/{org}"),
        Scope::Group(group) => format!("/api/v1/groups/{group}"),
        Scope::Repo(repo) => format!("/api/v1/repos/{}/{}", repo.kind, repo.name),
    }
}

/// A scope as the API names it in a parameter.
pub fn api_name(scope: &Scope) -> String {
    api_of(scope).trim_start_matches("/api/v1/").to_owned()
}

/// Where a scope has its page.
pub fn path_of(scope: &Scope) -> String {
    match scope {
        Scope::Hub | Scope::Kind(_) => "/".to_owned(),
        Scope::Org(org) => format!("/orgs/{org}"),
        Scope::Group(group) => format!("/groups/{group}"),
        Scope::Repo(repo) => format!("/{}/{}", repo.kind.plural(), repo.name),
    }
}

/// The scope that people write: as the API names it, or as the address of its page does.
pub fn from_typed(text: &str) -> Option<Scope> {
    if text == "hub" {
        return Some(Scope::Hub);
    }
    let (what, name) = text.split_once('/')?;
    let repo = |kind: RepoKind, name: &str| Some(Scope::Repo(RepoKey { kind, name: RepoName::parse(name)? }));
    match what {
        "orgs" => OrgName::parse(name).map(Scope::Org),
        "groups" => GroupName::parse(name).map(Scope::Group),
        "types" => RepoKind::parse(name).map(Scope::Kind),
        "repos" => {
            let (kind, name) = name.split_once('/')?;
            repo(RepoKind::from_word(kind)?, name)
        }
        plural => repo(RepoKind::from_plural(plural)?, name),
    }
}

/// What is asked of a table of repos.
pub struct TableAsked<'a> {
    pub scope: &'a Scope,
    /// The page it stands on.
    pub path: &'a str,
    pub caller: &'a Caller,
    pub choice: &'a Choice,
    pub table: &'a TableChoice,
    pub as_of: Millis,
}

/// The table of a scope's repos, as shown and as asked; `None` if the scope is missing or hidden.
pub fn table(view: &View<'_>, asked: &TableAsked<'_>, reader: &Reader) -> Result<Option<(Repos, RepoTable)>, QueryError> {
    let window = match asked.choice.window {
        Span::All => Window::All,
        Span::Month => Window::Month,
        Span::Range(range) => Window::Range(range),
    };
    let Some(table) = view.repo_table(asked.scope, &asked.table.question(window), asked.caller)? else { return Ok(None) };
    let files = match asked.scope {
        // What this page shows to everybody everybody may keep.
        Scope::Hub => Some(["/repos.csv".to_owned(), "/repos.json".to_owned()]),
        scope => may_see(scope, asked.caller).then(|| ["/repos.csv", "/repos"].map(|end| api_of(scope) + end)),
    };
    let place = TablePlace {
        links: &reader.links,
        path: asked.path,
        files,
        rest: &asked.choice.state(),
        all_time: window == Window::All,
        org: if let Scope::Org(org) = asked.scope { Some(org.as_str()) } else { None },
        as_of: asked.as_of,
    };
    Ok(Some((Repos::new(&table, asked.table, &place), table)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_written_as_in_the_api_or_as_in_the_address_bar() {
        let named = |text: &str| from_typed(text).map(|scope| api_name(&scope));
        assert_eq!(named("models/a/b").as_deref(), Some("repos/model/a/b"));
        assert_eq!(named("repos/dataset/a/b").as_deref(), Some("repos/dataset/a/b"));
        for same in ["hub", "orgs/acme", "groups/family", "types/space", "repos/model/gpt2"] {
            assert_eq!(named(same).as_deref(), Some(same));
        }
        for wrong in ["", "orgs", "orgs/a/b", "models/", "people/x", "types/x"] {
            assert_eq!(named(wrong), None, "{wrong}");
        }
    }
}
