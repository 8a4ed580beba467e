//! Subject alternative names (RFC 5280 section 4.2.1.6), and the names that somebody expects of the end entity (RFC 9525).

use super::super::Name;
use super::super::case::Member;
use super::super::names::{address, mismatch};
use super::super::oid::SUBJECT_ALT_NAME;
use super::super::rule::{Fault, Trail};
use super::fault;
use super::forms::{host, is_dns_name, is_dns_pattern, mailbox, uri};
use super::general::{General, general_names, sequence};
use std::net::IpAddr;

/// The subject alternative names of a certificate: none without the extension, `None` if it cannot be read.
pub(super) fn alternative_names<'a>(member: &Member<'a>) -> Option<Vec<General<'a>>> {
    match member.tbs.extension(SUBJECT_ALT_NAME) {
        None => Some(Vec::new()),
        Some(extension) => general_names(sequence(extension.value).ok()?),
    }
}

/// Section 4.2.1.6: at least one name, and every one of its form.
pub(super) fn well_formed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(names) = alternative_names(trail.last()) else {
        return fault(trail, "the subject alternative name is empty or cannot be read");
    };
    match names.iter().find(|name| !is_well_formed(name)) {
        Some(name) => fault(trail, format!("the alternative name {} is none", shown(name))),
        None => Ok(()),
    }
}

fn is_well_formed(name: &General<'_>) -> bool {
    match name {
        General::Dns(name) => is_dns_pattern(name),
        General::Email(address) => mailbox(address).is_some(),
        General::Uri(text) => uri(text).is_some(),
        General::Ip(octets) => matches!(octets.len(), 4 | 16),
        General::Directory(_) => name.directory().is_some_and(|name| !name.is_empty()),
        General::Other(..) => true,
    }
}

/// RFC 9525 section 6: every name that was asked for is among the alternative names. The common name does not count.
pub(super) fn expected(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let member = trail.last();
    let names = alternative_names(member).unwrap_or_default();
    let missing: Vec<_> = missing(trail, &names).map(ToString::to_string).collect();
    if missing.is_empty() || by_common_name(trail) {
        return Ok(());
    }
    fault(trail, mismatch(names.iter().map(shown), missing.join(", ")))
}

/// RFC 9525 section 2: a host name in the common name alone.
pub(super) fn not_by_common_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if !by_common_name(trail) {
        return Ok(());
    }
    let name = trail.last().certificate.subject.common_name().unwrap_or_default();
    fault(trail, format!("{name} is only in the common name, where host names are not looked for"))
}

/// Whether there are no alternative names, and the common name is a name that was asked for.
fn by_common_name(trail: &Trail<'_, '_>) -> bool {
    let certificate = trail.last().certificate;
    let bare = trail.last().tbs.extension(SUBJECT_ALT_NAME).is_none();
    let matches = |common: &str| {
        trail.case.question.names.iter().any(|name| match name {
            Name::Dns(host) => is_match(common.as_bytes(), host.as_bytes()),
            other => other.to_string() == common,
        })
    };
    bare && certificate.subject.common_name().is_some_and(matches)
}

fn missing<'c>(trail: &Trail<'c, '_>, names: &[General<'_>]) -> impl Iterator<Item = &'c Name> {
    trail.case.question.names.iter().filter(|wanted| !names.iter().any(|name| satisfies(name, wanted)))
}

/// Whether an alternative name is the one expected.
fn satisfies(name: &General<'_>, wanted: &Name) -> bool {
    match (name, wanted) {
        (General::Dns(pattern), Name::Dns(host)) => is_match(pattern, host.as_bytes()),
        (General::Ip(octets), Name::Ip(IpAddr::V4(address))) => **octets == address.octets(),
        (General::Ip(octets), Name::Ip(IpAddr::V6(address))) => **octets == address.octets(),
        (General::Email(address), Name::Email(wanted)) => same_mailbox(address, wanted.as_bytes()),
        (General::Uri(text), Name::Uri(wanted)) => same_uri(text, wanted.as_bytes()),
        _ => false,
    }
}

/// RFC 9525 section 6.3: letters of either case; a wildcard stands for one whole left-most label.
fn is_match(pattern: &[u8], host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    if !is_dns_name(host) || !is_dns_pattern(pattern) {
        return false;
    }
    match pattern.strip_prefix(b"*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(base) => {
            let dot = host.iter().position(|octet| *octet == b'.');
            dot.and_then(|dot| host.get(dot + 1..)).is_some_and(|rest| rest.eq_ignore_ascii_case(base))
        }
    }
}

/// Section 7.5: the local part exactly, the domain in letters of either case.
pub(super) fn same_mailbox(one: &[u8], other: &[u8]) -> bool {
    let parts = mailbox(one).zip(mailbox(other));
    parts.is_some_and(|(one, other)| one.0 == other.0 && one.1.eq_ignore_ascii_case(other.1))
}

/// Section 7.4: scheme and host in letters of either case, everything else exactly.
fn same_uri(one: &[u8], other: &[u8]) -> bool {
    let normal = |text: &[u8]| {
        let (scheme, rest) = uri(text)?;
        let mut rest = rest.to_vec();
        if let Some(host) = host(&rest).map(<[u8]>::to_ascii_lowercase) {
            let at = rest.windows(host.len().max(1)).position(|part| part.eq_ignore_ascii_case(&host));
            if let Some(place) = at.and_then(|at| rest.get_mut(at..at + host.len())) {
                place.copy_from_slice(&host);
            }
        }
        Some((scheme.to_ascii_lowercase(), rest))
    };
    one == other || normal(one).is_some_and(|one| normal(other) == Some(one))
}

/// One name for people.
pub(super) fn shown(name: &General<'_>) -> String {
    match name {
        General::Dns(text) | General::Email(text) | General::Uri(text) => {
            format!("{:?}", String::from_utf8_lossy(text)).trim_matches('"').to_owned()
        }
        General::Ip(octets) => match address(octets) {
            Some(address) => address.to_string(),
            None => format!("of an IP address of {} octets", octets.len()),
        },
        General::Directory(_) => "of a directory".to_owned(),
        General::Other(tag, _) => format!("of kind {tag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_whole_label() {
        let matches = |pattern: &str, host: &str| is_match(pattern.as_bytes(), host.as_bytes());
        assert!(matches("A.example", "a.EXAMPLE.") && matches("*.example", "a.example"));
        for (pattern, host) in [("*.example", "example"), ("*.example", "a.b.example"), ("a*.example", "ab.example"), ("*", "a")]
        {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn uris_and_mailboxes_fold_hosts_only() {
        assert!(same_uri(b"SPIFFE://Cluster.Local/ns/a", b"spiffe://cluster.local/ns/a"));
        assert!(!same_uri(b"spiffe://cluster.local/ns/A", b"spiffe://cluster.local/ns/a"));
        assert!(same_mailbox(b"me@EXAMPLE.com", b"me@example.com") && !same_mailbox(b"Me@example.com", b"me@example.com"));
    }
}
