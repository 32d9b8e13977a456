//! People: made, changed and removed by administrators, signed in by password or by a trusted proxy.

use serde::{Deserialize, Serialize};

use super::access::person_caller;
use super::engine::Engine;
use super::error::EngineError;
use crate::model::{Caller, Millis, PersonName, Role};
use crate::store::{self, CredentialKind, CredentialRecord, PasswordRecord, PersonRecord};

/// A session lasts this long at most.
const SESSION_MS: i64 = 7 * 24 * 3_600_000;

/// The shortest and the longest password, in bytes. Hashing takes longer the longer a password is.
const PASSWORD_BYTES_MIN: usize = 8;
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// A person as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonInfo {
    pub name: String,
    pub roles: Vec<String>,
    /// Whether the person can sign in by password.
    pub password: bool,
    pub created: String,
}

/// What is changed of a person; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    pub password: Option<String>,
    pub roles: Option<Vec<Role>>,
    pub add_roles: Vec<Role>,
    pub remove_roles: Vec<Role>,
}

impl PersonInfo {
    fn new(record: &PersonRecord) -> PersonInfo {
        PersonInfo {
            name: record.name.clone(),
            roles: record.roles.clone(),
            password: record.password.is_some(),
            created: Millis(record.created_ms).to_string(),
        }
    }
}

/// Hashes a password that is long enough and not too long.
fn hashed(password: &str) -> Result<PasswordRecord, EngineError> {
    if password.len() < PASSWORD_BYTES_MIN || password.len() > PASSWORD_BYTES_MAX {
        let sentence = format!("a password has {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes");
        return Err(EngineError::Refused(sentence));
    }
    Ok(store::hash_password(password)?)
}

fn words(roles: &[Role]) -> Vec<String> {
    let mut words: Vec<String> = roles.iter().map(Role::to_string).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn no_person(name: &PersonName) -> EngineError {
    EngineError::Refused(format!("there is no account {name}; `hubtally user list` shows them"))
}

impl Engine {
    /// All people, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn people(&self) -> Result<Vec<PersonInfo>, EngineError> {
        let txn = self.shared.store.read()?;
        Ok(store::list_people(&txn)?.iter().map(PersonInfo::new).collect())
    }

    /// Makes an account. Without a password only a trusted proxy can sign the person in. Takes as long as hashing does.
    ///
    /// # Errors
    /// When the name is taken, the password is too short or too long, or the store fails.
    pub fn add_person(&self, name: &PersonName, password: Option<&str>, roles: &[Role]) -> Result<PersonInfo, EngineError> {
        let record = self.new_person(name, password, roles)?;
        let name = name.clone();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            enter(&txn, &name, &record)?;
            txn.commit()?;
            Ok(PersonInfo::new(&record))
        })
    }

    fn new_person(&self, name: &PersonName, password: Option<&str>, roles: &[Role]) -> Result<PersonRecord, EngineError> {
        let password = password.map(hashed).transpose()?;
        let now = self.now().0;
        Ok(PersonRecord { name: name.to_string(), roles: words(roles), password, created_ms: now, changed_ms: now })
    }

    /// Changes an account. A new password ends its sessions. Takes as long as hashing does.
    ///
    /// # Errors
    /// When there is no such person, the password is too short or too long, or the store fails.
    pub fn change_person(&self, name: &PersonName, change: PersonChange) -> Result<PersonInfo, EngineError> {
        let password = change.password.as_deref().map(hashed).transpose()?;
        let (name, now) = (name.clone(), self.now());
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let mut record = store::find_person(&txn, &name)?.ok_or_else(|| no_person(&name))?;
            if let Some(password) = password {
                record.password = Some(password);
                record.changed_ms = now.0;
                let key = name.key();
                store::remove_credentials_where(&txn, |old| {
                    old.kind == CredentialKind::Session && old.person.as_ref() == Some(&key)
                })?;
            }
            let mut roles: Vec<Role> =
                change.roles.unwrap_or_else(|| record.roles.iter().filter_map(|role| Role::parse(role)).collect());
            roles.extend(change.add_roles);
            let same = |a: &Role, b: &Role| a.to_string().eq_ignore_ascii_case(&b.to_string());
            roles.retain(|role| !change.remove_roles.iter().any(|gone| same(role, gone)));
            record.roles = words(&roles);
            store::put_person(&txn, &name, &record)?;
            txn.commit()?;
            Ok(PersonInfo::new(&record))
        })
    }

    /// Removes an account with its sessions and tokens; says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_person(&self, name: &PersonName) -> Result<bool, EngineError> {
        let name = name.clone();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let there = store::remove_person(&txn, &name)?;
            let key = name.key();
            store::remove_credentials_where(&txn, |record| record.person.as_ref() == Some(&key))?;
            txn.commit()?;
            Ok(there)
        })
    }

    /// Whether a password is the person's, at the same cost whether there is such a person or not. A password that was
    /// hashed at lower costs is hashed anew.
    ///
    /// # Errors
    /// When the store fails.
    pub fn verify_person(&self, name: &str, password: &str) -> Result<Option<PersonName>, EngineError> {
        let name = PersonName::parse(name);
        let txn = self.shared.store.read()?;
        let record = name.as_ref().map(|name| store::find_person(&txn, name)).transpose()?.flatten();
        drop(txn);
        let stored = record.as_ref().and_then(|record| record.password.as_ref());
        if !store::verify_password(password, stored)? {
            return Ok(None);
        }
        let (Some(record), Some(name)) = (record, name) else { return Ok(None) };
        if record.password.as_ref().is_some_and(store::is_outdated) {
            let (fresh, changed_ms, of) = (store::hash_password(password)?, record.changed_ms, name.clone());
            self.write(move |writer| {
                let txn = writer.shared.store.write()?;
                // Unless the password was changed meanwhile.
                if let Some(mut record) = store::find_person(&txn, &of)?.filter(|now| now.changed_ms == changed_ms) {
                    record.password = Some(fresh);
                    store::put_person(&txn, &of, &record)?;
                }
                Ok(txn.commit()?)
            })?;
        }
        Ok(Some(name))
    }

    /// Opens a session of a person, and ends the one this browser had; gives the value of its cookie.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open_session(&self, name: &PersonName, before: Option<&str>) -> Result<String, EngineError> {
        if let Some(before) = before {
            self.close_session(before)?;
        }
        self.make_credential(session(name, self.now()))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store fails.
    pub fn close_session(&self, session: &str) -> Result<(), EngineError> {
        let session = session.to_owned();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            if store::find_credential(&txn, &session)?.is_some_and(|record| record.kind == CredentialKind::Session) {
                store::remove_credential_of(&txn, &session)?;
            }
            Ok(txn.commit()?)
        })
    }

    /// Uses a one-time key up for an administrator's account; gives the value of the new person's session.
    ///
    /// # Errors
    /// When the name is taken, the password is too short or too long, or the store fails; then the key is still good.
    pub fn claim_admin_link_as(&self, key: &str, name: &PersonName, password: &str) -> Result<Option<String>, EngineError> {
        let record = self.new_person(name, Some(password), &[Role::Admin])?;
        let name = name.clone();
        let session = session(&name, self.now());
        self.use_admin_link(key, session, move |txn| enter(txn, &name, &record))
    }

    /// Somebody whom a trusted proxy has signed in; `None` if there is no such account.
    ///
    /// # Errors
    /// When the store fails.
    pub fn person(&self, name: &PersonName) -> Result<Option<Caller>, EngineError> {
        person_caller(&self.shared.store.read()?, name)
    }
}

fn enter(txn: &store::WriteTxn, name: &PersonName, record: &PersonRecord) -> Result<(), EngineError> {
    if store::find_person(txn, name)?.is_some() {
        return Err(EngineError::Refused(format!("there is an account {name} already")));
    }
    Ok(store::put_person(txn, name, record)?)
}

fn session(name: &PersonName, now: Millis) -> CredentialRecord {
    CredentialRecord {
        kind: CredentialKind::Session,
        scope: String::new(),
        note: String::new(),
        created_ms: now.0,
        expires_ms: Some(now.0 + SESSION_MS),
        person: Some(name.key()),
        used_ms: now.0,
    }
}
