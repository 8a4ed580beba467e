//! Whether a certificate is valid for a name: `VerifyHostname` for DNS names and IP addresses. For e-mail addresses and URIs crypto/x509
//! has nothing; programs compare them with the subject alternative names themselves, to the letter, and so is done here.

use super::super::names::{address, mismatch};
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::super::{Name, Verifier};
use super::facts::{Facts, San, facts};
use super::habits::{BARE_WILDCARD, LEADING_ZEROS, ZONES_IN_NAMES};
use super::text::{Zeros, ip, ip_of, ip_with_zone};
use std::net::IpAddr;

/// Every DNS name and address that is expected. A certificate that has the name as common name alone breaks the rule on that.
pub(super) fn hosts(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if common_name(trail).is_err() {
        return Ok(());
    }
    expected(trail, |name, facts, verifier| matches!(name, Name::Dns(_) | Name::Ip(_)) && !matches_host(name, facts, verifier))
}

/// Every e-mail address that is expected.
pub(super) fn emails(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let is_there =
        |text: &str, facts: &Facts<'_>| facts.sans.iter().any(|san| matches!(san, San::Email(name) if *name == text.as_bytes()));
    expected(trail, |name, facts, _| matches!(name, Name::Email(text) if !is_there(text, facts)))
}

/// Every URI that is expected.
pub(super) fn uris(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let is_there =
        |text: &str, facts: &Facts<'_>| facts.sans.iter().any(|san| matches!(san, San::Uri(uri, _) if *uri == text.as_bytes()));
    expected(trail, |name, facts, _| matches!(name, Name::Uri(text) if !is_there(text, facts)))
}

/// The certificate has an expected host name in its common name, and no subject alternative name.
pub(super) fn common_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let certificate = trail.last().certificate;
    let facts = facts(trail.case, trail.last());
    let common_name = certificate.subject.common_name().unwrap_or_default();
    let matching = trail.case.question.names.iter().find(|name| match name {
        Name::Dns(host) => matches_pattern(common_name.as_bytes(), host.as_bytes()),
        _ => false,
    });
    match matching {
        Some(host) if facts.extension(oid::SUBJECT_ALT_NAME).is_none() => {
            Err(Fault { at: 0, message: format!("{host} is in the common name alone, and there is no subject alternative name") })
        }
        _ => Ok(()),
    }
}

fn expected(trail: &Trail<'_, '_>, is_missing: impl Fn(&Name, &Facts<'_>, Verifier) -> bool) -> Result<(), Fault> {
    let facts = facts(trail.case, trail.last());
    let missing = trail.case.question.names.iter().find(|name| is_missing(name, &facts, trail.case.verifier));
    missing.map_or(Ok(()), |name| Err(Fault { at: 0, message: told(name, &facts.sans) }))
}

/// The names of the kind that was expected; if there are none, all of them.
fn told(name: &Name, sans: &[San<'_>]) -> String {
    let of_kind = |san: &&San<'_>| {
        matches!(
            (san, name),
            (San::Dns(_), Name::Dns(_))
                | (San::Ip(_), Name::Ip(_))
                | (San::Email(_), Name::Email(_))
                | (San::Uri(..), Name::Uri(_))
        )
    };
    let (wanted, others): (Vec<_>, Vec<_>) = sans.iter().partition(of_kind);
    mismatch(if wanted.is_empty() { others } else { wanted }.into_iter().map(shown), name)
}

/// A subject alternative name for people.
fn shown(san: &San<'_>) -> String {
    match san {
        San::Dns(text) | San::Email(text) | San::Uri(text, _) => String::from_utf8_lossy(text).into_owned(),
        San::Ip(octets) => address(octets).map_or_else(String::new, |address| address.to_string()),
    }
}

fn matches_host(name: &Name, facts: &Facts<'_>, verifier: Verifier) -> bool {
    let address = match name {
        Name::Ip(address) => Some(*address),
        Name::Dns(text) => text_as_address(text, verifier),
        Name::Email(_) | Name::Uri(_) => None,
    };
    if let Some(address) = address {
        return facts.ip_addresses().filter_map(ip_of).any(|found| found == address.to_canonical());
    }
    let Name::Dns(host) = name else { return false };
    let host = host.as_bytes();
    let host_is_valid = is_host_name(host.strip_suffix(b".").unwrap_or(host), Wildcard::None);
    let wildcard = if BARE_WILDCARD.of(verifier) { Wildcard::Alone } else { Wildcard::First };
    facts.dns_names().any(|pattern| {
        if host_is_valid && is_host_name(pattern, wildcard) {
            matches_pattern(pattern, host)
        } else {
            ![&b""[..], b"."].contains(&pattern) && host != b"." && pattern.eq_ignore_ascii_case(host)
        }
    })
}

/// Text that only this release takes for an address.
fn text_as_address(text: &str, verifier: Verifier) -> Option<IpAddr> {
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if ZONES_IN_NAMES.of(verifier) {
        ip_with_zone(text)
    } else if LEADING_ZEROS.of(verifier) {
        ip(text, Zeros::Allowed)
    } else {
        None
    }
}

/// Where a name may have `*` as a label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    None,
    /// As the first of several.
    First,
    /// As the only one, too.
    Alone,
}

/// `validHostname`: letters, digits, `_`, and `-` but for the first character of a label.
fn is_host_name(name: &[u8], wildcard: Wildcard) -> bool {
    if name.is_empty() || (name == b"*" && wildcard == Wildcard::First) {
        return false;
    }
    name.split(|octet| *octet == b'.').enumerate().all(|(at, label)| {
        let starred = at == 0 && label == b"*" && wildcard != Wildcard::None;
        let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_".contains(octet);
        starred || (!label.is_empty() && label.first() != Some(&b'-') && label.iter().all(allowed))
    })
}

/// Label by label; `*` as the first stands for any.
fn matches_pattern(pattern: &[u8], host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let (labels, wanted) = (pattern.split(|octet| *octet == b'.'), host.split(|octet| *octet == b'.'));
    !pattern.is_empty()
        && !host.is_empty()
        && labels.clone().count() == wanted.clone().count()
        && labels
            .zip(wanted)
            .enumerate()
            .all(|(at, (label, wanted))| (at == 0 && label == b"*") || label.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid(verifier: &str, san: &[u8], name: &str) -> bool {
        let facts = Facts { sans: vec![San::Dns(san), San::Ip(&[10, 0, 0, 1])], ..Facts::default() };
        matches_host(&name.parse().unwrap(), &facts, verifier.parse().unwrap())
    }

    #[test]
    fn hosts_match_label_by_label() {
        for (san, name) in [
            ("a.example", "A.example"),
            ("a.example", "a.example."),
            ("*.example", "a.example"),
            ("a b", "a b".trim()),
            ("-a.example", "-a.example"),
            ("x", "10.0.0.1"),
            ("x", "[10.0.0.1]"),
            ("x", "::ffff:10.0.0.1"),
        ] {
            assert!(name.contains(' ') || valid("go1.27", san.as_bytes(), name), "{san} {name}");
        }
        for (san, name) in [
            ("*.example", "a.b.example"),
            ("*.example", "example"),
            ("a*.example", "ab.example"),
            ("a.example.", "a.example"),
            ("10.0.0.2", "10.0.0.2"),
        ] {
            assert!(!valid("go1.27", san.as_bytes(), name), "{san} {name}");
        }
        assert!(valid("go1.22", b"*", "a") && !valid("go1.23", b"*", "a"));
    }
}
