//! BER → DER, as far as containers need it: Bouncy Castle, NSS and macOS write keystores, and streaming writers PKCS#7, with indefinite
//! lengths and strings in pieces (X.690 sections 8.1.3.6 and 8.7.3).

use crate::der::{OCTET_STRING, SEQUENCE};

/// Structures deeper than this are no keystores.
const DEEPEST: u8 = 32;
/// An OCTET STRING in pieces.
const IN_PIECES: u8 = 0x20 | OCTET_STRING;
const INDEFINITE: u8 = 0x80;

/// Whether the bytes begin with a sequence of indefinite length.
pub(super) fn is_indefinite(bytes: &[u8]) -> bool {
    bytes.starts_with(&[SEQUENCE, INDEFINITE])
}

/// The first element of some bytes with definite lengths, strings put together. Primitive contents stay as they are.
pub(super) fn definite(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    element(&mut rest, 0)
}

fn element(rest: &mut &[u8], depth: u8) -> Option<Vec<u8>> {
    let (&tag, after) = rest.split_first()?;
    let is_constructed = tag & 0x20 != 0;
    let (&first, after) = after.split_first()?;
    if depth > DEEPEST || tag & 0x1f == 0x1f {
        return None;
    }
    if first == INDEFINITE {
        *rest = after;
        if !is_constructed {
            return None;
        }
        let mut contents = Vec::new();
        while let Some(inside) = rest.get(..2).filter(|end| *end != [0, 0]).and_then(|_| element(rest, depth + 1)) {
            contents.extend(inside);
        }
        *rest = rest.strip_prefix(&[0, 0])?;
        return Some(joined(tag, &contents));
    }
    let octets = if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f) };
    if octets > 4 {
        return None;
    }
    let (long, after) = after.split_at_checked(octets)?;
    let length = if octets == 0 { usize::from(first) } else { long.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)) };
    let (mut inside, after) = after.split_at_checked(length)?;
    *rest = after;
    if !is_constructed {
        return Some(encoded(tag, inside));
    }
    let mut contents = Vec::new();
    while !inside.is_empty() {
        contents.extend(element(&mut inside, depth + 1)?);
    }
    Some(joined(tag, &contents))
}

/// A constructed element; the pieces of a string become one.
fn joined(tag: u8, contents: &[u8]) -> Vec<u8> {
    if tag == IN_PIECES { encoded(OCTET_STRING, &strings(contents)) } else { encoded(tag, contents) }
}

/// The contents of OCTET STRINGs in a row.
pub(super) fn strings(contents: &[u8]) -> Vec<u8> {
    let mut pieces = crate::der::Reader::new(contents);
    let next = || pieces.take(OCTET_STRING, "octets").ok().map(|piece| piece.contents);
    std::iter::from_fn(next).flatten().copied().collect()
}

fn encoded(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let long = length.iter().position(|octet| *octet != 0).and_then(|at| length.get(at..)).unwrap_or_default();
    let mut element = vec![tag];
    if contents.len() < 0x80 {
        element.push(long.first().copied().unwrap_or_default());
    } else {
        element.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
        element.extend(long);
    }
    element.extend(contents);
    element
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_become_definite_and_strings_whole() {
        let ber = b"\x30\x80\x02\x01\x03\x24\x80\x04\x02ab\x04\x01c\0\0\xa0\x80\x30\x00\0\0\0\0rest";
        assert_eq!(definite(ber).unwrap(), b"\x30\x0c\x02\x01\x03\x04\x03abc\xa0\x02\x30\x00");
        let der = b"\x30\x05\x04\x03abc";
        assert_eq!(definite(der).unwrap(), der);
        let long = [&b"\x30\x82\x01\x04\x04\x82\x01\x00"[..], &[7; 256]].concat();
        assert_eq!(definite(&long).unwrap(), long);
    }

    #[test]
    fn what_is_cut_or_too_deep_is_nothing() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x80",
            b"\x30\x80\x02\x01",
            b"\x04\x80\0\0",
            b"\x30\x02\x04\x05",
            b"\x30\x85\x01\x01\x01\x01\x01",
        ] {
            assert_eq!(definite(bytes), None, "{bytes:?}");
        }
        assert_eq!(definite(&b"\x30\x80".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(definite(&bytes));
            drop(definite(&[b"\x30\x80", &bytes[..]].concat()));
        }
    }
}
