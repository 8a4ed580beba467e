//! Whether a name is in a subtree, kind by kind (`nc_dns`, `nc_email`, `nc_uri`, crypto/x509/v3_ncons.cc).

/// Which list a subtree stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Permitted,
    Excluded,
}

fn ends_with(name: &[u8], suffix: &[u8]) -> bool {
    let at = name.len().checked_sub(suffix.len());
    at.and_then(|at| name.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
}

/// A subtree may begin with a dot, and then is that of the labels below. `*.example` is excluded by any name one label below.
pub(super) fn dns(name: &[u8], base: &[u8], list: List) -> bool {
    if base.is_empty() {
        return true;
    }
    let name = name.strip_suffix(b".").unwrap_or(name);
    let base = base.strip_suffix(b".").unwrap_or(base);
    if list == List::Excluded
        && let Some(parent) = name.strip_prefix(b"*.")
        && let Some(dot) = base.iter().position(|octet| *octet == b'.')
        && base.get(dot + 1..).is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
    {
        return true;
    }
    let boundary = name.len().checked_sub(base.len() + 1).and_then(|at| name.get(at));
    let at_label = base.first() == Some(&b'.') || name.len() == base.len() || boundary == Some(&b'.');
    at_label && ends_with(name, base)
}

/// A base with `@` is one mailbox, one that begins with a dot every host below, any other one host.
pub(super) fn email(name: &[u8], base: &[u8], local_part_folds: bool) -> Option<bool> {
    let (local, domain) = mailbox(name)?;
    if base.contains(&b'@') {
        let (base_local, base_domain) = mailbox(base)?;
        let same_local = local == base_local || local_part_folds && local.eq_ignore_ascii_case(base_local);
        return Some(same_local && domain.eq_ignore_ascii_case(base_domain));
    }
    let below = base.first() == Some(&b'.') && ends_with(domain, base);
    is_domain(base).then(|| below || domain.eq_ignore_ascii_case(base))
}

/// The parts of an address without quotes or comments.
fn mailbox(address: &[u8]) -> Option<(&[u8], &[u8])> {
    const ATOM: &[u8] = b"!#$%&'*+-/=?^_`{|}~.";
    let at = address.iter().position(|octet| *octet == b'@')?;
    let (local, domain) = (address.get(..at)?, address.get(at + 1..)?);
    let atoms = local.iter().all(|octet| octet.is_ascii_alphanumeric() || ATOM.contains(octet));
    (!local.is_empty() && atoms && is_domain(domain)).then_some((local, domain))
}

fn is_domain(domain: &[u8]) -> bool {
    !domain.is_empty() && domain.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.'))
}

/// The host of a URI, which must have one, is the base or, if that begins with a dot, below it.
pub(super) fn uri(name: &[u8], base: &[u8]) -> Option<bool> {
    let host = host(name)?;
    let base = base.strip_suffix(b".").unwrap_or(base);
    let below = base.strip_prefix(b".");
    is_host(below.unwrap_or(base)).then(|| if below.is_some() { ends_with(host, base) } else { host.eq_ignore_ascii_case(base) })
}

/// The host of a URI, without port; only a name will do (RFC 5280 section 4.2.1.10).
fn host(uri: &[u8]) -> Option<&[u8]> {
    let colon = uri.iter().position(|octet| *octet == b':')?;
    let (first, scheme) = uri.get(..colon)?.split_first()?;
    let is_scheme = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    if !first.is_ascii_alphabetic() || !scheme.iter().all(is_scheme) {
        return None;
    }
    let rest = uri.get(colon + 1..)?.strip_prefix(b"//")?;
    let authority = rest.split(|octet| matches!(octet, b'/' | b'?' | b'#')).next()?;
    let (host, port) = match authority.iter().position(|octet| *octet == b':') {
        Some(colon) => authority.split_at_checked(colon)?,
        None => (authority, &[][..]),
    };
    let digits = port.iter().skip(1).all(u8::is_ascii_digit);
    let host = host.strip_suffix(b".").unwrap_or(host);
    (digits && is_host(host)).then_some(host)
}

/// Whether it is a host name (RFC 1123), and no address: its last label is no number.
fn is_host(host: &[u8]) -> bool {
    let label = |label: &[u8]| {
        let ends = [label.first(), label.last()].into_iter().flatten();
        (1..=63).contains(&label.len())
            && ends.into_iter().all(u8::is_ascii_alphanumeric)
            && label.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
    };
    let last = host.rsplit(|octet| *octet == b'.').next().unwrap_or_default();
    let is_number = match last {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    host.split(|octet| *octet == b'.').all(label) && !is_number
}

/// `x509v3_looks_like_dns_name`, crypto/x509/v3_utl.cc.
pub(super) fn looks_like_host(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let text = text.strip_prefix(b"*.").unwrap_or(text);
    let label = |label: &[u8]| {
        let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b':');
        label.first().is_some_and(|first| *first != b'-') && label.iter().all(fits)
    };
    text.split(|octet| *octet == b'.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names() {
        for (name, base) in [("a.example", ""), ("a.example", "example"), ("EXAMPLE", "example."), ("a.example", ".example")] {
            assert!(dns(name.as_bytes(), base.as_bytes(), List::Permitted), "{name} {base}");
        }
        for (name, base) in [("aexample", "example"), ("example", ".example"), ("ple", "example"), ("*.example", "a.example")] {
            assert!(!dns(name.as_bytes(), base.as_bytes(), List::Permitted), "{name} {base}");
        }
        assert!(dns(b"*.example", b"a.example", List::Excluded));
        assert!(!dns(b"*.example", b"b.a.example", List::Excluded));
    }

    #[test]
    fn mailboxes_and_their_hosts() {
        let within = |name: &str, base: &str| email(name.as_bytes(), base.as_bytes(), false);
        assert_eq!(within("a@b.example", "a@B.example"), Some(true));
        assert_eq!(within("A@b.example", "a@b.example"), Some(false));
        assert_eq!(email(b"A@b.example", b"a@b.example", true), Some(true));
        assert_eq!(within("a@b.example", ".example"), Some(true));
        assert_eq!(within("a@b.example", "example"), Some(false));
        assert_eq!(within("a@b.example", "b.example"), Some(true));
        for (name, base) in [("a", "b"), ("a@b@c", "c"), ("\"a\"@b", "b"), ("a@b", ""), ("a@b", "a@"), ("@b", "b"), ("a@b", "_")]
        {
            assert_eq!(within(name, base), None, "{name} {base}");
        }
    }

    #[test]
    fn hosts_of_uris() {
        let of = |text: &'static str| host(text.as_bytes()).and_then(|host| std::str::from_utf8(host).ok());
        assert_eq!(of("spiffe://cluster.local/ns/a"), Some("cluster.local"));
        assert_eq!(of("https://a.example.:443?x"), Some("a.example"));
        for text in [
            "a.example",
            "urn:a",
            "https://",
            "https://a@b",
            "https://[::1]",
            "https://10.0.0.1",
            "https://a.0x",
            "https://a:b",
            "1s://a",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(uri(b"spiffe://a.example/x", b".example"), Some(true));
        assert_eq!(uri(b"spiffe://a.example/x", b"example"), Some(false));
        assert_eq!(uri(b"spiffe://a.example/x", b""), None);
    }

    #[test]
    fn common_names_that_look_like_hosts() {
        for text in ["a", "a.example.", "*.example", "a_b:c"] {
            assert!(looks_like_host(text.as_bytes()), "{text}");
        }
        for text in ["", ".", "a b", "-a", "a..b", "*.", "*"] {
            assert!(!looks_like_host(text.as_bytes()), "{text}");
        }
    }
}
