//! The only type that may hold a secret: wiped when dropped, without a Debug that shows it, never serialised.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A private key in DER, or the value of an `Authorization` header. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Takes bytes; whoever copied them wipes the copies.
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }

    /// The value of `Authorization` that a bearer token makes (RFC 6750 section 2.1).
    #[must_use]
    pub fn bearer(token: &[u8]) -> Self {
        Self::joined(b"Bearer ", token)
    }

    /// The value of `Authorization` that `user:password` makes (RFC 7617 section 2).
    #[must_use]
    pub fn basic(user_and_password: &[u8]) -> Self {
        Self::joined(b"Basic ", Zeroizing::new(STANDARD.encode(user_and_password)).as_bytes())
    }

    fn joined(scheme: &[u8], rest: &[u8]) -> Self {
        Self::new(Zeroizing::new([scheme, rest].concat()))
    }

    /// The bytes, for the wire and the cryptographic library alone.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
