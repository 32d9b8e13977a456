//! The page on which people sign in.

use askama::Template;

use super::frame::Frame;

/// A name, a password, and what went wrong the last time.
#[derive(Template)]
#[template(path = "login.html")]
pub struct Login {
    pub frame: Frame,
    pub name: String,
    /// Where to go afterwards: a path of ours.
    pub next: String,
    pub error: Option<String>,
    /// Whom a trusted proxy has signed in, though there is no such account.
    pub unknown: Option<String>,
    /// Whether the password goes over the network as it is.
    pub in_the_open: bool,
}
