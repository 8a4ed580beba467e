//! Algorithms by object identifier: signatures, keys, curves; and what a SubjectPublicKeyInfo says of its key.

use super::crypto;
use crate::der::{self, BIT_STRING, Element, Fault, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use crate::model::{KeyAlgorithm, PublicKey, SignatureAlgorithm};
use std::borrow::Cow;

/// `rsaEncryption` (RFC 8017 appendix A.1).
pub(super) const RSA: &str = "1.2.840.113549.1.1.1";
/// `id-RSASSA-PSS` (RFC 4055 section 3.1): an RSA key for PSS alone.
pub(super) const RSA_PSS: &str = "1.2.840.113549.1.1.10";
/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
pub(super) const EC: &str = "1.2.840.10045.2.1";
/// `id-Ed25519` (RFC 8410 section 3).
pub(super) const ED25519: &str = "1.3.101.112";
/// `id-Ed448` (RFC 8410 section 3).
pub(super) const ED448: &str = "1.3.101.113";
/// `id-dsa` (RFC 3279 section 2.3.2).
const DSA: &str = "1.2.840.10040.4.1";

/// Dotted OID → name: RFC 3279, 4055, 5758, 8410 and 9881, with the names as openssl prints them where it differs in more than case.
const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    (ED25519, "Ed25519"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    (RSA_PSS, "rsassaPss"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
    ("1.2.840.113549.1.1.15", "sha512-224WithRSAEncryption"),
    ("1.2.840.113549.1.1.16", "sha512-256WithRSAEncryption"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
    ("2.16.840.1.101.3.4.3.10", "ecdsa-with-SHA3-256"),
    ("2.16.840.1.101.3.4.3.11", "ecdsa-with-SHA3-384"),
    ("2.16.840.1.101.3.4.3.12", "ecdsa-with-SHA3-512"),
    (ED448, "Ed448"),
    ("1.2.840.10040.4.3", "dsa-with-SHA1"),
    ("2.16.840.1.101.3.4.3.1", "dsa-with-SHA224"),
    ("2.16.840.1.101.3.4.3.2", "dsa-with-SHA256"),
    ("2.16.840.1.101.3.4.3.3", "dsa-with-SHA384"),
    ("2.16.840.1.101.3.4.3.4", "dsa-with-SHA512"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
    ("1.2.156.10197.1.501", "SM2-with-SM3"),
];

/// A named curve.
pub(super) struct Curve {
    /// Its dotted OID.
    pub(super) oid: &'static str,
    /// Its name in FIPS 186, or in SEC 2 and RFC 5639 where FIPS has none.
    name: &'static str,
    bits: u32,
}

/// The curves that certificates carry (RFC 5480 section 2.1.1.1, SEC 2, RFC 5639).
const CURVES: &[Curve] = &[
    Curve { oid: "1.2.840.10045.3.1.7", name: "P-256", bits: 256 },
    Curve { oid: "1.3.132.0.34", name: "P-384", bits: 384 },
    Curve { oid: "1.3.132.0.35", name: "P-521", bits: 521 },
    Curve { oid: "1.3.132.0.33", name: "P-224", bits: 224 },
    Curve { oid: "1.2.840.10045.3.1.1", name: "P-192", bits: 192 },
    Curve { oid: "1.3.132.0.10", name: "secp256k1", bits: 256 },
    Curve { oid: "1.3.36.3.3.2.8.1.1.7", name: "brainpoolP256r1", bits: 256 },
    Curve { oid: "1.3.36.3.3.2.8.1.1.11", name: "brainpoolP384r1", bits: 384 },
    Curve { oid: "1.3.36.3.3.2.8.1.1.13", name: "brainpoolP512r1", bits: 512 },
    Curve { oid: "1.2.156.10197.1.301", name: "SM2", bits: 256 },
];

/// The algorithm of an AlgorithmIdentifier as a signature algorithm.
pub(super) fn signature(identifier: &Element<'_>) -> Result<SignatureAlgorithm, Fault> {
    let oid = der::dotted(identifier.children().take(OBJECT_IDENTIFIER, "signatureAlgorithm")?.contents);
    Ok(match SIGNATURES.iter().find(|(dotted, _)| *dotted == oid) {
        Some((dotted, name)) => SignatureAlgorithm { name: Cow::Borrowed(name), oid: Cow::Borrowed(dotted) },
        None => SignatureAlgorithm { name: Cow::Owned(oid.clone()), oid: Cow::Owned(oid) },
    })
}

/// What a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) says. A key that does not decode has zero bits; it is still a key.
pub(super) fn public_key(spki: &Element<'_>) -> Result<PublicKey, Fault> {
    let mut fields = spki.children();
    let mut identifier = fields.take(SEQUENCE, "algorithm")?.children();
    let oid = der::dotted(identifier.take(OBJECT_IDENTIFIER, "algorithm")?.contents);
    let parameters = identifier.any("parameters").ok();
    let (key, _) = fields.take(BIT_STRING, "subjectPublicKey")?.bits();
    let (algorithm, bits) = match oid.as_str() {
        RSA | RSA_PSS => (KeyAlgorithm::Rsa, modulus_bits(key)),
        EC => curve(parameters.as_ref(), key),
        ED25519 => (KeyAlgorithm::Ed25519, 256),
        ED448 => (KeyAlgorithm::Ed448, 448),
        DSA => (KeyAlgorithm::Dsa, parameters.map_or(0, |parameters| first_integer_bits(&parameters))),
        _ => (KeyAlgorithm::Other(oid.into()), 0),
    };
    Ok(PublicKey { algorithm, bits, spki_sha256: crypto::sha256(spki.raw) })
}

/// RSAPublicKey begins with the modulus (RFC 8017 appendix A.1.1).
fn modulus_bits(key: &[u8]) -> u32 {
    Reader::new(key).take(SEQUENCE, "RSAPublicKey").map_or(0, |key| first_integer_bits(&key))
}

fn first_integer_bits(sequence: &Element<'_>) -> u32 {
    sequence.children().take(INTEGER, "INTEGER").map_or(0, |integer| der::bit_length(integer.contents))
}

/// The named curve; other curves are measured by their point, 04 X Y or 02/03 X.
fn curve(parameters: Option<&Element<'_>>, point: &[u8]) -> (KeyAlgorithm, u32) {
    let name = match parameters {
        Some(parameters) if parameters.tag == OBJECT_IDENTIFIER => der::dotted(parameters.contents),
        _ => "explicit parameters".to_owned(),
    };
    if let Some(curve) = CURVES.iter().find(|curve| curve.oid == name) {
        return (KeyAlgorithm::Ecdsa(curve.name.into()), curve.bits);
    }
    let octets = match point {
        [4, coordinates @ ..] => coordinates.len() / 2,
        [_, coordinate @ ..] => coordinate.len(),
        [] => 0,
    };
    (KeyAlgorithm::Ecdsa(name.into()), u32::try_from(octets.saturating_mul(8)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(der: &[u8]) -> PublicKey {
        public_key(&Reader::new(der).take(SEQUENCE, "x").unwrap()).unwrap()
    }

    #[test]
    fn keys_that_nobody_knows_are_still_keys() {
        let mlkem = key(b"\x30\x11\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x01\x03\x02\x00\x01");
        assert_eq!((mlkem.to_string(), mlkem.bits), ("2.16.840.1.101.3.4.4.1".to_owned(), 0));
        let broken = key(b"\x30\x13\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x02\x00\x01");
        assert_eq!((broken.algorithm, broken.bits), (KeyAlgorithm::Rsa, 0));
    }

    #[test]
    fn signature_algorithms_have_names() {
        let name = |der: &[u8]| signature(&Reader::new(der).take(SEQUENCE, "x").unwrap()).unwrap().name;
        assert_eq!(&*name(b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"), "ecdsa-with-SHA256");
        assert_eq!(&*name(b"\x30\x05\x06\x03\x2b\x65\x70"), "Ed25519");
        assert_eq!(&*name(b"\x30\x05\x06\x03\x2a\x03\x04"), "1.2.3.4");
    }
}
