//! Series with different labels: Prometheus takes no two that are alike.

use super::labels::PlaceLabels;
use crate::model::{Origin, Sha256};
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Something at a place.
pub(super) struct Series<'r, T> {
    /// The place.
    pub(super) origin: &'r Origin,
    /// Its own labels.
    pub(super) labels: &'r str,
    /// Its identity.
    pub(super) id: Sha256,
    /// What samples are taken of.
    pub(super) value: T,
    discriminated: bool,
}

impl<'r, T> Series<'r, T> {
    pub(super) fn new(origin: &'r Origin, labels: &'r str, id: Sha256, value: T) -> Self {
        Self { origin, labels, id, value, discriminated: false }
    }
}

/// Characters of the identity that tell colliding series apart: half of it, which nobody can make collide.
const DISCRIMINATOR: usize = 32;

impl<T> fmt::Display for Series<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", PlaceLabels::new(self.origin), self.labels)?;
        if self.discriminated { write!(f, ",discriminator=\"{:.DISCRIMINATOR$}\"", self.id.to_string()) } else { Ok(()) }
    }
}

/// The series with repeated ones left out; different things with the same labels get a `discriminator`, as the exporter does.
///
/// Labels are compared by a keyed hash: a hundred thousand Secrets would make a hundred megabytes of text.
pub(super) fn distinct<'r, T>(all: impl Iterator<Item = Series<'r, T>>) -> Vec<Series<'r, T>> {
    let state = RandomState::new();
    let mut things: HashMap<u64, usize> = HashMap::new();
    let mut seen: HashSet<(u64, Sha256)> = HashSet::new();
    let mut kept: Vec<(u64, Series<'r, T>)> = Vec::new();
    for series in all {
        let hash = hash_of(&series, &state);
        if seen.insert((hash, series.id)) {
            *things.entry(hash).or_default() += 1;
            kept.push((hash, series));
        }
    }
    let collides = |hash| things.get(&hash).is_some_and(|things| *things > 1);
    kept.into_iter().map(|(hash, series)| Series { discriminated: collides(hash), ..series }).collect()
}

fn hash_of(text: &impl fmt::Display, state: &RandomState) -> u64 {
    struct Hashing<H>(H);
    impl<H: Hasher> Write for Hashing<H> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut hashing = Hashing(state.build_hasher());
    // Writing into a hasher cannot fail.
    write!(hashing, "{text}").map_or(0, |()| hashing.0.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Document, OriginKind};

    fn lines(series: &[(&str, u8)]) -> Vec<String> {
        let origins: Vec<_> = series.iter().map(|(path, _)| Origin::whole(Document::new(OriginKind::File, *path))).collect();
        let all = origins.iter().zip(series).map(|(origin, (_, id))| Series::new(origin, "a=\"\"", Sha256([*id; 32]), ()));
        distinct(all).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_thing_at_the_same_place_is_one_series() {
        assert_eq!(lines(&[("x", 1), ("y", 1), ("x", 1)]).len(), 2);
    }

    #[test]
    fn different_things_with_the_same_labels_are_told_apart() {
        let lines = lines(&[("x", 1), ("y", 3), ("x", 2), ("x", 1)]);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].ends_with(&format!(",discriminator=\"{}\"", "01".repeat(16))), "{}", lines[0]);
        assert!(!lines[1].contains("discriminator"));
        assert!(lines[2].ends_with(&format!(",discriminator=\"{}\"", "02".repeat(16))));
    }
}
