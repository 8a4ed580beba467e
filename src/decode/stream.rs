//! A stream of objects: cut into pieces as it is read, the pieces decoded by as many threads as there are processors, what they
//! found put together in the order of the text.
//!
//! What fits into one window is decoded where it is read. Memory is bounded by the windows under way, each of them as large as a
//! chunk or as the largest object.

mod parallel;
mod window;

pub(super) use window::Window;

use super::manifest::Kind;
use super::scribe::{Found, Scribe};
use super::source::Place;
use super::yaml::{Lists, YamlSplitter};
use super::{Decoder, document, json::JsonSplitter};
use crate::model::{Collect, DefectKind, Position};
use std::io::Read;
use std::mem;
use std::ops::Range;
use window::Filled;

/// Texts up to this size are decoded without threads.
const SMALL: usize = 1 << 20;
/// A text with more pieces that do not parse is not read on: it is something else, and each defect takes memory.
pub(super) const MOST_BROKEN: usize = 100;

/// The notation of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// JSON, one document or several.
    Json,
    /// YAML, one document or several.
    Yaml,
}

/// A part of a text that can be decoded on its own.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where in the window it stands.
    pub(super) range: Range<usize>,
    /// What it is.
    pub(super) matter: Matter,
}

/// What a piece is.
#[derive(Debug)]
pub(super) enum Matter {
    /// An element of a list of objects, with what the list says of its kind.
    Item(Option<&'static Kind>),
    /// A document.
    Document,
    /// A document without the items that were taken out of it.
    Shell(Vec<u8>),
    /// Nothing that could be cut out.
    Broken(DefectKind),
}

impl Piece {
    /// A piece that ends here and was larger than the limit.
    pub(super) fn too_large(end: usize, limit: usize) -> Self {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Self { range: end..end, matter: Matter::Broken(DefectKind::TooLarge(limit)) }
    }
}

/// Finds pieces in a text that comes in windows. A window begins with what the one before left over.
pub(super) trait Splitter {
    /// Looks at what is new in the window.
    fn scan(&mut self, window: &[u8], pieces: &mut Vec<Piece>);
    /// The text ends with this window.
    fn finish(&mut self, window: &[u8], pieces: &mut Vec<Piece>);
    /// Where the bytes begin that have to be in the next window.
    fn keep_from(&self) -> usize;
    /// The piece under way is too large: it need not be kept any longer.
    fn give_up(&mut self, window: &[u8], pieces: &mut Vec<Piece>);
    /// So many bytes at the beginning of the window are gone.
    fn shift(&mut self, by: usize);
    /// Whether nothing that follows will be understood.
    fn is_lost(&self) -> bool;
}

/// A window with its pieces.
pub(super) struct Batch {
    /// The window.
    pub(super) bytes: Window,
    /// What was found complete in it, in order.
    pub(super) pieces: Vec<Piece>,
    /// Where in the text the window begins.
    pub(super) start: Cursor,
}

/// Reads a stream to its end, decodes its objects, and says what else was found.
pub(super) fn read(
    decoder: &Decoder,
    place: &Place,
    syntax: Syntax,
    mut window: Window,
    reader: &mut dyn Read,
    out: &mut dyn Collect,
) -> Found {
    let wanted = SMALL.saturating_sub(window.len());
    let mut found = match window.fill(reader, wanted) {
        Ok(Filled::More) => parallel::read(decoder, place, syntax, window, reader, out),
        filled => {
            let mut found = in_memory(Scribe::new(decoder, place), syntax, window);
            if let Err(error) = filled {
                found.unreadable(place, &error);
            }
            mem::take(&mut found.inventory).drain_into(out);
            found
        }
    };
    decoder.keep(mem::take(&mut found.keyring), out);
    found
}

/// Decodes a text that is in memory.
fn in_memory(mut scribe: Scribe<'_>, syntax: Syntax, bytes: Window) -> Found {
    let mut batch = Batch::new(pieces(splitter(scribe.decoder, syntax, Lists::Apart), &bytes), bytes);
    document::batch(&mut scribe, syntax, &batch, None);
    let apart = scribe.take();
    if syntax == Syntax::Json || apart.broken == 0 {
        return apart;
    }
    batch.pieces = pieces(splitter(scribe.decoder, syntax, Lists::Whole), &batch.bytes);
    document::batch(&mut scribe, syntax, &batch, None);
    let whole = scribe.take();
    if whole.broken == 0 { whole } else { apart }
}

pub(super) fn splitter(decoder: &Decoder, syntax: Syntax, lists: Lists) -> Box<dyn Splitter> {
    let limits = *decoder.limits();
    let bytes = usize::try_from(limits.document_bytes).unwrap_or(usize::MAX);
    match syntax {
        Syntax::Json => Box::new(JsonSplitter::new(limits, bytes)),
        Syntax::Yaml => Box::new(YamlSplitter::new(limits, bytes, lists)),
    }
}

/// The pieces of a text that is in memory.
pub(super) fn pieces(mut splitter: Box<dyn Splitter>, text: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    splitter.scan(text, &mut pieces);
    splitter.finish(text, &mut pieces);
    pieces
}

impl Batch {
    /// The whole of a text.
    pub(super) fn new(pieces: Vec<Piece>, bytes: Window) -> Self {
        Self { bytes, pieces, start: Cursor::default() }
    }
}

/// A position in a text, moved on over what is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    line: u64,
    column: u64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Cursor {
    /// Moves over these bytes. Columns count characters.
    pub(super) fn advance(&mut self, bytes: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        if lines > 0 {
            self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
            self.column = 1;
        }
        let last = memchr::memrchr(b'\n', bytes).map_or(bytes, |at| bytes.get(at + 1..).unwrap_or_default());
        let characters = last.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        self.column = self.column.saturating_add(u64::try_from(characters).unwrap_or(u64::MAX));
    }

    /// Where it stands.
    pub(super) fn position(self) -> Position {
        Position { line: self.line, column: self.column }
    }

    /// A position that was counted from here, in the whole text.
    pub(super) fn plus(self, inner: Position) -> Position {
        let column = if inner.line <= 1 { self.column.saturating_add(inner.column).saturating_sub(1) } else { inner.column };
        Position { line: self.line.saturating_add(inner.line).saturating_sub(1), column }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Cuts a text that comes in steps of this size and gives up pieces larger than `most`, as `Parallel::cut` does; shows the pieces.
    pub(in crate::decode) fn cut(mut splitter: Box<dyn Splitter>, text: &[u8], step: usize, most: usize) -> Vec<String> {
        let (mut window, mut shown) = (Vec::new(), Vec::new());
        let mut steps = text.chunks(step.min(text.len()).max(1));
        loop {
            let mut pieces = Vec::new();
            let next = steps.next();
            window.extend_from_slice(next.unwrap_or_default());
            splitter.scan(&window, &mut pieces);
            if next.is_none() {
                splitter.finish(&window, &mut pieces);
            } else if window.len() - splitter.keep_from() > most {
                splitter.give_up(&window, &mut pieces);
            }
            for Piece { range, matter } in pieces {
                let text = String::from_utf8_lossy(&window[range]);
                shown.push(match matter {
                    Matter::Item(_) => format!("item {text}"),
                    Matter::Document => format!("document {text}"),
                    Matter::Shell(shell) => format!("shell {}", String::from_utf8_lossy(&shell)),
                    Matter::Broken(_) => format!("broken {text}"),
                });
            }
            if next.is_none() {
                return shown;
            }
            let keep_from = splitter.keep_from();
            splitter.shift(keep_from);
            window.drain(..keep_from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::{CERTIFICATE, base64, named};

    #[test]
    fn many_threads_find_the_same_in_the_same_order() {
        let certificate = base64(CERTIFICATE);
        let object = |number: usize| {
            format!(
                r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"s{number}"}},"data":{{"tls.crt":"{certificate}"}}}}"#
            )
        };
        let count = 4000;
        let objects: Vec<_> = (0..count).map(object).collect();
        let list = format!("{{\"apiVersion\":\"v1\",\"items\":[\n{}\n],\"kind\":\"List\"}}", objects.join(",\n"));
        assert!(list.len() > 2 * SMALL);
        let expected: Vec<_> =
            (0..count).map(|number| format!("secret s{number} data[tls.crt] Credential: certificate")).collect();
        for (text, examined) in [
            (list, 1 + count),
            (objects.join("\n"), 1 + count),
            (format!("apiVersion: v1\nitems:\n- {}\nkind: List\n", objects.join("\n- ")), 1 + count),
        ] {
            let finds = named(&text);
            assert_eq!(finds.lines(), expected);
            assert_eq!(finds.inventory.examined, u64::try_from(examined).unwrap());
        }
    }

    #[test]
    fn positions_are_those_of_the_whole_text() {
        let filler = format!("{{\"a\":\"{}\"}}\n", "é".repeat(1000)).repeat(1000);
        let text = format!("{filler}{{\"items\":[\n {{\"certificate\": x}}]}}");
        let finds = named(&text);
        let holding = &finds.inventory.holdings[0];
        let position = holding.defects().next().and_then(|(_, defect)| defect.position);
        assert_eq!(position, Some(Position { line: 1002, column: 18 }));
    }

    #[test]
    fn garbage_ends_after_so_many_defects() {
        let finds = named(format!("[{}]", "{x},".repeat(1_000_000)));
        assert!((MOST_BROKEN..MOST_BROKEN * 20).contains(&finds.inventory.holdings.len()), "{}", finds.inventory.holdings.len());
    }

    #[test]
    fn anchors_across_items_are_followed() {
        let text =
            format!("items:\n- &a\n  kind: Secret\n  metadata: {{name: x}}\n  data: {{ca.crt: {}}}\n- *a\n", base64(CERTIFICATE));
        assert_eq!(named(text).lines(), ["secret x data[ca.crt] Trust: certificate"; 2]);
    }
}
