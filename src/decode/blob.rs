//! Bytes that hold certificates and keys themselves: told by content, never by name, and decoded once each.

use super::ber;
use super::body::BodyDecoder;
use super::contents::{self, Certificates};
use super::desk::{Desk, Recent};
use super::keyring::Keyring;
use super::keystore::{self, Budget, Format, Keystore, Passwords};
use super::memo::{ByFingerprint, Fingerprint, Fingerprinter, Memo};
use super::sniff;
use super::{Limits, jwt, pem};
use crate::model::{Collect, Content, Defect, DefectKind, Position};
use std::sync::{Arc, Mutex, PoisonError};

pub use super::sniff::is_der;

/// What bytes turned out to be.
#[derive(Clone, Debug)]
pub enum Decoded {
    /// Certificates, keys, requests, CRLs, tokens, and what was wrong with them. Empty: nothing of the kind.
    Contents(Arc<[Content]>),
    /// A keystore: PKCS#12, JKS, JCEKS.
    Keystore(Arc<Keystore>),
    /// Text with structure (JSON or YAML: a kubeconfig, Kubernetes objects, an Envoy dump), to be decoded by `source`.
    Structured(Vec<u8>),
}

/// Decodes blobs, each different one once. Shared by threads.
///
/// What was met before is known by a 64-bit hash and its length. The hash has a random key of this process, so nobody can prepare two
/// inputs that collide; by accident it happens once in about 2^64 / n² for n different blobs. The memo holds public
/// facts, never the bytes that they came from, and nothing for bytes that held nothing. Equal certificates share one allocation
/// wherever they stand.
///
/// Keystores that wait for a password, and passwords, belong to one cluster, or to everything that is none: see [`Decoder::apart`].
#[derive(Debug)]
pub struct Decoder {
    shared: Arc<Shared>,
    keyring: Mutex<Keyring>,
}

/// What is the same wherever something was read.
#[derive(Debug)]
struct Shared {
    limits: Limits,
    /// The same characters mean different things as bytes and as base64 text.
    prints_of_bytes: Fingerprinter,
    prints_of_base64: Fingerprinter,
    known: ByFingerprint<Arc<[Content]>>,
    /// Places with nothing but a defect: one allocation for each different one, and one more for each thread that meets it often.
    flawed: Memo<Defect, Arc<[Content]>>,
    certificates: Certificates,
    nothing: Arc<[Content]>,
    passwords: Passwords,
    keystores: ByFingerprint<Arc<Keystore>>,
    budget: Budget,
}

/// What bytes turned out to be that are no text with structure.
enum Told {
    Contents(Vec<Content>),
    Keystore(Arc<Keystore>),
}

impl Decoder {
    /// A decoder with nothing remembered, that tries the usual passwords on keystores.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_passwords(limits, Passwords::default())
    }

    /// A decoder that tries these passwords on keystores.
    #[must_use]
    pub fn with_passwords(limits: Limits, passwords: Passwords) -> Self {
        let shared = Shared {
            limits,
            prints_of_bytes: Fingerprinter::new(),
            prints_of_base64: Fingerprinter::new(),
            known: Memo::new(),
            flawed: Memo::new(),
            certificates: Certificates::new(),
            nothing: Arc::from([]),
            passwords,
            keystores: Memo::new(),
            budget: Budget::new(),
        };
        Self { shared: Arc::new(shared), keyring: Mutex::default() }
    }

    /// The same decoder for another cluster: it remembers what this one does, and neither lends the other a password, for namespaces of
    /// the same name in two clusters have nothing to do with each other.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), keyring: Mutex::default() }
    }

    /// The limits it works under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Decodes bytes: PEM, DER, a keystore, a JSON Web Token, or base64 text of one of them (as in Istio's `caTLSRootCert`).
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> Decoded {
        self.bytes_at(&mut Desk::default(), bytes)
    }

    /// The same, for a thread that has much to decode.
    pub(super) fn bytes_at(&self, desk: &mut Desk, bytes: &[u8]) -> Decoded {
        if let Some(format) = Format::of(bytes) {
            return Decoded::Keystore(self.keystore(format, bytes));
        }
        // Large dumps are not worth a hash.
        if sniff::starts_json(bytes) && !pem::has_boundary(bytes) {
            return Decoded::Structured(bytes.to_vec());
        }
        let fingerprint = self.shared.prints_of_bytes.of(bytes);
        if let Some(known) = self.known(fingerprint, desk.recent.as_mut()) {
            return Decoded::Contents(known);
        }
        let told = self.tell(bytes, &mut desk.bodies);
        self.decoded(fingerprint, told, bytes, desk.recent.as_mut())
    }

    /// Decodes a certificate as TLS carries it: one in DER, and nothing else (RFC 8446 section 4.4.2).
    #[must_use]
    pub fn certificate(&self, der: &[u8]) -> Content {
        match contents::of_der(der, 2, &self.shared.certificates).as_slice() {
            [only @ (Content::Certificate(_) | Content::Defect(_))] => only.clone(),
            _ => defect(DefectKind::Der { what: "certificate", reason: "it is not one certificate in DER".into() }, None),
        }
    }

    /// Decodes the base64 text of a field (`data[tls.crt]`, `client-certificate-data`, `caBundle`). Text met before costs one hash.
    ///
    /// White space and missing padding are forgiven; other text is a `Base64` defect.
    #[must_use]
    pub fn base64(&self, text: &str) -> Decoded {
        self.base64_at(&mut Desk::default(), text)
    }

    /// The same, for a thread that has much to decode.
    pub(super) fn base64_at(&self, desk: &mut Desk, text: &str) -> Decoded {
        if text.is_empty() {
            return Decoded::Contents(Arc::clone(&self.shared.nothing));
        }
        let fingerprint = self.shared.prints_of_base64.of(text.as_bytes());
        let Desk { text: symbols, bodies, recent } = desk;
        if let Some(known) = self.known(fingerprint, recent.as_mut()) {
            return Decoded::Contents(known);
        }
        let Some(bytes) = symbols.decode(text.as_bytes()) else {
            return Decoded::Contents([defect(DefectKind::Base64, None)].into());
        };
        let told = match Format::of(bytes) {
            Some(format) => Told::Keystore(self.keystore(format, bytes)),
            None => self.tell(bytes, bodies),
        };
        self.decoded(fingerprint, told, bytes, recent.as_mut())
    }

    /// Keeps keystores that wait, and passwords, until everything has been read; where no more keystores can wait, those so far go on.
    pub(super) fn keep(&self, keyring: Keyring, out: &mut dyn Collect) {
        let is_full = {
            let mut kept = self.keyring.lock().unwrap_or_else(PoisonError::into_inner);
            kept.add(keyring);
            kept.is_full()
        };
        if is_full {
            self.open_waiting(out);
        }
    }

    /// Hands on the keystores that waited, opened where a password was met meanwhile.
    pub(super) fn open_waiting(&self, out: &mut dyn Collect) {
        let mut keyring = std::mem::take(&mut *self.keyring.lock().unwrap_or_else(PoisonError::into_inner));
        keyring.open(self, out);
        self.keyring.lock().unwrap_or_else(PoisonError::into_inner).add(keyring);
    }

    /// Decodes the base64 text or the bytes of a keystore once more, with these passwords: those that belong to its place alone.
    #[must_use]
    pub(super) fn unlock<'p>(&self, bytes: &[u8], passwords: impl Iterator<Item = &'p str>) -> Option<Keystore> {
        let inner = if Format::of(bytes).is_none() { sniff::inner_base64(bytes) } else { None };
        let bytes = inner.as_deref().map_or(bytes, Vec::as_slice);
        let open = |format| self.open(format, bytes, passwords);
        Format::of(bytes).map(open).filter(|keystore| !keystore.is_locked)
    }

    fn keystore(&self, format: Format, bytes: &[u8]) -> Arc<Keystore> {
        let fingerprint = self.shared.prints_of_bytes.of(bytes);
        let known = self.shared.keystores.find(&fingerprint);
        let open =
            || self.shared.keystores.remember(fingerprint, Arc::new(self.open(format, bytes, self.shared.passwords.iter())));
        known.unwrap_or_else(open)
    }

    fn open<'p>(&self, format: Format, bytes: &[u8], passwords: impl Iterator<Item = &'p str>) -> Keystore {
        keystore::read(
            bytes,
            format,
            passwords,
            &self.shared.budget,
            self.shared.limits.keystore_entries,
            &self.shared.certificates,
        )
    }

    /// What is known of this.
    fn known(&self, fingerprint: Fingerprint, recent: Option<&mut Recent>) -> Option<Arc<[Content]>> {
        let shared = || self.shared.known.find(&fingerprint);
        let Some(recent) = recent else { return shared() };
        recent.find(fingerprint).or_else(|| Some(recent.met(fingerprint, shared()?)))
    }

    /// What the bytes turned out to be, remembered where that is worth it.
    fn decoded(&self, fingerprint: Fingerprint, told: Told, bytes: &[u8], recent: Option<&mut Recent>) -> Decoded {
        let contents = match told {
            Told::Keystore(keystore) => return Decoded::Keystore(keystore),
            Told::Contents(contents) => contents,
        };
        Decoded::Contents(match contents.as_slice() {
            [] if sniff::is_structured(bytes) => return Decoded::Structured(bytes.to_vec()),
            [] => Arc::clone(&self.shared.nothing),
            // Not worth the memory: what is broken is seldom met twice, and is quickly looked at again.
            [Content::Defect(only)] => self.flawed(only, &contents, recent),
            _ => self.shared.known.remember(fingerprint, contents.into()),
        })
    }

    /// The list of a place with nothing but a defect.
    fn flawed(&self, only: &Defect, contents: &[Content], recent: Option<&mut Recent>) -> Arc<[Content]> {
        let shared = || {
            let known = self.shared.flawed.find(only);
            known.unwrap_or_else(|| self.shared.flawed.remember(only.clone(), contents.into()))
        };
        let Some(recent) = recent else { return shared() };
        recent.flawed(only).unwrap_or_else(|| recent.met_flaw(&shared()))
    }

    /// Tells the bytes by their content.
    fn tell(&self, bytes: &[u8], bodies: &mut BodyDecoder) -> Told {
        let contents = self.pem_or_der(bytes, bodies);
        if !contents.is_empty() {
            return Told::Contents(contents);
        }
        if sniff::is_utf16_pem(bytes) {
            let kind = DefectKind::Der { what: "PEM text", reason: "encoded as UTF-16, PEM is ASCII".into() };
            return Told::Contents(vec![defect(kind, Some(Position { line: 1, column: 1 }))]);
        }
        if let Some(token) = jwt::decode(bytes) {
            return Told::Contents(vec![Content::Credential(Arc::new(token))]);
        }
        let Some(inner) = sniff::inner_base64(bytes) else { return Told::Contents(Vec::new()) };
        match Format::of(&inner) {
            Some(format) => Told::Keystore(self.keystore(format, &inner)),
            None => Told::Contents(self.pem_or_der(&inner, bodies)),
        }
    }

    fn pem_or_der(&self, bytes: &[u8], bodies: &mut BodyDecoder) -> Vec<Content> {
        let most = self.shared.limits.pem_blocks;
        if let Some(der) = ber::is_indefinite(bytes).then(|| ber::definite(bytes)).flatten() {
            return contents::of_der(&der, most, &self.shared.certificates);
        }
        let contents = if is_der(bytes) { contents::of_der(bytes, most, &self.shared.certificates) } else { Vec::new() };
        if contents.is_empty() { contents::of_pem(bytes, most, &self.shared.certificates, bodies) } else { contents }
    }
}

fn defect(kind: DefectKind, position: Option<Position>) -> Content {
    Content::Defect(Arc::new(Defect { kind, position }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples::{self, CERTIFICATE, CERTIFICATE_ID, ED25519_PUBLIC, PKCS7, PKCS8, SEC1};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn decoder() -> Decoder {
        Decoder::new(Limits::default())
    }

    fn contents(decoded: &Decoded) -> &[Content] {
        match decoded {
            Decoded::Contents(contents) => contents,
            other => panic!("{other:?}"),
        }
    }

    /// One word for each content.
    fn words(decoded: &Decoded) -> Vec<String> {
        let word = |content: &Content| match content {
            Content::Certificate(certificate) => certificate.id.to_string(),
            Content::PrivateKey(_) => "key".to_owned(),
            Content::PublicKey(_) => "public key".to_owned(),
            Content::Credential(_) => "token".to_owned(),
            Content::Defect(defect) => defect.kind.to_string(),
            other => format!("{other:?}"),
        };
        contents(decoded).iter().map(word).collect()
    }

    fn read(bytes: impl AsRef<[u8]>) -> Vec<String> {
        words(&decoder().bytes(bytes.as_ref()))
    }

    #[test]
    fn everything_is_told_by_its_content() {
        let der = samples::der(CERTIFICATE);
        assert_eq!(read(CERTIFICATE), [CERTIFICATE_ID]);
        assert_eq!(read(&der), [CERTIFICATE_ID]);
        assert_eq!(read(der.repeat(3)), [CERTIFICATE_ID; 3], "DER in a row");
        assert_eq!(read([&der[..], b"\0\0"].concat()), [CERTIFICATE_ID, "2 bytes follow the end of the structure"]);
        assert_eq!(read(format!("{SEC1}{CERTIFICATE}{PKCS8}")), ["key", CERTIFICATE_ID, "key"]);
        assert_eq!(read(samples::der(SEC1)), ["key"]);
        assert_eq!(read(samples::der(PKCS8)), ["key"]);
        assert_eq!(read(ED25519_PUBLIC), ["public key"]);
        assert_eq!(read(samples::der(ED25519_PUBLIC)), ["public key"]);
        assert_eq!(read(PKCS7), [CERTIFICATE_ID]);
        assert_eq!(read(samples::der(PKCS7)), [CERTIFICATE_ID]);
        assert_eq!(read(STANDARD.encode(CERTIFICATE)), [CERTIFICATE_ID]);
        assert_eq!(read(STANDARD.encode(&der)), [CERTIFICATE_ID]);
        assert_eq!(read(STANDARD.encode(format!("# a comment\n{CERTIFICATE}"))), [CERTIFICATE_ID]);
        let wrapped: Vec<_> = STANDARD.encode(CERTIFICATE).into_bytes().chunks(76).map(<[u8]>::to_vec).collect();
        assert_eq!(read(wrapped.join(&b'\n')), [CERTIFICATE_ID], "as base64(1) writes it");
        assert_eq!(read("eyJhbGciOiJSUzI1NiJ9.e30.c2ln"), ["token"]);
    }

    #[test]
    fn what_holds_nothing_is_nothing() {
        for bytes in
            [&b""[..], b"0", b"hunter2", b"see -----BEGIN CERTIFICATE----- in the docs", b"0 is a digit, 0x30", &[0xff; 99]]
        {
            assert!(read(bytes).is_empty(), "{bytes:?}");
            assert!(words(&decoder().base64(&STANDARD.encode(bytes))).is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn text_with_structure_is_handed_on() {
        for text in [
            "{}",
            " \n[1]",
            "\u{feff}{}",
            "apiVersion: v1\nkind: Config\n",
            "# x\nkind: List",
            "---\na: b\n",
            "a: b\n---\n",
            "x: y\r\nclusters:\r\n",
        ] {
            assert!(
                matches!(decoder().bytes(text.as_bytes()), Decoded::Structured(bytes) if bytes == text.as_bytes()),
                "{text:?}"
            );
            assert!(
                matches!(decoder().base64(&STANDARD.encode(text)), Decoded::Structured(bytes) if bytes == text.as_bytes()),
                "{text:?}"
            );
        }
        assert!(read("a kind: of text").is_empty());
        assert_eq!(read(format!("[ca]\n{CERTIFICATE}")), [CERTIFICATE_ID], "PEM wins");
    }

    #[test]
    fn defects_stand_at_their_place() {
        let cut = &CERTIFICATE[..CERTIFICATE.len() - 60];
        assert_eq!(
            read(format!("{CERTIFICATE}{cut}")),
            [CERTIFICATE_ID, "the last block, CERTIFICATE, is cut off before its END line"]
        );
        let empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
        assert_eq!(read(format!("{empty}{CERTIFICATE}")), ["is empty", CERTIFICATE_ID]);
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let decoded = decoder().bytes(format!("\n{broken}{CERTIFICATE}").as_bytes());
        assert_eq!(words(&decoded), ["not a valid certificate: tbsCertificate is missing", CERTIFICATE_ID]);
        assert!(
            matches!(&contents(&decoded)[0], Content::Defect(defect) if defect.position == Some(Position { line: 2, column: 1 }))
        );
        let key = broken.replace("CERTIFICATE", "PRIVATE KEY");
        assert_eq!(read(key), ["not a valid private key: not PKCS#1, PKCS#8 or SEC1"]);
        let utf16: Vec<u8> = std::iter::once(0xfeff).chain(CERTIFICATE.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(utf16), ["not a valid PEM text: encoded as UTF-16, PEM is ASCII"]);
        assert_eq!(words(&decoder().base64("no base64!")), ["is not base64"]);
    }

    #[test]
    fn base64_is_forgiving_about_blanks_and_padding() {
        let text = STANDARD.encode(format!("{CERTIFICATE}\n"));
        assert!(text.ends_with('='));
        for text in [text.clone(), text.trim_end_matches('=').to_owned(), format!(" {text}\n"), text.replace('Q', "Q\n")] {
            assert_eq!(words(&decoder().base64(&text)), [CERTIFICATE_ID]);
        }
    }

    #[test]
    fn blocks_are_limited() {
        let decoder = Decoder::new(Limits { pem_blocks: 2, ..Limits::default() });
        let found = words(&decoder.bytes(CERTIFICATE.repeat(5).as_bytes()));
        assert_eq!(found, [CERTIFICATE_ID, CERTIFICATE_ID, "has more than 2 PEM blocks; the rest was not read"]);
    }

    #[test]
    fn equal_certificates_are_one_and_equal_text_is_decoded_once() {
        let decoder = decoder();
        let first = decoder.bytes(CERTIFICATE.as_bytes());
        let other = decoder.base64(&STANDARD.encode(format!("{CERTIFICATE}{SEC1}")));
        let (Content::Certificate(a), Content::Certificate(b)) = (&contents(&first)[0], &contents(&other)[0]) else { panic!() };
        assert!(Arc::ptr_eq(a, b));
        let (Decoded::Contents(first), Decoded::Contents(again)) = (first, decoder.bytes(CERTIFICATE.as_bytes())) else {
            panic!()
        };
        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let decoder = decoder();
        let secret = format!("{:?}", samples::der(SEC1).get(7..39).unwrap());
        let shown = format!("{:?} {decoder:?}", decoder.bytes(SEC1.as_bytes()));
        assert!(!shown.contains(&secret) && shown.contains(samples::SPKI));
    }

    proptest! {
        #[test]
        fn anything_at_all_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            drop(decoder().bytes(&bytes));
            drop(decoder().base64(&String::from_utf8_lossy(&bytes)));
            drop(decoder().bytes(&[&b"\x30\x82"[..], &bytes].concat()));
        }

        #[test]
        fn any_change_to_good_input_is_survived(
            which in 0..6_usize,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let sources = [
                samples::der(CERTIFICATE),
                samples::der(SEC1),
                samples::der(PKCS8),
                samples::der(PKCS7),
                format!("{CERTIFICATE}{SEC1}").into_bytes(),
                STANDARD.encode(CERTIFICATE).into_bytes(),
            ];
            let mut bytes = sources[which].clone();
            for (at, value) in changes {
                *at.get_mut(&mut bytes) = value;
            }
            drop(decoder().bytes(&bytes));
            bytes.truncate(cut.index(bytes.len()));
            drop(decoder().bytes(&bytes));
        }
    }
}
