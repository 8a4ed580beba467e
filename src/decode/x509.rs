//! Certificates (RFC 5280 section 4): DER → [`Certificate`].
//!
//! Every field is read on its own, by `crate::der`. A certificate is refused only when one of the fields that make it one (names,
//! validity, key) cannot be found; an extension that does not decode is listed with its reason and the rest still stands. General
//! X.509 parsers stop at the first bad field, and a certificate that a cluster runs on would then be missing from the report.

use super::{algorithm, name};
use crate::der::{
    self, BIT_STRING, BOOLEAN, Element, Fault, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Problem, Reader, SEQUENCE,
};
use crate::model::certificate::CertificateDer;
use crate::model::{
    BasicConstraints, Certificate, DistinguishedName, ExtendedKeyUsage, GeneralName, KeyUsage, Serial, Sha256, Validity,
};
use time::OffsetDateTime;

/// Decodes a certificate; `id` is the SHA-256 of its encoding, which callers have at hand, and perhaps its issuer's name.
pub(super) fn certificate(
    certificate: &Element<'_>,
    id: Sha256,
    issuer: &dyn Fn(&Element<'_>) -> Result<DistinguishedName, Fault>,
) -> Result<Certificate, Fault> {
    // Offsets count from the certificate itself, wherever it was cut from.
    let certificate = Reader::new(certificate.raw).take(SEQUENCE, "Certificate")?;
    let mut parts = certificate.children();
    let tbs = parts.take(SEQUENCE, "tbsCertificate")?;
    let signature_algorithm = parts.take(SEQUENCE, "signatureAlgorithm")?;
    let (_, signature) = parts.take(BIT_STRING, "signatureValue")?.bits();

    let mut fields = tbs.children();
    fields.optional(der::context(0), "version")?;
    let serial = fields.take(INTEGER, "serialNumber")?;
    fields.take(SEQUENCE, "signature")?;
    let issuer = issuer(&fields.take(SEQUENCE, "issuer")?)?;
    let validity = validity(&fields.take(SEQUENCE, "validity")?)?;
    let subject = name::distinguished(&fields.take(SEQUENCE, "subject")?)?;
    let spki = fields.take(SEQUENCE, "subjectPublicKeyInfo")?;
    let public_key = algorithm::public_key(&spki)?;
    let extensions = Extensions::of_certificate(fields);

    Ok(Certificate {
        id,
        subject,
        issuer,
        serial: Serial(serial.contents.into()),
        validity,
        public_key,
        signature_algorithm: algorithm::signature(&signature_algorithm)?,
        sans: extensions.sans,
        basic_constraints: extensions.basic_constraints,
        key_usage: extensions.key_usage,
        extended_key_usage: extensions.extended_key_usage,
        subject_key_id: extensions.subject_key_id,
        authority_key_id: extensions.authority_key_id,
        malformed_extensions: extensions.malformed,
        der: CertificateDer {
            bytes: certificate.raw.into(),
            tbs: tbs.range(),
            spki: spki.range(),
            signature,
            signature_algorithm: signature_algorithm.range(),
            trailing: 0,
        },
    })
}

fn validity(validity: &Element<'_>) -> Result<Validity, Fault> {
    let mut times = validity.children();
    Ok(Validity { not_before: time(&mut times, "notBefore")?, not_after: time(&mut times, "notAfter")? })
}

/// The next element as a Time.
pub(super) fn time(fields: &mut Reader<'_>, field: &'static str) -> Result<OffsetDateTime, Fault> {
    der::time(&fields.any(field)?).ok_or(Problem::Value.of(field))
}

/// The extensions that kcert reads, of a certificate or asked for in a certification request.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) sans: Vec<GeneralName>,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
    extended_key_usage: Option<Vec<ExtendedKeyUsage>>,
    subject_key_id: Option<Box<[u8]>>,
    authority_key_id: Option<Box<[u8]>>,
    malformed: Vec<(Box<str>, Box<str>)>,
}

/// Reads the value of one extension. What was understood before a fault stays.
type Read = fn(&mut Extensions, &mut Reader<'_>) -> Result<(), Fault>;

/// Dotted OID → reader (RFC 5280 section 4.2.1).
const EXTENSIONS: [(&str, Read); 6] = [
    ("2.5.29.14", subject_key_identifier),
    ("2.5.29.15", key_usage),
    ("2.5.29.17", subject_alternative_name),
    ("2.5.29.19", basic_constraints),
    ("2.5.29.35", authority_key_identifier),
    ("2.5.29.37", extended_key_usage),
];

impl Extensions {
    /// Reads what follows the key in a TBSCertificate: unique identifiers, which nobody uses, and the extensions.
    fn of_certificate(mut fields: Reader<'_>) -> Self {
        while let Ok(field) = fields.any("extensions") {
            if field.tag == der::context(3) {
                return Self::read(&mut field.children());
            }
        }
        Self::default()
    }

    /// Reads an Extensions. Of two with the same OID the first counts; RFC 5280 forbids the second.
    pub(super) fn read(value: &mut Reader<'_>) -> Self {
        let mut extensions = Self::default();
        let mut seen = [false; EXTENSIONS.len()];
        let outcome = value.take(SEQUENCE, "Extensions").and_then(|list| {
            let mut list = list.children();
            while !list.is_empty() {
                extensions.extension(&list.take(SEQUENCE, "Extension")?, &mut seen)?;
            }
            Ok(())
        });
        if let Err(fault) = outcome {
            extensions.malformed.push(("unknown".into(), fault.to_string().into()));
        }
        // Most have one name: a vector makes room for four.
        extensions.sans.shrink_to_fit();
        extensions
    }

    fn extension(&mut self, extension: &Element<'_>, seen: &mut [bool; EXTENSIONS.len()]) -> Result<(), Fault> {
        let mut fields = extension.children();
        let oid = der::dotted(fields.take(OBJECT_IDENTIFIER, "extnID")?.contents);
        fields.optional(BOOLEAN, "critical")?;
        let mut known = EXTENSIONS.iter().zip(seen.iter_mut()).filter(|((known, _), seen)| *known == oid && !**seen);
        let Some(((_, read), seen)) = known.next() else { return Ok(()) };
        *seen = true;
        let outcome = fields.take(OCTET_STRING, "extnValue").and_then(|value| {
            let mut value = value.children();
            read(self, &mut value)?;
            if value.is_empty() { Ok(()) } else { Err(Problem::Trailing.of("extnValue")) }
        });
        if let Err(fault) = outcome {
            self.malformed.push((oid.into(), fault.to_string().into()));
        }
        Ok(())
    }
}

fn subject_key_identifier(out: &mut Extensions, value: &mut Reader<'_>) -> Result<(), Fault> {
    out.subject_key_id = Some(value.take(OCTET_STRING, "SubjectKeyIdentifier")?.contents.into());
    Ok(())
}

/// Only the key identifier; issuer and serial of the other form are hints that nobody needs.
fn authority_key_identifier(out: &mut Extensions, value: &mut Reader<'_>) -> Result<(), Fault> {
    const KEY_IDENTIFIER: u8 = 0x80;
    let mut fields = value.take(SEQUENCE, "AuthorityKeyIdentifier")?.children();
    out.authority_key_id = fields.optional(KEY_IDENTIFIER, "keyIdentifier")?.map(|identifier| identifier.contents.into());
    Ok(())
}

/// A named-bit list: bit 0 is the most significant of the first octet.
fn key_usage(out: &mut Extensions, value: &mut Reader<'_>) -> Result<(), Fault> {
    let (bits, _) = value.take(BIT_STRING, "KeyUsage")?.bits();
    let octet = |at: usize| bits.get(at).map_or(0, |octet| u16::from(octet.reverse_bits()));
    let named = (1 << KeyUsage::NAMES.len()) - 1;
    out.key_usage = Some(KeyUsage((octet(0) | octet(1) << 8) & named));
    Ok(())
}

fn basic_constraints(out: &mut Extensions, value: &mut Reader<'_>) -> Result<(), Fault> {
    let mut fields = value.take(SEQUENCE, "BasicConstraints")?.children();
    let ca = fields.optional(BOOLEAN, "cA")?.is_some_and(|ca| ca.contents.iter().any(|octet| *octet != 0));
    let constraints = out.basic_constraints.insert(BasicConstraints { ca, path_len: None });
    if let Some(number) = fields.optional(INTEGER, "pathLenConstraint")? {
        constraints.path_len = Some(path_length(number.contents).ok_or(Problem::Value.of("pathLenConstraint"))?);
    }
    Ok(())
}

/// INTEGER (0..MAX); what is beyond 32 bits constrains nothing.
fn path_length(contents: &[u8]) -> Option<u32> {
    let negative = contents.first()? & 0x80 != 0;
    let length = if der::bit_length(contents) > u32::BITS {
        u32::MAX
    } else {
        contents.iter().fold(0_u32, |length, octet| length << 8 | u32::from(*octet))
    };
    (!negative).then_some(length)
}

/// Dotted OID → purpose (RFC 5280 section 4.2.1.12).
fn purpose(oid: String) -> ExtendedKeyUsage {
    match oid.as_str() {
        "1.3.6.1.5.5.7.3.1" => ExtendedKeyUsage::ServerAuth,
        "1.3.6.1.5.5.7.3.2" => ExtendedKeyUsage::ClientAuth,
        "1.3.6.1.5.5.7.3.3" => ExtendedKeyUsage::CodeSigning,
        "1.3.6.1.5.5.7.3.4" => ExtendedKeyUsage::EmailProtection,
        "1.3.6.1.5.5.7.3.8" => ExtendedKeyUsage::TimeStamping,
        "1.3.6.1.5.5.7.3.9" => ExtendedKeyUsage::OcspSigning,
        "2.5.29.37.0" => ExtendedKeyUsage::Any,
        _ => ExtendedKeyUsage::Other(oid.into()),
    }
}

fn extended_key_usage(out: &mut Extensions, value: &mut Reader<'_>) -> Result<(), Fault> {
    const MOST: usize = 1_000;
    let mut purposes = value.take(SEQUENCE, "ExtKeyUsageSyntax")?.children();
    let list = out.extended_key_usage.insert(Vec::new());
    while !purposes.is_empty() && list.len() < MOST {
        list.push(purpose(der::dotted(purposes.take(OBJECT_IDENTIFIER, "KeyPurposeId")?.contents)));
    }
    Ok(())
}

fn subject_alternative_name(out: &mut Extensions, value: &mut Reader<'_>) -> Result<(), Fault> {
    name::general_names(&value.take(SEQUENCE, "SubjectAltName")?, &mut out.sans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::samples;
    use std::net::Ipv4Addr;

    fn decode(der: &[u8]) -> Result<Certificate, Fault> {
        certificate(&Reader::new(der).take(SEQUENCE, "Certificate")?, Sha256([0; 32]), &name::distinguished)
    }

    /// The sample with the first occurrence of some bytes replaced by as many others.
    fn altered(from: &[u8], to: &[u8]) -> Result<Certificate, Fault> {
        let mut der = samples::der(samples::CERTIFICATE);
        let at = memchr::memmem::find(&der, from).unwrap();
        der[at..at + from.len()].copy_from_slice(to);
        decode(&der)
    }

    #[test]
    fn ranges_cut_out_the_parts() {
        let der = decode(&samples::der(samples::CERTIFICATE)).unwrap().der;
        assert_eq!((der.tbs, der.spki.clone(), der.signature_algorithm, der.signature), (4..323, 133..224, 323..335, 338..408));
        assert_eq!(super::super::crypto::sha256(&der.bytes[der.spki]).to_string(), samples::SPKI);
    }

    #[test]
    fn ranges_count_from_the_certificate_in_a_bundle() {
        let two = samples::der(samples::CERTIFICATE).repeat(2);
        let mut reader = Reader::new(&two);
        reader.any("first").unwrap();
        let second = certificate(&reader.any("second").unwrap(), Sha256([0; 32]), &name::distinguished).unwrap();
        assert_eq!((second.der.tbs, second.der.bytes.len()), (4..323, 408));
    }

    #[test]
    fn odd_certificates_are_read_all_the_same() {
        let odd_version = altered(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7f").unwrap();
        assert_eq!(odd_version.serial.hex(), "5a01");
        assert_eq!(altered(b"\x5a\x01", b"\xff\x01").unwrap().serial.hex(), "-ff");
        assert_eq!(altered(b"\x02\x02\x5a\x01", b"\x02\x02\0\0").unwrap().serial.hex(), "00");
        let reversed = altered(b"21261029033218Z", b"19261029033218Z").unwrap();
        assert!(reversed.validity.not_after < reversed.validity.not_before);
        let offset = altered(b"261122033218Z", b"261122+033218").unwrap_err();
        assert_eq!(offset.to_string(), "notBefore has a value that means nothing");
        let unknown_key = altered(b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x7f").unwrap();
        assert_eq!(unknown_key.public_key.to_string(), "1.2.840.10045.2.127");
        assert!(altered(b"\x01\x01\xff\x02\x01\x01", b"\x01\x01\x01\x02\x01\x01").unwrap().is_ca(), "BER's TRUE");
    }

    #[test]
    fn a_malformed_extension_spoils_only_itself() {
        let certificate = altered(b"\x03\x02\x02\x84", b"\x03\x05\x02\x84").unwrap();
        let reason = (Box::from("2.5.29.15"), Box::from("KeyUsage ends early"));
        assert_eq!((certificate.key_usage, certificate.malformed_extensions), (None, vec![reason]));
        assert_eq!(certificate.basic_constraints, Some(BasicConstraints { ca: true, path_len: Some(1) }));
        assert_eq!(certificate.sans.len(), 2);

        let negative = altered(b"\x02\x01\x01\x30\x0e", b"\x02\x01\xff\x30\x0e").unwrap();
        assert_eq!(negative.malformed_extensions.len(), 1);
        assert!(negative.is_ca(), "what was understood stays");

        let address = altered(b"\x87\x04\x0a\0\0\x01", b"\x87\x03\x0a\0\0\x01").unwrap();
        assert_eq!(address.sans[1], GeneralName::Malformed { tag: 7, value: [10, 0, 0].into() });
        assert_eq!(address.malformed_extensions.len(), 1, "one octet is left over");
    }

    #[test]
    fn of_two_extensions_the_first_counts() {
        let certificate = altered(b"\x55\x1d\x0f", b"\x55\x1d\x13").unwrap();
        assert_eq!(certificate.basic_constraints, Some(BasicConstraints { ca: true, path_len: Some(1) }));
        assert!(certificate.malformed_extensions.is_empty());
        assert_eq!(certificate.sans, [GeneralName::Dns("a.example".into()), GeneralName::Ip(Ipv4Addr::new(10, 0, 0, 1).into())]);
    }

    #[test]
    fn path_lengths_beyond_measure_constrain_nothing() {
        assert_eq!(path_length(&[0, 0xff, 0xff, 0xff, 0xff]), Some(u32::MAX));
        assert_eq!(path_length(&[1, 0, 0, 0, 0]), Some(u32::MAX));
        assert_eq!(path_length(&[0x80]), None);
        assert_eq!(path_length(&[]), None);
    }
}
