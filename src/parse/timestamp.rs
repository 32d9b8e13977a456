//! Timestamps of logs: RFC 3339, epoch seconds or milliseconds, and the bracketed time of nginx and Apache.
//!
//! Written by hand because this is the dearest field of a line: with a calendar library it costs more than all other
//! fields together. Days are computed by arithmetic, so there is no cache and nothing depends on the line before.

use crate::model::{DAY_MS, Millis, RejectReason};

/// Epoch numbers from here on are milliseconds: as seconds they would lie in the year 5138.
const EPOCH_MS_FROM: u64 = 100_000_000_000;

/// Reads RFC 3339 (any offset, any fraction, `T`, `t` or a space) or epoch seconds or milliseconds (a fraction is fine).
///
/// The result is floored to ms. A leap second, `:60`, is the last ms of its minute.
///
/// # Errors
/// `MissingTime` if empty, `BadTime` if it is neither, `TimeOutOfRange` outside 2015 to 2100.
pub fn parse_instant(text: &str) -> Result<Millis, RejectReason> {
    let bytes = text.as_bytes();
    let ms = match bytes {
        [] => return Err(RejectReason::MissingTime),
        [_, _, _, _, b'-', ..] => usual_ms(bytes).or_else(|| rfc3339_ms(bytes)),
        _ => epoch_ms(text),
    };
    ms.ok_or(RejectReason::BadTime).and_then(|ms| Millis(ms).accepted().ok_or(RejectReason::TimeOutOfRange))
}

/// Reads the time of nginx and Apache logs, `dd/Mon/yyyy:HH:MM:SS +zzzz`, without its brackets.
///
/// # Errors
/// As [`parse_instant`].
pub fn parse_log_time(text: &str) -> Result<Millis, RejectReason> {
    match text.as_bytes() {
        [] | b"-" => Err(RejectReason::MissingTime),
        bytes => {
            let ms = log_time_ms(bytes).ok_or(RejectReason::BadTime)?;
            Millis(ms).accepted().ok_or(RejectReason::TimeOutOfRange)
        }
    }
}

/// The time as most logs write it, `yyyy-mm-ddTHH:MM:SSZ` with or without three digits of a fraction, eight bytes at a time.
fn usual_ms(bytes: &[u8]) -> Option<i64> {
    let (date, rest) = bytes.split_first_chunk::<8>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let (date, time) = (DATE.pairs(date)?, TIME.pairs(time)?);
    let (seconds, ms) = match rest {
        [b':', s0, s1, b'Z'] => (two(*s0, *s1)?, 0),
        &[b':', s0, s1, b'.', ms0, ms1, ms2, b'Z'] => (two(s0, s1)?, i64::from(two(b'0', ms0)? * 100 + two(ms1, ms2)?)),
        _ => return None,
    };
    let [year0, _, year1, _, _, month, ..] = date;
    let [day, _, _, hour, _, _, minute, _] = time;
    let days = days_from_civil(u32::from(year0) * 100 + u32::from(year1), month.into(), day.into())?;
    instant_ms(days, [hour.into(), minute.into(), seconds], ms, 0)
}

/// The first halves of what most logs write.
const DATE: Shape = Shape::of(*b"0000-00-");
const TIME: Shape = Shape::of(*b"00T00:00");

/// Eight bytes of digits and of what stands between them.
struct Shape {
    pattern: u64,
    /// Sets the high bit of a byte that differs from the pattern by more than it may.
    too_much: u64,
}

impl Shape {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

    /// Digits where the pattern has zeros.
    const fn of(pattern: [u8; 8]) -> Shape {
        let pattern = u64::from_le_bytes(pattern);
        // Of zeros and separators zeros alone have these two bits and not the one below them.
        let zeros = (pattern >> 5 & pattern >> 4 & !(pattern >> 3) & !(pattern >> 6)) & 0x0101_0101_0101_0101;
        Shape { pattern, too_much: !Self::HIGH_BITS - 9 * zeros }
    }

    /// Of each byte of a text of this shape, the number that it and the next one are as digits.
    fn pairs(&self, text: &[u8; 8]) -> Option<[u8; 8]> {
        // Zero and a digit differ by what the digit is.
        let differing = u64::from_le_bytes(*text) ^ self.pattern;
        let fits = (((differing & !Self::HIGH_BITS) + self.too_much) | differing) & Self::HIGH_BITS == 0;
        fits.then(|| (differing * 10 + (differing >> 8)).to_le_bytes())
    }
}

fn rfc3339_ms(bytes: &[u8]) -> Option<i64> {
    let (head, tail) = bytes.split_first_chunk::<19>()?;
    let [y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, b'T' | b't' | b' ', h0, h1, b':', mi0, mi1, b':', s0, s1] = *head else {
        return None;
    };
    let days = days_from_civil(two(y0, y1)? * 100 + two(y2, y3)?, two(mo0, mo1)?, two(d0, d1)?)?;
    let (ms, tail) = match tail {
        [b'.', fraction @ ..] => fraction_ms(fraction)?,
        _ => (0, tail),
    };
    let offset_minutes = match *tail {
        [b'Z' | b'z'] => 0,
        [sign, h0, h1, b':', m0, m1] => offset_minutes(sign, two(h0, h1)?, two(m0, m1)?)?,
        _ => return None,
    };
    instant_ms(days, [two(h0, h1)?, two(mi0, mi1)?, two(s0, s1)?], ms, offset_minutes)
}

fn log_time_ms(bytes: &[u8]) -> Option<i64> {
    let &[
        d0,
        d1,
        b'/',
        mon0,
        mon1,
        mon2,
        b'/',
        y0,
        y1,
        y2,
        y3,
        b':',
        h0,
        h1,
        b':',
        mi0,
        mi1,
        b':',
        s0,
        s1,
        b' ',
        sign,
        oh0,
        oh1,
        om0,
        om1,
    ] = bytes
    else {
        return None;
    };
    let month = match &[mon0, mon1, mon2] {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    };
    let days = days_from_civil(two(y0, y1)? * 100 + two(y2, y3)?, month, two(d0, d1)?)?;
    let offset = offset_minutes(sign, two(oh0, oh1)?, two(om0, om1)?)?;
    instant_ms(days, [two(h0, h1)?, two(mi0, mi1)?, two(s0, s1)?], 0, offset)
}

/// Two ASCII digits as a number.
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens * 10 + ones))
}

/// The ms of a fraction, and what follows its digits. At least one digit, of which those after the third are cut off.
fn fraction_ms(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = bytes.split_at_checked(digits)?;
    let digit = |at: usize| fraction.get(at).map_or(0, |byte| i64::from(byte - b'0'));
    (digits > 0).then(|| (digit(0) * 100 + digit(1) * 10 + digit(2), rest))
}

fn offset_minutes(sign: u8, hours: u32, minutes: u32) -> Option<i64> {
    let offset = i64::from(hours * 60 + minutes);
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

fn instant_ms(days: i64, [hour, minute, second]: [u32; 3], ms: i64, offset_minutes: i64) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let second_ms = if second == 60 { 59_999 } else { i64::from(second * 1000) + ms };
    Some(days * DAY_MS + (i64::from(hour * 60 + minute) - offset_minutes) * 60_000 + second_ms)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, for years 0 to 9999.
///
/// Years are counted from March, so that the leap day is the last of its year and month lengths follow one formula; and from
/// 400 years before the first one, so that none is negative.
fn days_from_civil(year: u32, month: u32, day: u32) -> Option<i64> {
    const DAYS_OF_MONTHS: [u32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let month_days = DAYS_OF_MONTHS.get(month as usize)? + u32::from(leap && month == 2);
    if !(1..=month_days).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    Some(i64::from(days) - DAYS_OF_400_YEARS - 719_468)
}

/// Epoch seconds or milliseconds, as an integer, with a fraction or, as JSON may write numbers, with an exponent.
fn epoch_ms(text: &str) -> Option<i64> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let bytes = unsigned.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = unsigned.split_at_checked(digits)?;
    let ms = match rest.as_bytes() {
        _ if digits == 0 => return None,
        [] => whole_epoch_ms(whole, 0)?,
        [b'.', fraction @ ..] => match fraction_ms(fraction)? {
            (ms, []) => whole_epoch_ms(whole, ms)?,
            _ => return exponent_ms(text),
        },
        _ => return exponent_ms(text),
    };
    // Before 1970 nothing is accepted anyway; the sign only has to keep it out of range.
    Some(if negative { -ms } else { ms })
}

fn whole_epoch_ms(whole: &str, fraction_ms: i64) -> Option<i64> {
    // More digits than fit are a number all the same: one that is out of range.
    let number = whole.parse::<u64>().unwrap_or(u64::MAX);
    let ms = if number < EPOCH_MS_FROM { number * 1000 + u64::try_from(fraction_ms).ok()? } else { number };
    Some(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// `1.7e9` and the like. Rounding to microseconds first takes back what binary fractions lose.
#[allow(clippy::cast_possible_truncation)]
fn exponent_ms(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let ms = if number.abs() < 1e11 { (number * 1e6).round() / 1000.0 } else { number };
    Some(ms.floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_as_usual_is_what_the_standard_says() {
        let mut random = crate::generate::numbers(5);
        let mut usual = 0;
        for _ in 0..400_000 {
            let mut text = ["2026-05-01T00:00:00.523Z", "1999-12-31T23:59:60Z"][random(2)].as_bytes().to_vec();
            for _ in 0..random(3) {
                let at = random(text.len());
                text[at] = b"0123456789-T:.Zt +/\x7f\x80\xff"[random(22)];
            }
            let read = usual_ms(&text);
            usual += usize::from(read.is_some());
            assert!(read.is_none() || read == rfc3339_ms(&text), "{}", text.escape_ascii());
        }
        assert!(usual > 150_000, "{usual}");
        assert_eq!(usual_ms(b"1970-01-02T01:02:03.004Z"), Some(90_123_004));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let epoch = chrono::NaiveDate::default();
        for (year, month, day) in
            (0..10_000).flat_map(|year| (0..14).flat_map(move |month| (0..33).map(move |day| (year, month, day))))
        {
            let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(year).unwrap(), month, day);
            let expected = date.map(|date| date.signed_duration_since(epoch).num_days());
            assert_eq!(days_from_civil(year, month, day), expected, "{year}-{month}-{day}");
        }
    }
}
