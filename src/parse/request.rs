//! The request: what one line of a log says, as it says it.

use std::borrow::Cow;

use crate::model::Millis;

/// HTTP method, as far as reading a log tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMethod {
    Get,
    Head,
    Post,
    Put,
    Other,
}

impl RequestMethod {
    /// Reads a method in any case; what is not known is `Other`.
    #[must_use]
    pub fn from_text(text: &str) -> RequestMethod {
        match text {
            "GET" => return RequestMethod::Get,
            "HEAD" => return RequestMethod::Head,
            _ => {}
        }
        let known = [
            ("get", RequestMethod::Get),
            ("head", RequestMethod::Head),
            ("post", RequestMethod::Post),
            ("put", RequestMethod::Put),
        ];
        known.into_iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map_or(RequestMethod::Other, |(_, method)| method)
    }
}

/// What was asked for.
pub enum Target<'a> {
    /// The request target as sent: a raw, still percent-encoded path with its query, or a whole URL.
    Url(Cow<'a, str>),
    /// A repo by name, from logs that have no URLs. Nothing of it has been checked.
    Named { kind: &'a str, repo: Cow<'a, str>, path: Option<Cow<'a, str>> },
}

/// One line of a log, understood but not judged. Absent and empty fields are both `None`.
///
/// There is no `Debug` on purpose: a request holds raw addresses and user ids, and those never reach a log or an error.
pub struct Request<'a> {
    /// The instant the line states, floored to ms, within [`Millis::EARLIEST`] to [`Millis::LATEST`].
    pub time: Millis,
    pub method: RequestMethod,
    /// 100 to 599.
    pub status: u16,
    pub target: Target<'a>,
    pub user: Option<Cow<'a, str>>,
    pub address: Option<Cow<'a, str>>,
    /// The `X-Forwarded-For` header: whose word it is, its reader must know.
    pub forwarded_for: Option<Cow<'a, str>>,
    /// Whether `user` and `address` are hashes that the source made.
    pub hashed: bool,
    pub agent: Option<Cow<'a, str>>,
    pub country: Option<Cow<'a, str>>,
    pub region: Option<Cow<'a, str>>,
    /// Bytes of the answer.
    pub bytes: Option<u64>,
    pub duration_ms: Option<u64>,
    /// The `Range` header.
    pub range: Option<Cow<'a, str>>,
    /// Where a redirect leads.
    pub location: Option<Cow<'a, str>>,
    /// The `Host` header.
    pub host: Option<Cow<'a, str>>,
    /// The id the sender gave the request.
    pub id: Option<Cow<'a, str>>,
    /// The version of git's protocol; `None` where the log does not tell.
    pub git_version: Option<u8>,
}
