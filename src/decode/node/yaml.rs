//! YAML → [`Node`], from parser events: a stack instead of recursion, and aliases expanded on an allowance.
//!
//! An alias bomb is small as text and huge as a tree. Every node that is built, copied for an anchor or copied for an alias is paid
//! from `Limits::yaml_nodes`, long text that is copied likewise, so that the allowance bounds memory.

use super::{Node, at_least_one, without_bom};
use crate::decode::Limits;
use crate::model::{Defect, DefectKind, Position};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::borrow::Cow;
use std::collections::HashMap;

/// Bytes of copied text that cost as much as a node.
const TEXT_PER_NODE: usize = 64;

impl<'a> Node<'a> {
    /// Reads the first document of a YAML text (YAML 1.2 core schema; tags make text, merge keys stay keys). No document: `Null`.
    ///
    /// # Errors
    /// `Yaml` with the position of the fault, `TooDeep` or `TooManyNodes`.
    pub fn yaml(bytes: &'a [u8], limits: &Limits) -> Result<Self, Defect> {
        let bytes = without_bom(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
        let mut builder = Builder { limits, left: limits.yaml_nodes, open: Vec::new(), anchors: HashMap::new(), root: None };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Defect {
                kind: DefectKind::Yaml(error.info().into()),
                position: Some(position(error.marker())),
            })?;
            builder.event(event).map_err(|kind| Defect { kind, position: Some(position(&span.start)) })?;
            if let Some(root) = builder.root.take() {
                return Ok(root);
            }
        }
        Ok(Node::Null)
    }
}

fn position(marker: &Marker) -> Position {
    Position { line: at_least_one(marker.line()), column: at_least_one(marker.col().saturating_add(1)) }
}

fn not_utf8(bytes: &[u8], valid: usize) -> Defect {
    let line = memchr::memchr_iter(b'\n', bytes.get(..valid).unwrap_or_default()).count();
    let position = Position { line: at_least_one(line.saturating_add(1)), column: 1 };
    Defect { kind: DefectKind::Yaml("not UTF-8 text".into()), position: Some(position) }
}

/// A list or map whose end has not come.
struct Open<'a> {
    anchor: usize,
    /// The allowance when it began: the difference at its end is what a copy of it costs.
    left_before: usize,
    collection: Collection<'a>,
}

enum Collection<'a> {
    Seq(Vec<Node<'a>>),
    /// The pairs, and the key that waits for its value.
    Map(Vec<(Cow<'a, str>, Node<'a>)>, Option<Cow<'a, str>>),
}

struct Builder<'a, 'l> {
    limits: &'l Limits,
    left: usize,
    open: Vec<Open<'a>>,
    /// Anchored nodes with what a copy of each costs.
    anchors: HashMap<usize, (Node<'a>, usize)>,
    root: Option<Node<'a>>,
}

impl<'a> Builder<'a, '_> {
    fn event(&mut self, event: Event<'a>) -> Result<(), DefectKind> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let left_before = self.left;
                let copied = if matches!(text, Cow::Owned(_)) { text.len() / TEXT_PER_NODE } else { 0 };
                self.pay(copied.saturating_add(1))?;
                let plain = style == ScalarStyle::Plain && tag.is_none() && !self.awaits_key();
                let node = if plain { resolve(text) } else { Node::Str(text) };
                self.finish(anchor, left_before, node)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, Collection::Seq(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(anchor, Collection::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, left_before, collection }) = self.open.pop() else { return Ok(()) };
                let node = match collection {
                    Collection::Seq(items) => Node::Seq(items),
                    Collection::Map(entries, _) => Node::Map(entries),
                };
                self.finish(anchor, left_before, node)
            }
            Event::Alias(anchor) => {
                let Some((node, cost)) = self.anchors.get(&anchor) else {
                    return Err(DefectKind::Yaml("an alias within its own anchor".into()));
                };
                let (node, cost) = (node.clone(), *cost);
                self.pay(cost)?;
                self.place(node);
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, collection: Collection<'a>) -> Result<(), DefectKind> {
        if self.open.len() >= self.limits.depth {
            return Err(DefectKind::TooDeep(self.limits.depth));
        }
        let left_before = self.left;
        self.pay(1)?;
        self.open.push(Open { anchor, left_before, collection });
        Ok(())
    }

    /// A node is complete: remember it if it has an anchor (numbered from 1), and put it where it belongs.
    fn finish(&mut self, anchor: usize, left_before: usize, node: Node<'a>) -> Result<(), DefectKind> {
        if anchor > 0 {
            let cost = left_before.saturating_sub(self.left);
            self.pay(cost)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        self.place(node);
        Ok(())
    }

    fn place(&mut self, node: Node<'a>) {
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.root = Some(node),
            Some(Collection::Seq(items)) => items.push(node),
            Some(Collection::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                // Keys that are lists or maps are lawful YAML, and nothing to Kubernetes.
                None => *key = Some(if let Node::Str(text) = node { text } else { Cow::Borrowed("") }),
            },
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last().map(|open| &open.collection), Some(Collection::Map(_, None)))
    }

    fn pay(&mut self, nodes: usize) -> Result<(), DefectKind> {
        self.left = self.left.checked_sub(nodes).ok_or(DefectKind::TooManyNodes(self.limits.yaml_nodes))?;
        Ok(())
    }
}

/// A plain scalar by the core schema (YAML 1.2.2 section 10.3.2).
fn resolve(text: Cow<'_, str>) -> Node<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        number if is_number(number) => Node::Number(number.parse().ok()),
        _ => Node::Str(text),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    }
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
        // Rust's floats are the schema's, plus words ("infinity", "nan"), which start with a letter.
        || (unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') && unsigned.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Result<Node<'_>, DefectKind> {
        Node::yaml(text.as_bytes(), &Limits { yaml_nodes: 10_000, ..Limits::default() }).map_err(|defect| defect.kind)
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        let node = yaml(
            "a: true\nb: \"true\"\nc: 1\nd: '1'\ne: ~\nf: 1.2.3\ng: !!str 7\nh: !!binary aGk=\ni: 0x1f\nj: 1e5\nk: infinity\n",
        );
        let node = node.unwrap();
        assert_eq!(node.field("a"), Some(&Node::Bool(true)));
        assert_eq!(node.text(&["b"]), Some("true"));
        assert_eq!(node.field("c"), Some(&Node::Number(Some(1))));
        assert_eq!(node.text(&["d"]), Some("1"));
        assert_eq!(node.field("e"), None);
        assert_eq!(node.text(&["f"]), Some("1.2.3"));
        assert_eq!(node.text(&["g"]), Some("7"));
        assert_eq!(node.text(&["h"]), Some("aGk="));
        assert_eq!(node.field("i"), Some(&Node::Number(None)));
        assert_eq!(node.field("j"), Some(&Node::Number(None)));
        assert_eq!(node.text(&["k"]), Some("infinity"));
    }

    #[test]
    fn block_scalars_and_keys_of_every_kind() {
        let node = yaml("\u{feff}lit: |\n  a\n  b\nfold: >-\n  a\n  b\ntrue: key\n1: key\n? [x]\n: key\n").unwrap();
        assert_eq!(node.text(&["lit"]), Some("a\nb\n"));
        assert_eq!(node.text(&["fold"]), Some("a b"));
        assert_eq!(node.text(&["true"]), Some("key"));
        assert_eq!(node.text(&["1"]), Some("key"));
        assert_eq!(node.text(&[""]), Some("key"));
    }

    #[test]
    fn aliases_are_copies() {
        let node = yaml("a: &x {k: [v]}\nb: *x\nc: *x\n").unwrap();
        assert_eq!(node.field("a"), node.field("c"));
        assert!(matches!(yaml("a: *nowhere\n"), Err(DefectKind::Yaml(_))));
        assert!(matches!(yaml("a: &x [*x]\n"), Err(DefectKind::Yaml(_))));
    }

    #[test]
    fn bombs_are_harmless() {
        let laugh = |level: usize| format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 9].join(","));
        let laughs = (1..9).map(laugh).collect::<Vec<_>>().concat();
        assert_eq!(yaml(&format!("l0: &l0 lol\n{laughs}")), Err(DefectKind::TooManyNodes(10_000)));
        let long = format!("a: &a |\n  {}\nb: [{}]\n", "x".repeat(64_000), vec!["*a"; 100].join(","));
        assert_eq!(yaml(&long), Err(DefectKind::TooManyNodes(10_000)));
        assert_eq!(yaml(&"- ".repeat(101)), Err(DefectKind::TooDeep(100)));
        assert!(yaml(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn faults_carry_their_position() {
        let defect = Node::yaml(b"a: 1\nb: [\n", &Limits::default()).unwrap_err();
        assert!(matches!(defect.kind, DefectKind::Yaml(_)));
        assert!(defect.position.is_some_and(|position| position.line >= 2), "{defect:?}");
        let defect = Node::yaml(b"a: 1\nb: \xff\n", &Limits::default()).unwrap_err();
        assert_eq!(defect.position, Some(Position { line: 2, column: 1 }));
    }
}
