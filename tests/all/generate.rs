//! Synthetic logs: what is asked for is what is written, the same on every machine, in the order of arrival.

use std::collections::BTreeSet;

use hubtally::generate::{Workload, Written};
use hubtally::model::{Day, Format, Millis};

fn small() -> Workload {
    Workload { rows: 20_000, repos: 300, downloaders: 2_000, days: 5, ..Workload::default() }
}

fn write(workload: &Workload) -> (Vec<u8>, Written) {
    let mut log = Vec::new();
    let written = workload.write_to(&mut log).unwrap();
    assert_eq!(written.bytes, log.len() as u64);
    (log, written)
}

/// The sound lines of a log, without its header.
fn lines(log: &[u8], header: bool) -> Vec<&str> {
    let lines = log.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).skip(usize::from(header));
    lines.filter_map(|line| std::str::from_utf8(line).ok()).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}

#[test]
fn a_seed_is_one_log_on_every_machine() {
    let digests = Format::ALL.map(|format| {
        let (log, _) = write(&Workload { format, ..small() });
        assert_eq!(write(&Workload { format, ..small() }).0, log);
        assert_ne!(write(&Workload { format, seed: 2, ..small() }).0, log);
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&log))
    });
    // Frozen: a changed stream would make every figure quoted with a seed incomparable.
    assert_eq!(
        digests,
        [
            "08a1876e6d59368d",
            "68e0c387737128f4",
            "b659a0b0f415eeda",
            "a3becece33bc37d4",
            "8fa210ed46e7256f",
            "caf07fac5298a57e",
            "6478ad2a464ac0a8"
        ]
    );
}

/// Distinct values of one field of a log of events.
fn distinct(log: &[u8], field: &str) -> BTreeSet<String> {
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()[field].to_string();
    lines(log, false).into_iter().map(value).collect()
}

#[test]
fn parts_of_a_log_are_of_one_hub() {
    let part = |part, seed| write(&Workload { format: Format::Events, malformed_per_million: 0, part, seed, ..small() }).0;
    let (first, second, other_hub) = (part(1, 1), part(2, 1), part(1, 2));
    assert_ne!(first, second);
    for (field, at_most) in [("repo", 300), ("ip", 2_000)] {
        let (of_first, of_second, elsewhere) = (distinct(&first, field), distinct(&second, field), distinct(&other_hub, field));
        let both: BTreeSet<_> = of_first.union(&of_second).collect();
        assert!(both.len() <= at_most, "{field}: {} in both", both.len());
        assert!(share(of_first.intersection(&of_second).count(), of_first.len()) > 60.0, "{field}");
        assert!(share(of_first.intersection(&elsewhere).count(), of_first.len()) < 20.0, "{field}");
    }
}

#[test]
fn rows_are_exactly_as_many_as_asked_for() {
    for (rows, days, repos) in [(0, 1, 1), (1, 1, 1), (7, 3, 1), (999, 1, 10), (50_000, 2, 100)] {
        for format in Format::ALL {
            let workload = Workload { rows, days, repos, format, ..small() };
            let (log, written) = write(&workload);
            let newlines = log.iter().filter(|&&byte| byte == b'\n').count() as u64;
            assert_eq!(newlines - u64::from(format == Format::HfExport), rows);
            assert_eq!(written.rows, rows);
        }
    }
}

#[test]
fn times_lie_in_the_days_and_arrive_at_most_the_shuffle_late() {
    let workload = Workload { format: Format::Events, malformed_per_million: 0, ..small() };
    let (log, _) = write(&workload);
    let mut latest = Millis(0);
    let mut out_of_order = 0;
    for line in lines(&log, false) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = Millis::parse_rfc3339(event["ts"].as_str().unwrap()).unwrap();
        assert!((workload.first_day..Day(workload.first_day.0 + workload.days)).contains(&time.day()), "{time}");
        assert!(time.0 > latest.0 - i64::from(workload.arrival_shuffle_ms), "{time} after {latest}");
        out_of_order += usize::from(time < latest);
        latest = latest.max(time);
    }
    assert!(out_of_order > 1_000, "{out_of_order}");
    let (log, _) = write(&Workload { arrival_shuffle_ms: 0, ..workload });
    assert!(lines(&log, false).is_sorted_by_key(|line| &line[..31]), "without a shuffle the log is in order of time");
}

#[test]
fn damaged_and_repeated_lines_come_as_often_as_asked_for() {
    let workload = Workload { format: Format::Events, malformed_per_million: 20_000, repeated_per_million: 50_000, ..small() };
    let (log, written) = write(&workload);
    let parsed = lines(&log, false).iter().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count() as u64;
    assert_eq!(written.rows - parsed, written.malformed);
    let mut sound = lines(&log, false);
    sound.retain(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
    sound.sort_unstable();
    let repeated = sound.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    assert_eq!(repeated, written.repeated);
    assert!((300..500).contains(&written.malformed), "{written:?}");
    assert!((800..1_200).contains(&written.repeated), "{written:?}");
}

#[test]
fn the_reference_workload_has_the_shape_of_real_exports() {
    let (log, _) = write(&Workload { rows: 100_000, days: 7, malformed_per_million: 0, ..Workload::default() });
    let text = std::str::from_utf8(&log).unwrap();
    assert!(
        text.starts_with("timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent\n2026-05-01T")
    );
    let rows: Vec<Vec<&str>> = lines(&log, true).iter().map(|line| line.splitn(9, ',').collect()).collect();
    let with = |column: usize, value: &str| share(rows.iter().filter(|row| row[column] == value).count(), rows.len());
    assert!((13.0..15.0).contains(&with(2, "HEAD")), "{}", with(2, "HEAD"));
    assert!((70.0..90.0).contains(&with(4, "model")), "{}", with(4, "model"));
    assert!((18.0..22.0).contains(&(100.0 - with(5, ""))), "{}", with(5, ""));
    for status in ["200", "206", "302", "303", "307", "304", "301", "308", "401", "403", "404", "416", "429", "500"] {
        assert!(with(1, status) > 0.0, "{status}");
    }
    assert!(rows.iter().all(|row| row[5].is_empty() != row[6].is_empty()), "either a user or an address");
    assert!(rows.iter().any(|row| !row[3].contains('/')), "legacy names");
    let mut visits: Vec<_> = rows.iter().map(|row| (row[3], row[4], row[5], row[6])).collect();
    visits.sort_unstable();
    visits.dedup();
    assert!((4.0..9.0).contains(&(rows.len() as f64 / visits.len() as f64)), "{}", visits.len());
}
