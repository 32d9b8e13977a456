//! Gathers downloaders in any order into a set: a bit for each number there is, many times faster than sorting.

use super::set::{DownloaderNumber, DownloaderSet};

const WORD_BITS: u32 = u64::BITS;

/// A bit for each downloader's number.
#[derive(Default)]
pub struct Gather {
    words: Vec<u64>,
}

impl Gather {
    /// Adds one downloader.
    pub fn add(&mut self, number: DownloaderNumber) {
        let at = (number.0 / WORD_BITS) as usize;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        if let Some(word) = self.words.get_mut(at) {
            *word |= 1 << (number.0 % WORD_BITS);
        }
    }

    /// The set of all that were added; then there is none.
    pub fn take(&mut self) -> DownloaderSet {
        let numbers = self.words.iter_mut().zip(0_u32..).flat_map(|(word, at)| {
            let mut bits = std::mem::take(word);
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(DownloaderNumber(at * WORD_BITS + bit))
            })
        });
        DownloaderSet::of_ascending(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_in_any_order_is_a_set_and_then_nothing() {
        let numbers = [9, 70_000, 3, 63, 64, 3, 1 << 20, 0].map(DownloaderNumber);
        let mut gather = Gather::default();
        numbers.iter().for_each(|number| gather.add(*number));
        let mut set = DownloaderSet::default();
        set.add(numbers);
        assert_eq!(gather.take(), set);
        assert!(gather.take().is_empty());
    }
}
