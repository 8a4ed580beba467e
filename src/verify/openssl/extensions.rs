//! What OpenSSL keeps of a certificate's extensions (`ossl_x509v3_cache_extensions` in crypto/x509/v3_purp.c).
//!
//! The rule: an extension that OpenSSL knows must occur once and have its shape. If one does not, OpenSSL calls the whole certificate
//! invalid, and an invalid certificate neither issues nor has been issued ([`fault`]).

use super::asn1::{self, Shape};
use super::shapes;
use crate::der::{self, Element, Reader};
use crate::verify::case::Member;
use crate::verify::names::tag::DIRECTORY_NAME;
use crate::verify::oid;
use crate::verify::tbs::Extension;

/// `netscape-cert-type`.
const NETSCAPE_CERT_TYPE: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 1, 1];
/// `id-pe-ipAddrBlocks` (RFC 3779).
const ADDRESS_BLOCKS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 7];
/// `id-pe-autonomousSysIds` (RFC 3779).
const AS_IDENTIFIERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 8];
/// `id-pe-proxyCertInfo` (RFC 3820).
const PROXY_CERT_INFO: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 14];
/// `id-pkix-ocsp-nocheck` (RFC 6960).
const OCSP_NO_CHECK: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 5];

/// The extensions that must be readable: OID, shape, name.
const READ: &[(&[u8], &Shape, &str)] = &[
    (oid::BASIC_CONSTRAINTS, &shapes::BASIC_CONSTRAINTS, "basicConstraints"),
    (PROXY_CERT_INFO, &shapes::PROXY_CERT_INFO, "proxyCertInfo"),
    (oid::KEY_USAGE, &shapes::BIT_STRING, "keyUsage"),
    (oid::EXTENDED_KEY_USAGE, &shapes::EXTENDED_KEY_USAGE, "extKeyUsage"),
    (NETSCAPE_CERT_TYPE, &shapes::BIT_STRING, "netscapeCertType"),
    (oid::SUBJECT_KEY_ID, &shapes::OCTET_STRING, "subjectKeyIdentifier"),
    (oid::AUTHORITY_KEY_ID, &shapes::AUTHORITY_KEY_ID, "authorityKeyIdentifier"),
    (oid::SUBJECT_ALT_NAME, &shapes::GENERAL_NAMES, "subjectAltName"),
    (oid::NAME_CONSTRAINTS, &shapes::NAME_CONSTRAINTS, "nameConstraints"),
    (oid::CRL_DISTRIBUTION_POINTS, &shapes::DISTRIBUTION_POINTS, "cRLDistributionPoints"),
    (ADDRESS_BLOCKS, &shapes::ADDRESS_BLOCKS, "ipAddrBlocks"),
    (AS_IDENTIFIERS, &shapes::AS_IDENTIFIERS, "autonomousSysIds"),
];

/// The extensions that may be critical (`X509_supported_extension`).
const SUPPORTED: &[&[u8]] = &[
    NETSCAPE_CERT_TYPE,
    oid::KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::CERTIFICATE_POLICIES,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::EXTENDED_KEY_USAGE,
    ADDRESS_BLOCKS,
    AS_IDENTIFIERS,
    OCSP_NO_CHECK,
    oid::POLICY_CONSTRAINTS,
    PROXY_CERT_INFO,
    oid::NAME_CONSTRAINTS,
    oid::POLICY_MAPPINGS,
    oid::INHIBIT_ANY_POLICY,
];

/// Bits of the first octet of keyUsage.
pub(super) mod usage {
    pub(in crate::verify) const DIGITAL_SIGNATURE: u16 = 0x80;
    pub(in crate::verify) const KEY_ENCIPHERMENT: u16 = 0x20;
    pub(in crate::verify) const KEY_AGREEMENT: u16 = 0x08;
    pub(in crate::verify) const KEY_CERT_SIGN: u16 = 0x04;
    pub(in crate::verify) const CRL_SIGN: u16 = 0x02;
}

/// Bits of netscapeCertType.
pub(super) mod netscape {
    pub(in crate::verify) const SSL_CLIENT: u16 = 0x80;
    pub(in crate::verify) const SSL_SERVER: u16 = 0x40;
    pub(in crate::verify) const SSL_CA: u16 = 0x04;
    /// CAs of any kind.
    pub(in crate::verify) const ANY_CA: u16 = 0x07;
}

/// Why OpenSSL calls the certificate invalid, if it does.
pub(super) fn fault(member: &Member<'_>) -> Option<String> {
    for (wanted, shape, name) in READ {
        let mut found = member.tbs.extensions.iter().filter(|extension| extension.oid == *wanted);
        match (found.next(), found.next()) {
            (Some(extension), None) if !shape.begins(extension.value) => return Some(format!("{name} cannot be read")),
            (Some(_), Some(_)) => return Some(format!("{name} occurs twice")),
            _ => {}
        }
    }
    let has = |oid| member.tbs.extension(oid).is_some();
    if key_usage(member) == Some(0) {
        Some("keyUsage names no use".to_owned())
    } else if basic_constraints(member).is_some_and(|constraints| constraints.negative) {
        Some("pathLenConstraint is negative".to_owned())
    } else if is_proxy(member) && (is_ca(member) || has(oid::SUBJECT_ALT_NAME) || has(oid::ISSUER_ALT_NAME)) {
        Some("a proxy certificate is a CA or has alternative names".to_owned())
    } else if distribution_points(member).any(|point| point.name.is_none() && point.issuers.is_none()) {
        Some("a distribution point names neither place nor issuer".to_owned())
    } else {
        None
    }
}

/// The first critical extension that OpenSSL does not handle: its dotted OID.
pub(super) fn unhandled_critical(member: &Member<'_>) -> Option<String> {
    let mut critical = member.tbs.extensions.iter().filter(|extension| extension.is_critical());
    critical.find(|extension| !SUPPORTED.contains(&extension.oid)).map(Extension::dotted)
}

/// The element that an extension holds.
pub(super) fn value<'a>(member: &Member<'a>, oid: &[u8]) -> Option<Element<'a>> {
    Reader::new(member.tbs.extension(oid)?.value).any("extnValue").ok()
}

/// basicConstraints.
#[derive(Clone, Copy)]
pub(super) struct BasicConstraints {
    pub(super) ca: bool,
    /// `None` also for numbers beyond 63 bits, as OpenSSL has it.
    pub(super) path_length: Option<u64>,
    negative: bool,
}

/// basicConstraints, if present.
pub(super) fn basic_constraints(member: &Member<'_>) -> Option<BasicConstraints> {
    let mut fields = value(member, oid::BASIC_CONSTRAINTS)?.children();
    let ca = fields.optional(der::BOOLEAN, "cA").ok().flatten();
    let length = fields.optional(der::INTEGER, "pathLenConstraint").ok().flatten();
    let negative = length.is_some_and(|length| length.contents.first().is_some_and(|first| first & 0x80 != 0));
    let path_length = length.filter(|length| !negative && der::bit_length(length.contents) < u64::BITS);
    Some(BasicConstraints {
        ca: ca.is_some_and(|ca| ca.contents != [0]),
        path_length: path_length.map(|length| length.contents.iter().fold(0, |length, octet| length << 8 | u64::from(*octet))),
        negative,
    })
}

/// Whether basicConstraints say CA.
pub(super) fn is_ca(member: &Member<'_>) -> bool {
    basic_constraints(member).is_some_and(|constraints| constraints.ca)
}

/// The first two octets of keyUsage, the second one above the first; `None` without the extension.
pub(super) fn key_usage(member: &Member<'_>) -> Option<u16> {
    bits(&value(member, oid::KEY_USAGE)?)
}

/// netscapeCertType likewise.
pub(super) fn netscape_cert_type(member: &Member<'_>) -> Option<u16> {
    bits(&value(member, NETSCAPE_CERT_TYPE)?)
}

/// The first two octets of a BIT STRING, without its unused bits.
pub(super) fn bits(string: &Element<'_>) -> Option<u16> {
    let contents = asn1::whole(string);
    let (unused, octets) = contents.split_first()?;
    let octet = |at: usize| {
        let mask = if at + 1 == octets.len() { 0xff_u8.checked_shl(u32::from(*unused)).unwrap_or(0) } else { 0xff };
        octets.get(at).map_or(0, |octet| u16::from(octet & mask))
    };
    Some(octet(0) | octet(1) << 8)
}

/// The purposes of extKeyUsage, each as contents of its OBJECT IDENTIFIER; `None` without the extension.
pub(super) fn purposes<'a>(member: &Member<'a>) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
    Some(value(member, oid::EXTENDED_KEY_USAGE)?.elements().map(|purpose| purpose.contents))
}

/// Whether it is a proxy certificate (RFC 3820).
pub(super) fn is_proxy(member: &Member<'_>) -> bool {
    member.tbs.extension(PROXY_CERT_INFO).is_some()
}

/// The subject key identifier.
pub(super) fn subject_key_id<'a>(member: &Member<'a>) -> Option<&'a [u8]> {
    value(member, oid::SUBJECT_KEY_ID).map(|element| element.contents)
}

/// An authority key identifier.
#[derive(Clone, Copy)]
pub(super) struct AuthorityKeyId<'a> {
    pub(super) key_id: Option<&'a [u8]>,
    /// The first directory name of `authorityCertIssuer`, as it is encoded.
    pub(super) issuer: Option<&'a [u8]>,
    pub(super) serial: Option<&'a [u8]>,
}

/// The authority key identifier.
pub(super) fn authority_key_id<'a>(member: &Member<'a>) -> Option<AuthorityKeyId<'a>> {
    value(member, oid::AUTHORITY_KEY_ID).map(|element| AuthorityKeyId::of(&element))
}

impl<'a> AuthorityKeyId<'a> {
    /// Reads an AuthorityKeyIdentifier.
    pub(super) fn of(element: &Element<'a>) -> Self {
        let mut key = Self { key_id: None, issuer: None, serial: None };
        for field in element.elements() {
            match field.tag & 0x1f {
                0 => key.key_id = Some(field.contents),
                1 => key.issuer = field.elements().find(|name| name.tag == DIRECTORY_NAME).map(|name| name.contents),
                2 => key.serial = Some(field.contents),
                _ => {}
            }
        }
        key
    }
}

/// The names of subjectAltName.
pub(super) fn alternative_names<'a>(member: &Member<'a>) -> impl Iterator<Item = Element<'a>> + use<'a> {
    value(member, oid::SUBJECT_ALT_NAME).into_iter().flat_map(|names| names.elements())
}

/// A distribution point.
pub(super) struct DistributionPoint<'a> {
    /// DistributionPointName, tagged 0 for full names, 1 for a relative one.
    pub(super) name: Option<Element<'a>>,
    /// The reasons as two octets.
    pub(super) reasons: Option<u16>,
    /// `cRLIssuer`, as GeneralNames.
    pub(super) issuers: Option<Element<'a>>,
}

/// The distribution points of the certificate.
pub(super) fn distribution_points<'a>(member: &Member<'a>) -> impl Iterator<Item = DistributionPoint<'a>> + use<'a> {
    let points = value(member, oid::CRL_DISTRIBUTION_POINTS).into_iter().flat_map(|points| points.elements());
    points.map(|point| {
        let mut found = DistributionPoint { name: None, reasons: None, issuers: None };
        for field in point.elements() {
            match field.tag & 0x1f {
                0 => found.name = field.children().any("distributionPoint").ok(),
                1 => found.reasons = bits(&field),
                2 => found.issuers = Some(field).filter(|issuers| !issuers.contents.is_empty()),
                _ => {}
            }
        }
        found
    })
}
