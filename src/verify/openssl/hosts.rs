//! Names as OpenSSL matches them (`X509_check_host`, `_email`, `_ip` in crypto/x509/v3_utl.c) with the flags that `openssl verify` has:
//! wildcards also for a part of the first label, the subject where the certificate has no alternative name of the kind.

use super::extensions;
use crate::der::Element;
use crate::model::GeneralName;
use crate::verify::Name;
use crate::verify::canonical;
use crate::verify::case::Member;
use crate::verify::names::mismatch;
use crate::verify::names::tag::{DNS_NAME, IP_ADDRESS, OTHER_NAME, RFC822_NAME, URI};
use crate::verify::oid;
use std::net::IpAddr;

/// Whether the certificate is valid for a host.
pub(super) fn is_host(member: &Member<'_>, host: &str) -> bool {
    matches(member, DNS_NAME, oid::COMMON_NAME, |pattern| equal_host(pattern, host.as_bytes()))
}

/// Whether the certificate is valid for an e-mail address.
pub(super) fn is_email(member: &Member<'_>, address: &str) -> bool {
    matches(member, RFC822_NAME, oid::EMAIL_ADDRESS, |own| equal_email(own, address.as_bytes()))
}

/// Whether the certificate is valid for an IP address. The subject does not count.
pub(super) fn is_address(member: &Member<'_>, address: IpAddr) -> bool {
    let is = |octets: &[u8]| match address {
        IpAddr::V4(address) => address.octets() == octets,
        IpAddr::V6(address) => address.octets() == octets,
    };
    extensions::alternative_names(member).any(|name| name.tag == IP_ADDRESS && is(name.contents))
}

/// Whether the certificate has this URI. OpenSSL has no such test; this is the plainest there is.
pub(super) fn is_uri(member: &Member<'_>, uri: &str) -> bool {
    extensions::alternative_names(member).any(|name| name.tag == URI && name.contents == uri.as_bytes())
}

/// What the certificate is valid for, and what it is not.
pub(super) fn told(member: &Member<'_>, wanted: &Name) -> String {
    let certificate = member.certificate;
    let names = certificate.sans.iter().filter_map(|name| match name {
        GeneralName::Dns(text) | GeneralName::Email(text) | GeneralName::Uri(text) => Some(text.to_string()),
        GeneralName::Ip(address) => Some(address.to_string()),
        _ => None,
    });
    let subject = certificate.subject.common_name().filter(|_| certificate.sans.is_empty());
    mismatch(names.chain(subject.map(|name| format!("{name} (common name)"))), wanted)
}

/// Alternative names of the kind decide; where there are none, the attributes of the subject do.
fn matches(member: &Member<'_>, kind: u8, attribute: &[u8], equal: impl Fn(&[u8]) -> bool) -> bool {
    let mut present = false;
    for name in extensions::alternative_names(member) {
        let own = match name.tag {
            tag if tag == kind => Some(name.contents),
            OTHER_NAME if kind == RFC822_NAME => smtp_utf8_mailbox(&name),
            _ => None,
        };
        let Some(own) = own else { continue };
        present = true;
        if !own.is_empty() && equal(own) {
            return true;
        }
    }
    !present && in_subject(member, attribute, equal)
}

/// The address of an SmtpUTF8Mailbox.
fn smtp_utf8_mailbox<'a>(name: &Element<'a>) -> Option<&'a [u8]> {
    let mut fields = name.children();
    let kind = fields.any("type-id").ok()?;
    let value = fields.any("value").ok()?.children().take(crate::der::UTF8_STRING, "SmtpUTF8Mailbox").ok()?;
    (kind.contents == oid::SMTP_UTF8_MAILBOX).then_some(value.contents)
}

/// The first attribute that is no text ends the search without a match.
fn in_subject(member: &Member<'_>, attribute: &[u8], equal: impl Fn(&[u8]) -> bool) -> bool {
    let values = canonical::attributes(member.certificate.subject.der());
    for (_, _, value) in values.iter().filter(|(_, kind, value)| *kind == attribute && !value.contents.is_empty()) {
        match canonical::utf8(value) {
            Some(own) if equal(own.as_bytes()) => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// Compares a name of a certificate with a host; a host that begins with a dot stands for everything below it.
fn equal_host(pattern: &[u8], host: &[u8]) -> bool {
    let subdomains = host.len() > 1 && host.starts_with(b".");
    let star = if subdomains { None } else { valid_star(pattern) };
    match star.and_then(|at| Some((pattern.get(..at)?, pattern.get(at + 1..)?))) {
        Some((prefix, suffix)) => wildcard_covers(prefix, suffix, host),
        None if subdomains => ends_with_host(pattern, host),
        None => equal(pattern, host),
    }
}

fn ends_with_host(pattern: &[u8], host: &[u8]) -> bool {
    let Some(longer) = pattern.len().checked_sub(host.len()) else { return false };
    let (prefix, rest) = pattern.split_at(longer);
    !prefix.contains(&0) && equal(rest, host)
}

/// Without regard to the case of ASCII letters; what holds a NUL equals nothing.
fn equal(own: &[u8], wanted: &[u8]) -> bool {
    own.eq_ignore_ascii_case(wanted) && !own.contains(&0)
}

/// Where the one star of a pattern stands that may be a wildcard: at an end of the first label, which is no A-label (`xn--`), with two
/// more labels after it, all of them letters, digits and inner hyphens. `None`: the pattern stands for itself.
fn valid_star(pattern: &[u8]) -> Option<usize> {
    let mut star = None;
    let mut labels = 0;
    let mut start = 0;
    for label in pattern.split(|octet| *octet == b'.') {
        let a_label = label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
        for (at, octet) in label.iter().enumerate() {
            match octet {
                b'*' if star.is_some() || labels > 0 || a_label || (at > 0 && at + 1 < label.len()) => return None,
                b'*' => star = Some(start + at),
                b'-' if at == 0 => return None,
                b'-' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {}
                _ => return None,
            }
        }
        if label.is_empty() || label.ends_with(b"-") {
            return None;
        }
        labels += 1;
        start += label.len() + 1;
    }
    star.filter(|_| labels > 2)
}

/// Whether what the star stands for is letters, digits and hyphens, or a star itself.
fn wildcard_covers(prefix: &[u8], suffix: &[u8], host: &[u8]) -> bool {
    let Some(length) = host.len().checked_sub(prefix.len() + suffix.len()) else { return false };
    let (head, rest) = host.split_at(prefix.len());
    let (covered, tail) = rest.split_at(length);
    let whole_label = prefix.is_empty() && suffix.starts_with(b".");
    let a_label = host.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
    equal(prefix, head)
        && equal(suffix, tail)
        && if whole_label { !covered.is_empty() } else { !a_label }
        && (covered == b"*" || covered.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-'))
}

/// The domain without regard to case, what stands before the last `@` octet by octet.
fn equal_email(own: &[u8], wanted: &[u8]) -> bool {
    let at = own.iter().zip(wanted).rposition(|(own, wanted)| *own == b'@' || *wanted == b'@').filter(|at| *at > 0);
    let (local, domain) = own.split_at(at.unwrap_or(own.len()));
    own.len() == wanted.len() && wanted.starts_with(local) && wanted.get(local.len()..).is_some_and(|other| equal(domain, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_a_label_or_an_end_of_it() {
        for (pattern, host) in [
            ("www.example.com", "WWW.example.COM"),
            ("*.example.com", "www.example.com"),
            ("*.example.com", "xn--abc.example.com"),
            ("w*.example.com", "www.example.com"),
            ("*w.example.com", "w.example.com"),
            ("*.example.com", "*.example.com"),
            ("a.example.com", ".example.com"),
            ("*.example.com", ".example.com"),
            ("_foo.example.com", "_foo.example.com"),
            ("*", "*"),
        ] {
            assert!(equal_host(pattern.as_bytes(), host.as_bytes()), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*.com", "example.com"),
            ("w*w.example.com", "www.example.com"),
            ("xn--*.example.com", "xn--abc.example.com"),
            ("x*.example.com", "xn--abc.example.com"),
            ("www.*.com", "www.example.com"),
            ("*.example.com", "_a.example.com"),
            ("*.example.com.", "www.example.com"),
            ("exa\0mple", "exa\0mple"),
        ] {
            assert!(!equal_host(pattern.as_bytes(), host.as_bytes()), "{pattern} {host}");
        }
    }

    #[test]
    fn only_the_domain_of_an_address_has_no_case() {
        assert!(equal_email(b"me@Example.com", b"me@example.COM"));
        assert!(!equal_email(b"Me@example.com", b"me@example.com"));
        assert!(!equal_email(b"me@example.com", b"me@example.co"));
        assert!(equal_email(b"nobody", b"nobody") && !equal_email(b"nobody", b"Nobody"));
    }
}
