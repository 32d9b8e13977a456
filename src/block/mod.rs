//! Events as compressed columns: sorted rows in, bytes out, and back.
//!
//! A block holds up to [`ROWS_MAX`] rows of one UTC day in the order of `Row::cmp_stored`:
//!
//! ```text
//!  version u8 = 2 | rows | columns | columns x ( id u8 | codec u8 | plain length | stored length | stored bytes )
//! ```
//!
//! Numbers without a width are LEB128 varints. A reader skips columns whose id it does not know, and an absent column
//! means "unknown" (all zero), so that later columns need no migration. Codec 0 is plain, codec 1 is zstd.
//! The checksum of a block is the store's: it covers the key as well. The columns are listed in `layout.rs`.

mod bits;
mod bodies;
mod bytes;
mod columns;
mod decode;
mod encode;
mod group;
mod layout;
mod merge;
mod pick;
mod sort;
mod split;
mod texts;
mod time;
mod version_1;
mod who;

pub use bits::{BitReader, BitWriter, width_of};
pub use bodies::{BodyBlock, BodyRows, OfDownloader, OfRepo};
pub use bytes::{ByteReader, put_varint};
pub use decode::{Decoded, Wanted, decode, decode_sought, row_count};
pub use encode::Encoder;
pub use merge::{Compaction, Joined, Joins, Merge, compact, for_events, for_sorted_blocks, join_sorted};

/// Rows of one block at most.
pub const ROWS_MAX: usize = 1 << 15;

/// Why stored bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockError {
    /// A format version this program does not know.
    Version(u8),
    /// The named part ends early, or holds what cannot be.
    Malformed(&'static str),
}

impl std::fmt::Display for BlockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BlockError::Version(version) => {
                write!(f, "block format {version} is newer than this program: use the newer hubtally that wrote it")
            }
            BlockError::Malformed(part) => write!(f, "the block's {part} is damaged"),
        }
    }
}

impl std::error::Error for BlockError {}
