//! Domain names, mailboxes and addresses as crypto/x509 takes them apart: byte by byte, since dNSNames of certificates are not always
//! text.

use super::super::{Verifier, names};
use super::habits::{LEADING_DOTS, MAILBOXES_HAVE_ONE_AT, ODD_DOMAINS_FAIL_LATE};
use std::net::{IpAddr, Ipv6Addr};

/// What a domain name lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DomainFlaw {
    /// It has an empty label, not only the first.
    Label,
    /// It has a character that is not visible ASCII.
    Character,
    /// It begins with an empty label.
    LeadingDot,
}

/// What is wrong with a domain name, if anything. The empty name passes, as does one that begins with a dot in a constraint, where it
/// means "at least one label more".
pub(super) fn domain_flaw(name: &[u8]) -> Option<DomainFlaw> {
    let visible = name.iter().all(|octet| (33..=126).contains(octet));
    let (leading, rest) = name.strip_prefix(b".").map_or((false, name), |rest| (true, rest));
    let labels = rest.is_empty() && !leading || rest.split(|octet| *octet == b'.').all(|label| !label.is_empty());
    match (labels, visible, leading) {
        (false, ..) => Some(DomainFlaw::Label),
        (_, false, _) => Some(DomainFlaw::Character),
        (.., true) => Some(DomainFlaw::LeadingDot),
        (.., false) => None,
    }
}

/// A domain name of a constraint without the dot that it may begin with.
pub(super) fn without_leading_dot(name: &[u8]) -> &[u8] {
    name.strip_prefix(b".").unwrap_or(name)
}

/// Whether Go 1.24.8 and 1.25.2 took this as the domain name of a subject alternative name (CVE-2025-58187, taken back in the next
/// releases, golang/go#75828).
pub(super) fn is_strict_domain(name: &[u8]) -> bool {
    !name.is_empty() && name.first() != Some(&b'.') && is_strict_constraint(name)
}

/// Whether they took it as a constraint.
pub(super) fn is_strict_constraint(name: &[u8]) -> bool {
    let mut labels = without_leading_dot(name).split(|octet| *octet == b'.');
    name.is_empty() || (name.len() <= 253 && labels.all(|label| (1..=63).contains(&label.len())))
}

/// A mailbox (RFC 2821 section 4.1.2), taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mailbox {
    /// Before the `@`, without quotes.
    pub(super) local: Vec<u8>,
    /// After it, as found.
    pub(super) domain: Vec<u8>,
}

/// Takes a mailbox apart; what follows the `@` is anything without an empty label.
pub(super) fn mailbox(text: &[u8], verifier: Verifier) -> Option<Mailbox> {
    let (local, rest) = match text.split_first()? {
        (b'"', quoted) => quoted_local(quoted)?,
        _ => dotted_local(text)?,
    };
    let domain = rest.strip_prefix(b"@")?;
    let second_at = domain.contains(&b'@') && MAILBOXES_HAVE_ONE_AT.of(verifier);
    (is_domain(domain, verifier) && !second_at).then(|| Mailbox { local, domain: domain.to_vec() })
}

/// Whether names that are held against constraints may be this (`domainToReverseLabels`, `domainNameValid`).
pub(super) fn is_domain(name: &[u8], verifier: Verifier) -> bool {
    match domain_flaw(name) {
        None => true,
        Some(DomainFlaw::LeadingDot) => LEADING_DOTS.of(verifier),
        Some(DomainFlaw::Character) => ODD_DOMAINS_FAIL_LATE.of(verifier),
        Some(DomainFlaw::Label) => false,
    }
}

fn quoted_local(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut local = Vec::new();
    let mut rest = text;
    loop {
        let (&octet, after) = rest.split_first()?;
        rest = after;
        match octet {
            b'"' => return Some((local, rest)),
            b'\\' => {
                let (&escaped, after) = rest.split_first()?;
                if !matches!(escaped, 1..=9 | 11 | 12 | 14..=127) {
                    return None;
                }
                local.push(escaped);
                rest = after;
            }
            1..=8 | 11 | 12 | 14..=33 | 35..=91 | 93..=127 => local.push(octet),
            _ => return None,
        }
    }
}

fn dotted_local(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut local = Vec::new();
    let mut rest = text;
    while let Some((&octet, after)) = rest.split_first() {
        if octet == b'\\' {
            let (&escaped, after) = after.split_first()?;
            local.push(escaped);
            rest = after;
        } else if octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet) {
            local.push(octet);
            rest = after;
        } else {
            break;
        }
    }
    let dots = local.first() == Some(&b'.') || local.last() == Some(&b'.') || local.windows(2).any(|pair| pair == b"..");
    (!local.is_empty() && !dots).then_some((local, rest))
}

/// Who reads an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeros {
    /// Leading zeros in dotted numbers are no matter (`net.ParseIP` before Go 1.17).
    Allowed,
    /// They make it no address.
    Refused,
}

/// `net.ParseIP`.
pub(super) fn ip(text: &str, zeros: Zeros) -> Option<IpAddr> {
    if zeros == Zeros::Refused {
        return text.parse().ok();
    }
    let (head, tail) = text.rfind(':').map_or(("", text), |colon| text.split_at(colon.saturating_add(1)));
    let plain: Vec<String> = tail.split('.').map(|part| part.trim_start_matches('0')).map(pad).collect();
    let written = if tail.contains('.') { format!("{head}{}", plain.join(".")) } else { text.to_owned() };
    written.parse().ok()
}

fn pad(digits: &str) -> String {
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}

/// `netip.ParseAddr`: IPv6 addresses may have a zone.
pub(super) fn ip_with_zone(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

/// The address that an iPAddress of four or sixteen octets holds; IPv4 in IPv6 counts as IPv4 (`net.IP.Equal`).
pub(super) fn ip_of(octets: &[u8]) -> Option<IpAddr> {
    names::address(octets).map(|address| address.to_canonical())
}

/// Whether sixteen octets are an IPv4 address in IPv6 (`net.IP.To4`).
pub(super) fn is_mapped(octets: &[u8]) -> bool {
    <[u8; 16]>::try_from(octets).is_ok_and(|octets| Ipv6Addr::from(octets).to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_no_empty_labels() {
        assert_eq!(domain_flaw(b"a.example"), None);
        assert_eq!(domain_flaw(b""), None);
        assert_eq!(domain_flaw(b".example"), Some(DomainFlaw::LeadingDot));
        for name in [&b"."[..], b"a.", b"a..b", b"..a"] {
            assert_eq!(domain_flaw(name), Some(DomainFlaw::Label), "{name:?}");
        }
        for name in [&b"a b"[..], b"\xe9.example"] {
            assert_eq!(domain_flaw(name), Some(DomainFlaw::Character), "{name:?}");
        }
        assert!(
            is_strict_constraint(b"") && is_strict_constraint(b".a") && !is_strict_constraint(b".") && !is_strict_domain(b"")
        );
        assert!(is_strict_domain(&[b'a'; 63]) && !is_strict_domain(&[b'a'; 64]));
    }

    #[test]
    fn mailboxes_are_taken_apart() {
        let go = "go1.27".parse().unwrap();
        let parts = |text: &str| mailbox(text.as_bytes(), go).map(|mailbox| (mailbox.local, mailbox.domain));
        assert_eq!(parts("a.b@example"), Some((b"a.b".to_vec(), b"example".to_vec())));
        assert_eq!(parts(r#""a b\"c"@example"#), Some((b"a b\"c".to_vec(), b"example".to_vec())));
        assert_eq!(parts(r"a\@b@example"), Some((b"a@b".to_vec(), b"example".to_vec())));
        for text in ["", "@example", ".a@example", "a.@example", "a..b@example", "a b@example", "a", "\"a@example", "a@b@c"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_may_have_leading_zeros_or_zones() {
        assert_eq!(ip("010.0.0.01", Zeros::Allowed), "10.0.0.1".parse().ok());
        assert_eq!(ip("::ffff:010.0.0.1", Zeros::Allowed), "::ffff:10.0.0.1".parse().ok());
        assert_eq!(ip("010.0.0.1", Zeros::Refused), None);
        assert_eq!(ip_with_zone("fe80::1%eth0"), "fe80::1".parse().ok());
        assert_eq!((ip_with_zone("fe80::1%"), ip_with_zone("1.2.3.4%x")), (None, None));
    }
}
