//! One repo on one day, as chunks and years store it: one byte for what most are, a single download.
//!
//! ```text
//!  a single download of one downloader with few files: 0 | authenticated | evidence | files 5 bits
//!  any other: 1 0 0 0 | uniques | anonymous | authenticated | evidence, then what these bits name | files
//! ```
//!
//! The highest bit comes first. Numbers that follow are varints; uniques that do not follow equal the downloads.

use crate::block::{BlockError, ByteReader, put_varint};
use crate::model::{DayCounts, Downloads, Files, Uniques};

/// One repo on one day, as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepoDay {
    pub counts: DayCounts,
    pub uniques: Uniques,
    pub evidence: bool,
}

/// Of a single download.
const SINGLE_AUTHENTICATED: u8 = 0x40;
const SINGLE_EVIDENCE: u8 = 0x20;
const SINGLE_FILES_MAX: u8 = 0x1f;

/// Of any other.
const OTHER: u8 = 0x80;
const UNIQUES: u8 = 8;
const ANONYMOUS: u8 = 4;
const AUTHENTICATED: u8 = 2;
const EVIDENCE: u8 = 1;

impl RepoDay {
    /// Appends the stored form.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        if let Some(single) = self.as_single() {
            return out.push(single);
        }
        let DayCounts { authenticated, anonymous, files } = self.counts;
        let uniques = self.uniques.0;
        let own_uniques = authenticated.0.checked_add(anonymous.0) != Some(uniques);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        out.push(
            OTHER
                | flag(own_uniques, UNIQUES)
                | flag(anonymous.0 > 0, ANONYMOUS)
                | flag(authenticated.0 > 0, AUTHENTICATED)
                | flag(self.evidence, EVIDENCE),
        );
        let follow = [(own_uniques, uniques), (anonymous.0 > 0, anonymous.0), (authenticated.0 > 0, authenticated.0)];
        follow.iter().filter(|(follows, _)| *follows).for_each(|(_, value)| put_varint(out, *value));
        put_varint(out, files.0);
    }

    fn as_single(&self) -> Option<u8> {
        let files = u8::try_from(self.counts.files.0).ok().filter(|files| *files <= SINGLE_FILES_MAX)?;
        let audience = match (self.counts.authenticated.0, self.counts.anonymous.0, self.uniques.0) {
            (1, 0, 1) => SINGLE_AUTHENTICATED,
            (0, 1, 1) => 0,
            _ => return None,
        };
        Some(audience | if self.evidence { SINGLE_EVIDENCE } else { 0 } | files)
    }

    /// Reads the stored form.
    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<RepoDay, BlockError> {
        let head = reader.byte()?;
        if head < OTHER {
            let authenticated = u64::from(head & SINGLE_AUTHENTICATED != 0);
            let counts = DayCounts {
                authenticated: Downloads(authenticated),
                anonymous: Downloads(1 - authenticated),
                files: Files(u64::from(head & SINGLE_FILES_MAX)),
            };
            return Ok(RepoDay { counts, uniques: Uniques(1), evidence: head & SINGLE_EVIDENCE != 0 });
        }
        if head & 0x70 != 0 {
            return Err(reader.malformed());
        }
        let mut following = |flag: u8| if head & flag == 0 { Ok(0) } else { reader.varint() };
        let (own_uniques, anonymous, authenticated) = (following(UNIQUES)?, following(ANONYMOUS)?, following(AUTHENTICATED)?);
        let uniques = if head & UNIQUES == 0 { authenticated.checked_add(anonymous) } else { Some(own_uniques) };
        let counts = DayCounts {
            authenticated: Downloads(authenticated),
            anonymous: Downloads(anonymous),
            files: Files(reader.varint()?),
        };
        let uniques = Uniques(uniques.ok_or_else(|| reader.malformed())?);
        Ok(RepoDay { counts, uniques, evidence: head & EVIDENCE != 0 })
    }
}
