//! What was decoded before, for many threads at once.
//!
//! A map in shards, each behind its own lock, so that threads seldom wait for each other. A shard that is full is emptied: the memo
//! saves work, it does not hold facts, and its memory is bounded whatever the input.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{PoisonError, RwLock};

const SHARDS: usize = 32;

/// Entries of one shard: 131,072 in all, seven times the different certificates of a cluster with 100,000 Secrets.
const MOST: usize = 4096;

/// A bounded map from what was met to what it came to.
pub(super) struct Memo<K, V> {
    shards: [RwLock<HashMap<K, V>>; SHARDS],
    hasher: RandomState,
}

impl<K: Hash + Eq, V: Clone> Memo<K, V> {
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()), hasher: RandomState::new() }
    }

    /// The value of this key.
    pub(super) fn find(&self, key: &K) -> Option<V> {
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

    fn shard(&self, key: &K) -> Option<&RwLock<HashMap<K, V>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).ok()?;
        self.shards.get(hash)
    }
}

impl<K, V> fmt::Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays_and_the_number_is_bounded() {
        let memo = Memo::new();
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
