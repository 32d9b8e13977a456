//! What every page has: title, links, who is signed in, and the instant its numbers are of.

use crate::model::Millis;
use crate::render::assets::ASSETS;
use crate::render::links::Links;

/// The part of the site a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Hub,
    Repos,
    Overlap,
    Sources,
    /// The organization of the reader.
    Home,
    /// Settings and sign-in.
    Account,
    /// Whatever has no entry of its own.
    Other,
}

/// Who reads a page, and by which address.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    pub links: Links,
    /// What the reader is signed in as, in words; `None` is the public.
    pub account: Option<String>,
    pub admin: bool,
    /// The first organization the reader belongs to.
    pub home: Option<String>,
}

/// The frame around a page.
#[derive(Clone, Debug)]
pub struct Frame {
    pub title: String,
    pub links: Links,
    pub account: Option<String>,
    pub admin: bool,
    home: Option<String>,
    pub section: Section,
}

/// An entry of the main navigation.
pub struct Entry {
    pub href: String,
    pub text: String,
    pub current: bool,
}

impl Frame {
    /// The frame of a page for a reader.
    #[must_use]
    pub fn new(title: impl Into<String>, section: Section, reader: Reader) -> Frame {
        let Reader { links, account, admin, home } = reader;
        Frame { title: title.into(), links, account, admin, home, section }
    }

    pub(super) fn style(&self) -> String {
        self.asset(&ASSETS.style.name)
    }

    pub(super) fn script(&self) -> String {
        self.asset(&ASSETS.script.name)
    }

    pub(super) fn icon(&self) -> String {
        self.asset(&ASSETS.icon.name)
    }

    fn asset(&self, name: &str) -> String {
        self.links.to(format_args!("/assets/{name}"))
    }

    /// The entry of the reader's own account.
    pub(super) fn account_entry(&self) -> Entry {
        let (path, text) = if self.account.is_some() { ("/settings", "Settings") } else { ("/login", "Sign in") };
        Entry { href: self.links.to(path), text: text.to_owned(), current: self.section == Section::Account }
    }

    /// The main navigation as this reader may use it.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |section, path: &str, text: &str| Entry {
            href: self.links.to(path),
            text: text.to_owned(),
            current: self.section == section,
        };
        let mut entries = vec![entry(Section::Hub, "/", "Hub"), entry(Section::Repos, "/repos", "Repos")];
        if let Some(org) = &self.home {
            let current = self.section == Section::Home;
            entries.push(Entry { href: self.links.org(org), text: org.clone(), current });
        }
        if self.account.is_some() {
            entries.push(entry(Section::Overlap, "/overlap", "Overlap"));
        }
        if self.admin {
            entries.push(entry(Section::Sources, "/sources", "Sources"));
        }
        entries
    }
}

/// An instant as pages show it, to the second: `2026-11-20 12:00:05 UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub Millis);

impl Instant {
    /// For the `datetime` of a `time` element.
    #[must_use]
    pub fn machine(self) -> String {
        self.0.to_string()
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_string();
        match (text.get(..10), text.get(11..19)) {
            (Some(day), Some(time)) => write!(f, "{day} {time} UTC"),
            _ => f.write_str(&text),
        }
    }
}
