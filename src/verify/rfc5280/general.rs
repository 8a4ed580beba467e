//! GeneralNames as they are encoded (RFC 5280 section 4.2.1.6): in alternative names, name constraints and distribution points.

use super::super::canonical::{Canonical, canonical_der};
use super::super::names::tag;
use crate::der::{Element, Fault, Reader, SEQUENCE};

/// One GeneralName, by its context tag.
#[derive(Clone, Copy, Debug)]
pub(super) enum General<'a> {
    /// rfc822Name.
    Email(&'a [u8]),
    /// dNSName.
    Dns(&'a [u8]),
    /// directoryName: the Name within.
    Directory(Element<'a>),
    /// uniformResourceIdentifier.
    Uri(&'a [u8]),
    /// iPAddress.
    Ip(&'a [u8]),
    /// otherName, x400Address, ediPartyName or registeredID, by the number of the tag, with the whole encoding.
    Other(u8, &'a [u8]),
}

impl<'a> General<'a> {
    /// Reads one; `None` for what is no GeneralName.
    pub(super) fn of(element: Element<'a>) -> Option<Self> {
        match element.tag {
            tag::RFC822_NAME => Some(Self::Email(element.contents)),
            tag::DNS_NAME => Some(Self::Dns(element.contents)),
            tag::DIRECTORY_NAME => {
                let mut inner = element.children();
                let name = inner.take(SEQUENCE, "directoryName").ok()?;
                inner.is_empty().then_some(Self::Directory(name))
            }
            tag::URI => Some(Self::Uri(element.contents)),
            tag::IP_ADDRESS => Some(Self::Ip(element.contents)),
            tag::OTHER_NAME => Some(Self::Other(0, element.raw)),
            0xa3 => Some(Self::Other(3, element.raw)),
            0xa5 => Some(Self::Other(5, element.raw)),
            0x88 => Some(Self::Other(8, element.raw)),
            _ => None,
        }
    }

    /// Whether both are the same name: directory names by section 7.1, all others octet by octet.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(_), Self::Directory(_)) => {
                self.directory().zip(other.directory()).is_some_and(|(one, other)| one == other)
            }
            (Self::Email(one), Self::Email(other))
            | (Self::Dns(one), Self::Dns(other))
            | (Self::Uri(one), Self::Uri(other))
            | (Self::Ip(one), Self::Ip(other)) => one == other,
            (Self::Other(one, octets), Self::Other(other, others)) => one == other && octets == others,
            _ => false,
        }
    }

    /// The directory name in the form that can be compared.
    pub(super) fn directory(&self) -> Option<Canonical> {
        match self {
            Self::Directory(name) => canonical_der(name.raw),
            _ => None,
        }
    }
}

/// GeneralNames, whose SEQUENCE header is already read: at least one.
pub(super) fn general_names(mut list: Reader<'_>) -> Option<Vec<General<'_>>> {
    let mut names = Vec::new();
    while !list.is_empty() {
        names.push(General::of(list.any("GeneralName").ok()?)?);
    }
    (!names.is_empty()).then_some(names)
}

/// The contents of an extension that is one SEQUENCE and nothing else.
pub(super) fn sequence(value: &[u8]) -> Result<Reader<'_>, Fault> {
    let mut reader = Reader::new(value);
    let sequence = reader.take(SEQUENCE, "extension")?;
    if reader.is_empty() { Ok(sequence.children()) } else { Err(crate::der::Problem::Trailing.of("extension")) }
}
