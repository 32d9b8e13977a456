//! Who asks: roles and what they may see.

use super::{OrgName, PersonName, SourceName};

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

    /// Whether people can have it: pushing is for programs, which have tokens.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        !matches!(self, Role::Ingest(_))
    }

    /// Whether its holder may do all that a holder of `other` may.
    #[must_use]
    pub fn covers(&self, other: &Role) -> bool {
        match (self, other) {
            (Role::Admin, _) => true,
            (Role::Publisher(own), Role::Publisher(org) | Role::Reader(org)) | (Role::Reader(own), Role::Reader(org)) => {
                own.as_str().eq_ignore_ascii_case(org.as_str())
            }
            _ => false,
        }
    }

    fn sees_private(&self, org: Option<&str>) -> bool {
        match self {
            Role::Admin => true,
            Role::Reader(own) | Role::Publisher(own) => org.is_some_and(|org| org.eq_ignore_ascii_case(own.as_str())),
            Role::Ingest(_) => false,
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

/// Somebody who asks: nobody in particular, the holder of a token, or a person who signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    pub roles: Vec<Role>,
    /// Who signed in; tokens name nobody.
    pub person: Option<PersonName>,
}

impl Caller {
    /// A caller without any credential.
    #[must_use]
    pub fn public() -> Caller {
        Caller::default()
    }

    /// A caller who may do everything, such as the owner of the data folder.
    #[must_use]
    pub fn admin() -> Caller {
        Caller::of(Role::Admin)
    }

    /// The holder of one role.
    #[must_use]
    pub fn of(role: Role) -> Caller {
        Caller { roles: vec![role], person: None }
    }

    /// Whether the caller is anybody at all.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.roles.is_empty() || self.person.is_some()
    }

    /// Whether private repos of this namespace are visible; `None` stands for legacy ids without one.
    #[must_use]
    pub fn sees_private(&self, org: Option<&str>) -> bool {
        self.roles.iter().any(|role| role.sees_private(org))
    }

    /// Whether the exports of an organisation may be read.
    #[must_use]
    pub fn publishes(&self, org: &str) -> bool {
        self.roles.iter().any(|role| match role {
            Role::Admin => true,
            Role::Publisher(own) => org.eq_ignore_ascii_case(own.as_str()),
            Role::Reader(_) | Role::Ingest(_) => false,
        })
    }

    /// Whether events may be pushed to a source.
    #[must_use]
    pub fn pushes_to(&self, source: &SourceName) -> bool {
        self.roles.iter().any(|role| match role {
            Role::Admin => true,
            Role::Ingest(own) => own == source,
            Role::Reader(_) | Role::Publisher(_) => false,
        })
    }

    /// The source of a token that pushes.
    #[must_use]
    pub fn ingest_source(&self) -> Option<&SourceName> {
        self.roles.iter().find_map(|role| match role {
            Role::Ingest(source) => Some(source),
            _ => None,
        })
    }

    /// Whether everything is allowed.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.contains(&Role::Admin)
    }

    /// Whether a role may be handed on.
    #[must_use]
    pub fn covers(&self, role: &Role) -> bool {
        self.roles.iter().any(|own| own.covers(role))
    }
}
