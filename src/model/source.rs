//! Sources (named logs or senders), their settings, and the deliveries that bring events in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a source inside one store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u16);

/// The name of a source: `[A-Za-z0-9._-]`, 1 to 64 bytes. `default` unless the user says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(Box<str>);

impl SourceName {
    /// The source of deliveries that name none.
    #[must_use]
    pub fn default_source() -> SourceName {
        SourceName("default".into())
    }

    /// Checks a source name.
    #[must_use]
    pub fn parse(text: &str) -> Option<SourceName> {
        let valid = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        valid.then(|| SourceName(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a delivery inside one store.
///
/// Equal events add up within a document and join by maximum over deliveries. The pushes of a source on one day form
/// one delivery of which every body is a part; there equal events of different bodies join by maximum too. Which of
/// the two applies is part of the number, so that merging rows needs no look-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u32);

impl DeliveryId {
    const PUSHED: u32 = 1 << 31;

    /// The number of a document.
    #[must_use]
    pub fn document(serial: u32) -> DeliveryId {
        DeliveryId(serial & !Self::PUSHED)
    }

    /// The number of a day's pushes of a source.
    #[must_use]
    pub fn pushes(serial: u32) -> DeliveryId {
        DeliveryId(serial | Self::PUSHED)
    }

    /// Whether equal rows of this delivery join by maximum instead of adding up.
    #[must_use]
    pub fn is_pushes(self) -> bool {
        self.0 & Self::PUSHED != 0
    }

    /// The serial number people see.
    #[must_use]
    pub fn serial(self) -> u32 {
        self.0 & !Self::PUSHED
    }
}

/// The layout of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Hugging Face's access-log export: CSV, TSV or NDJSON with its column names.
    HfExport,
    /// nginx and Apache combined.
    Combined,
    /// hubtally's own NDJSON (or CSV) events.
    Events,
    /// nginx in JSON, by the `log_format` of `docs/nginx.md`.
    NginxJson,
    /// Caddy's access log.
    CaddyJson,
    /// Traefik's access log in JSON. Its CLF is a combined log.
    TraefikJson,
    /// The server access log of S3.
    S3,
}

impl Format {
    /// All formats. Their places are stored, so a new one comes last.
    pub const ALL: [Format; 7] = [
        Format::HfExport,
        Format::Combined,
        Format::Events,
        Format::NginxJson,
        Format::CaddyJson,
        Format::TraefikJson,
        Format::S3,
    ];

    /// The name used on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Format::HfExport => "hf-export",
            Format::Combined => "combined",
            Format::Events => "events",
            Format::NginxJson => "nginx-json",
            Format::CaddyJson => "caddy-json",
            Format::TraefikJson => "traefik-json",
            Format::S3 => "s3",
        }
    }

    /// Its bit in a set of formats, as stores keep them: 32 at most.
    #[must_use]
    pub fn bit(self) -> u32 {
        Self::ALL.iter().position(|format| *format == self).map_or(0, |at| 1 << at)
    }

    /// Reads a name used on the command line.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Format> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// Whether the log tells a request with a user from one without. No proxy writes a user for a bearer token.
    #[must_use]
    pub fn knows_users(self) -> bool {
        matches!(self, Format::HfExport | Format::Events)
    }
}

/// What a redirect to a GET means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirects {
    /// A hand-off to the store that serves the bytes: counted.
    #[default]
    Handoff,
    /// A login wall or the like: not counted.
    Ignore,
}

/// What a redirect to a HEAD means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadRedirect {
    /// A look that may or may not be followed by a download: stored, not counted.
    #[default]
    Probe,
    /// Counted like a GET that was redirected.
    Handoff,
}

/// How the requests of a source are to be read. A changed setting is a recount, never a re-import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceSettings {
    pub redirects: Redirects,
    pub head_redirect: HeadRedirect,
    /// Whether a request without a user proves that it needed none.
    pub knows_users: bool,
}
