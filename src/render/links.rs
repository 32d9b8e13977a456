//! Addresses of our own pages and files. Every link is made here, so that a server behind a proxy can put a path in front.

use std::fmt;

use crate::model::{RepoKey, RepoName};

/// What stands in front of every path: nothing, or `/stats` where a proxy serves us below that path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    base: String,
}

impl Links {
    /// Links below a base path such as `/stats`; an empty one or `/` stands for the root.
    #[must_use]
    pub fn new(base: &str) -> Links {
        let base = base.trim_matches('/');
        Links { base: if base.is_empty() { String::new() } else { format!("/{base}") } }
    }

    /// The address of a path that starts with `/`.
    #[must_use]
    pub fn to(&self, path: impl fmt::Display) -> String {
        format!("{}{path}", self.base)
    }

    /// The page of a repo.
    #[must_use]
    pub fn repo(&self, repo: &RepoKey) -> String {
        // Names hold nothing that an address would have to escape.
        format!("{}/{}/{}", self.base, repo.kind.plural(), repo.name)
    }

    /// The page of the organization that a repo belongs to; legacy ids have none.
    #[must_use]
    pub fn org_of(&self, repo: &RepoName) -> Option<String> {
        repo.org().map(|org| self.org(org))
    }

    /// The page of an organization.
    #[must_use]
    pub fn org(&self, org: &str) -> String {
        format!("{}/orgs/{org}", self.base)
    }
}

/// The query part of an address: what the reader chose, so that every state of a page has an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pairs: Vec<(&'static str, String)>,
}

impl State {
    /// Adds a choice; an empty value is none.
    #[must_use]
    pub fn and(mut self, name: &'static str, value: impl fmt::Display) -> State {
        let value = value.to_string();
        self.pairs.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.pairs.push((name, value));
        }
        self
    }

    /// The choices without some of them.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> State {
        self.pairs.retain(|(known, _)| !names.contains(known));
        self
    }

    /// The choices, for the hidden fields of a form.
    #[must_use]
    pub fn pairs(&self) -> &[(&'static str, String)] {
        &self.pairs
    }
}

impl fmt::Display for State {
    /// `?a=1&b=2`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.pairs.iter().enumerate() {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RepoKind;

    #[test]
    fn a_base_path_stands_in_front_of_every_address() {
        let repo = RepoKey { kind: RepoKind::Dataset, name: RepoName::parse("a/b").unwrap() };
        assert_eq!(Links::new("").repo(&repo), "/datasets/a/b");
        assert_eq!(Links::new("/").to("/overlap"), "/overlap");
        assert_eq!(Links::new("/stats/").repo(&repo), "/stats/datasets/a/b");
        assert_eq!(Links::new("a/b").org_of(&repo.name).as_deref(), Some("/a/b/orgs/a"));
    }

    #[test]
    fn a_choice_replaces_the_one_before_and_is_escaped() {
        let state = State::default().and("q", "a&b").and("sort", "name").and("q", "\"x y\"").and("window", "");
        assert_eq!(state.to_string(), "?sort=name&q=%22x%20y%22");
        assert_eq!(state.without(&["sort", "q"]).to_string(), "");
    }
}
