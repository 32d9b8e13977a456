//! Counters of other hubs, as they were told.

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::records::CounterRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::{Counter, Day};

fn record_of(counter: &Counter) -> CounterRecord {
    CounterRecord {
        title: counter.title.clone(),
        source: counter.source.clone(),
        metric: counter.metric.clone(),
        scope: counter.scope.clone(),
        caveats: counter.caveats.clone(),
        totals: counter.totals.iter().map(|(day, total)| (day.0, *total)).collect(),
    }
}

fn counter_of(record: CounterRecord) -> Counter {
    Counter {
        title: record.title,
        source: record.source,
        metric: record.metric,
        scope: record.scope,
        caveats: record.caveats,
        totals: record.totals.into_iter().map(|(day, total)| (Day(day), total)).collect(),
    }
}

/// A counter by name.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn find_counter(txn: &(impl Read + ?Sized), name: &str) -> Result<Option<Counter>, StoreError> {
    Ok(get_record(txn, Table::Counters, name.as_bytes())?.map(counter_of))
}

/// All counters by name.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_counters(txn: &(impl Read + ?Sized)) -> Result<Vec<(String, Counter)>, StoreError> {
    let values = txn.with_prefix(Table::Counters, &[])?;
    let counter = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let record = decode(Table::Counters, key, value)?;
        Ok((String::from_utf8_lossy(key).into_owned(), counter_of(record)))
    };
    values.iter().map(counter).collect()
}

/// Writes a counter.
///
/// # Errors
/// When the store fails.
pub fn put_counter(txn: &WriteTxn, name: &str, counter: &Counter) -> Result<(), StoreError> {
    put_record(txn, Table::Counters, name.as_bytes(), &record_of(counter)).map(drop)
}

/// Removes a counter; says whether there was one.
///
/// # Errors
/// When the store fails.
pub fn remove_counter(txn: &WriteTxn, name: &str) -> Result<bool, StoreError> {
    let there = txn.get(Table::Counters, name.as_bytes())?.is_some();
    txn.remove(Table::Counters, name.as_bytes())?;
    Ok(there)
}
