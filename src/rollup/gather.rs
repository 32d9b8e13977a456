//! Gathers downloaders in any order into a set: a bit for each number there is, many times faster than sorting.

use super::set::{DownloaderNumber, DownloaderSet};

/// A bit for each downloader's number.
#[derive(Default)]
pub struct Gather {
    /// Number 0 is the lowest bit of the first byte.
    bits: Vec<u8>,
}

impl Gather {
    /// Adds one downloader.
    pub fn add(&mut self, number: DownloaderNumber) {
        let at = (number.0 / u8::BITS) as usize;
        if at >= self.bits.len() {
            self.bits.resize(at + 1, 0);
        }
        if let Some(byte) = self.bits.get_mut(at) {
            *byte |= 1 << (number.0 % u8::BITS);
        }
    }

    /// The set of all that were added; then there is none.
    pub fn take(&mut self) -> DownloaderSet {
        DownloaderSet::of_bits(&std::mem::take(&mut self.bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_in_any_order_is_a_set_and_then_nothing() {
        // Alone, many in one part of all numbers, and all of another part.
        let thick = (0..60_000).map(|number| 70_000 + number * 7 % 65_536).chain(196_608..262_144);
        let numbers: Vec<_> = [9, 3, 63, 64, 3, 1 << 20, 0].into_iter().chain(thick).map(DownloaderNumber).collect();
        let mut gather = Gather::default();
        numbers.iter().for_each(|number| gather.add(*number));
        let mut set = DownloaderSet::default();
        set.add(numbers);
        assert_eq!(gather.take(), set);
        assert!(gather.take().is_empty());
    }
}
