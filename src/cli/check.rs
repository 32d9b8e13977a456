//! `hubtally check`: says whether events still come, for monitors that read exit codes.

use clap::Args;
use serde_json::Value;

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;

#[derive(Args, Debug)]
#[command(after_help = "Exit code 1, with one sentence, when a source had no event for so long.

Examples:
  hubtally check --max-gap 2h
  hubtally check --max-gap 1d --source mirror")]
pub struct CheckArguments {
    /// The longest time without an event, such as 90s, 30m, 2h or 1d
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = seconds)]
    pub max_gap: u64,
    /// Only this source; repeat it for more
    #[arg(long, value_name = "NAME")]
    pub source: Vec<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

const DAY_S: u64 = 86_400;
/// How far back the newest event is looked for at least, so that the sentence can name it.
const DAYS_MIN: u64 = 7;
const DAYS_MAX: u64 = 365;

/// Fails if a source fell silent.
pub fn run(arguments: &CheckArguments, configuration: &Configuration) -> Result<(), Failure> {
    let days = (arguments.max_gap.div_ceil(DAY_S) + 1).clamp(DAYS_MIN, DAYS_MAX);
    let answer = Backend::open(configuration, Folder::MustExist)?.get(&format!("/api/v1/freshness?days={days}"))?;
    let all = output::rows(&answer.value, "sources");
    let name = |row: &Value| row.get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(missing) = arguments.source.iter().find(|wanted| all.iter().all(|row| name(row) != **wanted)) {
        return Err(Failure::failed(format!("there is no source {missing}: nothing ever came from it")));
    }
    let asked: Vec<&Value> =
        all.iter().filter(|row| arguments.source.is_empty() || arguments.source.contains(&name(row))).collect();
    if arguments.json {
        output::line(&answer.text)?;
    }
    if asked.is_empty() {
        return Err(Failure::failed("there is no source yet: nothing ever came in"));
    }
    let silent = |row: &&&Value| row.get("age_s").and_then(Value::as_u64).is_none_or(|age| age > arguments.max_gap);
    let silent: Vec<String> = asked.iter().filter(silent).map(|row| sentence(&name(row), row, days)).collect();
    if !silent.is_empty() {
        return Err(Failure::failed(silent.join("; ")));
    }
    if arguments.json {
        return Ok(());
    }
    let oldest = asked.iter().filter_map(|row| row.get("age_s").and_then(Value::as_u64)).max().unwrap_or(0);
    let sources = if asked.len() == 1 { "source" } else { "sources" };
    output::line(&format!("{} {sources} heard of, the longest ago {}", asked.len(), told(oldest)))
}

fn sentence(source: &str, row: &Value, days: u64) -> String {
    match (row.get("age_s").and_then(Value::as_u64), row.get("newest_event").and_then(Value::as_str)) {
        (Some(age), Some(newest)) => format!("no event of source {source} for {}; the newest is of {newest}", told(age)),
        _ => format!("no event of source {source} for {days} days or more"),
    }
}

/// A time as people say it, in its two largest units.
fn told(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..DAY_S => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / DAY_S, seconds % DAY_S / 3600),
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    let hint = || "a time is a number with s, m, h or d, such as 2h".to_owned();
    let split = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(hint)?;
    let (number, unit) = text.split_at_checked(split).ok_or_else(hint)?;
    let unit = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => DAY_S,
        _ => return Err(hint()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(hint)?;
    if (1..=DAYS_MAX * DAY_S).contains(&seconds) { Ok(seconds) } else { Err("a gap is 1s to 365d".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_told() {
        assert_eq!(["90s", "30m", "2h", "1d"].map(seconds), [Ok(90), Ok(1800), Ok(7200), Ok(86_400)]);
        for bad in ["", "2", "h", "2w", "-1h", "0s", "366d", "99999999999999999999s", "1.5h"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert_eq!([59, 60, 7_260, 90_000].map(told), ["59 s", "1 min", "2 h 1 min", "1 d 1 h"]);
    }
}
