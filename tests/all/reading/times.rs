//! Timestamps are read exactly: compared with a calendar library for random instants.

use hubtally::model::{Millis, RejectReason};
use hubtally::parse::{parse_instant, parse_log_time};

use super::mutations::Random;

fn ms(text: &str) -> Result<i64, RejectReason> {
    parse_instant(text).map(|time| time.0)
}

#[test]
fn random_instants_agree_with_chrono() {
    let mut random = Random::new();
    for _ in 0..100_000 {
        let span = (Millis::LATEST.0 - Millis::EARLIEST.0) as u64;
        let instant = Millis::EARLIEST.0 + (random.next() % span) as i64;
        // Real offsets, and only those that keep the year in four digits.
        let offset = chrono::FixedOffset::east_opt((random.next() % 2879) as i32 * 60 - 1439 * 60).unwrap();
        let local = chrono::DateTime::from_timestamp_millis(instant).unwrap().with_timezone(&offset);
        assert_eq!(ms(&local.to_rfc3339()), Ok(instant), "{}", local.to_rfc3339());
        let log_time = local.format("%d/%b/%Y:%H:%M:%S %z").to_string();
        assert_eq!(parse_log_time(&log_time).map(|time| time.0), Ok(instant - instant.rem_euclid(1000)), "{log_time}");
        assert_eq!(ms(&instant.to_string()), Ok(instant));
        assert_eq!(ms(&format!("{}.{:03}", instant / 1000, instant % 1000)), Ok(instant));
    }
}

#[test]
fn random_texts_agree_with_chrono() {
    let mut random = Random::new();
    for _ in 0..200_000 {
        let number = |limit: u64, random: &mut Random| random.next() % limit;
        let text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}",
            2010 + number(100, &mut random),
            number(14, &mut random),
            number(33, &mut random),
            number(25, &mut random),
            number(61, &mut random),
            number(60, &mut random),
            ["Z", "z", "+00:00", "-00:00", ".5Z", ".Z", "", "+0100", "+24:00", ".123456789+05:30", "-12:60"]
                [number(11, &mut random) as usize],
        );
        let expected = Millis::parse_rfc3339(&text).and_then(Millis::accepted);
        assert_eq!(parse_instant(&text).ok(), expected, "{text}");
    }
}

#[test]
fn instants_are_floored_and_never_shifted() {
    assert_eq!(ms("2026-05-01T12:00:00.9999Z"), Ok(1_777_636_800_999));
    assert_eq!(ms("2026-05-01 12:00:00z"), Ok(1_777_636_800_000));
    assert_eq!(ms("1777636800"), Ok(1_777_636_800_000));
    assert_eq!(ms("1777636800.1239"), Ok(1_777_636_800_123));
    assert_eq!(ms("1777636800123.9"), Ok(1_777_636_800_123));
    assert_eq!(ms("1.7776368e9"), Ok(1_777_636_800_000));
    assert_eq!(ms("1.7776368001239e12"), Ok(1_777_636_800_123));
}

#[test]
fn a_leap_second_is_the_last_ms_of_its_minute() {
    assert_eq!(ms("2016-12-31T23:59:60Z"), ms("2016-12-31T23:59:59.999Z"));
    assert_eq!(ms("2016-12-31T23:59:60.5Z"), ms("2016-12-31T23:59:59.999Z"));
    assert_eq!(parse_log_time("31/Dec/2016:23:59:60 +0000").map(|time| time.0), ms("2016-12-31T23:59:59.999Z"));
}

#[test]
fn the_window_is_2015_to_2100() {
    assert_eq!(ms("2015-01-01T00:00:00Z"), Ok(Millis::EARLIEST.0));
    assert_eq!(ms("2014-12-31T23:59:59.999Z"), Err(RejectReason::TimeOutOfRange));
    assert_eq!(ms("2099-12-31T23:59:59.999Z"), Ok(Millis::LATEST.0 - 1));
    assert_eq!(ms("2100-01-01T00:00:00Z"), Err(RejectReason::TimeOutOfRange));
    for text in ["0", "-1777636800", "1777636800123456", "99999999999999999999999999", "1e300", "-0.5"] {
        assert_eq!(ms(text), Err(RejectReason::TimeOutOfRange), "{text}");
    }
}

#[test]
fn what_is_no_time_is_rejected() {
    assert_eq!(ms(""), Err(RejectReason::MissingTime));
    assert_eq!(parse_log_time("-"), Err(RejectReason::MissingTime));
    let bad = [
        "now",
        "-",
        ".",
        "1777636800.",
        "17776 36800",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-05-01",
        "2026-05-01T12:00:00",
        "2026-05-01T24:00:00Z",
        "2026-05-01T12:00:61Z",
        "2026-05-01T12:00:00+1:00",
        "2026-05-01T12:00:00Zx",
        "2026-05-01T12:00:00 Z",
        "\u{ff12}026-05-01T12:00:00Z",
        "1e999",
        "nan",
        "inf",
        "1777636800e",
    ];
    for text in bad {
        assert_eq!(ms(text), Err(RejectReason::BadTime), "{text}");
    }
    for text in
        ["1/May/2026:12:00:00 +0000", "01/may/2026:12:00:00 +0000", "01/May/2026:12:00:00 +2400", "01/May/2026:12:00:00", "x"]
    {
        assert_eq!(parse_log_time(text), Err(RejectReason::BadTime), "{text}");
    }
}
