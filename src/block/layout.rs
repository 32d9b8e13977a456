//! The columns of blocks.

/// Version of the frame and of the columns that are written. Blocks of version 1 are read.
pub const VERSION: u8 = 2;

/// How the bytes of a column are stored.
pub mod codec {
    pub const PLAIN: u8 = 0;
    pub const ZSTD: u8 = 1;
}

/// Column ids. Once released an id keeps its meaning for ever.
///
/// A *group* is a run of rows of one downloader on one repo; most attributes are constant in it.
pub mod column {
    /// Pairs (repo minus the previous repo, rows of it).
    pub const REPO: u8 = 1;
    /// Per group: rows * 2 + (1 if a user). The groups of a repo follow each other.
    pub const GROUP: u8 = 2;
    /// A dictionary of (method, status, range) (count, then 1 + 2 + 1 bytes each), then an index per row.
    pub const KIND: u8 = 7;
    /// A dictionary of (path hash 8 bytes, word), then an index per row, 0 for none.
    pub const PATH: u8 = 8;
    /// Sender id, 8 bytes per row.
    pub const ID: u8 = 9;
    /// Bytes per row, plus 1, 0 if unknown.
    pub const BYTES: u8 = 12;
    /// Duration in ms per row, plus 1, 0 if unknown.
    pub const DURATION: u8 = 13;

    /// Per group: who, as `who.rs` packs sorted hashes.
    pub const WHO_GAPS: u8 = 18;
    /// Smallest ms of the day, ms of a unit, and largest begin; then when each group begins, in units after the smallest,
    /// in bits.
    pub const BEGIN: u8 = 19;
    /// Per row that is not its group's first: how many bits the units since the row before take.
    pub const GAP_WIDTH: u8 = 20;
    /// Of each of these gaps the bits below the highest.
    pub const GAP_BITS: u8 = 21;
    /// Pairs (agent hash 4 bytes, word of the agent note).
    pub const CLIENT_BOOK: u8 = 22;
    /// Place in the client book, *by group*.
    pub const CLIENT: u8 = 23;
    /// Pairs (country code, region word).
    pub const PLACE_BOOK: u8 = 24;
    /// Place in the place book, *by group*.
    pub const PLACE: u8 = 25;
    /// Source number, as *runs*.
    pub const SOURCE_RUNS: u8 = 26;
    /// Delivery number, as *runs*.
    pub const DELIVERY_RUNS: u8 = 27;
    /// Repeat count minus 1, as *runs*.
    pub const COUNT_RUNS: u8 = 28;

    /// The block's words by text: bytes shared with the one before, bytes of its own, and these. Numbered from 1.
    pub const SORTED_WORDS: u8 = 29;

    /// The highest id.
    pub const LAST: u8 = SORTED_WORDS;

    // *By group*: a value per group, then exceptions (rows since the last exception, value until the group's end).
    // *Runs*: pairs (rows, value).
}

/// Columns that version 1 stored otherwise.
pub mod version_1 {
    /// Per group: who, 8 bytes little endian.
    pub const WHO: u8 = 3;
    /// A dictionary of agent hashes (count, then 4 bytes each), then an index per row as *changes*.
    pub const AGENT: u8 = 4;
    /// Per group: ms of the day of its first row, then the difference to the previous row.
    pub const TIME: u8 = 5;
    /// Source number per row, as *changes*.
    pub const SOURCE: u8 = 6;
    /// Delivery number per row, as *changes*.
    pub const DELIVERY: u8 = 10;
    /// Repeat count minus 1 per row.
    pub const COUNT: u8 = 11;
    /// Country code per row, as *changes*.
    pub const COUNTRY: u8 = 14;
    /// Region word per row, as *changes*.
    pub const REGION: u8 = 15;
    /// Agent-note word per row, as *changes*.
    pub const AGENT_NOTE: u8 = 16;
    /// The block's words: count, then length and bytes of each. Numbered from 1.
    pub const WORDS: u8 = 17;

    // *Changes*: 0 repeats the value of the previous row (0 before the first), any other number is the value plus 1.
}
