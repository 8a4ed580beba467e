//! `net/url.Parse`, as far as crypto/x509 needs it: whether a URI is one, and its host.

use super::super::Verifier;
use super::habits::{BRACKETS_ANYWHERE, BRACKETS_HOLD_ANYTHING, STRICT_COLONS};
use super::text::ip_with_zone;
use std::net::IpAddr;

/// The host of a URI with its port, empty if it has none; `None` for what is no URI.
pub(super) fn host(text: &[u8], verifier: Verifier) -> Option<Vec<u8>> {
    let (uri, fragment) = cut(text, b'#');
    let host = host_of(uri, verifier)?;
    unescape(fragment.unwrap_or_default(), Part::Other)?;
    Some(host)
}

fn host_of(uri: &[u8], verifier: Verifier) -> Option<Vec<u8>> {
    if uri.iter().any(|octet| *octet < b' ' || *octet == 0x7f) {
        return None;
    }
    let (scheme, rest) = scheme(uri)?;
    let (rest, _) = cut(rest, b'?');
    if !rest.starts_with(b"/") {
        if !scheme.is_empty() {
            return Some(Vec::new());
        }
        if cut(rest, b'/').0.contains(&b':') {
            return None;
        }
    }
    let has_authority = rest.starts_with(b"//") && (!scheme.is_empty() || !rest.starts_with(b"///"));
    let Some(authority) = rest.get(2..).filter(|_| has_authority) else {
        return unescape(rest, Part::Other).map(|_| Vec::new());
    };
    let end = authority.iter().position(|octet| *octet == b'/').unwrap_or(authority.len());
    let (authority, path) = authority.split_at_checked(end)?;
    let host = authority_host(scheme, authority, verifier)?;
    unescape(path, Part::Other)?;
    Some(host)
}

/// What precedes the first such octet, and what follows it.
fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |octet| *octet == at);
    (parts.next().unwrap_or_default(), parts.next())
}

/// The scheme, empty if there is none, and the rest; `None` for a colon without a scheme.
fn scheme(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let none = Some((&[][..], uri));
    for (at, octet) in uri.iter().enumerate() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((uri.get(..at)?, uri.get(at.saturating_add(1)..)?)),
            _ => return none,
        }
    }
    none
}

fn authority_host(scheme: &[u8], authority: &[u8], verifier: Verifier) -> Option<Vec<u8>> {
    let Some(at) = authority.iter().rposition(|octet| *octet == b'@') else {
        return parse_host(scheme, authority, verifier);
    };
    let (user, host) = authority.split_at_checked(at)?;
    let host = parse_host(scheme, host.get(1..)?, verifier)?;
    let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(octet);
    if !user.iter().all(allowed) {
        return None;
    }
    unescape(user, Part::Other)?;
    Some(host)
}

fn parse_host(scheme: &[u8], host: &[u8], verifier: Verifier) -> Option<Vec<u8>> {
    let any_content = BRACKETS_HOLD_ANYTHING.of(verifier);
    let open = match host.iter().rposition(|octet| *octet == b'[') {
        Some(_) if any_content => host.first().filter(|first| **first == b'[').map(|_| 0),
        Some(open) if open > 0 && !BRACKETS_ANYWHERE.of(verifier) => return None,
        open => open,
    };
    if let Some(open) = open {
        let close = host.iter().rposition(|octet| *octet == b']')?;
        let port = host.get(close.saturating_add(1)..)?;
        if !is_optional_port(port) {
            return None;
        }
        let within = host.get(open.saturating_add(1)..close)?;
        let zone = within.windows(3).position(|escape| escape == b"%25").unwrap_or(within.len());
        let (address, zone) = within.split_at_checked(zone)?;
        let name = [unescape(address, Part::Host)?, unescape(zone, Part::Zone)?].concat();
        let is_ipv6 =
            std::str::from_utf8(&name).ok().and_then(ip_with_zone).is_some_and(|address| matches!(address, IpAddr::V6(_)));
        return (any_content || is_ipv6).then(|| [b"[", &*name, b"]", port].concat());
    }
    let last = host.iter().rposition(|octet| *octet == b':');
    let strict = STRICT_COLONS.of(verifier) && [&b"http"[..], b"https"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let colon = if strict { host.iter().position(|octet| *octet == b':') } else { last };
    let port = colon.and_then(|colon| host.get(colon..)).unwrap_or_default();
    if is_optional_port(port) { unescape(host, Part::Host) } else { None }
}

fn is_optional_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// The part of a URI that something stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Zone,
    /// Path, user or fragment: any escape will do.
    Other,
}

fn unescape(text: &[u8], part: Part) -> Option<Vec<u8>> {
    let in_host = part != Part::Other;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet != b'%' {
            if in_host && octet < 0x80 && !may_stand_in_host(octet) {
                return None;
            }
            plain.push(octet);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        let value = digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))?;
        let value = u8::try_from(value).ok()?;
        let fits = match part {
            Part::Host => value >= 0x80 || value == b'%',
            Part::Zone => value == b'%' || value == b' ' || may_stand_in_host(value),
            Part::Other => true,
        };
        if !fits {
            return None;
        }
        plain.push(value);
    }
    Some(plain)
}

/// RFC 3986's unreserved characters and sub-delims, and what Go takes beyond them.
fn may_stand_in_host(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_by(verifier: &str, uri: &str) -> Option<String> {
        host(uri.as_bytes(), verifier.parse().unwrap()).map(|host| String::from_utf8_lossy(&host).into_owned())
    }

    #[test]
    fn uris_have_hosts() {
        let host = |uri| host_by("go1.27", uri);
        for (uri, expected) in [
            ("spiffe://cluster.local/ns/a", Some("cluster.local")),
            ("https://user:pass@a.example:443/x?y#z", Some("a.example:443")),
            ("urn:uuid:1", Some("")),
            ("/path", Some("")),
            ("", Some("")),
            ("//a/b", Some("a")),
            ("///b", Some("")),
            ("https://[::1]:443/", Some("[::1]:443")),
            ("https://[fe80::1%25eth0]/", Some("[fe80::1%eth0]")),
            ("a:b", Some("")),
            ("1:b", None),
            (":b", None),
            ("https://a b/", None),
            ("https://a/%zz", None),
            ("https://a/\u{1}", None),
            ("https://a:b/", None),
            ("https://a%41/", None),
            ("https://[::1/", None),
        ] {
            assert_eq!(host(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn releases_differ_about_brackets_and_colons() {
        assert_eq!(host_by("go1.24.7", "https://[x]/").as_deref(), Some("[x]"));
        assert_eq!(host_by("go1.24.8", "https://[x]/"), None);
        assert_eq!(host_by("go1.25", "https://a:1:2/").as_deref(), Some("a:1:2"));
        assert_eq!(host_by("go1.26", "https://a:1:2/"), None);
    }
}
