//! Tokens and the one-time admin link, and whose credential it is that came.

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::error::EngineError;
use crate::model::{Caller, Millis, PersonName, Role};
use crate::store::{self, CredentialKind, CredentialRecord, TOKEN_PREFIX};

/// The session of somebody who came by the one-time link lasts this long.
const LINK_SESSION_MS: i64 = 12 * 3_600_000;

/// A session that nobody uses ends after this time.
const IDLE_MS: i64 = 12 * 3_600_000;

/// How exactly it is known when a session was last used: a commit for every request would be too many.
const USED_GRAIN_MS: i64 = 10 * 60_000;

/// What a credential turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Another hub's token, which clients send everywhere.
    NotOurs,
    /// One of ours that is unknown, revoked or expired.
    Wrong,
    /// A token's, or the session of the one-time link.
    Role(Role),
    /// A person's session.
    Person(Caller),
}

/// A token as people see it: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    pub id: String,
    pub scope: String,
    pub note: String,
    pub created: String,
    pub expires: Option<String>,
    /// Who made it; `None` for those made on the command line or by another token.
    pub person: Option<String>,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub role: Role,
    pub note: String,
    pub expires: Option<Millis>,
    /// Whose it is: it ends with the person, or with the role the person had.
    pub person: Option<PersonName>,
}

/// A credential that is not expired at an instant.
pub(super) fn is_alive(record: &CredentialRecord, now: Millis) -> bool {
    let idle = record.kind == CredentialKind::Session && record.used_ms.saturating_add(IDLE_MS) <= now.0;
    !idle && record.expires_ms.is_none_or(|at| at > now.0)
}

impl Engine {
    /// Makes a token of nobody in particular. Its text is given out once and never stored.
    ///
    /// # Errors
    /// When the store fails.
    pub fn create_token(&self, role: &Role, note: &str, expires: Option<Millis>) -> Result<String, EngineError> {
        self.make_token(NewToken { role: role.clone(), note: note.to_owned(), expires, person: None })
    }

    /// Makes a token. Its text is given out once and never stored.
    ///
    /// # Errors
    /// When the store fails.
    pub fn make_token(&self, new: NewToken) -> Result<String, EngineError> {
        self.make_credential(CredentialRecord {
            kind: CredentialKind::Token,
            scope: new.role.to_string(),
            note: new.note,
            created_ms: self.now().0,
            expires_ms: new.expires.map(|at| at.0),
            person: new.person.map(|person| person.key()),
            used_ms: 0,
        })
    }

    pub(super) fn make_credential(&self, record: CredentialRecord) -> Result<String, EngineError> {
        let now = self.now();
        let secret = store::new_secret()?;
        let stored = secret.clone();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            // Sessions that ended are of no use to anybody; tokens stay in the list, so that people see why they fail.
            store::remove_credentials_where(&txn, |old| old.kind == CredentialKind::Session && !is_alive(old, now))?;
            store::put_credential(&txn, &stored, &record)?;
            Ok(txn.commit()?)
        })?;
        Ok(secret)
    }

    /// The tokens a caller may know of: all for administrators, else those the person made.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tokens_of(&self, caller: &Caller) -> Result<Vec<TokenInfo>, EngineError> {
        let own = caller.person.as_ref().map(PersonName::key);
        let tokens = self.tokens()?.into_iter();
        Ok(tokens.filter(|token| caller.is_admin() || (own.is_some() && token.person == own)).collect())
    }

    /// All tokens.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tokens(&self) -> Result<Vec<TokenInfo>, EngineError> {
        let txn = self.shared.store.read()?;
        let all = store::list_credentials(&txn)?.into_iter();
        Ok(all
            .filter(|credential| credential.record.kind == CredentialKind::Token)
            .map(|credential| TokenInfo {
                id: credential.id,
                scope: credential.record.scope,
                note: credential.record.note,
                created: Millis(credential.record.created_ms).to_string(),
                expires: credential.record.expires_ms.map(|at| Millis(at).to_string()),
                person: credential.record.person,
            })
            .collect())
    }

    /// Revokes the token of an id; says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn revoke_token(&self, id: &str) -> Result<bool, EngineError> {
        let id = id.to_owned();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let removed = store::remove_credential(&txn, &id)?;
            txn.commit()?;
            Ok(removed > 0)
        })
    }

    /// Whose credential this is: a token's text, or a dashboard session's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn authenticate(&self, credential: &str) -> Result<Credential, EngineError> {
        if !credential.starts_with(TOKEN_PREFIX) {
            return Ok(Credential::NotOurs);
        }
        let now = self.now();
        let txn = self.shared.store.read()?;
        let record = store::find_credential(&txn, credential)?;
        let valid = record.filter(|record| record.kind != CredentialKind::AdminLink && is_alive(record, now));
        let Some(record) = valid else { return Ok(Credential::Wrong) };
        let role = Role::parse(&record.scope);
        let Some(name) = record.person.as_deref().map(PersonName::parse) else {
            return Ok(role.map_or(Credential::Wrong, Credential::Role));
        };
        let Some(caller) = name.map(|name| person_caller(&txn, &name)).transpose()?.flatten() else {
            return Ok(Credential::Wrong);
        };
        if record.kind == CredentialKind::Session {
            if record.used_ms.saturating_add(USED_GRAIN_MS) <= now.0 {
                self.note_use(credential, now);
            }
            return Ok(Credential::Person(caller));
        }
        // A person's token can do no more than the person can today.
        Ok(role.filter(|role| caller.covers(role)).map_or(Credential::Wrong, Credential::Role))
    }

    /// Writes down that a session is in use. Nobody waits for it, and if the queue is full the next request tries again.
    fn note_use(&self, session: &str, now: Millis) {
        let session = session.to_owned();
        let task = Box::new(move |writer: &mut super::writer::Writer| {
            let noted = writer.attempt(move |writer| {
                let txn = writer.shared.store.write()?;
                if let Some(mut record) = store::find_credential(&txn, &session)? {
                    record.used_ms = record.used_ms.max(now.0);
                    store::put_credential(&txn, &session, &record)?;
                }
                Ok(txn.commit()?)
            });
            // A session that seems idle for longer than it is ends early, which is no harm.
            drop(noted);
        });
        drop(self.queue(super::writer::Command::Task(task)));
    }

    /// A one-time key that makes its holder admin, as long as nobody is.
    ///
    /// # Errors
    /// When the store fails.
    pub fn admin_link_key(&self) -> Result<Option<String>, EngineError> {
        let txn = self.shared.store.read()?;
        if store::any_admin(&txn, self.now())? {
            return Ok(None);
        }
        drop(txn);
        let record = CredentialRecord {
            kind: CredentialKind::AdminLink,
            scope: Role::Admin.to_string(),
            note: "first start".to_owned(),
            created_ms: self.now().0,
            expires_ms: None,
            person: None,
            used_ms: 0,
        };
        self.make_credential(record).map(Some)
    }

    /// Whether a one-time key is still good.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_admin_link(&self, key: &str) -> Result<bool, EngineError> {
        let txn = self.shared.store.read()?;
        Ok(store::find_credential(&txn, key)?.is_some_and(|link| link.kind == CredentialKind::AdminLink))
    }

    /// Uses a one-time key up; gives the value of an admin's dashboard session, of nobody in particular.
    ///
    /// # Errors
    /// When the store fails.
    pub fn claim_admin_link(&self, key: &str) -> Result<Option<String>, EngineError> {
        let now = self.now();
        let record = CredentialRecord {
            kind: CredentialKind::Session,
            scope: Role::Admin.to_string(),
            note: "admin link".to_owned(),
            created_ms: now.0,
            expires_ms: Some(now.0 + LINK_SESSION_MS),
            person: None,
            used_ms: now.0,
        };
        self.use_admin_link(key, record, |_| Ok(()))
    }

    /// Uses a one-time key up for a session, in one commit with whatever else it is for.
    pub(super) fn use_admin_link(
        &self,
        key: &str,
        session: CredentialRecord,
        also: impl FnOnce(&store::WriteTxn) -> Result<(), EngineError> + Send + 'static,
    ) -> Result<Option<String>, EngineError> {
        let key = key.to_owned();
        let secret = store::new_secret()?;
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let link = store::find_credential(&txn, &key)?;
            if link.is_none_or(|link| link.kind != CredentialKind::AdminLink) {
                return Ok(None);
            }
            // All links go: each start without an admin made one.
            store::remove_credentials_where(&txn, |record| record.kind == CredentialKind::AdminLink)?;
            also(&txn)?;
            store::put_credential(&txn, &secret, &session)?;
            txn.commit()?;
            Ok(Some(secret))
        })
    }
}

/// A person as a caller, with the roles of today; `None` if there is no such person any more.
pub(super) fn person_caller(txn: &store::ReadTxn, name: &PersonName) -> Result<Option<Caller>, EngineError> {
    let Some(record) = store::find_person(txn, name)? else { return Ok(None) };
    let roles = record.roles.iter().filter_map(|role| Role::parse(role)).collect();
    Ok(Some(Caller { roles, person: PersonName::parse(&record.name) }))
}
