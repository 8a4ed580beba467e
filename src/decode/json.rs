//! Where the objects are in a stream of JSON: found by their brackets, not parsed.
//!
//! The elements of every `items` array one level below the top, and of an array at the top, become pieces of their own, so that a
//! dump of any length goes by in a window the size of its largest object. What is left of a document once its items are taken out
//! (its *shell*) is a piece too, as is a document without items. Several documents may follow each other (JSON lines). Strings, by
//! far most of such dumps, are crossed by `memchr`.

use super::Limits;
use super::manifest::{self, Kind};
use super::node::Node;
use super::stream::{Matter, Piece, Splitter};
use crate::model::DefectKind;
use memchr::memchr2;
use std::ops::Range;

/// The splitter's state between two windows. Offsets are into the window.
pub(super) struct JsonSplitter {
    /// The next byte to look at.
    at: usize,
    part: Part,
    string: Text,
    /// Brackets open in the present item, or in the document outside its items.
    depth: usize,
    /// Where the present item or segment of a document begins.
    start: usize,
    /// Whether the present item or segment is larger than the limit; its bytes are no longer kept then.
    oversized: bool,
    key: Key,
    shell: Shell,
    limits: Limits,
    /// `limits.document_bytes`.
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Before, between and after documents.
    Between,
    /// In a document, outside its items.
    Document,
    /// Between the elements of `items`.
    List,
    /// In an element of `items`.
    Item,
    /// This is not JSON; nothing that follows is looked at.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    /// Inside, after a backslash.
    Escaped,
}

/// The key of the value to come, one level below the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// The next string is a key.
    Expected,
    /// A key that begins here; `None` when its beginning is no longer in the window.
    Begun(Option<usize>),
    /// `items`.
    Items,
    /// Another one.
    Other,
}

/// A document without its items.
#[derive(Default)]
struct Shell {
    /// Its bytes, once items were taken out.
    bytes: Option<Vec<u8>>,
    /// Whether the document is an array.
    is_array: bool,
    /// What its kind says about items without one.
    hint: Option<&'static Kind>,
    /// Whether it is larger than the limit.
    oversized: bool,
}

impl JsonSplitter {
    pub(super) fn new(limits: Limits, limit: usize) -> Self {
        Self {
            at: 0,
            part: Part::Between,
            string: Text::Outside,
            depth: 0,
            start: 0,
            oversized: false,
            key: Key::Other,
            shell: Shell::default(),
            limits,
            limit,
        }
    }
}

impl Splitter for JsonSplitter {
    fn scan(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        while self.at < window.len() {
            if self.string != Text::Outside {
                self.cross_string(window);
                continue;
            }
            match self.part {
                Part::Between => self.between(window, pieces),
                Part::Document => self.document(window, pieces),
                Part::List => self.list(window, pieces),
                Part::Item => self.item(window, pieces),
                Part::Lost => self.at = window.len(),
            }
        }
    }

    fn finish(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        if !matches!(self.part, Part::Between | Part::Lost) {
            let start = if self.part == Part::List || self.oversized { window.len() } else { self.start };
            let reason = DefectKind::Json("the text ends within the value that begins here".into());
            pieces.push(Piece { range: start..window.len(), matter: Matter::Broken(reason) });
            self.part = Part::Lost;
        }
    }

    fn keep_from(&self) -> usize {
        match self.part {
            Part::Document | Part::Item if !self.oversized => self.start,
            _ => self.at,
        }
    }

    fn give_up(&mut self, _: &[u8], _: &mut Vec<Piece>) {
        self.oversized = true;
    }

    fn shift(&mut self, by: usize) {
        self.at = self.at.saturating_sub(by);
        self.start = self.start.saturating_sub(by);
        if let Key::Begun(Some(begin)) = self.key {
            self.key = Key::Begun(begin.checked_sub(by));
        }
    }

    fn is_lost(&self) -> bool {
        self.part == Part::Lost
    }
}

impl JsonSplitter {
    /// To the end of the string, or of the window.
    fn cross_string(&mut self, window: &[u8]) {
        if self.string == Text::Escaped {
            self.at += 1;
            self.string = Text::Inside;
        }
        while let Some(rest) = window.get(self.at..) {
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                self.at = window.len();
                return;
            };
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                self.string = Text::Outside;
                self.end_of_string(window);
                return;
            }
            if self.at >= window.len() {
                self.string = Text::Escaped;
                return;
            }
            self.at += 1;
        }
    }

    fn end_of_string(&mut self, window: &[u8]) {
        if let Key::Begun(begin) = self.key {
            let text = begin.and_then(|begin| window.get(begin..self.at.saturating_sub(1)));
            self.key = if text == Some(b"items") { Key::Items } else { Key::Other };
        }
    }

    fn between(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        self.start = self.at;
        self.depth = 1;
        self.oversized = false;
        self.shell = Shell::default();
        match window.get(self.at) {
            Some(b'{') => {
                self.part = Part::Document;
                self.key = Key::Expected;
            }
            Some(b'[') => {
                self.shell.is_array = true;
                self.enter_list(window);
            }
            // Also byte order marks, which concatenated files have in the middle.
            Some(byte) if byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte) => {}
            _ => self.lose("an object or array should begin here", pieces),
        }
        self.at += 1;
    }

    fn document(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        while let Some(byte) = window.get(self.at) {
            match byte {
                b'"' => {
                    let is_key = self.depth == 1 && self.key == Key::Expected;
                    self.key = if is_key { Key::Begun(Some(self.at + 1)) } else { Key::Other };
                    self.string = Text::Inside;
                }
                b'[' if self.depth == 1 && self.key == Key::Items => self.enter_list(window),
                b'{' | b'[' => {
                    self.depth += 1;
                    self.key = Key::Other;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.end_of_document(window, pieces);
                    }
                }
                b',' if self.depth == 1 => self.key = Key::Expected,
                _ => {}
            }
            self.at += 1;
            if self.string != Text::Outside || self.part != Part::Document {
                return;
            }
        }
    }

    fn list(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        while let Some(byte) = window.get(self.at) {
            match byte {
                b'{' | b'[' => {
                    self.part = Part::Item;
                    self.start = self.at;
                    self.depth = 1;
                    self.oversized = false;
                }
                b']' => {
                    self.part = Part::Document;
                    self.start = self.at;
                    self.depth = 1;
                    self.oversized = false;
                    if self.shell.is_array {
                        self.end_of_document(window, pieces);
                    }
                }
                b'"' => self.string = Text::Inside,
                // Numbers, words, commas: nothing that holds a certificate.
                byte if byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b",+-.".contains(byte) => {}
                _ => self.lose("an element of a list should begin here", pieces),
            }
            self.at += 1;
            if self.string != Text::Outside || self.part != Part::List {
                return;
            }
        }
    }

    fn item(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        while let Some(byte) = window.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => {
                    self.string = Text::Inside;
                    return;
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.push(self.start..self.at, Matter::Item(self.shell.hint), pieces);
                        self.part = Part::List;
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// The list's `[` is the byte at hand. What the document said before it may tell the kind of its items.
    fn enter_list(&mut self, window: &[u8]) {
        self.part = Part::List;
        let first = self.shell.bytes.is_none();
        self.keep_segment(window);
        if first && !self.shell.is_array {
            let mut closed = self.shell.bytes.clone().unwrap_or_default();
            closed.extend_from_slice(b"]}");
            let node = Node::json(&closed, &self.limits).ok();
            self.shell.hint = node.as_ref().and_then(|list| list.text(&["kind"])).and_then(manifest::of_list);
        }
    }

    /// The document's last bracket is the byte at hand.
    fn end_of_document(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        self.part = Part::Between;
        if self.shell.bytes.is_none() {
            return self.push(self.start..self.at + 1, Matter::Document, pieces);
        }
        self.keep_segment(window);
        self.oversized = self.shell.oversized;
        let shell = self.shell.bytes.take().unwrap_or_default();
        self.push(self.at..self.at, Matter::Shell(shell), pieces);
    }

    /// Adds the document's text since `start`, up to and with the byte at hand, to its shell.
    fn keep_segment(&mut self, window: &[u8]) {
        let segment = window.get(self.start..=self.at).unwrap_or_default();
        let bytes = self.shell.bytes.get_or_insert_default();
        if self.oversized || bytes.len().saturating_add(segment.len()) > self.limit {
            self.shell.oversized = true;
        } else {
            bytes.extend_from_slice(segment);
        }
    }

    fn push(&mut self, range: Range<usize>, matter: Matter, pieces: &mut Vec<Piece>) {
        pieces.push(if self.oversized { Piece::too_large(self.at, self.limit) } else { Piece { range, matter } });
    }

    fn lose(&mut self, reason: &'static str, pieces: &mut Vec<Piece>) {
        self.part = Part::Lost;
        pieces.push(Piece { range: self.at..self.at, matter: Matter::Broken(DefectKind::Json(reason.into())) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::stream::testing::cut;
    use proptest::prelude::*;

    fn pieces(text: &str) -> Vec<String> {
        cut(Box::new(JsonSplitter::new(Limits::default(), 1 << 20)), text.as_bytes(), usize::MAX, usize::MAX)
    }

    #[test]
    fn items_and_what_is_left_of_their_lists() {
        assert_eq!(
            pieces(r#" {"kind":"List","items":[{"a":"]"}, [1] ,"x",7,null],"b":{"items":[1]}} "#),
            [r#"item {"a":"]"}"#, "item [1]", r#"shell {"kind":"List","items":[],"b":{"items":[1]}}"#]
        );
        assert_eq!(pieces(r#"[{"a":1},{"b":2}]"#), [r#"item {"a":1}"#, r#"item {"b":2}"#, "shell []"]);
        assert_eq!(pieces(r#"{"items":[],"items":[{}]}"#), ["item {}", r#"shell {"items":[],"items":[]}"#]);
    }

    #[test]
    fn documents_follow_each_other() {
        assert_eq!(
            pieces("{\"a\":\"\\\\\"}\n\u{feff}{\"items\":null}{}"),
            ["document {\"a\":\"\\\\\"}", "document {\"items\":null}", "document {}"]
        );
        assert_eq!(pieces(r#"{"a":"items","b":["items",{}]}"#).len(), 1, "a value is no key");
        assert_eq!(pieces(r#"{"a":{"items":[{}]}}"#).len(), 1, "only at the top");
    }

    #[test]
    fn the_kind_of_a_list_is_told_to_its_items() {
        let text = r#"{"kind":"SecretList","items":[{}]}"#;
        let mut splitter = JsonSplitter::new(Limits::default(), 1 << 20);
        let mut pieces = Vec::new();
        splitter.scan(text.as_bytes(), &mut pieces);
        assert!(matches!(&pieces[0].matter, Matter::Item(Some(kind)) if format!("{kind:?}") == "Secret"));
    }

    #[test]
    fn what_came_before_a_fault_is_kept() {
        assert_eq!(pieces(r#"{"items":[{"a":1},{"b":"#), [r#"item {"a":1}"#, r#"broken {"b":"#]);
        assert_eq!(pieces(r#"{"items":[{"a":1}"#), [r#"item {"a":1}"#, "broken "]);
        assert_eq!(pieces(r#"{"items":[{"a":1};{}]}"#), [r#"item {"a":1}"#, "broken "]);
        assert_eq!(pieces("{} Error from server {}"), ["document {}", "broken "]);
    }

    #[test]
    fn what_is_too_large_is_passed_over() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(300));
        let small = |text: &str| cut(Box::new(JsonSplitter::new(Limits::default(), 100)), text.as_bytes(), 40, 100);
        assert_eq!(
            small(&format!(r#"{{"items":[{long},{{"b":1}}]}}{{}}"#)),
            ["broken ", r#"item {"b":1}"#, r#"shell {"items":[]}"#, "document {}"]
        );
        assert_eq!(small(&format!("{long}{{}}")), ["broken ", "document {}"]);
    }

    proptest! {
        #[test]
        fn the_size_of_windows_does_not_matter(text in r#"([{}\[\]",: \\a1]|"items":\[|"kind":"SecretList",){0,60}"#, step in 1_usize..9) {
            let splitter = || Box::new(JsonSplitter::new(Limits::default(), 1 << 20));
            prop_assert_eq!(cut(splitter(), text.as_bytes(), usize::MAX, usize::MAX), cut(splitter(), text.as_bytes(), step, usize::MAX));
        }
    }
}
