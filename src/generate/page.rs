//! The page that lines of a synthetic log are written on: bytes with fast numbers, hashes and times.

use crate::model::{Day, Millis};

/// A growing buffer. Formatting through `fmt` would cost more than all the rest of the generator.
#[derive(Default)]
pub(super) struct Page {
    pub(super) bytes: Vec<u8>,
    dates: Dates,
}

/// The day last written, as text: neighbouring lines lie on the same day nearly always.
#[derive(Default)]
struct Dates {
    day: Option<Day>,
    iso: String,
    clf: String,
}

impl Dates {
    fn turn_to(&mut self, day: Day) {
        if self.day != Some(day) {
            self.day = Some(day);
            self.iso = day.to_string();
            self.clf = day.date().format("%d/%b/%Y").to_string();
        }
    }
}

/// All bytes in hexadecimal, so that a hash is eight copies of two letters.
const HEX: [[u8; 2]; 256] = {
    let letters = *b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [letters[byte >> 4], letters[byte & 15]];
        byte += 1;
    }
    table
};

impl Page {
    pub(super) fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[start..]);
    }

    /// 16 lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, number: u64) {
        let mut digits = [0; 16];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
            pair.copy_from_slice(&HEX[usize::from(byte)]);
        }
        self.bytes.extend_from_slice(&digits);
    }

    /// Hexadecimal digits without leading zeros.
    pub(super) fn hex_short(&mut self, number: u32) {
        let digits = number.to_be_bytes().map(|byte| HEX[usize::from(byte)]);
        let digits = digits.as_flattened();
        let zeros = (number.leading_zeros() as usize / 4).min(7);
        self.bytes.extend_from_slice(&digits[zeros..]);
    }

    /// `2026-05-01T12:34:56.789Z`.
    pub(super) fn rfc3339(&mut self, time: Millis) {
        self.dates.turn_to(time.day());
        self.bytes.extend_from_slice(self.dates.iso.as_bytes());
        let ms = time.ms_of_day();
        self.bytes.push(b'T');
        self.clock(ms / 1000);
        self.bytes.extend_from_slice(&[b'.', digit(ms / 100), digit(ms / 10), digit(ms), b'Z']);
    }

    /// Seconds since 1970 with three digits behind the point.
    pub(super) fn seconds(&mut self, time: Millis) {
        let ms = u64::try_from(time.0).unwrap_or_default();
        self.number(ms / 1000);
        let ms = (ms % 1000) as u32;
        self.bytes.extend_from_slice(&[b'.', digit(ms / 100), digit(ms / 10), digit(ms)]);
    }

    /// `01/May/2026:12:34:56 +0000`.
    pub(super) fn clf(&mut self, time: Millis) {
        self.dates.turn_to(time.day());
        self.bytes.extend_from_slice(self.dates.clf.as_bytes());
        self.bytes.push(b':');
        self.clock(time.ms_of_day() / 1000);
        self.text(" +0000");
    }

    fn clock(&mut self, second: u32) {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        self.bytes.extend_from_slice(&[
            digit(hour / 10),
            digit(hour),
            b':',
            digit(minute / 10),
            digit(minute),
            b':',
            digit(second / 10),
            digit(second),
        ]);
    }
}

/// The last decimal digit of a number, as a letter.
fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}
