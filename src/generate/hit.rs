//! One request of the invented traffic, small enough to wait for its turn in a buffer.

use super::random::{Random, scale};
use crate::model::{Method, Millis};

/// A request. Its line follows from these fields alone, so a repeated hit is a repeated line.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    pub(super) time: Millis,
    /// When the line reaches the log.
    pub(super) arrival: Millis,
    pub(super) repo: u32,
    pub(super) client: u32,
    /// Random bits shared by the requests of one visit.
    pub(super) visit: u64,
    /// Random bits of this request.
    pub(super) salt: u32,
    /// Which file of the visit it is.
    pub(super) turn: u16,
    pub(super) method: Method,
    pub(super) status: u16,
    /// Whether the line is to be damaged.
    pub(super) broken: bool,
}

impl Hit {
    /// A number below the bound that stays the same for this request; each purpose has its own salt.
    pub(super) fn lot(&self, purpose: u64, bound: u32) -> u32 {
        scale(super::random::mix(u64::from(self.salt) ^ purpose << 32), bound)
    }
}

/// Answers to GET, each with its share in a thousand.
const GET_STATUSES: [(u16, u32); 14] = [
    (200, 471),
    (302, 230),
    (307, 110),
    (206, 100),
    (404, 35),
    (304, 30),
    (401, 6),
    (403, 6),
    (429, 3),
    (303, 2),
    (416, 2),
    (500, 2),
    (301, 2),
    (308, 1),
];
/// Answers to HEAD, each with its share in a thousand.
const HEAD_STATUSES: [(u16, u32); 7] = [(302, 560), (200, 330), (304, 50), (404, 45), (401, 5), (403, 5), (307, 5)];

/// Draws the answer to a request.
pub(super) fn status(random: &mut Random, method: Method) -> u16 {
    let statuses: &[(u16, u32)] = if method == Method::Head { &HEAD_STATUSES } else { &GET_STATUSES };
    let mut share = random.below(1000);
    for &(status, weight) in statuses {
        if share < weight {
            return status;
        }
        share -= weight;
    }
    200
}
