//! The verifier `rustls`: rustls-webpki itself, called as rustls' default verifiers call it.
//!
//! One call over everything at hand gives the verdict. rustls-webpki names one error for all the paths it tried, so for the
//! explanation each path that names and signatures allow is put to it alone; what it says then is that path's reason.

use super::case::{Case, Member};
use super::oid;
use super::rule::Rule;
use super::search::{self, Budget, BudgetOwner, Candidate, Quirks, Strategy, TrustedEndEntity};
use super::tbs::Tbs;
use super::{Attempt, Name, Outcome, Purpose, Reason, Rejection, Verdict, names, verdict};
use crate::chain::{NodeId, SignatureCheck};
use crate::model::when::moment;
use crate::model::{Certificate, CertificateList, ExtendedKeyUsage, KeyAlgorithm};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use time::OffsetDateTime;
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExtendedKeyUsageValidator,
    KeyPurposeIdIter, KeyUsage, RevocationOptionsBuilder, VerifiedPath, anchor_from_trusted_cert,
};

/// Answers.
pub(super) fn verdict(case: &Case<'_>) -> Verdict {
    let mut verdict = search::verdict(case, &PATHS);
    verdict.notes.clear();
    let anchors = anchors(case, &mut verdict.notes);
    let ways = Ways::of(case, &anchors);
    let outcome = ask(case, &ways.intermediates, &anchors);
    let refused = |attempt: &Attempt| alone(case, attempt).or_else(|| Some(refusal(case, attempt, outcome.as_ref().err()?)));
    if let Ok(nodes) = &outcome
        && verdict.paths.iter().all(|attempt| attempt.nodes != *nodes)
    {
        verdict.paths.push(search::bare(case, nodes));
    }
    for attempt in verdict.paths.iter_mut().filter(|attempt| attempt.is_trusted()) {
        attempt.rejections.extend(refused(attempt));
    }
    if verdict.paths.is_empty() {
        let mut attempt = search::bare(case, &[case.end_entity.node]);
        attempt.rejections.extend(refused(&attempt));
        verdict.paths.push(attempt);
    }
    verdict::rank(&mut verdict.paths);
    verdict.outcome = match outcome {
        Ok(_) => Outcome::Trusted,
        Err(_) if ways.complete => Outcome::NotTrusted,
        Err(_) => {
            verdict.notes.push(format!("the search ended after {MOST_SIGNATURES} signatures: kcert's own bound"));
            Outcome::CouldNotTell
        }
    };
    verdict.headline = verdict::headline(case, verdict.outcome, &verdict.paths);
    verdict
}

/// Which paths are put to rustls-webpki one by one: names byte for byte, no key twice under one name among the intermediates. An anchor
/// may be the end entity itself. These paths explain, the one call over everything decides: so a few are enough.
const PATHS: Strategy = Strategy {
    candidates: |readable, trail| {
        let child = trail.last();
        let repeated = |candidate: &Candidate<'_, '_>| trail.members.iter().any(|member| is_the_same(member, candidate.member));
        let named = |candidate: &Candidate<'_, '_>| candidate.member.certificate.subject == child.certificate.issuer;
        let mut found: Vec<_> =
            readable.candidates().filter(|candidate| named(candidate) && (candidate.anchor || !repeated(candidate))).collect();
        found.sort_by_key(|candidate| child.certificate.authority_key_id != candidate.member.certificate.subject_key_id);
        found.truncate(MOST_NAMESAKES);
        found.retain(|candidate| has_issued(trail.case, child, candidate.member));
        found
    },
    repeats: |_, _| false,
    trusted_end_entity: TrustedEndEntity::NeedsAnIssuer,
    budget: Budget { candidates: 32, length: 64, owner: BudgetOwner::Verifier, citation: WEBPKI.citation },
    quirks: Quirks::NONE,
};

/// Whatever rustls-webpki refuses: it names an error, and no rule.
pub(super) const WEBPKI: Rule = Rule::inherent("rustls/webpki", "rustls-webpki");

/// The one refusal that is not about a certificate: more intermediates than it takes, or than `--max-depth` allows.
pub(super) const DEPTH: Rule = Rule::inherent("rustls/depth", "rustls-webpki Error::MaximumPathDepthExceeded");

/// Issuers of one name that are looked at for the explanation.
const MOST_NAMESAKES: usize = 16;

fn has_issued(case: &Case<'_>, child: &Member<'_>, issuer: &Member<'_>) -> bool {
    issuer.certificate.subject == child.certificate.issuer
        && case.graph.signature(child.node, issuer.node) != SignatureCheck::Invalid
}

/// As rustls-webpki sees it (RFC 4158 section 5.2): the same name and the same key.
fn is_the_same(one: &Member<'_>, other: &Member<'_>) -> bool {
    one.certificate.subject == other.certificate.subject
        && one.certificate.public_key.spki_sha256 == other.certificate.public_key.spki_sha256
}

/// The anchors that rustls-webpki can read; the others are told.
fn anchors<'c, 'a>(case: &'c Case<'a>, notes: &mut Vec<String>) -> Vec<&'c Member<'a>> {
    let readable = |member: &&Member<'_>| match anchor_from_trusted_cert(&der(member)) {
        Ok(_) => true,
        Err(error) => {
            notes.push(format!("{} is passed over as trust anchor: {}", member.certificate.short_name(), words(&error).1));
            false
        }
    };
    case.anchors.iter().filter(readable).collect()
}

/// Signatures that are looked at to find the ways to an anchor; rustls-webpki itself stops at 100, but takes 200,000 turns without one.
const MOST_SIGNATURES: usize = 1_000;
/// Intermediates on a path at most (rustls-webpki verify_cert.rs `MAX_SUB_CA_COUNT`).
const MOST_INTERMEDIATES: usize = 6;

/// The intermediates that signatures lead through from the end entity to an anchor, in the order given. rustls-webpki reads every
/// certificate at hand again at every turn; those that are on no way to an anchor cannot change its answer, but take it seconds.
struct Ways<'c, 'a> {
    intermediates: Vec<&'c Member<'a>>,
    /// Whether every way was looked at.
    complete: bool,
}

impl<'c, 'a> Ways<'c, 'a> {
    fn of(case: &'c Case<'a>, anchors: &[&'c Member<'a>]) -> Self {
        // Certificates between the end entity and each; which issued which; which are issued by an anchor.
        let mut below = HashMap::from([(case.end_entity.node, 0)]);
        let mut issued: Vec<(NodeId, NodeId)> = Vec::new();
        let mut anchored = Vec::new();
        let mut open = VecDeque::from([&case.end_entity]);
        let mut looked_at = 0;
        while let Some(child) = open.pop_front().filter(|_| looked_at <= MOST_SIGNATURES) {
            // Certificates of one key have issued the same.
            let mut keys = HashMap::new();
            let mut is_issuer = |issuer: &Member<'_>| {
                issuer.certificate.subject == child.certificate.issuer
                    && *keys.entry(issuer.certificate.public_key.spki_sha256).or_insert_with(|| has_issued(case, child, issuer))
            };
            if anchors.iter().any(|anchor| is_issuer(anchor)) {
                anchored.push(child.node);
            }
            let level = below.get(&child.node).copied().unwrap_or(0) + 1;
            for issuer in case.intermediates.iter().filter(|issuer| level <= MOST_INTERMEDIATES && is_issuer(issuer)) {
                issued.push((issuer.node, child.node));
                below.entry(issuer.node).or_insert_with(|| {
                    open.push_back(issuer);
                    level
                });
            }
            looked_at += keys.len();
        }
        let above = distances(anchored, &issued);
        let near = |member: &&Member<'_>| {
            let both = below.get(&member.node).zip(above.get(&member.node));
            both.is_some_and(|(below, above)| below + above <= MOST_INTERMEDIATES)
        };
        Self { intermediates: case.intermediates.iter().filter(near).collect(), complete: looked_at <= MOST_SIGNATURES }
    }
}

/// How many intermediates stand between each certificate and an anchor.
fn distances(anchored: Vec<NodeId>, issued: &[(NodeId, NodeId)]) -> HashMap<NodeId, usize> {
    let mut children: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for (issuer, child) in issued {
        children.entry(*issuer).or_default().push(*child);
    }
    let mut above: HashMap<NodeId, usize> = anchored.iter().map(|node| (*node, 0)).collect();
    let mut open = VecDeque::from(anchored);
    while let Some(issuer) = open.pop_front() {
        let distance = above.get(&issuer).copied().unwrap_or(0) + 1;
        for child in children.get(&issuer).into_iter().flatten() {
            above.entry(*child).or_insert_with(|| {
                open.push_back(*child);
                distance
            });
        }
    }
    above
}

/// Why one path is refused, put to rustls-webpki alone; `None` if it is not.
fn alone(case: &Case<'_>, attempt: &Attempt) -> Option<Rejection> {
    let (anchor, below) = attempt.nodes.split_last()?;
    let anchors: Vec<_> = case.anchors.iter().filter(|member| member.node == *anchor).collect();
    let intermediates: Vec<_> = case.intermediates.iter().filter(|member| below.contains(&member.node)).collect();
    ask(case, &intermediates, &anchors).err().map(|error| refusal(case, attempt, &error))
}

/// The call: path, usage, revocation, then each of the names. Gives the path that was found.
fn ask(case: &Case<'_>, intermediates: &[&Member<'_>], anchors: &[&Member<'_>]) -> Result<Vec<NodeId>, Error> {
    let question = case.question;
    let leaf = der(&case.end_entity);
    let end_entity = EndEntityCert::try_from(&leaf)?;
    let roots: Vec<(NodeId, CertificateDer<'_>)> = anchors.iter().map(|member| (member.node, der(member))).collect();
    let (nodes, anchors): (Vec<NodeId>, Vec<TrustAnchor<'_>>) =
        roots.iter().filter_map(|(node, root)| Some((*node, anchor_from_trusted_cert(root).ok()?))).unzip();
    let chain: Vec<CertificateDer<'_>> = intermediates.iter().map(|member| der(member)).collect();
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
    let path = end_entity.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &chain, time, usage, revocation, Some(&depth))?;
    question.names.iter().try_for_each(|name| named(case, &end_entity, name))?;
    let middle = path.intermediate_certificates().filter_map(|found| {
        let der = found.der();
        intermediates.iter().find(|member| *member.certificate.der.bytes == *der).map(|member| member.node)
    });
    let anchor = anchors.iter().position(|anchor| std::ptr::eq(anchor, path.anchor())).and_then(|at| nodes.get(at).copied());
    Ok(std::iter::once(case.end_entity.node).chain(middle).chain(anchor).collect())
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

fn refusal(case: &Case<'_>, attempt: &Attempt, error: &Error) -> Rejection {
    let culprit = Culprit { case, nodes: &attempt.nodes, error };
    let (reason, message) = culprit.weak_key().unwrap_or_else(|| words(error));
    let node = culprit.node().unwrap_or(case.end_entity.node);
    let rule = if *error == Error::MaximumPathDepthExceeded { DEPTH } else { WEBPKI };
    rule.broken_by(node, reason, message)
}

/// Looks for the certificate of a path that an error is about: rustls-webpki does not say.
struct Culprit<'p, 'a> {
    case: &'p Case<'a>,
    nodes: &'p [NodeId],
    error: &'p Error,
}

impl Culprit<'_, '_> {
    /// The certificate, if the error or the certificates tell.
    fn node(&self) -> Option<NodeId> {
        let seconds = |time: &UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        match self.error {
            Error::CertExpired { not_after, .. } => {
                self.first(|certificate| certificate.validity.not_after.unix_timestamp() == seconds(not_after))
            }
            Error::CertNotValidYet { not_before, .. } => {
                self.first(|certificate| certificate.validity.not_before.unix_timestamp() == seconds(not_before))
            }
            Error::InvalidCertValidity => {
                self.first(|certificate| certificate.validity.not_after < certificate.validity.not_before)
            }
            Error::EndEntityUsedAsCa => self.issuers(|_, certificate| !certificate.is_ca()),
            Error::PathLenConstraintViolated => self.issuers(|below, certificate| {
                let most = certificate.basic_constraints.as_ref().and_then(|constraints| constraints.path_len);
                most.and_then(|most| usize::try_from(most).ok()).is_some_and(|most| below > most)
            }),
            Error::EmptyEkuExtension => {
                self.first(|certificate| certificate.extended_key_usage.as_ref().is_some_and(Vec::is_empty))
            }
            Error::RequiredEkuNotFoundContext(_) => self.first(|certificate| match self.case.question.purpose {
                Purpose::Any => false,
                Purpose::Server => !certificate.allows(&ExtendedKeyUsage::ServerAuth),
                Purpose::Client => !certificate.allows(&ExtendedKeyUsage::ClientAuth),
            }),
            Error::NameConstraintViolation | Error::MaximumNameConstraintComparisonsExceeded => {
                self.issuers(|_, certificate| Tbs::of(certificate).extension(oid::NAME_CONSTRAINTS).is_some())
            }
            Error::CertRevoked => self.first(|certificate| self.is_listed(certificate)),
            Error::UnknownRevocationStatus => {
                self.first(|certificate| !self.lists().any(|list| list.issuer == certificate.issuer))
            }
            Error::InvalidSignatureForPublicKey | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                self.weak_issuer()
            }
            _ => self.first(|certificate| EndEntityCert::try_from(&CertificateDer::from(&*certificate.der.bytes)).is_err()),
        }
    }

    fn first(&self, is_it: impl Fn(&Certificate) -> bool) -> Option<NodeId> {
        self.nodes.iter().copied().find(|node| is_it(self.case.graph.certificate(*node)))
    }

    /// The first issuer of the path that is it, given how many intermediates stand below.
    fn issuers(&self, is_it: impl Fn(usize, &Certificate) -> bool) -> Option<NodeId> {
        let mut issuers = self.nodes.iter().copied().skip(1).enumerate();
        issuers.find(|(below, node)| is_it(*below, self.case.graph.certificate(*node))).map(|(_, node)| node)
    }

    fn lists(&self) -> impl Iterator<Item = &CertificateList> {
        self.case.question.crls.iter().copied()
    }

    fn is_listed(&self, certificate: &Certificate) -> bool {
        let serial = certificate.serial.0.iter().position(|octet| *octet != 0).and_then(|at| certificate.serial.0.get(at..));
        let listed = |list: &CertificateList| {
            let list = BorrowedCertRevocationList::from_der(&list.der).map(CertRevocationList::from);
            list.and_then(|list| list.find_serial(serial.unwrap_or_default()).map(|entry| entry.is_some())).unwrap_or(false)
        };
        self.lists().filter(|list| list.issuer == certificate.issuer).any(listed)
    }

    /// rustls-webpki has no RSA below 2048 bits (`RSA_PKCS1_2048_8192_SHA256`), and calls such a signature invalid.
    fn weak_issuer(&self) -> Option<NodeId> {
        self.issuers(|_, certificate| certificate.public_key.algorithm == KeyAlgorithm::Rsa && certificate.public_key.bits < 2048)
    }

    fn weak_key(&self) -> Option<(Reason, String)> {
        let signature = matches!(
            self.error,
            Error::InvalidSignatureForPublicKey | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        );
        let key = &self.case.graph.certificate(self.weak_issuer().filter(|_| signature)?).public_key;
        Some((Reason::WeakKey, format!("signs with {key}; rustls takes RSA of 2048 to 8192 bits")))
    }
}

/// What an error means, and the facts it carries, in words.
fn words(error: &Error) -> (Reason, String) {
    let date = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| "an unknown date".to_owned(), moment)
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
        Error::InvalidCrlSignatureForPublicKey => {
            (Reason::RevocationUnknown, "the revocation list is signed by another key than its issuer's")
        }
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
        Error::MaximumPathDepthExceeded => (Reason::PathTooLong, "more intermediates than allowed; rustls takes six at most"),
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
