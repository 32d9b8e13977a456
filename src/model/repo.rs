//! Repositories: their type, their validated name and the number the store knows them by.

use std::fmt;

/// The type of a repository, in the order exports list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepoKind {
    Model,
    Dataset,
    Space,
}

impl RepoKind {
    /// All types, in order.
    pub const ALL: [RepoKind; 3] = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space];

    /// `model`, `dataset` or `space`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            RepoKind::Model => "model",
            RepoKind::Dataset => "dataset",
            RepoKind::Space => "space",
        }
    }

    /// `models`, `datasets` or `spaces`, as in URLs.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            RepoKind::Model => "models",
            RepoKind::Dataset => "datasets",
            RepoKind::Space => "spaces",
        }
    }

    /// Reads `model`, `dataset` or `space`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<RepoKind> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Reads `models`, `datasets` or `spaces`.
    #[must_use]
    pub fn from_plural(word: &str) -> Option<RepoKind> {
        Self::ALL.into_iter().find(|kind| kind.plural() == word)
    }

    /// Reads either.
    #[must_use]
    pub fn parse(word: &str) -> Option<RepoKind> {
        Self::from_word(word).or_else(|| Self::from_plural(word))
    }

    /// The number the type is stored as.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The type a stored number stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<RepoKind> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for RepoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A valid repo id: `namespace/name`, or a legacy single `name`. Case is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoName(Box<str>);

/// The longest part of a name, in bytes.
const NAME_PART_BYTES_MAX: usize = 96;

/// Whether one part of an id is what hubs allow: `[A-Za-z0-9._-]`, 1 to 96 bytes, neither `.` nor with `..`.
fn is_name_part(part: &str) -> bool {
    // One pass: this runs for every line of a log.
    let mut before = 0;
    let allowed = part.bytes().all(|byte| {
        let allowed = NAME_BYTES.get(usize::from(byte)) == Some(&true) && (byte, before) != (b'.', b'.');
        before = byte;
        allowed
    });
    allowed && (1..=NAME_PART_BYTES_MAX).contains(&part.len()) && part != "."
}

/// The bytes a name may hold.
const NAME_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        allowed[byte] = matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        byte += 1;
    }
    allowed
};

impl RepoName {
    /// Checks an id of one or two parts.
    #[must_use]
    pub fn parse(id: &str) -> Option<RepoName> {
        Self::is_valid(id).then(|| RepoName(id.into()))
    }

    /// Whether an id of one or two parts is valid.
    #[must_use]
    pub fn is_valid(id: &str) -> bool {
        match id.bytes().position(|byte| byte == b'/') {
            Some(at) => {
                let (namespace, name) = (id.get(..at).unwrap_or_default(), id.get(at + 1..).unwrap_or_default());
                is_name_part(namespace) && is_name_part(name)
            }
            None => is_name_part(id),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The namespace, if the id has one.
    #[must_use]
    pub fn org(&self) -> Option<&str> {
        self.0.split_once('/').map(|(namespace, _)| namespace)
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A valid namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgName(Box<str>);

impl OrgName {
    /// Checks a namespace.
    #[must_use]
    pub fn parse(text: &str) -> Option<OrgName> {
        is_name_part(text).then(|| OrgName(text.into()))
    }

    /// The namespace as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a saved group of repos: `[A-Za-z0-9._-]`, 1 to 96 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Box<str>);

impl GroupName {
    /// Checks the name of a group.
    #[must_use]
    pub fn parse(text: &str) -> Option<GroupName> {
        let good = match text.split_once(':') {
            Some((org, name)) => OrgName::parse(org).is_some() && is_name_part(name),
            None => is_name_part(text),
        };
        good.then(|| GroupName(text.into()))
    }

    /// The organization the group belongs to; `None` for groups of the hub.
    #[must_use]
    pub fn org(&self) -> Option<&str> {
        self.0.split_once(':').map(|(org, _)| org)
    }

    /// The name without the organization.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(_, name)| name)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What identifies a repository to people: its type and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoKey {
    pub kind: RepoKind,
    pub name: RepoName,
}

impl fmt::Display for RepoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// What identifies a repository inside one store: numbered in order of first appearance, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoNumber(pub u32);
