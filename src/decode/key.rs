//! Private keys (PKCS#1, PKCS#8, SEC1) become their public halves; public keys on their own are described.
//!
//! No secret leaves this file: the structures borrow from the caller's buffer, which the caller wipes, and only what anybody may
//! know is returned. The public half is expressed as the SHA-256 of the SubjectPublicKeyInfo that a certificate for the key would
//! carry, so that key and certificate are compared by one value.

use super::{algorithm, crypto};
use crate::der::{Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::model::{DefectKind, KeyFormat, PrivateKey, PublicKey};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, BitStringRef};
use pkcs8::der::oid::ObjectIdentifier;
use pkcs8::der::{Decode, Encode};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use sec1::EcPrivateKey;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap(algorithm::EC);
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap(algorithm::RSA);

/// Decodes a private key in whichever of the three structures it is, as Go's `tls.X509KeyPair` and openssl do: labels are often wrong.
pub(super) fn private(key: &[u8]) -> Result<PrivateKey, DefectKind> {
    let element = Reader::new(key).take(SEQUENCE, "PrivateKeyInfo").map_err(private_key)?;
    if is_encrypted(&element) {
        return Ok(PrivateKey::Encrypted);
    }
    let (format, public) = match shape(&element) {
        Some(format @ KeyFormat::Pkcs1) => (format, pkcs1(element.raw)?),
        Some(format @ KeyFormat::Pkcs8) => (format, pkcs8(element.raw)?),
        Some(format @ KeyFormat::Sec1) => (format, sec1(element.raw, None)?),
        None => return Err(malformed("private key", "not PKCS#1, PKCS#8 or SEC1")),
    };
    Ok(PrivateKey::Plain { format, public })
}

/// The structure that the first fields point to. A PFX (PKCS#12) looks like PKCS#8 with version 3 and is none of them.
pub(super) fn shape(key: &Element<'_>) -> Option<KeyFormat> {
    let mut fields = key.children();
    let version = fields.take(INTEGER, "version").ok()?;
    match (version.contents, fields.peek()?) {
        ([0 | 1], SEQUENCE) => Some(KeyFormat::Pkcs8),
        ([1], OCTET_STRING) => Some(KeyFormat::Sec1),
        // RFC 8017 appendix A.1.2: nine integers; an RSAPublicKey has two, a DSA key six.
        ([0 | 1], INTEGER) if std::iter::from_fn(|| fields.any("integer").ok()).count() >= 8 => Some(KeyFormat::Pkcs1),
        _ => None,
    }
}

/// Whether this is an EncryptedPrivateKeyInfo (RFC 5958 section 3): an algorithm and octets.
pub(super) fn is_encrypted(key: &Element<'_>) -> bool {
    let mut fields = key.children();
    let algorithm =
        fields.take(SEQUENCE, "encryptionAlgorithm").is_ok_and(|one| one.children().peek() == Some(OBJECT_IDENTIFIER));
    algorithm && fields.take(OCTET_STRING, "encryptedData").is_ok() && fields.is_empty()
}

/// Describes a SubjectPublicKeyInfo.
pub(super) fn public(spki: &Element<'_>) -> Result<PublicKey, DefectKind> {
    algorithm::public_key(spki).map_err(|fault| malformed("public key", fault))
}

/// Describes an RSAPublicKey (RFC 8017 appendix A.1.1).
pub(super) fn rsa_public(key: &Element<'_>) -> Result<PublicKey, DefectKind> {
    let key = RsaPublicKeyRef::from_der(key.raw).map_err(|error| malformed("public key", error))?;
    rsa_spki(&key).map_err(|error| malformed("public key", error))
}

fn pkcs1(key: &[u8]) -> Result<PublicKey, DefectKind> {
    let key = RsaPrivateKeyRef::from_der(key).map_err(private_key)?;
    rsa_spki(&key.public_key()).map_err(private_key)
}

fn pkcs8(key: &[u8]) -> Result<PublicKey, DefectKind> {
    let key = PrivateKeyInfoRef::from_der(key).map_err(private_key)?;
    let secret = key.private_key.as_bytes();
    let embedded = key.public_key.as_ref().and_then(BitStringRef::as_bytes);
    match key.algorithm.oid.to_string().as_str() {
        algorithm::RSA => pkcs1(secret),
        algorithm::RSA_PSS => {
            let rsa = RsaPrivateKeyRef::from_der(secret).map_err(private_key)?.public_key().to_der().map_err(private_key)?;
            spki(key.algorithm, &rsa).map_err(private_key)
        }
        algorithm::EC => sec1(secret, key.algorithm.parameters_oid().ok()),
        algorithm::ED25519 => {
            let seed = Reader::new(secret).take(OCTET_STRING, "CurvePrivateKey").map_err(private_key)?;
            let public =
                crypto::ed25519_public_key(seed.contents).ok_or_else(|| malformed("private key", "not an Ed25519 seed"))?;
            spki(key.algorithm, &public).map_err(private_key)
        }
        other => match embedded {
            Some(public) => spki(key.algorithm, public).map_err(private_key),
            None => Err(malformed("private key", format_args!("unsupported algorithm {other}"))),
        },
    }
}

/// SEC1 (RFC 5915). Inside PKCS#8 the curve stands outside; on its own the key names it. The public point is optional.
fn sec1(key: &[u8], outer_curve: Option<ObjectIdentifier>) -> Result<PublicKey, DefectKind> {
    let key = EcPrivateKey::from_der(key).map_err(private_key)?;
    let inner_curve = key.parameters.and_then(sec1::EcParameters::named_curve);
    let curve = outer_curve.or(inner_curve).ok_or_else(|| malformed("private key", "no named curve"))?;
    let derived = match key.public_key {
        Some(_) => None,
        None => crypto::ec_public_key(&curve.to_string(), key.private_key),
    };
    let point = key.public_key.or(derived.as_deref());
    let point =
        point.ok_or_else(|| malformed("private key", format_args!("unsupported curve {curve} without its public point")))?;
    let identifier = AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(AnyRef::from(&curve)) };
    spki(identifier, point).map_err(private_key)
}

/// RSA's parameters are NULL, always (RFC 3279 section 2.3.1).
fn rsa_spki(key: &RsaPublicKeyRef<'_>) -> Result<PublicKey, pkcs8::der::Error> {
    let identifier = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
    spki(identifier, &key.to_der()?)
}

/// The SubjectPublicKeyInfo with this algorithm and key, described.
fn spki(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<PublicKey, pkcs8::der::Error> {
    let encoded = SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(key)? }.to_der()?;
    let described = Reader::new(&encoded).take(SEQUENCE, "SubjectPublicKeyInfo").and_then(|spki| algorithm::public_key(&spki));
    described.map_err(|_| pkcs8::der::ErrorKind::Failed.into())
}

/// A reason why this is no key.
fn malformed(what: &'static str, reason: impl std::fmt::Display) -> DefectKind {
    DefectKind::Der { what, reason: reason.to_string().into() }
}

/// Parsers' reasons quote tags and lengths, and where a key does not decode, those are bytes of the key.
fn private_key<E>(_: E) -> DefectKind {
    malformed("private key", "the structure does not decode")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples;

    fn decode(pem: &str) -> (KeyFormat, String) {
        match private(&samples::der(pem)).unwrap() {
            PrivateKey::Plain { format, public } => (format, public.spki_sha256.to_string()),
            PrivateKey::Encrypted => panic!("encrypted"),
        }
    }

    #[test]
    fn every_structure_gives_the_same_public_half() {
        assert_eq!(decode(samples::SEC1), (KeyFormat::Sec1, samples::SPKI.to_owned()));
        assert_eq!(decode(samples::SEC1_SHORT), (KeyFormat::Sec1, samples::SPKI.to_owned()));
        assert_eq!(decode(samples::PKCS8), (KeyFormat::Pkcs8, samples::SPKI.to_owned()));
        assert_eq!(decode(samples::ED25519), (KeyFormat::Pkcs8, samples::ED25519_SPKI.to_owned()));
    }

    #[test]
    fn a_scalar_without_its_leading_zeros_is_filled_up() {
        let curve = "1.2.840.10045.3.1.7";
        let full = crypto::ec_public_key(curve, &[&[0; 31][..], &[7]].concat());
        assert!(full.is_some());
        assert_eq!(crypto::ec_public_key(curve, &[7]), full);
        assert_eq!(crypto::ec_public_key(curve, &[0; 32]), None);
        assert_eq!(crypto::ec_public_key(curve, &[7; 33]), None);
        assert_eq!(crypto::ec_public_key("1.3.132.0.10", &[7; 32]), None);
    }

    #[test]
    fn keys_that_cannot_be_read_say_why_without_their_contents() {
        let mut ed448 = samples::der(samples::ED25519);
        let at = memchr::memmem::find(&ed448, b"\x2b\x65\x70").unwrap();
        ed448[at + 2] = 0x71;
        assert_eq!(private(&ed448).unwrap_err().to_string(), "not a valid private key: unsupported algorithm 1.3.101.113");
        let mut no_point = samples::der(samples::SEC1_SHORT);
        let at = memchr::memmem::find(&no_point, b"\x03\x01\x07").unwrap();
        no_point[at + 2] = 0x01;
        let reason = "not a valid private key: unsupported curve 1.2.840.10045.3.1.1 without its public point";
        assert_eq!(private(&no_point).unwrap_err().to_string(), reason);
        for garbage in [&b""[..], b"\x30\x00", b"\x30\x03\x02\x01\x00", b"\x30\x05\x02\x01\x01\x04\x00", b"x"] {
            assert!(matches!(private(garbage), Err(DefectKind::Der { what: "private key", .. })), "{garbage:?}");
        }
    }

    #[test]
    fn containers_are_no_keys() {
        let pfx = b"\x30\x05\x02\x01\x03\x30\x00";
        assert_eq!(shape(&Reader::new(pfx).take(SEQUENCE, "x").unwrap()), None);
        let public = b"\x30\x06\x02\x01\x01\x02\x01\x03";
        assert_eq!(shape(&Reader::new(public).take(SEQUENCE, "x").unwrap()), None);
    }
}
