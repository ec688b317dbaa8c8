//! What was asked for last, in front of a cache that keeps much more.
//!
//! A cache that weighs what it holds, and drops what is asked for least, writes down every look-up: some 700
//! instructions, in memory that all cores share. What is asked for again and again is found here by a hash and a
//! comparison.

use std::hash::Hash;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use moka::Equivalent;
use moka::sync::Cache;

/// Values in front of the cache. They stay when the cache has dropped them, until another takes their place.
const PLACES: usize = 64;

/// A cache, and the values that it was asked for last.
pub struct Recent<K, V> {
    places: [ArcSwapOption<(K, V)>; PLACES],
    cache: Cache<K, V, ahash::RandomState>,
    hasher: ahash::RandomState,
}

// === impl Recent ===

impl<K, V> Recent<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn of(cache: Cache<K, V, ahash::RandomState>) -> Recent<K, V> {
        let places = std::array::from_fn(|_| ArcSwapOption::empty());
        Recent { places, cache, hasher: ahash::RandomState::new() }
    }

    /// The value of a key. `owned` makes the key anew to hold the value in front; of a value that is too large to be
    /// held twice it makes none.
    pub fn get<Q>(&self, key: &Q, owned: impl FnOnce(&Q, &V) -> Option<K>) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let place = &self.places[self.hasher.hash_one(key) as usize % PLACES];
        if let Some((known, value)) = place.load().as_deref()
            && key.equivalent(known)
        {
            return Some(value.clone());
        }
        let value = self.cache.get(key)?;
        if let Some(owned) = owned(key, &value) {
            place.store(Some(Arc::new((owned, value.clone()))));
        }
        Some(value)
    }

    pub fn insert(&self, key: K, value: V) {
        self.cache.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_found_in_the_cache_alone() {
        let recent = Recent::of(Cache::builder().build_with_hasher(ahash::RandomState::new()));
        for i in 0..1000 {
            recent.insert(i.to_string(), i);
        }
        let small = |key: &str, value: &u32| (*value < 500).then(|| key.to_owned());
        for _ in 0..2 {
            for i in 0..1000 {
                assert_eq!(recent.get(i.to_string().as_str(), small), Some(i));
            }
        }
        assert_eq!(recent.get("1000", small), None);
        recent.cache.invalidate_all();
        let found = (0..1000).filter(|i| recent.get(i.to_string().as_str(), small).is_some());
        let found: Vec<u32> = found.collect();
        assert!(!found.is_empty() && found.len() <= PLACES && found.iter().all(|i| *i < 500), "{found:?}");
    }
}
