//! Where bytes stand in a text, 64 at a time. Written so that it becomes vector code: a call of a vector search per column
//! or quote costs more than what lies between them.

/// So many bytes are looked at together, one bit of a mask for each.
pub(super) const BLOCK_BYTES: usize = 64;

/// Where a byte stands in a block, as one bit per byte.
pub(super) fn places(block: &[u8; BLOCK_BYTES], needle: u8) -> u64 {
    // Brings the lowest bits of eight bytes together in the top byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut equal = [0; BLOCK_BYTES];
    equal.iter_mut().zip(block).for_each(|(equal, byte)| *equal = u8::from(*byte == needle));
    let (words, _) = equal.as_chunks::<8>();
    let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56;
    words.iter().enumerate().fold(0, |mask, (number, word)| mask | bits(word) << (number * 8))
}

/// Whether a byte of some kind stands in a block.
pub(super) fn has(block: &[u8; BLOCK_BYTES], is_one: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |found, byte| found | is_one(*byte))
}

/// The whole blocks of a text, and the rest of it filled up with blanks.
pub(super) fn blocks(text: &[u8]) -> (&[[u8; BLOCK_BYTES]], [u8; BLOCK_BYTES]) {
    let (blocks, tail) = text.as_chunks::<BLOCK_BYTES>();
    let mut last = [b' '; BLOCK_BYTES];
    last.iter_mut().zip(tail).for_each(|(to, &from)| *to = from);
    (blocks, last)
}
