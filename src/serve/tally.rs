//! How many answers of each class of status were given, for monitors.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;

/// Answers by the hundreds of their status, 1 to 5.
#[derive(Default)]
pub struct Tally([AtomicU64; 5]);

impl Tally {
    /// Counts one answer.
    pub fn add(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(count) = class.checked_sub(1).and_then(|at| self.0.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each class, such as `2xx`, with its count.
    pub fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&self.0).map(|(class, count)| (class, count.load(Ordering::Relaxed)))
    }
}
