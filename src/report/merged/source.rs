//! One file of results, line by line: what does not belong there is said with its line, and the rest is read.

use super::Merged;
use super::line::{Finding, Line, Origin, OriginKind};
use crate::model::Code;
use serde_json::error::Category;
use std::mem;

/// The longest line that is read. A finding about a hundred thousand places is one.
const LONGEST: usize = 64 << 20;
/// Bad lines of one file that are told one by one.
const TOLD: u64 = 10;

/// A file of results that is being read.
pub struct Source<'m> {
    merged: &'m mut Merged,
    name: Box<str>,
    kind: OriginKind,
    /// What was read of the present line.
    begun: Vec<u8>,
    /// Whether it is too long, and only its end is waited for.
    too_long: bool,
    number: u64,
    bad: u64,
    /// Whether the last line was the summary of a check.
    complete: bool,
}

impl<'m> Source<'m> {
    /// A file under its name, `-` for standard input.
    #[must_use]
    pub fn new(name: &str, merged: &'m mut Merged) -> Self {
        let kind = if name == "-" { OriginKind::Stdin } else { OriginKind::File };
        Self { merged, name: name.into(), kind, begun: Vec::new(), too_long: false, number: 0, bad: 0, complete: false }
    }

    /// The next bytes of it.
    pub fn feed(&mut self, block: &[u8]) {
        let mut lines = block.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = lines.next() {
            if self.begun.len() + part.len() > LONGEST {
                self.too_long = true;
                self.begun = Vec::new();
            }
            if !self.too_long {
                self.begun.extend_from_slice(part);
            }
            if lines.peek().is_some() {
                self.line();
            }
        }
    }

    /// There is no more of it.
    pub fn end(mut self) {
        if !self.begun.is_empty() || self.too_long {
            self.line();
        }
        if self.bad > TOLD {
            let message = format!("{} more lines are no results", self.bad - TOLD);
            self.finding(Code::Malformed, message, "", BAD_LINE);
        }
        if !self.complete {
            let message = "the summary in which a check ends is missing: cut off, or written by inspect, which judges nothing";
            self.finding(Code::Malformed, message.to_owned(), "", NO_SUMMARY);
        }
        self.merged.sources += 1;
    }

    /// It could not be read to its end.
    pub fn unreadable(mut self, why: &str) {
        self.finding(Code::Unreadable, why.to_owned(), "", UNREADABLE);
    }

    fn line(&mut self) {
        self.number += 1;
        let line = mem::take(&mut self.begun);
        if mem::take(&mut self.too_long) {
            return self.bad("is too long");
        }
        if line.trim_ascii().is_empty() {
            return;
        }
        self.complete = false;
        match serde_json::from_slice(&line) {
            Ok(Line::Summary(summary)) => {
                self.merged.as_of(summary.evaluated_at);
                self.complete = true;
            }
            Ok(Line::Certificate(certificate)) => self.merged.certificate(*certificate),
            Ok(Line::Defect(defect)) => self.merged.defect(defect),
            Ok(Line::Finding(finding)) => self.merged.finding(finding),
            Ok(Line::Peer(_)) => {}
            // The words of the error may hold what stands there, which may be anything.
            Err(error) => self.bad(match error.classify() {
                Category::Eof => "is cut off",
                Category::Syntax | Category::Io => "is not JSON",
                Category::Data => "is no line that kcert writes",
            }),
        }
        // The next line is likely to be as long.
        if line.capacity() < 1 << 16 {
            self.begun = line;
            self.begun.clear();
        }
    }

    fn bad(&mut self, why: &'static str) {
        self.bad += 1;
        self.merged.unread += 1;
        if self.bad <= TOLD {
            let field = format!("line {}", self.number);
            self.finding(Code::Malformed, format!("line {} {why}", self.number), &field, BAD_LINE);
        }
    }

    fn finding(&mut self, code: Code, message: String, field: &str, hint: &'static str) {
        let origin = Origin {
            kind: self.kind,
            source: self.name.clone(),
            file: None,
            field: field.into(),
            index: 0,
            role: None,
            host: None,
        };
        self.merged.finding(Finding::unknown(code, message, hint, origin));
    }
}

const BAD_LINE: &str = "Keep what kcert check -o jsonl writes apart from its standard error and from other output.";
const NO_SUMMARY: &str = "Run that shard again: kcert check -o jsonl --shard I/N SOURCE...";
const UNREADABLE: &str = "Restore the file, or correct the path.";
