//! Rows of a day -> counts and downloader sets, and the same for today while it happens.
//!
//! Everything here is a view of the events: it can be thrown away and built anew, so its formats carry a version
//! (`VIEW_VERSION`) instead of migrations.

mod chunk;
mod counting;
mod dictionary;
mod facet;
mod facet_chunk;
mod fold;
mod gather;
mod history;
mod kin;
mod live;
mod live_numbers;
mod live_repo;
mod numbering;
mod repo_day;
mod set;
mod tail;

pub use chunk::{ChunkEntry, ChunkWriter, DayChunk, FinishedChunk, SET_INLINE_MAX};
pub use counting::{Counting, DownloaderDay};
pub use dictionary::{DictionaryChunk, Entries, Entry, encode_chunk, encode_run};
pub use facet::{Client, Facet, FacetBook, Numbered, Place};
pub use facet_chunk::{FacetChunk, FacetChunkWriter, FacetCount, FacetEntry};
pub use fold::{DayFold, DayFolder, RepoFold};
pub use gather::Gather;
pub use history::{RepoHead, RepoYear, StoredYear, YEAR_DAY_BYTES, YEAR_INLINE_BYTES_MAX, YearDay, YearHead, YearPlace};
pub use kin::{KIN_CHUNK_PAIRS, Persons, decode_kin, encode_kin};
pub use live::Live;
pub use live_numbers::LiveNumbers;
pub use live_repo::{Applied, Change, Foreign, Held, LiveRepo};
pub use numbering::{Asked, Found, Kin, NewNumbers, Numbering, Share};
pub use repo_day::RepoDay;
pub use set::{DownloaderNumber, DownloaderSet, RepoSet};
pub use tail::{Edge, TAIL_MS, decode_edges, encode_edges, find_edges};

/// Version of all formats of this module; a store with another one rebuilds its views.
pub const VIEW_VERSION: u32 = 6;
