//! Public keys: which of them Go reads (`parsePublicKey`).

use super::super::Verifier;
use super::super::oid as oids;
use super::asn1::{Input, Malformed, int64, odd_oid};
use super::facts::{Algorithm, Breach, Facts};
use super::habits::ML_DSA;
use crate::chain::is_point_on_curve;
use crate::der::{SEQUENCE, bit_length};

/// A public key as far as signatures depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Key {
    /// RSA.
    Rsa {
        /// The modulus, big-endian.
        modulus: Box<[u8]>,
        /// The exponent.
        exponent: i64,
    },
    /// ECDSA over one of the curves that Go has.
    Ecdsa,
    /// Ed25519.
    Ed25519,
    /// DSA.
    Dsa,
    /// ML-DSA with the last arc of its OID: 17, 18 or 19.
    MlDsa(u8),
    /// An algorithm that Go does not know: the key is not looked at.
    #[default]
    Unknown,
}

impl Key {
    /// What people call it.
    pub(super) fn family(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Ecdsa => "ECDSA",
            Self::Ed25519 => "Ed25519",
            Self::Dsa => "DSA",
            Self::MlDsa(_) => "ML-DSA",
            Self::Unknown => "unknown",
        }
    }

    /// Bits of an RSA modulus.
    pub(super) fn rsa_bits(&self) -> Option<u32> {
        if let Self::Rsa { modulus, .. } = self { Some(bit_length(modulus)) } else { None }
    }
}

/// What is made of bytes after a key or its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trailing {
    /// Nothing (since Go 1.17).
    Ignored,
    /// The key is none.
    Refused,
}

impl Trailing {
    fn permits(self, rest: &Input<'_>) -> Result<(), Malformed> {
        if self == Self::Ignored || rest.is_empty() { Ok(()) } else { Err("the end of the public key") }
    }
}

/// Reads a key. One that is broken is noted, and comes out as unknown.
pub(super) fn read(algorithm: &Algorithm<'_>, data: &[u8], trailing: Trailing, verifier: Verifier, facts: &mut Facts<'_>) -> Key {
    let key = match algorithm.oid {
        oids::RSA => rsa(algorithm, data, trailing),
        oids::EC => ecdsa(algorithm, data, trailing),
        oids::ED25519 => ed25519(algorithm, data),
        oids::DSA => dsa(algorithm, data, trailing),
        oid => match (oid.split_last(), ML_DSA.of(verifier)) {
            (Some((level @ 17..=19, oids::ML_DSA)), true) => ml_dsa(*level, algorithm, data),
            _ => return Key::Unknown,
        },
    };
    key.unwrap_or_else(|what| {
        facts.note(Breach::Key, format!("the public key is none: {what}"));
        Key::Unknown
    })
}

fn rsa(algorithm: &Algorithm<'_>, data: &[u8], trailing: Trailing) -> Result<Key, Malformed> {
    if algorithm.parameters != Some(&[5, 0]) {
        return Err("RSA without NULL as parameters");
    }
    let mut outer = Input::new(data);
    let mut fields = outer.within(SEQUENCE, "RSAPublicKey")?;
    trailing.permits(&outer)?;
    let modulus = fields.integer("modulus")?;
    let exponent = int64(fields.integer("publicExponent")?).ok_or("publicExponent is too large")?;
    if modulus.first().is_none_or(|first| first & 0x80 != 0) || bit_length(modulus) == 0 {
        return Err("modulus is not positive");
    }
    if exponent <= 0 {
        return Err("publicExponent is not positive");
    }
    Ok(Key::Rsa { modulus: modulus.into(), exponent })
}

/// The curves of crypto/elliptic: the contents of the OID (RFC 5480 section 2.1.1.1), the name, octets of a coordinate.
const CURVES: [(&[u8], &str, usize); 4] = [
    (&[0x2b, 0x81, 4, 0, 33], "P-224", 28),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "P-256", 32),
    (&[0x2b, 0x81, 4, 0, 34], "P-384", 48),
    (&[0x2b, 0x81, 4, 0, 35], "P-521", 66),
];

fn ecdsa(algorithm: &Algorithm<'_>, data: &[u8], trailing: Trailing) -> Result<Key, Malformed> {
    let mut parameters = Input::new(algorithm.parameters.unwrap_or_default());
    let name = super::cryptobyte::oid_contents(&mut parameters, "the curve")?;
    trailing.permits(&parameters)?;
    let curve = CURVES.iter().find(|(oid, ..)| *oid == name && odd_oid(name).is_none());
    let (_, curve, octets) = curve.ok_or("a curve that Go does not have")?;
    let uncompressed = data.first() == Some(&4) && data.len() == 2 * octets + 1;
    // Nobody here judges P-224: its points are taken on trust.
    let on_curve = uncompressed && is_point_on_curve(curve, data).unwrap_or(true);
    if on_curve { Ok(Key::Ecdsa) } else { Err("the point is not on the curve") }
}

fn ed25519(algorithm: &Algorithm<'_>, data: &[u8]) -> Result<Key, Malformed> {
    match (algorithm.parameters, data.len()) {
        (Some(_), _) => Err("Ed25519 with parameters"),
        (None, 32) => Ok(Key::Ed25519),
        (None, _) => Err("Ed25519 of another length than 32 octets"),
    }
}

fn dsa(algorithm: &Algorithm<'_>, data: &[u8], trailing: Trailing) -> Result<Key, Malformed> {
    let mut outer = Input::new(data);
    let key = outer.integer("DSAPublicKey")?;
    trailing.permits(&outer)?;
    let mut outer = Input::new(algorithm.parameters.unwrap_or_default());
    let mut fields = outer.within(SEQUENCE, "Dss-Parms")?;
    trailing.permits(&outer)?;
    let numbers = [key, fields.integer("p")?, fields.integer("q")?, fields.integer("g")?];
    let positive = |number: &[u8]| number.first().is_some_and(|first| first & 0x80 == 0) && bit_length(number) > 0;
    if numbers.into_iter().all(positive) { Ok(Key::Dsa) } else { Err("a DSA number that is not positive") }
}

fn ml_dsa(level: u8, algorithm: &Algorithm<'_>, data: &[u8]) -> Result<Key, Malformed> {
    let length = match level {
        17 => 1312,
        18 => 1952,
        _ => 2592,
    };
    match algorithm.parameters {
        Some(_) => Err("ML-DSA with parameters"),
        None if data.len() == length => Ok(Key::MlDsa(level)),
        None => Err("ML-DSA of another length than its parameter set has"),
    }
}
