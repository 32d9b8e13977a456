//! Tokens, dashboard sessions and the one-time admin link.

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::error::EngineError;
use crate::model::{Millis, Role};
use crate::store::{self, CredentialKind, TOKEN_PREFIX};

/// A dashboard session lasts this long.
const SESSION_MS: i64 = 12 * 3_600_000;

/// What a credential turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Another hub's token, which clients send everywhere.
    NotOurs,
    /// One of ours that is unknown, revoked or expired.
    Wrong,
    Role(Role),
}

/// A token as people see it: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    pub id: String,
    pub scope: String,
    pub note: String,
    pub created: String,
    pub expires: Option<String>,
}

impl Engine {
    /// Makes a token. Its text is given out once and never stored.
    ///
    /// # Errors
    /// When the store fails.
    pub fn create_token(&self, role: &Role, note: &str, expires: Option<Millis>) -> Result<String, EngineError> {
        self.make_credential(CredentialKind::Token, role, note, expires)
    }

    fn make_credential(
        &self,
        kind: CredentialKind,
        role: &Role,
        note: &str,
        expires: Option<Millis>,
    ) -> Result<String, EngineError> {
        let record = store::CredentialRecord {
            kind,
            scope: role.to_string(),
            note: note.to_owned(),
            created_ms: self.now().0,
            expires_ms: expires.map(|at| at.0),
        };
        let secret = store::new_secret()?;
        let stored = secret.clone();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            store::put_credential(&txn, &stored, &record)?;
            Ok(txn.commit()?)
        })?;
        Ok(secret)
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
        let txn = self.shared.store.read()?;
        let record = store::find_credential(&txn, credential)?;
        let valid = record
            .filter(|record| record.kind != CredentialKind::AdminLink && record.expires_ms.is_none_or(|at| at > self.now().0));
        Ok(valid.and_then(|record| Role::parse(&record.scope)).map_or(Credential::Wrong, Credential::Role))
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
        self.make_credential(CredentialKind::AdminLink, &Role::Admin, "first start", None).map(Some)
    }

    /// Uses a one-time key up; gives the value of an admin's dashboard session.
    ///
    /// # Errors
    /// When the store fails.
    pub fn claim_admin_link(&self, key: &str) -> Result<Option<String>, EngineError> {
        let now = self.now();
        let key = key.to_owned();
        let session = store::new_secret()?;
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let link = store::find_credential(&txn, &key)?;
            if link.is_none_or(|link| link.kind != CredentialKind::AdminLink) {
                return Ok(None);
            }
            // All links go: each start without an admin made one.
            for credential in store::list_credentials(&txn)? {
                if credential.record.kind == CredentialKind::AdminLink {
                    store::remove_credential(&txn, &credential.id)?;
                }
            }
            let record = store::CredentialRecord {
                kind: CredentialKind::Session,
                scope: Role::Admin.to_string(),
                note: "admin link".to_owned(),
                created_ms: now.0,
                expires_ms: Some(now.0 + SESSION_MS),
            };
            store::put_credential(&txn, &session, &record)?;
            txn.commit()?;
            Ok(Some(session))
        })
    }
}
