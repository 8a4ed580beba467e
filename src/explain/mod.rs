//! Log lines in, explanations out: which handshake spoke, who refused, why, and what to do.
//!
//! Rule: nothing is kept of a log but the groups that it falls into. Bytes are fed as they come, lines that no row can fit are not even
//! looked at, and secrets are cut before anything is taken from a line.
//!
//! ```text
//! bytes → words (which lines?) → redact → words (which kind?) ┬ facts, moment   what the line says
//!                                  kinds: the table           ├ scene           who spoke with whom
//!                                                             └ fill            what to run, what to do
//! ```

mod facts;
mod fill;
mod group;
mod kind;
pub mod kinds;
mod lines;
mod moment;
mod nearest;
mod redact;
mod scene;
mod words;

pub use group::Explanation;
pub use kind::{Kind, Rank, Refuser};
pub use scene::End;

use group::{Groups, Line};
use lines::Lines;
use time::OffsetDateTime;
use words::Words;

/// Reads a log and sorts what it knows.
///
/// ```
/// use kcert::explain::Explainer;
/// use time::macros::datetime;
/// let mut explainer = Explainer::new(datetime!(2026-11-21 20:00 UTC));
/// explainer.feed(b"Unable to connect to the server: x509: certificate signed by unknown authority\n");
/// let explained = explainer.finish();
/// assert_eq!(explained.explanations[0].kind.id, "unknown-authority");
/// ```
pub struct Explainer {
    /// Absent only if the tables made no automaton; a test says that they do.
    words: Option<Words>,
    lines: Lines,
    groups: Groups,
    at: OffsetDateTime,
    /// The beginning of the text, for what it was near to.
    head: Vec<u8>,
}

/// Bytes of the beginning that are kept.
const HEAD: usize = 64 << 10;

/// What a log says.
#[derive(Debug)]
pub struct Explained {
    /// Every different error, what others follow from first.
    pub explanations: Vec<Explanation>,
    /// Lines of errors beyond the number of different ones that are kept.
    pub omitted: u64,
    /// The nearest kinds, where nothing was recognised.
    pub nearest: Vec<&'static Kind>,
    /// Lines read.
    pub lines: u64,
}

impl Explainer {
    /// A reader that has read nothing yet; `at` is the instant whose year lines without one are near to.
    #[must_use]
    pub fn new(at: OffsetDateTime) -> Self {
        Self { words: Words::new().ok(), lines: Lines::default(), groups: Groups::default(), at, head: Vec::new() }
    }

    /// Takes further bytes; lines may be cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.head.extend(bytes.iter().take(HEAD.saturating_sub(self.head.len())));
        self.lines.push(bytes);
        while let Some(block) = self.lines.block() {
            self.block(&block);
        }
    }

    /// What it was.
    #[must_use]
    pub fn finish(mut self) -> Explained {
        let rest = self.lines.rest();
        self.block(&rest);
        // What is left has no line break: a last line without one.
        self.lines.count += u64::from(!rest.is_empty());
        if self.groups.is_empty() && self.lines.count > 1 && self.head.len() < HEAD {
            self.unwrapped();
        }
        let unknown = self.groups.is_empty();
        let nearest = if unknown { nearest::nearest(&String::from_utf8_lossy(&self.head)) } else { Vec::new() };
        let (explanations, omitted) = self.groups.finish();
        Explained { explanations, omitted, nearest, lines: self.lines.count }
    }

    /// The whole as one line: a message that mail or a terminal broke.
    fn unwrapped(&mut self) {
        let text = String::from_utf8_lossy(&self.head).split_whitespace().collect::<Vec<_>>().join(" ");
        self.line(text.as_bytes(), 1);
    }

    fn block(&mut self, block: &[u8]) {
        let (mut start, mut counted) = (0, 0);
        while let Some(hit) = self.words.as_ref().and_then(|words| words.next(block, start)) {
            let from = memchr::memrchr(b'\n', &block[start..hit]).map_or(start, |at| start + at + 1);
            let to = memchr::memchr(b'\n', &block[hit..]).map_or(block.len(), |at| hit + at);
            self.lines.count += lines::breaks(&block[counted..from]);
            counted = from;
            let number = self.lines.count + 1;
            let (mut begin, mut next) = (from, Some(hit));
            while let Some(hit) = next {
                let window = lines::window(block, begin, to, hit);
                begin = window.end;
                self.line(&block[window], number);
                next = self.words.as_ref().and_then(|words| words.next(&block[..to], begin));
            }
            start = to;
        }
        self.lines.count += lines::breaks(&block[counted..]);
    }

    fn line(&mut self, bytes: &[u8], number: u64) {
        let Some(words) = &self.words else { return };
        let plain = lines::plain(bytes);
        let present = words.present(&plain);
        if let Some(kind) = present.kind() {
            let line = redact::redact(&plain, &present);
            let facts = facts::facts(&line, &present);
            self.groups.add(kind, scene::ends(kind, &present), facts, Line { text: &line, number }, self.at);
        }
    }
}

#[cfg(test)]
mod tests;
