//! What cert-manager does about a certificate of its own: whether it renews it, when, and what keeps it from that.
//!
//! Its Certificate tells of the one that is in the Secret now. The renewal is controlled by `status.renewalTime`; what has failed stands
//! in the condition `Issuing` while the old certificate is still good, and in `Ready` when it is not (cert-manager
//! pkg/controller/certificates).

use super::Context;
use super::findings::Draft;
use crate::chain::NodeId;
use crate::model::when::{date, moment};
use crate::model::{Certificate, Condition, Document, Evidence, ManagedCertificate, ManagedStatus, Slot, Told};
use time::{Duration, OffsetDateTime};

/// Who manages a certificate: the first of its places that is the credential in a Secret of cert-manager. What stands behind it in the
/// chain, and what is trusted there, is somebody else's.
pub(super) fn manager<'a>(context: &Context<'a>, node: NodeId) -> Option<&'a ManagedCertificate> {
    context.places(node).find_map(|(holding, index)| {
        let is_its_own = index == 0 && holding.origin.slot == Slot::Credential;
        is_its_own.then(|| context.managed().by_secret(&holding.origin.document)).flatten()
    })
}

/// What cert-manager does about a certificate, in a sentence or two.
pub(super) fn says(managed: &ManagedCertificate, certificate: &Certificate, at: OffsetDateTime) -> String {
    let (renew, tells) = (command(managed, "renew"), command(managed, "status certificate"));
    let Told::ByCertificate(status) = &managed.told else {
        return format!(
            "cert-manager issued it, as its Secret says ({managed}), and renews it unless that fails: {tells} shows it, {renew} does it now"
        );
    };
    if let Some(end) = status.not_after.filter(|end| *end != certificate.validity.not_after) {
        let end = date(end);
        return format!(
            "{managed} of cert-manager tells of another one, which ends {end}: read the Secret again; where it still holds this one: {renew}"
        );
    }
    if let Some(trouble) = trouble(managed, status) {
        return format!("cert-manager does not renew it: {trouble}. Mend that ({tells} shows more), then: {renew}");
    }
    let by = managed.issuer.as_ref().map(|issuer| format!(", {issuer}")).unwrap_or_default();
    match status.renewal_time {
        Some(renewal) if renewal > at => format!("cert-manager renews it on {} ({managed}{by})", day(renewal, at)),
        Some(renewal) => {
            let renewal = day(renewal, at);
            format!(
                "cert-manager was to renew it on {renewal} ({managed}{by}): where it has not, {tells} shows why; then: {renew}"
            )
        }
        None => format!("cert-manager issued it and plans no renewal ({managed}{by}): {tells} shows why; then: {renew}"),
    }
}

/// What to do about a keystore in a Secret of cert-manager that no password opens: its Certificate says where that is.
pub(super) fn password_of(context: &Context<'_>, document: &Document) -> Option<String> {
    let managed = context.managed().by_secret(document)?;
    let secrets: Vec<String> = managed.passwords_in.iter().map(|secret| managed.beside(secret)).collect();
    let secrets = Some(secrets.join(" or ")).filter(|secrets| !secrets.is_empty())?;
    let renew = command(managed, "renew");
    Some(format!(
        "{managed} says that its password is in Secret {secrets}: read that, too. Where it was read, the keystore has another password: {renew} makes it anew."
    ))
}

/// Whether cert-manager will renew a certificate by itself, and it is that one that its Certificate tells of: when.
#[must_use]
pub fn renews_on(managed: &ManagedCertificate, certificate: &Certificate, at: OffsetDateTime) -> Option<OffsetDateTime> {
    let Told::ByCertificate(status) = &managed.told else { return None };
    let is_it = status.not_after.is_none_or(|end| end == certificate.validity.not_after);
    status.renewal_time.filter(|_| is_it).filter(|renewal| *renewal > at && trouble(managed, status).is_none())
}

/// What keeps cert-manager from issuing it, in a part of a sentence.
#[must_use]
pub fn hindrance(managed: &ManagedCertificate) -> Option<String> {
    let Told::ByCertificate(status) = &managed.told else { return None };
    trouble(managed, status)
}

/// The line that has cert-manager do something with a Certificate (cert-manager.io/docs/reference/cmctl). Names of Certificates are such
/// that they need no quotes.
#[must_use]
pub fn command(managed: &ManagedCertificate, verb: &str) -> String {
    match &*managed.namespace {
        "" => format!("cmctl {verb} {}", managed.name),
        namespace => format!("cmctl {verb} --namespace {namespace} {}", managed.name),
    }
}

fn trouble(managed: &ManagedCertificate, status: &ManagedStatus) -> Option<String> {
    if let (Some(failure), Some(issuing)) = (status.last_failure, status.issuing.as_ref().filter(|issuing| !issuing.is_met)) {
        let times = status
            .failed_attempts
            .filter(|times| *times > 1)
            .map(|times| format!(", after {times} attempts"))
            .unwrap_or_default();
        return Some(format!("{managed} could not be issued on {}{times}{}", date(failure), why(issuing)));
    }
    let ready = status.ready.as_ref()?;
    let since = ready.since.map(|since| format!(" since {}", date(since))).unwrap_or_default();
    (!ready.is_met).then(|| format!("{managed} is not ready{since}{}", why(ready)))
}

/// `: REASON: message`, as far as there is one.
fn why(condition: &Condition) -> String {
    let parts = [&condition.reason, &condition.message].into_iter().filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.map(|part| part.trim_end_matches('.')).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(": ")) }
}

/// The day; to the second where that may decide.
fn day(instant: OffsetDateTime, at: OffsetDateTime) -> String {
    if (instant - at).abs() < Duration::days(2) { moment(instant) } else { date(instant) }
}

/// Adds who renews it and when to a finding about a certificate.
pub(super) fn about(context: &Context<'_>, node: NodeId, draft: Draft) -> Draft {
    let Some(managed) = manager(context, node) else { return draft };
    let draft = draft.evidence("managedBy", Evidence::Text(managed.to_string()));
    match renews_on(managed, context.graph.certificate(node), context.policy.at) {
        Some(renewal) => draft.evidence("renewalTime", Evidence::Time(renewal)),
        None => draft,
    }
}
