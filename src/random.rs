//! Randomness from the operating system: the one place that asks for it.

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
