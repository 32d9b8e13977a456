//! The small records of the store. Fields are only ever added in a new format version with a migration.

use bincode::{Decode, Encode};

/// `meta/format`: what this file is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FormatRecord {
    pub format: u32,
    /// Of the key under which identities are hashed.
    pub key_fingerprint: [u8; 32],
    pub created_ms: i64,
}

/// `meta/backup`: what makes a copy of a store a backup. No store has it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BackupRecord {
    /// The instant of the snapshot.
    pub taken_ms: i64,
    /// The store's secret, if it was asked for.
    pub secret: Option<[u8; 32]>,
}

/// `meta/counters`: the next free numbers of what is numbered by arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct CountersRecord {
    pub repo: u32,
    pub delivery: u32,
    pub segment: u64,
}

/// `meta/sums`: of each table its name, how many values it has, and the wrapping sum of their checksums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SumsRecord {
    pub tables: Vec<(String, u64, u64)>,
}

/// A source and its settings; an absent setting follows from the formats that arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SourceRecord {
    pub name: String,
    /// One bit per `Format`, in their order.
    pub formats: u32,
    pub redirects_ignored: Option<bool>,
    pub head_redirect_handoff: Option<bool>,
    pub knows_users: Option<bool>,
    /// Networks as `Proxies` prints them.
    pub trusted_proxies: String,
}

/// A repo.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RepoRecord {
    pub kind: u8,
    pub name: String,
    pub listing: Option<ListingRecord>,
}

/// What the hub's catalog says of a repo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ListingRecord {
    pub private: Option<bool>,
    pub likes: Option<u64>,
    pub library: Option<String>,
    pub created_ms: Option<i64>,
}

/// A name a repo had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RenameRecord {
    /// The repo under the old name.
    pub from: u32,
    /// When it was renamed.
    pub at_ms: Option<i64>,
}

/// What became of a delivery's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct LinesRecord {
    pub lines: u64,
    pub accepted: u64,
    pub repeated: u64,
    pub skipped: Vec<(String, u64)>,
    pub rejected: Vec<(String, u64)>,
    pub no_identity: u64,
    pub samples: Vec<(u64, String)>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum DeliveryState {
    Partial,
    Complete,
    Retracted,
}

/// A document or a day's pushes of a source.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeliveryRecord {
    pub source: u16,
    pub name: String,
    pub arrived_ms: i64,
    pub state: DeliveryState,
    pub lines: LinesRecord,
    pub content: ContentRecord,
}

/// What kind of delivery.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ContentRecord {
    Document(DocumentRecord),
    /// The pushes that arrived on a UTC day.
    Pushes {
        day: u16,
        /// One bit per `Format` that arrived, in their order.
        formats: u32,
    },
    /// A breakdown of another system's daily figures: it brings no events and has no `Format`.
    Reported(DocumentRecord),
}

/// What one breakdown of another system says of a repo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ReportedRecord {
    /// All downloads, those of days that are not listed too.
    pub total: u64,
    /// Day and downloads, ascending.
    pub days: Vec<(u16, u64)>,
}

/// How a document is recognised, and how far it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct DocumentRecord {
    /// `Format` as its place in `Format::ALL`.
    pub format: u8,
    /// Decoded bytes and lines that are in.
    pub bytes: u64,
    pub lines: u64,
    /// Whether the last line that is in ended with a newline.
    pub terminated: bool,
    /// Hash of the decoded prefix at each of these lengths, ascending; the last one is `bytes`.
    pub checkpoints: Vec<CheckpointRecord>,
    /// A file that held just this, so that it need not be read again to know.
    pub file: Option<FileRecord>,
}

/// A file as the file system tells it apart from all others, and from what it was before it was last written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct FileRecord {
    pub device: u64,
    pub inode: u64,
    pub bytes: u64,
    /// Seconds since 1970 and nanoseconds.
    pub modified: (i64, i64),
}

/// The hash of a document's first `bytes` decoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CheckpointRecord {
    pub bytes: u64,
    pub hash: u128,
}

/// A pushed body that was sent with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BodyRecord {
    pub body_hash: u128,
    pub delivery: u32,
    pub lines: LinesRecord,
}

/// The segments of a day: all event blocks there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct DayManifest {
    pub segments: Vec<SegmentRecord>,
}

/// Sorted rows that were committed, or merged, together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SegmentRecord {
    pub id: u64,
    pub rows: u64,
    /// The document whose import is not published yet.
    pub unpublished: Option<u32>,
    /// Deliveries that have rows here, ascending.
    pub deliveries: Vec<u32>,
    pub blocks: Vec<BlockRecord>,
}

/// One block of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BlockRecord {
    pub rows: u32,
    pub first_repo: u32,
    pub last_repo: u32,
    pub bytes: u32,
    /// xxh3-64 of the whole block.
    pub checksum: u64,
}

/// A closed day whose numbers a delivery changed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RestatementRecord {
    pub at_ms: i64,
    /// Serial number of the document; `None` for pushes and retractions.
    pub document: Option<u32>,
    pub day: u16,
    /// Downloads of the hub on that day, before and after.
    pub before: u64,
    pub after: u64,
    /// Repos whose downloads fell, with both numbers.
    pub fallen: Vec<(u32, u64, u64)>,
}

/// A like or its withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LikeRecord {
    pub ts_ms: i64,
    pub liked: bool,
}

/// An identity whose events are dropped whenever they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ForgottenRecord {
    pub at_ms: i64,
}

/// A saved group of repos.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct GroupRecord {
    /// Type and name of each.
    pub repos: Vec<(u8, String)>,
}

/// A counter of another hub.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CounterRecord {
    pub title: String,
    pub source: String,
    pub metric: String,
    pub scope: String,
    pub caveats: Vec<String>,
    /// Day and total, ascending.
    pub totals: Vec<(u16, u64)>,
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CredentialKind {
    Token,
    /// A dashboard session.
    Session,
    /// The one-time link of the first start.
    AdminLink,
}

/// A credential, stored under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CredentialRecord {
    pub kind: CredentialKind,
    /// A role as `Role` prints it; empty for the session of a person, who has roles.
    pub scope: String,
    pub note: String,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    /// Whose session it is, or who made the token.
    pub person: Option<String>,
    /// When a session was last seen, to some minutes.
    pub used_ms: i64,
}

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PersonRecord {
    pub name: String,
    /// Roles as `Role` prints them.
    pub roles: Vec<String>,
    /// `None` for people whom a proxy signs in.
    pub password: Option<PasswordRecord>,
    pub created_ms: i64,
    /// When the password was last set.
    pub changed_ms: i64,
}

/// A password, hashed by argon2id at these costs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PasswordRecord {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    pub salt: [u8; 16],
    pub hash: [u8; 32],
}

/// `view_meta/state`: what the views were made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ViewStateRecord {
    pub version: u32,
    /// Of the settings of all sources.
    pub settings_checksum: u64,
    /// The next free downloader number.
    pub next_number: u32,
    pub next_run: u32,
    pub runs: Vec<RunRecord>,
    /// The chunks of numbers that are a person with a smaller number.
    pub kin: Vec<KinRecord>,
}

/// A chunk of numbers that are a person with a smaller number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KinRecord {
    pub pairs: u32,
    pub checksum: u64,
}

/// A sorted run of the dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunRecord {
    pub id: u32,
    pub entries: u64,
    /// The first and last who of each chunk, and its checksum.
    pub chunks: Vec<(u64, u64, u64)>,
}

/// What the view of a day consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct DayViewRecord {
    /// Of the ids of the segments that are counted in it.
    pub covers: u64,
    /// First repo and checksum of each chunk.
    pub chunks: Vec<(u32, u64)>,
    /// Repo and bytes of each set that lies apart, and the checksum of its bytes.
    pub sets: Vec<(u32, u32, u64)>,
    /// First repo and bytes of each facet chunk, and the checksum of its bytes.
    pub facets: Vec<(u32, u32, u64)>,
    pub tail_bytes: u32,
    /// Of the tail's bytes.
    pub tail_checksum: u64,
    pub authenticated: u64,
    pub anonymous: u64,
    pub files: u64,
    pub repos: u32,
    /// The same sums by type, in the order of `RepoKind::ALL`: authenticated, anonymous, files.
    pub kinds: [[u64; 3]; 3],
}
