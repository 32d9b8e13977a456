//! Entity tags: an answer stays the same while nothing is published, the day does not change and the same caller asks.

use std::fmt::Write as _;

use hyper::header;
use hyper::http::request::Parts;
use xxhash_rust::xxh3::xxh3_64;

use super::app::App;
use crate::model::Caller;

/// The tag of whatever the answer is now. It does not depend on whether the asked thing exists, so it tells nothing.
#[must_use]
pub fn tag(app: &App, head: &Parts, caller: &Caller, csv: bool) -> String {
    let (sequence, today) = (app.engine.sequence(), app.engine.today());
    let mut text = format!("{:x} {sequence:x} {today} {csv} {}", app.boot, head.uri);
    for role in &caller.roles {
        let _ = write!(text, " {role}");
    }
    if let Some(person) = &caller.person {
        let _ = write!(text, " by {person}");
    }
    format!("W/\"{:016x}\"", xxh3_64(text.as_bytes()))
}

/// Whether the client holds the answer of that tag already.
#[must_use]
pub fn is_held(head: &Parts, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let lines = head.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|held| strong(held) == strong(tag))
}
