//! The settings of whoever is signed in: password, tokens, and for administrators the people.

use askama::Template;

use super::frame::Frame;

/// A token in the list.
pub struct TokenRow {
    pub id: String,
    pub scope: String,
    pub note: String,
    pub created: String,
    pub expires: Option<String>,
    pub person: Option<String>,
}

/// A person in the list.
pub struct PersonRow {
    pub name: String,
    /// With blanks between them.
    pub roles: String,
    pub password: bool,
}

/// All of it.
#[derive(Template)]
#[template(path = "settings.html")]
pub struct Settings {
    pub frame: Frame,
    /// What was done just now.
    pub done: Option<String>,
    pub error: Option<String>,
    /// A token that was made just now, shown this once.
    pub token: Option<String>,
    /// Whose settings these are; `None` for a session of nobody in particular.
    pub person: Option<String>,
    /// Whether that person has a password.
    pub password: bool,
    /// Whether a proxy signed them in, who alone can sign them out.
    pub by_proxy: bool,
    /// Each with the page of its organization.
    pub roles: Vec<(String, Option<String>)>,
    /// Whether groups of repos can be saved with these roles.
    pub saves_groups: bool,
    /// Scopes that can be handed on as they are.
    pub scopes: Vec<String>,
    pub tokens: Vec<TokenRow>,
    /// `None` for those who have nothing to do with other people.
    pub people: Option<Vec<PersonRow>>,
}
