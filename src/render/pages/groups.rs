//! The forms that make, change and remove saved groups of repos.

use askama::Template;

use super::frame::Frame;

/// A group in the list.
pub struct GroupRow {
    pub name: String,
    /// Its page; `None` while nothing is known of its repos.
    pub href: Option<String>,
    /// The form that changes it.
    pub change: String,
    pub repos: u64,
}

/// The fields of a form as they were typed.
#[derive(Default)]
pub struct GroupFields {
    pub name: String,
    /// Repos, one to a line.
    pub repos: String,
}

/// The groups of a reader, and the form of a new one.
#[derive(Template)]
#[template(path = "groups.html")]
pub struct GroupsPage {
    pub frame: Frame,
    /// What was done just now.
    pub done: Option<&'static str>,
    pub error: Option<String>,
    pub groups: Vec<GroupRow>,
    pub fields: GroupFields,
    /// Organizations whose groups the reader may save; `None` is any name.
    pub orgs: Option<Vec<String>>,
}

/// The form of one group.
#[derive(Template)]
#[template(path = "group.html")]
pub struct GroupForm {
    pub frame: Frame,
    pub error: Option<String>,
    pub fields: GroupFields,
}
