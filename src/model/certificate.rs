//! A certificate: owned facts and the DER they were read from (RFC 5280 section 4).

use super::digest::Hex;
use super::{DistinguishedName, GeneralName, PublicKey, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use time::{Duration, OffsetDateTime};

/// Everything kcert knows of one certificate. Two certificates are the same when their `id` is.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// SHA-256 of the DER: the identity.
    pub id: Sha256,
    /// The subject.
    pub subject: DistinguishedName,
    /// The issuer.
    pub issuer: DistinguishedName,
    /// The serial number.
    pub serial: Serial,
    /// When it is valid.
    pub validity: Validity,
    /// The subject's key.
    pub public_key: PublicKey,
    /// The algorithm that the issuer signed with.
    pub signature_algorithm: SignatureAlgorithm,
    /// Subject alternative names, in order; empty without the extension.
    pub sans: Vec<GeneralName>,
    /// Basic constraints (section 4.2.1.9), if present.
    pub basic_constraints: Option<BasicConstraints>,
    /// Key usage (section 4.2.1.3), if present.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usage (section 4.2.1.12), if present; present and empty is possible and differs between verifiers.
    pub extended_key_usage: Option<Vec<ExtendedKeyUsage>>,
    /// Subject key identifier (section 4.2.1.2): a hint for building paths, never proof.
    pub subject_key_id: Option<Box<[u8]>>,
    /// The key identifier in the authority key identifier (section 4.2.1.1): a hint likewise.
    pub authority_key_id: Option<Box<[u8]>>,
    /// Dotted OIDs of extensions whose contents could not be decoded, with what was wrong.
    pub malformed_extensions: Vec<(Box<str>, Box<str>)>,
    /// The encoding and the parts of it that others verify.
    pub der: CertificateDer,
}

/// The DER of a certificate with the ranges of the parts that a signature check needs.
#[derive(Clone, Debug)]
pub struct CertificateDer {
    /// The whole certificate.
    pub bytes: Box<[u8]>,
    /// TBSCertificate, header included: what is signed.
    pub tbs: Range<usize>,
    /// SubjectPublicKeyInfo, header included.
    pub spki: Range<usize>,
    /// The contents of the BIT STRING `signatureValue`, without its unused-bits octet.
    pub signature: Range<usize>,
    /// The outer `signatureAlgorithm`, header included: parameters matter for RSASSA-PSS.
    pub signature_algorithm: Range<usize>,
    /// How many bytes stood behind the certificate in its PEM block, where none belong: Go reads no such block (`x509: trailing data`).
    pub trailing: usize,
}

impl Certificate {
    /// Whether basic constraints say that the subject is a CA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Whether subject and issuer are the same name, byte for byte. Self-issued is not yet self-signed (RFC 5280 section 3.2).
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject.der() == self.issuer.der()
    }

    /// Whether the extended key usage allows this: absent allows all (RFC 5280 section 4.2.1.12), `any` too.
    #[must_use]
    pub fn allows(&self, wanted: &ExtendedKeyUsage) -> bool {
        self.extended_key_usage
            .as_ref()
            .is_none_or(|list| list.iter().any(|usage| usage == wanted || *usage == ExtendedKeyUsage::Any))
    }

    /// The user that the API server would see, if it took this as a client certificate: the common name, unless this is a CA or
    /// may not be a client (kubernetes/apiserver, authentication/request/x509: `CommonNameUserConversion`).
    #[must_use]
    pub fn kubernetes_user(&self) -> Option<&str> {
        let client = !self.is_ca() && self.allows(&ExtendedKeyUsage::ClientAuth);
        self.subject.common_name().filter(|name| client && !name.is_empty())
    }

    /// The groups that the API server would see: the organizations of the subject.
    pub fn kubernetes_groups(&self) -> impl Iterator<Item = &str> {
        self.subject.values("O")
    }

    /// What people call it: the subject, or the first alternative name of a certificate with an empty subject (SPIFFE).
    #[must_use]
    pub fn display_name(&self) -> String {
        let subject = (!self.subject.is_empty()).then(|| self.subject.to_string());
        subject.or_else(|| self.alternative_name()).unwrap_or_else(|| format!("(no name, serial {})", self.serial.hex()))
    }

    /// What it is called in a sentence, which a whole subject would drown: `CN=` and the common name, else the first alternative name,
    /// else the whole.
    #[must_use]
    pub fn short_name(&self) -> String {
        self.subject.short().or_else(|| self.alternative_name()).unwrap_or_else(|| self.display_name())
    }

    fn alternative_name(&self) -> Option<String> {
        self.sans.iter().find_map(|san| match san {
            GeneralName::Uri(text) | GeneralName::Dns(text) | GeneralName::Email(text) => Some(text.to_string()),
            GeneralName::Ip(address) => Some(address.to_string()),
            _ => None,
        })
    }
}

/// A serial number: the contents of its INTEGER, kept as found (RFC 5280 section 4.1.2.2; real ones are also negative or too long).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Serial(pub Box<[u8]>);

/// Serials longer than this have no decimal form: the conversion is quadratic and RFC 5280 allows 20 octets.
const DECIMAL_LIMIT: usize = 128;

impl Serial {
    /// Whether the number is below zero, which RFC 5280 forbids and Go refuses since 1.23.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.first().is_some_and(|byte| byte & 0x80 != 0)
    }

    /// Lower-case hexadecimal of the magnitude, at least two digits, with `-` before a negative number, as openssl prints it.
    #[must_use]
    pub fn hex(&self) -> String {
        let magnitude = self.magnitude();
        let digits = if magnitude.is_empty() { "00".to_owned() } else { Hex(&magnitude).to_string() };
        format!("{}{digits}", self.sign())
    }

    /// Decimal digits; `None` for numbers beyond any use (more than 128 octets).
    ///
    /// ```
    /// let serial = kcert::model::Serial(vec![0x01, 0x00].into());
    /// assert_eq!(serial.decimal().as_deref(), Some("256"));
    /// ```
    #[must_use]
    pub fn decimal(&self) -> Option<String> {
        if self.0.len() > DECIMAL_LIMIT {
            return None;
        }
        let mut digits = vec![0_u8];
        for byte in self.magnitude() {
            let mut carry = u32::from(byte);
            for digit in &mut digits {
                let value = u32::from(*digit) * 256 + carry;
                *digit = u8::try_from(value % 10).unwrap_or(0);
                carry = value / 10;
            }
            while carry > 0 {
                digits.push(u8::try_from(carry % 10).unwrap_or(0));
                carry /= 10;
            }
        }
        let text: String = digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect();
        Some(format!("{}{text}", self.sign()))
    }

    fn sign(&self) -> &'static str {
        if self.is_negative() { "-" } else { "" }
    }

    /// The absolute value, big-endian, without leading zeros.
    fn magnitude(&self) -> Vec<u8> {
        let mut bytes = self.0.to_vec();
        if self.is_negative() {
            let mut carry = true;
            for byte in bytes.iter_mut().rev() {
                let (value, overflow) = (!*byte).overflowing_add(u8::from(carry));
                *byte = value;
                carry = overflow;
            }
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.split_off(zeros)
    }
}

/// From when to when a certificate is valid, both ends included (RFC 5280 section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: OffsetDateTime,
    /// The last second.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// Whether the instant lies after the last second.
    #[must_use]
    pub fn is_over(&self, at: OffsetDateTime) -> bool {
        at > self.not_after
    }

    /// Whether the instant lies before the first second.
    #[must_use]
    pub fn is_to_come(&self, at: OffsetDateTime) -> bool {
        at < self.not_before
    }

    /// The whole lifetime; zero for dates the wrong way round.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        (self.not_after - self.not_before).max(Duration::ZERO)
    }
}

/// A signature algorithm under the name that RFC 3279, 4055, 5758 or 8410 gives it, else its dotted OID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignatureAlgorithm {
    /// `sha256WithRSAEncryption`, `ecdsa-with-SHA256`, `Ed25519`, … or the dotted OID.
    pub name: Cow<'static, str>,
    /// The dotted OID.
    pub oid: Cow<'static, str>,
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Basic constraints (RFC 5280 section 4.2.1.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// The `cA` boolean.
    pub ca: bool,
    /// `pathLenConstraint`, if present.
    pub path_len: Option<u32>,
}

/// Key usage bits (RFC 5280 section 4.2.1.3): bit 0 is `digitalSignature`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    /// The names of RFC 5280 in the order of the bits.
    pub const NAMES: [&'static str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    /// The names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// Whether the key may sign certificates.
    #[must_use]
    pub fn key_cert_sign(self) -> bool {
        self.0 & (1 << 5) != 0
    }
}

/// A key purpose (RFC 5280 section 4.2.1.12). Displays as the RFC names it, else as dotted OID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExtendedKeyUsage {
    /// `anyExtendedKeyUsage`.
    Any,
    /// `serverAuth`.
    ServerAuth,
    /// `clientAuth`.
    ClientAuth,
    /// `codeSigning`.
    CodeSigning,
    /// `emailProtection`.
    EmailProtection,
    /// `timeStamping`.
    TimeStamping,
    /// `OCSPSigning`.
    OcspSigning,
    /// Another purpose by dotted OID.
    Other(Box<str>),
}

impl fmt::Display for ExtendedKeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "anyExtendedKeyUsage",
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::CodeSigning => "codeSigning",
            Self::EmailProtection => "emailProtection",
            Self::TimeStamping => "timeStamping",
            Self::OcspSigning => "OCSPSigning",
            Self::Other(oid) => oid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(bytes: &[u8]) -> Serial {
        Serial(bytes.into())
    }

    #[test]
    fn serials_print_as_openssl_does() {
        assert_eq!(serial(&[0]).hex(), "00");
        assert_eq!(serial(&[0x00, 0xff]).hex(), "ff");
        assert_eq!(serial(&[0xff]).hex(), "-01");
        assert_eq!(serial(&[0xff]).decimal().as_deref(), Some("-1"));
        assert_eq!(serial(&[0x80, 0x00]).decimal().as_deref(), Some("-32768"));
        let twenty = serial(&[0x7f; 20]).decimal();
        assert_eq!(twenty.as_deref(), Some("727885129180488904360266563744972327436484050815"));
        assert_eq!(serial(&[0x01; 129]).decimal(), None);
    }

    #[test]
    fn key_usage_names_follow_the_bits() {
        let names: Vec<_> = KeyUsage(0b10_0101).names().collect();
        assert_eq!(names, ["digitalSignature", "keyEncipherment", "keyCertSign"]);
    }
}
