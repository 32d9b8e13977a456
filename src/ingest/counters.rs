//! Counters of other hubs: taken in whole, or total by total.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::error::EngineError;
use super::writer::Writer;
use crate::model::{Counter, Day};
use crate::store;

impl Engine {
    /// Puts a counter in the place of the one of that name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_counter(&self, name: &str, counter: Counter) -> Result<(), EngineError> {
        let name = name.to_owned();
        self.write(move |writer| writer.change_counter(&name, |_| counter).map(drop))
    }

    /// Puts totals in the place of those of a counter, new if need be, and leaves what is said of it. Gives the counter.
    ///
    /// # Errors
    /// When the store fails, or there are too many.
    pub fn put_totals(&self, name: &str, totals: BTreeMap<Day, u64>) -> Result<Counter, EngineError> {
        let name = name.to_owned();
        self.write(move |writer| {
            writer.change_counter(&name, |known| {
                let known = known.unwrap_or_else(|| Counter { title: name.clone(), ..Counter::default() });
                Counter { totals, ..known }
            })
        })
    }

    /// Adds totals to a counter, new if need be; of two of one day the later told stands. Gives the counter.
    ///
    /// # Errors
    /// When the store fails, or there are too many.
    pub fn add_totals(&self, name: &str, totals: BTreeMap<Day, u64>) -> Result<Counter, EngineError> {
        let name = name.to_owned();
        self.write(move |writer| {
            writer.change_counter(&name, |known| {
                let mut counter = known.unwrap_or_else(|| Counter { title: name.clone(), ..Counter::default() });
                counter.totals.extend(totals);
                counter
            })
        })
    }

    /// Removes a counter; says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_counter(&self, name: &str) -> Result<bool, EngineError> {
        let name = name.to_owned();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let there = store::remove_counter(&txn, &name)?;
            txn.commit()?;
            writer.shared.advance();
            Ok(there)
        })
    }
}

impl Writer {
    fn change_counter(&mut self, name: &str, change: impl FnOnce(Option<Counter>) -> Counter) -> Result<Counter, EngineError> {
        let txn = self.shared.store.write()?;
        let counter = change(store::find_counter(&txn, name)?);
        if counter.totals.len() > Counter::TOTALS_MAX {
            let most = Counter::TOTALS_MAX;
            return Err(EngineError::Refused(format!("a counter keeps {most} totals at most: send fewer days")));
        }
        store::put_counter(&txn, name, &counter)?;
        txn.commit()?;
        self.shared.advance();
        Ok(counter)
    }
}
