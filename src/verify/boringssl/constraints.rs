//! Name constraints as BoringSSL applies them (`check_name_constraints`, crypto/x509/x509_vfy.cc; `NAME_CONSTRAINTS_check`,
//! crypto/x509/v3_ncons.cc).
//!
//! The rule: directory names, DNS names, e-mail addresses and URIs are compared; a constraint on any other kind, IP addresses among
//! them, refuses every certificate that has a name of that kind. The constraints of the anchor count. A certificate without subject
//! alternative names may have no common name that looks like a host's.

use super::super::canonical::{Canonical, canonical, canonical_der};
use super::super::case::Member;
use super::super::names::tag::{DIRECTORY_NAME, DNS_NAME, IP_ADDRESS, RFC822_NAME, URI};
use super::super::oid;
use super::super::rule::{Fault, Trail};
use super::facts;
use super::fault;
use super::subtree::{self, List};
use crate::der::{self, Element, IA5_STRING, OBJECT_IDENTIFIER, Reader, SEQUENCE, context};
use std::cell::Cell;
use std::collections::HashSet;

/// Names times constraints of two certificates at most; more are refused unseen (`NAME_CONSTRAINTS_check`).
const MOST_OF_A_PAIR: usize = 1 << 20;

/// Comparisons along a whole path, after which kcert gives up. BoringSSL has no such limit: 100 CAs of the size that it allows would
/// keep it busy for minutes.
const MOST_OF_A_PATH: usize = 1 << 21;

/// Every name is within what the CAs above may issue for.
pub(super) fn kept(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    check(trail).1
}

/// The comparison of names came to its end.
pub(super) fn compared(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    let (budget, _) = check(trail);
    let message = || format!("more than {MOST_OF_A_PATH} comparisons of names with name constraints, which is kcert's own bound");
    if budget.is_spent() { Err(fault(0, message())) } else { Ok(()) }
}

/// Comparisons that are left.
struct Budget(Cell<usize>);

impl Budget {
    fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    fn spend(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        !self.is_spent()
    }
}

/// Compares every certificate, self-issued CAs apart, with the constraints of all above it.
fn check(trail: &Trail<'_, '_>) -> (Budget, Result<(), Fault>) {
    let budget = Budget(Cell::new(MOST_OF_A_PATH));
    let constraints: Vec<_> =
        trail.members.iter().enumerate().filter_map(|(at, member)| Some((at, *member, Constraints::of(member)?))).collect();
    let mut compared = HashSet::new();
    for (at, member) in trail.members.iter().enumerate().rev() {
        if at > 0 && facts::is_self_issued(member) {
            continue;
        }
        let above = constraints.iter().filter(|(from, issuer, _)| *from > at && compared.insert((member.node, issuer.node)));
        let mut above = above.peekable();
        if above.peek().is_none() {
            continue;
        }
        let names = Names::of(member);
        for (_, issuer, constraints) in above {
            if let Err(refused) = constraints.check(&names, &budget) {
                let issuer = issuer.certificate.short_name();
                return (budget, Err(fault(at, format!("{} by the name constraints of {issuer}", refused.message()))));
            }
        }
    }
    let common_name =
        constraints.iter().any(|(from, ..)| *from > 0).then(|| host_like_common_name(&trail.case.end_entity)).flatten();
    match common_name {
        Some(name) => {
            let message =
                format!("has {name} as common name and no subject alternative name to hold against the name constraints above");
            (budget, Err(fault(0, message)))
        }
        None => (budget, Ok(())),
    }
}

/// Why a name is refused.
enum Refused<'a> {
    /// It is in no subtree that is permitted.
    NotPermitted(Name<'a>),
    /// It is in one that is excluded.
    Excluded(Name<'a>),
    /// It, or a constraint on its kind, cannot be understood.
    NotUnderstood(Name<'a>),
    /// There are too many.
    TooMany,
}

impl Refused<'_> {
    fn message(&self) -> String {
        match self {
            Self::NotPermitted(name) => format!("{} is not permitted", name.text()),
            Self::Excluded(name) => format!("{} is excluded", name.text()),
            Self::NotUnderstood(name) => format!("{} cannot be compared, and is refused", name.text()),
            Self::TooMany => "too many names are refused unseen".to_owned(),
        }
    }
}

/// A general name; of a directory name the form in which it is compared.
#[derive(Clone)]
struct Name<'a> {
    tag: u8,
    octets: &'a [u8],
    directory: Option<Canonical>,
    /// Whether it stands in the subject: then case makes no difference to what is excluded.
    in_subject: bool,
}

impl<'a> Name<'a> {
    fn of(element: &Element<'a>) -> Self {
        let directory = (element.tag == DIRECTORY_NAME).then(|| canonical_der(element.contents)).flatten();
        Self { tag: element.tag, octets: element.contents, directory, in_subject: false }
    }

    fn text(&self) -> String {
        match self.tag {
            RFC822_NAME | DNS_NAME | URI => String::from_utf8_lossy(self.octets).into_owned(),
            DIRECTORY_NAME => "the subject or another directory name".to_owned(),
            IP_ADDRESS => "an IP address".to_owned(),
            tag => format!("a name of kind {}", tag & 0x1f),
        }
    }
}

/// The names of a certificate.
struct Names<'a> {
    /// Attributes of the subject and subject alternative names.
    count: usize,
    /// The subject first, unless it is empty, and its e-mail addresses.
    each: Vec<Name<'a>>,
    /// An e-mail address in the subject that is no IA5String is refused wherever there are constraints.
    odd_email: Option<Name<'a>>,
}

impl<'a> Names<'a> {
    fn of(member: &Member<'a>) -> Self {
        let attributes: Vec<(&[u8], Element<'a>)> = attributes(member).collect();
        let mut names = Vec::new();
        if !attributes.is_empty() {
            let directory = canonical(&member.certificate.subject);
            names.push(Name { tag: DIRECTORY_NAME, octets: &[], directory, in_subject: true });
        }
        let emails = attributes.iter().filter(|(kind, _)| *kind == oid::EMAIL_ADDRESS).map(|(_, value)| value);
        let name = |value: &Element<'a>| Name { tag: RFC822_NAME, octets: value.contents, directory: None, in_subject: true };
        let odd_email = emails.clone().find(|value| value.tag != IA5_STRING).map(name);
        names.extend(emails.filter(|value| value.tag == IA5_STRING).map(name));
        let value = member.tbs.extension(oid::SUBJECT_ALT_NAME).map(|extension| extension.value).unwrap_or_default();
        let list = Reader::new(value).take(SEQUENCE, "subjectAltName").ok();
        let before = names.len();
        names.extend(list.iter().flat_map(Element::elements).map(|element| Name::of(&element)));
        Self { count: attributes.len() + names.len() - before, each: names, odd_email }
    }
}

/// The attributes of a subject: type and value.
fn attributes<'a>(member: &Member<'a>) -> impl Iterator<Item = (&'a [u8], Element<'a>)> + use<'a> {
    let sets = member.tbs.subject.into_iter().flat_map(|subject| subject.elements());
    sets.flat_map(|set| set.elements()).filter_map(|attribute| {
        let mut fields = attribute.children();
        Some((fields.take(OBJECT_IDENTIFIER, "type").ok()?.contents, fields.any("value").ok()?))
    })
}

/// A common name that looks like a host's, of a certificate without subject alternative names.
fn host_like_common_name(member: &Member<'_>) -> Option<String> {
    if member.tbs.extension(oid::SUBJECT_ALT_NAME).is_some() {
        return None;
    }
    let names = attributes(member).filter(|(kind, _)| *kind == oid::COMMON_NAME);
    // A value that is no string cannot be looked at, which is refused too (`ASN1_STRING_to_UTF8`).
    let mut texts = names.map(|(_, value)| der::text(&value).map_or_else(|| ":".to_owned(), std::borrow::Cow::into_owned));
    texts.find(|text| subtree::looks_like_host(text.as_bytes()))
}

/// A name constraints extension.
struct Constraints<'a> {
    permitted: Subtrees<'a>,
    excluded: Subtrees<'a>,
}

/// Subtrees, those of one kind together.
struct Subtrees<'a>(Vec<Subtree<'a>>);

impl<'a> Subtrees<'a> {
    fn of_kind(&self, tag: u8) -> &[Subtree<'a>] {
        let from = self.0.partition_point(|subtree| subtree.base.tag < tag);
        let to = self.0.partition_point(|subtree| subtree.base.tag <= tag);
        self.0.get(from..to).unwrap_or_default()
    }
}

/// One subtree.
struct Subtree<'a> {
    base: Name<'a>,
    /// Whether it has a minimum or a maximum, which nobody understands.
    bounded: bool,
}

impl<'a> Constraints<'a> {
    fn of(member: &Member<'a>) -> Option<Self> {
        let extension = member.tbs.extension(oid::NAME_CONSTRAINTS)?;
        let mut fields = Reader::new(extension.value).take(SEQUENCE, "nameConstraints").ok()?.children();
        let mut subtrees = |number: u8| {
            let list = fields.optional(context(number), "subtrees").ok().flatten();
            let mut subtrees: Vec<_> =
                list.iter().flat_map(Element::elements).filter_map(|subtree| Subtree::of(&subtree)).collect();
            subtrees.sort_by_key(|subtree| subtree.base.tag);
            Subtrees(subtrees)
        };
        Some(Self { permitted: subtrees(0), excluded: subtrees(1) })
    }

    /// Stops without a result when the budget is spent.
    fn check(&self, names: &Names<'a>, budget: &Budget) -> Result<(), Refused<'a>> {
        if (self.permitted.0.len() + self.excluded.0.len()).checked_mul(names.count).is_none_or(|pairs| pairs > MOST_OF_A_PAIR) {
            return Err(Refused::TooMany);
        }
        names.each.iter().try_for_each(|name| self.check_name(name, budget))?;
        names.odd_email.as_ref().map_or(Ok(()), |name| Err(Refused::NotUnderstood(name.clone())))
    }

    fn check_name(&self, name: &Name<'a>, budget: &Budget) -> Result<(), Refused<'a>> {
        let of_kind = self.permitted.of_kind(name.tag);
        let mut permitted = of_kind.is_empty();
        for subtree in of_kind {
            if subtree.bounded {
                return Err(Refused::NotUnderstood(name.clone()));
            }
            if !permitted && budget.spend() {
                permitted = within(name, &subtree.base, List::Permitted).ok_or_else(|| Refused::NotUnderstood(name.clone()))?;
            }
        }
        if budget.is_spent() {
            return Ok(());
        }
        if !permitted {
            return Err(Refused::NotPermitted(name.clone()));
        }
        for subtree in self.excluded.of_kind(name.tag) {
            if subtree.bounded {
                return Err(Refused::NotUnderstood(name.clone()));
            }
            if !budget.spend() {
                return Ok(());
            }
            if within(name, &subtree.base, List::Excluded).ok_or_else(|| Refused::NotUnderstood(name.clone()))? {
                return Err(Refused::Excluded(name.clone()));
            }
        }
        Ok(())
    }
}

impl<'a> Subtree<'a> {
    fn of(element: &Element<'a>) -> Option<Self> {
        let mut fields = element.children();
        let base = Name::of(&fields.any("base").ok()?);
        Some(Self { base, bounded: !fields.is_empty() })
    }
}

/// Whether a name is in a subtree of its kind; `None` when that cannot be told.
fn within(name: &Name<'_>, base: &Name<'_>, list: List) -> Option<bool> {
    match name.tag {
        DIRECTORY_NAME => Some(name.directory.as_ref()?.is_within(base.directory.as_ref()?)),
        DNS_NAME => Some(subtree::dns(name.octets, base.octets, list)),
        RFC822_NAME => subtree::email(name.octets, base.octets, name.in_subject && list == List::Excluded),
        URI => subtree::uri(name.octets, base.octets),
        _ => None,
    }
}
