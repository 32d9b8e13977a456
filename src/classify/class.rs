//! What a stored event counts as, under the settings its source has today.

use crate::model::{HeadRedirect, Method, RangeFlag, Redirects, SourceSettings, Status};

/// What an event is evidence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The file, or a part of it, was sent from here.
    Body,
    /// The client was sent on to whoever sends the file.
    HandOff,
    /// A look at the file that moved no data.
    Probe,
}

impl Class {
    /// Whether the event counts.
    #[must_use]
    pub fn is_counted(self) -> bool {
        self != Class::Probe
    }
}

/// The counting rule of one event.
///
/// A HEAD is a hand-off only with status 302, and only where redirects of GETs count: 303 and 307 to a HEAD come from
/// caches on the same hub, whose own answer is the next line.
#[must_use]
pub fn class(method: Method, status: Status, range: RangeFlag, settings: &SourceSettings) -> Class {
    let redirects = settings.redirects == Redirects::Handoff;
    match (method, status.0) {
        _ if range == RangeFlag::FirstByte => Class::Probe,
        (Method::Get, 200 | 206) => Class::Body,
        (Method::Get, 302 | 303 | 307) if redirects => Class::HandOff,
        (Method::Head, 302) if redirects && settings.head_redirect == HeadRedirect::Handoff => Class::HandOff,
        _ => Class::Probe,
    }
}

/// Whether a counted event of a source without paths stands for a file of its own. A 206 does not: one file comes in
/// many ranges.
#[must_use]
pub fn counts_as_file_without_path(status: Status) -> bool {
    status.0 != 206
}
