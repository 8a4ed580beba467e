//! Public keys and signature algorithms as OpenSSL tells them apart: which keys it can decode, and which algorithm goes with which
//! (crypto/objects/obj_xref.txt, `check_sig_alg_match`).

use super::asn1::{self, Field, Shape};
use crate::chain;
use crate::der::{self, Element, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use crate::model::KeyAlgorithm;
use crate::verify::case::Member;

/// A key that OpenSSL can decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Rsa,
    RsaPss,
    /// On a named curve.
    Ec,
    /// With the curve spelled out: decoded, and refused in chains.
    EcExplicit,
    Sm2,
    Ed25519,
    Ed448,
    Dsa,
    /// For Diffie and Hellman: a key that signs nothing.
    DiffieHellman,
}

const NUMBER: Shape = Shape::Universal(2);
const DSA_PARAMETERS: Shape = Shape::Sequence(&[Field::of(&NUMBER), Field::of(&NUMBER), Field::of(&NUMBER)]);

/// The curves that OpenSSL knows by name (crypto/ec/ec_curve.c): the arcs they stand under, and the first and last below.
const CURVES: &[(&str, u32, u32)] = &[
    ("1.2.840.10045.3.1.", 1, 7),
    ("1.2.840.10045.3.0.", 1, 20),
    ("1.3.132.0.", 1, 39),
    ("2.23.43.1.4.", 1, 12),
    ("1.3.36.3.3.2.8.1.1.", 1, 14),
    ("1.2.156.10197.1.", 301, 301),
];

/// The key of a certificate; `None` when OpenSSL cannot decode it. Points of curves that AWS-LC knows must lie on them.
pub(super) fn key(member: &Member<'_>) -> Option<Key> {
    kind(member).filter(|key| *key != Key::Ec || is_sound_point(member))
}

/// The same, short of the look at the point, which takes as long as all the rest.
pub(super) fn kind(member: &Member<'_>) -> Option<Key> {
    let mut algorithm = member.tbs.spki?.children().take(SEQUENCE, "algorithm").ok()?.children();
    let key = subject_public_key(member)?;
    let oid = der::dotted(algorithm.take(OBJECT_IDENTIFIER, "algorithm").ok()?.contents);
    let parameters = algorithm.any("parameters").ok();
    let bare = |octets: usize, kind| (key.len() == octets && parameters.is_none()).then_some(kind);
    match oid.as_str() {
        "1.2.840.113549.1.1.1" => is_rsa_public_key(&key).then_some(Key::Rsa),
        "1.2.840.113549.1.1.10" => is_rsa_public_key(&key).then_some(Key::RsaPss),
        "1.2.840.10045.2.1" => match parameters?.tag {
            OBJECT_IDENTIFIER => on_named_curve(&der::dotted(parameters?.contents), &key),
            SEQUENCE => Some(Key::EcExplicit),
            _ => None,
        },
        "1.3.101.112" => bare(32, Key::Ed25519),
        "1.3.101.113" => bare(57, Key::Ed448),
        "1.3.101.110" => bare(32, Key::DiffieHellman),
        "1.3.101.111" => bare(56, Key::DiffieHellman),
        "1.2.840.10040.4.1" => {
            let complete = parameters.is_some_and(|parameters| DSA_PARAMETERS.begins(parameters.raw));
            (complete && NUMBER.begins(&key)).then_some(Key::Dsa)
        }
        "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => {
            (parameters?.tag == SEQUENCE && NUMBER.begins(&key)).then_some(Key::DiffieHellman)
        }
        _ => None,
    }
}

/// The octets of a BIT STRING, the unused bits cleared.
fn octets(string: &Element<'_>) -> Option<Vec<u8>> {
    let contents = asn1::whole(string);
    let (unused, octets) = contents.split_first().filter(|(unused, _)| **unused < 8)?;
    let mut octets = octets.to_vec();
    if let Some(last) = octets.last_mut() {
        *last &= 0xff << unused;
    }
    Some(octets)
}

/// Whether the key is one of RSA with which no signature comes out right: OpenSSL refuses a modulus beyond 16,384 bits
/// (`OPENSSL_RSA_MAX_MODULUS_BITS`) and an even one, and an even exponent has no inverse.
pub(super) fn verifies_nothing(member: &Member<'_>) -> bool {
    const MOST_BITS: u32 = 16_384;
    let key = kind(member).filter(|key| matches!(key, Key::Rsa | Key::RsaPss)).and_then(|_| subject_public_key(member));
    let numbers = key.as_deref().and_then(|key| {
        let mut numbers = Reader::new(key).take(SEQUENCE, "RSAPublicKey").ok()?.children();
        Some((numbers.any("modulus").ok()?.contents, numbers.any("publicExponent").ok()?.contents))
    });
    let even = |number: &[u8]| number.last().is_none_or(|last| last & 1 == 0);
    numbers.is_some_and(|(modulus, exponent)| der::bit_length(modulus) > MOST_BITS || even(modulus) || even(exponent))
}

/// Two numbers, however they are padded.
fn is_rsa_public_key(key: &[u8]) -> bool {
    Reader::new(key).take(SEQUENCE, "RSAPublicKey").is_ok_and(|key| {
        let mut numbers = key.children();
        let two = numbers.take(der::INTEGER, "modulus").is_ok() && numbers.take(der::INTEGER, "publicExponent").is_ok();
        two && numbers.is_empty()
    })
}

/// A key on a curve known by name, in one of the forms of a point; the one at infinity is on every curve.
fn on_named_curve(curve: &str, point: &[u8]) -> Option<Key> {
    let known = CURVES.iter().any(|(above, first, last)| {
        let arc = curve.strip_prefix(above).and_then(|arc| arc.parse().ok());
        arc.is_some_and(|arc: u32| (*first..=*last).contains(&arc))
    });
    let formed = matches!(point, [0] | [2..=4 | 6 | 7, _, ..]);
    (known && formed).then_some(if curve.starts_with("1.2.156.") { Key::Sm2 } else { Key::Ec })
}

/// Whether a point may be on its curve.
fn is_sound_point(member: &Member<'_>) -> bool {
    let point = subject_public_key(member).unwrap_or_default();
    match &member.certificate.public_key.algorithm {
        KeyAlgorithm::Ecdsa(curve) => point == [0] || chain::is_point_on_curve(curve, &point) != Some(false),
        _ => true,
    }
}

/// `subjectPublicKey`.
fn subject_public_key(member: &Member<'_>) -> Option<Vec<u8>> {
    let mut fields = member.tbs.spki?.children();
    fields.take(SEQUENCE, "algorithm").ok()?;
    octets(&fields.take(der::BIT_STRING, "subjectPublicKey").ok()?)
}

/// What makes signatures of an algorithm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signer {
    Rsa,
    RsaPss,
    Ec,
    Ed25519,
    Ed448,
    Dsa,
    Sm2,
    /// Keys that no certificate has.
    Nobody,
}

/// Signature algorithms that OpenSSL has a name for, by dotted OID, and whether its default provider has the digest.
const ALGORITHMS: &[(&str, Signer, Digest)] = &[
    ("1.2.840.113549.1.1.11", Signer::Rsa, Digest::There),
    ("1.2.840.10045.4.3.2", Signer::Ec, Digest::There),
    ("1.2.840.10045.4.3.3", Signer::Ec, Digest::There),
    ("1.2.840.10045.4.3.4", Signer::Ec, Digest::There),
    ("1.2.840.113549.1.1.12", Signer::Rsa, Digest::There),
    ("1.2.840.113549.1.1.13", Signer::Rsa, Digest::There),
    ("1.2.840.113549.1.1.10", Signer::RsaPss, Digest::There),
    ("1.3.101.112", Signer::Ed25519, Digest::There),
    ("1.3.101.113", Signer::Ed448, Digest::There),
    ("1.2.840.113549.1.1.5", Signer::Rsa, Digest::There),
    ("1.3.14.3.2.29", Signer::Rsa, Digest::There),
    ("1.2.840.113549.1.1.14", Signer::Rsa, Digest::There),
    ("1.2.840.113549.1.1.4", Signer::Rsa, Digest::There),
    ("1.3.14.3.2.3", Signer::Rsa, Digest::There),
    ("1.3.36.3.3.1.2", Signer::Rsa, Digest::There),
    ("2.16.840.1.101.3.4.3.13", Signer::Rsa, Digest::There),
    ("2.16.840.1.101.3.4.3.14", Signer::Rsa, Digest::There),
    ("2.16.840.1.101.3.4.3.15", Signer::Rsa, Digest::There),
    ("2.16.840.1.101.3.4.3.16", Signer::Rsa, Digest::There),
    ("1.2.840.113549.1.1.2", Signer::Rsa, Digest::Gone),
    ("1.2.840.113549.1.1.3", Signer::Rsa, Digest::Gone),
    ("1.3.14.3.2.15", Signer::Rsa, Digest::Gone),
    ("2.5.8.3.100", Signer::Rsa, Digest::Gone),
    ("1.2.840.10045.4.1", Signer::Ec, Digest::There),
    ("1.2.840.10045.4.3.1", Signer::Ec, Digest::There),
    ("1.2.840.10045.4.2", Signer::Ec, Digest::Gone),
    ("1.2.840.10045.4.3", Signer::Ec, Digest::Gone),
    ("1.2.840.10040.4.3", Signer::Dsa, Digest::There),
    ("1.3.14.3.2.13", Signer::Dsa, Digest::Gone),
    ("1.3.14.3.2.27", Signer::Nobody, Digest::There),
    ("2.16.840.1.101.3.4.3.1", Signer::Dsa, Digest::There),
    ("2.16.840.1.101.3.4.3.2", Signer::Dsa, Digest::There),
    ("1.2.156.10197.1.501", Signer::Sm2, Digest::There),
];

/// Whether the default provider of OpenSSL 3 has a digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digest {
    There,
    Gone,
}

/// Whether a key could have made signatures of the algorithm that stands within the certificate.
pub(super) fn could_sign(issuer: Key, member: &Member<'_>) -> bool {
    let row = inner_algorithm(member).and_then(|oid| ALGORITHMS.iter().find(|row| row.0 == oid));
    row.is_some_and(|(_, signer, _)| {
        matches!(
            (signer, issuer),
            (Signer::Rsa, Key::Rsa)
                | (Signer::RsaPss, Key::Rsa | Key::RsaPss)
                | (Signer::Ec, Key::Ec | Key::EcExplicit)
                | (Signer::Ed25519, Key::Ed25519)
                | (Signer::Ed448, Key::Ed448)
                | (Signer::Dsa, Key::Dsa)
                | (Signer::Sm2, Key::Sm2)
        )
    })
}

/// Whether OpenSSL cannot compute the digest of a signature algorithm: the signature is then no good, whatever it is.
pub(super) fn lacks_digest(algorithm: &str) -> bool {
    ALGORITHMS.iter().any(|(oid, _, digest)| *oid == algorithm && *digest == Digest::Gone)
}

/// The algorithm that stands within the signed part, as dotted OID.
pub(super) fn inner_algorithm(member: &Member<'_>) -> Option<String> {
    let oid = member.tbs.signature?.children().take(OBJECT_IDENTIFIER, "algorithm").ok()?;
    Some(der::dotted(oid.contents))
}

/// The algorithm that stands beside the signature, as it is encoded.
pub(super) fn outer_algorithm<'a>(member: &Member<'a>) -> &'a [u8] {
    let der = &member.certificate.der;
    der.bytes.get(der.signature_algorithm.clone()).unwrap_or_default()
}

/// Whether two AlgorithmIdentifiers are the same: as OpenSSL re-encodes them, which minimal lengths make a comparison of octets.
pub(super) fn same_algorithm(one: &[u8], other: &[u8]) -> bool {
    let parts = |algorithm| {
        let mut fields = Reader::new(algorithm).take(SEQUENCE, "AlgorithmIdentifier").ok()?.children();
        let oid = fields.take(OBJECT_IDENTIFIER, "algorithm").ok()?;
        Some((oid.contents, fields.any("parameters").ok().map(|parameters| (parameters.tag, parameters.contents))))
    };
    parts(one).is_some_and(|one| Some(one) == parts(other))
}
