//! Signatures and secrets, as Standard Webhooks defines them: HMAC-SHA256 over `id.timestamp.body`, under a secret that is written
//! as `whsec_` and base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// How many random bytes a secret has: as many as the hash.
const BYTES: usize = 32;

/// A new secret; `None` when there is no randomness.
pub fn secret(random: fn(&mut [u8]) -> bool) -> Option<SecretString> {
    let mut bytes = [0; BYTES];
    random(&mut bytes).then(|| format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes)).into())
}

/// The value of `webhook-signature`: one signature for each secret, the newest first.
pub fn signatures(secrets: &[SecretString], id: &str, timestamp: i64, body: &str) -> String {
    let signed = secrets.iter().filter_map(|secret| {
        let key = BASE64_STANDARD.decode(secret.expose_secret().strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        for part in [id, ".", &timestamp.to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn signatures_are_those_of_the_standard() {
        assert_eq!(signatures(&[SECRET.into()], ID, 1_614_265_330, BODY), SIGNATURE);
    }

    #[test]
    fn while_a_secret_is_rotated_both_sign() {
        let new = secret(|bytes| {
            bytes.fill(7);
            true
        });
        let both = signatures(&[new.unwrap(), SECRET.into()], ID, 1_614_265_330, BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert!(first.starts_with("v1,") && first != SIGNATURE && second == SIGNATURE, "{both}");
    }
}
