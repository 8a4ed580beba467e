//! The text forms of names (RFC 5280 section 4.2.1.6): what is a DNS name, a mailbox, a URI.

/// A DNS name in the preferred syntax (RFC 1034 section 3.5 as RFC 1123 section 2.1 relaxes it): labels of letters, digits and
/// hyphens, no hyphen at their ends. Underscores are let in, as in x509-limbo: names of services have them.
pub(super) fn is_dns_name(name: &[u8]) -> bool {
    const LONGEST: usize = 253;
    !name.is_empty() && name.len() <= LONGEST && name.split(|octet| *octet == b'.').all(is_label)
}

fn is_label(label: &[u8]) -> bool {
    const LONGEST: usize = 63;
    let inner = label.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    inner && label.len() <= LONGEST && label.first().is_some_and(|octet| *octet != b'-') && label.last() != Some(&b'-')
}

/// A DNS name whose left-most label may be a wildcard (RFC 6125 section 6.4.3).
pub(super) fn is_dns_pattern(name: &[u8]) -> bool {
    is_dns_name(name.strip_prefix(b"*.").unwrap_or(name))
}

/// A Mailbox of RFC 2821 section 4.1.2, split: local part and domain.
pub(super) fn mailbox(address: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = address.iter().rposition(|octet| *octet == b'@')?;
    let (local, domain) = (address.get(..at)?, address.get(at + 1..)?);
    let literal = domain.first() == Some(&b'[') && domain.last() == Some(&b']');
    (is_local_part(local) && (literal || is_dns_name(domain))).then_some((local, domain))
}

/// Dot-string or quoted string.
fn is_local_part(local: &[u8]) -> bool {
    if let [b'"', quoted @ .., b'"'] = local {
        let mut escaped = false;
        let closed = quoted.iter().all(|octet| {
            let fine = escaped || *octet != b'"';
            escaped = !escaped && *octet == b'\\';
            fine && (0x20..0x7f).contains(octet)
        });
        return closed && !escaped;
    }
    let atom = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(octet);
    local.split(|octet| *octet == b'.').all(|label| !label.is_empty() && label.iter().all(atom))
}

/// A URI with its scheme, in two halves: the scheme and what follows the colon (RFC 3986 section 3). Relative ones are none.
pub(super) fn uri(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().position(|octet| *octet == b':')?;
    let (scheme, rest) = (text.get(..colon)?, text.get(colon + 1..)?);
    let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(octet))
        && !rest.is_empty()
        && rest.iter().all(u8::is_ascii_graphic);
    valid.then_some((scheme, rest))
}

/// The host of a URI, if it has an authority: without user, port and brackets' worth of anything else.
pub(super) fn host(uri_rest: &[u8]) -> Option<&[u8]> {
    let authority = uri_rest.strip_prefix(b"//")?;
    let authority = authority.split(|octet| b"/?#".contains(octet)).next()?;
    let host = authority.rsplit(|octet| *octet == b'@').next()?;
    if host.first() == Some(&b'[') {
        return Some(host);
    }
    host.split(|octet| *octet == b':').next()
}

/// A host that is no IP address: what name constraints can be held against.
pub(super) fn is_domain(host: &[u8]) -> bool {
    let number = |label: &[u8]| label.iter().all(u8::is_ascii_digit);
    is_dns_name(host) && !host.rsplit(|octet| *octet == b'.').next().is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names_have_labels_of_letters_digits_and_hyphens() {
        for name in ["a", "api.example", "xn--a.b", "a_b", "1.2", "A-b.c"] {
            assert!(is_dns_name(name.as_bytes()), "{name}");
        }
        for name in ["", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "*.a", "é"] {
            assert!(!is_dns_name(name.as_bytes()), "{name}");
        }
        assert!(is_dns_pattern(b"*.a") && !is_dns_pattern(b"a.*") && !is_dns_pattern(b"*") && !is_dns_pattern(b"*a.b"));
        assert!(!is_dns_name(&[b'a'; 64]));
    }

    #[test]
    fn mailboxes_have_one_at() {
        assert_eq!(mailbox(b"me@example.com"), Some((&b"me"[..], &b"example.com"[..])));
        assert_eq!(mailbox(b"\"a@b\"@c"), Some((&b"\"a@b\""[..], &b"c"[..])));
        assert!(mailbox(b"**@a").is_some() && mailbox(b"a@[127.0.0.1]").is_some());
        for bad in ["a", "@a", "a@", "a@b@c", "a b@c", ".a@b", "\"a\"b\"@c", "\"a\\\"@c"] {
            assert_eq!(mailbox(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn uris_have_a_scheme_and_maybe_a_host() {
        let host_of = |text: &'static str| uri(text.as_bytes()).and_then(|(_, rest)| host(rest)).map(String::from_utf8_lossy);
        assert_eq!(host_of("spiffe://cluster.local/ns/a").as_deref(), Some("cluster.local"));
        assert_eq!(host_of("https://me@a.example:443/?x").as_deref(), Some("a.example"));
        assert_eq!(host_of("https://[::1]:6443/").as_deref(), Some("[::1]:6443"));
        assert_eq!(host_of("urn:uuid:1"), None);
        assert!(uri(b"/relative").is_none() && uri(b"1a:b").is_none() && uri(b"a:b c").is_none());
        assert!(is_domain(b"a.example") && !is_domain(b"10.0.0.1") && !is_domain(b"[::1]"));
    }
}
