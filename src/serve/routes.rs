//! Every route, declared once: method, path, who may use it, and what answers.

use std::sync::LazyLock;

use hyper::Method;

use Access::{Admin, Credential, Open, Public};

/// What answers a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Alive,
    Ready,
    Stats,
    Recent,
    Trending,
    Like,
    Unlike,
    Breakdown,
    AccessLogs,
    Ecosystem,
    OtherCounters,
    OtherCounter,
    PutCounter,
    AddTotals,
    RemoveCounter,
    CounterPage,
    Counter,
    PushEvents,
    Import,
    PutRepos,
    RepoInfo,
    RepoList,
    BadgeSvg,
    BadgeJson,
    Metrics,
    OpenApi,
    Freshness,
    /// A figure of a scope: the hub, a type, an organization, a group, a repo.
    Figure(Figure),
    Overlap,
    Groups,
    Group,
    PutGroup,
    RemoveGroup,
    Sources,
    SetSource,
    Deliveries,
    Retract,
    Tokens,
    CreateToken,
    RevokeToken,
    People,
    AddPerson,
    ChangePerson,
    RemovePerson,
    Upkeep(Upkeep),
    Welcome,
    ClaimAdmin,
    Login,
    SignIn,
    SignOut,
    Settings,
    SettingsToken,
    SettingsRevoke,
    SettingsPassword,
    SettingsAddPerson,
    SettingsPerson,
    /// A form of saved groups.
    GroupForms(GroupForms),
    Hub,
    Catalog,
    CatalogFile,
    SourcesPage,
    OverlapPage,
    AskRetract,
    RetractHere,
    Org,
    GroupPage,
    Repo,
    Asset,
    Icon,
}

/// What the analytics of a scope answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    Totals,
    Series,
    Uniques,
    Breakdown,
    Repos,
    Cohorts,
    Coverage,
    Restatements,
    Explain,
}

/// The list of saved groups, and what its forms do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupForms {
    List,
    Edit,
    Make,
    Change,
}

/// What keeps a store in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    Verify,
    Rebuild,
    Recount,
    Compact,
    Backup,
    Forgotten,
    Forget,
    Unforget,
    Outgoing,
}

/// Who may use a route. What of it they see, the handler decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, from any website: figures of public repos.
    Public,
    /// Everybody, but not through another website's scripts.
    Open,
    /// Holders of any credential; the handler looks at which.
    Credential,
    /// Administrators.
    Admin,
}

/// One route. `{x}` stands for one segment, `{x}s` for one that ends in `s`.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub endpoint: Endpoint,
}

const fn get(path: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method: Method::GET, path, access, endpoint }
}

const fn head(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: Method::HEAD, path, access: Open, endpoint }
}

const fn post(path: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method: Method::POST, path, access, endpoint }
}

const fn put(path: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method: Method::PUT, path, access, endpoint }
}

const fn delete(path: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method: Method::DELETE, path, access, endpoint }
}

macro_rules! scoped {
    ($($word:literal, $access:expr, $figure:expr;)+) => {
        /// The figures of every kind of scope.
        const SCOPED: &[Route] = &[$(
            get(concat!("/api/v1/hub/", $word), $access, Endpoint::Figure($figure)),
            get(concat!("/api/v1/types/{type}/", $word), $access, Endpoint::Figure($figure)),
            get(concat!("/api/v1/orgs/{org}/", $word), $access, Endpoint::Figure($figure)),
            get(concat!("/api/v1/groups/{group}/", $word), $access, Endpoint::Figure($figure)),
            get(concat!("/api/v1/repos/{type}/{namespace}/{name}/", $word), $access, Endpoint::Figure($figure)),
            get(concat!("/api/v1/repos/{type}/{name}/", $word), $access, Endpoint::Figure($figure)),
        )+];
    };
}

scoped! {
    "totals", Public, Figure::Totals;
    "series", Public, Figure::Series;
    "uniques", Public, Figure::Uniques;
    "breakdown", Credential, Figure::Breakdown;
    "repos", Credential, Figure::Repos;
    "cohorts", Credential, Figure::Cohorts;
    "coverage", Credential, Figure::Coverage;
    "restatements", Credential, Figure::Restatements;
    "explain", Credential, Figure::Explain;
}

/// All routes. Of two that match, the first wins.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| [SCOPED, ROUTES_BUT_SCOPED].concat());

/// Figures answer GET alone, as the seeds' server does; what probes and
/// browsers ask for answers HEAD too.
const ROUTES_BUT_SCOPED: &[Route] = &[
    get("/{type}s/{namespace}/{name}/stats", Public, Endpoint::Stats),
    get("/api/{type}s/{namespace}/{name}/stats", Public, Endpoint::Stats),
    get("/api/{type}s/{name}/stats", Public, Endpoint::Stats),
    get("/{type}s/{name}/stats", Public, Endpoint::Stats),
    get("/api/{type}s/{namespace}/{name}/stats/recent", Public, Endpoint::Recent),
    get("/api/{type}s/{name}/stats/recent", Public, Endpoint::Recent),
    get("/{type}s/{namespace}/{name}/stats/recent", Public, Endpoint::Recent),
    get("/{type}s/{name}/stats/recent", Public, Endpoint::Recent),
    get("/api/trending", Public, Endpoint::Trending),
    post("/api/{type}s/{namespace}/{name}/like", Credential, Endpoint::Like),
    post("/api/{type}s/{name}/like", Credential, Endpoint::Like),
    post("/{type}s/{namespace}/{name}/like", Credential, Endpoint::Like),
    post("/{type}s/{name}/like", Credential, Endpoint::Like),
    delete("/api/{type}s/{namespace}/{name}/like", Credential, Endpoint::Unlike),
    delete("/api/{type}s/{name}/like", Credential, Endpoint::Unlike),
    delete("/{type}s/{namespace}/{name}/like", Credential, Endpoint::Unlike),
    delete("/{type}s/{name}/like", Credential, Endpoint::Unlike),
    get("/organizations/{org}/settings/publisher-analytics/download-breakdown", Credential, Endpoint::Breakdown),
    get("/organizations/{org}/settings/publisher-analytics/access-logs", Credential, Endpoint::AccessLogs),
    get("/api/ecosystem", Public, Endpoint::Ecosystem),
    post("/api/v1/events", Credential, Endpoint::PushEvents),
    post("/api/v1/import", Credential, Endpoint::Import),
    put("/api/v1/repos", Admin, Endpoint::PutRepos),
    get("/api/v1/counters", Public, Endpoint::OtherCounters),
    get("/api/v1/counters/{name}", Public, Endpoint::OtherCounter),
    put("/api/v1/counters/{name}", Admin, Endpoint::PutCounter),
    post("/api/v1/counters/{name}", Admin, Endpoint::AddTotals),
    delete("/api/v1/counters/{name}", Admin, Endpoint::RemoveCounter),
    get("/api/v1/hub/counter", Public, Endpoint::Counter),
    get("/api/v1/freshness", Admin, Endpoint::Freshness),
    get("/api/v1/overlap", Credential, Endpoint::Overlap),
    get("/api/v1/groups", Credential, Endpoint::Groups),
    get("/api/v1/groups/{group}", Credential, Endpoint::Group),
    put("/api/v1/groups/{group}", Credential, Endpoint::PutGroup),
    delete("/api/v1/groups/{group}", Credential, Endpoint::RemoveGroup),
    get("/api/v1/sources", Admin, Endpoint::Sources),
    put("/api/v1/sources/{name}", Admin, Endpoint::SetSource),
    get("/api/v1/deliveries", Admin, Endpoint::Deliveries),
    delete("/api/v1/deliveries/{serial}", Admin, Endpoint::Retract),
    get("/api/v1/tokens", Credential, Endpoint::Tokens),
    post("/api/v1/tokens", Credential, Endpoint::CreateToken),
    delete("/api/v1/tokens/{id}", Credential, Endpoint::RevokeToken),
    get("/api/v1/people", Admin, Endpoint::People),
    post("/api/v1/people", Admin, Endpoint::AddPerson),
    put("/api/v1/people/{name}", Admin, Endpoint::ChangePerson),
    delete("/api/v1/people/{name}", Admin, Endpoint::RemovePerson),
    post("/api/v1/verify", Admin, Endpoint::Upkeep(Upkeep::Verify)),
    post("/api/v1/rebuild", Admin, Endpoint::Upkeep(Upkeep::Rebuild)),
    post("/api/v1/recount", Admin, Endpoint::Upkeep(Upkeep::Recount)),
    post("/api/v1/compact", Admin, Endpoint::Upkeep(Upkeep::Compact)),
    post("/api/v1/backup", Admin, Endpoint::Upkeep(Upkeep::Backup)),
    get("/api/v1/forget", Admin, Endpoint::Upkeep(Upkeep::Forgotten)),
    post("/api/v1/forget", Admin, Endpoint::Upkeep(Upkeep::Forget)),
    get("/api/v1/outgoing", Admin, Endpoint::Upkeep(Upkeep::Outgoing)),
    delete("/api/v1/forget", Admin, Endpoint::Upkeep(Upkeep::Unforget)),
    get("/", Open, Endpoint::Hub),
    head("/", Endpoint::Hub),
    get("/welcome", Open, Endpoint::Welcome),
    head("/welcome", Endpoint::Welcome),
    post("/welcome", Open, Endpoint::ClaimAdmin),
    get("/repos", Open, Endpoint::Catalog),
    get("/repos.csv", Open, Endpoint::CatalogFile),
    get("/repos.json", Open, Endpoint::CatalogFile),
    get("/overlap", Open, Endpoint::OverlapPage),
    get("/sources", Open, Endpoint::SourcesPage),
    get("/sources/{serial}/retract", Open, Endpoint::AskRetract),
    post("/sources/{serial}/retract", Open, Endpoint::RetractHere),
    get("/orgs/{org}", Open, Endpoint::Org),
    get("/groups/{group}", Open, Endpoint::GroupPage),
    get("/login", Open, Endpoint::Login),
    head("/login", Endpoint::Login),
    post("/login", Open, Endpoint::SignIn),
    post("/logout", Open, Endpoint::SignOut),
    get("/settings", Open, Endpoint::Settings),
    post("/settings/tokens", Open, Endpoint::SettingsToken),
    post("/settings/tokens/{id}/revoke", Open, Endpoint::SettingsRevoke),
    post("/settings/password", Open, Endpoint::SettingsPassword),
    post("/settings/people", Open, Endpoint::SettingsAddPerson),
    post("/settings/people/{name}", Open, Endpoint::SettingsPerson),
    get("/settings/groups", Open, Endpoint::GroupForms(GroupForms::List)),
    post("/settings/groups", Open, Endpoint::GroupForms(GroupForms::Make)),
    get("/settings/groups/{group}", Open, Endpoint::GroupForms(GroupForms::Edit)),
    post("/settings/groups/{group}", Open, Endpoint::GroupForms(GroupForms::Change)),
    get("/assets/{file}", Open, Endpoint::Asset),
    get("/favicon.svg", Open, Endpoint::Icon),
    get("/favicon.ico", Open, Endpoint::Icon),
    get("/healthz", Open, Endpoint::Alive),
    head("/healthz", Endpoint::Alive),
    get("/readyz", Open, Endpoint::Ready),
    head("/readyz", Endpoint::Ready),
    get("/badge/{type}/{namespace}/{name}/{measure}.svg", Public, Endpoint::BadgeSvg),
    get("/badge/{type}/{namespace}/{name}/{measure}.json", Public, Endpoint::BadgeJson),
    get("/badge/{type}/{name}/{measure}.svg", Public, Endpoint::BadgeSvg),
    get("/badge/{type}/{name}/{measure}.json", Public, Endpoint::BadgeJson),
    get("/openapi.json", Public, Endpoint::OpenApi),
    get("/metrics", Open, Endpoint::Metrics),
    // Last, since they fit so much.
    get("/api/{type}s", Public, Endpoint::RepoList),
    get("/api/{type}s/{namespace}/{name}", Public, Endpoint::RepoInfo),
    get("/api/{type}s/{name}", Public, Endpoint::RepoInfo),
    get("/api/{type}s/{namespace}/{name}/revision/{revision}", Public, Endpoint::RepoInfo),
    get("/api/{type}s/{name}/revision/{revision}", Public, Endpoint::RepoInfo),
    get("/counters/{name}", Open, Endpoint::CounterPage),
    head("/counters/{name}", Endpoint::CounterPage),
    get("/{type}s/{namespace}/{name}", Open, Endpoint::Repo),
    get("/{type}s/{name}", Open, Endpoint::Repo),
];

impl Endpoint {
    /// Whether the answer can be had as CSV too, by `.csv` behind the path or by `Accept`.
    #[must_use]
    pub fn has_csv(self) -> bool {
        matches!(
            self,
            Endpoint::Figure(_)
                | Endpoint::CatalogFile
                | Endpoint::Overlap
                | Endpoint::Trending
                | Endpoint::Ecosystem
                | Endpoint::OtherCounters
                | Endpoint::OtherCounter
                | Endpoint::Deliveries
        )
    }

    /// Whether the answer is a figure that stays the same until something is published or the day changes.
    #[must_use]
    pub fn has_tag(self) -> bool {
        matches!(
            self,
            Endpoint::Stats
                | Endpoint::Recent
                | Endpoint::Trending
                | Endpoint::Counter
                | Endpoint::Figure(_)
                | Endpoint::CatalogFile
                | Endpoint::Overlap
                | Endpoint::RepoInfo
                | Endpoint::RepoList
        )
    }

    /// Whether an answer is kept for whoever asks the same next. Not where it shows the hour or the address it was asked at.
    #[must_use]
    pub fn is_kept(self) -> bool {
        matches!(
            self,
            Endpoint::Stats
                | Endpoint::Recent
                | Endpoint::Trending
                | Endpoint::Figure(_)
                | Endpoint::Overlap
                | Endpoint::RepoInfo
                | Endpoint::BadgeSvg
                | Endpoint::BadgeJson
        )
    }
}
