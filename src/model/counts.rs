//! Counts as their own types, so that a download is never added to a downloader.

use std::ops::{Add, AddAssign};

macro_rules! count {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
                counts.fold(Self::default(), Add::add)
            }
        }
    };
}

count! {
    /// Download sessions: one session is one download.
    Downloads
}
count! {
    /// Files: distinct paths per session and day.
    Files
}
count! {
    /// Distinct downloaders. Never added over days or repos: sets are united instead, so this has no meaning as a sum.
    Uniques
}
count! {
    /// People who like a repo now.
    Likes
}

/// Whether a downloader is a signed-in user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    Authenticated,
    Anonymous,
}

/// The counts of one repo, or of a sum of repos, on one UTC day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    pub authenticated: Downloads,
    pub anonymous: Downloads,
    pub files: Files,
}

impl DayCounts {
    /// All downloads of the day.
    #[must_use]
    pub fn downloads(self) -> Downloads {
        self.authenticated + self.anonymous
    }

    /// The same sum with one of its parts replaced.
    #[must_use]
    pub fn with(self, after: DayCounts, before: DayCounts) -> DayCounts {
        let moved = |sum: u64, after: u64, before: u64| sum.saturating_add(after).saturating_sub(before);
        DayCounts {
            authenticated: Downloads(moved(self.authenticated.0, after.authenticated.0, before.authenticated.0)),
            anonymous: Downloads(moved(self.anonymous.0, after.anonymous.0, before.anonymous.0)),
            files: Files(moved(self.files.0, after.files.0, before.files.0)),
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == DayCounts::default()
    }
}

impl AddAssign for DayCounts {
    fn add_assign(&mut self, other: DayCounts) {
        self.authenticated += other.authenticated;
        self.anonymous += other.anonymous;
        self.files += other.files;
    }
}
