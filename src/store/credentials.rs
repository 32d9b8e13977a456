//! Tokens, dashboard sessions and the one-time admin link, stored as digests that are the look-up keys.
//!
//! A token is `ht_` + 43 characters of base64url (256 random bits) + 6 hexadecimal digits of checksum.

use blake2::{Blake2b256, Digest};
use xxhash_rust::xxh3::xxh3_64;

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::people::list_people;
use super::records::{CredentialKind, CredentialRecord};
use super::table::{Read, Table, WriteTxn};
use crate::model::Millis;

/// What every token of ours begins with.
pub const TOKEN_PREFIX: &str = "ht_";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A credential with the public part of its digest, by which people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub id: String,
    pub record: CredentialRecord,
}

/// A new random secret text in the form of a token.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_secret() -> Result<String, StoreError> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| StoreError::Storage(format!("no randomness: {error}")))?;
    let mut text = String::from(TOKEN_PREFIX);
    for triple in random.chunks(3) {
        let bits = triple.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - triple.len()));
        for place in 0..=triple.len() {
            let index = (bits >> (18 - 6 * place)) as usize & 63;
            text.extend(ALPHABET.get(index).map(|&letter| char::from(letter)));
        }
    }
    let checksum = xxh3_64(text.as_bytes()) & 0xff_ffff;
    text.push_str(&format!("{checksum:06x}"));
    Ok(text)
}

/// The digest under which a secret is stored. Secrets are random, so a fast hash is right.
#[must_use]
pub fn digest(secret: &str) -> [u8; 32] {
    Blake2b256::digest(secret.as_bytes()).into()
}

fn id_of(digest: &[u8]) -> String {
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The credential of a secret.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn find_credential(txn: &(impl Read + ?Sized), secret: &str) -> Result<Option<CredentialRecord>, StoreError> {
    get_record(txn, Table::Credentials, &digest(secret))
}

/// Stores a credential.
///
/// # Errors
/// When the store fails.
pub fn put_credential(txn: &WriteTxn, secret: &str, record: &CredentialRecord) -> Result<(), StoreError> {
    put_record(txn, Table::Credentials, &digest(secret), record).map(drop)
}

/// All credentials.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_credentials(txn: &(impl Read + ?Sized)) -> Result<Vec<Credential>, StoreError> {
    let values = txn.with_prefix(Table::Credentials, &[])?;
    values.iter().map(|(key, value)| Ok(Credential { id: id_of(key), record: decode(Table::Credentials, key, value)? })).collect()
}

/// Whether anybody can be admin now, by an account, or by a token or a session that has not run out; links do not count.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn any_admin(txn: &(impl Read + ?Sized), now: Millis) -> Result<bool, StoreError> {
    let admin = |credential: &Credential| {
        let CredentialRecord { kind, scope, expires_ms, .. } = &credential.record;
        *kind != CredentialKind::AdminLink && scope == "admin" && expires_ms.is_none_or(|at| at > now.0)
    };
    let people = list_people(txn)?;
    Ok(people.iter().any(|person| person.roles.iter().any(|role| role == "admin")) || list_credentials(txn)?.iter().any(admin))
}

/// Removes the credential of a secret.
///
/// # Errors
/// When the store fails.
pub fn remove_credential_of(txn: &WriteTxn, secret: &str) -> Result<(), StoreError> {
    txn.remove(Table::Credentials, &digest(secret))
}

/// Removes all credentials of which that holds.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn remove_credentials_where(txn: &WriteTxn, goes: impl Fn(&CredentialRecord) -> bool) -> Result<(), StoreError> {
    for (key, value) in txn.with_prefix(Table::Credentials, &[])? {
        if goes(&decode(Table::Credentials, &key, &value)?) {
            txn.remove(Table::Credentials, &key)?;
        }
    }
    Ok(())
}

/// Removes the credentials whose id begins with `id`; says how many there were.
///
/// # Errors
/// When the store fails.
pub fn remove_credential(txn: &WriteTxn, id: &str) -> Result<usize, StoreError> {
    let found: Vec<Vec<u8>> = txn
        .with_prefix(Table::Credentials, &[])?
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| id.len() >= 6 && id_of(key).starts_with(id))
        .collect();
    found.iter().try_for_each(|key| txn.remove(Table::Credentials, key))?;
    Ok(found.len())
}
