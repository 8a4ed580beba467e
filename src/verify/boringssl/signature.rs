//! Signatures as BoringSSL checks them (`X509_verify`, crypto/x509/x_all.cc, algorithm.cc, rsa_pss.cc, a_verify.cc).
//!
//! The rule: what BoringSSL refuses before any mathematics is refused here by tables: algorithms, their parameters, keys it cannot
//! read. The mathematics are kcert's ([`crate::chain`]); where they fall short, nobody is called invalid.

use super::super::case::Member;
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::fault;
use super::strict::{self, Strict};
use crate::chain::SignatureCheck;
use crate::der::{self, BIT_STRING, Element, INTEGER, NULL, OBJECT_IDENTIFIER, Problem, Reader, SEQUENCE, bit_length, context};

/// What is wrong with a signature.
pub(super) enum Trouble {
    /// It is not written as it must be.
    Form(String),
    /// Its algorithm is not taken.
    Algorithm(String),
    /// The issuer's key cannot be read.
    Key(String),
    /// It is none of the issuer's.
    Invalid(String),
    /// BoringSSL could judge it, kcert cannot.
    Unjudged(String),
}

/// Both places name one algorithm, and all bits are used.
pub(super) fn form(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |trouble| if let Trouble::Form(message) = trouble { Some(message) } else { None })
}

/// The algorithm is one of those that are taken.
pub(super) fn algorithm(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |trouble| if let Trouble::Algorithm(message) = trouble { Some(message) } else { None })
}

/// The issuer's key is one that can be read.
pub(super) fn issuer_key(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |trouble| if let Trouble::Key(message) = trouble { Some(message) } else { None })
}

/// The issuer made it.
pub(super) fn valid(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |trouble| if let Trouble::Invalid(message) = trouble { Some(message) } else { None })
}

/// kcert can judge it.
pub(super) fn judged(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    first(trail, |trouble| if let Trouble::Unjudged(message) = trouble { Some(message) } else { None })
}

/// The first trouble of one kind on the path; that of the last certificate is nobody's business.
fn first(trail: &Trail<'_, '_>, kind: fn(Trouble) -> Option<String>) -> Result<(), Fault> {
    let pairs = trail.members.iter().zip(trail.members.iter().skip(1)).enumerate();
    for (at, (child, issuer)) in pairs {
        if let Some(message) = of_certificate(trail, child, issuer).and_then(kind) {
            return Err(fault(at, message));
        }
    }
    Ok(())
}

fn of_certificate(trail: &Trail<'_, '_>, child: &Member<'_>, issuer: &Member<'_>) -> Option<Trouble> {
    let der = &child.certificate.der;
    let graph = trail.case.graph;
    let signed = Signature {
        inner: child.tbs.signature.map(|algorithm| algorithm.raw).unwrap_or_default(),
        outer: der.bytes.get(der.signature_algorithm.clone()).unwrap_or_default(),
        unused_bits: der.signature.start.checked_sub(1).and_then(|at| der.bytes.get(at)).copied().unwrap_or(0),
    };
    signed.trouble(issuer, || (graph.signature(child.node, issuer.node), graph.is_exhausted()))
}

/// What is told of a signature apart from its value.
pub(super) struct Signature<'a> {
    /// The AlgorithmIdentifier that is signed.
    pub(super) inner: &'a [u8],
    /// The one that is not.
    pub(super) outer: &'a [u8],
    /// Bits of the last octet that are not used.
    pub(super) unused_bits: u8,
}

impl Signature<'_> {
    /// What is wrong, if anything; `check` does the mathematics, and says whether it was only for want of budget that it did not.
    pub(super) fn trouble(&self, issuer: &Member<'_>, check: impl FnOnce() -> (SignatureCheck, bool)) -> Option<Trouble> {
        if self.inner != self.outer {
            return Some(Trouble::Form(
                "the algorithm that is signed is not the one that is named beside the signature".to_owned(),
            ));
        }
        if self.unused_bits != 0 {
            return Some(Trouble::Form("the signature is no whole number of octets".to_owned()));
        }
        let family = match accepted(self.outer) {
            Ok(family) => family,
            Err(message) => return Some(Trouble::Algorithm(message)),
        };
        let name = || issuer.certificate.short_name();
        let Some(key) = Key::of(issuer) else {
            return Some(Trouble::Key(format!("BoringSSL cannot read the key of {}: {}", name(), issuer.certificate.public_key)));
        };
        if key.family != family {
            return Some(Trouble::Invalid(format!("{} has another kind of key: {}", name(), issuer.certificate.public_key)));
        }
        match check() {
            (SignatureCheck::Valid, _) => None,
            (SignatureCheck::Invalid, _) => Some(Trouble::Invalid(format!("the key of {} did not make the signature", name()))),
            (SignatureCheck::Unsupported, false) if key.is_judged && is_sha2(self.outer) => {
                Some(Trouble::Key(format!("the key of {} is no point of its curve", name())))
            }
            (SignatureCheck::Unsupported, _) => {
                Some(Trouble::Unjudged(format!("kcert cannot judge this signature by {}", issuer.certificate.public_key)))
            }
        }
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Rsa,
    Ecdsa,
    Ed25519,
    MlDsa(u8),
    /// Keys that sign nothing, DSA among them: nothing is behind it (`pkey_method` in crypto/evp/p_dsa.cc).
    Other,
}

/// What stands beside the OID in an AlgorithmIdentifier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    Absent,
    AbsentOrNull,
    Pss,
}

use Parameters::{Absent, AbsentOrNull, Pss};

/// Signature algorithms that are taken (`kTriples`, crypto/obj/obj_xref.cc, without the MD4 and MD5 that algorithm.cc refuses, and
/// without DSA).
const ALGORITHMS: &[(&[u8], Family, Parameters)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], Family::Rsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], Family::Rsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], Family::Rsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14], Family::Rsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], Family::Rsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], Family::Rsa, Pss),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], Family::Ecdsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], Family::Ecdsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], Family::Ecdsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], Family::Ecdsa, AbsentOrNull),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], Family::Ecdsa, AbsentOrNull),
    (&[0x2b, 0x65, 0x70], Family::Ed25519, Absent),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17], Family::MlDsa(44), Absent),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18], Family::MlDsa(65), Absent),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19], Family::MlDsa(87), Absent),
];

/// The kind of key that makes signatures of an algorithm; why it is not taken.
fn accepted(algorithm: &[u8]) -> Result<Family, String> {
    let split = identifier(algorithm);
    let (oid, parameters) = split.as_ref().map_err(ToString::to_string)?;
    let Some((_, family, wanted)) = ALGORITHMS.iter().find(|row| row.0 == oid.contents) else {
        return Err(format!("BoringSSL does not take signatures by {}", der::dotted(oid.contents)));
    };
    let fits = match (wanted, parameters) {
        (Absent | AbsentOrNull, None) => true,
        (AbsentOrNull, Some(parameters)) => parameters.tag == NULL,
        (Pss, Some(parameters)) => pss(parameters).is_ok(),
        _ => false,
    };
    let hint = if *wanted == Pss { ": SHA-256, SHA-384 or SHA-512 for both digests, with a salt as long" } else { "" };
    if fits { Ok(*family) } else { Err(format!("its signature algorithm has parameters that BoringSSL does not take{hint}")) }
}

/// Whether it is ECDSA with SHA-256, SHA-384 or SHA-512, which kcert judges over every curve that it knows.
fn is_sha2(algorithm: &[u8]) -> bool {
    const ECDSA_WITH_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3];
    let oid = identifier(algorithm).map(|(oid, _)| oid.contents);
    oid.ok().and_then(|oid| oid.strip_prefix(ECDSA_WITH_SHA2)).is_some_and(|rest| matches!(rest, [2..=4]))
}

/// An AlgorithmIdentifier's parts.
fn identifier(algorithm: &[u8]) -> Result<(Element<'_>, Option<Element<'_>>), der::Fault> {
    let mut fields = Strict::within(&Strict::new(algorithm).take(SEQUENCE, "signatureAlgorithm")?);
    let oid = fields.take(OBJECT_IDENTIFIER, "algorithm")?;
    let parameters = if fields.is_empty() { None } else { Some(fields.any("parameters")?) };
    fields.finish("algorithm")?;
    Ok((oid, parameters))
}

/// Digests that RSASSA-PSS is taken with, and their length.
const PSS_DIGESTS: [(&[u8], u8); 3] = [
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], 32),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], 48),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], 64),
];

/// The parameters of RSASSA-PSS (`rsa_parse_pss_params`, crypto/rsa/rsa_asn1.cc): everything written out but the trailer, which may
/// be, one digest for both purposes, a salt of its length.
fn pss(parameters: &Element<'_>) -> Result<(), der::Fault> {
    let refused = Problem::Value.of("RSASSA-PSS-params");
    if parameters.tag != SEQUENCE {
        return Err(refused);
    }
    let mut fields = Strict::within(parameters);
    let mut explicit = |number: u8| -> Result<Strict<'_>, der::Fault> {
        Ok(Strict::within(&fields.take(context(number), "RSASSA-PSS-params")?))
    };
    let (mut hash, mut mask, mut salt) = (explicit(0)?, explicit(1)?, explicit(2)?);
    let mut mask_fields = Strict::within(&mask.take(SEQUENCE, "maskGenAlgorithm")?);
    let mgf = mask_fields.take(OBJECT_IDENTIFIER, "maskGenAlgorithm")?;
    let (digest, mask_digest) = (digest(&mut hash)?, digest(&mut mask_fields)?);
    let salt_length = salt.take(INTEGER, "saltLength")?;
    let length = PSS_DIGESTS.iter().find(|(oid, _)| *oid == digest).map(|(_, length)| *length);
    let trailer = fields.optional(context(3), "trailerField")?;
    let trailer_fits = trailer.is_none_or(|trailer| {
        let number = Strict::within(&trailer).take(INTEGER, "trailerField");
        number.is_ok_and(|number| number.contents == [1])
    });
    let whole = hash.is_empty() && mask.is_empty() && mask_fields.is_empty() && salt.is_empty() && fields.is_empty();
    let same =
        digest == mask_digest && mgf.contents == oid::MGF1 && length.is_some_and(|length| salt_length.contents == [length]);
    if whole && same && trailer_fits { Ok(()) } else { Err(refused) }
}

/// The OID of a digest algorithm, whose parameters are absent or NULL.
fn digest<'a>(reader: &mut Strict<'a>) -> Result<&'a [u8], der::Fault> {
    let element = reader.take(SEQUENCE, "hashAlgorithm")?;
    let (oid, parameters) = identifier(element.raw)?;
    let fits = parameters.is_none_or(|parameters| parameters.tag == NULL && parameters.contents.is_empty());
    if fits { Ok(oid.contents) } else { Err(Problem::Value.of("hashAlgorithm")) }
}

/// A key that BoringSSL can read (`GetDefaultEVPAlgorithms`, crypto/evp/internal.h).
struct Key {
    family: Family,
    /// Whether it is a point that kcert's mathematics can judge, so that not to judge it means that it is none.
    is_judged: bool,
}

/// Bits of a modulus (crypto/fipsmodule/rsa/internal.h, include/openssl/rsa.h) and of an exponent at most (rsa_impl.cc.inc).
const MODULUS_BITS: std::ops::RangeInclusive<u32> = 512..=16_384;
const EXPONENT_BITS: std::ops::RangeInclusive<u32> = 2..=33;

/// Named curves, octets of a coordinate, and whether kcert knows them.
const CURVES: [(&[u8], usize, bool); 4] = [
    (&[0x2b, 0x81, 4, 0, 33], 28, false),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 32, true),
    (&[0x2b, 0x81, 4, 0, 34], 48, true),
    (&[0x2b, 0x81, 4, 0, 35], 66, true),
];

/// Keys that are a row of octets: their OID, how many octets, what they are for (RFC 8410, FIPS 203 and 204).
const RAW_KEYS: [(&[u8], usize, Family); 7] = [
    (&[0x2b, 0x65, 0x70], 32, Family::Ed25519),
    (&[0x2b, 0x65, 0x6e], 32, Family::Other),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17], 1312, Family::MlDsa(44)),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18], 1952, Family::MlDsa(65)),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19], 2592, Family::MlDsa(87)),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 2], 1184, Family::Other),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, 3], 1568, Family::Other),
];

impl Key {
    fn of(issuer: &Member<'_>) -> Option<Self> {
        let spki = issuer.tbs.spki?;
        let mut fields = Strict::within(&spki);
        let algorithm = fields.take(SEQUENCE, "algorithm").ok()?;
        let (oid, parameters) = identifier(algorithm.raw).ok()?;
        let (0, key) = strict::bits(&fields.take(BIT_STRING, "subjectPublicKey").ok()?, "subjectPublicKey").ok()? else {
            return None;
        };
        let plain = |family| Some(Self { family, is_judged: false });
        match oid.contents {
            oid::RSA if parameters.is_some_and(|parameters| parameters.tag == NULL) && is_rsa(key) => plain(Family::Rsa),
            oid::EC => Self::ec(&parameters?, key),
            oid::DSA if parameters.is_some() => plain(Family::Other),
            oid => {
                let (_, length, family) = RAW_KEYS.iter().find(|row| row.0 == oid)?;
                plain(*family).filter(|_| parameters.is_none() && key.len() == *length)
            }
        }
    }

    fn ec(parameters: &Element<'_>, point: &[u8]) -> Option<Self> {
        let named = CURVES.iter().filter(|_| parameters.tag == OBJECT_IDENTIFIER);
        let (_, octets, known) = named.into_iter().find(|row| row.0 == parameters.contents)?;
        let (whole, compressed) = match point {
            [4, coordinates @ ..] => (coordinates.len() == 2 * octets, false),
            [2 | 3, coordinate @ ..] => (coordinate.len() == *octets, true),
            _ => (false, false),
        };
        whole.then_some(Self { family: Family::Ecdsa, is_judged: *known && !compressed })
    }
}

/// Whether this is an RSAPublicKey (RFC 8017 appendix A.1.1) of a size that is taken.
fn is_rsa(key: &[u8]) -> bool {
    let mut outer = Strict::new(key);
    let Ok(sequence) = outer.take(SEQUENCE, "RSAPublicKey") else { return false };
    let mut fields = Strict::within(&sequence);
    let number = |element: &Element<'_>, bits: &std::ops::RangeInclusive<u32>| {
        let positive =
            strict::integer(element, "INTEGER").is_ok() && element.contents.first().is_some_and(|first| first & 0x80 == 0);
        positive && bits.contains(&bit_length(element.contents)) && element.contents.last().is_some_and(|last| last & 1 == 1)
    };
    let modulus = fields.take(INTEGER, "modulus").is_ok_and(|element| number(&element, &MODULUS_BITS));
    let exponent = fields.take(INTEGER, "publicExponent").is_ok_and(|element| number(&element, &EXPONENT_BITS));
    modulus && exponent && fields.is_empty() && outer.is_empty()
}

/// The parts of something signed: what is signed, the algorithm beside it, unused bits and octets of the signature.
pub(super) fn parts(bytes: &[u8]) -> Option<(Element<'_>, Element<'_>, u8, &[u8])> {
    let mut fields = Reader::new(bytes).take(SEQUENCE, "").ok()?.children();
    let signed = fields.take(SEQUENCE, "").ok()?;
    let algorithm = fields.take(SEQUENCE, "").ok()?;
    let [unused, octets @ ..] = fields.take(BIT_STRING, "").ok()?.contents else { return None };
    Some((signed, algorithm, *unused, octets))
}
