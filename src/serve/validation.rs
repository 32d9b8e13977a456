//! Parameters checked all together, and failures told in the shape and words of FastAPI, which clients parse.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, X_ERROR_CODE, X_ERROR_MESSAGE};
use super::query_string::QueryString;
use crate::classify::ClientClass;
use crate::model::{Audience, Country, Day, DayRange, Millis, RepoKind};
use crate::query::{Filter, NotComputable, Rule};

/// The longest number that is looked at, as in Python.
const DIGITS_MAX: usize = 4300;

/// What is wrong with one parameter, with the keys in FastAPI's order.
#[derive(Serialize)]
struct Failure {
    r#type: &'static str,
    loc: [String; 2],
    msg: String,
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

/// All of them.
#[derive(Serialize)]
struct Failures {
    detail: Vec<Failure>,
}

/// The answer to a rule whose columns a source lacks: the parameter is well-formed and cannot be processed, in the shape of
/// every other parameter that cannot.
#[must_use]
pub fn not_computable(lacking: &NotComputable) -> Answer {
    let failure = Failure {
        r#type: "not_computable",
        loc: ["query".to_owned(), "rule".to_owned()],
        msg: lacking.to_string(),
        input: lacking.rule.word().to_owned(),
        ctx: Some(json!({ "sources": lacking.sources })),
    };
    Answer::json_with(StatusCode::UNPROCESSABLE_ENTITY, &Failures { detail: vec![failure] })
        .with(X_ERROR_CODE, "NotComputable")
        .with(X_ERROR_MESSAGE, &lacking.to_string())
}

/// Reads parameters in declaration order and gathers what is wrong with them.
pub struct Validation<'a> {
    query: &'a QueryString,
    failures: Vec<Failure>,
}

impl<'a> Validation<'a> {
    /// Starts with no failures.
    #[must_use]
    pub fn new(query: &'a QueryString) -> Validation<'a> {
        Validation { query, failures: Vec::new() }
    }

    /// A whole number within bounds.
    pub fn number(&mut self, name: &str, default: u16, bounds: RangeInclusive<u16>) -> u16 {
        let Some(input) = self.query.last(name) else { return default };
        let (least, most) = (*bounds.start(), *bounds.end());
        match Integer::parse(input) {
            Integer::Value(value) if value < i64::from(least) => {
                let message = format!("Input should be greater than or equal to {least}");
                self.fail("greater_than_equal", name, &message, input, Some(json!({ "ge": least })));
            }
            Integer::Value(value) if value > i64::from(most) => {
                let message = format!("Input should be less than or equal to {most}");
                self.fail("less_than_equal", name, &message, input, Some(json!({ "le": most })));
            }
            Integer::Value(value) => return u16::try_from(value).unwrap_or(default),
            Integer::TooLong => {
                let message = "Unable to parse input string as an integer, exceeded maximum size";
                self.fail("int_parsing_size", name, message, input, None);
            }
            Integer::Not => {
                let message = "Input should be a valid integer, unable to parse string as an integer";
                self.fail("int_parsing", name, message, input, None);
            }
        }
        default
    }

    /// The type of repos asked for; `None` is all types.
    pub fn repo_type(&mut self) -> Option<RepoKind> {
        const PATTERN: &str = "^(model|dataset|space)$";
        let Some(input) = self.query.last("repo_type") else { return Some(RepoKind::Model) };
        let kind = RepoKind::from_word(input);
        if kind.is_none() && input != "all" {
            let message = format!("String should match pattern '{PATTERN}'");
            self.fail("string_pattern_mismatch", "repo_type", &message, input, Some(json!({ "pattern": PATTERN })));
        }
        kind
    }

    /// One of a few words; the first is the default.
    pub fn word<T: Copy>(&mut self, name: &str, default: T, words: &[(&str, T)]) -> T {
        let Some(input) = self.query.last(name) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == input) {
            return *value;
        }
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
        let expected = match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => quoted.concat(),
        };
        let message = format!("Input should be {expected}");
        self.fail("literal_error", name, &message, input, Some(json!({ "expected": expected })));
        default
    }

    /// Whether `include=unique_downloaders` was asked for, alone or in a comma list.
    pub fn include_uniques(&mut self) -> bool {
        const EXPECTED: &str = "'unique_downloaders'";
        let mut included = false;
        for input in self.query.all("include") {
            for word in input.split(',') {
                if word == "unique_downloaders" {
                    included = true;
                } else {
                    let message = format!("Input should be {EXPECTED}");
                    let context = json!({ "expected": EXPECTED });
                    self.fail("literal_error", "include", &message, input, Some(context));
                }
            }
        }
        included
    }

    /// By which rule downloads are to be counted, if one is named.
    pub fn rule(&mut self) -> Option<Rule> {
        self.word("rule", None, &Rule::ALL.map(|(word, rule)| (word, Some(rule))))
    }

    /// Which sessions are asked for: `audience`, `class` and `country`.
    pub fn filter(&mut self) -> Filter {
        let audiences = [("authenticated", Some(Audience::Authenticated)), ("anonymous", Some(Audience::Anonymous))];
        let audience = self.word("audience", None, &audiences);
        let class = self.word("class", None, &ClientClass::ALL.map(|class| (class.word(), Some(class))));
        let country = self.parsed("country", "Input should be a country code of two letters, or 'unknown'", |text| {
            let country = Country::parse(text);
            (country != Country::default() || text == "unknown").then_some(country)
        });
        Filter { audience, class, country }
    }

    /// A parameter that some text gives a value; otherwise `message` says what would.
    pub fn parsed<T>(&mut self, name: &str, message: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let input = self.query.last(name)?;
        let value = parse(input);
        if value.is_none() {
            self.fail("value_error", name, message, input, None);
        }
        value
    }

    /// As [`Validation::parsed`], but it must be there.
    pub fn required<T>(&mut self, name: &str, message: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if self.query.last(name).is_none() {
            self.fail("missing", name, "Field required", "", None);
        }
        self.parsed(name, message, parse)
    }

    /// `from` and `to`, inclusive. Days before any event can be and after today are cut off: nothing is counted there.
    pub fn range(&mut self, today: Day, default_first: impl Fn(Day) -> Day) -> DayRange {
        let last = self.day("to").unwrap_or(today).min(today);
        let earliest = Millis::EARLIEST.day();
        let first = self.day("from").unwrap_or_else(|| default_first(last)).max(earliest);
        let (asked_from, asked_to) = (self.query.last("from").and_then(Day::parse), self.query.last("to").and_then(Day::parse));
        if let (Some(from), Some(to)) = (asked_from, asked_to)
            && from > to
        {
            let input = from.to_string();
            self.fail("value_error", "from", "Value error, from should not be after to", &input, None);
        }
        DayRange { first, last }
    }

    fn day(&mut self, name: &str) -> Option<Day> {
        let input = self.query.last(name)?;
        let day = Day::parse(input);
        if day.is_none() {
            self.fail("date_parsing", name, "Input should be a valid date in the format YYYY-MM-DD", input, None);
        }
        day
    }

    /// Positive whole numbers in a comma list, ascending and each once.
    pub fn numbers(&mut self, name: &str, default: &[u64]) -> Vec<u64> {
        const NUMBERS_MAX: usize = 20;
        let Some(input) = self.query.last(name) else { return default.to_vec() };
        let numbers: Option<BTreeSet<u64>> =
            input.split(',').map(|number| number.trim().parse().ok().filter(|number| *number > 0)).collect();
        match numbers {
            Some(numbers) if numbers.len() <= NUMBERS_MAX => numbers.into_iter().collect(),
            _ => {
                let message =
                    format!("Value error, {name} should be up to {NUMBERS_MAX} positive whole numbers, like 1000000,5000000");
                self.fail("value_error", name, &message, input, None);
                default.to_vec()
            }
        }
    }

    /// 422 with all failures, if there are any.
    pub fn finish(self) -> Result<(), Answer> {
        if self.failures.is_empty() {
            return Ok(());
        }
        Err(Answer::json_with(StatusCode::UNPROCESSABLE_ENTITY, &Failures { detail: self.failures }))
    }

    fn fail(&mut self, kind: &'static str, name: &str, message: &str, input: &str, context: Option<Value>) {
        let loc = ["query".to_owned(), name.to_owned()];
        self.failures.push(Failure { r#type: kind, loc, msg: message.to_owned(), input: input.to_owned(), ctx: context });
    }
}

/// Text read the way pydantic reads an integer: `30`, `+7`, `30.0`, `1_000`, with blanks around it.
#[derive(Debug, PartialEq, Eq)]
enum Integer {
    /// The value; numbers beyond `i64` are its bounds, which no parameter reaches.
    Value(i64),
    TooLong,
    Not,
}

impl Integer {
    fn parse(input: &str) -> Integer {
        let text = input.trim();
        let (negative, digits) = match text.strip_prefix(['+', '-']) {
            Some(digits) => (text.starts_with('-'), digits),
            None => (false, text),
        };
        let whole = match digits.split_once('.') {
            Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
            Some(_) => return Integer::Not,
            None => digits,
        };
        if whole.is_empty() || !whole.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())) {
            return Integer::Not;
        }
        if whole.len() > DIGITS_MAX {
            return Integer::TooLong;
        }
        let value = whole
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
        Integer::Value(if negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_pydantic_reads_them() {
        for (input, value) in [("30", 30), ("30.0", 30), ("+7", 7), (" 7", 7), ("-3", -3), ("007", 7), ("1_0", 10)] {
            assert_eq!(Integer::parse(input), Integer::Value(value), "{input:?}");
        }
        for input in ["", "1.5", "abc", "+", "1__0", "_1", "1e3", "0x10", "٣", "+-7", ".0"] {
            assert_eq!(Integer::parse(input), Integer::Not, "{input:?}");
        }
        assert_eq!(Integer::parse(&"9".repeat(30)), Integer::Value(i64::MAX));
        assert_eq!(Integer::parse(&"9".repeat(5000)), Integer::TooLong);
    }

    #[test]
    fn words_ranges_and_includes_name_what_would_do() {
        let query = QueryString::parse("interval=year&from=2026-02-30&include=x&fill=none");
        let mut validation = Validation::new(&query);
        validation.word("interval", 0, &[("day", 0), ("week", 1), ("month", 2)]);
        assert!(!validation.word("fill", true, &[("none", false)]));
        validation.range(Day::parse("2026-11-20").unwrap(), |last| last);
        assert!(!validation.include_uniques());
        let messages: Vec<&str> = validation.failures.iter().map(|failure| failure.msg.as_str()).collect();
        assert_eq!(
            messages,
            [
                "Input should be 'day', 'week' or 'month'",
                "Input should be a valid date in the format YYYY-MM-DD",
                "Input should be 'unique_downloaders'"
            ]
        );
    }
}
