//! Standard output: lines, JSON and aligned tables; a closed pipe ends it quietly.

use std::io::{self, Write};

use serde_json::Value;

use super::failure::Failure;

/// Writes one line.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::of_output(&error))
}

/// Writes text as it is.
pub fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::of_output(&error))
}

/// One column of a table.
pub struct Column {
    pub title: &'static str,
    /// The key of the rows it shows.
    pub key: &'static str,
}

/// Writes rows of JSON as a table: numbers to the right, everything else to the left.
pub fn table(columns: &[Column], rows: &[Value]) -> Result<(), Failure> {
    let cell = |row: &Value, column: &Column| match row.get(column.key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::Number(number)) => number.as_u64().map_or_else(|| number.to_string(), crate::render::number::grouped),
        Some(Value::String(text)) => text.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "" }.to_owned(),
        Some(other) => other.to_string(),
    };
    let is_number = |column: &Column| rows.iter().any(|row| row.get(column.key).is_some_and(Value::is_number));
    let width = |column: &Column| {
        rows.iter().map(|row| cell(row, column).chars().count()).chain([column.title.len()]).max().unwrap_or_default()
    };
    let layout: Vec<(usize, bool)> = columns.iter().map(|column| (width(column), is_number(column))).collect();
    let join = |cells: Vec<String>| {
        let padded = cells.iter().zip(&layout).map(
            |(cell, &(width, right))| {
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            },
        );
        let row: Vec<String> = padded.collect();
        format!("{}\n", row.join("  ").trim_end())
    };
    let mut lines = join(columns.iter().map(|column| column.title.to_owned()).collect());
    for row in rows {
        lines.push_str(&join(columns.iter().map(|column| cell(row, column)).collect()));
    }
    text(&lines)
}

/// The rows under a key of an answer.
#[must_use]
pub fn rows<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The count under a key of an answer.
#[must_use]
pub fn count(answer: &Value, key: &str) -> u64 {
    answer.get(key).and_then(Value::as_u64).unwrap_or_default()
}
