//! The words of a recipe in rcgen's language.

use super::Error;
use super::recipe::{Constraints, Name};
use crate::model::{ExtendedKeyUsage, KeyUsage};
use rcgen::{BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};

pub(super) fn san(name: &Name) -> Result<SanType, Error> {
    let (text, kind): (_, fn(_) -> SanType) = match name {
        Name::Ip(address) => return Ok(SanType::IpAddress(*address)),
        Name::Dns(text) => (text, SanType::DnsName),
        Name::Email(text) => (text, SanType::Rfc822Name),
        Name::Uri(text) => (text, SanType::URI),
    };
    text.as_str().try_into().map(kind).map_err(|cause| Error::Name { name: text.as_str().into(), cause })
}

pub(super) fn is_ca(constraints: Constraints) -> IsCa {
    match constraints {
        Constraints::Absent => IsCa::NoCa,
        Constraints::EndEntity => IsCa::ExplicitNoCa,
        Constraints::Authority(None) => IsCa::Ca(BasicConstraints::Unconstrained),
        Constraints::Authority(Some(most)) => IsCa::Ca(BasicConstraints::Constrained(most)),
    }
}

/// Basic constraints on their own: rcgen's `is_ca` cannot write them without a subject key identifier.
pub(super) fn basic_constraints(constraints: Constraints) -> Option<CustomExtension> {
    let contents = match constraints {
        Constraints::Absent => return None,
        Constraints::EndEntity => vec![0x30, 0],
        Constraints::Authority(None) => vec![0x30, 3, 0x01, 1, 0xff],
        Constraints::Authority(Some(most @ 0..=127)) => vec![0x30, 6, 0x01, 1, 0xff, 0x02, 1, most],
        Constraints::Authority(Some(most)) => vec![0x30, 7, 0x01, 1, 0xff, 0x02, 2, 0, most],
    };
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 19], contents);
    extension.set_criticality(true);
    Some(extension)
}

pub(super) fn key_usages(usage: KeyUsage) -> Vec<KeyUsagePurpose> {
    /// In the order of the bits (RFC 5280 section 4.2.1.3).
    const PURPOSES: [KeyUsagePurpose; 9] = [
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DataEncipherment,
        KeyUsagePurpose::KeyAgreement,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::EncipherOnly,
        KeyUsagePurpose::DecipherOnly,
    ];
    PURPOSES.iter().enumerate().filter(|(bit, _)| usage.0 & (1 << bit) != 0).map(|(_, purpose)| *purpose).collect()
}

pub(super) fn purpose(usage: &ExtendedKeyUsage) -> Result<ExtendedKeyUsagePurpose, Error> {
    Ok(match usage {
        ExtendedKeyUsage::Any => ExtendedKeyUsagePurpose::Any,
        ExtendedKeyUsage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsage::CodeSigning => ExtendedKeyUsagePurpose::CodeSigning,
        ExtendedKeyUsage::EmailProtection => ExtendedKeyUsagePurpose::EmailProtection,
        ExtendedKeyUsage::TimeStamping => ExtendedKeyUsagePurpose::TimeStamping,
        ExtendedKeyUsage::OcspSigning => ExtendedKeyUsagePurpose::OcspSigning,
        ExtendedKeyUsage::Other(oid) => {
            let parts = oid.split('.').map(str::parse).collect::<Result<_, _>>();
            ExtendedKeyUsagePurpose::Other(parts.map_err(|_| Error::Oid(oid.clone()))?)
        }
    })
}
