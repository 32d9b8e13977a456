//! The times of a block's rows: when each group begins, and the gaps between the rows of a group by their widths and bits.
//!
//! Widths are few and compress well; the bits below the highest of a gap are noise, and lie side by side as they are.

use super::BlockError;
use super::bits::{BitReader, BitWriter, width_of};
use super::bytes::{ByteReader, put_varint};
use super::group::Group;

/// The three columns.
pub struct TimeColumns {
    pub begins: Vec<u8>,
    pub gap_widths: Vec<u8>,
    pub gap_bits: Vec<u8>,
}

/// Takes the times of sorted rows apart, which are given in ms of the day.
pub fn split_times(times_ms: &[u32], groups: &[Group]) -> TimeColumns {
    let earliest = times_ms.iter().copied().min().unwrap_or(0);
    let unit = common_unit(times_ms.iter().map(|ms| u64::from(ms - earliest)));
    let units = |ms: &u32| u64::from(ms - earliest) / unit;

    let (mut begins, mut gap_widths, mut gaps) = (Vec::new(), Vec::with_capacity(times_ms.len()), BitWriter::default());
    let (mut group_begins, mut latest, mut rest) = (Vec::with_capacity(groups.len()), 0, times_ms);
    for group in groups {
        let (times_ms, after) = rest.split_at(group.rows.min(rest.len()));
        rest = after;
        let begin = times_ms.first().map_or(0, units);
        group_begins.push(begin);
        latest = latest.max(begin);
        let mut previous = begin;
        for ms in times_ms.iter().skip(1) {
            let time = units(ms);
            let gap = time - previous;
            let width = width_of(gap);
            gap_widths.push(width as u8);
            gaps.put(gap, width.saturating_sub(1));
            previous = time;
        }
    }
    put_varint(&mut begins, earliest.into());
    put_varint(&mut begins, unit);
    put_varint(&mut begins, latest);
    let code = Uniform::up_to(latest);
    let mut bits = BitWriter::default();
    group_begins.into_iter().for_each(|begin| code.put(&mut bits, begin));
    begins.extend(bits.finish());
    TimeColumns { begins, gap_widths, gap_bits: gaps.finish() }
}

/// The largest unit that all times are multiples of: many logs know seconds only.
fn common_unit(times: impl Iterator<Item = u64>) -> u64 {
    let mut unit = 0;
    for time in times {
        let (mut a, mut b) = (time, unit);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        unit = a;
        if unit == 1 {
            break;
        }
    }
    unit.max(1)
}

/// A code for numbers that are all as likely: the first ones take a bit less than the others.
struct Uniform {
    width: u32,
    short: u64,
}

impl Uniform {
    fn up_to(largest: u64) -> Uniform {
        let count = largest.saturating_add(1);
        let width = count.ilog2();
        Uniform { width, short: (1_u64 << width).wrapping_mul(2).wrapping_sub(count) }
    }

    fn put(&self, out: &mut BitWriter, value: u64) {
        if value < self.short {
            return out.put(value, self.width);
        }
        let long = value + self.short;
        out.put(long >> 1, self.width);
        out.put(long & 1, 1);
    }

    fn get(&self, reader: &mut BitReader<'_>) -> Result<u64, BlockError> {
        let head = reader.get(self.width)?;
        if head < self.short { Ok(head) } else { Ok((head << 1 | reader.get(1)?) - self.short) }
    }
}

/// Puts the times together again.
pub struct TimeReader<'a> {
    earliest: u64,
    unit: u64,
    code: Uniform,
    begins: BitReader<'a>,
    gap_widths: ByteReader<'a>,
    gap_bits: BitReader<'a>,
}

impl<'a> TimeReader<'a> {
    /// Reads the three columns.
    pub fn new(mut begins: ByteReader<'a>, gap_widths: ByteReader<'a>, gap_bits: &'a [u8]) -> Result<TimeReader<'a>, BlockError> {
        let (earliest, unit, latest): (u32, u32, u32) = (begins.number()?, begins.number()?, begins.number()?);
        Ok(TimeReader {
            earliest: earliest.into(),
            unit: unit.into(),
            code: Uniform::up_to(latest.into()),
            begins: BitReader::new(begins.rest(), 0, "time column"),
            gap_widths,
            gap_bits: BitReader::new(gap_bits, 0, "time gap column"),
        })
    }

    /// The ms of the day at which the next group begins.
    pub fn begin(&mut self) -> Result<u32, BlockError> {
        let units = self.code.get(&mut self.begins)?;
        u32::try_from(self.earliest + units * self.unit).map_err(|_| BlockError::Malformed("time column"))
    }

    /// The ms of the day of the row that follows one at `previous` in its group.
    pub fn after(&mut self, previous: u32) -> Result<u32, BlockError> {
        let gap = match u32::from(self.gap_widths.byte()?) {
            0 => 0,
            width @ 1..=32 => 1 << (width - 1) | self.gap_bits.get(width - 1)?,
            _ => return Err(self.gap_widths.malformed()),
        };
        u32::try_from(u64::from(previous) + gap * self.unit).map_err(|_| self.gap_widths.malformed())
    }

    /// Passes over a group of so many rows.
    pub fn pass(&mut self, rows: usize) -> Result<(), BlockError> {
        self.code.get(&mut self.begins)?;
        let widths = self.gap_widths.take(rows.saturating_sub(1))?;
        let bits = widths.iter().map(|width| usize::from(width.saturating_sub(1))).sum();
        self.gap_bits.pass(bits)
    }
}
