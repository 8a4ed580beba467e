//! A certificate as Go has it once it is parsed (`x509.Certificate`), and everything that some release's parser refuses in it.
//!
//! Parsing goes on after what only some releases refuse: it is noted as a [`Breach`], and the table in `read` says who minds. Only what
//! cannot be told apart at all ends it.

use super::super::Verifier;
use super::super::case::{Case, Member};
use super::asn1::{Bits, Malformed};
use super::constraints::Ready;
use super::habits::ENCODING_ASN1;
use super::key::Key;
use super::{cryptobyte, encoding_asn1};
use crate::chain::NodeId;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use time::OffsetDateTime;

/// What a parser may refuse. Each is a row of the table in `read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    /// Something is not encoded as the structure demands.
    Encoding,
    /// A version that does not exist.
    Version,
    /// A serial number below zero.
    NegativeSerial,
    /// The signature algorithm is written twice, and not the same.
    AlgorithmsDiffer,
    /// An object identifier that cannot be represented.
    Oid,
    /// One with leading zeros in an arc.
    PaddedOid,
    /// One with an arc of more than 28 bits.
    LargeOid,
    /// A policy identifier with an arc of more than 31 bits.
    LargePolicyOid,
    /// A text of a name with characters that its type does not have.
    NameText,
    /// A BMPString with what is no character.
    NameCharacter,
    /// An attribute of a name that is no text of a known type.
    NameType,
    /// An attribute of a name that is no text, and not well encoded.
    NameValue,
    /// A public key that is none.
    Key,
    /// Two extensions with one OID.
    DuplicateExtension,
    /// An extension whose contents cannot be read.
    Extension,
    /// One of the policy extensions whose contents cannot be read.
    PolicyExtension,
    /// A path length below zero or beyond all measure.
    NegativePathLength,
    /// A subject alternative name with characters beyond ASCII.
    NameNotAscii,
    /// A subject alternative name that is none.
    Name,
    /// One with a host that begins with a dot.
    NameLeadingDot,
    /// One that the checks of October 2025 refused.
    NameStrict,
    /// An IPv4 address written as IPv6.
    MappedAddress,
    /// A name constraint that is none.
    Constraint,
    /// A name constraint with a character that is not visible ASCII.
    ConstraintCharacter,
    /// Bytes behind the certificate.
    Trailing,
    /// A name constraint that begins with two dots.
    ConstraintLeadingDots,
    /// A name constraint that is a single dot.
    ConstraintDot,
    /// One that the checks of October 2025 refused.
    ConstraintStrict,
    /// An authority key identifier, subject key identifier or authority information access that is critical.
    Critical,
    /// A certificate policy that is named twice.
    DuplicatePolicy,
}

/// One extension, as Go keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension<'a> {
    /// `extnID`.
    pub(super) oid: &'a [u8],
    /// Whether it is critical.
    pub(super) critical: bool,
    /// The contents of `extnValue`.
    pub(super) value: &'a [u8],
}

/// A subject alternative name of a kind that Go reads.
#[derive(Clone, Debug)]
pub(super) enum San<'a> {
    /// dNSName.
    Dns(&'a [u8]),
    /// rfc822Name.
    Email(&'a [u8]),
    /// uniformResourceIdentifier, and its host.
    Uri(&'a [u8], Vec<u8>),
    /// iPAddress of four or sixteen octets.
    Ip(&'a [u8]),
}

/// Basic constraints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basic {
    /// `cA`.
    pub(super) ca: bool,
    /// `pathLenConstraint`, if it is there and counts.
    pub(super) max_path_len: Option<i64>,
}

/// The subtrees of a name constraint, permitted or excluded.
#[derive(Clone, Debug, Default)]
pub(super) struct Subtrees<'a> {
    /// dNSNames.
    pub(super) dns: Vec<&'a [u8]>,
    /// iPAddresses: network and mask.
    pub(super) ip: Vec<(&'a [u8], &'a [u8])>,
    /// rfc822Names.
    pub(super) email: Vec<&'a [u8]>,
    /// Hosts of URIs.
    pub(super) uri: Vec<&'a [u8]>,
}

/// An AlgorithmIdentifier.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Algorithm<'a> {
    /// The whole of it.
    pub(super) raw: &'a [u8],
    /// `algorithm`.
    pub(super) oid: &'a [u8],
    /// `parameters`, header included, if present.
    pub(super) parameters: Option<&'a [u8]>,
}

/// What Go keeps of a certificate.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    /// What releases refuse, with the facts in words.
    pub(super) breaches: Vec<(Breach, String)>,
    /// 1, 2 or 3 in honest certificates.
    pub(super) version: i64,
    /// The TBSCertificate, header included.
    pub(super) tbs: &'a [u8],
    /// The subject, header included.
    pub(super) subject: &'a [u8],
    /// The issuer, header included.
    pub(super) issuer: &'a [u8],
    /// When it begins.
    pub(super) not_before: Option<OffsetDateTime>,
    /// When it ends.
    pub(super) not_after: Option<OffsetDateTime>,
    /// `signature`: the algorithm within the TBSCertificate.
    pub(super) algorithm: Algorithm<'a>,
    /// `signatureAlgorithm`: the one beside it.
    pub(super) outer_algorithm: &'a [u8],
    /// `signatureValue`.
    pub(super) signature: Bits<'a>,
    /// SubjectPublicKeyInfo, header included.
    pub(super) spki: &'a [u8],
    /// The key.
    pub(super) key: Key,
    /// The extensions that Go sees.
    pub(super) extensions: Vec<Extension<'a>>,
    /// Key usage bits, zero without the extension.
    pub(super) key_usage: u16,
    /// Basic constraints, if there are any.
    pub(super) basic: Option<Basic>,
    /// Subject alternative names, in order.
    pub(super) sans: Vec<San<'a>>,
    /// Permitted subtrees.
    pub(super) permitted: Subtrees<'a>,
    /// Excluded subtrees.
    pub(super) excluded: Subtrees<'a>,
    /// Empty if there is none.
    pub(super) authority_key_id: &'a [u8],
    /// Empty if there is none.
    pub(super) subject_key_id: &'a [u8],
    /// Extended key usages: the contents of their object identifiers.
    pub(super) usages: Vec<&'a [u8]>,
    /// Critical extensions that no release handles.
    pub(super) unhandled: Vec<String>,
    /// Critical extensions that are handled since Go 1.24: those about policies.
    pub(super) unhandled_policies: Vec<String>,
    /// The name constraints, once somebody has asked for them.
    pub(super) ready: OnceCell<Rc<Ready>>,
}

impl<'a> Facts<'a> {
    /// Reads a certificate as the verifier's release does.
    pub(super) fn read(der: &'a [u8], verifier: Verifier) -> Self {
        let mut facts = Self::default();
        let read = if ENCODING_ASN1.of(verifier) { encoding_asn1::certificate } else { cryptobyte::certificate };
        if let Err(field) = read(der, verifier, &mut facts) {
            facts.malformed(field);
        }
        facts
    }

    /// Takes down what some release refuses.
    pub(super) fn note(&mut self, breach: Breach, facts: impl Into<String>) {
        self.breaches.push((breach, facts.into()));
    }

    /// Takes down that something cannot be read at all.
    pub(super) fn malformed(&mut self, field: Malformed) {
        self.note(Breach::Encoding, format!("{field} is not encoded as Go reads it"));
    }

    /// The first extension with this OID.
    pub(super) fn extension(&self, oid: &[u8]) -> Option<&Extension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    /// The dNSNames.
    pub(super) fn dns_names(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.sans.iter().filter_map(|san| if let San::Dns(name) = san { Some(*name) } else { None })
    }

    /// The addresses.
    pub(super) fn ip_addresses(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.sans.iter().filter_map(|san| if let San::Ip(octets) = san { Some(*octets) } else { None })
    }
}

/// Certificates as Go reads them, each read once.
#[derive(Default)]
pub(in super::super) struct Library<'a>(RefCell<HashMap<NodeId, Rc<Facts<'a>>>>);

/// What Go makes of a certificate.
pub(super) fn facts<'a>(case: &Case<'a>, member: &Member<'a>) -> Rc<Facts<'a>> {
    if let Some(known) = case.go.0.borrow().get(&member.node) {
        return Rc::clone(known);
    }
    let der = &member.certificate.der;
    let mut facts = Facts::read(&der.bytes, case.verifier);
    if der.trailing > 0 {
        facts.note(Breach::Trailing, format!("{} bytes stand behind the certificate in its PEM block", der.trailing));
    }
    let facts = Rc::new(facts);
    case.go.0.borrow_mut().insert(member.node, Rc::clone(&facts));
    facts
}
