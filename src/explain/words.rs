//! All words of all tables in one automaton: a line is read once, and what stands in it is a set of bits.
//!
//! Two passes keep large logs cheap: the first looks for the words without which no row fits, over whole blocks; only lines that have one
//! are read by the second. Both are Aho-Corasick automata: linear in the text, whatever it is.

use super::kind::Kind;
use super::{facts, kinds, redact, scene};
use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use std::collections::HashMap;

/// Bits for words.
const WORDS: usize = 512;
const BITS: usize = 64;

/// The automata.
pub(super) struct Words {
    /// Words of which every row needs one.
    needed: AhoCorasick,
    /// All of them.
    all: AhoCorasick,
    /// Word → its bit.
    numbers: HashMap<&'static str, usize>,
    /// The rows, their words as bits.
    rows: Vec<Row>,
}

/// A set of words.
type Bits = [u64; WORDS / BITS];

/// A row of the table, its words as bits.
struct Row {
    kind: &'static Kind,
    any: Bits,
    also: Vec<Bits>,
    never: Bits,
}

impl Row {
    fn new(kind: &'static Kind, numbers: &HashMap<&'static str, usize>) -> Self {
        let set = |words: &[&str]| {
            let mut bits = Bits::default();
            words.iter().filter_map(|word| numbers.get(word)).for_each(|number| mark(&mut bits, *number));
            bits
        };
        Self { kind, any: set(kind.any), also: kind.also.iter().map(|group| set(group)).collect(), never: set(kind.never) }
    }

    fn fits(&self, line: &Bits) -> bool {
        meet(&self.any, line) && self.also.iter().all(|group| meet(group, line)) && !meet(&self.never, line)
    }
}

fn mark(bits: &mut Bits, number: usize) {
    if let Some(word) = bits.get_mut(number / BITS) {
        *word |= 1 << (number % BITS);
    }
}

fn meet(one: &Bits, other: &Bits) -> bool {
    one.iter().zip(other).any(|(one, other)| one & other != 0)
}

impl Words {
    /// # Errors
    /// Words that make no automaton: the tables are at fault, see the tests.
    pub(super) fn new() -> Result<Self, BuildError> {
        let mut numbers = HashMap::new();
        let mut list = Vec::new();
        let others = scene::words().chain(redact::words()).chain(facts::words());
        for word in kinds::all().flat_map(Kind::words).chain(others) {
            numbers.entry(word).or_insert_with(|| {
                list.push(word);
                list.len() - 1
            });
        }
        let build =
            |words: &[&str]| AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words);
        let needed: Vec<&str> = kinds::all().flat_map(|kind| kind.any).copied().collect();
        let rows = kinds::all().map(|kind| Row::new(kind, &numbers)).collect();
        Ok(Self { needed: build(&needed)?, all: build(&list)?, numbers, rows })
    }

    /// Where the next line that may be known stands, from `start` on.
    pub(super) fn next(&self, block: &[u8], start: usize) -> Option<usize> {
        let rest = block.get(start..)?;
        self.needed.find(rest).map(|found| start + found.start())
    }

    /// What stands in a line.
    pub(super) fn present(&self, line: &str) -> Present<'_> {
        let mut bits = Bits::default();
        for found in self.all.find_overlapping_iter(line) {
            mark(&mut bits, found.pattern().as_usize());
        }
        Present { words: self, bits }
    }
}

/// The words of one line.
pub(super) struct Present<'w> {
    words: &'w Words,
    bits: Bits,
}

impl Present<'_> {
    /// Whether one of these stands in the line.
    pub(super) fn any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.has(word))
    }

    /// Whether this one does.
    pub(super) fn has(&self, word: &str) -> bool {
        let Some(number) = self.words.numbers.get(word) else { return false };
        self.bits.get(number / BITS).is_some_and(|bits| bits & (1 << (number % BITS)) != 0)
    }

    /// The first row that fits.
    pub(super) fn kind(&self) -> Option<&'static Kind> {
        self.words.rows.iter().find(|row| row.fits(&self.bits)).map(|row| row.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_bit() {
        let words = Words::new().unwrap();
        assert!(words.numbers.len() <= WORDS, "{} words: raise WORDS", words.numbers.len());
        for word in words.numbers.keys() {
            assert!(word.len() > 2, "{word}");
        }
    }
}
