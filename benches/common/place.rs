//! Where benches that need a disk make their stores.

use std::path::PathBuf;

/// Where stores are made: `HUBTALLY_BENCH_DIR`, else the folder for temporary files.
pub fn base() -> PathBuf {
    std::env::var_os("HUBTALLY_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into)
}
