//! Numbers of downloaders in the live overlay, as far as questions asked for them: in the dictionary they are entered with the
//! next fold.

use super::live_repo::FastMap;
use super::numbering::{Found, Kin};
use super::set::DownloaderNumber;
use crate::model::DownloaderKey;

/// The numbers that are known. Downloaders of whom the dictionary knows nothing have provisional ones, which it has not given.
#[derive(Debug, Default)]
pub struct LiveNumbers {
    numbers: FastMap<DownloaderKey, DownloaderNumber>,
    next_provisional: u32,
    /// The first provisional numbers of persons whom the dictionary does not know.
    persons: FastMap<DownloaderKey, DownloaderNumber>,
    kin: Vec<Kin>,
}

impl LiveNumbers {
    /// None yet, over a dictionary whose next free number is `next`.
    #[must_use]
    pub fn over(next: DownloaderNumber) -> LiveNumbers {
        LiveNumbers { next_provisional: next.0, ..LiveNumbers::default() }
    }

    /// The number of a downloader, if it is known.
    #[must_use]
    pub fn number(&self, downloader: DownloaderKey) -> Option<DownloaderNumber> {
        self.numbers.get(&downloader).copied()
    }

    /// Remembers what the dictionary knows of a downloader, and gives a provisional number if that is nothing.
    pub fn learn(&mut self, Found { key, number, kin }: Found) {
        if self.numbers.contains_key(&key) {
            return;
        }
        if let Some(number) = number {
            self.numbers.insert(key, number);
            return;
        }
        let number = DownloaderNumber(self.next_provisional);
        self.next_provisional = self.next_provisional.saturating_add(1);
        self.numbers.insert(key, number);
        let first = kin.unwrap_or_else(|| *self.persons.entry(key.person()).or_insert(number));
        if first != number {
            self.kin.push((number, first));
        }
    }

    /// Which of the provisional numbers are a person with a smaller number, ascending.
    #[must_use]
    pub fn kin(&self) -> &[Kin] {
        &self.kin
    }
}
