//! The embedded store: one redb file, one writer, every value sealed with a checksum.
//!
//! Truth (blocks, catalog, ledger, likes, credentials) migrates; views are rebuilt. See `table.rs` for the tables and
//! `records.rs` for the small records in them.

mod backup;
mod catalog;
mod codec;
mod compact;
mod copy;
mod counters;
mod credentials;
mod day_rows;
mod dictionary;
mod disk;
mod error;
mod forgotten;
mod groups;
mod heads;
mod key;
mod ledger;
mod likes;
mod open;
mod passwords;
mod people;
mod permission;
mod pieces;
mod records;
mod renames;
mod reported;
mod segments;
mod sums;
mod table;
mod views;

pub use backup::{BackupSummary, RestoreError, RestoreSecret, RestoreSummary, restore};
pub use catalog::{
    Listing, RepoEntry, RepoTables, all_repos, allocate_repo, find_repo, find_spellings, listing, org_repos, read_repo,
    write_listing,
};
pub use catalog::{SourceEntry, put_source, read_sources};
pub use compact::{CompactSummary, FileSize};
pub use counters::{find_counter, list_counters, put_counter, remove_counter};
pub use credentials::{Credential, TOKEN_PREFIX, any_admin, digest, list_credentials, new_secret, put_credential};
pub use credentials::{find_credential, remove_credential, remove_credential_of, remove_credentials_where};
pub use day_rows::{DayQuestion, DayRows, day_rows};
pub use dictionary::{add_kin, add_to_run, read_kin, read_run_chunk, remove_run};
pub use disk::{Disk, SharedDisk, StorageBackend};
pub use error::StoreError;
pub use forgotten::{list_forgotten, put_forgotten, remove_forgotten};
pub use groups::{get_group, list_groups, put_group};
pub use heads::for_heads;
pub use ledger::{add_restatement, get_body, get_delivery, list_deliveries, list_restatements, put_body, put_delivery};
pub use likes::{forget_likes, like_count, likes_as_read, put_like};
pub use open::{FORMAT_VERSION, Place, Store, counters, put_counters};
pub use passwords::{hash_password, is_outdated, verify_password};
pub use people::{find_person, list_people, put_person, remove_person};
pub use records::{
    BlockRecord, BodyRecord, CheckpointRecord, ContentRecord, CountersRecord, CredentialKind, CredentialRecord, DayManifest,
    DayViewRecord, DeliveryRecord, DeliveryState, DocumentRecord, FileRecord, GroupRecord, KinRecord, LinesRecord, ListingRecord,
    PasswordRecord, PersonRecord, RenameRecord, ReportedRecord, RestatementRecord, RunRecord, SegmentRecord, SourceRecord,
    ViewStateRecord,
};
pub use renames::{put_renames, renames};
pub use reported::{Reported, put_reported, read_reported, remove_reported, reported_as_read, reported_readings, reported_repos};
pub use segments::{
    BlockIter, EncodedSegment, RepoChoice, SegmentEncoder, add_segment, manifest, manifests, put_manifest, remove_segment,
};
pub use sums::{check_table, check_truth};
pub use table::{Read, ReadTxn, Snapshot, Table, WriteTxn};
pub use views::{
    DayViewParts, RepoSets, RepoYears, clear_views, day_view, day_views, days_with_view, first_day_view, for_all_entries,
    for_entries_of, get_head, get_year, last_day_view, put_covers, put_day_view, put_repo_sets, put_view_state, read_chunk,
    read_facets, read_set, read_tail, remove_day_view, repo_sets, view_state,
};
