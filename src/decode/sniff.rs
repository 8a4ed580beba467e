//! What bytes look like, judged cheaply: before anything is decoded.

use super::symbols::{self, Padding};
use crate::der::{INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use memchr::memmem;
use zeroize::Zeroizing;

/// Whether the bytes begin with a DER structure of the kind that certificates and keys are: for callers that want PEM.
#[must_use]
pub fn is_der(bytes: &[u8]) -> bool {
    let structure = Reader::new(bytes).take(SEQUENCE, "structure");
    let first = structure.and_then(|structure| structure.children().any("first field"));
    first.is_ok_and(|first| matches!(first.tag, SEQUENCE | INTEGER | OBJECT_IDENTIFIER))
}

/// Base64, without its white space if need be. Wiped when done with: it may be a key.
pub(super) fn from_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    decode(text).or_else(|| decode(&without_white_space(text)))
}

fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; symbols::room(text.len())]);
    let length = symbols::decode(text, Padding::Optional, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// The text as it is without its white space.
pub(super) fn without_white_space(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut symbols = Zeroizing::new(text.to_vec());
    symbols.retain(|byte| !byte.is_ascii_whitespace());
    symbols
}

/// The bytes behind text that is base64 of PEM or DER, judged by its head before the rest is decoded: most long opaque values are
/// compressed or random.
pub(super) fn inner_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const HEAD: usize = 64;
    let text = text.trim_ascii();
    let mut head: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(HEAD).collect();
    head.truncate(head.len() / 4 * 4);
    let head = decode(&Zeroizing::new(head))?;
    let is_text = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace();
    let plausible = head.first() == Some(&SEQUENCE) || (!head.is_empty() && head.iter().all(is_text));
    if plausible { from_base64(text) } else { None }
}

/// Whether this is PEM in UTF-16, as Windows' editors and PowerShell redirections write it.
pub(super) fn is_utf16_pem(bytes: &[u8]) -> bool {
    let begins = |mark: [u8; 2], boundary: &[u8]| bytes.starts_with(&mark) && memmem::find(bytes, boundary).is_some();
    begins([0xff, 0xfe], b"-\0-\0-\0-\0-\0B\0E\0G\0I\0N\0") || begins([0xfe, 0xff], b"\0-\0-\0-\0-\0-\0B\0E\0G\0I\0N")
}

/// Whether the text begins as a JSON object or array does.
pub(super) fn starts_json(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'['))
}

/// Whether this looks like JSON or YAML that may hold something: an object, a list, or the lines that kubeconfigs and Kubernetes
/// objects have at their margin.
pub(super) fn is_structured(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 6] = [b"\napiVersion:", b"\nkind:", b"\nclusters:", b"\n---\n", b"\n---\r\n", b"\n--- "];
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let at_start = |mark: &&[u8]| mark.get(1..).is_some_and(|mark| text.starts_with(mark));
    starts_json(text) || MARKS.iter().any(|mark| at_start(mark) || memmem::find(text, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples::{self, CERTIFICATE, PKCS8};

    #[test]
    fn der_is_told_from_text() {
        assert!(is_der(&samples::der(CERTIFICATE)));
        assert!(is_der(&samples::der(PKCS8)));
        assert!(!is_der(CERTIFICATE.as_bytes()));
        assert!(!is_der(b"0 is a digit"));
        assert!(!is_der(b""));
    }
}
