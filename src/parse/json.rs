//! NDJSON: one JSON object per line, under Hugging Face's names or our own.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Escaping, Field, Fields, Naming};
use super::request::Request;
use crate::model::RejectReason;

/// Reads one object. Unknown keys are ignored, `null` means absent, a key that comes twice has its last value.
pub(super) fn parse(text: &str, naming: Naming) -> Result<Request<'_>, RejectReason> {
    fields(text, naming)?.request(naming)
}

/// The fields of one object.
pub(super) fn fields(text: &str, naming: Naming) -> Result<Fields<'_>, RejectReason> {
    let mut fields = Fields::new(Escaping::Json);
    let mut wrong_type = false;
    let mut reader = serde_json::Deserializer::from_str(text);
    let keys = Keys { naming, fields: &mut fields, wrong_type: &mut wrong_type };
    reader.deserialize_map(keys).and_then(|()| reader.end()).map_err(|_| RejectReason::BadSyntax)?;
    if wrong_type {
        return Err(RejectReason::BadField);
    }
    Ok(fields)
}

/// Which JSON types a field may have. nginx writes what its `log_format` says, with quotes or without.
fn allows(naming: Naming, field: Field, is_string: bool) -> bool {
    match field {
        Field::Time | Field::Status => true,
        Field::Bytes | Field::Duration if naming == Naming::Nginx => true,
        Field::Bytes | Field::Duration => !is_string,
        _ => is_string,
    }
}

/// Sorts the values of an object into [`Fields`], as they stand in the text.
struct Keys<'f, 'a> {
    naming: Naming,
    fields: &'f mut Fields<'a>,
    wrong_type: &'f mut bool,
}

impl<'a> Visitor<'a> for Keys<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name(self.naming))? {
            if field == Field::Unknown {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw = map.next_value::<&RawValue>()?.get();
            match raw.as_bytes() {
                b"null" if field == Field::GitProtocol => self.fields.remove(field),
                b"null" => self.fields.set(field, "", false),
                [b'"', text @ .., b'"'] if allows(self.naming, field, true) => {
                    let escaped = memchr::memchr(b'\\', text).is_some();
                    let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
                    self.fields.set(field, if escaped { raw } else { inner }, escaped);
                }
                [b'-' | b'0'..=b'9', ..] if allows(self.naming, field, false) => self.fields.set(field, raw, false),
                _ => *self.wrong_type = true,
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
