//! Java's own keystores, JKS and JCEKS (OpenJDK: sun.security.provider.JavaKeyStore, com.sun.crypto.provider.JceKeyStore).
//!
//! Certificates stand in the clear; the password proves that nobody changed them and opens the keys. So everything but keys can be
//! read without one.

use super::cipher::{self, Cipher, sha1};
use super::passwords::{Budget, MOST_ROUNDS};
use super::{Bag, Contained, Format, Reading};
use crate::decode::contents::{self, Certificates};
use crate::decode::key;
use crate::der::{self, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::model::{DefectKind, PrivateKey};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How JKS and JCEKS begin.
pub(super) const JKS: &[u8] = &[0xfe, 0xed, 0xfe, 0xed];
pub(super) const JCEKS: &[u8] = &[0xce, 0xce, 0xce, 0xce];

/// What is hashed between password and contents, as every reader of the format has to know.
const WHITENER: &[u8] = b"Mighty Aphrodite";
/// How JKS protects keys: a stream made of SHA-1 (sun.security.provider.KeyProtector).
const KEY_PROTECTOR: &str = "1.3.6.1.4.1.42.2.17.1.1";
/// How JCEKS does: PBEWithMD5AndTripleDES (com.sun.crypto.provider.KeyProtector).
const PBE_MD5_TRIPLE_DES: &str = "1.3.6.1.4.1.42.2.19.1";
const DIGEST: usize = 20;

/// The entries: a key with its chain, a certificate that is trusted, a secret (JCEKS only).
const KEY: u32 = 1;
const TRUSTED: u32 = 2;

/// Reads a keystore.
pub(super) fn read<'p>(
    bytes: &[u8],
    format: Format,
    passwords: impl Iterator<Item = &'p str>,
    budget: &Budget,
    most: usize,
    certificates: &Certificates,
) -> Reading {
    let passwords: Vec<_> = passwords.map(Password::new).collect();
    let mut reading = Reading::default();
    let Some((contents, digest)) = bytes.split_last_chunk::<DIGEST>() else {
        reading.fault(ends_early(format));
        return reading;
    };
    let mut store = Store { rest: contents, most, certificates, budget, passwords, is_open: true, reading };
    let read = store.entries();
    if read.is_none() {
        store.reading.fault(ends_early(format));
    }
    // SHA-1 takes about as long for 64 octets as a round of a derivation.
    let rounds = u64::try_from(bytes.len() / 64 + 1).unwrap_or(u64::MAX);
    let proves = |password: &Password<'_>| budget.spend(rounds) && sha1(&[&password.wide, WHITENER, contents]) == *digest;
    let is_proven = store.passwords.iter().any(proves);
    store.reading.is_unproven = read.is_some() && !(is_proven && store.is_open);
    store.reading
}

/// A password as JKS hashes it, UTF-16 without a mark, and as JCEKS does.
struct Password<'p> {
    wide: Zeroizing<Vec<u8>>,
    text: &'p str,
}

impl<'p> Password<'p> {
    fn new(text: &'p str) -> Self {
        Self { wide: Zeroizing::new(text.encode_utf16().flat_map(u16::to_be_bytes).collect()), text }
    }
}

fn ends_early(format: Format) -> DefectKind {
    DefectKind::Der { what: format.name(), reason: "it ends early".into() }
}

struct Store<'a, 'p> {
    rest: &'a [u8],
    most: usize,
    certificates: &'a Certificates,
    budget: &'a Budget,
    passwords: Vec<Password<'p>>,
    /// Whether every key so far could be opened: a key may have a password of its own.
    is_open: bool,
    reading: Reading,
}

impl<'a> Store<'a, '_> {
    /// `None`: the bytes end within an entry.
    fn entries(&mut self) -> Option<()> {
        self.take(JKS.len())?;
        let version = self.number()?;
        let count = self.number()?;
        for _ in 0..count {
            if self.reading.bags.len() >= self.most {
                self.reading.fault(DefectKind::TooManyEntries(self.most));
                break;
            }
            let kind = self.number()?;
            let alias = self.text()?;
            self.take(8)?;
            match kind {
                KEY => self.key(version, alias)?,
                TRUSTED => {
                    let contained = self.certificate(version)?;
                    self.reading.bags.push(Bag { alias: Some(alias), is_trusted: true, contained, ..Bag::default() });
                }
                _ => {
                    let reason = "behind an entry with a secret key nothing can be read";
                    self.reading.fault(DefectKind::Der { what: Format::Jceks.name(), reason: reason.into() });
                    break;
                }
            }
        }
        Some(())
    }

    /// A key and its chain, tied together by the alias.
    fn key(&mut self, version: u32, alias: String) -> Option<()> {
        let octets = self.number()?;
        let protected = self.take(usize::try_from(octets).ok()?)?;
        let id: Box<[u8]> = alias.as_bytes().into();
        let key = self.passwords.iter().find_map(|password| open(protected, password, self.budget)).map(|key| key::private(&key));
        let key = match key {
            Some(Ok(key)) => key,
            Some(Err(kind)) => {
                self.reading.fault(kind);
                PrivateKey::Encrypted
            }
            None => {
                self.is_open = false;
                PrivateKey::Encrypted
            }
        };
        let mut bag = |contained| {
            self.reading.bags.push(Bag { alias: Some(alias.clone()), key_id: Some(id.clone()), is_trusted: false, contained });
        };
        bag(Contained::Key(Arc::new(key)));
        let mut chain = Vec::new();
        for _ in 0..self.number()? {
            let Contained::Public(certificate) = self.certificate(version)? else { continue };
            chain.extend(certificate);
            if chain.len() >= self.most {
                break;
            }
        }
        self.reading.bags.push(Bag {
            alias: Some(alias),
            key_id: Some(id),
            is_trusted: false,
            contained: Contained::Public(chain),
        });
        Some(())
    }

    fn certificate(&mut self, version: u32) -> Option<Contained> {
        if version > 1 {
            self.text()?;
        }
        let octets = self.number()?;
        let bytes = self.take(usize::try_from(octets).ok()?)?;
        Some(Contained::Public(contents::of_der(bytes, 1, self.certificates)))
    }

    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*number))
    }

    /// Java's modified UTF-8 (java.io.DataInput), for show.
    fn text(&mut self) -> Option<String> {
        let (octets, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        let text = self.take(usize::from(u16::from_be_bytes(*octets)))?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Opens a key. `None` where the password is not the right one.
fn open(protected: &[u8], password: &Password<'_>, budget: &Budget) -> Option<Zeroizing<Vec<u8>>> {
    let mut fields = Reader::new(protected).take(SEQUENCE, "EncryptedPrivateKeyInfo").ok()?.children();
    let mut algorithm = fields.take(SEQUENCE, "encryptionAlgorithm").ok()?.children();
    let octets = fields.take(OCTET_STRING, "encryptedData").ok()?.contents;
    match der::dotted(algorithm.take(OBJECT_IDENTIFIER, "algorithm").ok()?.contents).as_str() {
        KEY_PROTECTOR => open_jks(octets, &password.wide),
        PBE_MD5_TRIPLE_DES => open_jceks(octets, &mut algorithm, password, budget),
        _ => None,
    }
}

/// JKS: salt, key, and the digest that tells the password.
fn open_jks(octets: &[u8], password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, rest) = octets.split_first_chunk::<DIGEST>()?;
    let (encrypted, check) = rest.split_last_chunk::<DIGEST>()?;
    let mut key = Zeroizing::new(encrypted.to_vec());
    let mut stream = *salt;
    for block in key.chunks_mut(DIGEST) {
        stream = sha1(&[password, &stream]);
        block.iter_mut().zip(stream).for_each(|(octet, mask)| *octet ^= mask);
    }
    (sha1(&[password, &key]) == *check).then_some(key)
}

/// JCEKS: salt and rounds are the algorithm's parameters, and the padding tells the password.
fn open_jceks(octets: &[u8], algorithm: &mut Reader<'_>, password: &Password<'_>, budget: &Budget) -> Option<Zeroizing<Vec<u8>>> {
    let mut parameters = algorithm.take(SEQUENCE, "parameters").ok()?.children();
    let salt = parameters.take(OCTET_STRING, "salt").ok()?.contents.try_into().ok()?;
    let rounds = parameters.take(INTEGER, "iterations").ok()?.contents;
    let rounds = rounds.iter().try_fold(0_u32, |sum, octet| Some(sum.checked_mul(256)? | u32::from(*octet)))?;
    if rounds > MOST_ROUNDS || !budget.spend(u64::from(rounds).saturating_mul(2)) {
        return None;
    }
    let material = cipher::pbes1_md5(password.text.as_bytes(), salt, rounds);
    let (key, iv) = material.split_at_checked(Cipher::TripleDes.key_octets())?;
    Cipher::TripleDes.decrypt(key, iv, octets).filter(|key| key.first() == Some(&SEQUENCE))
}
