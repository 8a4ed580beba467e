//! The verifier `rustls`: rustls-webpki itself, called as rustls' default verifiers call it.
//!
//! One call over everything at hand gives the verdict. rustls-webpki names one error for all the paths it tried, so for the
//! explanation each path that names and signatures allow is put to it alone; what it says then is that path's reason.

use super::case::{Case, Member};
use super::search::{self, Budget, BudgetOwner, Candidate, Quirks, Strategy, TrustedEndEntity};
use super::{Attempt, Name, Outcome, Purpose, Reason, Rejection, Verdict, names, verdict};
use crate::chain::SignatureCheck;
use crate::model::Certificate;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExtendedKeyUsageValidator,
    KeyPurposeIdIter, KeyUsage, RevocationOptionsBuilder, VerifiedPath, anchor_from_trusted_cert,
};

/// Answers.
pub(super) fn verdict(case: &Case<'_>) -> Verdict {
    let mut verdict = search::verdict(case, &PATHS);
    verdict.notes.clear();
    let outcome = everything(case, &mut verdict.notes);
    for attempt in verdict.paths.iter_mut().filter(|attempt| attempt.is_trusted()) {
        attempt.rejections.extend(alone(case, attempt).or_else(|| refusal(case, attempt, outcome.as_ref().err()?)));
    }
    if let Err(error) = &outcome
        && verdict.paths.is_empty()
    {
        let mut attempt = Attempt { nodes: vec![case.end_entity.node], links: Vec::new(), rejections: Vec::new() };
        attempt.rejections.extend(refusal(case, &attempt, error));
        verdict.paths.push(attempt);
    }
    verdict::rank(&mut verdict.paths);
    verdict.outcome = if outcome.is_ok() { Outcome::Trusted } else { Outcome::NotTrusted };
    verdict.headline = verdict::headline(case, verdict.outcome, &verdict.paths);
    verdict
}

/// Which paths are put to rustls-webpki one by one: names byte for byte, no key twice under one name, six intermediates at most
/// (verify_cert.rs `MAX_SUB_CA_COUNT`), and at most as many as it would check signatures (`Budget`).
const PATHS: Strategy = Strategy {
    candidates: |readable, trail| {
        let below = trail.last();
        let made = |candidate: &Candidate<'_, '_>| {
            candidate.member.certificate.subject == below.certificate.issuer
                && trail.case.graph.signature(below.node, candidate.member.node) != SignatureCheck::Invalid
        };
        readable.candidates().filter(made).collect()
    },
    repeats: |trail, candidate| {
        let of = |certificate: &Certificate| certificate.public_key.spki_sha256;
        let same = |member: &&Member<'_>| {
            member.certificate.subject == candidate.certificate.subject && of(member.certificate) == of(candidate.certificate)
        };
        trail.members.iter().any(same)
    },
    trusted_end_entity: TrustedEndEntity::NeedsAnIssuer,
    budget: Budget { candidates: 100, length: 8, owner: BudgetOwner::Verifier, citation: CITATION },
    quirks: Quirks::NONE,
};

const CITATION: &str = "rustls-webpki";

/// What everything at hand comes to.
fn everything(case: &Case<'_>, notes: &mut Vec<String>) -> Result<(), Error> {
    let anchors: Vec<&Member<'_>> = case.anchors.iter().collect();
    let readable = |member: &&Member<'_>| match anchor_from_trusted_cert(&der(member)) {
        Ok(_) => true,
        Err(error) => {
            notes.push(format!("{} is passed over as trust anchor: {}", member.certificate.display_name(), words(&error).1));
            false
        }
    };
    let anchors: Vec<_> = anchors.into_iter().filter(readable).collect();
    let intermediates: Vec<&Member<'_>> = case.intermediates.iter().collect();
    ask(case, &intermediates, &anchors)
}

/// Why one path is refused, put to rustls-webpki alone; `None` if it is not.
fn alone(case: &Case<'_>, attempt: &Attempt) -> Option<Rejection> {
    let (anchor, below) = attempt.nodes.split_last()?;
    let anchors: Vec<_> = case.anchors.iter().filter(|member| member.node == *anchor).collect();
    let intermediates: Vec<_> = case.intermediates.iter().filter(|member| below.contains(&member.node)).collect();
    ask(case, &intermediates, &anchors).err().and_then(|error| refusal(case, attempt, &error))
}

/// The call: path, usage, revocation, then each of the names.
fn ask(case: &Case<'_>, intermediates: &[&Member<'_>], anchors: &[&Member<'_>]) -> Result<(), Error> {
    let question = case.question;
    let leaf = der(&case.end_entity);
    let end_entity = EndEntityCert::try_from(&leaf)?;
    let anchors: Vec<CertificateDer<'_>> = anchors.iter().map(|member| der(member)).collect();
    let anchors = anchors.iter().filter_map(|anchor| anchor_from_trusted_cert(anchor).ok()).collect::<Vec<TrustAnchor<'_>>>();
    let intermediates: Vec<CertificateDer<'_>> = intermediates.iter().map(|member| der(member)).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(question.at.unix_timestamp().try_into().unwrap_or(0)));
    let lists = question.crls.iter().map(|list| BorrowedCertRevocationList::from_der(&list.der).map(CertRevocationList::from));
    let lists = lists.collect::<Result<Vec<_>, _>>()?;
    let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(RevocationOptionsBuilder::build);
    let depth = |path: &VerifiedPath<'_>| match question.max_depth {
        Some(most) if path.intermediate_certificates().count() > most => Err(Error::MaximumPathDepthExceeded),
        _ => Ok(()),
    };
    let usage = Usage(question.purpose);
    end_entity.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &intermediates, time, usage, revocation, Some(&depth))?;
    question.names.iter().try_for_each(|name| named(case, &end_entity, name))
}

/// DNS names and addresses are rustls-webpki's to compare. E-mail addresses and URIs it does not know: they are compared exactly.
fn named(case: &Case<'_>, end_entity: &EndEntityCert<'_>, name: &Name) -> Result<(), Error> {
    let server = match name {
        Name::Dns(host) => ServerName::try_from(&**host).map_err(|_| Error::MalformedDnsIdentifier)?,
        Name::Ip(address) => ServerName::IpAddress((*address).into()),
        Name::Email(_) | Name::Uri(_) if names::is_among(name, &case.end_entity.certificate.sans) => return Ok(()),
        Name::Email(_) | Name::Uri(_) => return Err(Error::UnsupportedNameType),
    };
    end_entity.verify_is_valid_for_subject_name(&server)
}

fn der<'a>(member: &Member<'a>) -> CertificateDer<'a> {
    CertificateDer::from(&*member.certificate.der.bytes)
}

/// The purpose as rustls asks for it: required if the certificate says anything.
struct Usage(Purpose);

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        match self.0 {
            Purpose::Any => Ok(()),
            Purpose::Server => KeyUsage::server_auth().validate(purposes),
            Purpose::Client => KeyUsage::client_auth().validate(purposes),
        }
    }
}

fn refusal(case: &Case<'_>, attempt: &Attempt, error: &Error) -> Option<Rejection> {
    let (reason, message) = words(error);
    let node = concerned(case, attempt, error).or_else(|| attempt.nodes.first().copied())?;
    Some(Rejection { reason, rule: "rustls/webpki", node, message, citation: CITATION })
}

/// rustls-webpki does not say which certificate it means. A date tells; what cannot be read is found by reading each by itself.
fn concerned(case: &Case<'_>, attempt: &Attempt, error: &Error) -> Option<crate::chain::NodeId> {
    let certificate = |node: &crate::chain::NodeId| case.graph.certificate(*node);
    let seconds = |time: &UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let mut nodes = attempt.nodes.iter();
    let found = match error {
        Error::CertExpired { not_after, .. } => {
            nodes.find(|node| certificate(node).validity.not_after.unix_timestamp() == seconds(not_after))
        }
        Error::CertNotValidYet { not_before, .. } => {
            nodes.find(|node| certificate(node).validity.not_before.unix_timestamp() == seconds(not_before))
        }
        Error::EndEntityUsedAsCa => nodes.skip(1).find(|node| !certificate(node).is_ca()),
        _ => nodes.find(|node| EndEntityCert::try_from(&CertificateDer::from(&*certificate(node).der.bytes)).is_err()),
    };
    found.copied()
}

/// What an error means, and the facts it carries, in words.
fn words(error: &Error) -> (Reason, String) {
    let date = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        time::OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| "an unknown date".to_owned(), crate::model::when::date)
    };
    let (reason, text) = match error {
        Error::CertExpired { not_after, .. } => return (Reason::Expired, format!("ended {}", date(not_after))),
        Error::CertNotValidYet { not_before, .. } => return (Reason::NotYetValid, format!("begins {}", date(not_before))),
        Error::CrlExpired { next_update, .. } => {
            return (Reason::RevocationUnknown, format!("the revocation list ended {}", date(next_update)));
        }
        Error::CertNotValidForName(context) if context.presented.is_empty() => (Reason::NameMismatch, "is valid for no name"),
        Error::CertNotValidForName(_) | Error::UnsupportedNameType => (Reason::NameMismatch, "is not valid for the name"),
        Error::MalformedDnsIdentifier => (Reason::NameMismatch, "a DNS name that is none"),
        Error::CertRevoked => (Reason::Revoked, "is revoked"),
        Error::UnknownRevocationStatus => (Reason::RevocationUnknown, "no revocation list tells whether it is revoked"),
        Error::IssuerNotCrlSigner => {
            (Reason::RevocationUnknown, "the issuer's key usage does not allow it to sign revocation lists")
        }
        Error::CaUsedAsEndEntity => (Reason::UsageWrong, "is a CA: rustls does not take a CA as end entity"),
        Error::EndEntityUsedAsCa => (Reason::NotACa, "is no CA"),
        Error::EmptyEkuExtension => (Reason::UsageWrong, "its extended key usage lists no purpose"),
        Error::RequiredEkuNotFoundContext(_) => (Reason::UsageWrong, "its extended key usage does not allow the purpose"),
        Error::NameConstraintViolation => (Reason::NameConstraint, "a CA above may not issue for one of its names"),
        Error::MaximumNameConstraintComparisonsExceeded => {
            (Reason::NameConstraint, "more than 250,000 comparisons with name constraints")
        }
        Error::PathLenConstraintViolated => (Reason::PathTooLong, "more CAs below it than its path length allows"),
        Error::MaximumPathDepthExceeded => (Reason::PathTooLong, "more intermediates than allowed"),
        Error::UnsupportedCriticalExtension => (Reason::CriticalExtension, "has a critical extension that rustls does not know"),
        Error::InvalidSignatureForPublicKey => {
            (Reason::SignatureInvalid, "the issuer of that name has another key than the one that signed")
        }
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            (Reason::WeakSignature, "a signature algorithm or key that rustls does not take")
        }
        Error::MaximumSignatureChecksExceeded | Error::MaximumPathBuildCallsExceeded => {
            (Reason::Budget, "rustls-webpki gave up: too many certificates to try")
        }
        Error::UnknownIssuer => (Reason::IssuerMissing, "no trust anchor leads to it"),
        Error::InvalidCertValidity => (Reason::Malformed, "ends before it begins"),
        Error::UnsupportedCertVersion => (Reason::Malformed, "is no version 3 certificate"),
        Error::InvalidSerialNumber => (Reason::Malformed, "its serial number is negative or too long"),
        other => return (Reason::Malformed, format!("rustls-webpki says {other}")),
    };
    (reason, text.to_owned())
}
