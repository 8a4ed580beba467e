//! Names as Envoy matches them (source/common/tls/cert_validator/san_matcher.cc, `Utility::dnsNameMatch` in source/common/tls/utility.cc).
//!
//! Envoy does not ask BoringSSL: it compares the subject alternative names with what its configuration names
//! (`match_typed_subject_alt_names`), every one exactly but DNS names, whose wildcards count. The common name is never looked at.

use super::super::Name;
use super::super::case::Member;
use super::super::names::tag::{DNS_NAME, IP_ADDRESS, RFC822_NAME, URI};
use super::super::names::{address, mismatch};
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::fault;
use crate::der::{Reader, SEQUENCE};
use std::net::IpAddr;

/// Every name asked for is one of the certificate's.
pub(super) fn every_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let own = &trail.case.end_entity;
    let Some(missing) = missing(trail).filter(|name| !is_common_name(own, name)) else { return Ok(()) };
    Err(fault(0, mismatch(names(own).filter_map(|(tag, octets)| text(tag, octets)), missing)))
}

/// No name asked for stands in the common name alone.
pub(super) fn no_common_name(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(name) = missing(trail).filter(|name| is_common_name(&trail.case.end_entity, name)) else { return Ok(()) };
    Err(fault(0, format!("has {name} as common name, which Envoy does not look at, and not as subject alternative name")))
}

/// The first name asked for that is none of the certificate's.
fn missing<'c>(trail: &Trail<'c, '_>) -> Option<&'c Name> {
    let own = &trail.case.end_entity;
    trail.case.question.names.iter().find(|name| !names(own).any(|(tag, octets)| matches(name, tag, octets)))
}

fn is_common_name(member: &Member<'_>, name: &Name) -> bool {
    let Name::Dns(name) = name else { return false };
    names(member).next().is_none()
        && member.certificate.subject.values("CN").any(|own| dns_matches(name.as_bytes(), own.as_bytes()))
}

/// The subject alternative names, each with its tag.
fn names<'a>(member: &Member<'a>) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
    let value = member.tbs.extension(oid::SUBJECT_ALT_NAME).map(|extension| extension.value).unwrap_or_default();
    let list = Reader::new(value).take(SEQUENCE, "subjectAltName").ok();
    list.into_iter().flat_map(|list| list.elements()).map(|name| (name.tag, name.contents))
}

fn matches(name: &Name, tag: u8, octets: &[u8]) -> bool {
    match (name, tag) {
        (Name::Dns(name), DNS_NAME) => dns_matches(name.as_bytes(), octets),
        (Name::Ip(IpAddr::V4(address)), IP_ADDRESS) => octets == address.octets(),
        (Name::Ip(IpAddr::V6(address)), IP_ADDRESS) => octets == address.octets(),
        (Name::Email(name), RFC822_NAME) | (Name::Uri(name), URI) => octets == name.as_bytes(),
        _ => false,
    }
}

fn text(tag: u8, octets: &[u8]) -> Option<String> {
    match tag {
        RFC822_NAME | DNS_NAME | URI => Some(String::from_utf8_lossy(octets).into_owned()),
        IP_ADDRESS => address(octets).map(|address| address.to_string()),
        _ => None,
    }
}

/// Whether a DNS name is what a pattern of the certificate says. One `*` may stand anywhere in the first label, unless that is an
/// A-label; alone it stands for any label, otherwise for any octets or none.
fn dns_matches(name: &[u8], pattern: &[u8]) -> bool {
    if name.eq_ignore_ascii_case(pattern) {
        return true;
    }
    let (Some((label, rest)), Some((wild, base))) = (split_once(name, b'.'), split_once(pattern, b'.')) else { return false };
    let is_a_label = wild.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
    rest.eq_ignore_ascii_case(base) && !base.contains(&b'*') && !is_a_label && label_matches(label, wild)
}

fn label_matches(label: &[u8], wild: &[u8]) -> bool {
    let Some((head, tail)) = split_once(wild, b'*').filter(|(_, tail)| !tail.contains(&b'*')) else { return false };
    let middle = label.len().checked_sub(head.len() + tail.len());
    let ends = label.get(..head.len()).zip(middle.and_then(|middle| label.get(head.len() + middle..)));
    wild == b"*" || ends.is_some_and(|(first, last)| first.eq_ignore_ascii_case(head) && last.eq_ignore_ascii_case(tail))
}

fn split_once(octets: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = octets.iter().position(|octet| *octet == at)?;
    Some((octets.get(..position)?, octets.get(position + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_in_the_first_label() {
        for (name, pattern) in [
            ("a.example", "A.EXAMPLE"),
            ("a.example", "*.example"),
            (".example", "*.example"),
            ("foobar.example", "foo*.example"),
            ("foo.example", "foo*.example"),
            ("foobar.example", "f*r.example"),
            ("localhost", "localhost"),
            ("*.example", "*.example"),
        ] {
            assert!(dns_matches(name.as_bytes(), pattern.as_bytes()), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("a.b.example", "*.example"),
            ("example", "*.example"),
            ("a.example", "*"),
            ("a", "*"),
            ("a.b.example", "a.*.example"),
            ("xn--a.example", "xn--*.example"),
            ("aba.example", "a*b*.example"),
            ("fo.example", "fo*o.example"),
            ("a.example", "*.*"),
            ("a.example.", "a.example"),
        ] {
            assert!(!dns_matches(name.as_bytes(), pattern.as_bytes()), "{name} {pattern}");
        }
    }
}
