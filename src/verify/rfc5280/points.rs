//! Distribution points: where a certificate says its lists are, and what a list says it covers (RFC 5280 sections 4.2.1.13 and
//! 5.2.5).

use super::super::canonical::{Canonical, canonical_der};
use super::general::{General, general_names, sequence};
use crate::der::{Element, Reader, SEQUENCE, context};

/// A set of revocation reasons: bit n is ReasonFlags' bit n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reasons(u16);

impl Reasons {
    /// keyCompromise to aACompromise; bit 0 is unused.
    pub(super) const ALL: Self = Self(0b1_1111_1110);
    /// None.
    pub(super) const NONE: Self = Self(0);

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every reason of the other is here.
    pub(super) fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The bits of ReasonFlags.
    fn of(flags: &[u8]) -> Self {
        let [_, octets @ ..] = flags else { return Self::NONE };
        let bit = |at: usize| octets.get(at / 8).is_some_and(|octet| octet & (0x80 >> (at % 8)) != 0);
        Self((1..=8).filter(|at| bit(*at)).fold(0, |flags, at| flags | 1 << at))
    }
}

/// DistributionPointName.
#[derive(Clone, Debug)]
pub(super) enum PointName<'a> {
    /// fullName.
    Full(Vec<General<'a>>),
    /// nameRelativeToCRLIssuer: the contents of the RelativeDistinguishedName.
    Relative(&'a [u8]),
}

/// One of the names of a distribution point, written out.
pub(super) enum Place<'a> {
    /// A directory name.
    Directory(Canonical),
    /// Any other.
    Other(General<'a>),
}

impl Place<'_> {
    /// Whether both are the same place.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(one), Self::Directory(other)) => one == other,
            (Self::Other(one), Self::Other(other)) => one.is(other),
            _ => false,
        }
    }
}

impl<'a> PointName<'a> {
    /// Reads the contents of `[0]`.
    fn of(element: Element<'a>) -> Option<Self> {
        const FULL: u8 = context(0);
        const RELATIVE: u8 = context(1);
        let mut choice = element.children();
        let name = choice.any("distributionPoint").ok().filter(|_| choice.is_empty())?;
        match name.tag {
            FULL => general_names(name.children()).map(Self::Full),
            RELATIVE => Some(Self::Relative(name.contents)),
            _ => None,
        }
    }

    /// The names written out, relative ones after the name of the issuer of the list.
    pub(super) fn places(&self, issuer: &[u8]) -> Vec<Place<'a>> {
        match self {
            Self::Full(names) => names.iter().filter_map(place).collect(),
            Self::Relative(rdn) => appended(issuer, rdn).map(Place::Directory).into_iter().collect(),
        }
    }
}

/// A GeneralName as a place; directory names that cannot be compared are none.
pub(super) fn place<'a>(name: &General<'a>) -> Option<Place<'a>> {
    match name {
        General::Directory(_) => name.directory().map(Place::Directory),
        other => Some(Place::Other(*other)),
    }
}

/// A Name with one more RelativeDistinguishedName at its end.
fn appended(name: &[u8], rdn: &[u8]) -> Option<Canonical> {
    let sequence = Reader::new(name).take(SEQUENCE, "issuer").ok()?;
    let set = wrapped(crate::der::SET, rdn)?;
    canonical_der(&wrapped(SEQUENCE, &[sequence.contents, &set].concat())?)
}

fn wrapped(tag: u8, contents: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(contents.len()).ok()?.to_be_bytes();
    Some([&[tag, 0x84], &length[..], contents].concat())
}

/// One DistributionPoint of a certificate.
pub(super) struct Point<'a> {
    /// distributionPoint.
    pub(super) name: Option<PointName<'a>>,
    /// reasons; all without the field.
    pub(super) reasons: Reasons,
    /// cRLIssuer.
    pub(super) crl_issuer: Option<Vec<General<'a>>>,
}

/// The distribution points of an extension; `None` if it cannot be read or a point says nothing.
pub(super) fn points(value: &[u8]) -> Option<Vec<Point<'_>>> {
    let mut list = sequence(value).ok()?;
    let mut points = Vec::new();
    while !list.is_empty() {
        let mut fields = list.take(SEQUENCE, "DistributionPoint").ok()?.children();
        let name = fields.optional(context(0), "distributionPoint").ok()?;
        let reasons = fields.optional(0x81, "reasons").ok()?;
        let crl_issuer = fields.optional(context(2), "cRLIssuer").ok()?;
        let point = Point {
            name: name.map_or(Some(None), |name| PointName::of(name).map(Some))?,
            reasons: reasons.map_or(Reasons::ALL, |reasons| Reasons::of(reasons.contents)),
            crl_issuer: crl_issuer.map_or(Some(None), |names| general_names(names.children()).map(Some))?,
        };
        let says = point.name.is_some() || point.crl_issuer.is_some();
        (fields.is_empty() && says).then(|| points.push(point))?;
    }
    (!points.is_empty()).then_some(points)
}

/// Whether the extension can be read.
pub(super) fn readable(value: &[u8]) -> Option<()> {
    points(value).map(|_| ())
}

/// IssuingDistributionPoint.
#[derive(Clone, Debug)]
pub(super) struct Scope<'a> {
    /// The whole encoding: two lists have the same scope when it is the same.
    pub(super) raw: &'a [u8],
    /// distributionPoint.
    pub(super) name: Option<PointName<'a>>,
    /// onlySomeReasons; all without the field.
    pub(super) reasons: Reasons,
    /// Which certificates it covers.
    pub(super) only: Only,
    /// indirectCRL.
    pub(super) indirect: bool,
}

/// onlyContainsUserCerts, onlyContainsCACerts, onlyContainsAttributeCerts: one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// All certificates.
    All,
    /// Those of end entities.
    User,
    /// Those of CAs.
    Ca,
    /// Attribute certificates.
    Attribute,
}

/// Reads an IssuingDistributionPoint.
pub(super) fn scope(value: &[u8]) -> Option<Scope<'_>> {
    let mut fields = sequence(value).ok()?;
    let name = fields.optional(context(0), "distributionPoint").ok()?;
    let mut flag = |tag| fields.optional(tag, "flag").ok().map(|flag| flag.is_some_and(|flag| flag.contents == [0xff]));
    let (user, ca) = (flag(0x81)?, flag(0x82)?);
    let reasons = fields.optional(0x83, "onlySomeReasons").ok()?;
    let mut flag = |tag| fields.optional(tag, "flag").ok().map(|flag| flag.is_some_and(|flag| flag.contents == [0xff]));
    let (indirect, attribute) = (flag(0x84)?, flag(0x85)?);
    let only = match (user, ca, attribute) {
        (false, false, false) => Only::All,
        (true, false, false) => Only::User,
        (false, true, false) => Only::Ca,
        (false, false, true) => Only::Attribute,
        _ => return None,
    };
    let scope = Scope {
        raw: value,
        name: name.map_or(Some(None), |name| PointName::of(name).map(Some))?,
        reasons: reasons.map_or(Reasons::ALL, |reasons| Reasons::of(reasons.contents)),
        only,
        indirect,
    };
    fields.is_empty().then_some(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sets() {
        let key_compromise = Reasons::of(&[6, 0x40]);
        let the_rest = Reasons::of(&[7, 0x3f, 0x80]);
        assert!(Reasons::ALL.covers(key_compromise) && !key_compromise.covers(Reasons::ALL));
        assert_eq!(key_compromise.or(the_rest), Reasons::ALL);
        assert_eq!(key_compromise.and(the_rest), Reasons::NONE);
        assert_eq!(Reasons::of(&[7, 0x80]), Reasons::NONE, "bit 0 is unused");
    }

    #[test]
    fn points_that_say_nothing_are_none() {
        let uri = [0x30, 9, 0x30, 7, 0xa0, 5, 0xa0, 3, 0x86, 1, b'a'];
        assert_eq!(points(&uri).map(|points| points.len()), Some(1));
        assert!(points(&[0x30, 4, 0x30, 2, 0x81, 0]).is_none() && points(&[0x30, 2, 0x30, 0]).is_none());
        assert!(scope(&[0x30, 6, 0x81, 1, 0xff, 0x82, 1, 0xff]).is_none(), "for users only and for CAs only");
        assert!(scope(&[0x30, 3, 0x84, 1, 0xff]).is_some_and(|scope| scope.indirect && scope.only == Only::All));
    }

    #[test]
    fn relative_names_continue_the_issuers() {
        let issuer = [0x30, 0x0c, 0x31, 0x0a, 0x30, 8, 6, 3, 0x55, 4, 10, 0x0c, 1, b'o'];
        let rdn = [0x30, 8, 6, 3, 0x55, 4, 3, 0x0c, 1, b'c'];
        let whole = [&[0x30, 0x18][..], &issuer[2..], &[0x31, 0x0a], &rdn].concat();
        let places = PointName::Relative(&rdn).places(&issuer);
        assert!(matches!(places.as_slice(), [Place::Directory(name)] if Some(name) == canonical_der(&whole).as_ref()));
    }
}
