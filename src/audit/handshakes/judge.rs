//! One side of a handshake: what is presented, held against what the other end believes, by the program that judges.

use super::super::keys::{self, KeyFault};
use super::super::policy::Standing as ByDate;
use super::super::upgrade::{self, Version};
use super::super::{Context, chain};
use crate::chain::NodeId;
use crate::model::handshake::Fault;
use crate::model::{Certificate, Code, Content, DefectKind, Holding, Side, Standing};
use crate::verify::{self, Attempt, Name, Outcome, Purpose, Question, Reason, Rejection, Verdict, Verifier};

/// What one end is asked by the other.
pub(super) struct Ask<'a> {
    /// What is presented: the first certificate and its chain. `None`: it is not among the sources.
    pub(super) presented: Option<&'a Holding>,
    /// What the other end believes.
    pub(super) anchors: Vec<&'a Holding>,
    /// What it is used for.
    pub(super) purpose: Purpose,
    /// The names that it is dialled by, every one of them.
    pub(super) names: Vec<String>,
    /// Who judges.
    pub(super) judge: Judge,
    /// The code for one who is not signed by whom the other end believes.
    pub(super) otherwise: Code,
    /// The code for an extended key usage that does not do.
    pub(super) usage: Code,
    /// What to say when nothing is presented, and when nothing is believed.
    pub(super) missing: Missing,
}

/// What to say of what is not among the sources.
#[derive(Clone, Copy)]
pub(super) struct Missing {
    /// The credential.
    pub(super) credential: &'static str,
    /// The anchors.
    pub(super) anchors: &'static str,
}

/// The program that judges, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    /// A Go program of the cluster.
    Go(Version),
    /// Envoy.
    Envoy,
}

impl Judge {
    /// Who judges today.
    fn now(self) -> Verifier {
        match self {
            Self::Go(version) => version.verifier(),
            Self::Envoy => Verifier::Envoy,
        }
    }

    /// Who judges after the upgrade, if there is one that changes something.
    fn then(self, context: &Context<'_>) -> Option<Verifier> {
        match self {
            Self::Go(_) => upgrade::target(context.policy),
            Self::Envoy => None,
        }
    }
}

/// Asks, today and under the target version.
pub(super) fn side(context: &Context<'_>, ask: &Ask<'_>) -> Side {
    let Some((holding, leaf)) = ask.presented.and_then(|holding| Some((holding, holding.certificates().next()?.1))) else {
        return without_certificate(ask);
    };
    let mut side = Side {
        certificate: Some(leaf.id),
        origin: Some(holding.origin.clone()),
        judge: Some(ask.judge.now().title()),
        names: ask.names.clone(),
        believes: ask.anchors.iter().map(|anchor| anchor.origin.clone()).collect(),
        ..Side::only(Standing::Trusted)
    };
    if let Some(fault) = form_fault(holding, leaf).or_else(|| key_fault(context, holding)).or_else(|| order_fault(holding, leaf))
    {
        side.standing = Standing::Refused(vec![fault]);
        return side;
    }
    let Some(question) = question(context, ask, holding) else {
        let anchors = Standing::Unknown(ask.missing.anchors.to_owned());
        side.standing = date_fault(context, leaf).map_or(anchors, |fault| Standing::Refused(vec![fault]));
        return side;
    };
    let verdict = verify::verify(context.graph, &question, ask.judge.now());
    side.until = verdict.paths.first().and_then(|path| verdict.expires_at(path, context.graph));
    side.standing = match verdict.outcome {
        Outcome::CouldNotTell => match ask.judge.then(context).map(|then| by_target(context, &question, then)) {
            Some(refused @ Standing::RefusedByTarget(_)) => refused,
            _ => Standing::Unknown(verdict.headline),
        },
        Outcome::NotTrusted => refused(context, ask, &question, &verdict),
        Outcome::Trusted => match tls_fault(ask.judge, leaf) {
            Some(fault) => Standing::Refused(vec![fault]),
            None => ask.judge.then(context).map_or(Standing::Trusted, |then| by_target(context, &question, then)),
        },
    };
    side
}

/// What the TLS handshake refuses today, whatever Verify says; of a program whose version nobody knows, nothing.
fn tls_fault(judge: Judge, leaf: &Certificate) -> Option<Fault> {
    let Judge::Go(Version::Known(_)) = judge else { return None };
    let message = upgrade::rules::tls_refusal(leaf, judge.now())?;
    let message = format!("{}: {message}", leaf.display_name());
    Some(Fault { code: Code::WeakKey, certificate: Some(leaf.id), message, since: None })
}

/// A key in the certificate's place is nothing to present; what was not read is left open.
fn without_certificate(ask: &Ask<'_>) -> Side {
    let is_other = |holding: &&Holding| holding.contents.iter().any(|content| !matches!(content, Content::Defect(_)));
    let Some(holding) = ask.presented.filter(is_other) else {
        return Side::only(Standing::Unknown(ask.missing.credential.to_owned()));
    };
    let message = "holds something else where a certificate belongs".to_owned();
    let fault = Fault { code: Code::EmptyBundle, certificate: None, message, since: None };
    Side { origin: Some(holding.origin.clone()), ..Side::only(Standing::Refused(vec![fault])) }
}

fn question<'a>(context: &Context<'a>, ask: &Ask<'_>, presented: &Holding) -> Option<Question<'a>> {
    let node = |id| context.graph.node(id);
    let mut chain = presented.certificates().filter_map(|(_, certificate)| node(&certificate.id));
    let end_entity = chain.next()?;
    let anchors: Vec<NodeId> =
        ask.anchors.iter().flat_map(|anchor| anchor.certificates()).filter_map(|(_, anchor)| node(&anchor.id)).collect();
    // Names that no certificate can be valid for are none that anybody dials.
    let names = ask.names.iter().filter_map(|name| name.parse::<Name>().ok()).collect();
    (!anchors.is_empty()).then(|| Question {
        end_entity,
        intermediates: chain.collect(),
        anchors,
        purpose: ask.purpose,
        names,
        at: context.policy.at,
        crls: Vec::new(),
        max_depth: None,
    })
}

/// A file that its program cannot read.
fn form_fault(presented: &Holding, leaf: &Certificate) -> Option<Fault> {
    let is_der = presented.defects().any(|(_, defect)| defect.kind == DefectKind::DerNotPem);
    is_der.then(|| Fault {
        code: Code::Malformed,
        certificate: Some(leaf.id),
        message: format!("{} {}, which its program does not read", leaf.display_name(), DefectKind::DerNotPem),
        since: None,
    })
}

/// A pair that does not fit, or has no key that can be used, is refused by the program that is to present it.
fn key_fault(context: &Context<'_>, presented: &Holding) -> Option<Fault> {
    let (fault, leaf) = keys::fault(context, presented)?;
    let (code, message) = match fault {
        KeyFault::OfAnother => (Code::KeyMismatch, format!("the private key does not belong to {}", leaf.display_name())),
        KeyFault::Encrypted => (
            Code::KeyMissing,
            format!("the private key of {} is encrypted: no component asks for a password", leaf.display_name()),
        ),
        KeyFault::Unusable => {
            (Code::KeyMissing, format!("there is nothing in the place of the private key of {}", leaf.display_name()))
        }
    };
    Some(Fault { code, certificate: Some(leaf.id), message, since: None })
}

/// A CA in the first place of a chain is what is presented instead of the certificate behind it.
fn order_fault(presented: &Holding, first: &Certificate) -> Option<Fault> {
    (first.is_ca() && chain::is_out_of_order(presented)).then(|| Fault {
        code: Code::BundleOrder,
        certificate: Some(first.id),
        message: format!("{} stands first in the chain, and is the CA", first.display_name()),
        since: None,
    })
}

/// What speaks against a certificate whoever is believed.
fn date_fault(context: &Context<'_>, leaf: &Certificate) -> Option<Fault> {
    let (code, message, since) = match context.policy.standing(leaf) {
        ByDate::Expired => (Code::Expired, "has ended", Some(leaf.validity.not_after)),
        ByDate::NotYetValid => (Code::NotYetValid, "is not valid yet", None),
        ByDate::Valid | ByDate::Expiring(_) => return None,
    };
    Some(Fault { code, certificate: Some(leaf.id), message: format!("{} {message}", leaf.display_name()), since })
}

/// Why it is refused. Where nobody knows which version judges, what only some releases refuse is left open.
fn refused(context: &Context<'_>, ask: &Ask<'_>, question: &Question<'_>, verdict: &Verdict) -> Standing {
    if ask.judge == Judge::Go(Version::Unknown) {
        let oldest = verify::verify(context.graph, question, Verifier::oldest_go());
        if let (Outcome::Trusted, Some(then)) = (oldest.outcome, ask.judge.then(context)) {
            return by_target(context, question, then);
        }
        if oldest.outcome == Outcome::Trusted {
            return Standing::Unknown(format!("{}, for newer releases; --from tells which one judges", verdict.headline));
        }
    }
    let best = verdict.paths.first().map(|path| path.rejections.as_slice()).unwrap_or_default();
    let mut faults: Vec<Fault> = Vec::new();
    for rejection in best {
        let fault = fault(context, ask, question, rejection);
        if !faults.iter().any(|known| known.code == fault.code && known.certificate == fault.certificate) {
            faults.push(fault);
        }
    }
    if faults.is_empty() {
        let certificate = Some(context.graph.certificate(question.end_entity).id);
        faults.push(Fault { code: ask.otherwise, certificate, message: verdict.headline.clone(), since: None });
    }
    Standing::Refused(faults)
}

fn fault(context: &Context<'_>, ask: &Ask<'_>, question: &Question<'_>, rejection: &Rejection) -> Fault {
    let is_leaf = rejection.node == question.end_entity;
    let certificate = context.graph.certificate(rejection.node);
    let code = match rejection.reason {
        Reason::Expired => Code::Expired,
        Reason::NotYetValid => Code::NotYetValid,
        Reason::CnOnly => Code::CnOnly,
        Reason::NameMismatch => Code::NameMismatch,
        Reason::UsageWrong if is_leaf => ask.usage,
        Reason::UsageMissing if is_leaf => Code::UsageMissing,
        Reason::UsageWrong | Reason::UsageMissing if rejection.rule.contains("key-usage") => Code::NotACa,
        Reason::UsageWrong | Reason::UsageMissing => Code::UsageWrong,
        Reason::NotACa => Code::NotACa,
        Reason::PathTooLong => Code::PathTooLong,
        Reason::WeakSignature => Code::WeakSignature,
        Reason::WeakKey => Code::WeakKey,
        Reason::SanMalformed => Code::SanMalformed,
        Reason::Malformed => Code::Malformed,
        _ => ask.otherwise,
    };
    let since = match rejection.reason {
        Reason::Expired => Some(certificate.validity.not_after),
        _ => None,
    };
    // A path that leads nowhere speaks of the last certificate on it; what is at fault is what was presented.
    if code == ask.otherwise {
        let leaf = context.graph.certificate(question.end_entity);
        let message = format!(
            "{} is not signed by a CA that the other end believes ({}): {}",
            leaf.display_name(),
            chain::names(&ask.anchors),
            rejection.message
        );
        return Fault { code, certificate: Some(leaf.id), message, since };
    }
    let message = match certificate.short_name() {
        name if rejection.message.starts_with(&name) => rejection.message.clone(),
        name => format!("{name}: {}", rejection.message),
    };
    Fault { code, certificate: Some(certificate.id), message, since }
}

/// What the target version makes of something that is trusted today.
fn by_target(context: &Context<'_>, question: &Question<'_>, then: Verifier) -> Standing {
    let verdict = verify::verify(context.graph, question, then);
    let leaf = context.graph.certificate(question.end_entity);
    if verdict.outcome != Outcome::NotTrusted {
        let refused = upgrade::rules::tls_refusal(leaf, then);
        return refused.map_or(Standing::Trusted, |message| {
            Standing::RefusedByTarget(vec![Fault {
                code: Code::RejectedByTarget,
                certificate: Some(leaf.id),
                message,
                since: None,
            }])
        });
    }
    let best = verdict.paths.first().and_then(Attempt::best);
    let node = best.map_or(question.end_entity, |rejection| rejection.node);
    Standing::RefusedByTarget(vec![Fault {
        code: Code::RejectedByTarget,
        certificate: Some(context.graph.certificate(node).id),
        message: best.map_or(verdict.headline.clone(), |rejection| rejection.message.clone()),
        since: None,
    }])
}
