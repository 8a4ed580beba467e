//! Name constraints (RFC 5280 sections 4.2.1.10 and 6.1.3 (b), (c)).
//!
//! Each CA's constraints are held against every certificate below it when it comes on the path: sections 6.1.4 (g) and 6.1.3 say the
//! same by carrying intersections and unions down. Self-issued certificates that are not the last are exempt. A wildcard is held against
//! excluded names as every name that it could stand for.

use super::super::canonical::Canonical;
use super::super::case::Member;
use super::super::oid::{self, NAME_CONSTRAINTS, SUBJECT_ALT_NAME};
use super::super::rule::{Fault, Trail};
use super::fault;
use super::forms::{host, is_dns_name, is_domain, mailbox, uri};
use super::general::{General, sequence};
use super::names::{alternative_names, same_mailbox, shown};
use crate::der::{Element, OBJECT_IDENTIFIER, SEQUENCE, SET, context};
use std::rc::Rc;

/// Section 4.2.1.10: only in a CA.
pub(super) fn only_in_ca(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let member = trail.last();
    if member.tbs.extension(NAME_CONSTRAINTS).is_some() && !member.certificate.is_ca() {
        return fault(trail, "it has name constraints, and is no CA");
    }
    Ok(())
}

/// Section 4.2.1.10: not empty, no minimum and no maximum, every base of its form.
pub(super) fn well_formed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(extension) = trail.last().tbs.extension(NAME_CONSTRAINTS) else { return Ok(()) };
    let Some(Subtrees { permitted, excluded }) = subtrees(extension.value) else {
        return fault(trail, "the name constraints are empty or cannot be read");
    };
    match permitted.iter().chain(&excluded).find(|base| !is_well_formed(base)) {
        Some(base) => fault(trail, format!("the constraint {} is none", shown(base))),
        None => Ok(()),
    }
}

fn is_well_formed(base: &General<'_>) -> bool {
    match base {
        General::Dns(name) => name.is_empty() || is_dns_name(name),
        General::Email(text) => mailbox(text).is_some() || is_host_or_domain(text),
        General::Uri(text) => is_host_or_domain(text),
        General::Ip(octets) => network(octets).is_some(),
        General::Directory(_) => base.directory().is_some(),
        General::Other(..) => true,
    }
}

/// A host, or a domain with a period before it.
fn is_host_or_domain(text: &[u8]) -> bool {
    text.is_empty() || is_dns_name(text.strip_prefix(b".").unwrap_or(text))
}

/// Comparisons made at most for one CA and one certificate: as OpenSSL's `NAME_CHECK_MAX`.
const MOST_COMPARISONS: usize = 1 << 20;

/// Section 6.1.3 (b) and (c), for the CA that came last.
pub(super) fn obeyed(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let Some(extension) = trail.last().tbs.extension(NAME_CONSTRAINTS) else { return Ok(()) };
    let Some(subtrees) = subtrees(extension.value) else { return Ok(()) };
    let subtrees = Prepared::of(&subtrees);
    let below = trail.members.len().saturating_sub(1);
    for (at, member) in trail.members.iter().take(below).enumerate() {
        if at > 0 && trail.case.memo.is_self_issued(member) {
            continue;
        }
        let names = Names::of(trail, member);
        let comparisons = names.count().saturating_mul(subtrees.count());
        if comparisons > MOST_COMPARISONS {
            let message = format!("{comparisons} comparisons of names with constraints; at most {MOST_COMPARISONS}");
            return Err(Fault { at, message });
        }
        let made = &trail.case.memo.comparisons;
        made.set(made.get().saturating_add(comparisons));
        if let Some(message) = names.breach(&subtrees) {
            return Err(Fault { at, message: format!("{} {message}", trail.last().certificate.short_name()) });
        }
    }
    Ok(())
}

/// Comparisons made at most in a whole search.
const MOST_IN_ALL: usize = 8 << 20;

/// kcert's own bound on the whole search, which leaves the answer open.
pub(super) fn within_budget(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    if trail.case.memo.comparisons.get() <= MOST_IN_ALL {
        return Ok(());
    }
    fault(trail, format!("more than {MOST_IN_ALL} comparisons of names with constraints in one search"))
}

/// The extension as it is encoded.
struct Subtrees<'a> {
    permitted: Vec<General<'a>>,
    excluded: Vec<General<'a>>,
}

/// Reads the extension; `None` if it is empty, odd, or has a minimum or maximum.
fn subtrees(value: &[u8]) -> Option<Subtrees<'_>> {
    let mut fields = sequence(value).ok()?;
    let permitted = fields.optional(context(0), "permittedSubtrees").ok()?;
    let excluded = fields.optional(context(1), "excludedSubtrees").ok()?;
    let present = permitted.is_some() || excluded.is_some();
    let subtrees = Subtrees { permitted: bases(permitted)?, excluded: bases(excluded)? };
    (fields.is_empty() && present).then_some(subtrees)
}

fn bases(list: Option<Element<'_>>) -> Option<Vec<General<'_>>> {
    let Some(list) = list else { return Some(Vec::new()) };
    let mut list = list.children();
    let mut bases = Vec::new();
    while !list.is_empty() {
        let mut fields = list.take(SEQUENCE, "GeneralSubtree").ok()?.children();
        bases.push(General::of(fields.any("base").ok()?)?);
        fields.is_empty().then_some(())?;
    }
    (!bases.is_empty()).then_some(bases)
}

/// Constraints with their directory names in the form that can be compared.
struct Prepared<'s, 'a> {
    permitted: Vec<Base<'s, 'a>>,
    excluded: Vec<Base<'s, 'a>>,
}

struct Base<'s, 'a> {
    name: &'s General<'a>,
    directory: Option<Canonical>,
}

impl<'s, 'a> Prepared<'s, 'a> {
    fn of(subtrees: &'s Subtrees<'a>) -> Self {
        let prepare =
            |bases: &'s [General<'a>]| bases.iter().map(|name| Base { name, directory: name.directory() }).collect::<Vec<_>>();
        Self { permitted: prepare(&subtrees.permitted), excluded: prepare(&subtrees.excluded) }
    }

    fn count(&self) -> usize {
        self.permitted.len().saturating_add(self.excluded.len())
    }

    /// Why a name breaks the constraints.
    fn breach(&self, name: &Held<'_>) -> Option<String> {
        let of_kind = |base: &&Base<'_, '_>| name.is_of_kind(base.name);
        let (mut permitted, mut excluded) = (self.permitted.iter().filter(of_kind), self.excluded.iter().filter(of_kind));
        let mut constrained = self.permitted.iter().chain(&self.excluded).filter(of_kind);
        if name.is_beyond_judgement() {
            return constrained.next().map(|_| format!("constrains {}, which cannot be judged", name.shown()));
        }
        if excluded.any(|base| name.may_be_within(base)) {
            return Some(format!("excludes {}", name.shown()));
        }
        let (first, mut rest) = (permitted.next()?, permitted);
        let within = name.is_within(first) || rest.any(|base| name.is_within(base));
        (!within).then(|| format!("does not permit {}", name.shown()))
    }
}

/// The names of one certificate that constraints are held against.
struct Names<'a>(Vec<Held<'a>>);

/// One name.
enum Held<'a> {
    /// The subject.
    Subject(Rc<super::memo::Names>, String),
    /// An alternative name, or an e-mail address in the subject.
    General(General<'a>, Option<Canonical>),
}

impl<'a> Names<'a> {
    fn of(trail: &Trail<'_, '_>, member: &Member<'a>) -> Self {
        let certificate = member.certificate;
        let mut names: Vec<Held<'a>> = Vec::new();
        if !certificate.subject.is_empty() {
            names.push(Held::Subject(trail.case.memo.names(member), certificate.subject.to_string()));
        }
        let alternative = alternative_names(member).unwrap_or_default();
        names.extend(alternative.into_iter().map(|name| Held::General(name, name.directory())));
        if member.tbs.extension(SUBJECT_ALT_NAME).is_none() {
            let addresses = member.tbs.subject.map(|subject| email_addresses(subject)).unwrap_or_default();
            names.extend(addresses.into_iter().map(|address| Held::General(General::Email(address), None)));
        }
        Self(names)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn breach(&self, subtrees: &Prepared<'_, '_>) -> Option<String> {
        self.0.iter().find_map(|name| subtrees.breach(name))
    }
}

/// The values of the attribute emailAddress (RFC 2985 section 5.2.1) in a Name.
fn email_addresses(name: Element<'_>) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut sets = name.children();
    while let Ok(set) = sets.take(SET, "RelativeDistinguishedName") {
        let mut attributes = set.children();
        while let Ok(attribute) = attributes.take(SEQUENCE, "AttributeTypeAndValue") {
            let mut fields = attribute.children();
            let of_email = fields.take(OBJECT_IDENTIFIER, "type").is_ok_and(|kind| kind.contents == oid::EMAIL_ADDRESS);
            found.extend(fields.any("value").ok().filter(|_| of_email).map(|value| value.contents));
        }
    }
    found
}

impl Held<'_> {
    fn is_of_kind(&self, base: &General<'_>) -> bool {
        match (self, base) {
            (Self::Subject(..), General::Directory(_)) => true,
            (Self::General(General::Other(tag, _), _), General::Other(other, _)) => tag == other,
            (Self::General(name, _), base) => std::mem::discriminant(name) == std::mem::discriminant(base),
            _ => false,
        }
    }

    /// Names to which constraints cannot be applied, so that the path is refused: kinds without a rule, and URIs without a domain.
    fn is_beyond_judgement(&self) -> bool {
        match self {
            Self::General(General::Other(..), _) => true,
            Self::General(General::Uri(text), _) => uri_domain(text).is_none(),
            _ => false,
        }
    }

    fn is_within(&self, base: &Base<'_, '_>) -> bool {
        match (self, base.name) {
            (Self::Subject(names, _), General::Directory(_)) => {
                names.subject.as_ref().zip(base.directory.as_ref()).is_some_and(|(name, base)| name.is_within(base))
            }
            (Self::General(General::Directory(_), name), General::Directory(_)) => {
                name.as_ref().zip(base.directory.as_ref()).is_some_and(|(name, base)| name.is_within(base))
            }
            (Self::General(General::Dns(name), _), General::Dns(base)) => dns_within(name, base),
            (Self::General(General::Ip(address), _), General::Ip(base)) => ip_within(address, base),
            (Self::General(General::Email(address), _), General::Email(base)) => email_within(address, base),
            (Self::General(General::Uri(text), _), General::Uri(base)) => {
                uri_domain(text).is_some_and(|domain| host_within(domain, base))
            }
            _ => false,
        }
    }

    /// Whether the name, or one that it stands for, is within.
    fn may_be_within(&self, base: &Base<'_, '_>) -> bool {
        let wildcard = match (self, base.name) {
            (Self::General(General::Dns(name), _), General::Dns(base)) => name.strip_prefix(b"*.").zip(parent(base)),
            _ => None,
        };
        self.is_within(base) || wildcard.is_some_and(|(domain, parent)| domain.eq_ignore_ascii_case(parent))
    }

    fn shown(&self) -> String {
        match self {
            Self::Subject(_, subject) => subject.clone(),
            Self::General(name, _) => shown(name),
        }
    }
}

/// A DNS name without its left-most label.
fn parent(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().position(|octet| *octet == b'.')?;
    name.get(dot + 1..)
}

/// The base, and every name that has more labels to the left of it.
fn dns_within(name: &[u8], base: &[u8]) -> bool {
    let Some(split) = name.len().checked_sub(base.len()) else { return false };
    let (left, tail) = name.split_at(split);
    tail.eq_ignore_ascii_case(base) && (left.is_empty() || base.is_empty() || left.last() == Some(&b'.'))
}

/// Address and mask, of the same family.
fn ip_within(address: &[u8], base: &[u8]) -> bool {
    let Some((network, mask)) = network(base) else { return false };
    network.len() == address.len()
        && network.iter().zip(mask).zip(address).all(|((network, mask), octet)| network & mask == octet & mask)
}

/// A network as the constraint has it: address, then a mask of ones and then zeros (RFC 4632).
fn network(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (address, mask) = octets.split_at(octets.len() / 2);
    let bits = mask.iter().fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let width = match octets.len() {
        8 => 32,
        32 => 128,
        _ => return None,
    };
    (bits.count_ones() + bits.trailing_zeros().min(width) >= width).then_some((address, mask))
}

/// A mailbox, a host, or with a period before it every host of a domain.
fn email_within(address: &[u8], base: &[u8]) -> bool {
    let Some((_, domain)) = mailbox(address) else { return false };
    if mailbox(base).is_some() { same_mailbox(address, base) } else { host_within(domain, base) }
}

/// A host, or with a period before it every host of a domain.
fn host_within(host: &[u8], base: &[u8]) -> bool {
    match base {
        [] => true,
        [b'.', domain @ ..] => host.len() > domain.len() + 1 && dns_within(host, domain),
        base => host.eq_ignore_ascii_case(base),
    }
}

/// The domain name in a URI.
fn uri_domain(text: &[u8]) -> Option<&[u8]> {
    uri(text).and_then(|(_, rest)| host(rest)).filter(|host| is_domain(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base<'s, 'a>(name: &'s General<'a>) -> Base<'s, 'a> {
        Base { name, directory: None }
    }

    #[test]
    fn dns_names_are_within_by_whole_labels() {
        assert!(dns_within(b"a.Example", b"example") && dns_within(b"example", b"example") && dns_within(b"a", b""));
        assert!(!dns_within(b"notexample", b"example") && !dns_within(b"example", b"a.example"));
        let excluded = General::Dns(b"bar.example");
        let wildcard = Held::General(General::Dns(b"*.example"), None);
        assert!(wildcard.may_be_within(&base(&excluded)) && !wildcard.is_within(&base(&excluded)));
        let deeper = General::Dns(b"a.bar.example");
        assert!(!wildcard.may_be_within(&base(&deeper)));
    }

    #[test]
    fn networks_have_contiguous_masks() {
        assert!(ip_within(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!ip_within(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(ip_within(&[11, 1, 2, 3], &[0; 8]));
        assert!(network(&[10, 0, 0, 0, 255, 0, 255, 0]).is_none() && network(&[10, 0, 0, 0]).is_none());
        assert!(!ip_within(&[10, 1, 2, 3], &[0; 32]));
    }

    #[test]
    fn mailboxes_and_hosts_are_within() {
        assert!(email_within(b"me@a.example", b"a.example") && email_within(b"me@a.example", b".example"));
        assert!(!email_within(b"me@example", b".example") && !email_within(b"me@b.a.example", b"a.example"));
        assert!(email_within(b"*@a.example", b"*@a.example") && !email_within(b"me@a.example", b"*@a.example"));
        assert_eq!(uri_domain(b"spiffe://cluster.local/ns/a"), Some(&b"cluster.local"[..]));
        assert_eq!(uri_domain(b"https://10.0.0.1/"), None);
    }
}
