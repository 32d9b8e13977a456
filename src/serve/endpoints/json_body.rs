//! Small JSON bodies read into values, with errors that say what is wrong.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::Millis;
use crate::serve::answer::Answer;
use crate::serve::call::Call;
use crate::serve::intake::Held;
use crate::serve::limits;

/// Epoch numbers from here on are milliseconds: as seconds they would lie after the year 5000.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The body as a value.
pub async fn read<T: DeserializeOwned>(call: &mut Call) -> Result<T, Answer> {
    let (body, _share) = Held::read(call, limits::JSON_BYTES_MAX).await?.decoded()?;
    serde_json::from_slice(&body)
        .map_err(|error| Answer::bad_request(&format!("the body is not the JSON expected here: {error}")))
}

/// An instant: RFC 3339, or epoch seconds or milliseconds.
pub fn instant(value: &Value) -> Result<Millis, Answer> {
    let number = |number: i64| Millis(if number.abs() < MILLISECONDS_FROM { number.saturating_mul(1000) } else { number });
    let at = match value {
        Value::String(text) => Millis::parse_rfc3339(text),
        Value::Number(given) => given.as_i64().map(number),
        _ => None,
    };
    at.ok_or_else(|| Answer::bad_request("a time is RFC 3339 such as \"2026-11-20T12:00:00Z\", or epoch seconds or milliseconds"))
}

/// An instant that may be absent.
pub fn optional_instant(value: Option<&Value>) -> Result<Option<Millis>, Answer> {
    value.filter(|value| !value.is_null()).map(instant).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn seconds_milliseconds_and_text_are_the_same_instant() {
        let at = Millis(1_700_000_000_000);
        for value in [json!(1_700_000_000), json!(1_700_000_000_000_i64), json!("2023-11-14T22:13:20Z")] {
            assert_eq!(instant(&value).ok(), Some(at));
        }
        assert!(instant(&json!("yesterday")).is_err() && instant(&json!([])).is_err());
        assert_eq!(optional_instant(Some(&Value::Null)).ok(), Some(None));
    }
}
