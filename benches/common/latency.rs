//! Latencies of many calls.

use std::time::Duration;

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

    /// The latency that so many in a thousand calls stay within, in ms.
    pub fn ms(&mut self, per_mille: usize) -> f64 {
        self.times.sort_unstable();
        let last = self.times.len().saturating_sub(1);
        let at = (self.times.len() * per_mille / 1000).min(last);
        self.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// Those of several threads.
impl Extend<Latencies> for Latencies {
    fn extend<I: IntoIterator<Item = Latencies>>(&mut self, others: I) {
        self.times.extend(others.into_iter().flat_map(|other| other.times));
    }
}
