//! NDJSON: one JSON object per line, under Hugging Face's names or our own.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Escaping, Field, Fields, Naming};
use super::flat::{self, Habits, Value};
use super::request::Request;
use crate::model::RejectReason;

/// Reads one object under the names of `habits`. Unknown keys are ignored, `null` means absent, a key that comes twice has
/// its last value.
pub(super) fn parse<'a>(text: &'a str, habits: &mut Habits) -> Result<Request<'a>, RejectReason> {
    let mut sorted = Sorted::new(habits.naming());
    sorted.read(text, habits)?;
    sorted.request()
}

/// Reads one object if it is plainly an event of ours: flat, with no key but ours, and with a time. `None` says nothing.
pub(super) fn parse_own<'a>(text: &'a str, habits: &mut Habits) -> Option<Result<Request<'a>, RejectReason>> {
    let mut sorted = Sorted::new(habits.naming());
    let mut foreign = false;
    flat::each(text, habits, |field, value| {
        foreign |= field == Field::Unknown;
        sorted.put(field, value);
    })?;
    let is_own = !foreign && sorted.fields.is_present(Field::Time);
    is_own.then(|| sorted.request())
}

/// The fields of one object.
pub(super) fn fields<'a>(text: &'a str, habits: &mut Habits) -> Result<Fields<'a>, RejectReason> {
    let mut sorted = Sorted::new(habits.naming());
    sorted.read(text, habits)?;
    sorted.checked()?;
    Ok(sorted.fields)
}

/// The fields that may be numbers, as bits.
const NUMBERS: u32 = Field::Time.bit() | Field::Status.bit() | AMOUNTS;
const AMOUNTS: u32 = Field::Bytes.bit() | Field::Duration.bit();

/// The fields that may be texts, as bits. nginx writes what its `log_format` says, with quotes or without.
fn texts(naming: Naming) -> u32 {
    let known = !Field::Unknown.bit();
    if naming == Naming::Nginx { known } else { known & !AMOUNTS }
}

/// The values of an object sorted into [`Fields`], as they stand in the text.
struct Sorted<'a> {
    naming: Naming,
    texts: u32,
    fields: Fields<'a>,
    wrong_type: bool,
}

impl<'a> Sorted<'a> {
    fn new(naming: Naming) -> Sorted<'a> {
        Sorted { naming, texts: texts(naming), fields: Fields::new(Escaping::Json), wrong_type: false }
    }

    /// Sorts in one object, into nothing yet.
    fn read(&mut self, text: &'a str, habits: &mut Habits) -> Result<(), RejectReason> {
        if self.read_flat(text, habits).is_some() {
            return Ok(());
        }
        // Something of it may have been sorted in before it turned out not to be flat.
        *self = Sorted::new(self.naming);
        self.read_any(text)
    }

    /// `None` if the object is not flat.
    fn read_flat(&mut self, text: &'a str, habits: &mut Habits) -> Option<()> {
        flat::each(text, habits, |field, value| self.put(field, value))
    }

    fn read_any(&mut self, text: &'a str) -> Result<(), RejectReason> {
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.deserialize_map(Keys(self)).and_then(|()| reader.end()).map_err(|_| RejectReason::BadSyntax)
    }

    /// Inlined, so that the value stays in registers: read from memory just behind its parts were written, it waits for them.
    #[inline(always)]
    fn put(&mut self, field: Field, value: Value<'a>) {
        match value {
            Value::Text(text) if self.texts & field.bit() != 0 => self.fields.set(field, text, false),
            Value::Number(text) if NUMBERS & field.bit() != 0 => self.fields.set(field, text, false),
            _ if field == Field::Unknown => {}
            Value::Null if field == Field::GitProtocol => self.fields.remove(field),
            Value::Null => self.fields.set(field, "", false),
            Value::Text(_) | Value::Number(_) | Value::Bool => self.wrong_type = true,
        }
    }

    fn put_raw(&mut self, field: Field, raw: &'a str) {
        let value = match raw.as_bytes() {
            b"null" => Value::Null,
            [b'"', text @ .., b'"'] if memchr::memchr(b'\\', text).is_none() => {
                Value::Text(raw.get(1..raw.len() - 1).unwrap_or_default())
            }
            [b'"', ..] if self.texts & field.bit() != 0 => return self.fields.set(field, raw, true),
            [b'-' | b'0'..=b'9', ..] => Value::Number(raw),
            // Neither fits any field.
            _ => Value::Bool,
        };
        self.put(field, value);
    }

    fn checked(&self) -> Result<(), RejectReason> {
        if self.wrong_type { Err(RejectReason::BadField) } else { Ok(()) }
    }

    /// The request that the values make up.
    fn request(&self) -> Result<Request<'a>, RejectReason> {
        self.checked()?;
        self.fields.request(self.naming)
    }
}

/// Takes all keys and values of an object.
struct Keys<'s, 'a>(&'s mut Sorted<'a>);

impl<'a> Visitor<'a> for Keys<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name(self.0.naming))? {
            if field == Field::Unknown {
                map.next_value::<IgnoredAny>()?;
            } else {
                self.0.put_raw(field, map.next_value::<&RawValue>()?.get());
            }
        }
        Ok(())
    }
}

/// Reads a key as the field it names, without keeping it.
struct Name(Naming);

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Field;

    fn deserialize<D: Deserializer<'a>>(self, key: D) -> Result<Field, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Field, E> {
        Ok(self.0.field(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be told of the fields of an object.
    fn told(Sorted { fields, wrong_type, .. }: &Sorted<'_>) -> Result<Vec<(bool, String)>, RejectReason> {
        if *wrong_type {
            return Err(RejectReason::BadField);
        }
        let all = [Field::Time, Field::Status, Field::Repo, Field::Path, Field::Bytes, Field::GitProtocol, Field::Id];
        Ok(all.into_iter().map(|field| (fields.is_present(field), format!("{:?}", fields.text(field)))).collect())
    }

    const PIECES: &[&str] = &[
        "{",
        "}",
        "{\"",
        "\"}",
        "\":\"",
        "\", \"",
        "\":",
        ",\"",
        "\"",
        ":",
        ",",
        " ",
        "  ",
        "\t",
        "ts",
        "status",
        "repo",
        "path",
        "bytes",
        "git_protocol",
        "id",
        "other",
        "null",
        "true",
        "false",
        "0",
        "7",
        "12.50",
        "-3",
        "01",
        "1.",
        "1e3",
        ".5",
        "[",
        "]",
        "\\\"",
        "\\n",
        "\\",
        "\u{1}",
        "\u{1f}",
        "\u{7f}",
        "é",
        "eight by",
        "{\"ts\":1",
        "\"bytes\":0}",
        "\"id\": \"x\"}",
        "\r",
    ];

    /// An object that is valid but for one piece somewhere.
    fn almost_valid(random: &mut impl FnMut(usize) -> usize) -> String {
        let mut parts = vec!["{"];
        for _ in 0..random(4) {
            parts.extend(["\"", ["ts", "status", "path", "bytes", "git_protocol", "id", "other"][random(7)], "\""]);
            parts.push([":", ":", ":", ": ", " :"][random(5)]);
            parts.push(["\"a\"", "\"\"", "0", "-1.5", "null", "true", "\"a longer text\"", "[1]"][random(8)]);
            parts.push([",", ",", ", ", " ,"][random(4)]);
        }
        parts.pop();
        parts.push(["}", "} ", "}}"][random(20).saturating_sub(17)]);
        let at = random(parts.len());
        if random(2) == 0 {
            parts[at] = PIECES[random(PIECES.len())];
        }
        parts.concat()
    }

    #[test]
    fn what_is_read_as_flat_is_what_the_reader_reads() {
        let mut random = crate::generate::numbers(11);
        let (mut flat, mut valid) = (0, 0);
        // Whatever stood between the values of those before.
        let mut all_habits = [Naming::Events, Naming::Nginx].map(Habits::of);
        for round in 0..400_000 {
            let text = match round % 2 {
                0 => (0..1 + random(12)).map(|_| PIECES[random(PIECES.len())]).collect(),
                _ => almost_valid(&mut random),
            };
            for habits in &mut all_habits {
                let naming = habits.naming();
                let (mut short, mut long) = (Sorted::new(naming), Sorted::new(naming));
                let read = long.read_any(&text).and_then(|()| told(&long));
                valid += usize::from(read.is_ok());
                let is_flat = short.read_flat(&text, habits).is_some();
                let mut alone = Sorted::new(naming);
                assert_eq!(alone.read_flat(&text, &mut Habits::of(naming)).is_some(), is_flat, "{text:?} alone");
                if is_flat {
                    flat += 1;
                    assert_eq!(told(&short), read, "{text:?}");
                }
            }
        }
        assert!(flat > 50_000 && valid > 60_000, "{flat} flat, {valid} valid");
    }

    #[test]
    fn ordinary_events_are_flat() {
        let mut habits = Habits::of(Naming::Events);
        for text in [
            r#"{"ts":"2026-05-01T00:00:00Z","repo":"org/name","path":"config.json","ip":"192.0.2.1","status":200}"#,
            r#"{"ts": 1777593600.5, "repo": "org/name", "user": null, "bytes": 0}"#,
            r#"{ "ts" : 1777593600 , "repo" : "org/name" }"#,
        ] {
            assert!(parse_own(text, &mut habits).is_some_and(|request| request.is_ok()), "{text}");
        }
        for text in [r#"{"repo":"org/name"}"#, r#"{"ts":1,"repo":"a/b","msec":1}"#, r#"{"ts":1,"repo":"a\/b"}"#, "{}", ""] {
            assert!(parse_own(text, &mut habits).is_none(), "{text}");
        }
    }
}
