//! Keys: public facts only. No type here can hold a private key.

use super::Sha256;
use std::fmt;

/// The algorithm of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// RSA (RFC 3279, 4055).
    Rsa,
    /// ECDSA over the named curve: `P-256`, `P-384`, `P-521`, `secp256k1`, or the dotted OID of another one (RFC 5480).
    Ecdsa(Box<str>),
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// Ed448 (RFC 8410).
    Ed448,
    /// DSA (RFC 3279).
    Dsa,
    /// Anything else, by dotted OID.
    Other(Box<str>),
}

impl KeyAlgorithm {
    /// The name in JSON: `RSA`, `ECDSA`, `Ed25519`, `Ed448`, `DSA` or the dotted OID.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Rsa => "RSA",
            Self::Ecdsa(_) => "ECDSA",
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
            Self::Dsa => "DSA",
            Self::Other(oid) => oid,
        }
    }
}

/// What is known of a public key. Displays as people say it: `RSA 2048`, `ECDSA P-256`, `Ed25519`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey {
    /// The algorithm, with the curve where there is one.
    pub algorithm: KeyAlgorithm,
    /// The size that its strength is judged by: bits of the modulus (RSA, DSA) or of the curve.
    pub bits: u32,
    /// SHA-256 of the DER SubjectPublicKeyInfo: equal exactly when the keys are equal.
    pub spki_sha256: Sha256,
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.algorithm {
            KeyAlgorithm::Rsa | KeyAlgorithm::Dsa => write!(f, "{} {}", self.algorithm.name(), self.bits),
            KeyAlgorithm::Ecdsa(curve) => write!(f, "ECDSA {curve}"),
            other => f.write_str(other.name()),
        }
    }
}

/// The structure a private key was stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// `RSA PRIVATE KEY` (RFC 8017).
    Pkcs1,
    /// `PRIVATE KEY` (RFC 5958).
    Pkcs8,
    /// `EC PRIVATE KEY` (RFC 5915).
    Sec1,
}

/// A private key, as far as anyone but its owner may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateKey {
    /// Readable; only its public half is kept.
    Plain {
        /// How it was stored.
        format: KeyFormat,
        /// Its public half.
        public: PublicKey,
    },
    /// Encrypted with a password: PKCS#8 (RFC 5958) or the older `Proc-Type: 4,ENCRYPTED` of PEM (RFC 1421).
    Encrypted,
}

impl PrivateKey {
    /// The public half, unless the key is encrypted.
    #[must_use]
    pub fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::Plain { public, .. } => Some(public),
            Self::Encrypted => None,
        }
    }
}
