//! Where nothing is known: the kinds whose words come nearest. A word counts the more, the fewer kinds have it.

use super::kind::Kind;
use super::kinds;
use std::collections::{HashMap, HashSet};

/// Kinds shown.
const SHOWN: usize = 3;
/// Words taken from a text.
const WORDS: usize = 2000;
/// What the words that a kind shares, two at least, must weigh together.
const ENOUGH: f64 = 3.0;

/// The nearest kinds, best first; none where nothing of weight is shared.
pub(super) fn nearest(text: &str) -> Vec<&'static Kind> {
    let asked: HashSet<String> = words(text).take(WORDS).collect();
    let known: Vec<(&'static Kind, HashSet<String>)> = kinds::all().map(|kind| (kind, vocabulary(kind))).collect();
    let mut holders: HashMap<&str, u32> = HashMap::new();
    for word in known.iter().flat_map(|(_, words)| words) {
        *holders.entry(word).or_default() += 1;
    }
    let all = f64::from(u32::try_from(known.len()).unwrap_or(u32::MAX));
    let weight = |word: &String| holders.get(word.as_str()).map_or(0.0, |holders| (all / f64::from(*holders)).ln());
    let score = |(kind, words): &(&'static Kind, HashSet<String>)| {
        let shared: Vec<f64> = words.intersection(&asked).map(weight).collect();
        let score: f64 = shared.iter().sum();
        (shared.len() > 1 && score >= ENOUGH).then_some((score, *kind))
    };
    let mut scored: Vec<(f64, &'static Kind)> = known.iter().filter_map(score).collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored.into_iter().take(SHOWN).map(|(_, kind)| kind).collect()
}

fn vocabulary(kind: &Kind) -> HashSet<String> {
    let phrases = kind.any.iter().copied().chain([kind.id, kind.cause]);
    phrases.flat_map(words).collect()
}

/// Words that say nothing.
const EMPTY: &[&str] =
    &["the", "and", "that", "for", "with", "not", "its", "was", "has", "one", "who", "whom", "out", "from", "this", "error"];

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| (3..=32).contains(&word.len()));
    words.map(str::to_lowercase).filter(|word| !EMPTY.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_words_is_near_and_nothing_else() {
        let first = |text: &str| nearest(text).first().map(|kind| kind.id);
        assert_eq!(first("the private key seems not to match this public key"), Some("key-mismatch"));
        assert_eq!(first("citadel pool chain broken"), Some("istio-ca-invalid"));
        assert_eq!(first("dial tcp 10.0.0.1:443: i/o timeout"), None);
        assert_eq!(first("GET /x 10.0.0.1"), None);
        assert_eq!(first(""), None);
    }
}
