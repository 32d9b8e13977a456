//! What came in, as CSV.

use super::csv::CsvWriter;
use crate::ingest::DeliveryInfo;

const COLUMNS: [&str; 11] =
    ["delivery", "kind", "source", "name", "arrived", "lines", "accepted", "repeated", "skipped", "rejected", "state"];

/// One row per delivery.
#[must_use]
pub fn deliveries(deliveries: &[DeliveryInfo]) -> String {
    let mut csv = CsvWriter::default();
    super::analytics::header(&mut csv, &COLUMNS);
    for row in deliveries {
        csv.plain(&row.delivery).plain(&row.kind).text(&row.source).text(&row.name).plain(&row.arrived);
        for lines in [row.lines, row.accepted, row.repeated, row.skipped, row.rejected] {
            csv.plain(lines);
        }
        csv.plain(&row.state).end_row();
    }
    csv.into_text()
}
