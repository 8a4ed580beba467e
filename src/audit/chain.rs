//! Who issued what, against who should have; and bundles as they are presented.

use super::dates::about;
use super::findings::{Draft, Findings};
use super::{Context, front_proxy, hosts};
use crate::chain::NodeId;
use crate::model::{Certificate, Code, Content, Evidence, GeneralName, Holding, OriginKind, Role, Severity, Sha256, Slot};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// id-ce-subjectAltName.
pub(super) const SAN_OID: &str = "2.5.29.17";

/// Which CA signs which job's certificate. Several: any of them will do (k3s and RKE2 part the cluster CA in two).
const ISSUED_BY: &[(Role, &[Role])] = &[
    (Role::Apiserver, &[Role::ClusterCa, Role::ServerCa]),
    (Role::ApiserverKubeletClient, &[Role::ClusterCa, Role::ClientCa]),
    (Role::ApiserverEtcdClient, &[Role::EtcdCa]),
    (Role::EtcdServer, &[Role::EtcdCa]),
    (Role::EtcdPeer, &[Role::EtcdPeerCa, Role::EtcdCa]),
    (Role::EtcdHealthcheckClient, &[Role::EtcdCa]),
];

/// The same for the aggregation layer, which has a code of its own.
const FRONT_PROXY: &[(Role, &[Role])] = &[(Role::FrontProxyClient, &[Role::FrontProxyCa])];

pub(super) fn untrusted(context: &Context<'_>, findings: &mut Findings) {
    issued_by(context, findings, ISSUED_BY, Code::Untrusted);
    istio_workloads(context, findings);
    front_proxy::between_hosts(context, findings, Code::Untrusted);
}

pub(super) fn front_proxy_untrusted(context: &Context<'_>, findings: &mut Findings) {
    issued_by(context, findings, FRONT_PROXY, Code::FrontProxyUntrusted);
    front_proxy::untrusted(context, findings);
    front_proxy::between_hosts(context, findings, Code::FrontProxyUntrusted);
}

fn issued_by(context: &Context<'_>, findings: &mut Findings, table: &[(Role, &[Role])], code: Code) {
    for host in hosts::all(context) {
        for (role, issuers) in table {
            let anchors: Vec<&Holding> = issuers
                .iter()
                .flat_map(|issuer| hosts::places(context, host, *issuer, &[Slot::Credential, Slot::Trust]))
                .collect();
            for place in hosts::places(context, host, *role, &[Slot::Credential]) {
                judge(context, findings, place, &anchors, code);
            }
        }
    }
}

/// A workload's certificate comes with the root that it is to chain to: in Citadel's own Secrets, and in the mounts of a pod.
fn istio_workloads(context: &Context<'_>, findings: &mut Findings) {
    // In objects by the object, in files by the host.
    let key = |holding: &Holding| match holding.origin.document.kind {
        OriginKind::File => (0, hosts::host(holding).map(str::to_owned)),
        _ => (Arc::as_ptr(&holding.origin.document).addr(), None),
    };
    let mut roots: HashMap<_, Vec<&Holding>> = HashMap::new();
    for root in context.with_role(Role::IstioRoot) {
        roots.entry(key(root)).or_default().push(root);
    }
    let workloads = context.with_role(Role::IstioWorkload).iter().filter(|holding| holding.origin.slot == Slot::Credential);
    for workload in workloads {
        if let Some(anchors) = roots.get(&key(workload)) {
            judge(context, findings, workload, anchors, Code::Untrusted);
        }
    }
}

fn judge(context: &Context<'_>, findings: &mut Findings, place: &Holding, anchors: &[&Holding], code: Code) {
    let Some((index, leaf)) = place.certificates().next() else { return };
    if reaches(context, leaf, anchors) != Some(false) {
        return;
    }
    let message = format!("{} is not signed by {}", leaf.display_name(), names(anchors));
    let draft = Draft::new(code, Severity::Critical, message).certificate(leaf.id);
    let draft = draft.at(&place.origin, u32::try_from(index).unwrap_or(u32::MAX));
    findings.add(
        draft
            .places(anchors.iter().map(|anchor| (anchor.origin.clone(), 0)))
            .evidence("issuer", Evidence::Text(leaf.issuer.to_string())),
    );
}

/// What the anchors are called.
pub(super) fn names(anchors: &[&Holding]) -> String {
    let names: BTreeSet<String> =
        anchors.iter().flat_map(|anchor| anchor.certificates()).map(|(_, certificate)| certificate.display_name()).collect();
    names.into_iter().collect::<Vec<_>>().join(" or ")
}

/// Whether issuers lead from a certificate to one of the anchors (or to one with an anchor's name and key: a CA that was issued
/// again). `None` when there is no anchor to reach, or the search was given
/// up.
pub(super) fn reaches(context: &Context<'_>, leaf: &Certificate, anchors: &[&Holding]) -> Option<bool> {
    let keys: HashSet<(&[u8], Sha256)> = anchors
        .iter()
        .flat_map(|anchor| anchor.certificates())
        .map(|(_, anchor)| (anchor.subject.der(), anchor.public_key.spki_sha256))
        .collect();
    let start = context.graph.node(&leaf.id)?;
    if keys.is_empty() {
        return None;
    }
    // An end entity does not vouch for itself, even if somebody put it where the CA belongs.
    let own_issuers = if leaf.is_self_issued() { Vec::new() } else { context.graph.issuers(start) };
    let open = if leaf.is_self_issued() { vec![start] } else { own_issuers };
    if climbs(context, open, &keys) {
        return Some(true);
    }
    // A search that was given up proves nothing.
    (!context.graph.is_exhausted()).then_some(false)
}

/// Whether issuers lead from one of these to a certificate with one of these names and keys.
pub(super) fn climbs(context: &Context<'_>, mut open: Vec<NodeId>, keys: &HashSet<(&[u8], Sha256)>) -> bool {
    let mut seen: BTreeSet<NodeId> = open.iter().copied().collect();
    while let Some(node) = open.pop() {
        let certificate = context.graph.certificate(node);
        if keys.contains(&(certificate.subject.der(), certificate.public_key.spki_sha256)) {
            return true;
        }
        open.extend(context.graph.issuers(node).into_iter().filter(|issuer| seen.insert(*issuer)));
    }
    false
}

pub(super) fn issuer_missing(context: &Context<'_>, findings: &mut Findings) {
    for (node, certificate) in context.graph.nodes() {
        let presented = presented_first(context, node);
        if context.graph.is_exhausted() {
            break;
        }
        if presented.is_empty() || certificate.is_self_issued() && context.graph.is_self_signed(node) {
            continue;
        }
        if context.has_issuer(node) {
            incomplete_bundles(context, findings, node, &presented);
        } else if !judged_by_role(&presented) {
            let message =
                format!("the issuer of {} is not among the sources: {}", certificate.display_name(), certificate.issuer);
            let draft = Draft::new(Code::IssuerMissing, Severity::Info, message).certificate(certificate.id);
            findings.add(draft.places(presented.iter().map(|place| (place.origin.clone(), 0))));
        }
    }
    if context.graph.is_exhausted() {
        given_up(context, findings);
    }
}

/// The search for issuers ended before it was through.
fn given_up(context: &Context<'_>, findings: &mut Findings) {
    let message = "too many certificates of one name without key identifiers: who issued what could not be told for all";
    let places = context.inventory.holdings.iter().take(1).map(|holding| (holding.origin.clone(), 0));
    findings
        .add(Draft::new(Code::IssuerMissing, Severity::Unknown, message).places(places).hint("Look at fewer sources at a time."));
}

/// The places where a node is the first certificate of something to be presented.
fn presented_first<'a>(context: &Context<'a>, node: NodeId) -> Vec<&'a Holding> {
    let first =
        |holding: &Holding, index: u32| holding.certificates().next().is_some_and(|(first, _)| u32::try_from(first) == Ok(index));
    context
        .places(node)
        .filter(|(holding, index)| matches!(holding.origin.slot, Slot::Credential | Slot::Unknown) && first(holding, *index))
        .map(|(holding, _)| holding)
        .collect()
}

/// Whether another check judges the certificate's issuer at one of these places, more precisely.
fn judged_by_role(places: &[&Holding]) -> bool {
    places
        .iter()
        .filter_map(|place| place.origin.role)
        .any(|role| ISSUED_BY.iter().chain(FRONT_PROXY).any(|(judged, _)| *judged == role))
}

/// A Secret that a server presents without the intermediate that its clients need: the intermediate is known, signed by another CA,
/// and nobody here trusts it by itself.
fn incomplete_bundles(context: &Context<'_>, findings: &mut Findings, node: NodeId, presented: &[&Holding]) {
    let served = |holding: &&&Holding| holding.origin.document.subtype.as_deref() == Some("kubernetes.io/tls");
    let certificate = context.graph.certificate(node);
    for place in presented.iter().filter(served) {
        let complete = |issuer: &NodeId| {
            let issuer_certificate = context.graph.certificate(*issuer);
            issuer_certificate.is_self_issued()
                || context.is_trusted(*issuer)
                || place.certificates().any(|(_, other)| other.subject == issuer_certificate.subject)
        };
        let issuers: Vec<NodeId> = context.graph.candidates(node).iter().map(|link| link.issuer).collect();
        if let Some(issuer) = issuers.first().filter(|_| !issuers.iter().any(complete)) {
            let issuer = context.graph.certificate(*issuer);
            let message = format!(
                "{} is presented without the intermediate {}, which clients need",
                certificate.display_name(),
                issuer.display_name()
            );
            let draft = Draft::new(Code::IssuerMissing, Severity::Warning, message).certificate(certificate.id);
            findings
                .add(draft.at(&place.origin, 0).hint("Append the intermediate to tls.crt, after the end-entity certificate."));
        }
    }
}

pub(super) fn not_a_ca(context: &Context<'_>, findings: &mut Findings) {
    let mut signers: BTreeSet<NodeId> = BTreeSet::new();
    for (node, certificate) in context.graph.nodes() {
        let suspects = context
            .graph
            .candidates(node)
            .into_iter()
            .map(|link| link.issuer)
            .filter(|issuer| !may_sign(context.graph.certificate(*issuer)));
        let guilty: Vec<NodeId> = suspects.filter(|issuer| context.graph.issuers(node).contains(issuer)).collect();
        for issuer in guilty.into_iter().filter(|issuer| signers.insert(*issuer)) {
            let message = format!(
                "{} signed {} and is not a CA",
                context.graph.certificate(issuer).display_name(),
                certificate.display_name()
            );
            findings.add(about(context, issuer, Draft::new(Code::NotACa, Severity::Critical, message)));
        }
    }
    for (node, certificate) in context.graph.nodes() {
        let trusted: Vec<_> = context.places(node).filter(|(holding, _)| is_for_cas(holding)).collect();
        if trusted.is_empty() || signers.contains(&node) || may_sign(certificate) {
            continue;
        }
        let in_its_place = trusted.iter().any(|(holding, _)| holding.origin.role.is_some_and(Role::is_ca));
        let severity = match (in_its_place, certificate.is_self_issued()) {
            (true, _) => Severity::Critical,
            (false, true) => Severity::Info,
            (false, false) => Severity::Warning,
        };
        let message = format!("{} is trusted as a CA and is none", certificate.display_name());
        let places = trusted.into_iter().map(|(holding, index)| (holding.origin.clone(), index));
        findings.add(Draft::new(Code::NotACa, severity, message).certificate(certificate.id).places(places));
    }
}

/// Whether CAs belong in the place: a trust bundle, or a CA's own file.
fn is_for_cas(holding: &Holding) -> bool {
    let origin = &holding.origin;
    // Tokens are checked by a public key, which may come in a certificate (client-go util/keyutil).
    if matches!(origin.role, Some(Role::ServiceAccountPublicKey | Role::ServiceAccountKey)) {
        return false;
    }
    origin.slot == Slot::Trust || (origin.slot == Slot::Credential && origin.role.is_some_and(Role::is_ca))
}

/// Whether a certificate may sign others. Roots without any extension (X.509 v1) are older than the rule.
fn may_sign(certificate: &Certificate) -> bool {
    let is_v1_root = certificate.is_self_issued()
        && certificate.basic_constraints.is_none()
        && certificate.key_usage.is_none()
        && certificate.extended_key_usage.is_none()
        && certificate.sans.is_empty();
    is_v1_root || certificate.is_ca() && certificate.key_usage.is_none_or(crate::model::KeyUsage::key_cert_sign)
}

/// Paths looked at for each certificate below a CA with a path length.
const PATHS: usize = 8;

pub(super) fn path_too_long(context: &Context<'_>, findings: &mut Findings) {
    let limit = |certificate: &Certificate| certificate.basic_constraints.as_ref().and_then(|constraints| constraints.path_len);
    if !context.graph.nodes().any(|(_, certificate)| limit(certificate).is_some()) {
        return;
    }
    for (node, certificate) in
        context.graph.nodes().filter(|(node, certificate)| !certificate.is_ca() && !context.graph.candidates(*node).is_empty())
    {
        let paths = context.graph.paths(node, PATHS);
        let culprits: Vec<Option<NodeId>> = paths
            .iter()
            .map(|path| {
                // CAs strictly between the end entity and the CA; self-issued ones do not count (RFC 5280 section 4.2.1.9).
                path.nodes.iter().enumerate().skip(1).map(|(depth, ca)| (depth, *ca)).find(|(depth, ca)| {
                    let between = path.nodes.iter().take(*depth).skip(1);
                    let counted = between.filter(|below| !context.graph.certificate(**below).is_self_issued()).count();
                    limit(context.graph.certificate(*ca))
                        .is_some_and(|limit| counted > usize::try_from(limit).unwrap_or(usize::MAX))
                })
            })
            .map(|culprit| culprit.map(|(_, ca)| ca))
            .collect();
        // One path that keeps to the constraints is enough.
        if let Some(Some(ca)) = culprits.first().filter(|_| culprits.iter().all(Option::is_some)) {
            let ca = context.graph.certificate(*ca);
            let message =
                format!("{} lies deeper below {} than its path length allows", certificate.display_name(), ca.display_name());
            findings.add(about(context, node, Draft::new(Code::PathTooLong, Severity::Critical, message)));
        }
    }
}

pub(super) fn bundle_order(context: &Context<'_>, findings: &mut Findings) {
    for place in bundles(context).filter(|holding| is_presented(holding)) {
        let first = place.certificates().next().map(|(_, first)| first);
        if let Some(first) = first.filter(|_| is_out_of_order(place)) {
            let message = format!("the chain that begins with {} is not in order", first.display_name());
            findings.add(Draft::new(Code::BundleOrder, Severity::Warning, message).certificate(first.id).at(&place.origin, 0));
        }
    }
}

/// Whether certificates of a place belong together and stand in the wrong order: some certificate is issued by another one of the
/// place that does not follow it.
pub(super) fn is_out_of_order(place: &Holding) -> bool {
    let chain = || place.certificates().map(|(_, certificate)| certificate);
    let follows = |(below, above): (&Arc<Certificate>, &Arc<Certificate>)| below.issuer == above.subject || below.id == above.id;
    let linked = || {
        let subjects: HashSet<&[u8]> = chain().map(|above| above.subject.der()).collect();
        chain().any(|below| !below.is_self_issued() && subjects.contains(below.issuer.der()))
    };
    !chain().zip(chain().skip(1)).all(follows) && linked()
}

/// Places with more than one thing in them.
fn bundles<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Holding> {
    context.inventory.holdings.iter().filter(|holding| holding.contents.len() > 1)
}

/// Whether the place holds a chain to be presented: a credential, or certificates beside their key.
fn is_presented(holding: &Holding) -> bool {
    let with_key = holding.contents.iter().any(|content| matches!(content, Content::PrivateKey(_)));
    holding.origin.slot == Slot::Credential || with_key
}

pub(super) fn bundle_duplicate(context: &Context<'_>, findings: &mut Findings) {
    for place in bundles(context).filter(|place| !is_of_two(place)) {
        let mut seen = HashSet::new();
        for (index, certificate) in place.certificates().filter(|(_, certificate)| !seen.insert(certificate.id)) {
            let message = format!("{} stands more than once in the same bundle", certificate.display_name());
            let draft = Draft::new(Code::BundleDuplicate, Severity::Info, message).certificate(certificate.id);
            findings.add(draft.at(&place.origin, u32::try_from(index).unwrap_or(u32::MAX)));
        }
    }
}

/// Whether there are two certificates at most, and they are different: by far most bundles are so, and need no set.
fn is_of_two(place: &Holding) -> bool {
    let mut certificates = place.certificates().map(|(_, certificate)| certificate.id);
    match (certificates.next(), certificates.next(), certificates.next()) {
        (Some(first), Some(second), None) => first != second,
        (_, None, _) => true,
        _ => false,
    }
}

pub(super) fn several_certificates(context: &Context<'_>, findings: &mut Findings) {
    let signing_ca = |holding: &&Holding| holding.origin.slot == Slot::Credential;
    for place in context.with_role(Role::ClusterCa).iter().copied().filter(signing_ca) {
        let count = place.certificates().count();
        if count > 1 {
            let message = format!("{count} certificates where the signing CA alone belongs");
            findings.add(Draft::new(Code::SeveralCertificates, Severity::Warning, message).at(&place.origin, 0));
        }
    }
}

pub(super) fn san_malformed(context: &Context<'_>, findings: &mut Findings) {
    for (node, certificate) in context.graph.nodes() {
        let undecoded = certificate.malformed_extensions.iter().any(|(oid, _)| &**oid == SAN_OID);
        let odd = certificate.sans.iter().any(|san| match san {
            GeneralName::Malformed { .. } => true,
            GeneralName::Dns(name) => !is_domain_name(name),
            GeneralName::Email(address) => {
                !address.split_once('@').is_some_and(|(local, host)| !local.is_empty() && is_domain_name(host))
            }
            GeneralName::Uri(uri) => uri.is_empty() || uri.chars().any(|c| c.is_whitespace() || c.is_control()),
            _ => false,
        });
        if undecoded || odd {
            let message = format!("{} has a malformed subject alternative name", certificate.display_name());
            // CAs carry their own name there, and nobody dials them (client-go util/cert since 2021).
            let severity = if certificate.is_ca() { Severity::Info } else { Severity::Warning };
            findings.add(about(context, node, Draft::new(Code::SanMalformed, severity, message)));
        }
    }
}

/// Whether a dNSName is a host name in the loose sense of Go's crypto/x509: labels of 1 to 63 characters, `*` as the first one allowed,
/// underscores too.
fn is_domain_name(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && rest.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_domain_name;

    #[test]
    fn names_that_are_names() {
        for name in ["k", "kubernetes.default.svc", "*.example.org", "a_b.c", "10-0-0-1.ns.pod"] {
            assert!(is_domain_name(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in ["", ".", "k.", "a..b", "bad name", "https://k", "a\0b.c", "a.*.b", "\u{1b}[31m", "ü.example", &long] {
            assert!(!is_domain_name(name), "{name}");
        }
    }
}
