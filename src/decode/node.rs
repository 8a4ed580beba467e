//! One borrowed tree for JSON and YAML, and the look-ups that readers of objects need.
//!
//! Strings are borrowed from the text wherever they stand in it unescaped. Kubernetes treats `null` as absent, and so does every
//! look-up here. Of numbers only whole ones have a value: kcert reads no others.

mod yaml;

use super::Limits;
use crate::model::{Defect, DefectKind, Position};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// A value of JSON or YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with its value if that is a whole one.
    Number(Option<i64>),
    /// Text.
    Str(Cow<'a, str>),
    /// A list.
    Seq(Vec<Node<'a>>),
    /// Pairs in the order of the text; of equal keys the last one counts, as in Go.
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Reads one JSON value.
    ///
    /// # Errors
    /// `Json` with the position of the fault, `TooDeep` or `TooManyNodes`.
    pub fn json(bytes: &'a [u8], limits: &Limits) -> Result<Self, Defect> {
        let text = without_bom(bytes);
        // To look at all of it once is quicker than at each string; one that is no UTF-8 is named with its place.
        match std::str::from_utf8(text) {
            Ok(text) => Self::read(&mut serde_json::Deserializer::from_str(text), limits),
            Err(_) => Self::read(&mut serde_json::Deserializer::from_slice(text), limits),
        }
    }

    fn read<R: serde_json::de::Read<'a>>(
        deserializer: &mut serde_json::Deserializer<R>,
        limits: &Limits,
    ) -> Result<Self, Defect> {
        let left = Cell::new(limits.yaml_nodes);
        let read = Seed { depth: limits.depth, left: &left }.deserialize(&mut *deserializer);
        read.and_then(|node| deserializer.end().map(|()| node)).map_err(|error| {
            let position = Position { line: at_least_one(error.line()), column: at_least_one(error.column()) };
            // Every type is welcome, so the data errors that there are come from the limits.
            let kind = match error.classify() {
                Category::Data if left.get() == 0 => DefectKind::TooManyNodes(limits.yaml_nodes),
                Category::Data => DefectKind::TooDeep(limits.depth),
                _ => DefectKind::Json(reason(&error)),
            };
            Defect { kind, position: Some(position) }
        })
    }

    /// The value of a key in a map.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let (_, value) = self.entries().iter().rev().find(|(key, _)| key == name)?;
        (*value != Node::Null).then_some(value)
    }

    /// The value at the end of a path of keys.
    #[must_use]
    pub fn path(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |node, name| node.field(name))
    }

    /// The text at the end of a path of keys.
    #[must_use]
    pub fn text(&self, names: &[&str]) -> Option<&str> {
        self.path(names)?.str()
    }

    /// The text, if it is one.
    #[must_use]
    pub fn str(&self) -> Option<&str> {
        if let Node::Str(text) = self { Some(text) } else { None }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        if let Node::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        if let Node::Number(value) = self { *value } else { None }
    }

    /// The port, if it is the number of one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.number().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
    }

    /// The elements of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Node::Seq(items) = self { items } else { &[] }
    }

    /// The pairs of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Cow<'a, str>, Self)] {
        if let Node::Map(entries) = self { entries } else { &[] }
    }
}

/// The text after a UTF-8 byte order mark, which Windows tools write and parsers refuse.
pub(super) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn at_least_one(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX).max(1)
}

/// What serde_json says, without the position that it appends.
fn reason(error: &serde_json::Error) -> Box<str> {
    let text = error.to_string();
    text.split_once(" at line ").map_or(&*text, |(reason, _)| reason).into()
}

/// Builds a node, this many levels deep at most (fewer than serde_json's own limit of 128, which stays on), from this allowance of
/// nodes: `[[],[],…]` is fifteen times as large as a tree as it is as text.
#[derive(Clone, Copy)]
struct Seed<'c> {
    depth: usize,
    left: &'c Cell<usize>,
}

/// Entries of most maps in a Secret, at most: a vector that grows to that many moves twice.
const USUAL_ENTRIES: usize = 6;

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        self.depth.checked_sub(1).map(|depth| Self { depth, ..self }).ok_or_else(|| E::custom("too deep"))
    }

    fn pay<E: Error>(self) -> Result<(), E> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many nodes"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        self.pay()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(Some(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(i64::try_from(value).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Number(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Str(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(seed)? {
            items.push(item);
        }
        Ok(Node::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut entries = Vec::new();
        while let Some(key) = access.next_key_seed(Key)? {
            if entries.is_empty() {
                entries.reserve(USUAL_ENTRIES);
            }
            // Server-side bookkeeping, often the larger half of an object, and never a certificate.
            if key == "managedFields" {
                access.next_value::<IgnoredAny>()?;
            } else {
                entries.push((key, access.next_value_seed(seed)?));
            }
        }
        Ok(Node::Map(entries))
    }
}

/// Takes a map's key, borrowed where it can be: serde's own `Cow` always copies.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(bytes: &[u8]) -> Result<Node<'_>, Defect> {
        Node::json(bytes, &Limits { depth: 8, yaml_nodes: 1000, ..Limits::default() })
    }

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let node = json(br#"{"plain":"text","escaped":"a\nb"}"#).unwrap();
        assert!(matches!(node.field("plain"), Some(Node::Str(Cow::Borrowed("text")))));
        assert_eq!(node.field("escaped").and_then(Node::str), Some("a\nb"));
        assert!(matches!(&node.entries()[0].0, Cow::Borrowed("plain")));
    }

    #[test]
    fn look_ups_treat_null_as_absent_and_take_the_last_of_equal_keys() {
        let node = json("\u{feff}{\"a\":{\"b\":[true]},\"n\":null,\"x\":\"1\",\"x\":\"2\"}".as_bytes()).unwrap();
        assert_eq!(node.path(&["a", "b"]).map(|list| list.items().len()), Some(1));
        assert_eq!(node.path(&["a", "b"]).and_then(|list| list.items()[0].bool()), Some(true));
        assert_eq!(node.field("n"), None);
        assert_eq!(node.text(&["x"]), Some("2"));
        assert_eq!(node.path(&["a", "b", "c"]), None);
    }

    #[test]
    fn faults_carry_their_position() {
        let defect = json(b"{\n \"a\": tru }").unwrap_err();
        assert!(matches!(&defect.kind, DefectKind::Json(reason) if &**reason == "expected ident"), "{defect:?}");
        assert_eq!(defect.position.map(|position| position.line), Some(2));
        assert!(matches!(json(b"{} {}").unwrap_err().kind, DefectKind::Json(_)));
    }

    #[test]
    fn size_is_bounded() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(json(&nested(8)).is_ok());
        assert_eq!(json(&nested(9)).unwrap_err().kind, DefectKind::TooDeep(8));
        assert_eq!(json(&nested(100_000)).unwrap_err().kind, DefectKind::TooDeep(8));
        let wide = format!("[{}1]", "1,".repeat(999));
        assert_eq!(json(wide.as_bytes()).unwrap_err().kind, DefectKind::TooManyNodes(1000));
    }
}
