//! What would make a certificate trusted: computed from the verdict and from what is at hand, never a general list of things to try.
//!
//! Each attempt that is worth mending is a way; a way has a step for everything that speaks against the attempt, and all of them must be
//! taken. An attempt that came to a trust anchor is nearer to the goal than one that did not: where there is one, dead ends are no ways.

mod signer;
mod words;

use super::names::tag::URI;
use super::oid;
use super::tbs::Tbs;
use super::{Attempt, Outcome, Purpose, Question, Reason, Rejection, Verdict, Verifier, rule};
use crate::chain::{Graph, NodeId, SignatureCheck};
use crate::der::{Element, OBJECT_IDENTIFIER, Reader, SEQUENCE};
use std::collections::HashSet;

/// One way to trust: every step of it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The steps, the one on the end entity first.
    pub steps: Vec<Step>,
}

/// One thing that has to be so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A certificate is renewed.
    Renew(NodeId),
    /// Its time comes.
    Wait(NodeId),
    /// It is replaced, because its issuer took it back.
    Replace(NodeId),
    /// It is issued again with the names asked for, or asked about by one that it has.
    Names(NodeId),
    /// It is issued again with its host name as alternative name.
    AlternativeNames(NodeId),
    /// It is issued again for the purpose asked for.
    Purpose(NodeId, Purpose),
    /// These CAs, each of which has name constraints, allow the names below.
    Constraints(Vec<NodeId>),
    /// More CAs are allowed below this one.
    Depth(NodeId),
    /// More certificates are allowed on a path (`--max-depth`).
    MaxDepth(usize),
    /// Fewer certificates stand between this one and an anchor: the verifier itself has a limit.
    Shorten(NodeId),
    /// It is issued again as a CA.
    Authority(NodeId),
    /// It is issued again with a signature that is taken.
    Signature(NodeId),
    /// It is issued again with a key that is taken.
    Key(NodeId),
    /// It is issued again without a fault.
    Reissue {
        /// Which certificate.
        node: NodeId,
        /// What kind of fault it is.
        reason: Reason,
        /// What is wrong with it, in the verifier's words.
        fault: String,
    },
    /// A revocation list of this certificate's issuer is given.
    RevocationList(NodeId),
    /// The issuer is given.
    Issuer {
        /// Whose issuer.
        of: NodeId,
        /// Where the certificate says that it is (`caIssuers`, RFC 5280 section 4.2.2.1).
        at: Vec<String>,
    },
    /// The CA that signed is trusted, instead of one that has its name and another key.
    OtherKey {
        /// What was signed.
        signed: NodeId,
        /// The one that has the name.
        namesake: NodeId,
    },
    /// The CA that signed, which is at hand, is taken instead of others of its name.
    Prefer {
        /// What was signed.
        signed: NodeId,
        /// Who signed it.
        right: NodeId,
        /// Who has the name too.
        others: Vec<NodeId>,
    },
    /// A self-signed certificate that is at hand is trusted.
    Trust(NodeId),
    /// OpenSSL is told to take a certificate as anchor that is no root (`-partial_chain`).
    PartialChain(NodeId),
    /// The program runs with a GODEBUG setting, as long as Go has it.
    Godebug(&'static str),
}

/// Ways that are told.
const MOST: usize = 3;
/// Anchors of the issuer's name whose keys are tried: advice must not cost what the search was kept from spending.
const NAMESAKES: usize = 8;
/// Certificates of the issuer's name that are asked whether they signed: one that is far down in a bundle is what the advice is about.
const SIGNERS: usize = 512;

/// How the certificate could be trusted, the likeliest way first. Nothing for one that is.
#[must_use]
pub fn advice(graph: &Graph<'_>, question: &Question<'_>, verdict: &Verdict) -> Vec<Advice> {
    if verdict.outcome != Outcome::NotTrusted {
        return Vec::new();
    }
    let view = View { graph, question, verifier: verdict.verifier, paths: &verdict.paths };
    let nearest = verdict.paths.first().map(Attempt::is_dead_end);
    let mut ways: Vec<Advice> = Vec::new();
    let worth = |attempt: &&Attempt| Some(attempt.is_dead_end()) == nearest && !attempt.is_beside(&verdict.paths);
    let attempts = verdict.paths.iter().filter(worth);
    for steps in attempts.flat_map(|attempt| [view.steps(attempt, Mend::Certificates), view.steps(attempt, Mend::Program)]) {
        // What mends a way that is told already mends this one too.
        if !steps.is_empty() && !ways.iter().any(|way| way.steps.iter().all(|step| steps.contains(step))) {
            ways.push(Advice { steps });
        }
        if ways.len() == MOST {
            break;
        }
    }
    ways
}

/// What is changed where a rule can be turned off: the certificate, or the program that would judge it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mend {
    Certificates,
    Program,
}

impl Attempt {
    /// Whether it tried a namesake of an issuer that another attempt found: the wrong key beside the right one explains nothing.
    #[must_use]
    pub fn is_beside(&self, others: &[Self]) -> bool {
        let wrong_key =
            self.rejections.iter().any(|rejection| matches!(rejection.reason, Reason::SignatureInvalid | Reason::KeyIdMismatch));
        let Some((last, below)) = self.nodes.split_last().filter(|_| wrong_key) else { return false };
        others.iter().any(|other| {
            let right = below.len().checked_sub(1).and_then(|link| other.links.get(link));
            other.nodes.starts_with(below)
                && other.nodes.get(below.len()).is_some_and(|node| node != last)
                && right.is_some_and(|link| link.signature == Some(SignatureCheck::Valid))
        })
    }

    /// Whether it ended before it came to a trust anchor.
    #[must_use]
    pub fn is_dead_end(&self) -> bool {
        self.rejections.iter().any(|rejection| is_dead_end(rejection.reason))
    }
}

fn is_dead_end(reason: Reason) -> bool {
    matches!(reason, Reason::SignatureInvalid | Reason::KeyIdMismatch | Reason::Untrusted | Reason::IssuerMissing)
}

struct View<'v> {
    graph: &'v Graph<'v>,
    question: &'v Question<'v>,
    verifier: Verifier,
    paths: &'v [Attempt],
}

impl Step {
    /// The same step without the words that one verifier has for it: what two verifiers' advice has in common.
    #[must_use]
    pub fn kind(&self) -> Self {
        match self {
            Self::Reissue { node, reason, .. } => Self::Reissue { node: *node, reason: *reason, fault: String::new() },
            other => other.clone(),
        }
    }
}

impl View<'_> {
    fn steps(&self, attempt: &Attempt, mend: Mend) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut seen = HashSet::new();
        let preferred = self.preferred(attempt);
        for rejection in &attempt.rejections {
            let setting = Some(rejection.rule).filter(|_| mend == Mend::Program).and_then(|rule| self.way_back(rule));
            let other_issuer = preferred.as_ref().and_then(|preferred| preferred.mends(attempt, rejection));
            let step = other_issuer.or(setting).or_else(|| self.step(attempt, rejection));
            steps.extend(step.filter(|step| seen.insert(step.clone())));
        }
        steps
    }

    fn way_back(&self, rule: &str) -> Option<Step> {
        rule::by_id(rule).and_then(|rule| rule.way_back(self.verifier)).map(Step::Godebug)
    }

    fn step(&self, attempt: &Attempt, rejection: &Rejection) -> Option<Step> {
        let node = rejection.node;
        Some(match rejection.reason {
            Reason::Revoked => Step::Replace(node),
            Reason::Expired => Step::Renew(node),
            Reason::NotYetValid => Step::Wait(node),
            Reason::CnOnly => Step::AlternativeNames(node),
            Reason::NameMismatch if self.is_named_by_its_subject(node) => Step::AlternativeNames(node),
            Reason::NameMismatch => Step::Names(node),
            Reason::UsageWrong | Reason::UsageMissing if self.is_end_entity(node) => Step::Purpose(node, self.question.purpose),
            Reason::NameConstraint => Step::Constraints(self.constraining(attempt, node)),
            Reason::PathTooLong => self.depth(attempt, rejection),
            Reason::NotACa => Step::Authority(node),
            Reason::WeakSignature => Step::Signature(node),
            Reason::WeakKey => Step::Key(node),
            Reason::UsageWrong
            | Reason::UsageMissing
            | Reason::CriticalExtension
            | Reason::SanMalformed
            | Reason::Malformed
            | Reason::Policy => Step::Reissue { node, reason: rejection.reason, fault: rejection.message.clone() },
            Reason::RevocationUnknown => Step::RevocationList(node),
            Reason::SignatureInvalid | Reason::KeyIdMismatch | Reason::Untrusted | Reason::IssuerMissing => {
                return self.dead_end(attempt, rejection);
            }
            Reason::SignatureUnsupported | Reason::Budget => return None,
        })
    }

    fn is_end_entity(&self, node: NodeId) -> bool {
        node == self.question.end_entity
    }

    /// Whether the names asked for stand in the common name, and there are no alternative names.
    fn is_named_by_its_subject(&self, node: NodeId) -> bool {
        let certificate = self.graph.certificate(node);
        let common_name = certificate.subject.common_name().unwrap_or_default();
        certificate.sans.is_empty() && self.question.names.iter().all(|name| name.to_string().eq_ignore_ascii_case(common_name))
    }

    /// The CAs whose name constraints count: verifiers name the CA, or the certificate whose names are not allowed.
    fn constraining(&self, attempt: &Attempt, node: NodeId) -> Vec<NodeId> {
        let constrains = |node: &NodeId| Tbs::of(self.graph.certificate(*node)).extension(oid::NAME_CONSTRAINTS).is_some();
        if constrains(&node) && !self.is_end_entity(node) {
            return vec![node];
        }
        let above = attempt.nodes.iter().copied().skip_while(|below| *below != node).skip(1);
        let cas: Vec<NodeId> = above.filter(constrains).collect();
        if cas.is_empty() { vec![node] } else { cas }
    }

    /// A limit that was asked for, or a path length. An attempt may have ended at the limit, with more above it.
    fn depth(&self, attempt: &Attempt, rejection: &Rejection) -> Step {
        let between = attempt.nodes.len().saturating_sub(2);
        match self.question.max_depth {
            Some(most) if between > most || rejection.rule.ends_with(DEPTH) => {
                let above = attempt.nodes.last().and_then(|last| self.height(*last)).unwrap_or_default();
                Step::MaxDepth((between + above).max(most.saturating_add(1)))
            }
            None if rejection.rule.ends_with(DEPTH) => Step::Shorten(self.question.end_entity),
            _ => Step::Depth(rejection.node),
        }
    }

    /// Where an attempt ended before an anchor, what is missing is above its last certificate, or is the last one itself.
    fn dead_end(&self, attempt: &Attempt, rejection: &Rejection) -> Option<Step> {
        let last = attempt.nodes.last().copied().unwrap_or(self.question.end_entity);
        let below = attempt.nodes.len().checked_sub(2).and_then(|at| attempt.nodes.get(at)).copied();
        let refused_link = matches!(rejection.reason, Reason::SignatureInvalid | Reason::KeyIdMismatch);
        if let (true, Some(signed)) = (refused_link, below) {
            // The issuer may be at hand all the same: then it is what counts.
            return Some(self.namesake(signed).unwrap_or(Step::OtherKey { signed, namesake: last }));
        }
        let trusted = self.question.anchors.contains(&last);
        let self_signed = self.graph.is_self_signed(last);
        match self.namesake(last) {
            _ if trusted && !self_signed && self.verifier == Verifier::OpenSsl => Some(Step::PartialChain(last)),
            Some(step) => Some(step),
            // Trusted already, and not taken for an anchor: no further certificate helps.
            None if self_signed => (!trusted).then_some(Step::Trust(last)),
            None => Some(Step::Issuer { of: last, at: self.ca_issuers(last) }),
        }
    }

    /// The anchor that has the name of the issuer and another key.
    fn namesake(&self, signed: NodeId) -> Option<Step> {
        let certificate = self.graph.certificate(signed);
        let named = |node: &&NodeId| **node != signed && self.graph.certificate(**node).subject == certificate.issuer;
        let other = |node: &&NodeId| self.graph.signature(signed, **node) == SignatureCheck::Invalid;
        let namesake = *self.question.anchors.iter().filter(named).take(NAMESAKES).find(other)?;
        Some(Step::OtherKey { signed, namesake })
    }

    fn ca_issuers(&self, node: NodeId) -> Vec<String> {
        let tbs = Tbs::of(self.graph.certificate(node));
        let access = tbs.extension(oid::AUTHORITY_INFO_ACCESS);
        access.map(|extension| ca_issuers(extension.value)).unwrap_or_default()
    }
}

/// How the rules on the depth asked for are called, after the verifier.
const DEPTH: &str = "/depth";

/// `id-ad-caIssuers` (RFC 5280 section 4.2.2.1).
const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 2];
/// Addresses that are told.
const MOST_ADDRESSES: usize = 3;

fn ca_issuers(access: &[u8]) -> Vec<String> {
    let Ok(list) = Reader::new(access).take(SEQUENCE, "AuthorityInfoAccess") else { return Vec::new() };
    let mut descriptions = list.children();
    let mut found = Vec::new();
    while let (Ok(description), true) = (descriptions.take(SEQUENCE, "AccessDescription"), found.len() < MOST_ADDRESSES) {
        found.extend(address(&description));
    }
    found
}

fn address(description: &Element<'_>) -> Option<String> {
    let mut fields = description.children();
    let method = fields.take(OBJECT_IDENTIFIER, "accessMethod").ok()?;
    let location = fields.take(URI, "accessLocation").ok()?;
    let text = std::str::from_utf8(location.contents).ok()?;
    (method.contents == CA_ISSUERS).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{AwsLc, inventory};
    use crate::mint::{NOW, pki};
    use crate::verify::Evidence;

    fn question(anchors: &[u32]) -> Question<'static> {
        Question {
            end_entity: NodeId(0),
            intermediates: Vec::new(),
            anchors: anchors.iter().copied().map(NodeId).collect(),
            purpose: Purpose::Server,
            names: vec!["10.0.0.9".parse().unwrap()],
            at: NOW,
            crls: Vec::new(),
            max_depth: None,
        }
    }

    /// An attempt over these certificates, refused at one of them.
    fn attempt(graph: &Graph<'_>, nodes: &[u32], reason: Reason, at: u32) -> Attempt {
        let nodes: Vec<NodeId> = nodes.iter().copied().map(NodeId).collect();
        let pairs = nodes.iter().zip(nodes.iter().skip(1));
        let links = pairs.map(|(child, issuer)| Evidence { key_id: None, signature: Some(graph.signature(*child, *issuer)) });
        let links = links.collect();
        let rejection = Rejection { reason, rule: "test", node: NodeId(at), message: String::new(), citation: "" };
        Attempt { nodes, links, rejections: vec![rejection] }
    }

    fn words(graph: &Graph<'_>, question: &Question<'_>, verifier: &str, paths: Vec<Attempt>) -> Vec<String> {
        let verifier = verifier.parse().unwrap();
        let outcome = Outcome::NotTrusted;
        let verdict = Verdict { verifier, outcome, headline: String::new(), paths, omitted: 0, notes: Vec::new() };
        advice(graph, question, &verdict).iter().map(|way| way.words(graph, question)).collect()
    }

    #[test]
    fn the_missing_issuer_is_named_with_its_key_and_its_address() {
        let root = pki().ca("root").self_signed().unwrap();
        let issuing = pki().ca("issuing").issued_by(&root).unwrap();
        let access = b"\x30\x1e\x30\x1c\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x10http://pki.x/ca0";
        let leaf = pki().leaf("leaf").extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access).issued_by(&issuing).unwrap();
        let inventory = inventory(&[&leaf, &root]);
        let graph = Graph::build(&inventory, &AwsLc);
        let said = words(&graph, &question(&[1]), "go", vec![attempt(&graph, &[0], Reason::IssuerMissing, 0)]);
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("trusted if CN=issuing (key id "), "{said:?}");
        let end = " is given, with --intermediates, or with --trust if it is a root; it should be at http://pki.x/ca0";
        assert!(said[0].ends_with(end), "{said:?}");
        assert_eq!(ca_issuers(&access[..20]), Vec::<String>::new(), "cut off");
    }

    #[test]
    fn a_ca_made_anew_is_recognised() {
        let old = pki().ca("kubernetes").self_signed().unwrap();
        let new = pki().ca("kubernetes").self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&old).unwrap();
        let inventory = inventory(&[&leaf, &new]);
        let graph = Graph::build(&inventory, &AwsLc);
        let asked = question(&[1]);
        let expected = [Advice { steps: vec![Step::OtherKey { signed: NodeId(0), namesake: NodeId(1) }] }];
        for attempt in [attempt(&graph, &[0, 1], Reason::SignatureInvalid, 1), attempt(&graph, &[0], Reason::IssuerMissing, 0)] {
            let outcome = Outcome::NotTrusted;
            let (paths, notes) = (vec![attempt], Vec::new());
            let verdict = Verdict { verifier: Verifier::newest_go(), outcome, headline: String::new(), paths, omitted: 0, notes };
            assert_eq!(advice(&graph, &asked, &verdict), expected);
        }
    }

    #[test]
    fn the_right_one_at_hand_goes_before_the_namesake_that_was_taken() {
        let old = pki().ca("kubernetes").expired().self_signed().unwrap();
        let new = pki().ca("kubernetes").self_signed().unwrap();
        let leaf = pki().leaf("leaf").issued_by(&new).unwrap();
        let inventory = inventory(&[&leaf, &old, &new]);
        let graph = Graph::build(&inventory, &AwsLc);
        let mut both = attempt(&graph, &[0, 1], Reason::SignatureInvalid, 0);
        both.rejections.extend(attempt(&graph, &[0, 1], Reason::Expired, 1).rejections);
        let said = words(&graph, &question(&[1, 2]), "envoy", vec![both.clone()]);
        let expected = "trusted if CN=kubernetes of 2, which signed CN=leaf, stands before that of 1, or that one is removed";
        assert_eq!(said, [expected]);
        let tried = attempt(&graph, &[0, 2], Reason::WeakKey, 2);
        let said = words(&graph, &question(&[1, 2]), "envoy", vec![both, tried]);
        assert!(!said.iter().any(|way| way.contains("stands before")), "{said:?}");
    }

    #[test]
    fn the_wrong_key_beside_the_right_one_explains_nothing() {
        let root = pki().ca("root").self_signed().unwrap();
        let right = pki().ca("issuing").issued_by(&root).unwrap();
        let wrong = pki().ca("issuing").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&right).unwrap();
        let other = pki().ca("other").self_signed().unwrap();
        let inventory = inventory(&[&leaf, &right, &wrong, &other]);
        let graph = Graph::build(&inventory, &AwsLc);
        let mut paths =
            vec![attempt(&graph, &[0, 2], Reason::SignatureInvalid, 2), attempt(&graph, &[0, 1], Reason::IssuerMissing, 1)];
        crate::verify::verdict::rank(&mut paths);
        assert_eq!(paths[0].nodes, [NodeId(0), NodeId(1)]);
        let said = words(&graph, &question(&[3]), "go", paths);
        assert!(said.len() == 1 && said[0].starts_with("trusted if CN=root (key id"), "{said:?}");
    }

    #[test]
    fn an_attempt_that_came_to_an_anchor_is_mended_and_dead_ends_are_not() {
        let root = pki().ca("root").self_signed().unwrap();
        let server = pki().leaf("kube-apiserver").server().dns("kubernetes.default.svc").ip([10, 96, 0, 1]);
        let leaf = server.expired().issued_by(&root).unwrap();
        let inventory = inventory(&[&leaf, &root]);
        let graph = Graph::build(&inventory, &AwsLc);
        let mut both = attempt(&graph, &[0, 1], Reason::Expired, 0);
        both.rejections.extend(attempt(&graph, &[0, 1], Reason::NameMismatch, 0).rejections);
        let said = words(&graph, &question(&[1]), "go", vec![both, attempt(&graph, &[0], Reason::IssuerMissing, 0)]);
        let expected = "trusted if CN=kube-apiserver is renewed: it ended 2025-12-31 (24 hours ago), and CN=kube-apiserver is issued \
                        again for 10.0.0.9 (kubeadm: apiServer.certSANs, then kubeadm init phase certs apiserver), or it is asked for \
                        by 10.96.0.1 or kubernetes.default.svc";
        assert_eq!(said, [expected]);
    }

    #[test]
    fn openssl_wants_a_root_and_the_depth_is_counted() {
        let root = pki().ca("root").self_signed().unwrap();
        let issuing = pki().ca("issuing").issued_by(&root).unwrap();
        let leaf = pki().leaf("leaf").issued_by(&issuing).unwrap();
        let inventory = inventory(&[&leaf, &issuing, &root]);
        let graph = Graph::build(&inventory, &AwsLc);
        let said = words(&graph, &question(&[1]), "openssl", vec![attempt(&graph, &[0, 1], Reason::IssuerMissing, 1)]);
        let expected =
            "trusted if --trust has the root above CN=issuing, which is an intermediate, or openssl is told -partial_chain";
        assert_eq!(said, [expected]);
        let asked = Question { max_depth: Some(0), ..question(&[2]) };
        let said = words(&graph, &asked, "rfc5280", vec![attempt(&graph, &[0, 1, 2], Reason::PathTooLong, 2)]);
        assert_eq!(said, ["trusted if --max-depth is 1 or more"]);
    }
}
