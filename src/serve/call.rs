//! One request as handlers see it: matched, decoded and with a known caller.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;

use super::answer::Answer;
use super::app::App;
use super::auth::Trust;
use super::query_string::QueryString;
use crate::ingest::Engine;
use crate::model::{Caller, RepoKey, RepoKind, RepoName, RepoNumber};
use crate::query::View;

/// A request.
pub struct Call {
    pub app: Arc<App>,
    pub head: Parts,
    pub caller: Caller,
    pub trust: Trust,
    pub params: Params,
    pub query: QueryString,
    /// Whether CSV is wanted, by the path's ending or by `Accept`.
    pub csv: bool,
    /// The body until somebody reads it.
    pub body: Option<Incoming>,
}

impl Call {
    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// The address this client came by, which behind a proxy is not the one we listen on.
    #[must_use]
    pub fn origin(&self) -> String {
        let https = self.app.front.is_https(&self.head, self.trust);
        match self.header(header::HOST) {
            Some(host) => format!("{}://{host}", if https { "https" } else { "http" }),
            None => self.app.origin.clone(),
        }
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        header_text(&self.head, name)
    }

    /// The repo the path names.
    pub fn repo(&self) -> Result<RepoKey, Answer> {
        let (kind_word, id) = (self.params.get("type"), self.params.repo_id());
        let kind = RepoKind::parse(kind_word);
        match (kind, RepoName::parse(&id)) {
            (Some(kind), Some(name)) => Ok(RepoKey { kind, name }),
            _ => Err(Answer::repo_not_found(kind_word, &id)),
        }
    }

    /// The repo of that key if the caller may see it; else the answer that hides which of the two it was.
    pub fn visible(&self, view: &View<'_>, repo: &RepoKey) -> Result<RepoNumber, Answer> {
        view.repo(repo, &self.caller)?.ok_or_else(|| missing(repo))
    }
}

/// The answer for a repo that is missing or hidden.
#[must_use]
pub fn missing(repo: &RepoKey) -> Answer {
    Answer::repo_not_found(repo.kind.word(), repo.name.as_str())
}

/// A header as text; bytes that are no visible ASCII count as absent.
#[must_use]
pub fn header_text(head: &Parts, name: HeaderName) -> Option<&str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the client asks for CSV by name.
#[must_use]
pub fn accepts_csv(head: &Parts) -> bool {
    header_text(head, header::ACCEPT).is_some_and(|accept| accept.trim_start().starts_with("text/csv"))
}

/// What the path's variable segments hold, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    /// Adds a variable.
    pub fn push(&mut self, name: &'static str, value: String) {
        self.0.push((name, value));
    }

    /// The value of a variable; empty if the route has none of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// `namespace/name`, or the legacy `name` alone.
    #[must_use]
    pub fn repo_id(&self) -> String {
        match self.get("namespace") {
            "" => self.get("name").to_owned(),
            namespace => format!("{namespace}/{}", self.get("name")),
        }
    }
}
