//! Varints and bounds-checked reading, for every hand-written stored format.

use super::BlockError;

/// Appends a LEB128 varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads stored bytes from front to back; reading past the end is an error that names the part.
#[derive(Clone, Debug)]
pub struct ByteReader<'a> {
    rest: &'a [u8],
    part: &'static str,
}

impl<'a> ByteReader<'a> {
    /// A reader of `bytes`, whose errors name `part`.
    #[must_use]
    pub fn new(bytes: &'a [u8], part: &'static str) -> ByteReader<'a> {
        ByteReader { rest: bytes, part }
    }

    /// The error this reader gives for anything it cannot make sense of.
    #[must_use]
    pub fn malformed(&self) -> BlockError {
        BlockError::Malformed(self.part)
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, BlockError> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(first)
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], BlockError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BlockError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, BlockError> {
        // Most are short, and then a loop takes longer than they do.
        let bits = |byte: u8, place: u32| u64::from(byte & 0x7f) << (7 * place);
        let (value, rest) = match *self.rest {
            [a @ ..0x80, ref rest @ ..] => (u64::from(a), rest),
            [a, b @ ..0x80, ref rest @ ..] => (bits(a, 0) | bits(b, 1), rest),
            [a, b, c @ ..0x80, ref rest @ ..] => (bits(a, 0) | bits(b, 1) | bits(c, 2), rest),
            _ => return self.long_varint(),
        };
        self.rest = rest;
        Ok(value)
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, BlockError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.malformed())
    }

    /// The next varint as a narrower number.
    #[inline]
    pub fn number<T: TryFrom<u64>>(&mut self) -> Result<T, BlockError> {
        let value = self.varint()?;
        T::try_from(value).map_err(|_| self.malformed())
    }

    /// Passes over so many varints, eight bytes at a time while there are as many varints to go.
    pub fn pass_varints(&mut self, mut varints: usize) -> Result<(), BlockError> {
        const LAST_BYTES: u64 = 0x8080_8080_8080_8080;
        while varints >= 8 {
            let Some((word, rest)) = self.rest.split_first_chunk::<8>() else { break };
            // The last byte of a varint has no high bit.
            varints -= (!u64::from_le_bytes(*word) & LAST_BYTES).count_ones() as usize;
            self.rest = rest;
        }
        (0..varints).try_for_each(|_| self.varint().map(drop))
    }

    /// The next varint as a length that the remaining bytes can hold at `bytes_each` or more.
    pub fn length(&mut self, bytes_each: usize) -> Result<usize, BlockError> {
        let value: usize = self.number()?;
        if value.checked_mul(bytes_each).is_none_or(|bytes| bytes > self.rest.len()) {
            return Err(self.malformed());
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_overlong_ones_are_refused() {
        let mut out = Vec::new();
        let powers = (0..64).map(|bit| 1 << bit);
        let values: Vec<u64> = powers.flat_map(|power: u64| [power - 1, power, power + 1]).chain([300, u64::MAX]).collect();
        values.iter().for_each(|&value| put_varint(&mut out, value));
        let mut reader = ByteReader::new(&out, "test");
        for value in values {
            assert_eq!(reader.varint(), Ok(value));
        }
        assert!(reader.is_empty());
        assert!(reader.byte().is_err());
        assert!(ByteReader::new(&[0xff; 11], "test").varint().is_err());
        for cut in [&[0x80][..], &[0x80, 0x80], &[0xff, 0xff, 0xff], &[]] {
            assert!(ByteReader::new(cut, "test").varint().is_err());
        }
    }
}
