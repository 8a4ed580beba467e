//! The inside of PEM blocks: base64 to bytes, and byte offsets to lines and columns.

use super::pem::{Block, Flaw};
use super::symbols::{self, Padding};
use crate::model::{Defect, DefectKind, Position};
use zeroize::Zeroizing;

/// Decodes bodies into one buffer, used again for every block and wiped when it goes: bodies may be private keys.
#[derive(Default)]
pub(super) struct BodyDecoder {
    symbols: Zeroizing<Vec<u8>>,
    octets: Zeroizing<Vec<u8>>,
}

impl BodyDecoder {
    /// The bytes that it keeps at hand.
    pub(super) fn size(&self) -> usize {
        self.octets.len()
    }

    /// The bytes of a block's body; white space anywhere in it does not matter.
    ///
    /// # Errors
    /// A flaw at the first character that does not belong in base64.
    pub(super) fn decode(&mut self, text: &[u8], block: &Block<'_>) -> Result<&[u8], Flaw> {
        let body = text.get(block.body.clone()).unwrap_or_default();
        // Room for all of it at once: a vector that grows leaves unwiped copies behind. Three octets more, for the decoder counts
        // whole quads.
        if self.octets.len() < body.len() + 3 {
            self.symbols = Zeroizing::new(Vec::with_capacity(body.len()));
            self.octets = Zeroizing::new(vec![0; body.len() + 3]);
        }
        self.symbols.clear();
        let mut rest = body;
        while let Some(length) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(length);
            self.symbols.extend_from_slice(line.trim_ascii());
            rest = behind.get(1..).unwrap_or_default();
        }
        self.symbols.extend_from_slice(rest.trim_ascii());
        if memchr::memchr3(b' ', b'\t', b'\r', &self.symbols).is_some() {
            self.symbols.retain(|byte| !byte.is_ascii_whitespace());
        }
        match symbols::decode(&self.symbols, Padding::Required, &mut self.octets) {
            Ok(length) => Ok(self.octets.get(..length).unwrap_or_default()),
            Err(number) => Err(Flaw { kind: DefectKind::Base64, offset: block.body.start + offset_of_symbol(body, number) }),
        }
    }
}

/// Where in the body the symbol with this number stands; its last one if it has fewer.
fn offset_of_symbol(body: &[u8], number: usize) -> usize {
    let mut symbols = body.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()).map(|(offset, _)| offset);
    let mut last = 0;
    symbols.by_ref().take(number.saturating_add(1)).for_each(|offset| last = offset);
    last
}

/// Turns byte offsets, asked for in ascending order, into lines and columns. All of them together cost one walk over the text.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    /// The lines of a text.
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    /// The position of a byte. An offset before the last one asked for is taken for that one.
    pub(super) fn position(&mut self, offset: usize) -> Position {
        let offset = offset.clamp(self.counted, self.text.len());
        let breaks = memchr::memchr_iter(b'\n', self.text.get(self.counted..offset).unwrap_or_default()).count();
        self.line = self.line.saturating_add(u64::try_from(breaks).unwrap_or(u64::MAX));
        self.counted = offset;
        let before = self.text.get(..offset).unwrap_or_default();
        let line = memchr::memrchr(b'\n', before).map_or(before, |last| before.get(last + 1..).unwrap_or_default());
        // Continuation octets of UTF-8 are no characters of their own.
        let characters = line.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
        Position { line: self.line, column: u64::try_from(characters).unwrap_or(u64::MAX).saturating_add(1) }
    }

    /// A flaw as a defect at its place.
    pub(super) fn defect(&mut self, flaw: Flaw) -> Defect {
        Defect { kind: flaw.kind, position: Some(self.position(flaw.offset)) }
    }
}
