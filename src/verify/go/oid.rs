//! Object identifiers: which of them releases can represent.

use super::asn1::{Input, Malformed, OddOid, odd_oid};
use super::cryptobyte::oid_contents;
use super::facts::{Breach, Facts};
use crate::der;

/// Reads an OBJECT IDENTIFIER as a `asn1.ObjectIdentifier`: arcs of 31 bits.
pub(super) fn read<'a>(fields: &mut Input<'a>, field: Malformed, facts: &mut Facts<'a>) -> Result<&'a [u8], Malformed> {
    let contents = oid_contents(fields, field)?;
    check(contents, facts);
    Ok(contents)
}

/// Notes what is odd about it.
pub(super) fn check(contents: &[u8], facts: &mut Facts<'_>) {
    let Some(odd) = odd_oid(contents) else { return };
    let (breach, why) = match odd {
        OddOid::Broken => (Breach::Oid, "does not end"),
        OddOid::Above31Bits => (Breach::Oid, "has an arc of more than 31 bits"),
        OddOid::Above28Bits => (Breach::LargeOid, "has an arc of more than 28 bits"),
        OddOid::Padded => (Breach::PaddedOid, "has an arc with leading zeros"),
    };
    facts.note(breach, format!("the object identifier {} {why}", der::dotted(contents)));
}

/// Notes what is odd about a certificate policy, whose arcs may be of any length since Go 1.22.
pub(super) fn check_policy(contents: &[u8], facts: &mut Facts<'_>) {
    if odd_oid(contents) == Some(OddOid::Above31Bits) {
        let padded = contents.split_inclusive(|octet| octet & 0x80 == 0).any(|arc| arc.first() == Some(&0x80));
        let breach = if padded { Breach::Oid } else { Breach::LargePolicyOid };
        facts.note(breach, format!("the policy {} has an arc of more than 31 bits", der::dotted(contents)));
    } else {
        check(contents, facts);
    }
}
