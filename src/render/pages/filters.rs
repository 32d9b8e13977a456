//! How templates write values: the filters behind `{{ value|name }}`.

use askama::{Result, Values};

use crate::render::number::{Grouped, Rounded};

/// A count with separators between thousands.
#[askama::filter_fn]
pub fn grouped(count: &u64, _: &dyn Values) -> Result<Grouped> {
    Ok(Grouped(*count))
}

/// A round count in words where it has very many zeros.
#[askama::filter_fn]
pub fn round(count: &u64, _: &dyn Values) -> Result<Rounded> {
    Ok(Rounded(*count))
}
