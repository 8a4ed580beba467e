//! The arithmetic that decoding needs: digests, and the public halves of private keys.

use crate::model::{Sha256, SigningKey};
use aws_lc_rs::agreement::{self, PrivateKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> Sha256 {
    let mut value = [0; 32];
    value.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    Sha256(value)
}

/// A key of HMAC-SHA-256 (RFC 2104), which checks in constant time.
pub(super) fn hmac_sha256_key(secret: &[u8]) -> SigningKey {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    SigningKey::new(move |message, tag| hmac::verify(&key, message, tag).is_ok())
}

/// The Ed25519 public key that belongs to a 32-octet seed (RFC 8032 section 5.1.5).
pub(super) fn ed25519_public_key(seed: &[u8]) -> Option<Vec<u8>> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    Some(pair.public_key().as_ref().to_vec())
}

/// A curve that points can be derived on.
struct Curve {
    oid: &'static str,
    algorithm: &'static agreement::Algorithm,
    scalar_octets: usize,
}

const CURVES: [Curve; 3] = [
    Curve { oid: "1.2.840.10045.3.1.7", algorithm: &agreement::ECDH_P256, scalar_octets: 32 },
    Curve { oid: "1.3.132.0.34", algorithm: &agreement::ECDH_P384, scalar_octets: 48 },
    Curve { oid: "1.3.132.0.35", algorithm: &agreement::ECDH_P521, scalar_octets: 66 },
];

/// The uncompressed point that belongs to a private scalar on the curve with this OID; `None` for other curves and for scalars out
/// of range. A scalar without its leading zeros, which RFC 5915 forbids and old Java writes, is filled up.
pub(super) fn ec_public_key(curve: &str, scalar: &[u8]) -> Option<Vec<u8>> {
    let curve = CURVES.iter().find(|known| known.oid == curve)?;
    let zeros = curve.scalar_octets.checked_sub(scalar.len())?;
    let mut padded = Zeroizing::new(vec![0; curve.scalar_octets]);
    padded.get_mut(zeros..)?.copy_from_slice(scalar);
    let key = PrivateKey::from_private_key(curve.algorithm, &padded).ok()?;
    Some(key.compute_public_key().ok()?.as_ref().to_vec())
}
