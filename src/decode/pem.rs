//! PEM as people really have it: RFC 7468, RFC 1421 headers, and what editors, shells and `openssl x509 -text` leave around it.
//!
//! [`Blocks`] walks over a text and yields what it meets, good blocks and flaws, in order; one bad block never hides the next. (The
//! `pem` crate, for one, refuses a whole file at its first bad block.) A boundary counts only at the start of a line or directly behind an END
//! boundary, so prose that mentions `-----BEGIN CERTIFICATE-----` is not PEM. Blocks that both Go and openssl refuse (cut off,
//! mismatched labels, boundaries that share their line with the body) are flaws and hold nothing: showing their certificate would say that
//! it is in use.

use crate::model::DefectKind;
use memchr::memmem;
use std::ops::Range;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Longest label taken for one; the longest in use is `ENCRYPTED PRIVATE KEY`.
const LONGEST_LABEL: usize = 64;

/// What a label says that a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate.
    Certificate,
    /// A certificate followed by openssl's trust settings.
    TrustedCertificate,
    /// A certification request.
    Request,
    /// A certificate revocation list.
    Crl,
    /// A private key, in whatever structure.
    PrivateKey,
    /// A PKCS#8 private key under a password.
    EncryptedPrivateKey,
    /// A SubjectPublicKeyInfo.
    PublicKey,
    /// An RSAPublicKey.
    RsaPublicKey,
    /// A PKCS#7 bundle.
    Pkcs7,
}

/// Label → kind (RFC 7468; openssl's pem.h for the older spellings). Other labels (`EC PARAMETERS`, `OPENSSH PRIVATE KEY`, `PGP …`)
/// are none of kcert's business.
const LABELS: &[(&str, Kind)] = &[
    ("CERTIFICATE", Kind::Certificate),
    ("X509 CERTIFICATE", Kind::Certificate),
    ("TRUSTED CERTIFICATE", Kind::TrustedCertificate),
    ("CERTIFICATE REQUEST", Kind::Request),
    ("NEW CERTIFICATE REQUEST", Kind::Request),
    ("X509 CRL", Kind::Crl),
    ("PRIVATE KEY", Kind::PrivateKey),
    ("RSA PRIVATE KEY", Kind::PrivateKey),
    ("EC PRIVATE KEY", Kind::PrivateKey),
    ("DSA PRIVATE KEY", Kind::PrivateKey),
    ("ENCRYPTED PRIVATE KEY", Kind::EncryptedPrivateKey),
    ("PUBLIC KEY", Kind::PublicKey),
    ("RSA PUBLIC KEY", Kind::RsaPublicKey),
    ("PKCS7", Kind::Pkcs7),
    ("PKCS #7 SIGNED DATA", Kind::Pkcs7),
    ("CMS", Kind::Pkcs7),
];

/// A block from BEGIN to END.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The label of its boundaries.
    pub label: &'a str,
    /// What the label stands for.
    pub kind: Kind,
    /// The lines of RFC 1421 headers (`Proc-Type: 4,ENCRYPTED`), empty for nearly every block.
    pub headers: &'a str,
    /// Where its base64 stands in the text.
    pub body: Range<usize>,
    /// Where its BEGIN boundary stands in the text.
    pub start: usize,
}

impl Block<'_> {
    /// Whether its headers say that the body is encrypted with a password (RFC 1421 section 4.6.1.1).
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.headers.lines().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    }
}

/// Something wrong with the text, and the byte at which it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub kind: DefectKind,
    /// The byte offset.
    pub offset: usize,
}

/// Whether the text has a boundary that counts.
#[must_use]
pub fn has_boundary(text: &[u8]) -> bool {
    Blocks::new(text).next_begin().is_some()
}

/// Walks over the blocks of a text and what is wrong with them, in order. Time grows with the length of the text alone.
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    text: &'a [u8],
    /// Everything before was looked at.
    at: usize,
    /// A block that waits behind the flaw of what stands right before it.
    waiting: Option<Begin<'a>>,
}

/// A BEGIN boundary.
#[derive(Clone, Debug)]
struct Begin<'a> {
    label: &'a str,
    kind: Kind,
    start: usize,
    /// The byte behind the boundary.
    end: usize,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(begin) = self.waiting.take()
            && let Some(block) = self.block(&begin)
        {
            return Some(block);
        }
        loop {
            let begin = self.next_begin()?;
            if let Some(kind) = self.flaw_before(begin.start) {
                let offset = begin.start;
                self.waiting = Some(begin);
                return Some(Err(Flaw { kind, offset }));
            }
            if let Some(block) = self.block(&begin) {
                return Some(block);
            }
        }
    }
}

impl<'a> Blocks<'a> {
    /// The blocks of a text.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, waiting: None }
    }

    /// The next BEGIN boundary that counts and has a label of ours.
    fn next_begin(&mut self) -> Option<Begin<'a>> {
        loop {
            let start = self.at + find_dashes(self.text.get(self.at..)?)?;
            self.at = start + 1;
            if !self.text.get(start..)?.starts_with(BEGIN) {
                continue;
            }
            self.at = start + BEGIN.len();
            if (self.is_line_start(start) || self.is_behind_end(start))
                && let Some((label, end)) = self.label(self.at)
                && let Some((_, kind)) = LABELS.iter().find(|(known, _)| *known == label)
            {
                self.at = end;
                return Some(Begin { label, kind: *kind, start, end });
            }
        }
    }

    /// The label that starts here and the byte behind the dashes that close it, all on one line.
    fn label(&self, start: usize) -> Option<(&'a str, usize)> {
        let window = self.text.get(start..)?;
        let window = window.get(..LONGEST_LABEL + DASHES.len()).unwrap_or(window);
        let length = find_dashes(window)?;
        let label = window.get(..length).filter(|label| label.iter().all(|byte| matches!(byte, b' '..=b'~')))?;
        Some((std::str::from_utf8(label).ok()?, start + length + DASHES.len()))
    }

    fn is_line_start(&self, offset: usize) -> bool {
        match self.text.get(..offset) {
            Some([] | [.., b'\n' | b'\r']) => true,
            Some(before) => before == BYTE_ORDER_MARK,
            None => false,
        }
    }

    /// What is wrong right before a BEGIN boundary: openssl reads on, others overlook the block.
    fn flaw_before(&self, offset: usize) -> Option<DefectKind> {
        if self.text.get(..offset) == Some(BYTE_ORDER_MARK) {
            Some(DefectKind::ByteOrderMark)
        } else {
            self.is_behind_end(offset).then_some(DefectKind::MissingNewline)
        }
    }

    /// Whether an END boundary ends right here.
    fn is_behind_end(&self, offset: usize) -> bool {
        let window = self.text.get(offset.saturating_sub(END.len() + LONGEST_LABEL + DASHES.len())..offset).unwrap_or_default();
        let last = memmem::rfind(window, END);
        last.is_some_and(|last| self.label(offset - (window.len() - last) + END.len()).is_some_and(|(_, end)| end == offset))
    }

    /// Reads on behind a BEGIN boundary to the END boundary that belongs to it. `None`: it was prose.
    fn block(&mut self, begin: &Begin<'a>) -> Option<Result<Block<'a>, Flaw>> {
        let mut search = begin.end;
        while let Some(found) = find_dashes(self.text.get(search..)?) {
            let boundary = search + found;
            let here = self.text.get(boundary..)?;
            if here.starts_with(END) {
                return self.finish(begin, boundary);
            }
            if here.starts_with(BEGIN) && self.is_line_start(boundary) {
                return self.cut_off(begin, boundary);
            }
            search = boundary + 1;
        }
        self.cut_off(begin, self.text.len())
    }

    /// A BEGIN boundary without END is a block that was cut off, or prose when text follows it on its line.
    fn cut_off(&mut self, begin: &Begin<'a>, end: usize) -> Option<Result<Block<'a>, Flaw>> {
        let body = self.text.get(begin.end..end)?;
        let line = memchr::memchr(b'\n', body).and_then(|length| body.get(..length)).unwrap_or(body);
        line.trim_ascii().is_empty().then(|| {
            self.at = end;
            Err(Flaw { kind: DefectKind::Truncated(begin.label.into()), offset: begin.start })
        })
    }

    /// An END boundary was met.
    fn finish(&mut self, begin: &Begin<'a>, boundary: usize) -> Option<Result<Block<'a>, Flaw>> {
        let Some((label, end)) = self.label(boundary + END.len()) else {
            return self.cut_off(begin, boundary);
        };
        let body = self.text.get(begin.end..boundary)?;
        if !stands_on_its_own(body) {
            let reason = "BEGIN, body and END must stand on lines of their own";
            let kind = DefectKind::Der { what: "PEM block", reason: reason.into() };
            return is_base64_like(body).then(|| {
                self.at = end;
                Err(Flaw { kind, offset: begin.start })
            });
        }
        self.at = end;
        if label != begin.label {
            return Some(Err(Flaw { kind: DefectKind::LabelMismatch(begin.label.into(), label.into()), offset: boundary }));
        }
        let (headers, body) = headers(body);
        let body = begin.end + body.start..begin.end + body.end;
        Some(Ok(Block { label, kind: begin.kind, headers, body, start: begin.start }))
    }
}

/// Where five dashes begin. There are none in base64, so that the next one is nearly always theirs.
fn find_dashes(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'-', text).find(|at| text.get(*at..).is_some_and(|here| here.starts_with(DASHES)))
}

/// Whether line breaks stand between the boundaries and what is between them; blanks do not matter.
fn stands_on_its_own(body: &[u8]) -> bool {
    let visible = |byte: &&u8| !matches!(byte, b' ' | b'\t');
    let is_break = |byte: Option<&u8>| matches!(byte, Some(b'\n' | b'\r'));
    is_break(body.iter().find(visible)) && is_break(body.iter().rev().find(visible))
}

/// Whether this is a body that lost its line breaks (to a shell, to an environment variable), rather than prose between two words.
fn is_base64_like(body: &[u8]) -> bool {
    const SHORTEST: usize = 64;
    let symbol =
        |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || matches!(byte, b'+' | b'/' | b'=' | b'\\');
    body.len() >= SHORTEST && body.iter().all(symbol)
}

/// Splits headers from base64: lines of `Name: value`, and their continuations, up to an empty line (RFC 1421 section 4.4).
fn headers(body: &[u8]) -> (&str, Range<usize>) {
    let lines = body.trim_ascii_start();
    let first = memchr::memchr(b'\n', lines).and_then(|length| lines.get(..length)).unwrap_or(lines);
    if memmem::find(first, b": ").is_none() {
        return ("", 0..body.len());
    }
    let gap = memmem::find(lines, b"\n\n").or_else(|| memmem::find(lines, b"\n\r\n")).unwrap_or(lines.len());
    let headers = lines.get(..gap).and_then(|headers| std::str::from_utf8(headers).ok()).unwrap_or_default();
    (headers, body.len() - lines.len() + gap..body.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::body::{BodyDecoder, Lines};

    const BODY: &str = "\nMAMCAQE=\n";

    /// What the blocks of a text come to: labels of blocks, flaws with their positions.
    fn walk(text: &str) -> Vec<String> {
        let mut lines = Lines::new(text.as_bytes());
        let mut bodies = BodyDecoder::default();
        let read = |item: Result<Block<'_>, Flaw>| {
            let outcome =
                item.and_then(|block| bodies.decode(text.as_bytes(), &block).map(|der| format!("{}: {der:?}", block.label)));
            outcome.unwrap_or_else(|flaw| {
                let defect = lines.defect(flaw);
                format!("{} at {}", defect.kind, defect.position.unwrap())
            })
        };
        Blocks::new(text.as_bytes()).map(read).collect()
    }

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----{body}-----END {label}-----")
    }

    #[test]
    fn a_byte_order_mark_is_named_and_read_over() {
        let flaw = "a byte order mark stands before the first PEM block, which Go programs overlook then at line 1, column 2";
        let text = format!("\u{feff}{}", block("CERTIFICATE", BODY));
        assert_eq!(walk(&text), [flaw, "CERTIFICATE: [48, 3, 2, 1, 1]"]);
    }

    #[test]
    fn blocks_stand_among_anything() {
        let good = block("CERTIFICATE", BODY);
        let expected = "CERTIFICATE: [48, 3, 2, 1, 1]";
        for text in [
            good.clone(),
            good.replace('\n', "\r\n"),
            format!("Certificate:\n    Data:\n        Version: 3 (0x2)\n{good}\n# the end\n"),
            format!("{}\n{good}", block("EC PARAMETERS", "\nBggqhkjOPQMBBw==\n")),
            block("CERTIFICATE", " \n\n  MA\tMC \n A Q\r\nE=\n\n"),
            format!("-----END CERTIFICATE-----\n{good}"),
            format!("-----BEGIN CERTIFICATE----- is how it starts\n{good}"),
            format!("-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----\n{good}"),
        ] {
            assert_eq!(walk(&text), [expected], "{text:?}");
        }
    }

    #[test]
    fn prose_is_not_pem() {
        for text in [
            "see -----BEGIN CERTIFICATE----- in the docs",
            "-----BEGIN nothing",
            "-----BEGIN CERTIFICATE",
            "-----BEGIN CERTIFICATE---",
            "-----BEGIN CERTIFICATE----- in the docs",
            "-----BEGIN POEM-----\nroses\n-----END POEM-----",
            "    -----BEGIN CERTIFICATE-----\n    MAMCAQE=\n    -----END CERTIFICATE-----",
            "",
        ] {
            assert!(walk(text).is_empty(), "{text:?}: {:?}", walk(text));
        }
    }

    #[test]
    fn flaws_are_named_at_their_place_and_hide_nothing() {
        let good = block("CERTIFICATE", BODY);
        let cut = "-----BEGIN CERTIFICATE-----\nMAMC";
        let read = "CERTIFICATE: [48, 3, 2, 1, 1]";
        assert_eq!(walk(&format!("{good}{good}")), [read, "no line break between two PEM blocks at line 3, column 26", read]);
        let truncated = "the last block, CERTIFICATE, is cut off before its END line at line";
        assert_eq!(walk(&format!("{good}\n{cut}")), [read, &format!("{truncated} 4, column 1")]);
        assert_eq!(walk(&format!("{cut}\n{good}")), [&format!("{truncated} 1, column 1"), read]);
        assert_eq!(walk(&format!("{cut}\n-----END CERTIF\n{good}")), [&format!("{truncated} 1, column 1"), read]);
        assert_eq!(
            walk(&format!("-----BEGIN CERTIFICATE-----{BODY}-----END PRIVATE KEY-----\n{good}")),
            ["a block begins as CERTIFICATE and ends as PRIVATE KEY at line 3, column 1", read]
        );
        assert_eq!(
            walk(&format!("\n{}\n{good}", block("CERTIFICATE", "\nMAMC\nAé*=\n"))),
            ["is not base64 at line 4, column 2", read]
        );
        assert_eq!(walk(&block("CERTIFICATE", "\nMAMCAQE\n")), ["is not base64 at line 2, column 7"], "padding is missing");
        let one_line = "not a valid PEM block: BEGIN, body and END must stand on lines of their own at line 1, column 1";
        assert_eq!(walk(&format!("{}\n{good}", block("CERTIFICATE", &"MAMC".repeat(20)))), [one_line, read]);
    }

    #[test]
    fn a_glued_block_of_another_kind_is_found_too() {
        let parameters = block("EC PARAMETERS", "\nBggqhkjOPQMBBw==\n");
        let found = walk(&format!("{parameters}{}", block("CERTIFICATE", BODY)));
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn headers_are_told_from_the_body() {
        let text = block("RSA PRIVATE KEY", "\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,00\r\n\r\nMAMCAQE=\r\n");
        let block = Blocks::new(text.as_bytes()).next().unwrap().unwrap();
        assert!(block.is_encrypted());
        assert_eq!(walk(&text), ["RSA PRIVATE KEY: [48, 3, 2, 1, 1]"]);
    }

    #[test]
    fn hostile_texts_cost_linear_time_and_no_stack() {
        for unit in ["-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE----- x\n", "-----", "-----END CERTIFICATE-----"] {
            let text = unit.repeat(200_000);
            assert!(Blocks::new(text.as_bytes()).count() <= 200_000);
        }
        let glued = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----".repeat(50_000);
        assert_eq!(Blocks::new(glued.as_bytes()).count(), 99_999);
    }
}
