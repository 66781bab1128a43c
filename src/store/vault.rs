//! Credentials at rest.
//!
//! A WMS's credentials are sealed with XChaCha20-Poly1305 under the server's key; the sealed bytes are bound to what they
//! are for, so a row copied to another connection does not open there. The key itself never touches the database.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};

/// How many bytes the server's key has.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Sealing or opening failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key is not the one that they were sealed with, or the bytes are damaged.
    #[error("The encryption key is not the one that this database's credentials were sealed with")]
    WrongKey,
    /// The operating system gave no randomness.
    #[error("The operating system gave no random bytes")]
    Randomness,
    /// Sealing failed.
    #[error("The credentials cannot be sealed")]
    Seal,
}

/// Seals and opens credentials.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    demo_secret: blake3::Hash,
    fingerprint_key: [u8; KEY_BYTES],
    random: fn(&mut [u8]) -> bool,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault under `key`. `random` fills a buffer with random bytes, or says that it cannot.
    pub fn new(key: &[u8; KEY_BYTES], random: fn(&mut [u8]) -> bool) -> Self {
        let demo_secret = blake3::Hash::from_bytes(blake3::derive_key("crossdock 2026-11 demo API key", key));
        let fingerprint_key = blake3::derive_key("crossdock 2026-11 fingerprint of credentials", key);
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)), demo_secret, fingerprint_key, random }
    }

    /// A secret that follows from the key: the demo's API key is made of it, so that it is the same at every start
    /// without being stored.
    pub fn demo_secret(&self) -> SecretString {
        self.demo_secret.to_hex().as_str().into()
    }

    /// A name for `secret` that is the same for the same secret, and tells nothing of it to whoever has no key.
    pub fn fingerprint(&self, secret: &SecretString) -> String {
        blake3::keyed_hash(&self.fingerprint_key, secret.expose_secret().as_bytes()).to_hex()[..32].to_owned()
    }

    /// Seals `secret` for `purpose`.
    ///
    /// # Errors
    /// [`VaultError::Randomness`]; [`VaultError::Seal`] for what is too large.
    pub fn seal(&self, purpose: &str, secret: &SecretString) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        if !(self.random)(&mut nonce) {
            return Err(VaultError::Randomness);
        }
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: purpose.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Seal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`]
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<SecretString, VaultError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::WrongKey)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::WrongKey)?;
        Ok(String::from_utf8(plain).map_err(|_| VaultError::WrongKey)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zeros(bytes: &mut [u8]) -> bool {
        bytes.fill(0);
        true
    }

    #[test]
    fn opens_only_with_the_same_key_and_for_the_same_purpose() {
        let vault = Vault::new(&[7; 32], zeros);
        let sealed = vault.seal("odoo", &"s3cret".into()).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("s3cret"));
        assert_eq!(vault.open("odoo", &sealed).unwrap().expose_secret(), "s3cret");
        assert!(vault.open("tryton", &sealed).is_err());
        assert!(Vault::new(&[8; 32], zeros).open("odoo", &sealed).is_err());
        assert!(vault.open("odoo", &sealed[..10]).is_err());
    }
}
