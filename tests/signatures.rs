//! Signatures against the system's openssl: each algorithm that certificates carry, as another implementation writes it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use kcert::chain::{AwsLc, SignatureCheck, SignatureOps};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::model::{Certificate, Content};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What to tell `openssl genpkey`, `openssl req` and what comes of it.
type Case = (&'static [&'static str], &'static [&'static str], SignatureCheck);

const VALID: SignatureCheck = SignatureCheck::Valid;
const UNSUPPORTED: SignatureCheck = SignatureCheck::Unsupported;

const RSA_512: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"];
const RSA_1024: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
const RSA_2048: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const RSA_3072: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"];
const RSA_PSS: &[&str] = &["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
const P256K1: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
const P224: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"];

macro_rules! pss {
    ($digest:literal, $salt:literal) => {
        &[$digest, "-sigopt", "rsa_padding_mode:pss", "-sigopt", concat!("rsa_pss_saltlen:", $salt)]
    };
}

const CASES: &[Case] = &[
    (RSA_2048, &["-sha1"], VALID),
    (RSA_2048, &["-sha256"], VALID),
    (RSA_2048, &["-sha384"], VALID),
    (RSA_2048, &["-sha512"], VALID),
    (RSA_2048, &["-sha224"], UNSUPPORTED),
    (RSA_2048, &["-md5"], UNSUPPORTED),
    (RSA_1024, &["-sha1"], VALID),
    (RSA_1024, &["-sha256"], VALID),
    (RSA_1024, &["-sha384"], UNSUPPORTED),
    (RSA_1024, &["-sha512"], VALID),
    (RSA_512, &["-sha256"], UNSUPPORTED),
    (RSA_2048, pss!("-sha256", "digest"), VALID),
    (RSA_2048, pss!("-sha384", "digest"), VALID),
    (RSA_2048, pss!("-sha512", "digest"), VALID),
    (RSA_2048, pss!("-sha256", "max"), VALID),
    (RSA_2048, pss!("-sha256", "20"), VALID),
    // The longest salt here is more than an octet can say.
    (RSA_3072, pss!("-sha384", "max"), VALID),
    (RSA_2048, pss!("-sha256", "21"), UNSUPPORTED),
    (RSA_2048, pss!("-sha1", "digest"), UNSUPPORTED),
    (
        RSA_2048,
        &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_mgf1_md:sha512", "-sigopt", "rsa_pss_saltlen:digest"],
        UNSUPPORTED,
    ),
    (RSA_PSS, pss!("-sha256", "digest"), VALID),
    (P256, &["-sha1"], VALID),
    (P256, &["-sha256"], VALID),
    (P256, &["-sha384"], VALID),
    (P256, &["-sha512"], VALID),
    (P384, &["-sha256"], VALID),
    (P384, &["-sha384"], VALID),
    (P384, &["-sha512"], VALID),
    (P521, &["-sha1"], VALID),
    (P521, &["-sha224"], VALID),
    (P521, &["-sha256"], VALID),
    (P521, &["-sha384"], VALID),
    (P521, &["-sha512"], VALID),
    (P256K1, &["-sha256"], VALID),
    (P256K1, &["-sha512"], UNSUPPORTED),
    (P224, &["-sha256"], UNSUPPORTED),
    (&["-algorithm", "ED25519"], &[], VALID),
    (&["-algorithm", "ED448"], &[], UNSUPPORTED),
];

#[test]
fn every_algorithm_as_openssl_writes_it() {
    let directory = tempfile::tempdir().unwrap();
    for (key, request, expected) in CASES {
        let der = self_signed(directory.path(), key, request);
        let certificate = decode(&der);
        assert_eq!(AwsLc.check(&certificate, &certificate), *expected, "{key:?} {request:?}");
        if *expected == VALID {
            let refused = [flipped(&der, certificate.der.tbs.end - 1), flipped(&der, certificate.der.signature.end - 1)];
            for changed in refused.map(|der| decode(&der)) {
                assert_eq!(AwsLc.check(&changed, &certificate), SignatureCheck::Invalid, "{key:?} {request:?}");
            }
        }
    }
}

#[test]
fn a_key_of_another_kind_is_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    let ecdsa = decode(&self_signed(directory.path(), P256, &["-sha256"]));
    let other_curve = decode(&self_signed(directory.path(), P384, &["-sha256"]));
    let other_key = decode(&self_signed(directory.path(), P256, &["-sha256"]));
    let rsa = decode(&self_signed(directory.path(), RSA_1024, &["-sha256"]));
    assert_eq!(AwsLc.check(&ecdsa, &rsa), SignatureCheck::Invalid, "a key of another kind made no such signature");
    assert_eq!(AwsLc.check(&rsa, &ecdsa), SignatureCheck::Invalid);
    assert_eq!(AwsLc.check(&ecdsa, &other_key), SignatureCheck::Invalid);
    // A P-384 key can make an ecdsa-with-SHA256 signature; it did not make this one.
    assert_eq!(AwsLc.check(&ecdsa, &other_curve), SignatureCheck::Invalid);
}

#[test]
fn ranges_that_lead_nowhere_are_no_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let good = decode(&self_signed(directory.path(), P256, &["-sha256"]));
    let beyond = good.der.bytes.len()..good.der.bytes.len() + 1;
    let spoil: [fn(&mut Certificate) -> &mut std::ops::Range<usize>; 3] =
        [|odd| &mut odd.der.tbs, |odd| &mut odd.der.spki, |odd| &mut odd.der.signature];
    for range in spoil {
        let mut odd = Certificate::clone(&good);
        *range(&mut odd) = beyond.clone();
        assert_eq!(AwsLc.check(&odd, &odd), UNSUPPORTED);
    }
}

fn self_signed(directory: &Path, key: &[&str], request: &[&str]) -> Vec<u8> {
    openssl(directory, &[&["genpkey", "-out", "key.pem"], key].concat());
    let fixed = ["req", "-x509", "-key", "key.pem", "-subj", "/CN=signed", "-days", "10", "-outform", "DER", "-out", "c.der"];
    openssl(directory, &[&fixed, request].concat());
    std::fs::read(directory.join("c.der")).unwrap()
}

fn openssl(directory: &Path, words: &[&str]) {
    let output = Command::new("openssl").args(words).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn flipped(der: &[u8], at: usize) -> Vec<u8> {
    let mut changed = der.to_vec();
    changed[at] ^= 1;
    changed
}

fn decode(der: &[u8]) -> Arc<Certificate> {
    let Decoded::Contents(contents) = Decoder::new(Limits::default()).bytes(der) else { panic!("not a certificate") };
    match &contents[0] {
        Content::Certificate(certificate) => Arc::clone(certificate),
        other => panic!("not a certificate: {other:?}"),
    }
}
