//! Randomness from the operating system: the one place that asks for it. And what only looks random.

/// Fills `buffer` with random bytes. False when the operating system has none to give.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
pub fn fill(buffer: &mut [u8]) -> bool {
    getrandom::fill(buffer).is_ok()
}

/// A token of 32 random bytes, written in base64url behind `prefix`. `None` when there is no randomness.
pub fn token(prefix: &str) -> Option<String> {
    use base64::Engine as _;
    let mut bytes = [0; 32];
    fill(&mut bytes).then(|| format!("{prefix}{}", base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

/// A number from 0 up to (not including) `below` that looks random, but is always the same for the same `seed`.
pub fn spread(seed: &[i64], below: i64) -> i64 {
    let bytes: Vec<u8> = seed.iter().flat_map(|part| part.to_le_bytes()).collect();
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..8]);
    i64::from_le_bytes(first).rem_euclid(below.max(1))
}
