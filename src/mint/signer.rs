//! Keys that sign: stand-ins for keys that are elsewhere, and keys read from where they are.

use super::Error;
use super::recipe::{Key, KeyKind};
use crate::model::{KeyAlgorithm, PublicKey};
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use std::sync::Arc;

/// A key pair that signs. Nothing shows it.
#[derive(Clone)]
pub struct Signer(Arc<Key>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// rcgen's algorithms and their AlgorithmIdentifier in DER (RFC 3279, 4055, 5758, 8410).
static IDENTIFIERS: &[(&SignatureAlgorithm, &[u8])] = &[
    (&rcgen::PKCS_RSA_SHA256, &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0]),
    (&rcgen::PKCS_ECDSA_P256_SHA256, &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]),
    (&rcgen::PKCS_ECDSA_P384_SHA384, &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]),
    (&rcgen::PKCS_ECDSA_P521_SHA512, &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4]),
    (&rcgen::PKCS_ED25519, &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70]),
];

impl Signer {
    /// A fresh key: ECDSA P-256, the fastest to make.
    ///
    /// # Errors
    /// If the cryptographic library makes none.
    pub fn fresh() -> Result<Self, Error> {
        let pair = KeyPair::generate_for(KeyKind::EcdsaP256.algorithm()).map_err(Error::Key)?;
        Ok(Self(Arc::new(Key(pair))))
    }

    /// A fresh key of the kind of another one, so that what it signs looks the same; of kinds that nobody signs with, ECDSA P-256.
    ///
    /// # Errors
    /// If the cryptographic library makes none.
    pub fn like(key: &PublicKey) -> Result<Self, Error> {
        let algorithm = match &key.algorithm {
            KeyAlgorithm::Rsa => &rcgen::PKCS_RSA_SHA256,
            KeyAlgorithm::Ecdsa(curve) if **curve == *"P-384" => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyAlgorithm::Ecdsa(curve) if **curve == *"P-521" => &rcgen::PKCS_ECDSA_P521_SHA512,
            KeyAlgorithm::Ed25519 => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        };
        let pair = KeyPair::generate_for(algorithm).map_err(Error::Key)?;
        Ok(Self(Arc::new(Key(pair))))
    }

    /// The first private key in PEM, else one in DER: PKCS#1, PKCS#8 or SEC1.
    ///
    /// # Errors
    /// If there is none, or one that the cryptographic library does not sign with: encrypted, RSA below 2048 bits, another curve.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let unreadable = || Error::Key(rcgen::Error::CouldNotParseKeyPair);
        let read = match PrivateKeyDer::from_pem_slice(bytes) {
            Ok(key) => KeyPair::try_from(&key),
            Err(_) => KeyPair::try_from(&PrivateKeyDer::try_from(bytes).map_err(|_| unreadable())?),
        };
        let pair = read.map_err(Error::Key)?;
        if identifier(pair.algorithm()).is_none() {
            return Err(unreadable());
        }
        Ok(Self(Arc::new(Key(pair))))
    }

    /// The SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn public_key_info(&self) -> Vec<u8> {
        self.0.0.subject_public_key_info()
    }

    /// The private key as PKCS#8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> super::KeyPem {
        super::KeyPem::of(&self.0)
    }

    /// The AlgorithmIdentifier of its signatures.
    pub(super) fn algorithm(&self) -> &'static [u8] {
        identifier(self.0.0.algorithm()).unwrap_or_default()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.0.sign(message).map_err(Error::Key)
    }
}

fn identifier(algorithm: &SignatureAlgorithm) -> Option<&'static [u8]> {
    IDENTIFIERS.iter().find(|(known, _)| *known == algorithm).map(|(_, identifier)| *identifier)
}
