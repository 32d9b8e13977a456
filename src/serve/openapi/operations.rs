//! What is said of each endpoint: its subject, a sentence, its parameters, and what goes in and comes out.

use crate::serve::routes::{Endpoint, Figure, GroupForms, Upkeep};

/// One endpoint. Parameters and schemas are named as in `parts.json`.
pub struct Operation {
    pub endpoint: Endpoint,
    pub tag: &'static str,
    pub summary: &'static str,
    pub query: &'static [&'static str],
    /// Content types and schemas of the body, if there is one.
    pub body: &'static [(&'static str, &'static str)],
    /// Status, content type and schema of what comes out; no type for an empty answer.
    pub answers: &'static [(u16, &'static str, &'static str)],
}

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const HTML: &str = "text/html";

const fn told(
    endpoint: Endpoint,
    tag: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    answers: &'static [(u16, &'static str, &'static str)],
) -> Operation {
    Operation { endpoint, tag, summary, query, body: &[], answers }
}

const fn taken(
    endpoint: Endpoint,
    tag: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    body: &'static [(&'static str, &'static str)],
    answers: &'static [(u16, &'static str, &'static str)],
) -> Operation {
    Operation { endpoint, tag, summary, query, body, answers }
}

const STATS: &str = "Statistics";
const HUB: &str = "Hub clients";
const IN: &str = "Getting events in";
const ADMIN: &str = "Administration";
const ANALYTICS: &str = "Analytics";
const EXPORTS: &str = "Publishers' exports";
pub const PAGES: &str = "Pages";
const MONITORING: &str = "Monitoring";

const ANY: &[(u16, &str, &str)] = &[(200, JSON, "Any")];
const TABLE: &[(u16, &str, &str)] = &[(200, JSON, "Any"), (200, CSV, "Text")];
const PAGE: &[(u16, &str, &str)] = &[(200, HTML, "Text")];
const NOTHING: &[(u16, &str, &str)] = &[(204, "", "")];
const LIKE: &[(&str, &str)] = &[(JSON, "Like")];
const COUNTER: &[(&str, &str)] = &[(JSON, "Counter"), (CSV, "Text")];
const EVENTS: &[(&str, &str)] = &[("application/x-ndjson", "Text"), (JSON, "Events"), (CSV, "Text"), ("text/plain", "Text")];
const FORM: &[(&str, &str)] = &[("application/x-www-form-urlencoded", "Any")];
const GONE_ON: &[(u16, &str, &str)] = &[(303, "", "")];
const LIST: &[&str] = &["sort", "direction", "listLimit", "author", "search", "filter", "expand", "cursor"];

/// All endpoints.
pub const OPERATIONS: &[Operation] = &[
    told(Endpoint::Stats, STATS, "All-time downloads and likes", &["readyRule"], &[(200, JSON, "Stats")]),
    told(Endpoint::Recent, STATS, "Downloads per day", &["days", "fill", "include", "readyRule"], &[(200, JSON, "Recent")]),
    told(
        Endpoint::Trending,
        STATS,
        "Most downloaded of the last days, by what was counted here alone",
        &["repoType", "trendDays", "trendLimit"],
        &[(200, JSON, "Trending"), (200, CSV, "Text")],
    ),
    taken(Endpoint::Like, IN, "A like; per person the latest counts", &[], LIKE, ANY),
    taken(Endpoint::Unlike, IN, "A like taken back", &[], LIKE, ANY),
    told(
        Endpoint::Breakdown,
        EXPORTS,
        "Daily downloads of an organisation as counted here, never another system's",
        &[],
        &[(200, CSV, "Text")],
    ),
    told(Endpoint::AccessLogs, EXPORTS, "Stored events of an organisation", &["from", "to", "columns"], &[(200, CSV, "Text")]),
    told(
        Endpoint::Ecosystem,
        STATS,
        "The hub's cumulative counter",
        &["targets"],
        &[(200, JSON, "Ecosystem"), (200, CSV, "Text")],
    ),
    told(Endpoint::OtherCounters, STATS, "Counters of other hubs", &[], TABLE),
    told(Endpoint::OtherCounter, STATS, "A counter of another hub", &["targets", "part"], TABLE),
    taken(Endpoint::PutCounter, ADMIN, "Puts a counter of another hub", &[], COUNTER, ANY),
    taken(Endpoint::AddTotals, ADMIN, "Adds totals to a counter", &[], COUNTER, ANY),
    told(Endpoint::RemoveCounter, ADMIN, "Removes a counter", &[], NOTHING),
    told(Endpoint::Counter, STATS, "The hub's counter alone", &[], ANY),
    taken(
        Endpoint::PushEvents,
        IN,
        "Pushes events; answered when they are on disk",
        &["source", "redirects", "headRedirect", "knowsUsers", "key"],
        EVENTS,
        &[(200, JSON, "Receipt")],
    ),
    taken(
        Endpoint::Import,
        IN,
        "Imports a whole log, in any known format",
        &["format", "source", "importName"],
        &[("application/octet-stream", "Text")],
        &[(200, JSON, "Receipt")],
    ),
    taken(Endpoint::PutRepos, ADMIN, "What the hub's catalog says", &[], &[(JSON, "Listing")], ANY),
    told(
        Endpoint::Figure(Figure::Totals),
        ANALYTICS,
        "Sums over a range",
        &["from", "to", "rule", "audience", "class", "country", "compare"],
        &[(200, JSON, "Totals"), (200, CSV, "Text")],
    ),
    told(
        Endpoint::Figure(Figure::Series),
        ANALYTICS,
        "Figures per day, week or month",
        &["from", "to", "interval", "include", "rule", "audience", "class", "country", "compare"],
        &[(200, JSON, "Series"), (200, CSV, "Text")],
    ),
    told(
        Endpoint::Figure(Figure::Uniques),
        ANALYTICS,
        "Exact unique downloaders of a range",
        &["from", "to", "interval", "bounds", "audience", "class", "country", "compare"],
        &[(200, JSON, "Uniques"), (200, CSV, "Text")],
    ),
    told(
        Endpoint::Figure(Figure::Breakdown),
        ANALYTICS,
        "Downloads or files by one dimension",
        &["by", "from", "to", "rowLimit", "audience", "class", "country", "compare"],
        TABLE,
    ),
    told(
        Endpoint::Figure(Figure::Repos),
        ANALYTICS,
        "Repositories of a scope, page by page",
        &["tableSort", "window", "from", "to", "search", "rowLimit", "tableCursor"],
        TABLE,
    ),
    told(Endpoint::Figure(Figure::Cohorts), ANALYTICS, "New and returning downloaders", &["from", "to", "interval"], TABLE),
    told(Endpoint::Figure(Figure::Coverage), ANALYTICS, "What is known, by source and hour", &["from", "to"], TABLE),
    told(Endpoint::Figure(Figure::Restatements), ANALYTICS, "Past figures that changed", &["from", "to"], TABLE),
    told(Endpoint::Figure(Figure::Explain), ANALYTICS, "How a number was counted", &["from", "to", "rule"], TABLE),
    told(Endpoint::Overlap, ANALYTICS, "Downloaders that two scopes share", &["a", "b", "from", "to"], TABLE),
    told(Endpoint::Groups, ANALYTICS, "Saved groups of repositories", &[], ANY),
    told(Endpoint::Group, ANALYTICS, "A saved group", &[], ANY),
    taken(Endpoint::PutGroup, ANALYTICS, "Saves a group", &[], &[(JSON, "Group")], ANY),
    told(Endpoint::RemoveGroup, ANALYTICS, "Removes a group", &[], NOTHING),
    told(Endpoint::RepoInfo, HUB, "A repository's figures", &["expand"], &[(200, JSON, "RepoInfo")]),
    told(Endpoint::RepoList, HUB, "Repositories of a type, page by page", LIST, &[(200, JSON, "RepoInfos")]),
    told(
        Endpoint::BadgeSvg,
        HUB,
        "A badge as a picture",
        &["label", "color"],
        &[(200, "image/svg+xml", "Text"), (404, "image/svg+xml", "Text"), (404, JSON, "Error")],
    ),
    told(Endpoint::BadgeJson, HUB, "A badge for shields.io", &["label", "color"], &[(200, JSON, "Shield")]),
    told(Endpoint::Metrics, MONITORING, "Metrics for Prometheus", &[], &[(200, "text/plain", "Text")]),
    told(Endpoint::Freshness, MONITORING, "The newest event of each source", &["weekDays"], ANY),
    told(Endpoint::OpenApi, MONITORING, "This document", &[], ANY),
    told(Endpoint::Sources, ADMIN, "Sources and their settings", &[], ANY),
    taken(Endpoint::SetSource, ADMIN, "Changes a source's settings", &[], &[(JSON, "SourceSettings")], ANY),
    told(Endpoint::Deliveries, ADMIN, "What came in", &[], TABLE),
    told(Endpoint::Retract, ADMIN, "Takes a delivery back", &[], ANY),
    told(Endpoint::Tokens, ADMIN, "Tokens, without their secrets", &[], ANY),
    taken(Endpoint::CreateToken, ADMIN, "Makes a token", &[], &[(JSON, "NewToken")], &[(201, JSON, "Any")]),
    told(Endpoint::RevokeToken, ADMIN, "Revokes a token", &[], NOTHING),
    told(Endpoint::People, ADMIN, "People who sign in", &[], ANY),
    taken(Endpoint::AddPerson, ADMIN, "Makes an account", &[], &[(JSON, "NewPerson")], &[(201, JSON, "Any")]),
    taken(Endpoint::ChangePerson, ADMIN, "Changes an account", &[], &[(JSON, "PersonChange")], ANY),
    told(Endpoint::RemovePerson, ADMIN, "Removes an account with its sessions and tokens", &[], NOTHING),
    told(Endpoint::Upkeep(Upkeep::Verify), ADMIN, "Reads everything and reports damage", &[], ANY),
    told(Endpoint::Upkeep(Upkeep::Rebuild), ADMIN, "Makes all counts anew", &[], ANY),
    told(Endpoint::Upkeep(Upkeep::Recount), ADMIN, "Makes the counts of some days anew", &["from", "to"], ANY),
    told(Endpoint::Upkeep(Upkeep::Compact), ADMIN, "Gives the store's unused space back", &[], ANY),
    told(Endpoint::Upkeep(Upkeep::Outgoing), ADMIN, "Stored events for another hubtally, page by page", &["after"], ANY),
    told(Endpoint::Upkeep(Upkeep::Forgotten), ADMIN, "The forget list, as hashes", &[], ANY),
    taken(
        Endpoint::Upkeep(Upkeep::Forget),
        ADMIN,
        "Removes the events of people and drops later ones",
        &[],
        &[(JSON, "People")],
        ANY,
    ),
    taken(Endpoint::Upkeep(Upkeep::Unforget), ADMIN, "Takes people off the forget list", &[], &[(JSON, "People")], ANY),
    taken(
        Endpoint::Upkeep(Upkeep::Backup),
        ADMIN,
        "Writes a backup; only through the socket in the data folder",
        &[],
        &[(JSON, "BackupPlace")],
        ANY,
    ),
    told(Endpoint::Alive, MONITORING, "Whether the process answers", &[], ANY),
    told(Endpoint::Ready, MONITORING, "Whether it can take events and answer", &[], ANY),
    told(Endpoint::Hub, PAGES, "The hub", &[], PAGE),
    told(Endpoint::Repo, PAGES, "One repository", &[], PAGE),
    told(Endpoint::Org, PAGES, "A publisher's analytics", &[], PAGE),
    told(Endpoint::GroupPage, PAGES, "A saved group's analytics", &[], PAGE),
    told(Endpoint::Catalog, PAGES, "All repositories in one table", &[], PAGE),
    told(
        Endpoint::CatalogFile,
        PAGES,
        "The table of all repositories as a file",
        &["tableSort", "window", "from", "to", "search", "rowLimit", "tableCursor"],
        TABLE,
    ),
    told(Endpoint::OverlapPage, PAGES, "What the downloaders of two scopes have in common", &[], PAGE),
    told(Endpoint::SourcesPage, PAGES, "Deliveries, silent days and restated days", &[], PAGE),
    told(Endpoint::AskRetract, PAGES, "The question before a delivery is retracted", &[], PAGE),
    told(Endpoint::RetractHere, PAGES, "Retracts a delivery and shows the list", &[], &[(303, "", "")]),
    told(Endpoint::CounterPage, PAGES, "A counter of another hub", &[], PAGE),
    told(Endpoint::Welcome, PAGES, "The page behind the one-time link", &["key"], PAGE),
    taken(Endpoint::ClaimAdmin, PAGES, "Signs the first administrator in", &[], FORM, GONE_ON),
    told(Endpoint::Login, PAGES, "The form to sign in", &["next"], PAGE),
    taken(Endpoint::SignIn, PAGES, "Signs somebody in", &[], FORM, GONE_ON),
    taken(Endpoint::SignOut, PAGES, "Signs this browser out", &[], FORM, GONE_ON),
    told(Endpoint::Settings, PAGES, "Settings of whoever is signed in", &[], &[(200, HTML, "Text"), (303, "", "")]),
    taken(Endpoint::SettingsToken, PAGES, "Makes a token and shows it once", &[], FORM, &[(201, HTML, "Text")]),
    taken(Endpoint::SettingsRevoke, PAGES, "Revokes a token", &[], FORM, GONE_ON),
    taken(Endpoint::SettingsPassword, PAGES, "Changes the password", &[], FORM, GONE_ON),
    taken(Endpoint::SettingsAddPerson, PAGES, "Makes an account", &[], FORM, GONE_ON),
    taken(Endpoint::SettingsPerson, PAGES, "Changes or removes an account", &[], FORM, GONE_ON),
    told(
        Endpoint::GroupForms(GroupForms::List),
        PAGES,
        "Saved groups, and the form of a new one",
        &[],
        &[(200, HTML, "Text"), (303, "", "")],
    ),
    told(Endpoint::GroupForms(GroupForms::Edit), PAGES, "The form of a saved group", &[], &[(200, HTML, "Text"), (303, "", "")]),
    taken(Endpoint::GroupForms(GroupForms::Make), PAGES, "Makes a group", &[], FORM, GONE_ON),
    taken(Endpoint::GroupForms(GroupForms::Change), PAGES, "Changes or removes a group", &[], FORM, GONE_ON),
    told(
        Endpoint::Asset,
        PAGES,
        "Style and script of the pages",
        &[],
        &[(200, "text/css", "Text"), (200, "text/javascript", "Text")],
    ),
    told(Endpoint::Icon, PAGES, "The icon", &[], &[(200, "image/svg+xml", "Text")]),
];
