//! Lines out of bytes that come in pieces, in bounded memory.

use std::borrow::Cow;
use std::ops::Range;

/// Of a longer line only what stands around a hit is looked at: nobody's message is longer.
const PIECE: usize = 8 << 10;
/// Bytes without a line break that are waited for.
const LONGEST: usize = 1 << 20;

/// What has come and is no whole line yet.
#[derive(Default)]
pub(super) struct Lines {
    waiting: Vec<u8>,
    /// Lines handed out.
    pub(super) count: u64,
}

impl Lines {
    /// Takes further bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The whole lines that have come, if there are any; of a line without end a part that ends between words.
    pub(super) fn block(&mut self) -> Option<Vec<u8>> {
        let end = match memchr::memrchr(b'\n', &self.waiting) {
            Some(at) => at + 1,
            None if self.waiting.len() >= LONGEST => {
                let most = self.waiting.len() - PIECE;
                memchr::memrchr(b' ', &self.waiting[..most]).filter(|at| *at > 0).unwrap_or(most)
            }
            None => return None,
        };
        let rest = self.waiting.split_off(end);
        Some(std::mem::replace(&mut self.waiting, rest))
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }
}

/// Line breaks in it.
pub(super) fn breaks(bytes: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u64::MAX)
}

/// What of a line from `from` to `to` is looked at for a hit: all of it, of a long one what stands around the hit.
pub(super) fn window(block: &[u8], from: usize, to: usize, hit: usize) -> Range<usize> {
    let start = if hit - from <= PIECE / 2 { from } else { hit - PIECE / 2 };
    let end = to.min(hit + PIECE / 2);
    let word = |at: usize| memchr::memchr(b' ', &block[at..hit]).map_or(hit, |space| at + space);
    if start == from { start..end } else { word(start)..end }
}

/// A line as text: colours and other terminal sequences left out, what is no UTF-8 replaced.
pub(super) fn plain(line: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(0x1b, line).is_none() {
        return String::from_utf8_lossy(line);
    }
    let mut kept = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        kept.extend_from_slice(&rest[..at]);
        rest = &rest[at + sequence(&rest[at..])..];
    }
    kept.extend_from_slice(rest);
    Cow::Owned(String::from_utf8_lossy(&kept).into_owned())
}

/// The length of the control sequence at the start (ECMA-48 section 5.4: parameters, then one final byte); OSC ends with BEL or ST.
fn sequence(bytes: &[u8]) -> usize {
    let length = match bytes.get(1) {
        Some(b'[') => bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte)).map(|at| at + 3),
        Some(b']') => memchr::memchr2(0x07, b'\\', bytes).map(|at| at + 1),
        _ => None,
    };
    length.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_comes_in_parts() {
        let mut lines = Lines::default();
        lines.push(&b"word ".repeat(1 << 18));
        let block = lines.block().unwrap();
        assert!(block.len() > LONGEST && block.ends_with(b"word"));
        assert!(lines.rest().len() <= PIECE + 5);
        let long = b"word ".repeat(1 << 12);
        assert_eq!(window(&long, 0, 4000, 2000), 0..4000, "a line that is not long stays whole");
        let around = window(&long, 0, long.len(), 10_000);
        assert!(around.len() <= PIECE && around.contains(&10_000) && long[around].starts_with(b" word"));
    }

    #[test]
    fn terminal_sequences_are_left_out() {
        assert_eq!(plain(b"a\x1b[31;1mred\x1b[0m\x1b]0;title\x07 b\x1b"), "ared b");
        assert_eq!(plain(b"\xff"), "\u{fffd}");
    }
}
