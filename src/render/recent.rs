//! The days of one repo as JSON, written straight into the text: this is the most frequent long answer, and through a
//! serializer, which looks at every key anew, half its time went by.

use crate::model::{Day, DayRange, DayText};
use crate::query::DayRow;

/// Bytes of a day with short figures, and of what is around the days.
const ROW_BYTES: usize = 112;
const FRAME_BYTES: usize = 96;

/// `{"stats":[…],"period":{…}}`: of each day exactly five keys, and a sixth only when asked for.
#[must_use]
pub fn recent_json(rows: &[DayRow], range: DayRange) -> Vec<u8> {
    let text = Vec::with_capacity(FRAME_BYTES + rows.len() * ROW_BYTES);
    let mut json = Json { text, digits: itoa::Buffer::new(), date: (range.first, range.first.text()) };
    json.plain(r#"{"stats":["#);
    for (at, row) in rows.iter().enumerate() {
        json.plain(if at == 0 { r#"{"date":""# } else { r#",{"date":""# }).date(row.day);
        json.plain(r#"","downloads":"#).number(row.counts.downloads().0);
        json.plain(r#","authenticated":"#).number(row.counts.authenticated.0);
        json.plain(r#","anonymous":"#).number(row.counts.anonymous.0);
        json.plain(r#","files":"#).number(row.counts.files.0);
        if let Some(uniques) = row.uniques {
            json.plain(r#","unique_downloaders":"#).number(uniques.0);
        }
        json.plain("}");
    }
    json.plain(r#"],"period":{"start":""#).date(range.first);
    json.plain(r#"","end":""#).date(range.last);
    json.plain(r#"","days":"#).number(u64::from(range.count())).plain("}}");
    json.text
}

/// JSON in the making, of nothing that would have to be escaped.
struct Json {
    text: Vec<u8>,
    digits: itoa::Buffer,
    /// A day with its text: the last that was written, at first the first of the range.
    date: (Day, DayText),
}

impl Json {
    fn plain(&mut self, text: &str) -> &mut Json {
        self.text.extend_from_slice(text.as_bytes());
        self
    }

    fn date(&mut self, day: Day) -> &mut Json {
        let (last, text) = self.date;
        // Most days are the one after the last, in the same month.
        let following = text.next_in_month().filter(|_| last < day && last.next() == day);
        self.date = (day, following.unwrap_or_else(|| day.text()));
        self.text.extend_from_slice(self.date.1.bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Json {
        self.text.extend_from_slice(self.digits.format(number).as_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DayCounts, Downloads, Files, Uniques};
    use serde_json::{Value, json};

    #[test]
    fn a_day_has_five_keys_and_a_sixth_only_when_asked_for() {
        let day = Day::parse("2026-02-28").unwrap();
        let counts = DayCounts { authenticated: Downloads(1), anonymous: Downloads(2), files: Files(4) };
        let range = DayRange { first: day, last: day.next() };
        let plain = recent_json(&[DayRow { day, counts, uniques: None }], range);
        assert_eq!(
            String::from_utf8(plain).unwrap(),
            r#"{"stats":[{"date":"2026-02-28","downloads":3,"authenticated":1,"anonymous":2,"files":4}],"period":{"start":"2026-02-28","end":"2026-03-01","days":2}}"#
        );
        let more = String::from_utf8(recent_json(&[DayRow { day, counts, uniques: Some(Uniques(2)) }], range)).unwrap();
        assert!(more.contains(r#""files":4,"unique_downloaders":2}"#), "{more}");
    }

    #[test]
    fn many_days_are_the_json_that_a_reader_takes_them_for() {
        let first = Day::parse("2025-12-01").unwrap();
        let range = DayRange { first, last: Day::parse("2026-03-05").unwrap() };
        let figure = |day: Day| if day.0.is_multiple_of(7) { 0 } else { (u64::MAX / 4) >> (day.0 % 60) };
        let counts = |day| DayCounts {
            authenticated: Downloads(figure(day)),
            anonymous: Downloads(figure(day) / 3),
            files: Files(figure(day) + 1),
        };
        for rows in [0, 1, 95] {
            let rows: Vec<DayRow> = range
                .days()
                .take(rows)
                .map(|day| DayRow { day, counts: counts(day), uniques: Some(Uniques(figure(day))) })
                .collect();
            let days: Vec<Value> = rows
                .iter()
                .map(|row| {
                    json!({
                        "date": row.day.date().to_string(), "downloads": row.counts.downloads().0,
                        "authenticated": row.counts.authenticated.0, "anonymous": row.counts.anonymous.0,
                        "files": row.counts.files.0, "unique_downloaders": row.uniques.map(|uniques| uniques.0),
                    })
                })
                .collect();
            let read: Value = serde_json::from_slice(&recent_json(&rows, range)).unwrap();
            assert_eq!(read, json!({ "stats": days, "period": { "start": "2025-12-01", "end": "2026-03-05", "days": 95 } }));
        }
    }
}
