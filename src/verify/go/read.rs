//! What ParseCertificate refuses, release by release: an end entity that breaks one of these rules is an error, any other certificate is
//! as if it were not there (`AppendCertsFromPEM` passes over it).

use super::super::Reason;
use super::super::rule::{Enforcer, Fault, Rule, Scope, Trail};
use super::facts::{Breach, facts};
use super::rules::rule;

use Reason::{Malformed, SanMalformed};
use Scope::Read;

/// The rules of reading.
#[rustfmt::skip]
pub(in super::super) const RULES: &[Rule] = &[
    rule("go/encoding", Malformed, "crypto/x509 ParseCertificate: encoding/asn1 until Go 1.16, cryptobyte since",
        &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Encoding)),
    rule("go/trailing-data", Malformed, "crypto/x509 ParseCertificate: trailing data", &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Trailing)),
    rule("go/version", Malformed, "Go 1.17 crypto/x509 parser.go (golang/go#50518); RFC 5280 section 4.1.2.1",
        &[Enforcer::go(17, 0)], Read, |trail| refused(trail, Breach::Version)),
    rule("go/negative-serial", Malformed, "Go 1.23 release notes, GODEBUG x509negativeserial=1; RFC 5280 section 4.1.2.2",
        &[Enforcer::go_unless(23, 0, "x509negativeserial=1")], Read, |trail| refused(trail, Breach::NegativeSerial)),
    rule("go/algorithms-differ", Malformed, "Go 1.17 crypto/x509 parser.go; RFC 5280 section 4.1.1.2",
        &[Enforcer::go(17, 0)], Read, |trail| refused(trail, Breach::AlgorithmsDiffer)),
    rule("go/oid", Malformed, "encoding/asn1.ObjectIdentifier: arcs of 31 bits; X.690 section 8.19",
        &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Oid)),
    rule("go/padded-oid", Malformed,
        "encoding/asn1 until Go 1.16, golang.org/x/crypto/cryptobyte in Go 1.21; X.690 section 8.19.2",
        &[Enforcer::go_until((15, 0), (17, 0)), Enforcer::go(21, 0)], Read, |trail| refused(trail, Breach::PaddedOid)),
    rule("go/large-oid", Malformed, "golang/go#49678, mended in Go 1.17.6",
        &[Enforcer::go_until((17, 0), (17, 6))], Read, |trail| refused(trail, Breach::LargeOid)),
    rule("go/large-policy-oid", Malformed, "crypto/x509 until Go 1.21; x509.OID since Go 1.22 (golang/go#60665)",
        &[Enforcer::go_until((15, 0), (22, 0))], Read, |trail| refused(trail, Breach::LargePolicyOid)),
    rule("go/name-text", Malformed, "crypto/x509 parseASN1String; X.680 section 41", &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::NameText)),
    rule("go/name-character", Malformed, "Go 1.25 release notes, crypto/x509: BMPString",
        &[Enforcer::go(25, 0)], Read, |trail| refused(trail, Breach::NameCharacter)),
    rule("go/name-type", Malformed, "Go 1.17 crypto/x509 parser.go (golang/go#48171), lifted in Go 1.27",
        &[Enforcer::go_until((17, 0), (27, 0))], Read, |trail| refused(trail, Breach::NameType)),
    rule("go/name-value", Malformed, "Go 1.27 crypto/x509 readASN1Any", &[Enforcer::go(27, 0)], Read, |trail| refused(trail, Breach::NameValue)),
    rule("go/key", Malformed, "crypto/x509 parsePublicKey; RFC 3279 section 2.3, RFC 5480 section 2, RFC 8410 section 4",
        &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Key)),
    rule("go/duplicate-extension", Malformed, "Go 1.19 release notes, crypto/x509; RFC 5280 section 4.2",
        &[Enforcer::go(19, 0)], Read, |trail| refused(trail, Breach::DuplicateExtension)),
    rule("go/extension", Malformed, "crypto/x509 processExtensions; RFC 5280 section 4.2",
        &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Extension)),
    rule("go/policy-extension", Malformed, "Go 1.24 crypto/x509 processExtensions; RFC 5280 sections 4.2.1.5, 4.2.1.11, 4.2.1.14",
        &[Enforcer::go(24, 0)], Read, |trail| refused(trail, Breach::PolicyExtension)),
    rule("go/negative-path-length", Malformed, "Go 1.25 release notes, crypto/x509; RFC 5280 section 4.2.1.9",
        &[Enforcer::go(25, 0)], Read, |trail| refused(trail, Breach::NegativePathLength)),
    rule("go/name-not-ascii", SanMalformed, "Go 1.16 release notes, crypto/x509: IA5String; RFC 5280 section 4.2.1.6",
        &[Enforcer::go(16, 0)], Read, |trail| refused(trail, Breach::NameNotAscii)),
    rule("go/name", SanMalformed, "crypto/x509 parseSANExtension; RFC 5280 section 4.2.1.6",
        &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Name)),
    rule("go/name-leading-dot", SanMalformed, "Go 1.23 crypto/x509 domainToReverseLabels",
        &[Enforcer::go(23, 0)], Read, |trail| refused(trail, Breach::NameLeadingDot)),
    rule("go/name-strict", SanMalformed,
        "CVE-2025-58187 in Go 1.24.8 and 1.25.2, taken back in 1.24.9 and 1.25.3 (golang/go#75828)",
        &[Enforcer::go_until((24, 8), (24, 9)), Enforcer::go_until((25, 2), (25, 3))], Read, |trail| refused(trail, Breach::NameStrict)),
    rule("go/mapped-address", SanMalformed, "Go 1.27 crypto/x509 parser.go; RFC 5280 sections 4.2.1.6, 4.2.1.10",
        &[Enforcer::go(27, 0)], Read, |trail| refused(trail, Breach::MappedAddress)),
    rule("go/constraint", Malformed, "crypto/x509 parseNameConstraintsExtension; RFC 5280 section 4.2.1.10",
        &[Enforcer::go(15, 0)], Read, |trail| refused(trail, Breach::Constraint)),
    rule("go/constraint-character", Malformed,
        "crypto/x509 parseNameConstraintsExtension, but for Go 1.24.8 and 1.25.2; RFC 5280 section 4.2.1.10",
        &[Enforcer::go_until((15, 0), (24, 8)), Enforcer::go_until((24, 9), (25, 2)), Enforcer::go(25, 3)], Read, |trail| refused(trail, Breach::ConstraintCharacter)),
    rule("go/constraint-leading-dots", Malformed, "Go 1.23 crypto/x509 domainToReverseLabels; RFC 5280 section 4.2.1.10",
        &[Enforcer::go(23, 0)], Read, |trail| refused(trail, Breach::ConstraintLeadingDots)),
    rule("go/constraint-dot", Malformed, "Go 1.24.8 and 1.25.2 crypto/x509 domainNameValid; RFC 5280 section 4.2.1.10",
        &[Enforcer::go_until((24, 8), (25, 0)), Enforcer::go(25, 2)], Read, |trail| refused(trail, Breach::ConstraintDot)),
    rule("go/constraint-strict", Malformed,
        "CVE-2025-58187 in Go 1.24.8 and 1.25.2, taken back in 1.24.9 and 1.25.3 (golang/go#75828)",
        &[Enforcer::go_until((24, 8), (24, 9)), Enforcer::go_until((25, 2), (25, 3))], Read, |trail| refused(trail, Breach::ConstraintStrict)),
    rule("go/critical-hint", Malformed, "Go 1.23 crypto/x509 parser.go; RFC 5280 sections 4.2.1.1, 4.2.1.2, 4.2.2.1",
        &[Enforcer::go(23, 0)], Read, |trail| refused(trail, Breach::Critical)),
    rule("go/duplicate-policy", Malformed, "Go 1.24 crypto/x509 parseCertificatePoliciesExtension; RFC 5280 section 4.2.1.4",
        &[Enforcer::go(24, 0)], Read, |trail| refused(trail, Breach::DuplicatePolicy)),
];

/// Whether the parser found this in the certificate reached last.
fn refused(trail: &Trail<'_, '_>, breach: Breach) -> Result<(), Fault> {
    let found = facts(trail.case, trail.last());
    match found.breaches.iter().find(|(kind, _)| *kind == breach) {
        Some((_, message)) => Err(Fault { at: trail.members.len().saturating_sub(1), message: message.clone() }),
        None => Ok(()),
    }
}
