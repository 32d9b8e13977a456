//! People who sign in.

use std::fmt;

/// The name of a person: letters, digits, `.`, `_`, `@`, `+` and `-`, 1 to 64 of them. Names that differ in case alone
/// are one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonName(Box<str>);

impl PersonName {
    /// What a name must be, for people.
    pub const HINT: &'static str = "a name is 1 to 64 letters, digits, '.', '_', '@', '+' or '-'";

    /// Checks a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<PersonName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'@' | b'+' | b'-');
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| PersonName(text.into()))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is looked up by.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
