//! JSON whose strings hide nothing: what has no shape of its own leaves as `\u` escapes.

use crate::report::escape::is_hidden;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use std::io;

/// Any formatter, with hidden characters escaped. JSON itself asks that of C0 alone (RFC 8259 section 7).
pub(in crate::report) struct Escaping<F>(F);

impl Escaping<PrettyFormatter<'static>> {
    /// Two spaces a level.
    pub(in crate::report) fn pretty() -> Self {
        Self(PrettyFormatter::new())
    }
}

impl Escaping<CompactFormatter> {
    /// Everything on one line.
    pub(in crate::report) fn compact() -> Self {
        Self(CompactFormatter)
    }
}

/// Passes the layout of arrays and objects on to the formatter within.
macro_rules! delegate {
    ($($method:ident($($argument:ident: $kind:ty)?);)+) => {$(
        fn $method<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $kind)?) -> io::Result<()> {
            self.0.$method(writer $(, $argument)?)
        }
    )+};
}

impl<F: Formatter> Formatter for Escaping<F> {
    delegate! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut utf8 = [0; 4];
        let mut utf16 = [0; 2];
        for c in fragment.chars() {
            if is_hidden(c) {
                c.encode_utf16(&mut utf16).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            } else {
                writer.write_all(c.encode_utf8(&mut utf8).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_json::Serializer;

    fn compact(text: &str) -> String {
        let mut out = Vec::new();
        text.serialize(&mut Serializer::with_formatter(&mut out, Escaping::compact())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hidden_characters_are_escaped_and_come_back() {
        let text = "a\u{0}\u{1b}[2J\u{7f}\u{85}\u{202e}\u{200b}\u{2028}\u{feff}\u{e0041}\"\\b";
        let json = compact(text);
        assert_eq!(json, r#""a\u0000\u001b[2J\u007f\u0085\u202e\u200b\u2028\ufeff\udb40\udc41\"\\b""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn visible_text_stays() {
        assert_eq!(compact("CN=证书,O=é"), "\"CN=证书,O=é\"");
    }

    #[test]
    fn the_layout_is_that_of_the_formatter_within() {
        let value = serde_json::json!({"a": [1, 2], "b": {}, "c": []});
        let mut out = Vec::new();
        value.serialize(&mut Serializer::with_formatter(&mut out, Escaping::pretty())).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&value).unwrap());
    }
}
