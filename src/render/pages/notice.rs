//! A page with one sentence: what is not there, what went wrong, what worked.

use askama::Template;

use super::frame::Frame;

/// A title, a sentence and a way on.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct Notice {
    pub frame: Frame,
    pub sentence: String,
    /// A link on, with its text.
    pub on: Option<(String, &'static str)>,
}
