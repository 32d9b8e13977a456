//! Who asks: roles and what they may see.

use super::{OrgName, SourceName};

/// What a credential allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Private repos of one organisation.
    Reader(OrgName),
    /// What a reader sees, and the organisation's exports.
    Publisher(OrgName),
    /// Pushing events to one source; reads nothing more than the public.
    Ingest(SourceName),
    /// Everything.
    Admin,
}

impl Role {
    /// Reads `admin`, `publisher:ORG`, `reader:ORG` or `ingest:SOURCE`.
    #[must_use]
    pub fn parse(scope: &str) -> Option<Role> {
        match scope.split_once(':') {
            None => (scope == "admin").then_some(Role::Admin),
            Some(("reader", org)) => OrgName::parse(org).map(Role::Reader),
            Some(("publisher", org)) => OrgName::parse(org).map(Role::Publisher),
            Some(("ingest", source)) => SourceName::parse(source).map(Role::Ingest),
            Some(_) => None,
        }
    }
}

impl std::fmt::Display for Role {
    /// The form [`Role::parse`] reads.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Role::Reader(org) => write!(f, "reader:{org}"),
            Role::Publisher(org) => write!(f, "publisher:{org}"),
            Role::Ingest(source) => write!(f, "ingest:{source}"),
            Role::Admin => f.write_str("admin"),
        }
    }
}

/// Somebody who asks: nobody in particular, or the holder of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    pub role: Option<Role>,
}

impl Caller {
    /// A caller without any credential.
    #[must_use]
    pub fn public() -> Caller {
        Caller { role: None }
    }

    /// A caller who may do everything, such as the owner of the data folder.
    #[must_use]
    pub fn admin() -> Caller {
        Caller { role: Some(Role::Admin) }
    }

    /// Whether private repos of this namespace are visible; `None` stands for legacy ids without one.
    #[must_use]
    pub fn sees_private(&self, org: Option<&str>) -> bool {
        match &self.role {
            Some(Role::Admin) => true,
            Some(Role::Reader(own) | Role::Publisher(own)) => org.is_some_and(|org| org.eq_ignore_ascii_case(own.as_str())),
            Some(Role::Ingest(_)) | None => false,
        }
    }

    /// Whether the exports of an organisation may be read.
    #[must_use]
    pub fn publishes(&self, org: &str) -> bool {
        match &self.role {
            Some(Role::Admin) => true,
            Some(Role::Publisher(own)) => org.eq_ignore_ascii_case(own.as_str()),
            _ => false,
        }
    }

    /// Whether events may be pushed to a source.
    #[must_use]
    pub fn pushes_to(&self, source: &SourceName) -> bool {
        match &self.role {
            Some(Role::Admin) => true,
            Some(Role::Ingest(own)) => own == source,
            _ => false,
        }
    }

    /// Whether everything is allowed.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == Some(Role::Admin)
    }
}
