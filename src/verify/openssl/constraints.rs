//! Name constraints as OpenSSL reads them (crypto/x509/v3_ncons.c), the trust anchor's too.
//!
//! Where it goes beyond RFC 5280: names of every kind are compared, directory names and e-mail addresses in the subject with them; the
//! common names of an end entity without DNS alternative name count as DNS names if they look like some; IP networks may have holes.
//! A wildcard is compared as text. Of a certificate and a set of constraints only 2²⁰ pairs are compared (`NAME_CHECK_MAX`).

use super::extensions;
use super::issuers::is_self_issued;
use crate::der::{self, Element, IA5_STRING, OBJECT_IDENTIFIER};
use crate::verify::canonical::{self, Canonical, canonical_der};
use crate::verify::case::Member;
use crate::verify::names::address;
use crate::verify::oid;
use crate::verify::rule::{Fault, Trail};

/// What OpenSSL says of names under constraints, with its error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// No permitted subtree of the kind has the name (47).
    Permitted,
    /// An excluded subtree has it (48).
    Excluded,
    /// A subtree with `minimum` or `maximum` (49).
    Extent,
    /// A kind of subtree that is not handled (51).
    Kind,
    /// A name that cannot be compared (53).
    Syntax,
    /// Too many comparisons (1).
    Budget,
}

/// Pairs of names and subtrees (`NAME_CHECK_MAX`).
const MOST_PAIRS: usize = 1 << 20;

const OTHER_NAME: u8 = 0;
const RFC822_NAME: u8 = 1;
const DNS_NAME: u8 = 2;
const DIRECTORY_NAME: u8 = 4;
const URI: u8 = 6;
const IP_ADDRESS: u8 = 7;

/// The test for names outside the permitted subtrees or within excluded ones.
pub(super) fn obeyed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    violation(trail, |violation| matches!(violation, Violation::Permitted | Violation::Excluded))
}

/// The test for names and subtrees that cannot be compared.
pub(super) fn understood(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    violation(trail, |violation| !matches!(violation, Violation::Permitted | Violation::Excluded))
}

/// The first violation of a sort, from the anchor down. Self-issued certificates are free, but not the end entity.
fn violation(trail: &Trail<'_, '_>, sort: impl Fn(Violation) -> bool) -> Result<(), Fault> {
    let constraints: Vec<Option<Constraints<'_>>> = trail.members.iter().map(|member| Constraints::of(member)).collect();
    if constraints.iter().all(Option::is_none) {
        return Ok(());
    }
    for (at, member) in trail.members.iter().enumerate().rev() {
        if at > 0 && is_self_issued(member) {
            continue;
        }
        for (above, constraints) in constraints.iter().enumerate().skip(at + 1).rev() {
            let Some(constraints) = constraints else { continue };
            let Err((violation, name)) = constraints.check(member, at == 0) else { continue };
            if sort(violation) {
                let issuer = trail.members.get(above).map(|issuer| issuer.certificate.short_name()).unwrap_or_default();
                return Err(Fault { at, message: told(violation, &name, &issuer) });
            }
        }
    }
    Ok(())
}

fn told(violation: Violation, name: &str, issuer: &str) -> String {
    match violation {
        Violation::Permitted => format!("{name} is not among the names that {issuer} may issue for"),
        Violation::Excluded => format!("{name} is among the names that {issuer} may not issue for"),
        Violation::Extent => format!("a name constraint of {issuer} has a minimum or maximum"),
        Violation::Kind => format!("{issuer} constrains names of the kind of {name}, which openssl does not compare"),
        Violation::Syntax => format!("{name} or a name constraint of {issuer} is not written so that it could be compared"),
        Violation::Budget => format!("more than {MOST_PAIRS} comparisons with the name constraints of {issuer}"),
    }
}

/// What went wrong, and the name.
type Outcome = Result<(), (Violation, String)>;

/// The constraints of one certificate.
struct Constraints<'a> {
    permitted: Vec<Subtree<'a>>,
    excluded: Vec<Subtree<'a>>,
}

/// One subtree.
struct Subtree<'a> {
    base: Name<'a>,
    /// Whether it has a `minimum` other than zero or a `maximum`.
    extent: bool,
}

/// A general name ready to be compared.
struct Name<'a> {
    kind: u8,
    octets: &'a [u8],
    /// Of a directory name.
    canonical: Option<Canonical>,
    /// Of an otherName: its type.
    other: Option<&'a [u8]>,
}

impl<'a> Name<'a> {
    fn of(element: &Element<'a>) -> Self {
        let kind = element.tag & 0x1f;
        let other = (kind == OTHER_NAME).then(|| element.children().take(OBJECT_IDENTIFIER, "type-id").ok()).flatten();
        Self {
            kind,
            octets: element.contents,
            canonical: (kind == DIRECTORY_NAME).then(|| canonical_der(element.contents)).flatten(),
            other: other.map(|kind| kind.contents),
        }
    }

    /// The kind as which constraints see it: an internationalized address is an address (RFC 8398 section 6).
    fn effective_kind(&self) -> u8 {
        if self.other == Some(oid::SMTP_UTF8_MAILBOX) { RFC822_NAME } else { self.kind }
    }

    fn text(&self) -> String {
        match self.kind {
            RFC822_NAME | DNS_NAME | URI => String::from_utf8_lossy(self.octets).into_owned(),
            IP_ADDRESS => address(self.octets).map_or_else(|| "an IP address".to_owned(), |address| address.to_string()),
            DIRECTORY_NAME => "the directory name".to_owned(),
            _ => "a name of another kind".to_owned(),
        }
    }
}

impl<'a> Constraints<'a> {
    fn of(member: &Member<'a>) -> Option<Self> {
        let mut found = Self { permitted: Vec::new(), excluded: Vec::new() };
        for list in extensions::value(member, oid::NAME_CONSTRAINTS)?.elements() {
            let subtrees = list.elements().filter_map(|subtree| Subtree::of(&subtree));
            match list.tag & 0x1f {
                0 => found.permitted.extend(subtrees),
                _ => found.excluded.extend(subtrees),
            }
        }
        Some(found)
    }

    /// Every name of a certificate (`NAME_CONSTRAINTS_check`), and of an end entity the common names too.
    fn check(&self, member: &Member<'_>, end_entity: bool) -> Outcome {
        let subject = member.certificate.subject.der();
        let attributes = canonical::attributes(subject);
        let alternative: Vec<_> = extensions::alternative_names(member).collect();
        let (names, subtrees) = (attributes.len() + alternative.len(), self.permitted.len() + self.excluded.len());
        if names > 0 && subtrees > MOST_PAIRS / names {
            return Err((Violation::Budget, String::new()));
        }
        if !attributes.is_empty() {
            let name = Name { kind: DIRECTORY_NAME, octets: subject, canonical: canonical_der(subject), other: None };
            self.name(&name).map_err(|(violation, _)| (violation, member.certificate.subject.to_string()))?;
        }
        for (_, _, value) in attributes.iter().filter(|(_, kind, _)| *kind == oid::EMAIL_ADDRESS) {
            let name = Name { kind: RFC822_NAME, octets: value.contents, canonical: None, other: None };
            if value.tag != IA5_STRING {
                return Err((Violation::Syntax, name.text()));
            }
            self.name(&name)?;
        }
        for name in &alternative {
            self.name(&Name::of(name))?;
        }
        if end_entity && !alternative.iter().any(|name| name.tag & 0x1f == DNS_NAME) {
            for (_, _, value) in attributes.iter().filter(|(_, kind, _)| *kind == oid::COMMON_NAME) {
                self.common_name(value)?;
            }
        }
        Ok(())
    }

    /// A common name, if it looks like a DNS name (`cn2dnsid`).
    fn common_name(&self, value: &Element<'_>) -> Outcome {
        let Some(text) = canonical::utf8(value) else { return Err((Violation::Syntax, "the common name".to_owned())) };
        let text = text.trim_end_matches('\0');
        if text.contains('\0') {
            return Err((Violation::Syntax, "the common name".to_owned()));
        }
        if !is_host_name(text.as_bytes()) {
            return Ok(());
        }
        self.name(&Name { kind: DNS_NAME, octets: text.as_bytes(), canonical: None, other: None })
    }

    /// One name against all subtrees (`nc_match`).
    fn name(&self, name: &Name<'_>) -> Outcome {
        let kind = name.effective_kind();
        let of_kind =
            |subtree: &&Subtree<'_>| subtree.base.kind == kind && (kind != OTHER_NAME || subtree.base.other == name.other);
        let fail = |violation| Err((violation, name.text()));
        let (mut asked, mut matched) = (false, false);
        for subtree in self.permitted.iter().filter(of_kind) {
            if subtree.extent {
                return fail(Violation::Extent);
            }
            asked = true;
            if !matched {
                matched = subtree.base.holds(name).or_else(fail_bool(name))?;
            }
        }
        if asked && !matched {
            return fail(Violation::Permitted);
        }
        for subtree in self.excluded.iter().filter(of_kind) {
            if subtree.extent {
                return fail(Violation::Extent);
            }
            if subtree.base.holds(name).or_else(fail_bool(name))? {
                return fail(Violation::Excluded);
            }
        }
        Ok(())
    }
}

fn fail_bool(name: &Name<'_>) -> impl Fn(Violation) -> Result<bool, (Violation, String)> {
    move |violation| Err((violation, name.text()))
}

impl<'a> Subtree<'a> {
    fn of(element: &Element<'a>) -> Option<Self> {
        let mut fields = element.elements();
        let base = Name::of(&fields.next()?);
        let extent = fields.any(|field| field.tag & 0x1f == 1 || der::bit_length(field.contents) > 0);
        Some(Self { base, extent })
    }
}

impl Name<'_> {
    /// Whether a name lies within the subtree of this base (`nc_match_single`).
    fn holds(&self, name: &Name<'_>) -> Result<bool, Violation> {
        match name.kind {
            DIRECTORY_NAME => {
                Ok(self.canonical.as_ref().zip(name.canonical.as_ref()).is_some_and(|(base, name)| name.is_within(base)))
            }
            DNS_NAME => Ok(holds_host(self.octets, name.octets)),
            RFC822_NAME => holds_email(self.octets, name.octets),
            URI => holds_uri(self.octets, name.octets),
            IP_ADDRESS => holds_address(self.octets, name.octets),
            OTHER_NAME if name.effective_kind() == RFC822_NAME => holds_mailbox(self.octets, name.octets),
            _ => Err(Violation::Kind),
        }
    }
}

/// Letters, digits and underscores in at least two labels, hyphens within them.
fn is_host_name(text: &[u8]) -> bool {
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
    let mut labels = text.split(|octet| *octet == b'.');
    text.contains(&b'.')
        && labels.all(|label| !label.is_empty() && !label.starts_with(b"-") && !label.ends_with(b"-") && label.iter().all(plain))
}

/// Labels may be added on the left; an empty base holds everything.
fn holds_host(base: &[u8], name: &[u8]) -> bool {
    let Some(longer) = name.len().checked_sub(base.len()) else { return base.is_empty() };
    let (left, right) = name.split_at(longer);
    base.is_empty() || (right.eq_ignore_ascii_case(base) && (left.is_empty() || base.starts_with(b".") || left.ends_with(b".")))
}

/// A base is an address, a host, or with a leading dot all hosts of a domain.
fn holds_email(base: &[u8], name: &[u8]) -> Result<bool, Violation> {
    let split = |text: &[u8]| text.iter().rposition(|octet| *octet == b'@');
    let at = split(name).ok_or(Violation::Syntax)?;
    let (local, host) = (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default());
    let Some(base_at) = split(base) else {
        return Ok(if base.starts_with(b".") { is_tail(base, name) } else { host.eq_ignore_ascii_case(base) });
    };
    let (base_local, base_host) = (base.get(..base_at).unwrap_or_default(), base.get(base_at + 1..).unwrap_or_default());
    if !base_local.is_empty() {
        if base_local.len() != local.len() {
            return Ok(false);
        }
        if base_local.contains(&0) || local.contains(&0) {
            return Err(Violation::Syntax);
        }
        if base_local != local {
            return Ok(false);
        }
    }
    Ok(host.eq_ignore_ascii_case(base_host))
}

/// An internationalized address, whose host is compared with the base as it stands: A-labels in the base are not turned into U-labels.
fn holds_mailbox(base: &[u8], other_name: &[u8]) -> Result<bool, Violation> {
    let mut fields = der::Reader::new(other_name);
    let value = fields.any("type-id").and_then(|_| fields.any("value")).map_err(|_| Violation::Syntax)?;
    let address = value.children().take(der::UTF8_STRING, "SmtpUTF8Mailbox").map_err(|_| Violation::Syntax)?.contents;
    let at = address.iter().rposition(|octet| *octet == b'@').filter(|_| !base.contains(&0)).ok_or(Violation::Syntax)?;
    let host = address.get(at + 1..).unwrap_or_default();
    Ok(if base.starts_with(b".") { is_tail(base, address) } else { host.eq_ignore_ascii_case(base) })
}

/// Whether the text ends in the base and has something before it.
fn is_tail(base: &[u8], text: &[u8]) -> bool {
    text.len() > base.len() && text.get(text.len() - base.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(base))
}

/// The host of a URI of the form `scheme://host…`, which ends at the first colon, else at the first slash.
fn holds_uri(base: &[u8], uri: &[u8]) -> Result<bool, Violation> {
    let colon = uri.iter().position(|octet| *octet == b':').ok_or(Violation::Syntax)?;
    let rest = uri.get(colon..).and_then(|rest| rest.strip_prefix(b"://")).ok_or(Violation::Syntax)?;
    let position = |wanted: u8| rest.iter().position(|octet| *octet == wanted);
    let host = rest.get(..position(b':').or_else(|| position(b'/')).unwrap_or(rest.len())).unwrap_or_default();
    if host.is_empty() {
        return Err(Violation::Syntax);
    }
    Ok(if base.starts_with(b".") { is_tail(base, host) } else { host.eq_ignore_ascii_case(base) })
}

/// An address under a network and its mask.
fn holds_address(base: &[u8], address: &[u8]) -> Result<bool, Violation> {
    if !matches!(address.len(), 4 | 16) || !matches!(base.len(), 8 | 32) {
        return Err(Violation::Syntax);
    }
    let (network, mask) = base.split_at(base.len() / 2);
    let equal = || network.iter().zip(mask).zip(address).all(|((network, mask), octet)| network & mask == octet & mask);
    Ok(network.len() == address.len() && equal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_may_have_more_labels() {
        for (base, name) in
            [("", "a.b"), ("example.com", "Example.com"), ("example.com", "www.example.com"), (".example.com", "www.example.com")]
        {
            assert!(holds_host(base.as_bytes(), name.as_bytes()), "{base} {name}");
        }
        for (base, name) in
            [("example.com", "wwwexample.com"), (".example.com", "example.com"), ("www.example.com", "*.example.com")]
        {
            assert!(!holds_host(base.as_bytes(), name.as_bytes()), "{base} {name}");
        }
    }

    #[test]
    fn addresses_uris_and_networks_are_compared_their_own_way() {
        assert_eq!(holds_email(b"example.com", b"me@EXAMPLE.com"), Ok(true));
        assert_eq!(holds_email(b".example.com", b"me@a.example.com"), Ok(true));
        assert_eq!(holds_email(b"Me@example.com", b"me@example.com"), Ok(false));
        assert_eq!(holds_email(b"@example.com", b"me@example.com"), Ok(true));
        assert_eq!(holds_email(b"example.com", b"nobody"), Err(Violation::Syntax));
        assert_eq!(holds_uri(b"td.example", b"spiffe://td.example/ns/a"), Ok(true));
        assert_eq!(holds_uri(b".example", b"spiffe://td.example:1/ns/a"), Ok(true));
        assert_eq!(holds_uri(b"td.example", b"urn:x:y"), Err(Violation::Syntax));
        assert_eq!(holds_uri(b"td.example", b"http:///x"), Err(Violation::Syntax));
        assert_eq!(holds_address(&[10, 0, 0, 0, 255, 0, 255, 0], &[10, 7, 0, 1]), Ok(true));
        assert_eq!(holds_address(&[10, 0, 0, 0, 255, 0, 255, 0], &[10, 7, 1, 1]), Ok(false));
        assert_eq!(holds_address(&[10, 0, 0, 0], &[10, 7, 1, 1]), Err(Violation::Syntax));
    }

    #[test]
    fn common_names_count_when_they_look_like_hosts() {
        for host in ["www.example.com", "a_b.c", "a-b.c"] {
            assert!(is_host_name(host.as_bytes()), "{host}");
        }
        for other in ["localhost", "a b.c", "-a.b", "a-.b", "a..b", ".a.b", "a.b.", "*.a.b", ""] {
            assert!(!is_host_name(other.as_bytes()), "{other}");
        }
    }
}
