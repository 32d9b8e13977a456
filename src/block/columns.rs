//! The columns of a block by id, unpacked as they are needed.

use std::borrow::Cow;

use super::BlockError;
use super::bytes::ByteReader;
use super::layout::version_1::WORDS;
use super::layout::{codec, column};

/// The columns of a block, of which some are unpacked.
pub struct Columns<'a> {
    packed: Vec<Option<Packed<'a>>>,
    plain: Vec<Option<Cow<'a, [u8]>>>,
    /// Made for the first column that needs it.
    unpacker: Option<zstd::bulk::Decompressor<'static>>,
}

/// A column as it is stored.
#[derive(Clone, Copy)]
struct Packed<'a> {
    codec_id: u8,
    plain_len: usize,
    stored: &'a [u8],
}

/// The longest a column of so many rows can be when unpacked; what claims more would only eat memory.
///
/// A row has at most two varints and a dictionary entry in a column; texts are cut long before 1 KiB, three to a row.
pub fn column_bytes_max(id: u8, rows: usize) -> usize {
    64 + rows * if matches!(id, WORDS | column::SORTED_WORDS) { 3 << 10 } else { 32 }
}

impl<'a> Columns<'a> {
    /// Finds the columns; none is unpacked yet.
    pub fn read(reader: &mut ByteReader<'a>) -> Result<Columns<'a>, BlockError> {
        let places = usize::from(column::LAST) + 1;
        let mut columns = Columns { packed: vec![None; places], plain: vec![None; places], unpacker: None };
        for _ in 0..reader.byte()? {
            let id = reader.byte()?;
            let codec_id = reader.byte()?;
            let plain_len: usize = reader.number()?;
            let stored_len: usize = reader.number()?;
            let stored = reader.take(stored_len)?;
            if let Some(place) = columns.packed.get_mut(usize::from(id)) {
                *place = Some(Packed { codec_id, plain_len, stored });
            }
        }
        if reader.is_empty() { Ok(columns) } else { Err(reader.malformed()) }
    }

    /// Unpacks the columns of so many rows that are wanted and still packed.
    pub fn unpack(&mut self, rows: usize, includes: impl Fn(u8) -> bool) -> Result<(), BlockError> {
        for ((id, packed), plain) in (0_u8..=u8::MAX).zip(&mut self.packed).zip(&mut self.plain) {
            let Some(packed) = packed.take_if(|_| includes(id)) else { continue };
            if packed.plain_len > column_bytes_max(id, rows) {
                return Err(BlockError::Malformed("compression"));
            }
            *plain = Some(unpack(&mut self.unpacker, packed)?);
        }
        Ok(())
    }

    /// The bytes of a column, if it is there and unpacked.
    pub fn get(&self, id: u8, part: &'static str) -> Option<ByteReader<'_>> {
        self.plain.get(usize::from(id))?.as_deref().map(|bytes| ByteReader::new(bytes, part))
    }

    /// The bytes of a column without which there are no rows.
    pub fn required(&self, id: u8, part: &'static str) -> Result<ByteReader<'_>, BlockError> {
        self.get(id, part).ok_or(BlockError::Malformed(part))
    }
}

/// Unpacks a column.
fn unpack<'a>(
    unpacker: &mut Option<zstd::bulk::Decompressor<'static>>,
    Packed { codec_id, plain_len, stored }: Packed<'a>,
) -> Result<Cow<'a, [u8]>, BlockError> {
    let malformed = BlockError::Malformed("compression");
    let plain = match codec_id {
        codec::PLAIN => Cow::Borrowed(stored),
        codec::ZSTD => {
            let fresh = || zstd::bulk::Decompressor::new().map_err(|_| malformed);
            let unpacker = match unpacker {
                Some(unpacker) => unpacker,
                None => unpacker.insert(fresh()?),
            };
            Cow::Owned(unpacker.decompress(stored, plain_len).map_err(|_| malformed)?)
        }
        _ => return Err(BlockError::Malformed("codec")),
    };
    if plain.len() == plain_len { Ok(plain) } else { Err(malformed) }
}
