//! The limits that keep a hostile or slow client from costing others anything, in one place.

use std::time::Duration;

/// Time to send the head of a request; also how long a kept-alive connection may idle.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Header lines of a request.
pub const HEADERS_MAX: usize = 64;
/// Bytes of a request's head, and of hyper's buffer.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Connections at once, unless configured: a crowd of ten thousand that says nothing keeps nobody out.
pub const CONNECTIONS_MAX: usize = 16_384;
/// File handles that are kept for everything but connections of the network.
pub const SPARE_HANDLES: usize = 128;
/// Refusals being written at once; beyond them a connection is closed without a word.
pub const REFUSALS_MAX: usize = 64;

/// A body may take this long before its speed counts.
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// The slowest a body may come in after that.
pub const BODY_BYTES_PER_S_MIN: u64 = 1024;
/// Waiting time for a whole body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Waiting time for the body of an import.
pub const IMPORT_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// A write that makes no progress for this long ends the connection.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time to read what a refused client still sends, so that it sees the answer rather than a reset.
pub const LINGER: Duration = Duration::from_secs(1);

/// Decoded bytes of a pushed body.
pub const PUSH_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Decoded bytes of the other JSON bodies.
pub const JSON_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a form.
pub const FORM_BYTES_MAX: usize = 4 * 1024;
/// Bytes of the form of a group, which has a line for each of its repos.
pub const GROUP_FORM_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Tries to sign in within a minute, for an account and from an address.
pub const SIGN_IN_TRIES: usize = 5;
pub const SIGN_IN_WINDOW: Duration = Duration::from_secs(60);
/// Sign-ins that wait while one password is being hashed.
pub const SIGN_INS_WAITING_MAX: usize = 8;
/// Commands of the owner at once.
pub const OWNER_CONNECTIONS_MAX: usize = 64;
/// Bodies held in memory by all requests together. Beside them 32 MiB at most are kept of bodies that were read.
pub const BODIES_BYTES_MAX: usize = 96 * 1024 * 1024;
/// A compressed body may grow to this size whatever its ratio.
pub const RATIO_FREE_BYTES: usize = 16 * 1024 * 1024;
/// Beyond that it may be at most this many times its compressed size.
pub const RATIO_MAX: usize = 100;
/// zstd's window, as a power of two: 8 MiB of memory per body.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Answers smaller than this are sent as they are.
pub const COMPRESS_BYTES_MIN: usize = 1024;
/// Bytes of a streamed answer that are made at once.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of a streamed body that may wait for their reader.
pub const CHUNKS_WAITING_MAX: usize = 4;

/// Pushes that wait for the disk at once; many, because one commit acknowledges all that wait.
pub const PUSHES_MAX: u32 = 256;
/// Imports, verifications and rebuilds at once.
pub const UPKEEP_MAX: u32 = 8;
/// How long a costly question waits for its turn before the client is asked to come back.
pub const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for what is in flight to finish after a signal; the rest of the 5 s is for the last commit.
pub const DRAIN_TIMEOUT: Duration = Duration::from_millis(3000);
/// Time for blocking work that does not end by itself, such as a rebuild, before the process leaves it.
pub const LEAVE_TIMEOUT: Duration = Duration::from_millis(500);
