//! How many values each table has, and the sum of their checksums: written with every commit, so that a value which
//! vanished, or came back from an older state, is missed even where nothing else names it.

use super::StoreError;
use super::codec::{encode, get_record};
use super::records::SumsRecord;
use super::table::{Read, ReadTxn, Table, WriteTxn};

pub(super) const SUMS_KEY: &[u8] = b"sums";

/// Tables of more values are not read at start; a check reads them all.
const VALUES_AT_START_MAX: u64 = 50_000;

/// Tables whose every value is named, with its checksum, by a value of another table: whoever reads them misses one.
const NAMED: [Table; 8] = [
    Table::Blocks,
    Table::DayChunks,
    Table::DaySets,
    Table::DayFacets,
    Table::DayTails,
    Table::RepoYears,
    Table::Dictionary,
    Table::Kin,
];

/// The sum of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSum {
    pub values: u64,
    /// Wrapping, so that it does not depend on the order of changes.
    pub checksums: u64,
}

impl TableSum {
    pub fn add(&mut self, checksum: u64) {
        self.values = self.values.wrapping_add(1);
        self.checksums = self.checksums.wrapping_add(checksum);
    }

    pub fn subtract(&mut self, checksum: u64) {
        self.values = self.values.wrapping_sub(1);
        self.checksums = self.checksums.wrapping_sub(checksum);
    }
}

/// The sums of all tables, by their place in `Table::ALL`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums([TableSum; Table::ALL.len()]);

impl Sums {
    pub fn of(&mut self, table: Table) -> Option<&mut TableSum> {
        self.0.get_mut(table as usize)
    }

    /// The sums that the last commit wrote; `None` before the first.
    pub fn read(txn: &(impl Read + ?Sized)) -> Result<Option<Sums>, StoreError> {
        let Some(record) = get_record::<SumsRecord>(txn, Table::Meta, SUMS_KEY)? else { return Ok(None) };
        let mut sums = Sums::default();
        for (table, sum) in Table::ALL.iter().zip(&mut sums.0) {
            if let Some((_, values, checksums)) = record.tables.iter().find(|(name, ..)| name == table.name()) {
                *sum = TableSum { values: *values, checksums: *checksums };
            }
        }
        Ok(Some(sums))
    }

    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let sums = Table::ALL.iter().zip(&self.0);
        let tables = sums.map(|(table, sum)| (table.name().to_owned(), sum.values, sum.checksums)).collect();
        encode(Table::Meta, SUMS_KEY, &SumsRecord { tables })
    }
}

/// The names of the tables that the last commit knew; none before the first.
pub(super) fn table_names(txn: &(impl Read + ?Sized)) -> Result<Vec<String>, StoreError> {
    let record: Option<SumsRecord> = get_record(txn, Table::Meta, SUMS_KEY)?;
    Ok(record.map(|record| record.tables.into_iter().map(|(name, ..)| name).collect()).unwrap_or_default())
}

/// Whether the last commit knew all tables there are now: a later version may add some.
pub(super) fn knows_all_tables(txn: &(impl Read + ?Sized)) -> Result<bool, StoreError> {
    let names = table_names(txn)?;
    // Without any sums the store is damaged, which the check at start says.
    Ok(names.is_empty() || Table::ALL.iter().all(|table| names.iter().any(|name| name == table.name())))
}

/// Reads a whole table and compares it with the sum that was committed with it; gives how many values it has.
///
/// # Errors
/// When the store fails, or a value is damaged, missing or stale.
pub fn check_table(txn: &(impl Read + ?Sized), table: Table) -> Result<u64, StoreError> {
    compare(txn, table, expected(txn, table)?)
}

/// Reads all truth that nothing else names, and compares it with what a transaction knows of it.
///
/// # Errors
/// As `check_table`.
pub fn check_truth(txn: &WriteTxn) -> Result<(), StoreError> {
    let unnamed = Table::ALL.iter().filter(|table| table.is_truth() && !NAMED.contains(table));
    unnamed.copied().try_for_each(|table| compare(txn, table, txn.sum(table)).map(drop))
}

fn compare(txn: &(impl Read + ?Sized), table: Table, expected: TableSum) -> Result<u64, StoreError> {
    let mut found = TableSum::default();
    txn.scan(table, &[], &mut |key, value| {
        if !is_sums(table, key) {
            found.add(table.checksum(key, &value));
        }
        Ok(true)
    })?;
    if found == expected {
        return Ok(found.values);
    }
    let why = format!("it has {} values, {} were written, or some are stale", found.values, expected.values);
    Err(StoreError::damaged(table.name(), &[], why))
}

/// Whether a value is the sums themselves, which are in no sum.
pub(super) fn is_sums(table: Table, key: &[u8]) -> bool {
    table == Table::Meta && key == SUMS_KEY
}

fn expected(txn: &(impl Read + ?Sized), table: Table) -> Result<TableSum, StoreError> {
    let mut sums = Sums::read(txn)?.ok_or_else(|| StoreError::damaged(Table::Meta.name(), SUMS_KEY, "the value is missing"))?;
    Ok(sums.of(table).copied().unwrap_or_default())
}

/// What is checked at every start: the length of every table, and the values of those that nothing else names.
///
/// # Errors
/// As `check_table`.
pub fn check_at_start(txn: &ReadTxn) -> Result<(), StoreError> {
    for table in Table::ALL {
        let values = txn.len(*table)?;
        if !NAMED.contains(table) && values <= VALUES_AT_START_MAX {
            check_table(txn, *table)?;
            continue;
        }
        let expected = expected(txn, *table)?.values;
        if values != expected {
            let why = format!("it has {values} values, {expected} were written");
            return Err(StoreError::damaged(table.name(), &[], why));
        }
    }
    Ok(())
}
