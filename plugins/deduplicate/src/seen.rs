//! The keys seen so far.

use tidegate_sdk::prelude::*;

/// The most keys: what a snapshot of at most 16 MiB (wit/since-v0.1/transform.wit) can hold at 16 bytes each is
/// 1,048,576; a round number below.
pub(crate) const MAX_KEYS_LIMIT: usize = 1_000_000;

/// The bytes of a key in a snapshot.
const KEY_BYTES: usize = size_of::<u128>();

/// Places of a new set. Few keys need few, so that they stay in the processor's cache.
const FIRST_PLACES: usize = 1 << 10;

/// A place without a key. The key 0 is held apart.
const EMPTY: u128 = 0;

/// The keys seen so far, at most so many. A set of its own, since the standard library's doubles at seven eighths: for a
/// million keys it takes 51 MiB while it grows, and this one 35 MiB.
pub(crate) struct Seen {
    /// A key stands at the first free place from its own on. A third and more of all places are empty.
    places: Vec<u128>,
    /// Whether the key 0 was seen.
    zero: bool,
    count: usize,
    max_keys: usize,
}

impl Seen {
    pub(crate) fn new(max_keys: usize) -> Self {
        Self {
            places: vec![EMPTY; FIRST_PLACES],
            zero: false,
            count: 0,
            max_keys,
        }
    }

    /// Whether the key is new. A fault where it would be one too many.
    pub(crate) fn insert(&mut self, key: u128) -> Result<bool, Fault> {
        let place = self.place(key);
        let known = if key == EMPTY {
            self.zero
        } else {
            self.places[place] == key
        };
        if known {
            return Ok(false);
        }
        if self.count == self.max_keys {
            return Err(Fault::fatal(format!(
                "more than {} different keys (`max_keys`); raise it, or partition the asset, so that fewer are met in \
                 one run",
                self.max_keys
            )));
        }
        self.count += 1;
        if key == EMPTY {
            self.zero = true;
            return Ok(true);
        }
        self.places[place] = key;
        if places(self.count) > self.places.len() {
            self.grow();
        }
        Ok(true)
    }

    /// The place where the key is, or would be.
    fn place(&self, key: u128) -> usize {
        let mut place = first_place(key, self.places.len());
        while self.places[place] != EMPTY && self.places[place] != key {
            place = if place + 1 == self.places.len() {
                0
            } else {
                place + 1
            };
        }
        place
    }

    fn grow(&mut self) {
        let wanted = (2 * self.places.len()).min(places(self.max_keys));
        let old = std::mem::replace(&mut self.places, vec![EMPTY; wanted]);
        for key in old.into_iter().filter(|key| *key != EMPTY) {
            let place = self.place(key);
            self.places[place] = key;
        }
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut state = Vec::with_capacity(self.count * KEY_BYTES);
        if self.zero {
            state.extend_from_slice(&EMPTY.to_le_bytes());
        }
        for key in self.places.iter().filter(|key| **key != EMPTY) {
            state.extend_from_slice(&key.to_le_bytes());
        }
        state
    }

    pub(crate) fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        let (keys, rest) = state.as_chunks::<KEY_BYTES>();
        if !rest.is_empty() || keys.len() > self.max_keys {
            return Err(Fault::fatal(
                "the state is not one that this transform has made with this config",
            ));
        }
        *self = Self::new(self.max_keys);
        // All places at once: keys come in the order of their places, and the first half of them would crowd the half of
        // the places that a smaller set has for them.
        self.places = vec![EMPTY; FIRST_PLACES.max(places(keys.len()))];
        for key in keys {
            self.insert(u128::from_le_bytes(*key))?;
        }
        Ok(())
    }
}

/// So many places for so many keys: with two of three taken, a new key is found to be new at the fifth look (Knuth, The
/// Art of Computer Programming, vol. 3, 6.4, theorem K).
fn places(keys: usize) -> usize {
    keys + keys / 2 + 1
}

/// Spreads keys over the places. Most are hashes already, but those of one column of numbers are numbers in a row: the
/// last step of SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014) makes them
/// look drawn by lot.
fn first_place(key: u128, places: usize) -> usize {
    let mut spread = (key as u64) ^ ((key >> 64) as u64);
    spread = (spread ^ (spread >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    spread = (spread ^ (spread >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (((spread >> 32) * places as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_keys_as_there_may_be_are_found_again() {
        const KEYS: usize = 100_000;
        let spread = |key: usize| (key as u128).wrapping_mul(0x1234_5678_9ABC_DEF1_2345_6789_ABCD_EF13);
        let in_a_row = |key: usize| key as u128;
        let at_the_top = |key: usize| (key as u128) << 100;
        for keys in [spread, in_a_row, at_the_top] {
            let mut seen = Seen::new(KEYS);
            assert!((0..KEYS).all(|key| seen.insert(keys(key)) == Ok(true)));
            assert!((0..KEYS).all(|key| seen.insert(keys(key)) == Ok(false)));
            assert!(seen.insert(keys(KEYS)).is_err());
            assert_eq!(seen.places.len(), places(KEYS));
            let mut other = Seen::new(KEYS);
            assert_eq!(other.restore(&seen.snapshot()), Ok(()));
            assert!((0..KEYS).all(|key| other.insert(keys(key)) == Ok(false)));
        }
    }
}
