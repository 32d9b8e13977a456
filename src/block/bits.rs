//! Numbers of any width side by side, and Rice codes for gaps between sorted hashes: what varints would waste.

use super::BlockError;

/// Appends bits, the lowest first.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet, and how many.
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// Bits written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() * 8 + self.pending_bits as usize
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the lowest `width` bits of a value, at most 64.
    pub fn put(&mut self, value: u64, width: u32) {
        if width > 32 {
            self.put(value, 32);
            return self.put(value >> 32, width.min(64) - 32);
        }
        self.pending |= (value & ((1 << width) - 1)) << self.pending_bits;
        self.pending_bits += width;
        while self.pending_bits >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.pending_bits -= 8;
        }
    }

    /// Appends a Rice code: the value without its lowest `width` bits as so many ones and a zero, then those bits.
    pub fn put_rice(&mut self, value: u64, width: u32) {
        let mut ones = value.checked_shr(width).unwrap_or(0);
        while ones >= 32 {
            self.put(u64::from(u32::MAX), 32);
            ones -= 32;
        }
        self.put((1 << ones) - 1, ones as u32 + 1);
        self.put(value, width);
    }

    /// All bits, filled up to whole bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.pending_bits > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

/// So many bits of a window are there wherever it begins.
const WINDOW_BITS: u32 = 57;

/// Reads bits from any place on; reading past the end is an error that names the part.
#[derive(Clone, Copy, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    part: &'static str,
}

impl<'a> BitReader<'a> {
    /// A reader of `bytes` from bit `at` on, whose errors name `part`.
    #[must_use]
    pub fn new(bytes: &'a [u8], at: usize, part: &'static str) -> BitReader<'a> {
        BitReader { bytes, at, part }
    }

    /// The next bits, at least [`WINDOW_BITS`] of them, zeros after the end.
    fn window(&self) -> u64 {
        let from = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match from.first_chunk::<8>() {
            Some(whole) => u64::from_le_bytes(*whole),
            None => from.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        word >> (self.at % 8)
    }

    /// Passes over so many bits.
    pub fn pass(&mut self, bits: usize) -> Result<(), BlockError> {
        self.at += bits;
        if self.at > self.bytes.len() * 8 { Err(BlockError::Malformed(self.part)) } else { Ok(()) }
    }

    /// The next `width` bits, at most 64.
    #[inline]
    pub fn get(&mut self, width: u32) -> Result<u64, BlockError> {
        if width >= WINDOW_BITS {
            let low = self.get(32)?;
            return Ok(self.get(width.min(64) - 32)? << 32 | low);
        }
        let value = self.window() & ((1 << width) - 1);
        self.pass(width as usize)?;
        Ok(value)
    }

    /// The next Rice code of this width.
    #[inline]
    pub fn rice(&mut self, width: u32) -> Result<u64, BlockError> {
        let window = self.window();
        let ones = window.trailing_ones();
        if ones + 1 + width <= WINDOW_BITS {
            self.pass((ones + 1 + width) as usize)?;
            return Ok(u64::from(ones) << width | window >> (ones + 1) & ((1 << width) - 1));
        }
        self.long_rice(width)
    }

    #[inline(never)]
    fn long_rice(&mut self, width: u32) -> Result<u64, BlockError> {
        let mut high = 0_u64;
        loop {
            let ones = self.window().trailing_ones().min(WINDOW_BITS - 1);
            self.pass(ones as usize)?;
            high += u64::from(ones);
            if ones < WINDOW_BITS - 1 {
                break;
            }
        }
        self.pass(1)?;
        let low = self.get(width)?;
        let high = high.checked_shl(width).filter(|shifted| shifted >> width == high);
        high.map(|high| high | low).ok_or(BlockError::Malformed(self.part))
    }
}

/// How many bits the values from 0 up to this one take.
#[must_use]
pub fn width_of(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rice_codes_of_any_length_come_back_at_any_place_and_a_cut_one_is_an_error() {
        for lead in 0..8 {
            for width in 0..=63 {
                // Codes as long as a window, longer and shorter ones.
                let longest = 1 << (u64::BITS - width).min(7);
                for ones in [0, 1, 3, 55, 56, 57, 58, 127].into_iter().chain(50_u64.saturating_sub(width.into())..60) {
                    let ones = ones.min(longest - 1);
                    let value = ones << width | 0x5a5a_5a5a_5a5a_5a5a & ((1 << width) - 1);
                    let mut writer = BitWriter::default();
                    writer.put(0, lead);
                    writer.put_rice(value, width);
                    let bits = writer.len();
                    assert_eq!(bits as u64, u64::from(lead) + ones + 1 + u64::from(width));
                    let bytes = writer.finish();
                    assert_eq!(BitReader::new(&bytes, lead as usize, "test").rice(width), Ok(value), "{ones} ones, {width} bits");
                    let cut = &bytes[..(bits - 1) / 8];
                    assert!(BitReader::new(cut, lead as usize, "test").rice(width).is_err(), "{ones} ones, {width} bits");
                }
            }
        }
    }

    #[test]
    fn bits_come_back_and_an_end_is_noticed() {
        let values = [0, 1, 5, 127, 300, u64::from(u32::MAX), 1 << 40, u64::MAX >> 1, u64::MAX];
        for lead in 0..8 {
            let mut writer = BitWriter::default();
            writer.put(0, lead);
            for value in values {
                writer.put(value, width_of(value));
                writer.put(value, 64);
                writer.put_rice(value, width_of(value).saturating_sub(7).min(63));
            }
            writer.put_rice(200, 0);
            let bits = writer.len();
            let bytes = writer.finish();
            assert_eq!(bytes.len(), bits.div_ceil(8));
            let mut reader = BitReader::new(&bytes, lead as usize, "test");
            for value in values {
                assert_eq!(reader.get(width_of(value)), Ok(value));
                assert_eq!(reader.get(64), Ok(value));
                assert_eq!(reader.rice(width_of(value).saturating_sub(7).min(63)), Ok(value));
            }
            assert_eq!(reader.rice(0), Ok(200));
            assert!(reader.get(9).is_err());
        }
        assert!(BitReader::new(&[0xff; 9], 0, "test").rice(3).is_err(), "ones without an end");
    }
}
