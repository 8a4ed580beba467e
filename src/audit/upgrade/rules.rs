//! Rules of crypto/x509 and crypto/tls that come with the target version, held against every certificate that anybody presents or
//! issues with, whether its handshakes are known or not.

use super::super::Context;
use super::super::findings::{Draft, Findings};
use super::{present, target};
use crate::chain::NodeId;
use crate::model::{Certificate, Code, Evidence, Holding, KeyAlgorithm, OriginKind, Role, Severity, Slot};
use crate::verify::{self, GoVersion, KubernetesVersion, Outcome, Purpose, Question, Reason, Rejection, Verdict, Verifier};
use std::collections::BTreeSet;

/// What only the TLS handshake of a release refuses, and Verify does not.
struct TlsRule {
    id: &'static str,
    since: GoVersion,
    /// The setting that turns it off.
    way_back: Option<&'static str>,
    /// Whether programs with older GODEBUG defaults do without it.
    follows_defaults: bool,
    /// Whose certificates it is about.
    of: Of,
    citation: &'static str,
    breaks: fn(&Certificate) -> Option<String>,
}

/// Whose certificates a rule is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Those that are presented.
    Leaves,
    /// Those that signed others.
    Signers,
}

const TLS_RULES: &[TlsRule] = &[
    TlsRule {
        id: "go/rsa-size",
        since: GoVersion { minor: 24, patch: 0 },
        way_back: Some("rsa1024min=0"),
        follows_defaults: true,
        of: Of::Signers,
        citation: "Go 1.24 release notes, crypto/rsa, GODEBUG rsa1024min=0",
        breaks: |certificate| {
            rsa_bits(certificate).filter(|bits| *bits < 1024).map(|bits| format!("it signs with RSA {bits} bits; at least 1024"))
        },
    },
    TlsRule {
        id: "go/tls-rsa-size",
        since: GoVersion { minor: 24, patch: 0 },
        way_back: Some("rsa1024min=0"),
        follows_defaults: true,
        of: Of::Leaves,
        citation: "Go 1.24 release notes, crypto/rsa: keys below 1024 bits; GODEBUG rsa1024min=0",
        breaks: |certificate| {
            rsa_bits(certificate).filter(|bits| *bits < 1024).map(|bits| format!("its RSA key has {bits} bits; at least 1024"))
        },
    },
    TlsRule {
        id: "go/tls-rsa-maximum",
        since: GoVersion { minor: 20, patch: 7 },
        way_back: Some("tlsmaxrsasize=16384"),
        follows_defaults: false,
        of: Of::Leaves,
        citation: "Go 1.20.7 and 1.21 crypto/tls (CVE-2023-29409): keys above 8192 bits; GODEBUG tlsmaxrsasize",
        breaks: |certificate| {
            rsa_bits(certificate).filter(|bits| *bits > 8192).map(|bits| format!("its RSA key has {bits} bits; at most 8192"))
        },
    },
];

impl TlsRule {
    fn is_enforced_by(&self, verifier: Verifier) -> bool {
        let Verifier::Go(go) = verifier else { return false };
        go.toolchain >= self.since && (!self.follows_defaults || go.godebug >= self.since.minor)
    }
}

/// What a TLS handshake refuses in a certificate that is presented.
pub(in super::super) fn tls_refusal(certificate: &Certificate, verifier: Verifier) -> Option<String> {
    TLS_RULES
        .iter()
        .filter(|rule| rule.of == Of::Leaves && rule.is_enforced_by(verifier))
        .find_map(|rule| (rule.breaks)(certificate))
}

fn rsa_bits(certificate: &Certificate) -> Option<u32> {
    matches!(certificate.public_key.algorithm, KeyAlgorithm::Rsa).then_some(certificate.public_key.bits)
}

/// Why the target refuses a certificate.
struct Refusal {
    rule: &'static str,
    message: String,
    citation: &'static str,
    since: Option<GoVersion>,
    way_back: Option<&'static str>,
}

pub(in super::super) fn rejected_by_target(context: &Context<'_>, findings: &mut Findings) {
    let (Some(then), Some(version)) = (target(context.policy), context.policy.target) else { return };
    let now = match present(context) {
        super::Version::Known(version) => super::Version::Known(version).verifier(),
        // What every release refuses is no matter of the upgrade.
        super::Version::Unknown => Verifier::oldest_go(),
    };
    if now == then {
        return;
    }
    let is_valid = |certificate: &Certificate| {
        !certificate.validity.is_over(context.policy.at) && !certificate.validity.is_to_come(context.policy.at)
    };
    let sound = context.graph.nodes().filter(|(node, certificate)| is_in_use(context, *node) && is_valid(certificate));
    for (node, certificate) in sound {
        if let Some(refusal) = refusal(context, node, now, then) {
            findings.add(draft(context, node, certificate, version, then, &refusal));
        }
    }
}

/// The record of a signing request and the loopback certificate, which is made anew at every start, are nobody's.
fn is_in_use(context: &Context<'_>, node: NodeId) -> bool {
    context.places(node).any(|(holding, _)| holding.origin.document.kind != OriginKind::Csr && holding.loopback().is_none())
}

/// What the one accepts and the other refuses of a certificate itself; what it suffers from those above it is theirs.
fn refusal(context: &Context<'_>, node: NodeId, now: Verifier, then: Verifier) -> Option<Refusal> {
    let question = question(context, node);
    let own = |verifier| {
        let verdict = verify::verify(context.graph, &question, verifier);
        own_rejection(&verdict, node, context.graph.certificate(node).is_self_issued() || is_anchor(context, node))
    };
    if let Some(rejection) = own(then) {
        let enforcement = rejection.enforcement(then);
        return own(now).is_none().then_some(Refusal {
            rule: rejection.rule,
            message: rejection.message,
            citation: rejection.citation,
            since: enforcement.since,
            way_back: enforcement.way_back,
        });
    }
    let certificate = context.graph.certificate(node);
    let comes = |rule: &&TlsRule| rule.is_enforced_by(then) && !rule.is_enforced_by(now);
    let concerns = |rule: &&TlsRule| match rule.of {
        Of::Leaves => !certificate.is_ca(),
        Of::Signers => certificate.is_ca() && context.is_issuer(node),
    };
    TLS_RULES.iter().filter(comes).filter(concerns).find_map(|rule| {
        let message = (rule.breaks)(certificate)?;
        Some(Refusal { rule: rule.id, message, citation: rule.citation, since: Some(rule.since), way_back: rule.way_back })
    })
}

/// Whether the certificate would be taken by somebody who believes whoever is above it, and asks for nothing in particular.
fn question<'a>(context: &Context<'a>, node: NodeId) -> Question<'a> {
    let mut above: BTreeSet<NodeId> = BTreeSet::new();
    let mut open = vec![node];
    while let Some(next) = open.pop() {
        open.extend(context.graph.issuers(next).into_iter().filter(|issuer| *issuer != node && above.insert(*issuer)));
    }
    let anchors: Vec<NodeId> = if above.is_empty() { vec![node] } else { above.into_iter().collect() };
    Question {
        end_entity: node,
        intermediates: Vec::new(),
        anchors,
        purpose: Purpose::Any,
        names: Vec::new(),
        at: context.policy.at,
        crls: Vec::new(),
        max_depth: None,
    }
}

/// Whether a CA is believed by itself wherever it stands: nobody checks who signed it.
fn is_anchor(context: &Context<'_>, node: NodeId) -> bool {
    context.graph.certificate(node).is_ca()
        && context
            .places(node)
            .all(|(holding, _)| holding.origin.slot == Slot::Trust || holding.origin.role.is_some_and(Role::is_ca))
}

/// What speaks against the certificate itself: how it is written, and how it is signed. A signature is the fault of what bears it,
/// whichever of the two a rule names.
fn own_rejection(verdict: &Verdict, node: NodeId, is_root: bool) -> Option<Rejection> {
    const OF_ITSELF: &[Reason] = &[
        Reason::Malformed,
        Reason::SanMalformed,
        Reason::WeakKey,
        Reason::WeakSignature,
        Reason::CriticalExtension,
        Reason::Policy,
    ];
    if verdict.outcome != Outcome::NotTrusted {
        return None;
    }
    let rejections = verdict.paths.iter().flat_map(|path| &path.rejections);
    let is_own = |rejection: &&Rejection| {
        let is_signature = rejection.reason == Reason::WeakSignature && !is_root;
        OF_ITSELF.contains(&rejection.reason) && (rejection.node == node || is_signature)
    };
    rejections.clone().find(is_own).cloned()
}

fn draft(
    context: &Context<'_>,
    node: NodeId,
    certificate: &Certificate,
    target: KubernetesVersion,
    then: Verifier,
    refusal: &Refusal,
) -> Draft {
    let go = match then {
        Verifier::Go(go) => format!("1.{}.{}", go.toolchain.minor, go.toolchain.patch),
        other => other.title(),
    };
    let first = refusal.since.and_then(KubernetesVersion::first_with);
    let since = first.map(|first| format!(", as every release since {first}")).unwrap_or_default();
    let message = format!("{}: Kubernetes {target} (Go {go}) refuses it{since}: {}", certificate.display_name(), refusal.message);
    let way_back = refusal.way_back.map_or_else(
        || "There is no GODEBUG setting that brings the old behaviour back.".to_owned(),
        |setting| {
            format!(
                "Until then GODEBUG={setting} in the environment of the program that refuses it brings the old behaviour back."
            )
        },
    );
    // Of a Secret that no handshake at hand is known by, nobody knows whether a program of Kubernetes judges it.
    let is_somebodys = |holding: &Holding| holding.origin.role.is_some() || holding.origin.document.kind != OriginKind::Secret;
    let severity =
        if context.places(node).any(|(holding, _)| is_somebodys(holding)) { Severity::Critical } else { Severity::Warning };
    let mut draft = super::super::dates::about(context, node, Draft::new(Code::RejectedByTarget, severity, message))
        .hint(format!("Issue the certificate anew before the upgrade. {way_back}"))
        .evidence("rule", Evidence::Text(refusal.rule.to_owned()))
        .evidence("citation", Evidence::Text(refusal.citation.to_owned()))
        .evidence("go", Evidence::Text(go))
        .evidence("kubernetes", Evidence::Text(target.to_string()));
    if let Some(first) = first {
        draft = draft.evidence("since", Evidence::Text(first.to_string()));
    }
    if let Some(setting) = refusal.way_back {
        draft = draft.evidence("godebug", Evidence::Text(setting.to_owned()));
    }
    draft
}
