//! The structures of RFC 5280 as OpenSSL's templates have them (crypto/x509/x_*.c and v3_*.c): a little wider than the standard.

use super::asn1::{Field, Shape};

const ANY: Shape = Shape::Any;
const BOOLEAN: Shape = Shape::Universal(1);
/// An INTEGER without padding.
pub(in crate::verify) const INTEGER: Shape = Shape::Universal(2);
/// A BIT STRING.
pub(in crate::verify) const BIT_STRING: Shape = Shape::Universal(3);
/// An OCTET STRING.
pub(in crate::verify) const OCTET_STRING: Shape = Shape::Universal(4);
const NULL: Shape = Shape::Universal(5);
const OBJECT_IDENTIFIER: Shape = Shape::Universal(6);
/// An ENUMERATED: a CRL reason.
pub(in crate::verify) const ENUMERATED: Shape = Shape::Universal(10);
const SEQUENCE: Shape = Shape::Universal(16);
const IA5_STRING: Shape = Shape::Universal(22);
/// UTCTime or GeneralizedTime, whatever stands in it.
const TIME: Shape = Shape::OneOf(&[23, 24]);
/// `B_ASN1_PRINTABLE`: UTF8String, NumericString, PrintableString, T61String, IA5String, UniversalString, BMPString, BIT STRING,
/// SEQUENCE, and what OpenSSL has no name for.
const ATTRIBUTE_VALUE: Shape = Shape::OneOf(&[3, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 28, 29, 30]);
/// `B_ASN1_DIRECTORYSTRING`.
const DIRECTORY_STRING: Shape = Shape::OneOf(&[12, 19, 20, 28, 30]);

const ATTRIBUTE: Shape = Shape::Sequence(&[Field::of(&OBJECT_IDENTIFIER), Field::of(&ATTRIBUTE_VALUE)]);
/// RelativeDistinguishedName.
pub(super) const RDN: Shape = Shape::SetOf(&ATTRIBUTE);

const ALGORITHM_IDENTIFIER: Shape = Shape::Sequence(&[Field::of(&OBJECT_IDENTIFIER), Field::of(&ANY).optional()]);
const VALIDITY: Shape = Shape::Sequence(&[Field::of(&TIME), Field::of(&TIME)]);
/// SubjectPublicKeyInfo.
pub(in crate::verify) const SPKI: Shape = Shape::Sequence(&[Field::of(&ALGORITHM_IDENTIFIER), Field::of(&BIT_STRING)]);
const EXTENSION: Shape =
    Shape::Sequence(&[Field::of(&OBJECT_IDENTIFIER), Field::of(&BOOLEAN).optional(), Field::of(&OCTET_STRING)]);
const EXTENSIONS: Shape = Shape::SequenceOf(&EXTENSION);

const TBS_CERTIFICATE: Shape = Shape::Sequence(&[
    Field::explicit(0, &INTEGER).optional(),
    Field::of(&INTEGER),
    Field::of(&ALGORITHM_IDENTIFIER),
    Field::of(&Shape::Name),
    Field::of(&VALIDITY),
    Field::of(&Shape::Name),
    Field::of(&SPKI),
    Field::implicit(1, &BIT_STRING).optional(),
    Field::implicit(2, &BIT_STRING).optional(),
    Field::explicit(3, &EXTENSIONS).optional(),
]);

/// Certificate.
pub(in crate::verify) const CERTIFICATE: Shape =
    Shape::Sequence(&[Field::of(&TBS_CERTIFICATE), Field::of(&ALGORITHM_IDENTIFIER), Field::of(&BIT_STRING)]);

const OTHER_NAME: Shape = Shape::Sequence(&[Field::of(&OBJECT_IDENTIFIER), Field::explicit(0, &ANY)]);
const EDI_PARTY_NAME: Shape =
    Shape::Sequence(&[Field::explicit(0, &DIRECTORY_STRING).optional(), Field::explicit(1, &DIRECTORY_STRING)]);
const GENERAL_NAME: Shape = Shape::Choice(&[
    Field::implicit(0, &OTHER_NAME),
    Field::implicit(1, &IA5_STRING),
    Field::implicit(2, &IA5_STRING),
    Field::implicit(3, &SEQUENCE),
    Field::explicit(4, &Shape::Name),
    Field::implicit(5, &EDI_PARTY_NAME),
    Field::implicit(6, &IA5_STRING),
    Field::implicit(7, &OCTET_STRING),
    Field::implicit(8, &OBJECT_IDENTIFIER),
]);
/// GeneralNames.
pub(in crate::verify) const GENERAL_NAMES: Shape = Shape::SequenceOf(&GENERAL_NAME);

/// BasicConstraints.
pub(in crate::verify) const BASIC_CONSTRAINTS: Shape =
    Shape::Sequence(&[Field::of(&BOOLEAN).optional(), Field::of(&INTEGER).optional()]);
/// ExtKeyUsageSyntax.
pub(in crate::verify) const EXTENDED_KEY_USAGE: Shape = Shape::SequenceOf(&OBJECT_IDENTIFIER);
/// AuthorityKeyIdentifier.
pub(in crate::verify) const AUTHORITY_KEY_ID: Shape = Shape::Sequence(&[
    Field::implicit(0, &OCTET_STRING).optional(),
    Field::implicit(1, &GENERAL_NAMES).optional(),
    Field::implicit(2, &INTEGER).optional(),
]);

const SUBTREE: Shape = Shape::Sequence(&[
    Field::of(&GENERAL_NAME),
    Field::implicit(0, &INTEGER).optional(),
    Field::implicit(1, &INTEGER).optional(),
]);
const SUBTREES: Shape = Shape::SequenceOf(&SUBTREE);
/// NameConstraints.
pub(in crate::verify) const NAME_CONSTRAINTS: Shape =
    Shape::Sequence(&[Field::implicit(0, &SUBTREES).optional(), Field::implicit(1, &SUBTREES).optional()]);

const DISTRIBUTION_POINT_NAME: Shape =
    Shape::Choice(&[Field::implicit(0, &GENERAL_NAMES), Field::implicit(1, &Shape::SetOf(&ATTRIBUTE))]);
const DISTRIBUTION_POINT: Shape = Shape::Sequence(&[
    Field::explicit(0, &DISTRIBUTION_POINT_NAME).optional(),
    Field::implicit(1, &BIT_STRING).optional(),
    Field::implicit(2, &GENERAL_NAMES).optional(),
]);
/// CRLDistributionPoints.
pub(in crate::verify) const DISTRIBUTION_POINTS: Shape = Shape::SequenceOf(&DISTRIBUTION_POINT);

const PROXY_POLICY: Shape = Shape::Sequence(&[Field::of(&OBJECT_IDENTIFIER), Field::of(&OCTET_STRING).optional()]);
/// ProxyCertInfo (RFC 3820).
pub(in crate::verify) const PROXY_CERT_INFO: Shape = Shape::Sequence(&[Field::of(&INTEGER).optional(), Field::of(&PROXY_POLICY)]);

const ADDRESS_RANGE: Shape = Shape::Sequence(&[Field::of(&BIT_STRING), Field::of(&BIT_STRING)]);
const ADDRESS_OR_RANGE: Shape = Shape::Choice(&[Field::of(&BIT_STRING), Field::of(&ADDRESS_RANGE)]);
const ADDRESS_CHOICE: Shape = Shape::Choice(&[Field::of(&NULL), Field::of(&Shape::SequenceOf(&ADDRESS_OR_RANGE))]);
const ADDRESS_FAMILY: Shape = Shape::Sequence(&[Field::of(&OCTET_STRING), Field::of(&ADDRESS_CHOICE)]);
/// IPAddrBlocks (RFC 3779).
pub(in crate::verify) const ADDRESS_BLOCKS: Shape = Shape::SequenceOf(&ADDRESS_FAMILY);
const AS_RANGE: Shape = Shape::Sequence(&[Field::of(&INTEGER), Field::of(&INTEGER)]);
const AS_ID_OR_RANGE: Shape = Shape::Choice(&[Field::of(&INTEGER), Field::of(&AS_RANGE)]);
const AS_CHOICE: Shape = Shape::Choice(&[Field::of(&NULL), Field::of(&Shape::SequenceOf(&AS_ID_OR_RANGE))]);
/// ASIdentifiers (RFC 3779).
pub(in crate::verify) const AS_IDENTIFIERS: Shape =
    Shape::Sequence(&[Field::explicit(0, &AS_CHOICE).optional(), Field::explicit(1, &AS_CHOICE).optional()]);

const REVOKED: Shape = Shape::Sequence(&[Field::of(&INTEGER), Field::of(&TIME), Field::of(&EXTENSIONS).optional()]);
const TBS_CERT_LIST: Shape = Shape::Sequence(&[
    Field::of(&INTEGER).optional(),
    Field::of(&ALGORITHM_IDENTIFIER),
    Field::of(&Shape::Name),
    Field::of(&TIME),
    Field::of(&TIME).optional(),
    Field::of(&Shape::SequenceOf(&REVOKED)).optional(),
    Field::explicit(0, &EXTENSIONS).optional(),
]);
/// CertificateList.
pub(in crate::verify) const CERTIFICATE_LIST: Shape =
    Shape::Sequence(&[Field::of(&TBS_CERT_LIST), Field::of(&ALGORITHM_IDENTIFIER), Field::of(&BIT_STRING)]);
/// IssuingDistributionPoint.
pub(in crate::verify) const ISSUING_DISTRIBUTION_POINT: Shape = Shape::Sequence(&[
    Field::explicit(0, &DISTRIBUTION_POINT_NAME).optional(),
    Field::implicit(1, &BOOLEAN).optional(),
    Field::implicit(2, &BOOLEAN).optional(),
    Field::implicit(3, &BIT_STRING).optional(),
    Field::implicit(4, &BOOLEAN).optional(),
    Field::implicit(5, &BOOLEAN).optional(),
]);
