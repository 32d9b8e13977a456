//! Composite keys: big-endian numbers in a row, so that byte order is number order.

use crate::model::{Day, RepoNumber};

/// Builds a key.
#[derive(Clone, Debug, Default)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn u16(mut self, value: u16) -> Key {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn u32(mut self, value: u32) -> Key {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn u64(mut self, value: u64) -> Key {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn day(self, day: Day) -> Key {
        self.u16(day.0)
    }

    pub fn repo(self, repo: RepoNumber) -> Key {
        self.u32(repo.0)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the big-endian `u16` at an offset of a key; 0 past the end.
pub fn u16_at(key: &[u8], offset: usize) -> u16 {
    key.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// Reads the big-endian `u64` at an offset of a key; 0 past the end.
pub fn u64_at(key: &[u8], offset: usize) -> u64 {
    key.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Reads the big-endian `u32` at an offset of a key; 0 past the end.
pub fn u32_at(key: &[u8], offset: usize) -> u32 {
    key.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
