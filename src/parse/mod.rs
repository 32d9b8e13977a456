//! Bytes to requests: decompression, cutting into lines, and one dialect of log per file, recognised from its first line.
//!
//! ```text
//! file or body ──Decoded──> bytes ──ChunkReader──> whole lines ──LineReader──> Request, or a RejectReason
//!          pushed JSON body ──JsonItems──> one item each ──ItemReader──^
//!  a publisher's daily figures ──BreakdownParser, or BreakdownEntries──> a day of a repo
//! ```
//!
//! A line never affects another one: every newline is a fresh start, and what is wrong with a line costs that line.

mod breakdown;
mod breakdown_json;
mod caddy;
mod chunks;
mod combined;
mod decode;
mod envelope;
mod fields;
mod flat;
mod json;
mod json_body;
mod line;
mod nginx;
mod places;
mod request;
mod s3;
mod table;
mod timestamp;
mod traefik;

pub use breakdown::{BreakdownLine, BreakdownParser, BreakdownTable};
pub use breakdown_json::{BreakdownEntries, BreakdownEntry, BreakdownListError, ENTRY_BYTES_MAX, for_entry_lines};
pub use chunks::{CHUNK_BYTES, CheckedLines, Chunk, ChunkLines, ChunkReader, Observed};
pub use decode::{Compression, DecodeError, DecodeLimits, Decoded};
pub use envelope::ItemReader;
pub use json_body::{JsonBodyError, JsonItems};
pub use line::{LINE_BYTES_MAX, Line, LineParser, LineReader, is_blank};
pub use request::{Request, RequestMethod, Target};
pub use table::is_formula;
pub use timestamp::{parse_instant, parse_log_time};
