//! Who made the groups of a block: those of one repo are sorted, so the gaps between them take fewer bits than they do.

use super::BlockError;
use super::bits::{BitReader, BitWriter};
use super::group::Group;
use crate::model::Who;

/// Whether neighbours may be the same: people at one address, told apart by their agents.
const WITH_TWINS: u8 = 1;

/// Appends the who of each group, ascending within those of one repo and audience; nothing if there are no groups.
pub fn put_whos(out: &mut Vec<u8>, groups: &[Group]) {
    if groups.is_empty() {
        return;
    }
    let twins = groups.windows(2).any(|pair| matches!(pair, [a, b] if a.same_list(b) && a.who == b.who));
    let mut bits = BitWriter::default();
    for list in groups.chunk_by(Group::same_list) {
        let width = gap_width(list.len());
        let mut previous = 0;
        for (at, group) in list.iter().enumerate() {
            let gap = group.who.0.wrapping_sub(previous);
            previous = group.who.0;
            if twins && at > 0 {
                bits.put(u64::from(gap == 0), 1);
                if gap == 0 {
                    continue;
                }
            }
            match width {
                Some(width) => bits.put_rice(gap, width),
                None => bits.put(gap, 64),
            }
        }
    }
    out.push(if twins { WITH_TWINS } else { 0 });
    out.extend(bits.finish());
}

/// Enters the who of each group.
pub fn read_whos(column: &[u8], groups: &mut [Group]) -> Result<(), BlockError> {
    let malformed = BlockError::Malformed("who column");
    let (&flags, column) = column.split_first().ok_or(malformed)?;
    let mut bits = BitReader::new(column, 0, "who column");
    for list in groups.chunk_by_mut(Group::same_list) {
        let width = gap_width(list.len());
        let mut previous = 0_u64;
        for (at, group) in list.iter_mut().enumerate() {
            let twin = flags & WITH_TWINS != 0 && at > 0 && bits.get(1)? == 1;
            let gap = match width {
                _ if twin => 0,
                Some(width) => bits.rice(width)?,
                None => bits.get(64)?,
            };
            previous = previous.checked_add(gap).ok_or(malformed)?;
            group.who = Who(previous);
        }
    }
    Ok(())
}

/// The Rice parameter for so many hashes spread over 64 bits; a single one is stored as it is.
fn gap_width(hashes: usize) -> Option<u32> {
    (hashes > 1).then(|| 63_u32.saturating_sub(hashes.ilog2()))
}
