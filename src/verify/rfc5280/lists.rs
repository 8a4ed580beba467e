//! Certificate revocation lists, read strictly (RFC 5280 section 5).

use super::super::canonical::{Canonical, canonical_der};
use super::super::oid;
use super::super::tbs::{Extension, extensions};
use super::encoding::well_written;
use super::general::{General, general_names, sequence};
use super::points::{Place, Scope, scope};
use crate::chain::Signed;
use crate::der::{self, ENUMERATED, Element, GENERALIZED_TIME, INTEGER, Reader, SEQUENCE, UTC_TIME, context};
use crate::model::CertificateList;
use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;

/// The lists of a question.
pub(super) struct Lists<'a> {
    /// Those that may be used, the newest first.
    pub(super) usable: Vec<List<'a>>,
    /// Those that may not, by their place in the question, and why.
    pub(super) refused: Vec<(usize, &'static str)>,
}

impl<'a> Lists<'a> {
    /// Reads them all.
    pub(super) fn of(lists: &[&'a CertificateList]) -> Self {
        let mut read = Self { usable: Vec::new(), refused: Vec::new() };
        for (at, list) in lists.iter().enumerate() {
            match List::of(&list.der) {
                Ok(list) => read.usable.push(list),
                Err(why) => read.refused.push((at, why)),
            }
        }
        read.usable.sort_by_key(|list| Reverse(list.this_update));
        read
    }
}

/// One list, fit to be used.
pub(super) struct List<'a> {
    /// What is signed, and the signature.
    pub(super) signed: Signed<'a>,
    /// The issuer's Name, as encoded.
    pub(super) issuer_der: &'a [u8],
    /// The issuer's name, to be compared.
    pub(super) issuer: Canonical,
    /// thisUpdate.
    pub(super) this_update: OffsetDateTime,
    /// nextUpdate.
    pub(super) next_update: OffsetDateTime,
    /// The CRL number (section 5.2.3), without leading zeros.
    pub(super) number: &'a [u8],
    /// The number of the list that a delta CRL is to be added to (section 5.2.4); `None`: this is a complete list.
    pub(super) base: Option<&'a [u8]>,
    /// The issuing distribution point (section 5.2.5), if there is one.
    pub(super) scope: Option<Scope<'a>>,
    /// The key identifier of section 5.2.1.
    pub(super) key_id: Option<&'a [u8]>,
    entries: Entries<'a>,
    places: OnceCell<Vec<Place<'a>>>,
}

/// The entries of a list: by the number of the issuer's name and the serial number.
#[derive(Default)]
struct Entries<'a> {
    issuers: HashMap<Canonical, usize>,
    by_serial: HashMap<usize, HashMap<&'a [u8], Entry>>,
}

/// What a list says of one certificate.
pub(super) struct Entry {
    /// When it was revoked.
    pub(super) date: Option<OffsetDateTime>,
    /// Why.
    pub(super) reason: u8,
}

/// CRLReason `removeFromCRL` (section 5.3.1).
pub(super) const REMOVE_FROM_CRL: u8 = 8;

impl<'a> List<'a> {
    /// Reads a list; or says why it may not be used.
    pub(super) fn of(der: &'a [u8]) -> Result<Self, &'static str> {
        read(der).map_err(|_| "it cannot be read")?
    }

    /// The names of its distribution point; `None` if it does not name one. A certificate may have thousands of points to compare with:
    /// they are read once for all.
    pub(super) fn places(&self) -> Option<&[Place<'a>]> {
        let name = self.scope.as_ref()?.name.as_ref()?;
        Some(self.places.get_or_init(|| name.places(self.issuer_der)))
    }

    /// What it says of a certificate.
    pub(super) fn entry(&self, serial: &[u8], issuer: &Canonical) -> Option<&Entry> {
        let issuer = self.entries.issuers.get(issuer)?;
        self.entries.by_serial.get(issuer)?.get(serial)
    }
}

/// The outer result is about DER, the inner one about the RFC.
fn read(der: &[u8]) -> Result<Result<List<'_>, &'static str>, der::Fault> {
    let mut outer = Reader::new(der).take(SEQUENCE, "CertificateList")?.children();
    let tbs = outer.take(SEQUENCE, "tbsCertList")?;
    let algorithm = outer.take(SEQUENCE, "signatureAlgorithm")?;
    let signature = outer.take(der::BIT_STRING, "signatureValue")?;
    let mut fields = tbs.children();
    let version = fields.optional(INTEGER, "version")?;
    let inner = fields.take(SEQUENCE, "signature")?;
    let issuer = fields.take(SEQUENCE, "issuer")?;
    let this_update = fields.any("thisUpdate")?;
    let next_update = match fields.peek() {
        Some(UTC_TIME | GENERALIZED_TIME) => Some(fields.any("nextUpdate")?),
        _ => None,
    };
    let revoked = fields.optional(SEQUENCE, "revokedCertificates")?;
    let wrapper = fields.optional(context(0), "crlExtensions")?;
    let signed = Signed { tbs: tbs.raw, algorithm: algorithm.raw, signature: signature.bits().0 };
    let whole = fields.is_empty() && outer.is_empty() && inner.raw == algorithm.raw;
    let parts = Parts { signed, version, issuer, this_update, next_update, revoked, wrapper };
    Ok(if whole { parts.judged() } else { Err("its parts do not fit together") })
}

/// The fields of a list.
struct Parts<'a> {
    signed: Signed<'a>,
    version: Option<Element<'a>>,
    issuer: Element<'a>,
    this_update: Element<'a>,
    next_update: Option<Element<'a>>,
    revoked: Option<Element<'a>>,
    wrapper: Option<Element<'a>>,
}

impl<'a> Parts<'a> {
    fn judged(self) -> Result<List<'a>, &'static str> {
        if self.version.is_none_or(|version| version.contents != [1]) {
            return Err("it is not of version 2 (section 5.1.2.1)");
        }
        let extensions = self.wrapper.map(extensions).unwrap_or_default();
        let find = |oid: &[u8]| extensions.iter().find(|extension| extension.oid == oid);
        judge_extensions(&extensions)?;
        let number = find(oid::CRL_NUMBER).and_then(|extension| number(extension.value));
        let base = find(oid::DELTA_CRL_INDICATOR).map(|extension| number_or_nothing(extension.value));
        let scope = match find(oid::ISSUING_DISTRIBUTION_POINT) {
            None => None,
            Some(extension) => {
                Some(scope(extension.value).ok_or("its issuing distribution point cannot be read (section 5.2.5)")?)
            }
        };
        let issuer = canonical_der(self.issuer.raw).filter(|issuer| !issuer.is_empty()).ok_or("its issuer has no name")?;
        let indirect = scope.as_ref().is_some_and(|scope| scope.indirect);
        let entries = entries(self.revoked, &issuer, if indirect { Issuers::Many } else { Issuers::One })?;
        let key_id = find(oid::AUTHORITY_KEY_ID).and_then(|extension| {
            let mut fields = sequence(extension.value).ok()?;
            fields.optional(0x80, "keyIdentifier").ok().flatten().map(|key_id| key_id.contents)
        });
        Ok(List {
            signed: self.signed,
            issuer_der: self.issuer.raw,
            issuer,
            this_update: instant(&self.this_update)?,
            next_update: self.next_update.as_ref().ok_or("it has no nextUpdate (section 5.1.2.5)").and_then(instant)?,
            number: number.ok_or("it has no CRL number (section 5.2.3)")?,
            base: base.map_or(Ok(None), |base| base.map(Some))?,
            scope,
            key_id,
            entries,
            places: OnceCell::new(),
        })
    }
}

fn instant(time: &Element<'_>) -> Result<OffsetDateTime, &'static str> {
    well_written(time).map_err(|_| "its dates are not written as they must be (section 5.1.2.4)")?;
    der::time(time).ok_or("its dates are none")
}

fn number_or_nothing(value: &[u8]) -> Result<&[u8], &'static str> {
    number(value).ok_or("the number of its base cannot be read (section 5.2.4)")
}

/// A CRLNumber: not negative, 20 octets at most; without leading zeros, so that numbers compare by length and then octets.
fn number(value: &[u8]) -> Option<&[u8]> {
    const LONGEST: usize = 20;
    let mut reader = Reader::new(value);
    let number = reader.take(INTEGER, "CRLNumber").ok().filter(|_| reader.is_empty())?.contents;
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    let valid = number.len() <= LONGEST && number.first().is_some_and(|octet| octet & 0x80 == 0);
    number.get(zeros..).filter(|_| valid)
}

/// Extensions of lists that are known, and whether they are critical (section 5.2).
const KNOWN: &[(&[u8], Option<bool>)] = &[
    (oid::AUTHORITY_KEY_ID, Some(false)),
    (oid::ISSUER_ALT_NAME, None),
    (oid::CRL_NUMBER, Some(false)),
    (oid::DELTA_CRL_INDICATOR, Some(true)),
    (oid::ISSUING_DISTRIBUTION_POINT, Some(true)),
    (oid::FRESHEST_CRL, Some(false)),
    (oid::AUTHORITY_INFO_ACCESS, Some(false)),
];

fn judge_extensions(extensions: &[Extension<'_>]) -> Result<(), &'static str> {
    let mut seen = HashSet::new();
    for extension in extensions {
        if !seen.insert(extension.oid) {
            return Err("it has an extension twice");
        }
        match KNOWN.iter().find(|(oid, _)| *oid == extension.oid) {
            None if extension.is_critical() => return Err("it has a critical extension that is unknown (section 5.2)"),
            Some((_, Some(critical))) if *critical != extension.is_critical() => {
                return Err("an extension is critical and must not be, or the reverse (section 5.2)");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whose certificates a list names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Issuers {
    /// Those of its own issuer.
    One,
    /// Those of others too: an indirect list.
    Many,
}

/// The entries by serial number. In an indirect list an entry's issuer holds for those that follow it (section 5.3.3).
fn entries<'a>(revoked: Option<Element<'a>>, issuer: &Canonical, issuers: Issuers) -> Result<Entries<'a>, &'static str> {
    let mut entries = Entries::default();
    let mut issuer = entries.issuer(issuer.clone());
    let Some(revoked) = revoked else { return Ok(entries) };
    let mut list = revoked.children();
    while !list.is_empty() {
        let read = list.take(SEQUENCE, "revokedCertificate").and_then(|entry| {
            let mut fields = entry.children();
            let serial = fields.take(INTEGER, "userCertificate")?;
            Ok((serial, fields.any("revocationDate")?, fields.optional(SEQUENCE, "crlEntryExtensions")?))
        });
        let Ok((serial, date, wrapper)) = read else { return Err("an entry cannot be read") };
        let extensions = wrapper.map(entry_extensions).unwrap_or_default();
        let mut reason = 0;
        for extension in &extensions {
            match extension.oid {
                oid::REASON_CODE => {
                    reason = reason_code(extension.value).ok_or("an entry has a reason that is none (section 5.3.1)")?;
                }
                oid::CERTIFICATE_ISSUER if issuers == Issuers::Many => {
                    let name = certificate_issuer(extension.value).ok_or("an entry's issuer cannot be read (section 5.3.3)")?;
                    issuer = entries.issuer(name);
                }
                oid::INVALIDITY_DATE => {}
                _ if extension.is_critical() => return Err("an entry has a critical extension that is unknown (section 5.3)"),
                _ => {}
            }
        }
        let entry = Entry { date: der::time(&date), reason };
        if entries.by_serial.entry(issuer).or_default().insert(serial.contents, entry).is_some() {
            return Err("it names a certificate twice");
        }
    }
    Ok(entries)
}

impl Entries<'_> {
    /// The number of an issuer's name.
    fn issuer(&mut self, name: Canonical) -> usize {
        let next = self.issuers.len();
        *self.issuers.entry(name).or_insert(next)
    }
}

/// The extensions of an entry, which stand without an explicit tag.
fn entry_extensions(list: Element<'_>) -> Vec<Extension<'_>> {
    let mut list = list.children();
    let mut found = Vec::new();
    while let Ok(extension) = list.take(SEQUENCE, "Extension") {
        let mut fields = extension.children();
        let (Ok(oid), Ok(critical)) = (fields.take(der::OBJECT_IDENTIFIER, "extnID"), fields.optional(der::BOOLEAN, "critical"))
        else {
            continue;
        };
        let value = fields.take(der::OCTET_STRING, "extnValue").map(|value| value.contents).unwrap_or_default();
        found.push(Extension { oid: oid.contents, critical, value });
    }
    found
}

/// The ENUMERATED of a reason code: 0 to 10 without 7.
fn reason_code(value: &[u8]) -> Option<u8> {
    match value {
        [ENUMERATED, 1, reason @ (0..=6 | 8..=10)] => Some(*reason),
        _ => None,
    }
}

/// The directory name among the GeneralNames of an entry's issuer.
fn certificate_issuer(value: &[u8]) -> Option<Canonical> {
    general_names(sequence(value).ok()?)?.iter().find_map(General::directory)
}

/// What a reason code says, for people.
pub(super) fn reason_word(reason: u8) -> &'static str {
    const WORDS: [&str; 11] = [
        "unspecified",
        "keyCompromise",
        "cACompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "certificateHold",
        "",
        "removeFromCRL",
        "privilegeWithdrawn",
        "aACompromise",
    ];
    WORDS.get(usize::from(reason)).copied().unwrap_or_default()
}
