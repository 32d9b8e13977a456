//! The columns that blocks of version 1 stored otherwise: nothing writes them any more.

use super::BlockError;
use super::bytes::ByteReader;
use super::columns::Columns;
use super::decode::{CommonReaders, Decoded, Wanted, read_texts};
use super::group::Group;
use super::layout::version_1::{AGENT, AGENT_NOTE, COUNT, COUNTRY, DELIVERY, REGION, SOURCE, TIME, WHO};
use super::pick::{Pick, Stripe};
use crate::model::{AgentHash, Country, Day, DeliveryId, Millis, Row, SourceId, Who, Word};

/// Decodes the rows of these columns, whose groups are known but for who made them.
pub fn decode(columns: &Columns<'_>, day: Day, mut groups: Vec<Group>, wanted: Wanted) -> Result<Decoded, BlockError> {
    if !groups.is_empty() {
        let mut whos = columns.required(WHO, "who column")?;
        groups.iter_mut().try_for_each(|group| whos.array().map(|who| group.who = Who(u64::from_le_bytes(who))))?;
    }
    let pick = Pick::of(&groups, |_| true);
    let mut texts = read_texts(columns, pick.rows())?;
    let mut common = CommonReaders::new(columns, pick.rows(), &mut texts, wanted)?;
    let mut times = columns.get(TIME, "time column").unwrap_or(ByteReader::new(&[], "time column"));
    let mut rows = pick.read(|mut stripe| {
        read_groups(&mut times, day, &mut stripe)?;
        common.read(&mut stripe)
    })?;
    read_agents(columns, &mut rows)?;
    changes(columns, SOURCE, "source column", &mut rows, |row, value| row.source = SourceId(value))?;
    changes(columns, DELIVERY, "delivery column", &mut rows, |row, value| row.delivery = DeliveryId(value))?;
    changes(columns, COUNTRY, "country column", &mut rows, |row, value| row.country = Country(value))?;
    changes(columns, REGION, "region column", &mut rows, |row, value| row.region = Word(value))?;
    changes(columns, AGENT_NOTE, "agent column", &mut rows, |row, value| row.agent_note = Word(value))?;
    if let Some(mut counts) = columns.get(COUNT, "count column") {
        for row in &mut rows {
            row.count = counts.number::<u32>()?.saturating_add(1);
        }
    }
    Ok(Decoded { rows, texts })
}

/// What rows of a group share, and their times.
fn read_groups(times: &mut ByteReader<'_>, day: Day, stripe: &mut Stripe<'_>) -> Result<(), BlockError> {
    let day_start = day.start().0;
    for (group, rows) in stripe.groups() {
        let mut ms_of_day = 0_u32;
        for row in rows.unwrap_or_default() {
            ms_of_day = ms_of_day.checked_add(times.number()?).ok_or_else(|| times.malformed())?;
            (row.repo, row.user, row.who) = (group.repo, group.user, group.who);
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
pub fn read_word_list(mut reader: ByteReader<'_>) -> Result<Vec<Box<[u8]>>, BlockError> {
    let count = reader.length(1)?;
    (0..count)
        .map(|_| {
            let len: usize = reader.number()?;
            reader.take(len).map(Box::from)
        })
        .collect()
}
