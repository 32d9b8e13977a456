//! Long values in pieces: redb rounds a value up to a power of two with its header, so a value of 65,536 bytes costs
//! twice its size. Pieces are cut to just under the powers of two, the tail too.

use super::StoreError;
use super::table::{OpenTable, Read, Table};

/// Payload sizes that fill an allocation with redb's header and our checksum.
const PIECE_BYTES: [usize; 6] = [130_960, 65_420, 32_650, 16_270, 8_080, 3_990];

/// The lengths of the pieces of a value.
fn piece_lengths(mut rest: usize) -> Vec<usize> {
    let mut lengths = Vec::new();
    while rest > 0 {
        let length = PIECE_BYTES.into_iter().find(|&size| size <= rest).unwrap_or(rest);
        lengths.push(length);
        rest -= length;
    }
    lengths
}

fn piece_key(prefix: &[u8], piece: usize) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend(u16::try_from(piece).unwrap_or(u16::MAX).to_be_bytes());
    key
}

/// Writes a long value under `prefix` and the number of each piece.
pub fn put_pieces(table: &mut OpenTable<'_>, prefix: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
    let mut rest = bytes;
    for (piece, length) in piece_lengths(bytes.len()).into_iter().enumerate() {
        let (head, tail) = rest.split_at(length);
        table.put(&piece_key(prefix, piece), head)?;
        rest = tail;
    }
    Ok(())
}

/// Reads a long value of a known length.
pub fn get_pieces(txn: &(impl Read + ?Sized), table: Table, prefix: &[u8], bytes: usize) -> Result<Vec<u8>, StoreError> {
    let mut value = Vec::with_capacity(bytes);
    for (piece, length) in piece_lengths(bytes).into_iter().enumerate() {
        let key = piece_key(prefix, piece);
        match txn.get(table, &key)? {
            Some(part) if part.len() == length => value.extend(part),
            Some(_) => return Err(StoreError::damaged(table.name(), &key, "the piece has another length than recorded")),
            None => return Err(StoreError::damaged(table.name(), &key, "the value is missing")),
        }
    }
    Ok(value)
}

/// Removes a long value of a known length.
pub fn remove_pieces(table: &mut OpenTable<'_>, prefix: &[u8], bytes: usize) -> Result<(), StoreError> {
    (0..piece_lengths(bytes).len()).try_for_each(|piece| table.remove(&piece_key(prefix, piece)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_value_and_waste_little() {
        for bytes in [0, 1, 3_989, 3_990, 3_991, 65_420, 65_421, 131_000, 300_000, 1_000_003] {
            let lengths = piece_lengths(bytes);
            assert_eq!(lengths.iter().sum::<usize>(), bytes);
            let small = lengths.iter().filter(|length| !PIECE_BYTES.contains(length)).count();
            assert!(small <= 1, "{bytes}: {lengths:?}");
        }
    }
}
