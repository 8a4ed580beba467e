//! `CheckSignatureFrom`: who may sign, with what, and whether it is the signature.

use super::super::Verifier;
use super::super::oid as oids;
use super::super::rule::{Fault, Trail};
use super::asn1::{Field, Fields, SEQUENCE, int64};
use super::encoding_asn1::{INTEGER, OID};
use super::facts::{Algorithm, Facts, facts};
use super::habits::ML_DSA;
use super::key::Key;
use crate::chain::{SignatureCheck, Signed};

/// What a signature is made with, as `getSignatureAlgorithmFromAI` tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RSA (PKCS #1 v1.5) with a digest.
    Rsa(Digest),
    /// RSASSA-PSS with a digest that is also the mask's and as long as the salt.
    Pss(Digest),
    /// ECDSA with a digest.
    Ecdsa(Digest),
    /// DSA with a digest.
    Dsa(Digest),
    /// Ed25519.
    Ed25519,
    /// ML-DSA with the last arc of its OID.
    MlDsa(u8),
    /// Nothing that Go knows.
    Unknown,
}

/// Digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Md5,
    Sha1,
    Sha2,
}

/// Signature algorithms by object identifier.
const SCHEMES: &[(&[u8], Scheme)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], Scheme::Rsa(Digest::Md5)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], Scheme::Rsa(Digest::Sha1)),
    (&[0x2b, 0x0e, 3, 2, 29], Scheme::Rsa(Digest::Sha1)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], Scheme::Rsa(Digest::Sha2)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], Scheme::Rsa(Digest::Sha2)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], Scheme::Rsa(Digest::Sha2)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3], Scheme::Dsa(Digest::Sha1)),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2], Scheme::Dsa(Digest::Sha2)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], Scheme::Ecdsa(Digest::Sha1)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], Scheme::Ecdsa(Digest::Sha2)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], Scheme::Ecdsa(Digest::Sha2)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], Scheme::Ecdsa(Digest::Sha2)),
];

impl Scheme {
    fn of(algorithm: &Algorithm<'_>, verifier: Verifier) -> Self {
        match algorithm.oid {
            oids::ED25519 if algorithm.parameters.is_none() => Self::Ed25519,
            oids::RSASSA_PSS => pss(algorithm.parameters.unwrap_or_default()).map_or(Self::Unknown, |()| Self::Pss(Digest::Sha2)),
            oid => match oid.split_last() {
                Some((level @ 17..=19, oids::ML_DSA)) if ML_DSA.of(verifier) && algorithm.parameters.is_none() => {
                    Self::MlDsa(*level)
                }
                _ => SCHEMES.iter().find(|row| row.0 == oid).map_or(Self::Unknown, |row| row.1),
            },
        }
    }

    fn digest(self) -> Option<Digest> {
        match self {
            Self::Rsa(digest) | Self::Pss(digest) | Self::Ecdsa(digest) | Self::Dsa(digest) => Some(digest),
            Self::Ed25519 | Self::MlDsa(_) | Self::Unknown => None,
        }
    }

    fn fits(self, key: &Key) -> bool {
        match (self, key) {
            (Self::Rsa(_) | Self::Pss(_), Key::Rsa { .. })
            | (Self::Ecdsa(_), Key::Ecdsa)
            | (Self::Dsa(_), Key::Dsa)
            | (Self::Ed25519, Key::Ed25519) => true,
            (Self::MlDsa(level), Key::MlDsa(of_key)) => level == *of_key,
            _ => false,
        }
    }
}

/// The only parameters of RSASSA-PSS that Go takes: hash, mask and salt written out, one SHA-2 for both, salt as long as its digest.
fn pss(parameters: &[u8]) -> Option<()> {
    const WHAT: &str = "RSASSA-PSS-params";
    let mut fields = Fields::new(parameters).within(SEQUENCE, WHAT).ok()?;
    let hash = fields.explicit(0, SEQUENCE, WHAT).ok()??;
    let mask = fields.explicit(1, SEQUENCE, WHAT).ok()??;
    let salt = int64(fields.explicit(2, INTEGER, WHAT).ok()??.contents)?;
    let trailer = fields.explicit(3, INTEGER, WHAT).ok()?.map_or(Some(1), |trailer| int64(trailer.contents))?;
    let identifier = |sequence: Field<'_>| -> Option<(Vec<u8>, Vec<u8>)> {
        let mut fields = Fields::new(sequence.contents);
        let oid = fields.take(OID, WHAT).ok()?.contents.to_vec();
        let parameters = fields.optional(|_| true, WHAT).ok()?.map(|parameters| parameters.raw.to_vec());
        Some((oid, parameters.unwrap_or_default()))
    };
    let (hash, hash_parameters) = identifier(hash)?;
    let (mask, mask_parameters) = identifier(mask)?;
    let (mask_hash, mask_hash_parameters) = identifier(Fields::new(&mask_parameters).take(SEQUENCE, WHAT).ok()?)?;
    let null = |parameters: &[u8]| parameters.is_empty() || parameters == [5, 0];
    let length = match hash.split_last() {
        Some((1, oids::SHA2)) => 32,
        Some((2, oids::SHA2)) => 48,
        Some((3, oids::SHA2)) => 64,
        _ => return None,
    };
    let plain = null(&hash_parameters) && null(&mask_hash_parameters);
    (plain && mask == oids::MGF1 && mask_hash == hash && trailer == 1 && salt == length).then_some(())
}

/// What was signed by what: the certificate below, the one reached last.
fn pair(trail: &Trail<'_, '_>, judge: impl Fn(Scheme, &Facts<'_>, &Facts<'_>) -> Option<String>) -> Result<(), Fault> {
    let Some(child) = trail.child() else { return Ok(()) };
    let (child, issuer) = (facts(trail.case, child), facts(trail.case, trail.last()));
    let scheme = Scheme::of(&child.algorithm, trail.case.verifier);
    let top = trail.members.len().saturating_sub(1);
    judge(scheme, &child, &issuer).map_or(Ok(()), |message| Err(Fault { at: top, message }))
}

/// The same, where the algorithm of the one below is what is wrong.
fn below(trail: &Trail<'_, '_>, judge: impl Fn(Scheme, &Facts<'_>) -> Option<String>) -> Result<(), Fault> {
    let below = trail.members.len().saturating_sub(2);
    pair(trail, |scheme, child, _| judge(scheme, child)).map_err(|fault| Fault { at: below, ..fault })
}

/// A version 3 certificate without basic constraints, or one with basic constraints that is no CA.
pub(super) fn issuer_is_ca(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, _, issuer| match issuer.basic {
        None if issuer.version == 3 => Some("it has no basic constraints".to_owned()),
        Some(basic) if !basic.ca => Some("its basic constraints say that it is no CA".to_owned()),
        _ => None,
    })
}

/// A key usage without keyCertSign. One without any bit is none.
pub(super) fn issuer_may_sign(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, _, issuer| {
        let usage = crate::model::certificate::KeyUsage(issuer.key_usage);
        let names: Vec<&str> = usage.names().collect();
        (usage.0 != 0 && !usage.key_cert_sign()).then(|| format!("its key usage is {}, without keyCertSign", names.join(", ")))
    })
}

/// A key that Go has no algorithm for.
pub(super) fn issuer_key_is_known(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, _, issuer| (issuer.key == Key::Unknown).then(|| "its key is of a kind that Go does not know".to_owned()))
}

/// A signature algorithm that Go does not know, or knows without checking.
pub(super) fn algorithm_is_known(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    below(trail, |scheme, _| (scheme == Scheme::Unknown).then(|| format!("signed with {}, which Go does not check", name(trail))))
}

/// DSA.
pub(super) fn algorithm_is_not_dsa(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let dsa = |scheme| matches!(scheme, Scheme::Dsa(_));
    below(trail, |scheme, _| dsa(scheme).then(|| "signed with DSA, which Go does not check".to_owned()))
}

/// MD5.
pub(super) fn digest_is_not_md5(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    below(trail, |scheme, _| (scheme.digest() == Some(Digest::Md5)).then(|| "signed with MD5".to_owned()))
}

/// SHA-1.
pub(super) fn digest_is_not_sha1(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    below(trail, |scheme, _| (scheme.digest() == Some(Digest::Sha1)).then(|| "signed with SHA-1".to_owned()))
}

/// A key of another family than the signature's.
pub(super) fn key_fits(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |scheme, _, issuer| {
        (!scheme.fits(&issuer.key)).then(|| format!("the signature is {}, the key {}", name(trail), issuer.key.family()))
    })
}

/// An RSA key below 1024 bits.
pub(super) fn rsa_is_large(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, _, issuer| {
        issuer.key.rsa_bits().filter(|bits| *bits < 1024).map(|bits| format!("it signs with RSA {bits} bits; at least 1024"))
    })
}

/// An RSA exponent below 2 or above 31 bits.
pub(super) fn rsa_exponent_fits(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, _, issuer| match issuer.key {
        Key::Rsa { exponent, .. } if !(2..=0x7fff_ffff).contains(&exponent) => {
            Some(format!("its RSA exponent is {exponent}; from 2 to 31 bits"))
        }
        _ => None,
    })
}

/// An RSA exponent or modulus that is even.
pub(super) fn rsa_is_odd(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, _, issuer| match &issuer.key {
        Key::Rsa { exponent, modulus } if exponent % 2 == 0 || modulus.last().is_some_and(|last| last % 2 == 0) => {
            Some("its RSA modulus or exponent is even".to_owned())
        }
        _ => None,
    })
}

/// The signature itself.
pub(super) fn is_valid(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, child, _| {
        (check(trail, child) == SignatureCheck::Invalid).then(|| "its key did not make the signature of the one below".to_owned())
    })
}

/// One that Go checks and that cannot be checked here.
pub(super) fn is_judged(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    pair(trail, |_, child, issuer| {
        let unsupported = check(trail, child) == SignatureCheck::Unsupported;
        unsupported.then(|| format!("the signature ({}, {} key) cannot be checked here", name(trail), issuer.key.family()))
    })
}

/// Checks it as Go does: by the algorithm within the signed part, with unused bits of the signature in front.
fn check(trail: &Trail<'_, '_>, child: &Facts<'_>) -> SignatureCheck {
    let (Some(signed), issuer) = (trail.child(), trail.last()) else { return SignatureCheck::Unsupported };
    let graph = trail.case.graph;
    if child.algorithm.raw == child.outer_algorithm && child.signature.unused == 0 {
        return graph.signature(signed.node, issuer.node);
    }
    let signature = child.signature.right_aligned();
    graph.signed_by(&Signed { tbs: child.tbs, algorithm: child.algorithm.raw, signature: &signature }, issuer.node)
}

/// The signature algorithm as people know it.
fn name<'a>(trail: &Trail<'_, 'a>) -> &'a str {
    trail.child().map_or("unknown", |child| &child.certificate.signature_algorithm.name)
}
