//! Extensions: what Go reads of each (`processExtensions`), and which critical ones it leaves unhandled.

use super::super::Verifier;
use super::super::oid as id;
use super::asn1::{Bits, Input, Malformed, int64};
use super::facts::{Basic, Breach, Extension, Facts, San, Subtrees};
use super::text::{
    DomainFlaw, Zeros, domain_flaw, ip, is_mapped, is_strict_constraint, is_strict_domain, mailbox, without_leading_dot,
};
use super::{oid, url};
use crate::der::{self, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context};
use std::collections::HashSet;

/// The extensions that Go reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    SubjectKeyId,
    KeyUsage,
    SubjectAltName,
    BasicConstraints,
    NameConstraints,
    CrlDistributionPoints,
    CertificatePolicies,
    PolicyMappings,
    AuthorityKeyId,
    PolicyConstraints,
    ExtendedKeyUsage,
    InhibitAnyPolicy,
    AuthorityInfoAccess,
}

/// Which they are: OID, and the name of RFC 5280 section 4.2.
const KINDS: &[(&[u8], Kind, Malformed)] = &[
    (id::SUBJECT_KEY_ID, Kind::SubjectKeyId, "subjectKeyIdentifier"),
    (id::KEY_USAGE, Kind::KeyUsage, "keyUsage"),
    (id::SUBJECT_ALT_NAME, Kind::SubjectAltName, "subjectAltName"),
    (id::BASIC_CONSTRAINTS, Kind::BasicConstraints, "basicConstraints"),
    (id::NAME_CONSTRAINTS, Kind::NameConstraints, "nameConstraints"),
    (id::CRL_DISTRIBUTION_POINTS, Kind::CrlDistributionPoints, "cRLDistributionPoints"),
    (id::CERTIFICATE_POLICIES, Kind::CertificatePolicies, "certificatePolicies"),
    (id::POLICY_MAPPINGS, Kind::PolicyMappings, "policyMappings"),
    (id::AUTHORITY_KEY_ID, Kind::AuthorityKeyId, "authorityKeyIdentifier"),
    (id::POLICY_CONSTRAINTS, Kind::PolicyConstraints, "policyConstraints"),
    (id::EXTENDED_KEY_USAGE, Kind::ExtendedKeyUsage, "extendedKeyUsage"),
    (id::INHIBIT_ANY_POLICY, Kind::InhibitAnyPolicy, "inhibitAnyPolicy"),
    (id::AUTHORITY_INFO_ACCESS, Kind::AuthorityInfoAccess, "authorityInfoAccess"),
];

impl Kind {
    /// The name that RFC 5280 gives it.
    pub(super) fn name(self) -> Malformed {
        KINDS.iter().find(|row| row.1 == self).map_or("the extension", |row| row.2)
    }
}

/// Reads the contents of one extension.
pub(super) type Read<'a> = fn(Kind, &Extension<'a>, &mut Facts<'a>) -> Result<(), Malformed>;

/// Goes through the extensions that were found.
pub(super) fn process<'a>(facts: &mut Facts<'a>, verifier: Verifier, read: Read<'a>) {
    for extension in facts.extensions.clone() {
        let Some((_, kind, field)) = KINDS.iter().find(|row| row.0 == extension.oid) else {
            leave(&extension, facts);
            continue;
        };
        let breach = match kind {
            Kind::PolicyMappings | Kind::PolicyConstraints | Kind::InhibitAnyPolicy => {
                if extension.critical {
                    facts.unhandled_policies.push((*field).to_owned());
                }
                Breach::PolicyExtension
            }
            _ => Breach::Extension,
        };
        if let Err(what) = read(*kind, &extension, facts) {
            facts.note(breach, format!("{field} cannot be read: {what}"));
        }
        match kind {
            Kind::SubjectAltName => alternative_names(&extension, verifier, facts),
            Kind::NameConstraints => constraint_names(verifier, facts),
            Kind::SubjectKeyId | Kind::AuthorityKeyId | Kind::AuthorityInfoAccess if extension.critical => {
                facts.note(Breach::Critical, format!("{field} is critical"));
            }
            _ => {}
        }
    }
}

/// Notes a critical extension that Go does not handle.
fn leave(extension: &Extension<'_>, facts: &mut Facts<'_>) {
    if extension.critical {
        facts.unhandled.push(der::dotted(extension.oid));
    }
}

/// Notes the first extension that is there twice.
pub(super) fn duplicates(facts: &mut Facts<'_>) {
    let mut seen = HashSet::new();
    if let Some(twice) = facts.extensions.iter().find(|extension| !seen.insert(extension.oid)) {
        let what = format!("the extension {} is there twice", der::dotted(twice.oid));
        facts.note(Breach::DuplicateExtension, what);
    }
}

/// The bits that Go keeps.
pub(super) fn key_usage(bits: Bits<'_>) -> u16 {
    (0_u16..9).filter(|bit| bits.at(usize::from(*bit))).fold(0, |usage, bit| usage | 1 << bit)
}

/// Reads the contents of one extension, since Go 1.17: what follows them is ignored.
pub(super) fn cryptobyte<'a>(kind: Kind, extension: &Extension<'a>, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let field = kind.name();
    let mut outer = Input::new(extension.value);
    match kind {
        Kind::KeyUsage => facts.key_usage = key_usage(outer.bits(field)?),
        Kind::BasicConstraints => basic_constraints(outer.within(SEQUENCE, field)?, facts)?,
        Kind::SubjectAltName => {
            let mut names = outer.within(SEQUENCE, field)?;
            let mut found = Vec::new();
            while !names.is_empty() {
                let name = names.any(field)?;
                found.push((u32::from(name.tag ^ 0x80), name.contents));
            }
            subject_alt_names(found, facts);
        }
        Kind::NameConstraints => name_constraints(extension, facts)?,
        Kind::CrlDistributionPoints => crl_distribution_points(outer.within(SEQUENCE, field)?, field)?,
        Kind::AuthorityKeyId => {
            let id = outer.within(SEQUENCE, field)?.optional(0x80, field)?;
            facts.authority_key_id = id.map(|id| id.contents).unwrap_or_default();
        }
        Kind::SubjectKeyId => facts.subject_key_id = outer.take(OCTET_STRING, field)?.contents,
        Kind::ExtendedKeyUsage => {
            let mut list = outer.within(SEQUENCE, field)?;
            let mut usages = Vec::new();
            while !list.is_empty() {
                usages.push(oid::read(&mut list, field, facts)?);
            }
            facts.usages = usages;
        }
        Kind::CertificatePolicies => certificate_policies(outer.within(SEQUENCE, field)?, field, facts)?,
        Kind::AuthorityInfoAccess => {
            let mut list = outer.within(SEQUENCE, field)?;
            while !list.is_empty() {
                let mut description = list.within(SEQUENCE, field)?;
                oid::read(&mut description, field, facts)?;
                description.optional(0x86, field)?;
            }
        }
        Kind::PolicyConstraints => {
            let mut fields = outer.within(SEQUENCE, field)?;
            for tag in [0x80, 0x81] {
                let number = fields.optional(tag, field)?;
                number.map_or(Some(0), |number| int64(number.contents)).ok_or(field)?;
            }
        }
        Kind::PolicyMappings => {
            let mut list = outer.within(SEQUENCE, field)?;
            while !list.is_empty() {
                let mut mapping = list.within(SEQUENCE, field)?;
                mapping.take(OBJECT_IDENTIFIER, field)?;
                mapping.take(OBJECT_IDENTIFIER, field)?;
            }
        }
        Kind::InhibitAnyPolicy => {
            int64(outer.integer(field)?).ok_or(field)?;
        }
    }
    Ok(())
}

fn basic_constraints(mut fields: Input<'_>, facts: &mut Facts<'_>) -> Result<(), Malformed> {
    let ca = fields.peek(BOOLEAN) && fields.boolean("cA")?;
    let mut max_path_len = None;
    if fields.peek(INTEGER) {
        let contents = fields.integer("pathLenConstraint")?;
        let length = int64(contents).ok_or("pathLenConstraint is beyond 64 bits")?;
        if length < 0 {
            facts.note(Breach::NegativePathLength, format!("pathLenConstraint is {length}"));
        }
        max_path_len = Some(length).filter(|length| *length >= 0);
    }
    facts.basic = Some(Basic { ca, max_path_len });
    Ok(())
}

fn crl_distribution_points(mut list: Input<'_>, field: Malformed) -> Result<(), Malformed> {
    while !list.is_empty() {
        let mut point = list.within(SEQUENCE, field)?;
        let Some(name) = point.optional(context(0), field)? else { continue };
        let mut names = Input::new(name.contents).within(context(0), field)?;
        while names.peek(0x86) {
            names.any(field)?;
        }
    }
    Ok(())
}

fn certificate_policies<'a>(mut list: Input<'a>, field: Malformed, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    let mut seen = HashSet::new();
    while !list.is_empty() {
        let policy = super::cryptobyte::oid_contents(&mut list.within(SEQUENCE, field)?, field)?;
        if !seen.insert(policy) {
            facts.note(Breach::DuplicatePolicy, format!("the policy {} is named twice", der::dotted(policy)));
        }
        oid::check_policy(policy, facts);
    }
    Ok(())
}

/// Keeps the names that Go reads: e-mail, DNS, URI, IP by the number of their tag.
pub(super) fn subject_alt_names<'a>(names: Vec<(u32, &'a [u8])>, facts: &mut Facts<'a>) {
    let kept = names.into_iter().filter_map(|(number, contents)| match number {
        1 => Some(San::Email(contents)),
        2 => Some(San::Dns(contents)),
        6 => Some(San::Uri(contents, Vec::new())),
        7 => Some(San::Ip(contents)),
        _ => None,
    });
    facts.sans = kept.collect();
}

/// What is wrong with the names, and the hosts of URIs.
fn alternative_names(extension: &Extension<'_>, verifier: Verifier, facts: &mut Facts<'_>) {
    let mut sans = std::mem::take(&mut facts.sans);
    if sans.is_empty() {
        leave(extension, facts);
    }
    for san in &mut sans {
        match san {
            San::Dns(name) => {
                ascii(name, facts);
                if !is_strict_domain(name) {
                    facts.note(Breach::NameStrict, format!("{} is no DNS name", quoted(name)));
                }
            }
            San::Email(address) => {
                ascii(address, facts);
                if mailbox(address, verifier).is_none_or(|mailbox| !is_strict_domain(&mailbox.domain)) {
                    facts.note(Breach::NameStrict, format!("{} is no e-mail address", quoted(address)));
                }
            }
            San::Uri(uri, host) => {
                ascii(uri, facts);
                *host = uri_host(uri, verifier, facts);
            }
            San::Ip(octets) => {
                if ![4, 16].contains(&octets.len()) {
                    facts.note(Breach::Name, format!("an IP address of {} octets", octets.len()));
                }
                if is_mapped(octets) {
                    facts.note(Breach::MappedAddress, "an IPv4 address is written as IPv6");
                }
            }
        }
    }
    facts.sans = sans;
}

fn uri_host(uri: &[u8], verifier: Verifier, facts: &mut Facts<'_>) -> Vec<u8> {
    let Some(host) = url::host(uri, verifier) else {
        facts.note(Breach::Name, format!("{} is no URI", quoted(uri)));
        return Vec::new();
    };
    match domain_flaw(&host) {
        Some(DomainFlaw::Character | DomainFlaw::Label) => facts.note(Breach::Name, format!("{} has no valid host", quoted(uri))),
        Some(DomainFlaw::LeadingDot) => {
            facts.note(Breach::NameLeadingDot, format!("the host of {} begins with a dot", quoted(uri)));
        }
        None => {}
    }
    if !host.is_empty() && !is_strict_domain(&host) {
        facts.note(Breach::NameStrict, format!("{} has no valid host", quoted(uri)));
    }
    host
}

fn ascii(name: &[u8], facts: &mut Facts<'_>) {
    if !is_ia5(name) {
        facts.note(Breach::NameNotAscii, format!("{} has characters beyond ASCII", quoted(name)));
    }
}

/// `isIA5String`: no character beyond ASCII, and what is no character at all is one.
fn is_ia5(text: &[u8]) -> bool {
    text.is_ascii()
}

/// Text of a certificate as messages show it.
pub(super) fn quoted(text: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(text))
}

/// Reads the subtrees of name constraints. The same in all releases.
pub(super) fn name_constraints<'a>(extension: &Extension<'a>, facts: &mut Facts<'a>) -> Result<(), Malformed> {
    const FIELD: Malformed = "nameConstraints";
    let mut outer = Input::new(extension.value);
    let mut fields = outer.within(SEQUENCE, FIELD)?;
    let permitted = fields.optional(context(0), FIELD)?;
    let excluded = fields.optional(context(1), FIELD)?;
    if !outer.is_empty() || !fields.is_empty() {
        return Err("the end of nameConstraints");
    }
    let [permitted, excluded] = [permitted, excluded].map(|list| list.map(|list| list.contents).unwrap_or_default());
    if permitted.is_empty() && excluded.is_empty() {
        return Err("no subtree");
    }
    let mut others = false;
    facts.permitted = subtrees(permitted, &mut others)?;
    facts.excluded = subtrees(excluded, &mut others)?;
    if others {
        leave(extension, facts);
    }
    Ok(())
}

fn subtrees<'a>(list: &'a [u8], others: &mut bool) -> Result<Subtrees<'a>, Malformed> {
    let mut list = Input::new(list);
    let mut found = Subtrees::default();
    while !list.is_empty() {
        let base = list.within(SEQUENCE, "GeneralSubtree")?.any("base")?;
        let value = base.contents;
        match (base.tag, value.len()) {
            (0x81, _) => found.email.push(value),
            (0x82, _) => found.dns.push(value),
            (0x86, _) => found.uri.push(value),
            (0x87, 8 | 32) => found.ip.extend(value.split_at_checked(value.len() / 2)),
            (0x87, _) => return Err("an IP subtree of another length than 8 or 32 octets"),
            _ => *others = true,
        }
    }
    Ok(found)
}

/// What is wrong with the names of constraints.
fn constraint_names(verifier: Verifier, facts: &mut Facts<'_>) {
    let mut notes = Vec::new();
    for trees in [&facts.permitted, &facts.excluded] {
        for (network, mask) in &trees.ip {
            if !is_mask(mask) {
                notes.push((Breach::Constraint, "an IP constraint has a mask with holes".to_owned()));
            }
            if is_mapped(network) {
                notes.push((Breach::MappedAddress, "an IP constraint for IPv4 is written as IPv6".to_owned()));
            }
        }
        let addresses = trees.email.iter().filter(|email| email.contains(&b'@'));
        for address in addresses {
            if !is_ia5(address) || mailbox(address, verifier).is_none() {
                notes.push((Breach::Constraint, format!("the constraint {} is no e-mail address", quoted(address))));
            }
        }
        for host in &trees.uri {
            if std::str::from_utf8(host).is_ok_and(|host| ip(host, Zeros::Refused).is_some()) {
                notes.push((Breach::Constraint, format!("the URI constraint {} is an IP address", quoted(host))));
            }
        }
        let domains = trees.email.iter().filter(|email| !email.contains(&b'@'));
        for domain in trees.dns.iter().chain(domains).chain(&trees.uri) {
            let breach = match domain_flaw(without_leading_dot(domain)) {
                _ if *domain == b"." => Some(Breach::ConstraintDot),
                Some(DomainFlaw::Character) => Some(Breach::ConstraintCharacter),
                Some(DomainFlaw::Label) => Some(Breach::Constraint),
                Some(DomainFlaw::LeadingDot) => Some(Breach::ConstraintLeadingDots),
                None => None,
            };
            let strict = (!is_strict_constraint(domain)).then_some(Breach::ConstraintStrict);
            let breaches = breach.into_iter().chain(strict);
            notes.extend(breaches.map(|breach| (breach, format!("the constraint {} is no domain", quoted(domain)))));
        }
    }
    for (breach, message) in notes {
        facts.note(breach, message);
    }
}

/// Ones, then zeros.
fn is_mask(mask: &[u8]) -> bool {
    let mut rest = mask.iter().skip_while(|octet| **octet == 0xff);
    let edge = rest.next().is_none_or(|octet| octet.leading_ones() + octet.trailing_zeros() >= 8);
    edge && rest.all(|octet| *octet == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_no_holes() {
        for mask in [&[0xff, 0xff, 0, 0][..], &[0; 4], &[0xff; 4], &[0xff, 0xf0, 0, 0]] {
            assert!(is_mask(mask), "{mask:?}");
        }
        for mask in [&[0xff, 0, 0xff, 0][..], &[0x0f, 0, 0, 0], &[0xf1, 0, 0, 0]] {
            assert!(!is_mask(mask), "{mask:?}");
        }
    }
}
