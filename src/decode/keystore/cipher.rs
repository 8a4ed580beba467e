//! Keys from passwords, and what they open: the arithmetic of PKCS#12 (RFC 7292), PBES2 and PBMAC1 (RFC 8018, 9579).
//!
//! Digests, HMAC, PBKDF2 and AES are aws-lc's, MD5, RC2 and Triple DES RustCrypto's; here they are put together as the RFCs say. Whatever is
//! wrong (a key, a padding, an unknown length) is `None`: with a password that is only tried, nothing more can be told.

use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac, pbkdf2};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// A digest, for itself or in an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// A digest by its OIDs: the plain one (RFC 5754) and HMAC's (RFC 8018 appendix B.1.2).
const HASHES: &[(Hash, &str, &str)] = &[
    (Hash::Sha1, "1.3.14.3.2.26", "1.2.840.113549.2.7"),
    (Hash::Sha224, "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.8"),
    (Hash::Sha256, "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9"),
    (Hash::Sha384, "2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10"),
    (Hash::Sha512, "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11"),
];

impl Hash {
    /// The digest with this OID.
    pub(super) fn by_oid(oid: &str) -> Option<Self> {
        HASHES.iter().find(|(_, plain, _)| *plain == oid).map(|(hash, ..)| *hash)
    }

    /// The digest of the HMAC with this OID.
    pub(super) fn by_hmac_oid(oid: &str) -> Option<Self> {
        HASHES.iter().find(|(.., hmac)| *hmac == oid).map(|(hash, ..)| *hash)
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => hmac::HMAC_SHA224,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// The octets of the digest.
    pub(super) fn octets(self) -> usize {
        self.algorithm().output_len()
    }
}

/// The SHA-1 of these parts in a row.
pub(super) fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let mut value = [0; 20];
    value.copy_from_slice(context.finish().as_ref());
    value
}

/// Whether this is the message's tag. In constant time.
pub(super) fn is_tagged(hash: Hash, key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hash.hmac(), key), message, tag).is_ok()
}

/// PBKDF2 (RFC 8018 section 5.2).
pub(super) fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, octets: usize) -> Option<Zeroizing<Vec<u8>>> {
    let algorithm = match hash {
        Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha224 => return None,
        Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    let mut key = Zeroizing::new(vec![0; octets]);
    pbkdf2::derive(algorithm, NonZeroU32::new(rounds)?, salt, password, &mut key);
    Some(key)
}

/// What a key of PKCS#12's own derivation is for: the diversifier of RFC 7292 appendix B.3.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// The key derivation of RFC 7292 appendix B.2, `password` as appendix B.1 spells it.
pub(super) fn pkcs12(
    hash: Hash,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    octets: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.algorithm().block_len();
    let filled = |text: &[u8]| text.iter().copied().cycle().take(text.len().div_ceil(block) * block).collect::<Vec<u8>>();
    let mut input = Zeroizing::new([filled(salt), filled(password)].concat());
    let mut key = Zeroizing::new(Vec::with_capacity(octets + hash.octets()));
    loop {
        let mut first = digest::Context::new(hash.algorithm());
        first.update(&vec![purpose as u8; block]);
        first.update(&input);
        let mut value = first.finish();
        for _ in 1..rounds {
            value = digest::digest(hash.algorithm(), value.as_ref());
        }
        key.extend_from_slice(value.as_ref());
        if key.len() >= octets {
            key.truncate(octets);
            return key;
        }
        // Each block of the input grows by the digest, repeated to its length, and one.
        let addend: Zeroizing<Vec<u8>> = Zeroizing::new(value.as_ref().iter().copied().cycle().take(block).collect());
        for chunk in input.chunks_mut(block) {
            let mut carry = 1_u16;
            for (octet, add) in chunk.iter_mut().zip(addend.iter()).rev() {
                let sum = u16::from(*octet) + u16::from(*add) + carry;
                let [high, low] = sum.to_be_bytes();
                (*octet, carry) = (low, u16::from(high));
            }
        }
    }
}

/// The key and the initial vector of Sun's PBEWithMD5AndTripleDES (com.sun.crypto.provider.PBES1Core): each half of the salt is hashed
/// with the password so many times. Equal halves, which Java turns around in a way of its own, are random once in 2^32.
pub(super) fn pbes1_md5(password: &[u8], salt: [u8; 8], rounds: u32) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    for (half, part) in salt.chunks_exact(4).zip(key.chunks_exact_mut(16)) {
        let mut value = Zeroizing::new(half.to_vec());
        for _ in 0..rounds.max(1) {
            let digest = Md5::new().chain_update(&*value).chain_update(password).finalize();
            *value = digest.to_vec();
        }
        part.copy_from_slice(&value);
    }
    key
}

/// A block cipher in CBC mode with the padding of PKCS#7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    /// Triple DES with two keys, the first one used twice.
    TripleDes2,
    Rc2With40,
    Rc2With128,
}

impl Cipher {
    /// The octets of its key.
    pub(super) fn key_octets(self) -> usize {
        match self {
            Self::Rc2With40 => 5,
            Self::Aes128 | Self::TripleDes2 | Self::Rc2With128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    /// Decrypts; wiped when done with.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(encrypted.to_vec());
        let length = match self {
            Self::Aes128 => aes(&cipher::AES_128, key, iv, &mut bytes),
            Self::Aes192 => aes(&cipher::AES_192, key, iv, &mut bytes),
            Self::Aes256 => aes(&cipher::AES_256, key, iv, &mut bytes),
            Self::TripleDes => cbc::<des::TdesEde3>(key, iv, &mut bytes),
            Self::TripleDes2 => cbc::<des::TdesEde2>(key, iv, &mut bytes),
            Self::Rc2With40 | Self::Rc2With128 => cbc::<rc2::Rc2>(key, iv, &mut bytes),
        }?;
        bytes.truncate(length);
        Some(bytes)
    }
}

fn aes(algorithm: &'static cipher::Algorithm, key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let iv: [u8; 16] = iv.try_into().ok()?;
    key.decrypt(bytes, DecryptionContext::Iv128(FixedLength::from(iv))).ok().map(|plain| plain.len())
}

fn cbc<C>(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Option<usize>
where
    C: cbc::cipher::BlockCipherDecrypt + cbc::cipher::KeyInit,
{
    let decryptor = cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?;
    decryptor.decrypt_padded::<Pkcs7>(bytes).ok().map(<[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        crate::model::digest::Hex(bytes).to_string()
    }

    /// The vectors that PKCS#12 implementations share, from OpenSSL's and Bouncy Castle's tests: password `smeg`.
    #[test]
    fn keys_are_derived_as_others_derive_them() {
        let smeg = b"\0s\0m\0e\0g\0\0";
        let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];
        let key = pkcs12(Hash::Sha1, Purpose::Key, smeg, &salt, 1, 24);
        assert_eq!(hex(&key), "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
        let iv = pkcs12(Hash::Sha1, Purpose::Iv, smeg, &salt, 1, 8);
        assert_eq!(hex(&iv), "79993dfe048d3b76");
        let salt = [0x3d, 0x83, 0xc0, 0xe4, 0x54, 0x6a, 0xc1, 0x40];
        let mac = pkcs12(Hash::Sha1, Purpose::Mac, smeg, &salt, 1, 20);
        assert_eq!(hex(&mac), "8d967d88f6caa9d714800ab3d48051d63f73a312");
    }

    #[test]
    fn nothing_comes_of_keys_and_lengths_that_do_not_fit() {
        for cipher in [Cipher::Aes128, Cipher::Aes256, Cipher::TripleDes, Cipher::TripleDes2, Cipher::Rc2With40] {
            let iv = if matches!(cipher, Cipher::Aes128 | Cipher::Aes256) { 16 } else { 8 };
            for (key, iv, bytes) in [(0, iv, 16), (cipher.key_octets(), 0, 16), (cipher.key_octets(), iv, 15), (1, 1, 0)] {
                assert!(cipher.decrypt(&vec![1; key], &vec![2; iv], &vec![3; bytes]).is_none(), "{cipher:?} {key} {iv} {bytes}");
            }
        }
        assert!(pbkdf2(Hash::Sha256, b"", b"", 0, 8).is_none());
        assert_eq!(pkcs12(Hash::Sha256, Purpose::Mac, b"", b"", 1, 70).len(), 70, "neither password nor salt");
    }
}
