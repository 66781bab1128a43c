//! Numbers that look random and are a pure function of what they are made from (splitmix64), so that the same seed gives
//! the same data on every machine and in every version of the standard library. Not for secrets.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The stream that belongs to `parts`: a seed, what it is for, and a number, say.
    pub(super) fn of(parts: &[u64]) -> Self {
        let mut stream = Self(0x5EED_CD0C);
        for part in parts {
            stream.0 = stream.next() ^ part;
        }
        stream
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end - 1`; 0 where `end` is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        // The upper half of the product is below `end`, which is a u32.
        (((self.next() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of 100 cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `all`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(u32::try_from(all.len()).unwrap_or(u32::MAX)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_same_for_ever() {
        let mut stream = Random::of(&[1, 2, 3]);
        let first = [stream.below(1000), stream.below(1000), stream.below(1000)];
        assert_eq!(first, FIRST);
        assert!((0..1000).all(|_| (3..=5).contains(&stream.between(3, 5))));
        assert_eq!(stream.below(0), 0);
    }

    /// Changing the generator changes the data of every demo that is restarted from its journal.
    const FIRST: [u32; 3] = [865, 879, 637];
}
