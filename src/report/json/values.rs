//! The small values that every part of the document is made of.

use crate::model::Sha256;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt::Display;
use time::{OffsetDateTime, UtcOffset};

/// Gives a type a schema that stands where it is used, not under a name of its own.
macro_rules! inline_schema {
    ([$($parameter:tt)*] $kind:ty, $schema:expr) => {
        impl<$($parameter)*> JsonSchema for $kind {
            fn schema_name() -> Cow<'static, str> {
                stringify!($kind).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

/// An instant: RFC 3339 in UTC, in whole seconds.
#[derive(Clone, Copy)]
pub(in crate::report) struct Instant(pub(in crate::report) OffsetDateTime);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = self.0.checked_to_offset(UtcOffset::UTC).unwrap_or(self.0);
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        let (hour, minute, second) = at.to_hms();
        serializer.collect_str(&format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
    }
}

inline_schema!([] Instant, json_schema!({ "type": "string", "format": "date-time" }));

/// The identity of a certificate, request or list: `sha256:` and the digest of its DER.
#[derive(Clone, Copy)]
pub(in crate::report) struct Id(pub(in crate::report) Sha256);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{}", self.0))
    }
}

inline_schema!([] Id, json_schema!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" }));

/// Bytes as lower-case hexadecimal without separators.
#[derive(Clone, Copy)]
pub(in crate::report) struct Hexadecimal<T>(pub(in crate::report) T);

impl<T: Display> Serialize for Hexadecimal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

inline_schema!([T] Hexadecimal<T>, json_schema!({ "type": "string", "pattern": "^-?([0-9a-f]{2})*$" }));

/// Anything under the words that it displays as.
#[derive(Clone, Copy)]
pub(in crate::report) struct Text<T>(pub(in crate::report) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

inline_schema!([T] Text<T>, json_schema!({ "type": "string" }));

type Iter<'r, T> = Box<dyn Iterator<Item = T> + 'r>;

/// A list whose rows are made while they are written: a document over a hundred thousand Secrets never stands in memory as a whole.
pub(in crate::report) struct Rows<'r, T>(Box<dyn Fn() -> Iter<'r, T> + 'r>);

impl<'r, T> Rows<'r, T> {
    /// The rows that `make` gives, each time they are asked for.
    pub(in crate::report) fn new<I: Iterator<Item = T> + 'r>(make: impl Fn() -> I + 'r) -> Self {
        Self(Box::new(move || Box::new(make())))
    }
}

impl<T: Serialize> Serialize for Rows<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl<T: JsonSchema> JsonSchema for Rows<'_, T> {
    fn schema_name() -> Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<T>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn instants_are_utc_in_whole_seconds() {
        let text = |at| serde_json::to_value(Instant(at)).unwrap();
        assert_eq!(text(datetime!(2026-11-22 01:02:03.9 +02:00)), "2026-11-21T23:02:03Z");
        assert_eq!(text(datetime!(9999-12-31 23:59:59 -05:00)), "9999-12-31T23:59:59Z", "beyond what UTC can say");
        assert_eq!(text(datetime!(0050-01-01 0:00 UTC)), "0050-01-01T00:00:00Z");
    }
}
