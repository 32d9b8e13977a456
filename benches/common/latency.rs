//! Latencies of many calls, and the latency of the disk to hold them against.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The latencies of one kind of call.
#[derive(Default)]
pub struct Latencies {
    times: Vec<Duration>,
}

impl Latencies {
    /// Adds one call.
    pub fn add(&mut self, time: Duration) {
        self.times.push(time);
    }

    /// Adds those of another thread.
    #[allow(dead_code, reason = "queries have one thread")]
    pub fn append(&mut self, mut other: Latencies) {
        self.times.append(&mut other.times);
    }

    /// The latency that so many in a thousand calls stay within, in ms.
    pub fn ms(&mut self, per_mille: usize) -> f64 {
        self.times.sort_unstable();
        let last = self.times.len().saturating_sub(1);
        let at = (self.times.len() * per_mille / 1000).min(last);
        self.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// Appends 4 KiB to a file and makes it durable, 64 times: the least a durable acknowledgement can take.
#[allow(dead_code, reason = "queries write nothing")]
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
