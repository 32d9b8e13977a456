//! The columns that blocks of version 1 stored otherwise: nothing writes them any more.

use super::BlockError;
use super::bytes::ByteReader;
use super::decode::{Columns, Decoded, Wanted};
use super::group::Group;
use super::layout::version_1::{AGENT, AGENT_NOTE, COUNT, COUNTRY, DELIVERY, REGION, SOURCE, TIME, WHO};
use super::pick::Pick;
use crate::model::{AgentHash, Country, Day, DeliveryId, Millis, Row, SourceId, Who, Word};

/// Decodes the rows of these columns, whose groups are known.
pub fn decode(columns: &Columns<'_>, day: Day, groups: &[Group], wanted: Wanted) -> Result<Decoded, BlockError> {
    let pick = Pick::all(groups);
    let mut decoded = Decoded { rows: vec![Row { count: 1, ..Row::default() }; pick.rows()], texts: Vec::new() };
    let rows = &mut decoded.rows;
    read_downloaders(columns, day, groups, rows)?;
    read_agents(columns, rows)?;
    changes(columns, SOURCE, "source column", rows, |row, value| row.source = SourceId(value))?;
    changes(columns, DELIVERY, "delivery column", rows, |row, value| row.delivery = DeliveryId(value))?;
    columns.each(COUNT, "count column", rows, &pick, |row, value: u32| row.count = value.saturating_add(1))?;
    changes(columns, COUNTRY, "country column", rows, |row, value| row.country = Country(value))?;
    changes(columns, REGION, "region column", rows, |row, value| row.region = Word(value))?;
    changes(columns, AGENT_NOTE, "agent column", rows, |row, value| row.agent_note = Word(value))?;
    columns.read_the_rest(&mut decoded, &pick, wanted)?;
    Ok(decoded)
}

fn read_downloaders(columns: &Columns<'_>, day: Day, groups: &[Group], rows: &mut [Row]) -> Result<(), BlockError> {
    if groups.is_empty() {
        return Ok(());
    }
    let mut whos = columns.required(WHO, "who column")?;
    let mut times = columns.required(TIME, "time column")?;
    let day_start = day.start().0;
    let mut rows = rows.iter_mut();
    for group in groups {
        let who = Who(u64::from_le_bytes(whos.array()?));
        let mut ms_of_day = 0_u32;
        for row in rows.by_ref().take(group.rows) {
            ms_of_day = ms_of_day.checked_add(times.number()?).ok_or_else(|| times.malformed())?;
            (row.repo, row.user, row.who) = (group.repo, group.user, who);
            row.time = Millis(day_start + i64::from(ms_of_day));
        }
    }
    Ok(())
}

fn read_agents(columns: &Columns<'_>, rows: &mut [Row]) -> Result<(), BlockError> {
    let Some(mut reader) = columns.get(AGENT, "identity agent column") else { return Ok(()) };
    let mut agents = Vec::new();
    for _ in 0..reader.length(4)? {
        agents.push(AgentHash(u32::from_le_bytes(reader.array()?)));
    }
    let mut previous = 0_usize;
    for row in rows {
        previous = reader.number::<usize>()?.checked_sub(1).unwrap_or(previous);
        if let Some(index) = previous.checked_sub(1) {
            row.agent = *agents.get(index).ok_or_else(|| reader.malformed())?;
        }
    }
    Ok(())
}

/// A column of *changes*.
fn changes<T: TryFrom<u64> + Copy + Default>(
    columns: &Columns<'_>,
    id: u8,
    part: &'static str,
    rows: &mut [Row],
    set: impl Fn(&mut Row, T),
) -> Result<(), BlockError> {
    let Some(mut reader) = columns.get(id, part) else { return Ok(()) };
    let mut previous = T::default();
    for row in rows {
        if let Some(value) = reader.varint()?.checked_sub(1) {
            previous = T::try_from(value).map_err(|_| reader.malformed())?;
        }
        set(row, previous);
    }
    Ok(())
}

/// The block's texts.
pub fn read_texts(mut reader: ByteReader<'_>) -> Result<Vec<Box<[u8]>>, BlockError> {
    let count = reader.length(1)?;
    (0..count)
        .map(|_| {
            let len: usize = reader.number()?;
            reader.take(len).map(Box::from)
        })
        .collect()
}
