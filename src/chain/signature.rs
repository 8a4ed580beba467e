//! Signatures: whether a key made the signature on a certificate (RFC 5280 section 4.1.1.3).
//!
//! The rule: an algorithm or a key that AWS-LC does not judge is `Unsupported`, never `Invalid`. Weakness is no reason to refuse
//! here: SHA-1 and RSA of 1024 bits are checked as far as the library does it, so that an old chain can be shown before it is
//! replaced. Names, dates and constraints are not looked at.

use crate::model::{Certificate, KeyAlgorithm};
use aws_lc_rs::signature::{self as aws, ParsedPublicKey, RsaParameters, RsaPssSaltLength, VerificationAlgorithm};
use pkcs8::der::asn1::{ContextSpecific, ObjectIdentifier};
use pkcs8::der::{self, Decode, DecodeValue, Reader, SliceReader, TagNumber, Tagged};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use std::borrow::Cow;
use std::ops::Range;

/// The outcome of one signature check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureCheck {
    /// The issuer's key made this signature.
    Valid,
    /// It did not.
    Invalid,
    /// The algorithm or key is one that cannot be judged here.
    Unsupported,
}

/// Something signed (RFC 5280 sections 4.1.1 and 5.1.1): a certificate or a revocation list in its parts.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// What is signed: TBSCertificate or TBSCertList, header included.
    pub tbs: &'a [u8],
    /// The outer `signatureAlgorithm`, header included.
    pub algorithm: &'a [u8],
    /// The contents of `signatureValue`, without its unused-bits octet.
    pub signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// The parts of a certificate; `None` if its ranges lead nowhere.
    #[must_use]
    pub fn certificate(certificate: &'a Certificate) -> Option<Self> {
        let der = &certificate.der;
        let part = |range: &Range<usize>| der.bytes.get(range.clone());
        Some(Self { tbs: part(&der.tbs)?, algorithm: part(&der.signature_algorithm)?, signature: part(&der.signature)? })
    }
}

/// Checks signatures; a trait so that tests can count and fake them.
pub trait SignatureOps: Sync {
    /// Whether `issuer`'s key signed `certificate`.
    fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
        Signed::certificate(certificate).map_or(SignatureCheck::Unsupported, |signed| self.check_signed(&signed, issuer))
    }

    /// Whether `issuer`'s key made this signature.
    fn check_signed(&self, signed: &Signed<'_>, issuer: &Certificate) -> SignatureCheck {
        check(signed, issuer).unwrap_or(SignatureCheck::Unsupported)
    }
}

/// The real thing: AWS-LC.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

impl SignatureOps for AwsLc {}

/// What a family of signature algorithms asks of the key.
#[derive(Clone, Copy)]
enum Key {
    /// RSA, of at least so many bits.
    Rsa(u32),
    /// ECDSA over the curve of this name.
    Ecdsa(&'static str),
    /// Ed25519.
    Ed25519,
}

/// One algorithm that AWS-LC verifies: its OID, the key it goes with, the implementation.
type Row = (ObjectIdentifier, Key, &'static dyn VerificationAlgorithm);

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// RFC 3279, 4055, 5758 and 8410, in the combinations that AWS-LC has. SHA-384 with RSA below 2048 bits is not among them.
const ALGORITHMS: &[Row] = &[
    (oid("1.2.840.113549.1.1.11"), Key::Rsa(1024), &aws::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
    (oid("1.2.840.113549.1.1.12"), Key::Rsa(2048), &aws::RSA_PKCS1_2048_8192_SHA384),
    (oid("1.2.840.113549.1.1.13"), Key::Rsa(1024), &aws::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
    (oid("1.2.840.113549.1.1.5"), Key::Rsa(1024), &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
    (oid("1.3.14.3.2.29"), Key::Rsa(1024), &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
    (oid("1.2.840.10045.4.3.2"), Key::Ecdsa("P-256"), &aws::ECDSA_P256_SHA256_ASN1),
    (oid("1.2.840.10045.4.3.3"), Key::Ecdsa("P-256"), &aws::ECDSA_P256_SHA384_ASN1),
    (oid("1.2.840.10045.4.3.4"), Key::Ecdsa("P-256"), &aws::ECDSA_P256_SHA512_ASN1),
    (oid("1.2.840.10045.4.1"), Key::Ecdsa("P-256"), &aws::ECDSA_P256_SHA1_ASN1),
    (oid("1.2.840.10045.4.3.2"), Key::Ecdsa("P-384"), &aws::ECDSA_P384_SHA256_ASN1),
    (oid("1.2.840.10045.4.3.3"), Key::Ecdsa("P-384"), &aws::ECDSA_P384_SHA384_ASN1),
    (oid("1.2.840.10045.4.3.4"), Key::Ecdsa("P-384"), &aws::ECDSA_P384_SHA512_ASN1),
    (oid("1.2.840.10045.4.3.2"), Key::Ecdsa("P-521"), &aws::ECDSA_P521_SHA256_ASN1),
    (oid("1.2.840.10045.4.3.3"), Key::Ecdsa("P-521"), &aws::ECDSA_P521_SHA384_ASN1),
    (oid("1.2.840.10045.4.3.4"), Key::Ecdsa("P-521"), &aws::ECDSA_P521_SHA512_ASN1),
    (oid("1.2.840.10045.4.1"), Key::Ecdsa("P-521"), &aws::ECDSA_P521_SHA1_ASN1),
    (oid("1.2.840.10045.4.3.1"), Key::Ecdsa("P-521"), &aws::ECDSA_P521_SHA224_ASN1),
    (oid("1.2.840.10045.4.3.2"), Key::Ecdsa("secp256k1"), &aws::ECDSA_P256K1_SHA256_ASN1),
    (ED25519, Key::Ed25519, &aws::ED25519),
];

/// `id-RSASSA-PSS` (RFC 4055 section 3.1): everything but the name is in the parameters.
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
/// `id-Ed25519` (RFC 8410 section 3).
const ED25519: ObjectIdentifier = oid("1.3.101.112");
/// `id-mgf1` (RFC 4055 section 2.2).
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
/// `saltLength` where the parameters do not say (RFC 4055 section 3.1).
const DEFAULT_SALT: u16 = 20;
/// The bits that AWS-LC takes at most in an RSA key.
const RSA_MOST_BITS: u32 = 8192;

/// RSASSA-PSS with one digest. Implementations must be constants, so there is one for each usual length of the salt.
struct Pss {
    digest: ObjectIdentifier,
    /// Octets of the digest.
    octets: u16,
    salt_as_digest: &'static RsaParameters,
    salt_longest: &'static RsaParameters,
    salt_default: &'static RsaParameters,
}

impl Pss {
    const fn new(digest: &str, octets: u16, salts: [&'static RsaParameters; 3]) -> Self {
        let [salt_as_digest, salt_longest, salt_default] = salts;
        Self { digest: ObjectIdentifier::new_unwrap(digest), octets, salt_as_digest, salt_longest, salt_default }
    }
}

/// The other lengths of salt than the digest's that somebody uses: openssl's old default, and RFC 4055's.
const LONGEST: RsaPssSaltLength = RsaPssSaltLength::Max;
const TWENTY: RsaPssSaltLength = RsaPssSaltLength::Custom(DEFAULT_SALT);

/// SHA-256, SHA-384, SHA-512.
const PSS: [Pss; 3] = [
    Pss::new(
        "2.16.840.1.101.3.4.2.1",
        32,
        [
            &aws::RSA_PSS_2048_8192_SHA256,
            &const { aws::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(LONGEST) },
            &const { aws::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(TWENTY) },
        ],
    ),
    Pss::new(
        "2.16.840.1.101.3.4.2.2",
        48,
        [
            &aws::RSA_PSS_2048_8192_SHA384,
            &const { aws::RSA_PSS_2048_8192_SHA384.with_pss_salt_length(LONGEST) },
            &const { aws::RSA_PSS_2048_8192_SHA384.with_pss_salt_length(TWENTY) },
        ],
    ),
    Pss::new(
        "2.16.840.1.101.3.4.2.3",
        64,
        [
            &aws::RSA_PSS_2048_8192_SHA512,
            &const { aws::RSA_PSS_2048_8192_SHA512.with_pss_salt_length(LONGEST) },
            &const { aws::RSA_PSS_2048_8192_SHA512.with_pss_salt_length(TWENTY) },
        ],
    ),
];

/// `None`: cannot be judged.
fn check(signed: &Signed<'_>, issuer: &Certificate) -> Option<SignatureCheck> {
    let algorithm = AlgorithmIdentifierRef::from_der(signed.algorithm).ok()?;
    if family(algorithm.oid).zip(family_of(&issuer.public_key.algorithm)).is_some_and(|(wanted, found)| wanted != found) {
        return Some(SignatureCheck::Invalid);
    }
    let implementation = implementation(&algorithm, issuer)?;
    let key = issuer.der.bytes.get(issuer.der.spki.clone())?;
    // The bare RSAPublicKey, because AWS-LC does not read keys whose own algorithm is id-RSASSA-PSS.
    let key = match issuer.public_key.algorithm {
        KeyAlgorithm::Rsa => SubjectPublicKeyInfoRef::from_der(key).ok()?.subject_public_key.as_bytes()?,
        _ => key,
    };
    let key = ParsedPublicKey::new(implementation, key).ok()?;
    Some(if key.verify_sig(signed.tbs, signed.signature).is_ok() { SignatureCheck::Valid } else { SignatureCheck::Invalid })
}

/// Whether an octet string is a point of the curve of this name; `None` when AWS-LC does not have that curve. Verifiers refuse keys that
/// are no points before they look at any signature.
#[must_use]
pub fn is_point_on_curve(curve: &str, point: &[u8]) -> Option<bool> {
    let row = ALGORITHMS.iter().find(|row| matches!(row.1, Key::Ecdsa(name) if name == curve))?;
    // SEC 1 section 2.3.4 has compressed and uncompressed points; X9.62 also a form of both, which AWS-LC does not read.
    let plain: Cow<'_, [u8]> = match point {
        [form @ (6 | 7), rest @ ..] if rest.last().is_some_and(|last| last & 1 == form & 1) => [&[4], rest].concat().into(),
        [6 | 7, ..] => return Some(false),
        _ => point.into(),
    };
    Some(ParsedPublicKey::new(row.2, &*plain).is_ok())
}

/// What kind of key makes signatures of an algorithm: a key of another kind made none of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    Ecdsa,
    Ed25519,
}

fn family(algorithm: ObjectIdentifier) -> Option<Family> {
    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1");
    const ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4");
    match algorithm {
        oid if oid.starts_with(RSA) => Some(Family::Rsa),
        oid if oid.starts_with(ECDSA) => Some(Family::Ecdsa),
        oid if oid == ED25519 => Some(Family::Ed25519),
        _ => None,
    }
}

fn family_of(key: &KeyAlgorithm) -> Option<Family> {
    match key {
        KeyAlgorithm::Rsa => Some(Family::Rsa),
        KeyAlgorithm::Ecdsa(_) => Some(Family::Ecdsa),
        KeyAlgorithm::Ed25519 => Some(Family::Ed25519),
        _ => None,
    }
}

fn implementation(algorithm: &AlgorithmIdentifierRef<'_>, issuer: &Certificate) -> Option<&'static dyn VerificationAlgorithm> {
    let key = &issuer.public_key;
    if algorithm.oid == RSASSA_PSS {
        return pss(algorithm, key.bits).filter(|_| fits(Key::Rsa(2048), &key.algorithm, key.bits));
    }
    ALGORITHMS.iter().find(|row| row.0 == algorithm.oid && fits(row.1, &key.algorithm, key.bits)).map(|row| row.2)
}

fn fits(wanted: Key, algorithm: &KeyAlgorithm, bits: u32) -> bool {
    match (wanted, algorithm) {
        (Key::Rsa(least), KeyAlgorithm::Rsa) => (least..=RSA_MOST_BITS).contains(&bits),
        (Key::Ecdsa(curve), KeyAlgorithm::Ecdsa(name)) => **name == *curve,
        (Key::Ed25519, KeyAlgorithm::Ed25519) => true,
        _ => false,
    }
}

/// The implementation that the parameters of an `id-RSASSA-PSS` AlgorithmIdentifier ask for. AWS-LC has none for SHA-1, which is
/// what absent parameters mean, nor for a mask generated with another digest.
fn pss(algorithm: &AlgorithmIdentifierRef<'_>, bits: u32) -> Option<&'static dyn VerificationAlgorithm> {
    let parameters = algorithm.parameters?;
    let mut fields = SliceReader::new(parameters.value()).ok()?;
    let hash = explicit::<AlgorithmIdentifierRef<'_>>(&mut fields, 0).ok()??;
    let mask = explicit::<AlgorithmIdentifierRef<'_>>(&mut fields, 1).ok()??;
    let salt = explicit::<u16>(&mut fields, 2).ok()?.unwrap_or(DEFAULT_SALT);
    let trailer = explicit::<u8>(&mut fields, 3).ok()?.unwrap_or(1);
    let mask_digest: AlgorithmIdentifierRef<'_> = mask.parameters?.decode_as().ok()?;
    if mask.oid != MGF1 || mask_digest.oid != hash.oid || trailer != 1 || !fields.is_finished() {
        return None;
    }
    let row = PSS.iter().find(|row| row.digest == hash.oid)?;
    // RFC 8017 section 9.1.1: emLen - hLen - 2, where emLen is (bits - 1) / 8, rounded up.
    let longest = bits.saturating_add(6) / 8;
    let longest = longest.checked_sub(u32::from(row.octets) + 2)?;
    match salt {
        salt if salt == row.octets => Some(row.salt_as_digest),
        salt if u32::from(salt) == longest => Some(row.salt_longest),
        DEFAULT_SALT => Some(row.salt_default),
        _ => None,
    }
}

/// The field `[number] EXPLICIT`, if present.
fn explicit<'a, T>(fields: &mut SliceReader<'a>, number: u32) -> der::Result<Option<T>>
where
    T: DecodeValue<'a> + Tagged + Decode<'a, Error = der::Error>,
{
    let field = ContextSpecific::<T>::decode_explicit(fields, TagNumber(number))?;
    Ok(field.map(|field| field.value))
}

#[cfg(test)]
mod tests {
    use super::is_point_on_curve;

    /// The base point of P-256 (FIPS 186-4 appendix D.1.2.3), with the octet of its form before it.
    const X: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    const Y: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn point(form: &str, coordinates: &[&str]) -> Vec<u8> {
        let digits = [form, &coordinates.concat()].concat();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_base_point_is_on_its_curve_in_each_of_its_forms() {
        for (point, expected) in [
            (point("04", &[X, Y]), true),
            (point("03", &[X]), true),
            (point("07", &[X, Y]), true),
            (point("06", &[X, Y]), false),
            (point("04", &[Y, X]), false),
            (point("04", &[X]), false),
            (Vec::new(), false),
        ] {
            assert_eq!(is_point_on_curve("P-256", &point), Some(expected), "{point:02x?}");
            assert_eq!(is_point_on_curve("P-384", &point), Some(false), "{point:02x?}");
            assert_eq!(is_point_on_curve("P-224", &point), None);
        }
    }
}
