//! Entity tags: an answer stays the same while nothing is published, the day does not change and the same caller asks.

use std::fmt::Write as _;

use hyper::header;
use hyper::http::request::Parts;
use xxhash_rust::xxh3::xxh3_64;

use super::app::App;
use crate::model::{Caller, Day};

/// What answers come from: nothing else changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub sequence: u64,
    pub today: Day,
}

impl State {
    /// The state by now. What is published changes before its sequence does, and nothing is acknowledged before both have:
    /// an answer made after this was read is of this state or of a later one.
    #[must_use]
    pub fn of(app: &App) -> State {
        State { sequence: app.engine.sequence(), today: app.engine.today() }
    }
}

/// What is asked and by whom: with the state all that an answer depends on.
#[must_use]
pub fn question(head: &Parts, caller: &Caller, csv: bool) -> String {
    let mut text = String::with_capacity(128);
    let _ = write!(text, "{csv} {}", head.uri);
    for role in &caller.roles {
        let _ = write!(text, " {role}");
    }
    if let Some(person) = &caller.person {
        let _ = write!(text, " by {person}");
    }
    text
}

/// The tag of whatever the answer is now. It does not depend on whether the asked thing exists, so it tells nothing.
#[must_use]
pub fn tag(app: &App, state: State, question: &str) -> String {
    let State { sequence, today } = state;
    let text = format!("{:x} {sequence:x} {today} {question}", app.boot);
    format!("W/\"{:016x}\"", xxh3_64(text.as_bytes()))
}

/// Whether the client holds the answer of that tag already.
#[must_use]
pub fn is_held(head: &Parts, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let lines = head.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|held| strong(held) == strong(tag))
}
