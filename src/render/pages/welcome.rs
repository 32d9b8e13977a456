//! The page behind the one-time admin link: forms with buttons, so that a link preview does not use it up.

use askama::Template;

use super::frame::Frame;

/// The welcome.
#[derive(Template)]
#[template(path = "welcome.html")]
pub struct Welcome {
    pub frame: Frame,
    pub key: String,
    pub name: String,
    pub error: Option<String>,
}
