//! The page of one repo.

use askama::Template;

use super::cohorts::Cohorts;
use super::filters;
use super::frame::Frame;
use super::overview::Overview;
use super::shares::Shares;
use crate::model::RepoKey;
use crate::query::{RepoTotals, ReportedSum};

/// One repo.
#[derive(Template)]
#[template(path = "repo.html")]
pub struct RepoPage {
    pub frame: Frame,
    pub repo: RepoKey,
    pub private: bool,
    pub totals: RepoTotals,
    /// What another system says.
    pub reported: Option<ReportedSum>,
    pub overview: Overview,
    /// What only the publisher's people see; `None` for others.
    pub shares: Option<Vec<Shares>>,
    pub cohorts: Option<Cohorts>,
    /// The page that compares its downloaders with others.
    pub overlap: Option<String>,
}

impl RepoPage {
    fn org(&self) -> Option<(&str, String)> {
        self.repo.name.org().map(|org| (org, self.frame.links.org(org)))
    }

    /// The name without its namespace.
    fn short_name(&self) -> &str {
        self.repo.name.as_str().rsplit('/').next().unwrap_or_default()
    }
}
