//! What extensions and revocation lists look like, as data: the ASN.1 modules of RFC 5280 appendix A in the form in which BoringSSL
//! has them (the `ASN1_SEQUENCE` templates of crypto/x509/v3_*.cc and x_crl.cc), and the check that a value is one of its kind.
//!
//! The rule: only whether BoringSSL can read something is decided here. What it says is read elsewhere, leniently. No shape contains
//! itself, so that checking goes no deeper than the tables do.

use super::strict::{self, CONSTRUCTED, Strict};
use crate::der::{
    BIT_STRING, BMP_STRING, BOOLEAN, ENUMERATED, Element, Fault, GENERALIZED_TIME, IA5_STRING, INTEGER, OBJECT_IDENTIFIER,
    OCTET_STRING, PRINTABLE_STRING, Problem, SEQUENCE, SET, TELETEX_STRING, UNIVERSAL_STRING, UTC_TIME, UTF8_STRING,
    VISIBLE_STRING, context,
};

/// A type.
pub(super) enum Shape {
    Boolean,
    Integer,
    Enumerated,
    Bits,
    Object,
    Octets,
    /// IA5String, whose characters nobody looks at.
    Text,
    /// A type that the structure leaves open.
    Any,
    /// A SEQUENCE whose contents nobody looks at.
    Opaque,
    /// AlgorithmIdentifier.
    Algorithm,
    /// Name.
    Name,
    /// AttributeTypeAndValue.
    Attribute,
    /// PolicyQualifierInfo, whose second field is what its first says.
    Qualifier,
    /// One of these string types or times.
    OneOf(&'static [u8]),
    Sequence(&'static [Field]),
    Choice(&'static [Field]),
    /// SEQUENCE OF.
    List(&'static Shape),
    /// SET OF.
    Set(&'static Shape),
}

/// A field of a SEQUENCE, or an alternative of a CHOICE.
pub(super) struct Field {
    name: &'static str,
    tagging: Tagging,
    need: Need,
    shape: &'static Shape,
}

/// How a field is tagged.
#[derive(Clone, Copy)]
enum Tagging {
    /// As its type is.
    Own,
    Implicit(u8),
    Explicit(u8),
}

/// Whether a field may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

const fn required(name: &'static str, tagging: Tagging, shape: &'static Shape) -> Field {
    Field { name, tagging, need: Need::Required, shape }
}

const fn optional(name: &'static str, tagging: Tagging, shape: &'static Shape) -> Field {
    Field { name, tagging, need: Need::Optional, shape }
}

use Tagging::{Explicit, Implicit, Own};

const DIRECTORY_STRING: Shape = Shape::OneOf(&[PRINTABLE_STRING, TELETEX_STRING, BMP_STRING, UNIVERSAL_STRING, UTF8_STRING]);
const DISPLAY_TEXT: Shape = Shape::OneOf(&[IA5_STRING, VISIBLE_STRING, BMP_STRING, UTF8_STRING]);
const TIME: Shape = Shape::OneOf(&[UTC_TIME, GENERALIZED_TIME]);

const OTHER_NAME: Shape =
    Shape::Sequence(&[required("type-id", Own, &Shape::Object), required("value", Explicit(0), &Shape::Any)]);

const EDI_PARTY_NAME: Shape = Shape::Sequence(&[
    optional("nameAssigner", Explicit(0), &DIRECTORY_STRING),
    required("partyName", Explicit(1), &DIRECTORY_STRING),
]);

const GENERAL_NAME: Shape = Shape::Choice(&[
    required("otherName", Implicit(0), &OTHER_NAME),
    required("rfc822Name", Implicit(1), &Shape::Text),
    required("dNSName", Implicit(2), &Shape::Text),
    required("x400Address", Implicit(3), &Shape::Opaque),
    required("directoryName", Explicit(4), &Shape::Name),
    required("ediPartyName", Implicit(5), &EDI_PARTY_NAME),
    required("uniformResourceIdentifier", Implicit(6), &Shape::Text),
    required("iPAddress", Implicit(7), &Shape::Octets),
    required("registeredID", Implicit(8), &Shape::Object),
]);

/// `SubjectAltName` (RFC 5280 section 4.2.1.6).
pub(super) const GENERAL_NAMES: Shape = Shape::List(&GENERAL_NAME);
/// Section 4.2.1.2.
pub(super) const SUBJECT_KEY_ID: Shape = Shape::Octets;
/// Section 4.2.1.3.
pub(super) const KEY_USAGE: Shape = Shape::Bits;
/// Section 4.2.1.12.
pub(super) const EXTENDED_KEY_USAGE: Shape = Shape::List(&Shape::Object);

/// Section 4.2.1.9.
pub(super) const BASIC_CONSTRAINTS: Shape =
    Shape::Sequence(&[optional("cA", Own, &Shape::Boolean), optional("pathLenConstraint", Own, &Shape::Integer)]);

/// Section 4.2.1.1.
pub(super) const AUTHORITY_KEY_ID: Shape = Shape::Sequence(&[
    optional("keyIdentifier", Implicit(0), &Shape::Octets),
    optional("authorityCertIssuer", Implicit(1), &GENERAL_NAMES),
    optional("authorityCertSerialNumber", Implicit(2), &Shape::Integer),
]);

const SUBTREE: Shape = Shape::Sequence(&[
    required("base", Own, &GENERAL_NAME),
    optional("minimum", Implicit(0), &Shape::Integer),
    optional("maximum", Implicit(1), &Shape::Integer),
]);

/// Section 4.2.1.10.
pub(super) const NAME_CONSTRAINTS: Shape = Shape::Sequence(&[
    optional("permittedSubtrees", Implicit(0), &Shape::List(&SUBTREE)),
    optional("excludedSubtrees", Implicit(1), &Shape::List(&SUBTREE)),
]);

const POINT_NAME: Shape = Shape::Choice(&[
    required("fullName", Implicit(0), &GENERAL_NAMES),
    required("nameRelativeToCRLIssuer", Implicit(1), &Shape::Set(&Shape::Attribute)),
]);

/// Section 4.2.1.13.
pub(super) const DISTRIBUTION_POINTS: Shape = Shape::List(&Shape::Sequence(&[
    optional("distributionPoint", Explicit(0), &POINT_NAME),
    optional("reasons", Implicit(1), &Shape::Bits),
    optional("cRLIssuer", Implicit(2), &GENERAL_NAMES),
]));

const NOTICE_REFERENCE: Shape = Shape::Sequence(&[
    required("organization", Own, &DISPLAY_TEXT),
    required("noticeNumbers", Own, &Shape::List(&Shape::Integer)),
]);

const USER_NOTICE: Shape =
    Shape::Sequence(&[optional("noticeRef", Own, &NOTICE_REFERENCE), optional("explicitText", Own, &DISPLAY_TEXT)]);

/// Section 4.2.1.4.
pub(super) const POLICIES: Shape = Shape::List(&Shape::Sequence(&[
    required("policyIdentifier", Own, &Shape::Object),
    optional("policyQualifiers", Own, &Shape::List(&Shape::Qualifier)),
]));

/// Section 4.2.1.5.
pub(super) const POLICY_MAPPINGS: Shape = Shape::List(&Shape::Sequence(&[
    required("issuerDomainPolicy", Own, &Shape::Object),
    required("subjectDomainPolicy", Own, &Shape::Object),
]));

/// Section 4.2.1.11.
pub(super) const POLICY_CONSTRAINTS: Shape = Shape::Sequence(&[
    optional("requireExplicitPolicy", Implicit(0), &Shape::Integer),
    optional("inhibitPolicyMapping", Implicit(1), &Shape::Integer),
]);

/// Section 4.2.1.14.
pub(super) const INHIBIT_ANY_POLICY: Shape = Shape::Integer;

/// Section 5.2.5.
pub(super) const ISSUING_DISTRIBUTION_POINT: Shape = Shape::Sequence(&[
    optional("distributionPoint", Explicit(0), &POINT_NAME),
    optional("onlyContainsUserCerts", Implicit(1), &Shape::Boolean),
    optional("onlyContainsCACerts", Implicit(2), &Shape::Boolean),
    optional("onlySomeReasons", Implicit(3), &Shape::Bits),
    optional("indirectCRL", Implicit(4), &Shape::Boolean),
    optional("onlyContainsAttributeCerts", Implicit(5), &Shape::Boolean),
]);

/// Section 5.3.1.
pub(super) const REASON: Shape = Shape::Enumerated;

/// `Extensions` (section 4.1.2.9), which may be empty.
pub(super) const EXTENSIONS: Shape = Shape::List(&Shape::Sequence(&[
    required("extnID", Own, &Shape::Object),
    optional("critical", Own, &Shape::Boolean),
    required("extnValue", Own, &Shape::Octets),
]));

const REVOKED: Shape = Shape::Sequence(&[
    required("userCertificate", Own, &Shape::Integer),
    required("revocationDate", Own, &TIME),
    optional("crlEntryExtensions", Own, &EXTENSIONS),
]);

const TBS_CERT_LIST: Shape = Shape::Sequence(&[
    optional("version", Own, &Shape::Integer),
    required("signature", Own, &Shape::Algorithm),
    required("issuer", Own, &Shape::Name),
    required("thisUpdate", Own, &TIME),
    optional("nextUpdate", Own, &TIME),
    optional("revokedCertificates", Own, &Shape::List(&REVOKED)),
    optional("crlExtensions", Explicit(0), &EXTENSIONS),
]);

/// Section 5.1.
pub(super) const CERTIFICATE_LIST: Shape = Shape::Sequence(&[
    required("tbsCertList", Own, &TBS_CERT_LIST),
    required("signatureAlgorithm", Own, &Shape::Algorithm),
    required("signatureValue", Own, &Shape::Bits),
]);

impl Shape {
    /// Whether these bytes are one value of this type and nothing else.
    pub(super) fn check(&self, bytes: &[u8], field: &'static str) -> Result<(), Fault> {
        let mut reader = Strict::new(bytes);
        self.tagged(&reader.any(field)?, field)?;
        reader.finish(field)
    }

    /// The identifier octet that values of this type have; `None` where there are several.
    const fn tag(&self) -> Option<u8> {
        match self {
            Self::Boolean => Some(BOOLEAN),
            Self::Integer => Some(INTEGER),
            Self::Enumerated => Some(ENUMERATED),
            Self::Bits => Some(BIT_STRING),
            Self::Object => Some(OBJECT_IDENTIFIER),
            Self::Octets => Some(OCTET_STRING),
            Self::Text => Some(IA5_STRING),
            Self::Any | Self::OneOf(_) | Self::Choice(_) => None,
            Self::Set(_) => Some(SET),
            Self::Opaque
            | Self::Algorithm
            | Self::Name
            | Self::Attribute
            | Self::Qualifier
            | Self::Sequence(_)
            | Self::List(_) => Some(SEQUENCE),
        }
    }

    /// Whether an element under its own tag is of this type.
    fn tagged(&self, element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
        match self.tag() {
            Some(tag) if element.tag != tag => Err(Problem::Tag(element.tag).of(field)),
            _ => self.contents(element, field),
        }
    }

    /// Whether an element is of this type, its tag apart.
    fn contents(&self, element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
        match self {
            Self::Boolean if element.contents.len() == 1 => Ok(()),
            Self::Boolean => Err(Problem::Value.of(field)),
            Self::Integer | Self::Enumerated => strict::integer(element, field),
            Self::Bits => strict::bits(element, field).map(|_| ()),
            Self::Object => strict::object(element, field),
            Self::Octets | Self::Text | Self::Opaque => Ok(()),
            Self::Any => strict::value(element, field),
            Self::Algorithm => strict::algorithm(element, field),
            Self::Name => strict::name(element, field),
            Self::Attribute => strict::attribute(element, field),
            Self::Qualifier => qualifier(element, field),
            Self::OneOf(tags) if tags.contains(&element.tag) => strict::value(element, field),
            Self::OneOf(_) => Err(Problem::Tag(element.tag).of(field)),
            Self::Sequence(fields) => {
                let mut reader = Strict::within(element);
                fields.iter().try_for_each(|field| field.read(&mut reader))?;
                reader.finish(field)
            }
            Self::Choice(fields) => {
                let chosen = fields.iter().find(|field| field.tag() == Some(element.tag));
                chosen.ok_or(Problem::Tag(element.tag).of(field))?.element(element)
            }
            Self::List(shape) | Self::Set(shape) => {
                let mut reader = Strict::within(element);
                while !reader.is_empty() {
                    shape.tagged(&reader.any(field)?, field)?;
                }
                Ok(())
            }
        }
    }

    /// Whether an element with this tag could be of this type.
    fn fits(&self, tag: u8) -> bool {
        match (self, self.tag()) {
            (_, Some(own)) => own == tag,
            (Self::OneOf(tags), _) => tags.contains(&tag),
            (Self::Choice(fields), _) => fields.iter().any(|field| field.tag() == Some(tag)),
            _ => true,
        }
    }
}

impl Field {
    /// The identifier octet that it has; `None` where its type has several.
    fn tag(&self) -> Option<u8> {
        match self.tagging {
            Own => self.shape.tag(),
            Implicit(number) => self.shape.tag().map(|tag| context(number) & !CONSTRUCTED | tag & CONSTRUCTED),
            Explicit(number) => Some(context(number)),
        }
    }

    fn read(&self, reader: &mut Strict<'_>) -> Result<(), Fault> {
        let present = reader.peek().is_some_and(|tag| self.tag().map_or_else(|| self.shape.fits(tag), |own| own == tag));
        match reader.peek() {
            _ if present => self.element(&reader.any(self.name)?),
            _ if self.need == Need::Optional => Ok(()),
            Some(tag) => Err(Problem::Tag(tag).of(self.name)),
            None => Err(Problem::Missing.of(self.name)),
        }
    }

    /// The field itself, found by its tag.
    fn element(&self, element: &Element<'_>) -> Result<(), Fault> {
        if !matches!(self.tagging, Explicit(_)) {
            return self.shape.contents(element, self.name);
        }
        let mut inner = Strict::within(element);
        self.shape.tagged(&inner.any(self.name)?, self.name)?;
        inner.finish(self.name)
    }
}

/// `id-qt-cps` and `id-qt-unotice` (section 4.2.1.4).
const CPS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 2, 1];
const NOTICE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 2, 2];

fn qualifier(element: &Element<'_>, field: &'static str) -> Result<(), Fault> {
    let mut fields = Strict::within(element);
    let kind = fields.take(OBJECT_IDENTIFIER, "policyQualifierId")?;
    strict::object(&kind, field)?;
    let shape = match kind.contents {
        CPS => &Shape::Text,
        NOTICE => &USER_NOTICE,
        _ => &Shape::Any,
    };
    shape.tagged(&fields.any("qualifier")?, "qualifier")?;
    fields.finish(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_names_are_of_nine_kinds() {
        for (bytes, sound) in [
            (&b"\x30\x00"[..], true),
            (b"\x30\x03\x82\x01a", true),
            (b"\x30\x03\xa2\x01a", false),
            (b"\x30\x03\x87\x01\x0a", true),
            (b"\x30\x04\xa4\x02\x30\x00", true),
            (b"\x30\x02\xa4\x00", false),
            (b"\x30\x04\x84\x02\x30\x00", false),
            (b"\x30\x02\x89\x00", false),
            (b"\x30\x02\x88\x00", false),
            (b"\x30\x0a\xa0\x08\x06\x01\x2a\xa0\x03\x02\x01\x05", true),
            (b"\x30\x08\xa0\x06\x06\x01\x2a\x02\x01\x05", false),
            (b"\x30\x00\x05\x00", false),
        ] {
            assert_eq!(GENERAL_NAMES.check(bytes, "x").is_ok(), sound, "{bytes:02x?}");
        }
    }

    #[test]
    fn optional_fields_come_in_order() {
        let sound = |bytes: &[u8]| BASIC_CONSTRAINTS.check(bytes, "x").is_ok();
        assert!(sound(b"\x30\x00"));
        assert!(sound(b"\x30\x06\x01\x01\xff\x02\x01\x00"));
        assert!(sound(b"\x30\x03\x01\x01\x00"), "the default written out");
        assert!(sound(b"\x30\x03\x01\x01\x07"), "BER's TRUE");
        assert!(!sound(b"\x30\x06\x02\x01\x00\x01\x01\xff"));
        assert!(!sound(b"\x30\x04\x01\x02\xff\xff"));
        assert!(!sound(b"\x30\x05\x01\x01\xff\x05\x00"));
    }

    #[test]
    fn a_qualifier_is_what_it_says() {
        let notice = |tail: &[u8]| [&b"\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x02"[..], tail].concat();
        let policies = |qualifier: &[u8]| {
            let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
            let info = [&b"\x06\x01\x2a"[..], &wrap(0x30, &wrap(0x30, qualifier))].concat();
            POLICIES.check(&wrap(0x30, &wrap(0x30, &info)), "x").is_ok()
        };
        assert!(policies(&notice(b"\x30\x03\x0c\x01a")));
        assert!(!policies(&notice(b"\x30\x03\x13\x01a")), "no PrintableString");
        assert!(!policies(&notice(b"\x16\x01a")));
        assert!(policies(b"\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x01\x16\x01a"));
        assert!(policies(b"\x06\x01\x2a\x05\x00"));
    }
}
