//! What was decoded before, for many threads at once.
//!
//! A map in shards, each behind its own lock, so that threads seldom wait for each other. A shard that is full is emptied: the memo
//! saves work, it does not hold facts, and its memory is bounded whatever the input.

use highway::{HighwayHash, HighwayHasher, Key};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{PoisonError, RwLock};
use zeroize::Zeroizing;

const SHARDS: usize = 32;

/// Entries of one shard: 131,072 in all, seven times the different certificates of a cluster with 100,000 Secrets.
const MOST: usize = 4096;

/// A bounded map from what was met to what it came to.
pub(super) struct Memo<K, V, S = RandomState> {
    shards: [RwLock<HashMap<K, V, S>>; SHARDS],
    hasher: S,
}

/// A hash with a secret key, and the length of what it was made of. It is not hashed again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// The hash.
    pub(super) hash: u64,
    /// The length.
    pub(super) length: usize,
}

/// What HighwayHash takes at a time.
const PACKET: usize = 32;

/// Makes fingerprints (HighwayHash, a pseudo-random function) with a secret key of its own.
pub(super) struct Fingerprinter([u64; 4]);

impl Fingerprinter {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self(std::array::from_fn(|at| random.hash_one(at)))
    }

    /// The fingerprint of these bytes.
    pub(super) fn of(&self, bytes: &[u8]) -> Fingerprint {
        // The hasher would keep what is no whole packet in a buffer that nobody wipes: it may be the end of a key.
        let mut last = Zeroizing::new([0; PACKET]);
        let (packets, rest) = bytes.split_at(bytes.len() / PACKET * PACKET);
        if let Some(start) = last.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        let mut hasher = HighwayHasher::new(Key(self.0));
        hasher.append(packets);
        hasher.append(&*last);
        Fingerprint { hash: hasher.finalize64(), length: bytes.len() }
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter")
    }
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The hasher for what is a hash already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// By fingerprint.
pub(super) type ByFingerprint<V> = Memo<Fingerprint, V, BuildHasherDefault<AsItIs>>;

impl<K: Hash + Eq, V: Clone, S: BuildHasher + Clone + Default> Memo<K, V, S> {
    pub(super) fn new() -> Self {
        let hasher = S::default();
        Self { shards: std::array::from_fn(|_| RwLock::new(HashMap::with_hasher(hasher.clone()))), hasher }
    }

    /// The value of this key.
    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.shard(key)?.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Remembers a value and returns it; if another thread was faster, its value.
    pub(super) fn remember(&self, key: K, value: V) -> V {
        let Some(shard) = self.shard(&key) else { return value };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MOST {
            shard.clear();
        }
        shard.entry(key).or_insert(value).clone()
    }

    /// By bits of the hash that the map in the shard does not look at first: it finds its bucket by the lowest, and the highest tell
    /// its entries apart.
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<&RwLock<HashMap<K, V, S>>> {
        let hash = usize::try_from((self.hasher.hash_one(key) >> 32) % SHARDS as u64).ok()?;
        self.shards.get(hash)
    }
}

impl<K, V, S> fmt::Debug for Memo<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_a_key_each() {
        let (one, other) = (Fingerprinter::new(), Fingerprinter::new());
        assert!(one.of(b"bytes") == one.of(b"bytes") && one.of(b"bytes") != one.of(b"bytez"));
        assert!(one.of(b"bytes") != other.of(b"bytes"));
        let all: Vec<_> = (0..100).map(|length| one.of(&vec![0; length])).collect();
        assert!(
            all.iter().enumerate().all(|(at, print)| all.iter().position(|other| other == print) == Some(at)),
            "padding counts"
        );
    }

    #[test]
    fn the_first_value_stays_and_the_number_is_bounded() {
        let memo: Memo<i32, char> = Memo::new();
        assert_eq!(memo.remember(1, 'a'), 'a');
        assert_eq!(memo.remember(1, 'b'), 'a');
        for key in 0..300_000 {
            memo.remember(key, 'c');
        }
        let kept: usize = memo.shards.iter().map(|shard| shard.read().unwrap().len()).sum();
        assert!(kept <= SHARDS * MOST);
        assert_eq!(memo.find(&299_999), Some('c'));
    }
}
