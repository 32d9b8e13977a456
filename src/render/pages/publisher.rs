//! The publisher's page: an organization, or a saved group of repos, with everything its people want to show.

use askama::Template;

use super::cohorts::Cohorts;
use super::filters;
use super::frame::Frame;
use super::overview::Overview;
use super::repos::Repos;
use super::shares::Shares;
use crate::model::{Downloads, RepoKind};
use crate::query::ReportedSum;

/// An organization or a group.
#[derive(Template)]
#[template(path = "publisher.html")]
pub struct PublisherPage {
    pub frame: Frame,
    /// `Organization` or `Group`.
    pub what: &'static str,
    pub name: String,
    /// Repos and their all-time downloads by type.
    pub kinds: Vec<(RepoKind, u64, Downloads)>,
    /// What another system says.
    pub reported: Option<ReportedSum>,
    pub overview: Overview,
    pub repos: Repos,
    /// What only the publisher's people see; `None` for others.
    pub shares: Option<Vec<Shares>>,
    pub cohorts: Option<Cohorts>,
    /// The page that compares its downloaders with others.
    pub overlap: Option<String>,
    /// The form that makes a group of the organization, or changes this one, if this reader may.
    pub groups: Option<String>,
    /// The publisher's export, if this reader may have it.
    pub export: Option<String>,
}

impl PublisherPage {
    fn of_kind(&self, kind: &RepoKind, repos: &u64) -> String {
        let word = if *repos == 1 { kind.word() } else { kind.plural() };
        format!("{repos} {word}")
    }
}
