//! Names as RFC 5280 has them: distinguished names and general names.
//!
//! A name keeps its DER (verifiers compare bytes, people read text) and its decoded attributes. Text is kept as found: escaping for
//! a terminal is `report::escape`'s work, escaping for RFC 4514 is done here because it is part of the notation.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

/// The type of one attribute of a distinguished name: its short name where RFC 4514 or openssl know one, else the dotted OID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributeType(Cow<'static, str>);

/// Dotted OID → short name: RFC 4514 section 3, then the names openssl prints.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.4", "SN"),
    ("2.5.4.42", "GN"),
    ("2.5.4.12", "title"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

impl AttributeType {
    /// The type with this dotted OID.
    #[must_use]
    pub fn from_oid(oid: &str) -> Self {
        let known = SHORT_NAMES.iter().find(|(dotted, _)| *dotted == oid);
        Self(known.map_or_else(|| Cow::Owned(oid.to_owned()), |(_, short)| Cow::Borrowed(*short)))
    }

    /// The short name (`CN`, `O`) or the dotted OID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One attribute of a relative distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// What the value is.
    pub kind: AttributeType,
    /// The value as text; bytes that are no text are shown as U+FFFD.
    pub value: Box<str>,
}

/// A distinguished name (RFC 5280 section 4.1.2.4). Displays as RFC 4514 does: last RDN first, `,` between, special characters escaped.
/// Two names are equal when their encodings are, as Go and rustls compare them. A copy is the same allocation.
#[derive(Clone, Debug, Eq)]
pub struct DistinguishedName(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    der: Box<[u8]>,
    rdns: Box<[Vec<Attribute>]>,
}

impl DistinguishedName {
    /// A name from its DER encoding and its decoded RDNs, in the order of the encoding.
    #[must_use]
    pub fn new(der: &[u8], rdns: Vec<Vec<Attribute>>) -> Self {
        Self(Arc::new(Parts { der: der.into(), rdns: rdns.into() }))
    }

    /// The encoding: what Go and rustls compare when they look for an issuer.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Whether the name has no attribute, as in SPIFFE workload certificates.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rdns.is_empty()
    }

    /// Every attribute in the order of the encoding.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.0.rdns.iter().flatten()
    }

    /// All values of the attribute with this short name, in the order of the encoding.
    pub fn values<'a>(&'a self, short: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(move |attribute| attribute.kind.as_str() == short).map(|attribute| &*attribute.value)
    }

    /// The common name. Of several the last counts, as in Go's `pkix.Name`: it is the user name that the API server sees.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.values("CN").last()
    }

    /// `CN=` and the common name, if it has one that is not empty.
    #[must_use]
    pub fn short(&self) -> Option<String> {
        self.common_name().filter(|name| !name.is_empty()).map(|name| format!("CN={name}"))
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Hash for DistinguishedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.der.hash(state);
    }
}

/// By its encoding, which equality and hash go by.
impl Borrow<[u8]> for DistinguishedName {
    fn borrow(&self) -> &[u8] {
        self.der()
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, rdn) in self.0.rdns.iter().rev().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            for (part, attribute) in rdn.iter().enumerate() {
                let plus = if part > 0 { "+" } else { "" };
                write!(f, "{plus}{}={}", attribute.kind.as_str(), Rfc4514(&attribute.value))?;
            }
        }
        Ok(())
    }
}

/// An attribute value with RFC 4514 section 2.4's escapes.
struct Rfc4514<'a>(&'a str);

impl fmt::Display for Rfc4514<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.chars().count().saturating_sub(1);
        for (at, c) in self.0.chars().enumerate() {
            let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
                || (at == 0 && matches!(c, '#' | ' '))
                || (at == last && c == ' ');
            match c {
                '\0' => f.write_str("\\00")?,
                c if special => write!(f, "\\{c}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// A name in a subject alternative name extension (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GeneralName {
    /// dNSName, as found.
    Dns(Box<str>),
    /// iPAddress of four or sixteen octets.
    Ip(IpAddr),
    /// rfc822Name.
    Email(Box<str>),
    /// uniformResourceIdentifier; `spiffe://…` in Istio.
    Uri(Box<str>),
    /// directoryName.
    Directory(DistinguishedName),
    /// Any other kind, by the number of its context tag (0 otherName, 3 x400Address, 5 ediPartyName, 8 registeredID).
    Other(u8),
    /// A name that no reader can make sense of: an IP address of another length, text that is not IA5.
    Malformed {
        /// The number of its context tag.
        tag: u8,
        /// Its bytes.
        value: Box<[u8]>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(pairs: &[(&str, &str)]) -> DistinguishedName {
        let rdns = pairs
            .iter()
            .map(|(oid, value)| vec![Attribute { kind: AttributeType::from_oid(oid), value: (*value).into() }])
            .collect();
        DistinguishedName::new(b"", rdns)
    }

    #[test]
    fn last_rdn_comes_first() {
        let admin = name(&[("2.5.4.10", "system:masters"), ("2.5.4.3", "kubernetes-admin")]);
        assert_eq!(admin.to_string(), "CN=kubernetes-admin,O=system:masters");
        assert_eq!(admin.common_name(), Some("kubernetes-admin"));
    }

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(name(&[("2.5.4.3", " a,b+c\"d\\e ")]).to_string(), "CN=\\ a\\,b\\+c\\\"d\\\\e\\ ");
        assert_eq!(name(&[("2.5.4.3", "#x")]).to_string(), "CN=\\#x");
        assert_eq!(name(&[("1.2.3", "x")]).to_string(), "1.2.3=x");
    }

    #[test]
    fn of_several_common_names_the_last_is_the_user() {
        assert_eq!(name(&[("2.5.4.3", "a"), ("2.5.4.3", "b")]).common_name(), Some("b"));
    }
}
