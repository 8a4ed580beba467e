//! Password-based schemes of PKCS#12: its own (RFC 7292 appendices B and C), PBES2 (RFC 8018), PBMAC1 (RFC 9579).

use super::cipher::{self, Cipher, Hash, Purpose};
use super::passwords::{Budget, MOST_ROUNDS};
use crate::der::{self, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Problem, SEQUENCE};
use zeroize::Zeroizing;

/// Password-based schemes (RFC 8018, RFC 9579).
const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";
const PBMAC1: &str = "1.2.840.113549.1.5.14";

/// The schemes of PKCS#12 itself (RFC 7292 appendix C).
const OWN_SCHEMES: &[(&str, Cipher)] = &[
    ("1.2.840.113549.1.12.1.3", Cipher::TripleDes),
    ("1.2.840.113549.1.12.1.4", Cipher::TripleDes2),
    ("1.2.840.113549.1.12.1.5", Cipher::Rc2With128),
    ("1.2.840.113549.1.12.1.6", Cipher::Rc2With40),
];
/// The ciphers of PBES2 (RFC 8018 appendix B.2).
const CIPHERS: &[(&str, Cipher)] = &[
    ("2.16.840.1.101.3.4.1.2", Cipher::Aes128),
    ("2.16.840.1.101.3.4.1.22", Cipher::Aes192),
    ("2.16.840.1.101.3.4.1.42", Cipher::Aes256),
    ("1.2.840.113549.3.7", Cipher::TripleDes),
];

/// A password as PKCS#12 spells it (RFC 7292 appendix B.1), and as PBES2 does.
pub(super) struct Password<'p> {
    own: Zeroizing<Vec<u8>>,
    pub(super) text: &'p str,
}

impl<'p> Password<'p> {
    pub(super) fn new(text: &'p str) -> Self {
        let own = text.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
        Self { own: Zeroizing::new(own), text }
    }

    /// No password at all, which some programs write where others write an empty one.
    pub(super) fn none() -> Self {
        Self { own: Zeroizing::new(Vec::new()), text: "" }
    }
}

/// What keeps a part from being read.
pub(super) enum Stop {
    Fault(der::Fault),
    Unsupported(String),
    Costly,
    Locked,
}

impl From<der::Fault> for Stop {
    fn from(fault: der::Fault) -> Self {
        Self::Fault(fault)
    }
}

/// How many rounds a derivation takes.
fn rounds(element: &Element<'_>) -> Result<u32, Stop> {
    let octets = element.contents.strip_prefix(&[0]).unwrap_or(element.contents);
    if octets.is_empty() || octets.len() > 4 {
        return Err(if octets.is_empty() { Problem::Value.of("iterations").into() } else { Stop::Costly });
    }
    let rounds = octets.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet));
    if rounds > MOST_ROUNDS { Err(Stop::Costly) } else { Ok(rounds.max(1)) }
}

fn spend(budget: &Budget, rounds: u32, times: u64) -> Result<(), Stop> {
    budget.spend(u64::from(rounds).saturating_mul(times)).then_some(()).ok_or(Stop::Costly)
}

/// PBKDF2 with its parameters (RFC 8018 appendix A.2).
pub(super) struct Derivation<'a> {
    hash: Hash,
    salt: &'a [u8],
    rounds: u32,
}

impl<'a> Derivation<'a> {
    fn read(algorithm: &Element<'a>) -> Result<Self, Stop> {
        let mut fields = algorithm.children();
        let kind = der::dotted(fields.take(OBJECT_IDENTIFIER, "keyDerivationFunc")?.contents);
        if kind != PBKDF2 {
            return Err(Stop::Unsupported(format!("key derivation {kind}")));
        }
        let mut fields = fields.take(SEQUENCE, "PBKDF2-params")?.children();
        let salt = fields.take(OCTET_STRING, "salt")?.contents;
        let rounds = rounds(&fields.take(INTEGER, "iterationCount")?)?;
        fields.optional(INTEGER, "keyLength")?;
        let hash = match fields.optional(SEQUENCE, "prf")? {
            Some(prf) => hmac(&prf)?,
            None => Hash::Sha1,
        };
        Ok(Self { hash, salt, rounds })
    }

    fn key(&self, password: &Password<'_>, octets: usize, budget: &Budget) -> Result<Option<Zeroizing<Vec<u8>>>, Stop> {
        let blocks = u64::try_from(octets.div_ceil(self.hash.octets())).unwrap_or(u64::MAX);
        spend(budget, self.rounds, blocks.saturating_mul(2))?;
        Ok(cipher::pbkdf2(self.hash, password.text.as_bytes(), self.salt, self.rounds, octets))
    }
}

fn hmac(algorithm: &Element<'_>) -> Result<Hash, Stop> {
    let oid = der::dotted(algorithm.children().take(OBJECT_IDENTIFIER, "prf")?.contents);
    Hash::by_hmac_oid(&oid).ok_or_else(|| Stop::Unsupported(format!("digest {oid}")))
}

/// How something is encrypted.
pub(super) enum Scheme<'a> {
    Own { cipher: Cipher, salt: &'a [u8], rounds: u32 },
    Pbes2 { cipher: Cipher, derivation: Derivation<'a>, iv: &'a [u8] },
}

impl<'a> Scheme<'a> {
    pub(super) fn read(algorithm: &Element<'a>) -> Result<Self, Stop> {
        let mut fields = algorithm.children();
        let kind = der::dotted(fields.take(OBJECT_IDENTIFIER, "algorithm")?.contents);
        let find = |table: &[(&str, Cipher)], oid: &str| {
            let row = table.iter().find(|(known, _)| *known == oid).map(|(_, cipher)| *cipher);
            row.ok_or_else(|| Stop::Unsupported(format!("encryption {oid}")))
        };
        if kind != PBES2 {
            let cipher = find(OWN_SCHEMES, &kind)?;
            let mut fields = fields.take(SEQUENCE, "parameters")?.children();
            let salt = fields.take(OCTET_STRING, "salt")?.contents;
            return Ok(Self::Own { cipher, salt, rounds: rounds(&fields.take(INTEGER, "iterations")?)? });
        }
        let mut fields = fields.take(SEQUENCE, "PBES2-params")?.children();
        let derivation = Derivation::read(&fields.take(SEQUENCE, "keyDerivationFunc")?)?;
        let mut fields = fields.take(SEQUENCE, "encryptionScheme")?.children();
        let cipher = find(CIPHERS, &der::dotted(fields.take(OBJECT_IDENTIFIER, "encryptionScheme")?.contents))?;
        Ok(Self::Pbes2 { cipher, derivation, iv: fields.take(OCTET_STRING, "iv")?.contents })
    }

    /// `None` where the password is not the right one.
    pub(super) fn decrypt(
        &self,
        password: &Password<'_>,
        encrypted: &[u8],
        budget: &Budget,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Stop> {
        match self {
            Self::Own { cipher, salt, rounds } => {
                // Key and initial vector take up to three digests.
                spend(budget, *rounds, 3)?;
                let derive = |purpose, octets| cipher::pkcs12(Hash::Sha1, purpose, &password.own, salt, *rounds, octets);
                let (key, iv) = (derive(Purpose::Key, cipher.key_octets()), derive(Purpose::Iv, 8));
                Ok(cipher.decrypt(&key, &iv, encrypted))
            }
            Self::Pbes2 { cipher, derivation, iv } => {
                let key = derivation.key(password, cipher.key_octets(), budget)?;
                Ok(key.and_then(|key| cipher.decrypt(&key, iv, encrypted)))
            }
        }
    }
}

/// What proves that the contents are as they were written, and so the password.
pub(super) struct Mac<'a> {
    tag: &'a [u8],
    salt: &'a [u8],
    rounds: u32,
    kind: MacKind<'a>,
}

enum MacKind<'a> {
    /// RFC 7292 appendix B.4.
    Own(Hash),
    /// RFC 9579.
    Pbmac1(Derivation<'a>, Hash, usize),
}

impl<'a> Mac<'a> {
    pub(super) fn read(data: &Element<'a>) -> Result<Self, Stop> {
        let mut fields = data.children();
        let mut info = fields.take(SEQUENCE, "DigestInfo")?.children();
        let mut algorithm = info.take(SEQUENCE, "digestAlgorithm")?.children();
        let tag = info.take(OCTET_STRING, "digest")?.contents;
        let salt = fields.take(OCTET_STRING, "macSalt")?.contents;
        let kind = der::dotted(algorithm.take(OBJECT_IDENTIFIER, "digestAlgorithm")?.contents);
        if kind == PBMAC1 {
            let mut fields = algorithm.take(SEQUENCE, "PBMAC1-params")?.children();
            let derivation = fields.take(SEQUENCE, "keyDerivationFunc")?;
            let hash = hmac(&fields.take(SEQUENCE, "messageAuthScheme")?)?;
            let octets = key_octets(&derivation).unwrap_or_else(|| hash.octets());
            return Ok(Self { tag, salt, rounds: 1, kind: MacKind::Pbmac1(Derivation::read(&derivation)?, hash, octets) });
        }
        let rounds = fields.optional(INTEGER, "iterations")?.map_or(Ok(1), |iterations| rounds(&iterations))?;
        let hash = Hash::by_oid(&kind).ok_or_else(|| Stop::Unsupported(format!("digest {kind}")))?;
        Ok(Self { tag, salt, rounds, kind: MacKind::Own(hash) })
    }

    pub(super) fn is_of(&self, password: &Password<'_>, message: &[u8], budget: &Budget) -> Result<bool, Stop> {
        match &self.kind {
            MacKind::Own(hash) => {
                spend(budget, self.rounds, 1)?;
                let key = cipher::pkcs12(*hash, Purpose::Mac, &password.own, self.salt, self.rounds, hash.octets());
                Ok(cipher::is_tagged(*hash, &key, message, self.tag))
            }
            MacKind::Pbmac1(derivation, hash, octets) => {
                let key = derivation.key(password, *octets, budget)?;
                Ok(key.is_some_and(|key| cipher::is_tagged(*hash, &key, message, self.tag)))
            }
        }
    }
}

/// The length of key that PBKDF2's parameters ask for.
fn key_octets(derivation: &Element<'_>) -> Option<usize> {
    let mut fields = derivation.children();
    fields.any("keyDerivationFunc").ok()?;
    let mut fields = fields.take(SEQUENCE, "PBKDF2-params").ok()?.children();
    fields.any("salt").ok()?;
    fields.any("iterationCount").ok()?;
    let length = fields.optional(INTEGER, "keyLength").ok()??.contents;
    match *length {
        [length] | [0, length] => Some(usize::from(length)),
        _ => None,
    }
}
