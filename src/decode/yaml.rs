//! Where the objects are in a stream of YAML: found by their lines, not parsed.
//!
//! Documents end at `---` and `...` at the start of a line, which no scalar may contain (YAML 1.2.2 section 9.1.4). In a document
//! whose line `items:` is followed by a block list, the elements begin where `- ` stands at the indentation of that list: everything
//! inside them, block scalars included, is indented deeper. Each element is a list of one and parses on its own, unless it takes an
//! alias from a neighbour: small texts are then read without taking lists apart (`Lists::Whole`).

use super::Limits;
use super::manifest::{self, Kind};
use super::node::Node;
use super::stream::{Matter, Piece, Splitter};
use memchr::memchr;
use std::mem;
use std::ops::Range;

/// Whether lists of objects are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// Into their elements.
    Apart,
    /// No: a document is one piece.
    Whole,
}

/// The splitter's state between two windows. Offsets are into the window.
pub(super) struct YamlSplitter {
    /// Where the present line begins.
    at: usize,
    /// Where to go on looking for its end.
    searched: usize,
    /// Whether the beginning of the present line is gone, with a piece that was too large.
    headless: bool,
    part: Part,
    /// Where the present element, or segment of a document outside its elements, begins.
    start: usize,
    /// Whether it is larger than the limit.
    oversized: bool,
    /// The document without its elements, once some were taken out.
    shell: Option<Vec<u8>>,
    /// What the document's kind says about elements without one.
    hint: Option<&'static Kind>,
    lists: Lists,
    limits: Limits,
    /// `limits.document_bytes`.
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Outside a list of objects.
    Document,
    /// After `items:`.
    BeforeList,
    /// In an element of the list with this indentation.
    Item(usize),
}

impl YamlSplitter {
    pub(super) fn new(limits: Limits, limit: usize, lists: Lists) -> Self {
        Self {
            at: 0,
            searched: 0,
            headless: false,
            part: Part::Document,
            start: 0,
            oversized: false,
            shell: None,
            hint: None,
            lists,
            limits,
            limit,
        }
    }
}

impl Splitter for YamlSplitter {
    fn scan(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        while let Some(found) = window.get(self.searched..).and_then(|rest| memchr(b'\n', rest)) {
            self.line(window, self.searched + found + 1, pieces);
        }
        self.searched = window.len();
    }

    fn finish(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        if self.at < window.len() {
            self.line(window, window.len(), pieces);
        }
        self.end_of_document(window, window.len(), pieces);
    }

    fn keep_from(&self) -> usize {
        if self.oversized { self.at } else { self.start }
    }

    fn give_up(&mut self, window: &[u8], pieces: &mut Vec<Piece>) {
        // If it is a single line that is too large, its beginning ends the element before it.
        if !self.headless && self.searched.saturating_sub(self.at) > self.limit / 2 {
            let line = Line::of(window.get(self.at..).unwrap_or_default());
            self.sort(window, line, self.searched, pieces);
        }
        self.oversized = true;
        // The rest of a line of which the beginning is dropped says nothing any more.
        self.headless |= self.at < self.searched;
        self.at = self.searched;
    }

    fn shift(&mut self, by: usize) {
        self.at = self.at.saturating_sub(by);
        self.searched = self.searched.saturating_sub(by);
        self.start = self.start.saturating_sub(by);
    }

    fn is_lost(&self) -> bool {
        false
    }
}

impl YamlSplitter {
    /// Takes the line that ends before `end`.
    fn line(&mut self, window: &[u8], end: usize, pieces: &mut Vec<Piece>) {
        let text = if self.headless { b"  " } else { window.get(self.at..end).unwrap_or_default() };
        self.headless = false;
        self.sort(window, Line::of(text), end, pieces);
        self.at = end;
        self.searched = end;
    }

    fn sort(&mut self, window: &[u8], line: Line, end: usize, pieces: &mut Vec<Piece>) {
        match (self.part, line) {
            (_, Line::Marker(rest)) => {
                self.end_of_document(window, self.at, pieces);
                // What follows `---` on its line belongs to the new document; `...` and a bare `---` need not be parsed.
                self.start = if rest { self.at } else { end };
            }
            (Part::Document, Line::Items) if self.lists == Lists::Apart => self.part = Part::BeforeList,
            (Part::BeforeList, Line::Element(indent)) => self.enter_list(window, indent, pieces),
            (Part::Item(list), Line::Element(indent)) if indent == list => {
                self.push(self.start..self.at, Matter::Item(self.hint), pieces);
                self.start = self.at;
            }
            (Part::Item(list), Line::Element(indent) | Line::Other(indent)) if indent > list => {}
            (Part::Item(_), Line::Items | Line::Element(_) | Line::Other(_)) => {
                self.push(self.start..self.at, Matter::Item(self.hint), pieces);
                self.start = self.at;
                self.part = if line == Line::Items { Part::BeforeList } else { Part::Document };
            }
            (Part::BeforeList, Line::Other(_)) => self.part = Part::Document,
            _ => {}
        }
    }

    /// The first element begins at the line at hand. What the document said before it may tell the kind of its elements.
    fn enter_list(&mut self, window: &[u8], indent: usize, pieces: &mut Vec<Piece>) {
        let first = self.shell.is_none();
        self.keep_segment(window, self.at);
        if mem::take(&mut self.oversized) {
            pieces.push(Piece::too_large(self.at, self.limit));
        }
        if first {
            let node = self.shell.as_deref().and_then(|text| Node::yaml(text, &self.limits).ok());
            self.hint = node.as_ref().and_then(|list| list.text(&["kind"])).and_then(manifest::of_list);
        }
        self.part = Part::Item(indent);
        self.start = self.at;
    }

    /// The document ends before `end`.
    fn end_of_document(&mut self, window: &[u8], end: usize, pieces: &mut Vec<Piece>) {
        if matches!(self.part, Part::Item(_)) {
            self.push(self.start..end, Matter::Item(self.hint), pieces);
            self.start = end;
        }
        if self.shell.is_some() {
            self.keep_segment(window, end);
            let shell = self.shell.take().unwrap_or_default();
            self.push(end..end, Matter::Shell(shell), pieces);
        } else if self.oversized || window.get(self.start..end).is_some_and(|text| !is_void(text)) {
            self.push(self.start..end, Matter::Document, pieces);
        }
        self.part = Part::Document;
        self.hint = None;
        self.start = end;
    }

    /// Adds the document's text from `start` up to `end` to its shell.
    fn keep_segment(&mut self, window: &[u8], end: usize) {
        let segment = window.get(self.start..end).unwrap_or_default();
        let shell = self.shell.get_or_insert_default();
        if shell.len().saturating_add(segment.len()) > self.limit {
            self.oversized = true;
        } else if !self.oversized {
            shell.extend_from_slice(segment);
        }
    }

    fn push(&mut self, range: Range<usize>, matter: Matter, pieces: &mut Vec<Piece>) {
        pieces.push(if self.oversized { Piece::too_large(range.end, self.limit) } else { Piece { range, matter } });
        self.oversized = false;
    }
}

/// What a line says about the structure, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// `---` or `...`, and whether content may follow on it.
    Marker(bool),
    /// The key `items:` at the left edge, with nothing behind it.
    Items,
    /// `- ` at this indentation.
    Element(usize),
    /// Nothing but white space or a comment.
    Blank,
    /// Anything else at this indentation.
    Other(usize),
}

impl Line {
    fn of(text: &[u8]) -> Self {
        let text = text.trim_ascii_end();
        let indent = text.iter().take_while(|byte| **byte == b' ').count();
        let content = text.get(indent..).unwrap_or_default();
        match content {
            [] | [b'#', ..] => Self::Blank,
            [b'-', b'-', b'-'] | [b'.', b'.', b'.'] if indent == 0 => Self::Marker(false),
            [b'-', b'-', b'-', b' ' | b'\t', ..] | [b'.', b'.', b'.', b' ' | b'\t', ..] if indent == 0 => Self::Marker(true),
            [b'-'] | [b'-', b' ', ..] => Self::Element(indent),
            [b'i', b't', b'e', b'm', b's', b':', rest @ ..] if indent == 0 && is_void(rest) => Self::Items,
            _ => Self::Other(indent),
        }
    }
}

/// Whether a text is nothing but white space, comments and directives.
fn is_void(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').all(|line| matches!(line.trim_ascii(), [] | [b'#' | b'%', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::stream::testing::cut;
    use proptest::prelude::*;

    fn pieces(text: &str) -> Vec<String> {
        cut(splitter(Lists::Apart), text.as_bytes(), usize::MAX, usize::MAX)
    }

    fn splitter(lists: Lists) -> Box<dyn Splitter> {
        Box::new(YamlSplitter::new(Limits::default(), 1 << 20, lists))
    }

    #[test]
    fn items_and_what_is_left_of_their_lists() {
        let text = "apiVersion: v1\nitems:\n# first\n- a: |\n    - x\n  b:\n  - 1\n\n- c\nkind: List\n";
        assert_eq!(
            pieces(text),
            ["item - a: |\n    - x\n  b:\n  - 1\n\n", "item - c\n", "shell apiVersion: v1\nitems:\n# first\nkind: List\n"]
        );
        assert_eq!(pieces("items:   # two\n  - a\n  - b"), ["item   - a\n", "item   - b", "shell items:   # two\n"]);
        assert_eq!(cut(splitter(Lists::Whole), text.as_bytes(), usize::MAX, usize::MAX), [format!("document {text}")]);
    }

    #[test]
    fn documents_follow_each_other() {
        assert_eq!(
            pieces("# c\n---\na: 1\n...\n---\n---\r\nb: 2\n--- !t {c: 3}\nitems: []\n"),
            ["document a: 1\n", "document b: 2\n", "document --- !t {c: 3}\nitems: []\n"]
        );
        assert_eq!(pieces("data:\n  items:\n  - a\n  ---: x\n").len(), 1);
        assert_eq!(pieces("%YAML 1.2\n---\n"), [""; 0]);
    }

    #[test]
    fn what_is_too_large_is_passed_over() {
        let small = |text: &str| cut(Box::new(YamlSplitter::new(Limits::default(), 100, Lists::Apart)), text.as_bytes(), 40, 100);
        let long = "x".repeat(300);
        assert_eq!(small(&format!("items:\n- z\n- a: {long}\n- b\n")), ["item - z\n", "broken ", "item - b\n", "shell items:\n"]);
        assert_eq!(small(&format!("a: {long}\n---\nb: 1\n")), ["broken ", "document b: 1\n"]);
        assert_eq!(small(&format!("a: {long}\nitems:\n- b\n")), ["broken ", "item - b\n", "shell "]);
    }

    proptest! {
        #[test]
        fn the_size_of_windows_does_not_matter(text in "(items:\n|- a\n|  - b\n|---\n|\\.\\.\\.|\n| x: \\|\n|kind: SecretList\n|# c\n|k){0,20}", step in 1_usize..9) {
            prop_assert_eq!(cut(splitter(Lists::Apart), text.as_bytes(), usize::MAX, usize::MAX), cut(splitter(Lists::Apart), text.as_bytes(), step, usize::MAX));
        }
    }
}
