//! Dates as OpenSSL compares them (`X509_cmp_time`): whole seconds, in the one form that RFC 5280 has for either type, and a
//! certificate has ended at the second that it names as its last.

use crate::der::{self, Element, GENERALIZED_TIME, UTC_TIME};
use crate::model::when::moment;
use crate::verify::case::{Case, Member};
use crate::verify::rule::{Fault, Trail};
use time::OffsetDateTime;

/// On which side of the instant a date lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Before it, or at it.
    Past,
    /// After it.
    Future,
    /// It is no date.
    Unreadable,
}

/// Compares a Time with the instant.
pub(super) fn side(time: Option<&Element<'_>>, at: OffsetDateTime) -> Side {
    let date = time.filter(|time| is_plain(time)).and_then(der::time);
    match date {
        // `-attime` takes whole seconds.
        Some(date) if date.unix_timestamp() <= at.unix_timestamp() => Side::Past,
        Some(_) => Side::Future,
        None => Side::Unreadable,
    }
}

/// `YYMMDDHHMMSSZ`, or with a year of four digits.
fn is_plain(time: &Element<'_>) -> bool {
    let length = match time.tag {
        UTC_TIME => 13,
        GENERALIZED_TIME => 15,
        _ => return false,
    };
    time.contents.len() == length && matches!(time.contents, [digits @ .., b'Z'] if digits.iter().all(u8::is_ascii_digit))
}

/// Whether the certificate is valid now.
pub(super) fn is_valid(member: &Member<'_>, case: &Case<'_>) -> bool {
    let at = case.question.at;
    side(member.tbs.not_before.as_ref(), at) == Side::Past && side(member.tbs.not_after.as_ref(), at) == Side::Future
}

/// The test for `X509_V_ERR_CERT_HAS_EXPIRED`.
pub(super) fn ended(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    top_down(trail, |member| {
        let side = side(member.tbs.not_after.as_ref(), trail.case.question.at);
        (side == Side::Past).then(|| format!("ended {}", moment(member.certificate.validity.not_after)))
    })
}

/// The test for `X509_V_ERR_CERT_NOT_YET_VALID`.
pub(super) fn begun(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    top_down(trail, |member| {
        let side = side(member.tbs.not_before.as_ref(), trail.case.question.at);
        (side == Side::Future).then(|| format!("begins {}", moment(member.certificate.validity.not_before)))
    })
}

/// The test for `X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD` and its sister.
pub(super) fn readable(trail: &Trail<'_, '_>) -> Result<(), Fault> {
    top_down(trail, |member| {
        let dates = [("notBefore", &member.tbs.not_before), ("notAfter", &member.tbs.not_after)];
        let mut bad = dates.iter().filter(|(_, time)| side(time.as_ref(), trail.case.question.at) == Side::Unreadable);
        bad.next().map(|(name, _)| format!("{name} is not written as UTC with seconds"))
    })
}

/// A test on each certificate from the anchor down.
pub(super) fn top_down(trail: &Trail<'_, '_>, test: impl Fn(&Member<'_>) -> Option<String>) -> Result<(), Fault> {
    let mut faults = trail.members.iter().enumerate().rev().filter_map(|(at, member)| Some(Fault { at, message: test(member)? }));
    faults.next().map_or(Ok(()), Err)
}
