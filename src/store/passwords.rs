//! Passwords: argon2id under a salt of their own, with the costs beside each so that they can be raised.

use argon2::{Algorithm, Argon2, Params, Version};

use super::StoreError;
use super::records::PasswordRecord;

/// What a new password costs: 19 MiB and two passes, about 30 ms of one core.
const MEMORY_KIB: u32 = Params::DEFAULT_M_COST;
const PASSES: u32 = Params::DEFAULT_T_COST;
const LANES: u32 = Params::DEFAULT_P_COST;

/// Hashes a password under a new salt.
///
/// # Errors
/// When there is no randomness or not enough memory.
pub fn hash_password(password: &str) -> Result<PasswordRecord, StoreError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| StoreError::Storage(format!("no randomness: {error}")))?;
    let mut record = PasswordRecord { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash: [0; 32] };
    record.hash = hash(password, &record)?;
    Ok(record)
}

/// Whether a password is the one of a record; takes the same time whatever comes out. Without a record it costs what
/// verifying costs and nothing fits, so that nobody learns who exists.
///
/// # Errors
/// When there is not enough memory.
pub fn verify_password(password: &str, record: Option<&PasswordRecord>) -> Result<bool, StoreError> {
    let nobody = PasswordRecord { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt: [0; 16], hash: [0; 32] };
    let expected = record.unwrap_or(&nobody);
    let found = hash(password, expected)?;
    let different = found.iter().zip(&expected.hash).fold(0, |bits, (a, b)| bits | (a ^ b));
    Ok(record.is_some() && different == 0)
}

/// Whether a password was hashed at other costs than new ones are.
#[must_use]
pub fn is_outdated(record: &PasswordRecord) -> bool {
    (record.memory_kib, record.passes, record.lanes) != (MEMORY_KIB, PASSES, LANES)
}

fn hash(password: &str, record: &PasswordRecord) -> Result<[u8; 32], StoreError> {
    let failed = |error: argon2::Error| StoreError::Storage(format!("the password could not be hashed: {error}"));
    let costs = Params::new(record.memory_kib, record.passes, record.lanes, None).map_err(failed)?;
    let mut hash = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs);
    argon2.hash_password_into(password.as_bytes(), &record.salt, &mut hash).map_err(failed)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_fits_and_no_other() {
        let record = hash_password("correct horse").unwrap();
        assert!(verify_password("correct horse", Some(&record)).unwrap());
        assert!(!verify_password("correct hors", Some(&record)).unwrap());
        assert!(!verify_password("correct horse", None).unwrap());
        assert_ne!(record.salt, hash_password("correct horse").unwrap().salt);
        assert!(!is_outdated(&record));
    }

    #[test]
    fn older_costs_are_still_read_and_known_as_such() {
        let mut old = PasswordRecord { memory_kib: 64, passes: 1, lanes: 1, salt: [7; 16], hash: [0; 32] };
        old.hash = hash("secret", &old).unwrap();
        assert!(verify_password("secret", Some(&old)).unwrap() && is_outdated(&old));
    }
}
