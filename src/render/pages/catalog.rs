//! Every repo of the hub in one table, to be searched.

use askama::Template;

use super::frame::Frame;
use super::overview::Pick;
use super::repos::Repos;

/// All repos.
#[derive(Template)]
#[template(path = "catalog.html")]
pub struct CatalogPage {
    pub frame: Frame,
    pub windows: Vec<Pick>,
    pub repos: Repos,
    /// Saved groups of which the reader sees a repo: name, address, and how many repos.
    pub groups: Vec<(String, String, u64)>,
    /// How to save one, for those who may.
    pub may_save: bool,
}
