//! Services that the API server calls: webhooks and API servers behind the aggregation layer. What they serve is what was probed under
//! their name, else the Secret of their namespace that has it.

use super::super::istio::ca;
use super::super::{Context, chain, upgrade};
use super::behind;
use super::clients::worst;
use super::judge::{self, Ask, Judge, Missing};
use super::servers::has_name;
use crate::model::handshake::Fault;
use crate::model::{
    Call, Certificate, Code, Destination, GeneralName, Handshake, Holding, Origin, OriginKind, Participant, Party, Role, Sha256,
    Side, Slot, Standing,
};
use crate::verify::Purpose;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) const MISSING: Missing =
    Missing { credential: "what it serves is not among the sources", anchors: "the CA bundle was not read" };

/// The Services whose serving certificate Istio's own CA signs in memory (istio/istio pilot/pkg/bootstrap/server.go).
const ISTIOD: &str = "istiod";

/// Every call. Those of one service by one bundle are told apart by the webhooks' names.
pub(super) fn handshakes(context: &Context<'_>) -> Vec<Handshake> {
    context.inventory.facts.calls.iter().map(|call| handshake(context, call)).collect()
}

fn handshake(context: &Context<'_>, call: &Call) -> Handshake {
    let party = match call.document.kind {
        OriginKind::ApiService => Party::ExtensionServer,
        OriginKind::Crd => Party::ConversionWebhook,
        _ => Party::Webhook,
    };
    let client = match party {
        Party::ExtensionServer => "shown by front-proxy-client, which is a handshake of its own",
        _ => "webhooks ask for no client certificate",
    };
    let side = match (server_side(context, call), behind::absent(context, call)) {
        // What is wrong already is so whoever answers one day.
        (side, Some(why)) if matches!(side.standing, Standing::Trusted | Standing::Unknown(_)) => {
            Side::only(Standing::Unknown(why))
        }
        (side, _) => side,
    };
    // What is to be mended is the object, whatever it calls.
    let origin = Origin { document: Arc::clone(&call.document), field: Arc::clone(&call.field), role: None, slot: Slot::Trust };
    Handshake {
        client: Participant::of(Party::Apiserver),
        server: Participant::of(party).named(Arc::clone(&call.name)),
        client_side: Side::only(Standing::NotAsked(client.to_owned())),
        server_side: Side { origin: Some(bundle(context, call).first().map_or(origin, |read| read.origin.clone())), ..side },
    }
}

/// What was read in the field of the bundle, in this very copy of the object.
pub(super) fn bundle<'a>(context: &Context<'a>, call: &Call) -> Vec<&'a Holding> {
    let is_it = |holding: &&Holding| holding.origin.field == call.field && Arc::ptr_eq(&holding.origin.document, &call.document);
    context.document(&call.document).iter().copied().filter(is_it).collect()
}

fn server_side(context: &Context<'_>, call: &Call) -> Side {
    let bundle = bundle(context, call);
    let anchors: Vec<&Arc<Certificate>> =
        bundle.iter().flat_map(|holding| holding.certificates()).map(|(_, anchor)| anchor).collect();
    if call.skips_verification {
        return Side::only(Standing::NotAsked("insecureSkipTLSVerify".to_owned()));
    }
    if anchors.is_empty() {
        return without_anchors(context, call);
    }
    let judge = |holding: &Holding| judged(context, call, &bundle, holding);
    // Any endpoint may be the one that is called.
    let probed = behind::probed(context, call);
    let by_process = worst(probed.into_iter().map(judge)).map(behind::told);
    let is_refused = |side: &Side| matches!(side.standing, Standing::Refused(_));
    if let Some(side) = by_process.as_ref().filter(|side| !is_refused(side)) {
        return side.clone();
    }
    let sides: Vec<Side> = match by_process {
        Some(side) => vec![side],
        None => served(context, call, &bundle).into_iter().map(judge).collect(),
    };
    // Several Secrets may have the name; one of them is served.
    if let Some(good) = sides.iter().find(|side| side.standing == Standing::Trusted) {
        return good.clone();
    }
    if let Some(ended) = all_ended(context, &anchors) {
        return Side::only(Standing::Refused(vec![ended]));
    }
    worst(sides.into_iter())
        .or_else(|| by_issuer(context, call, &anchors))
        .unwrap_or_else(|| Side::only(Standing::Unknown(behind::unseen(context, call))))
}

/// What the API server makes of something that the service may present.
pub(super) fn judged(context: &Context<'_>, call: &Call, bundle: &[&Holding], presented: &Holding) -> Side {
    judge::side(
        context,
        &Ask {
            presented: Some(presented),
            anchors: bundle.to_vec(),
            purpose: Purpose::Server,
            names: vec![call.to.server_name()],
            judge: Judge::Go(upgrade::present(context)),
            otherwise: Code::CabundleStale,
            usage: Code::UsageWrong,
            missing: MISSING,
        },
    )
}

/// A bundle of which every certificate is over does not verify anything, whatever is served.
fn all_ended(context: &Context<'_>, anchors: &[&Arc<Certificate>]) -> Option<Fault> {
    let last = anchors.iter().max_by_key(|anchor| anchor.validity.not_after)?;
    let ended = last.validity.is_over(context.policy.at);
    ended.then(|| Fault {
        code: Code::Expired,
        certificate: Some(last.id),
        message: format!("{}, the CA in caBundle, has ended", last.display_name()),
        since: Some(last.validity.not_after),
    })
}

/// Without a bundle the API server asks the roots of its own system, which no Service can be signed by.
fn without_anchors(context: &Context<'_>, call: &Call) -> Side {
    // What is there and could not be decoded may be right; what decodes to nothing is nothing.
    let read = bundle(context, call);
    let unread = read.iter().flat_map(|holding| holding.defects()).any(|(_, defect)| defect.kind.code() != Code::EmptyBundle);
    match &call.to {
        Destination::Host { .. } if !call.has_bundle => {
            Side::only(Standing::Unknown("without caBundle the roots of the API server's system judge".to_owned()))
        }
        _ if unread && call.has_bundle => Side::only(Standing::Unknown(MISSING.anchors.to_owned())),
        _ => {
            let message = format!("no caBundle: nothing vouches for {}", call.to.server_name());
            Side::only(Standing::Refused(vec![Fault { code: Code::CabundleEmpty, certificate: None, message, since: None }]))
        }
    }
}

/// What the service may present: what was probed under its name; the Secrets of its namespace that have its name, in the subject
/// alternative names or, as old ones do, in the common name alone.
pub(super) fn served<'a>(context: &Context<'a>, call: &Call, bundle: &[&Holding]) -> Vec<&'a Holding> {
    let name = call.to.server_name();
    let namespace = match &call.to {
        Destination::Service { namespace, .. } => Some(&**namespace),
        Destination::Host { .. } => None,
    };
    let credentials = servers_in(context, namespace);
    let named: Vec<&Holding> =
        credentials.iter().copied().filter(|holding| has_name(holding, &name) || is_called(holding, call)).collect();
    if !named.is_empty() {
        return named;
    }
    // One that is called as the service is, and signed by whom the API server believes, is it, under a wrong name.
    let Destination::Service { name: service, .. } = &call.to else { return Vec::new() };
    let is_its = |holding: &&Holding| {
        let secret = holding.origin.document.source.rsplit('/').next().unwrap_or_default();
        // A CA there issues what is served, somewhere else.
        let is_ca = holding.certificates().next().is_some_and(|(_, leaf)| leaf.is_ca());
        let akin = !is_ca && OF_SERVICE.iter().any(|end| secret.strip_prefix(&**service) == Some(end));
        let signed =
            || holding.certificates().next().is_some_and(|(_, leaf)| chain::reaches(context, leaf, bundle) == Some(true));
        akin && !is_of_another(holding) && signed()
    };
    let its: Vec<&Holding> = credentials.into_iter().filter(is_its).collect();
    if its.len() == 1 { its } else { Vec::new() }
}

/// What stands behind a service's name in the name of the Secret with its certificate.
const OF_SERVICE: &[&str] = &["", "-tls", "-cert", "-certs", "-certificate", "-serving-cert", "-webhook-cert"];

/// Whether a certificate says of itself that it is another Service's.
fn is_of_another(holding: &Holding) -> bool {
    let names_a_service = |san: &GeneralName| matches!(san, GeneralName::Dns(name) if name.ends_with(".svc"));
    holding.certificates().next().is_some_and(|(_, leaf)| leaf.sans.iter().any(names_a_service))
}

/// Whether a certificate without subject alternative names has the service's name as its common name, in one of its forms.
fn is_called(holding: &Holding, call: &Call) -> bool {
    let Destination::Service { namespace, name, .. } = &call.to else { return false };
    let forms = [
        format!("{name}.{namespace}.svc"),
        format!("{name}.{namespace}"),
        name.to_string(),
        format!("{name}.{namespace}.svc.cluster.local"),
    ];
    holding.certificates().next().is_some_and(|(_, leaf)| {
        leaf.sans.is_empty() && leaf.subject.common_name().is_some_and(|called| forms.iter().any(|form| form == called))
    })
}

/// Some issue their serving certificate in memory, from a CA that stands in their namespace: the bundle is right when it leads to
/// that.
fn by_issuer(context: &Context<'_>, call: &Call, anchors: &[&Arc<Certificate>]) -> Option<Side> {
    let ca = issuer(context, call)?;
    let (_, certificate) = ca.certificates().next()?;
    let until = anchors.iter().map(|anchor| anchor.validity.not_after).chain([certificate.validity.not_after]).min();
    let standing = if ca::leads_to(context, certificate, anchors) {
        Standing::Trusted
    } else if holds_the_clusters_ca(context, anchors) {
        // istiod may have its certificate from the cluster (PILOT_CERT_PROVIDER=kubernetes).
        Standing::Unknown(behind::unseen(context, call))
    } else {
        let message =
            format!("caBundle does not hold the CA that issues for {}, {}", call.to.server_name(), certificate.display_name());
        Standing::Refused(vec![Fault { code: Code::CabundleStale, certificate: Some(certificate.id), message, since: None }])
    };
    Some(Side { certificate: Some(certificate.id), until, ..Side::only(standing) })
}

fn holds_the_clusters_ca(context: &Context<'_>, anchors: &[&Arc<Certificate>]) -> bool {
    let of_cluster = |holding: &&Holding| {
        holding.origin.role == Some(Role::ClusterCa) || holding.origin.document.source.ends_with("/kube-root-ca.crt")
    };
    let cas = context.inventory.holdings.iter().filter(of_cluster).flat_map(Holding::certificates);
    let keys: HashSet<Sha256> = cas.map(|(_, ca)| ca.public_key.spki_sha256).collect();
    anchors.iter().any(|anchor| keys.contains(&anchor.public_key.spki_sha256))
}

/// The CA that a service issues its own certificate from: Istio's for istiod; else one that is called after the service, as
/// cert-manager-webhook-ca is (cert-manager pkg/server/tls/authority).
fn issuer<'a>(context: &Context<'a>, call: &Call) -> Option<&'a Holding> {
    let Destination::Service { name, namespace, .. } = &call.to else { return None };
    if name.starts_with(ISTIOD) {
        let prefix = format!("{namespace}/");
        let is_its = |holding: &&Holding| {
            let document = &holding.origin.document;
            let is_here = document.kind == OriginKind::File || document.source.starts_with(&prefix);
            holding.origin.role == Some(Role::IstioCa) && holding.origin.slot == Slot::Credential && is_here
        };
        return ca::in_use(&context.inventory.holdings.iter().filter(is_its).collect::<Vec<_>>());
    }
    let is_its = |holding: &&Holding| {
        let secret = holding.origin.document.source.rsplit('/').next().unwrap_or_default();
        let is_ca = || holding.certificates().next().is_some_and(|(_, first)| first.is_ca());
        holding.origin.slot == Slot::Credential && secret.strip_prefix(&**name) == Some("-ca") && is_ca()
    };
    context.secrets_in(namespace).iter().copied().find(is_its)
}

/// What servers of a namespace may present: its Secrets' credentials; and everything that was probed.
fn servers_in<'a>(context: &Context<'a>, namespace: Option<&str>) -> Vec<&'a Holding> {
    let secrets = namespace.map(|namespace| context.secrets_in(namespace)).unwrap_or_default();
    let peers = Some(context).filter(|context| !context.inventory.peers.is_empty()).into_iter().flat_map(Context::peers);
    let peers = peers.map(|(_, holding)| holding);
    let may_serve = |holding: &&Holding| {
        let leaf = holding.certificates().next();
        holding.origin.slot != Slot::Trust && leaf.is_some_and(|(_, leaf)| !leaf.is_ca() || leaf.is_self_issued())
    };
    secrets.iter().copied().chain(peers).filter(may_serve).collect()
}
