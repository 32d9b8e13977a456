//! Where bytes stand in a text, 64 at a time. Written so that it becomes vector code: a call of a vector search per column
//! or quote costs more than what lies between them.

use wide::u8x16;

/// So many bytes are looked at together, one bit of a mask for each.
pub(super) const BLOCK_BYTES: usize = 64;

/// Where a byte stands in a block, as one bit per byte.
pub(super) fn places(block: &[u8; BLOCK_BYTES], needle: u8) -> u64 {
    let needles = u8x16::splat(needle);
    let bits = |part: &[u8; 16]| u64::from(u8x16::new(*part).simd_eq(needles).to_bitmask());
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().enumerate().fold(0, |mask, (number, part)| mask | bits(part) << (number * 16))
}

/// Whether a quote stands in a block.
pub(super) fn has_quote(block: &[u8; BLOCK_BYTES]) -> bool {
    let quotes = u8x16::splat(b'"');
    has(block, |bytes| bytes.simd_eq(quotes))
}

/// Whether a backslash or a control character stands in a block.
pub(super) fn has_escape_or_control(block: &[u8; BLOCK_BYTES]) -> bool {
    let (backslashes, last_controls) = (u8x16::splat(b'\\'), u8x16::splat(b' ' - 1));
    has(block, |bytes| bytes.simd_eq(backslashes) | bytes.min(last_controls).simd_eq(bytes))
}

fn has(block: &[u8; BLOCK_BYTES], is_one: impl Fn(u8x16) -> u8x16) -> bool {
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().fold(u8x16::splat(0), |found, part| found | is_one(u8x16::new(*part))).any()
}

/// The whole blocks of a text, and the rest of it filled up with blanks.
pub(super) fn blocks(text: &[u8]) -> (&[[u8; BLOCK_BYTES]], [u8; BLOCK_BYTES]) {
    let (blocks, tail) = text.as_chunks::<BLOCK_BYTES>();
    let mut last = [b' '; BLOCK_BYTES];
    last.iter_mut().zip(tail).for_each(|(to, &from)| *to = from);
    (blocks, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_set_for_every_place_and_no_other() {
        let mut random = crate::generate::numbers(17);
        for _ in 0..10_000 {
            let among = [3, 256][random(2)];
            let block: [u8; BLOCK_BYTES] = std::array::from_fn(|_| u8::try_from(random(among)).unwrap());
            let needle = block[random(BLOCK_BYTES)];
            let expected = (0..BLOCK_BYTES).filter(|at| block[*at] == needle).fold(0, |mask, at| mask | 1 << at);
            assert_eq!(places(&block, needle), expected, "{needle} in {block:?}");
            let mut block = [b'a'; BLOCK_BYTES];
            let byte = u8::try_from(random(256)).unwrap();
            block[random(BLOCK_BYTES)] = byte;
            assert_eq!(has_quote(&block), byte == b'"', "{byte}");
            assert_eq!(has_escape_or_control(&block), byte == b'\\' || byte < b' ', "{byte}");
        }
    }
}
