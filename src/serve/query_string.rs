//! Query strings and forms: names and values, decoded exactly once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The parameters in the order they came.
#[derive(Debug, Default)]
pub struct QueryString(Vec<(String, String)>);

impl QueryString {
    /// Reads `a=1&b=2`.
    #[must_use]
    pub fn parse(text: &str) -> QueryString {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        QueryString(decoded.collect())
    }

    /// The value of a parameter; the last one wins, as in FastAPI.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a repeated parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All parameters, decoded, in the order they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &str) -> String {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_repeated_parameter_wins() {
        let query = QueryString::parse("days=1&days=%2B7&&limit&x=a+b");
        assert_eq!(query.last("days"), Some("+7"));
        assert_eq!((query.last("limit"), query.last("x"), query.last("y")), (Some(""), Some("a b"), None));
        assert_eq!(query.all("days").collect::<Vec<_>>(), ["1", "+7"]);
    }
}
