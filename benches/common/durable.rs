//! The latency of the disk, to hold durable figures against.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::latency::Latencies;

/// Appends 4 KiB to a file and makes it durable, 64 times: the least a durable acknowledgement can take.
pub fn durable_writes(folder: &Path) -> std::io::Result<Latencies> {
    let mut file = File::create(folder.join("durable"))?;
    let mut latencies = Latencies::default();
    for _ in 0..64 {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        latencies.add(start.elapsed());
    }
    Ok(latencies)
}
