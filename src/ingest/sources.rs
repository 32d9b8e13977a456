//! Sources as people see and set them.

use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};

use super::engine::{Engine, GivenSettings, Shared};
use super::error::EngineError;
use super::writer::Writer;
use crate::model::{Format, HeadRedirect, Proxies, Redirects, SourceId, SourceName};
use crate::store::{self, SourceEntry};

/// A source with the settings in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    pub name: String,
    /// The formats that arrived.
    pub formats: Vec<String>,
    pub redirects: Redirects,
    pub head_redirect: HeadRedirect,
    pub knows_users: bool,
    /// The settings that somebody gave; the others follow from the formats.
    pub given: Vec<String>,
    /// Networks, with commas between them.
    pub trusted_proxies: String,
}

impl SourceInfo {
    fn new(entry: &SourceEntry) -> SourceInfo {
        let (settings, record) = (entry.settings(), &entry.record);
        let formats = Format::ALL.into_iter().filter(|format| record.formats & format.bit() != 0);
        let given = [
            ("redirects", record.redirects_ignored.is_some()),
            ("head_redirect", record.head_redirect_handoff.is_some()),
            ("knows_users", record.knows_users.is_some()),
            ("trusted_proxies", !record.trusted_proxies.is_empty()),
        ];
        SourceInfo {
            name: record.name.clone(),
            formats: formats.map(|format| format.word().to_owned()).collect(),
            redirects: settings.redirects,
            head_redirect: settings.head_redirect,
            knows_users: settings.knows_users,
            given: given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name.to_owned()).collect(),
            trusted_proxies: record.trusted_proxies.clone(),
        }
    }
}

/// What is to be changed of a source; the rest stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SourceChange {
    pub given: GivenSettings,
    /// Settings that follow from the formats again.
    pub reset: Vec<FollowingSetting>,
    pub proxies: Option<Proxies>,
}

/// A setting that follows from the formats of a source unless it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowingSetting {
    Redirects,
    HeadRedirect,
    KnowsUsers,
}

impl FollowingSetting {
    fn reset(self, record: &mut store::SourceRecord) {
        match self {
            FollowingSetting::Redirects => record.redirects_ignored = None,
            FollowingSetting::HeadRedirect => record.head_redirect_handoff = None,
            FollowingSetting::KnowsUsers => record.knows_users = None,
        }
    }
}

impl GivenSettings {
    /// Enters what was given; the rest stays as it is.
    pub(super) fn enter(self, record: &mut store::SourceRecord) {
        if let Some(redirects) = self.redirects {
            record.redirects_ignored = Some(redirects == Redirects::Ignore);
        }
        if let Some(head_redirect) = self.head_redirect {
            record.head_redirect_handoff = Some(head_redirect == HeadRedirect::Handoff);
        }
        record.knows_users = self.knows_users.or(record.knows_users);
    }
}

impl Shared {
    /// The proxies a source trusts, for lines that are read from now on.
    pub(super) fn proxies_of(&self, source: &SourceName) -> Arc<Proxies> {
        let known = self.proxies.read().unwrap_or_else(PoisonError::into_inner);
        known.get(source.as_str()).map(Arc::clone).unwrap_or_default()
    }
}

impl Writer {
    /// Tells readers of lines which proxies are trusted now.
    pub(super) fn refresh_proxies(&self) {
        let parsed = |source: &SourceEntry| {
            // What is stored was printed by the very type that reads it.
            let proxies = Proxies::parse(&source.record.trusted_proxies).unwrap_or_default();
            (!proxies.is_empty()).then(|| (source.record.name.clone(), Arc::new(proxies)))
        };
        let all = self.sources.iter().filter_map(parsed).collect();
        *self.shared.proxies.write().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

impl Engine {
    /// All sources, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sources(&self) -> Result<Vec<SourceInfo>, EngineError> {
        let txn = self.shared.store.read()?;
        let mut sources: Vec<SourceInfo> = store::read_sources(&txn)?.iter().map(SourceInfo::new).collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(sources)
    }

    /// The public name of the key under which people are hashed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.shared.key.id()
    }

    /// Whether events that come with settings would be read otherwise without them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn reads_otherwise(&self, name: &SourceName, given: GivenSettings) -> Result<bool, EngineError> {
        let sources = store::read_sources(&self.shared.store.read()?)?;
        let mut record = sources.into_iter().find(|entry| entry.record.name == name.as_str()).map_or_else(
            || store::SourceRecord { name: name.as_str().to_owned(), ..store::SourceRecord::default() },
            |entry| entry.record,
        );
        record.formats |= Format::Events.bit();
        let mut entry = SourceEntry { id: SourceId::default(), record };
        let without = entry.settings();
        given.enter(&mut entry.record);
        Ok(entry.settings() != without)
    }

    /// Sets a source, which may be new; what is not given stays as it is. Proxies act on lines that are read from now on,
    /// as events keep no addresses; everything else is counted anew.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_source(&self, name: &SourceName, change: SourceChange) -> Result<Option<SourceInfo>, EngineError> {
        let name = name.clone();
        self.write(move |writer| {
            let id = writer.change_source(&name, 0, |record| {
                change.reset.iter().for_each(|setting| setting.reset(record));
                change.given.enter(record);
                if let Some(proxies) = change.proxies {
                    record.trusted_proxies = proxies.to_string();
                }
            })?;
            Ok(writer.sources.iter().find(|entry| entry.id == id).map(SourceInfo::new))
        })
    }
}
