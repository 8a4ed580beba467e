//! Those who learn the cluster's CA from the cluster itself: joining nodes by cluster-info, workloads by kube-root-ca.crt.

use super::super::kubeconfig::entry;
use super::super::places::{Files, anchors, components};
use super::super::{Context, chain, hosts, upgrade};
use super::clients::{best, dialled, worst};
use super::judge::{self, Ask, Judge, Missing};
use super::servers::{ApiServer, has_name, reached};
use crate::model::handshake::Fault;
use crate::model::{
    BootstrapToken, Certificate, Cluster, Code, Discovery, Handshake, Holding, OriginKind, Participant, Party, Role, Sha256,
    Side, Slot, Standing,
};
use crate::verify::Purpose;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SERVER: Missing =
    Missing { credential: "the API server's certificate is not among the sources", anchors: "there is no CA in it" };

/// The ConfigMap by which every namespace learns the cluster's CA (kubernetes/kubernetes pkg/controller/certificates/rootcacertpublisher).
const ROOT_CA: &str = "/kube-root-ca.crt";
/// Secrets of service accounts, which hold a copy of it.
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
/// The names by which pods may dial the API server, besides its Service's address, which clients take (client-go rest:
/// `InClusterConfig`).
const IN_CLUSTER: &[&str] = &["kubernetes.default.svc", "kubernetes.default", "kubernetes"];

/// The handshakes of both.
pub(super) fn handshakes<'a>(context: &Context<'a>, servers: &[ApiServer<'a>]) -> Vec<Handshake> {
    let joining = context.inventory.facts.discoveries.iter().map(|discovery| joining(context, servers, discovery));
    joining.chain(workloads(context, servers)).collect()
}

/// What a place is held against: the API servers at hand; without any, the CAs that are known to be the cluster's.
struct Reference<'c, 'a> {
    context: &'c Context<'a>,
    servers: &'c [ApiServer<'a>],
    keys: HashSet<Sha256>,
}

impl<'c, 'a> Reference<'c, 'a> {
    fn new(context: &'c Context<'a>, servers: &'c [ApiServer<'a>]) -> Self {
        let of_role = [Role::ServerCa, Role::ClusterCa].into_iter().flat_map(|role| {
            hosts::places(context, None, role, &[Slot::Credential])
                .flat_map(Holding::certificates)
                .map(|(_, ca)| ca.public_key.spki_sha256)
        });
        let mut keys: HashSet<Sha256> = of_role.collect();
        if keys.is_empty() && servers.is_empty() {
            keys = most_published(context);
        }
        Self { context, servers, keys }
    }

    /// Whether who believes this believes the API servers; `None` when there is nothing to hold it against.
    fn is_current(&self, place: &Holding) -> Option<bool> {
        let leads = |server: &ApiServer<'_>| {
            let leaves = server.presented().filter_map(|holding| Some(holding.certificates().next()?.1));
            let reached: Vec<Option<bool>> = leaves.map(|leaf| chain::reaches(self.context, leaf, &[place])).collect();
            if reached.contains(&Some(true)) { Some(true) } else { reached.first().copied().flatten() }
        };
        let by_servers: Vec<Option<bool>> = self.servers.iter().map(leads).collect();
        if by_servers.contains(&Some(false)) {
            // The server may be the one at fault: then whoever believes the cluster's CA is right.
            return Some(self.holds_the_ca(place));
        }
        by_servers.first().copied().flatten().or_else(|| (!self.keys.is_empty()).then(|| self.holds_the_ca(place)))
    }

    fn holds_the_ca(&self, place: &Holding) -> bool {
        place.certificates().any(|(_, certificate)| self.keys.contains(&certificate.public_key.spki_sha256))
    }
}

/// Without files and servers: the CA that most namespaces were given.
fn most_published(context: &Context<'_>) -> HashSet<Sha256> {
    let mut counted: BTreeMap<Vec<Sha256>, usize> = BTreeMap::new();
    for place in objects(context).iter().filter(|holding| is_published(holding)) {
        let keys: Vec<Sha256> = place.certificates().map(|(_, certificate)| certificate.public_key.spki_sha256).collect();
        if !keys.is_empty() {
            *counted.entry(keys).or_default() += 1;
        }
    }
    let most = counted.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(keys, _)| keys.into_iter().collect()).unwrap_or_default()
}

fn is_published(holding: &Holding) -> bool {
    let document = &holding.origin.document;
    document.kind == OriginKind::ConfigMap && document.source.ends_with(ROOT_CA)
}

fn is_token(holding: &Holding) -> bool {
    let document = &holding.origin.document;
    document.kind == OriginKind::Secret && document.subtype.as_deref() == Some(SERVICE_ACCOUNT_TOKEN)
}

/// The copies of the cluster's CA in the API.
fn objects<'c, 'a>(context: &'c Context<'a>) -> &'c [&'a Holding] {
    let is_one = |holding: &&Holding| is_published(holding) || is_token(holding);
    context.published(|| context.inventory.holdings.iter().filter(is_one).collect())
}

/// What workloads were given to believe.
fn given<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Holding> {
    let is_ca = |holding: &&Holding| {
        let is_file = holding.origin.document.kind == OriginKind::File;
        (is_file || holding.origin.slot == Slot::Trust) && holding.certificates().next().is_some()
    };
    let objects = objects(context).iter().copied();
    // What kube-controller-manager publishes, where it is not among the objects.
    let files = hosts::all(context).into_iter().flat_map(|host| ROOT_CA_FILE.on(context, host));
    objects.chain(files).filter(is_ca)
}

const ROOT_CA_FILE: Files = anchors("kube-controller-manager", "--root-ca-file", &[]);

/// The copies of the cluster's CA in the API that are not its CA any more.
pub(in super::super) fn stale_roots<'a>(context: &Context<'a>, servers: &[ApiServer<'a>]) -> Vec<&'a Holding> {
    let reference = Reference::new(context, servers);
    given(context).filter(|place| reference.is_current(place) == Some(false)).collect()
}

/// cluster-info that names another CA than the cluster's: the ConfigMap's places.
pub(in super::super) fn stale_discoveries<'a>(context: &Context<'a>, servers: &[ApiServer<'a>]) -> Vec<&'a Holding> {
    let reference = Reference::new(context, servers);
    let discoveries = context.inventory.facts.discoveries.iter();
    let bundles = discoveries.filter_map(|discovery| cluster(context, discovery)).flat_map(|(_, bundle)| bundle);
    bundles.filter(|place| reference.is_current(place) == Some(false)).collect()
}

/// The keys of the CAs that cluster-info names (kubernetes/kubernetes cmd/kubeadm/app/util/pubkeypin).
pub(in super::super) fn ca_hashes(context: &Context<'_>) -> Vec<Sha256> {
    let bundles = context.inventory.facts.discoveries.iter().filter_map(|discovery| cluster(context, discovery));
    let cas = bundles.flat_map(|(_, bundle)| bundle).flat_map(Holding::certificates);
    let mut hashes: Vec<Sha256> = cas.map(|(_, ca)| ca.public_key.spki_sha256).collect();
    hashes.dedup();
    hashes
}

/// The cluster of cluster-info's kubeconfig, and its CA.
fn cluster<'a>(context: &Context<'a>, discovery: &'a Discovery) -> Option<(&'a Cluster, Vec<&'a Holding>)> {
    let is_it = |within: &str| within == "data[kubeconfig]";
    let same = |document| std::sync::Arc::ptr_eq(document, &discovery.document);
    let kubeconfig =
        context.inventory.kubeconfigs.iter().find(|kubeconfig| same(&kubeconfig.document) && is_it(&kubeconfig.within))?;
    let cluster = kubeconfig.clusters.first()?;
    Some((cluster, entry(context, kubeconfig, "clusters", &cluster.name)))
}

fn joining<'a>(context: &Context<'a>, servers: &[ApiServer<'a>], discovery: &'a Discovery) -> Handshake {
    let token = token_standing(context, discovery);
    let server_side = match (&token, cluster(context, discovery)) {
        // Whoever cannot check what it says dials nobody by it.
        (Standing::Refused(_), _) => Side::only(Standing::NotAsked("cluster-info is not believed".to_owned())),
        (_, None) => Side::only(Standing::Unknown("the kubeconfig in cluster-info was not read".to_owned())),
        (_, Some((cluster, bundle))) => by_bundle(context, servers, cluster, &bundle),
    };
    Handshake {
        client: Participant::of(Party::JoiningNode),
        server: Participant::of(Party::Apiserver),
        client_side: Side::only(token),
        server_side,
    }
}

fn by_bundle<'a>(context: &Context<'a>, servers: &[ApiServer<'a>], cluster: &Cluster, bundle: &[&'a Holding]) -> Side {
    let name = dialled(cluster).to_owned();
    let reached = reached(servers, None, &name);
    if reached.is_empty() {
        let reference = Reference::new(context, servers);
        return bundle
            .iter()
            .map(|place| by_reference(&reference, place, Code::ClusterInfoCaStale))
            .next()
            .unwrap_or_else(|| Side::only(Standing::Unknown(SERVER.anchors.to_owned())));
    }
    let side = |presented| {
        judge::side(context, &ask(context, Some(presented), bundle.to_vec(), vec![name.clone()], Code::ClusterInfoCaStale))
    };
    worst(reached.iter().filter_map(|server| best(server.presented().map(side))))
        .unwrap_or_else(|| Side::only(Standing::Unknown(SERVER.credential.to_owned())))
}

fn by_reference(reference: &Reference<'_, '_>, place: &Holding, code: Code) -> Side {
    let ca = place.certificates().next().map(|(_, ca)| ca);
    let standing = match reference.is_current(place) {
        Some(true) => Standing::Trusted,
        None => Standing::Unknown(SERVER.credential.to_owned()),
        Some(false) => {
            let name = ca.map(|ca| Certificate::display_name(ca)).unwrap_or_default();
            let message = format!("{name} is not the cluster's CA");
            Standing::Refused(vec![Fault { code, certificate: ca.map(|ca| ca.id), message, since: None }])
        }
    };
    Side { until: ca.map(|ca| ca.validity.not_after), origin: Some(place.origin.clone()), ..Side::only(standing) }
}

fn ask<'a>(
    context: &Context<'_>,
    presented: Option<&'a Holding>,
    anchors: Vec<&'a Holding>,
    names: Vec<String>,
    otherwise: Code,
) -> Ask<'a> {
    Ask {
        presented,
        anchors,
        purpose: Purpose::Server,
        names,
        judge: Judge::Go(upgrade::present(context)),
        otherwise,
        usage: Code::UsageWrong,
        missing: SERVER,
    }
}

/// Pods, by the bundles that they were given: each different one once.
fn workloads<'a>(context: &Context<'a>, servers: &[ApiServer<'a>]) -> Option<Handshake> {
    let reference = Reference::new(context, servers);
    let mut seen = HashSet::new();
    let different = given(context).filter(|place| {
        let ids: Vec<Sha256> = place.certificates().map(|(_, certificate)| certificate.id).collect();
        seen.insert(ids)
    });
    let side = |place: &'a Holding| {
        let stale = reference.is_current(place) == Some(false);
        if servers.is_empty() || stale {
            return by_reference(&reference, place, Code::RootCaConfigmapStale);
        }
        let asked = |server: &ApiServer<'a>| {
            let presented = server.presented();
            best(presented.map(|presented| {
                judge::side(
                    context,
                    &ask(
                        context,
                        Some(presented),
                        vec![place],
                        vec![in_cluster(context, server, presented)],
                        Code::RootCaConfigmapStale,
                    ),
                )
            }))
        };
        worst(servers.iter().filter_map(asked)).unwrap_or_else(|| by_reference(&reference, place, Code::RootCaConfigmapStale))
    };
    Some(Handshake {
        client: Participant::of(Party::Workload),
        server: Participant::of(Party::Apiserver),
        client_side: Side::only(Standing::NotAsked("logs in with a token".to_owned())),
        server_side: worst(different.map(side))?,
    })
}

/// The name by which pods dial an API server: the first address of the Services, where that is known; else a name of the Service that it
/// has.
fn in_cluster(context: &Context<'_>, server: &ApiServer<'_>, presented: &Holding) -> String {
    let of_host = components(context.inventory, "kube-apiserver", server.host);
    let ranges = of_host.flat_map(|component| component.values("--service-cluster-ip-range"));
    let mut addresses = ranges.filter_map(|range| first_address(range.split(',').next()?));
    let address = addresses.next().filter(|_| server.serving.origin.role.is_some());
    let name = || IN_CLUSTER.iter().find(|name| has_name(presented, name)).or(IN_CLUSTER.first());
    address.or_else(|| name().map(|name| (*name).to_owned())).unwrap_or_default()
}

/// The address after the network's own: `10.96.0.0/12` → `10.96.0.1` (kubernetes/kubernetes pkg/controlplane/services.go).
fn first_address(range: &str) -> Option<String> {
    let (network, length) = range.trim().split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match network.parse().ok()? {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
            Some(Ipv4Addr::from((u32::from(address) & mask).checked_add(1)?).to_string())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
            Some(Ipv6Addr::from((u128::from(address) & mask).checked_add(1)?).to_string())
        }
    }
}

/// A bootstrap token whose signature in cluster-info is missing or false.
pub(in super::super) struct BadSignature<'a> {
    /// The ConfigMap.
    pub(in super::super) discovery: &'a Discovery,
    /// The token.
    pub(in super::super) token: &'a BootstrapToken,
    /// What is wrong.
    pub(in super::super) why: String,
}

/// Every one of them. Tokens that have ended sign nothing.
pub(in super::super) fn bad_signatures<'a>(context: &Context<'a>) -> Vec<BadSignature<'a>> {
    let facts = &context.inventory.facts;
    let signing = || facts.bootstrap_tokens.iter().filter(|token| is_signing(context, token));
    let bad = |discovery: &'a Discovery| {
        signing().filter_map(move |token| Some(BadSignature { discovery, token, why: fault_of(discovery, token)? }))
    };
    facts.discoveries.iter().flat_map(bad).collect()
}

fn is_signing(context: &Context<'_>, token: &BootstrapToken) -> bool {
    token.signs && token.expires.is_none_or(|end| end > context.policy.at)
}

/// What is wrong with a token's signature: a JWS with detached content, HS256, its key the token's secret (kubernetes/cluster-bootstrap
/// token/jws; RFC 7515 appendix F).
fn fault_of(discovery: &Discovery, token: &BootstrapToken) -> Option<String> {
    let Some((_, jws)) = discovery.signatures.iter().find(|(id, _)| *id == token.id) else {
        return Some(format!("bootstrap token {} has no signature in cluster-info", token.id));
    };
    let parts: Vec<&str> = jws.trim().split('.').collect();
    let [header, "", signature] = parts.as_slice() else {
        return Some(format!("the signature of bootstrap token {} is no JWS with detached content", token.id));
    };
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(discovery.kubeconfig.as_bytes()));
    let signed = URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| token.key.signed(message.as_bytes(), &signature));
    if !signed {
        return Some(format!("the signature of bootstrap token {} is not one of cluster-info as it stands", token.id));
    }
    let head: Option<serde_json::Value> =
        URL_SAFE_NO_PAD.decode(header).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let says = |field: &str, wanted: &str| head.as_ref().and_then(|head| head.get(field)?.as_str()) == Some(wanted);
    (!says("alg", "HS256") || !says("kid", &token.id))
        .then(|| format!("the signature of bootstrap token {} names another algorithm or token", token.id))
}

fn token_standing(context: &Context<'_>, discovery: &Discovery) -> Standing {
    let facts = &context.inventory.facts;
    let signing = facts.bootstrap_tokens.iter().filter(|token| is_signing(context, token));
    let faults: Vec<Fault> = signing
        .clone()
        .filter_map(|token| fault_of(discovery, token))
        .map(|message| Fault { code: Code::ClusterInfoSignature, certificate: None, message, since: None })
        .collect();
    match (signing.count(), faults.is_empty()) {
        (0, _) if facts.bootstrap_tokens.is_empty() => Standing::NotAsked("no bootstrap token among the sources".to_owned()),
        (0, _) => Standing::NotAsked("no bootstrap token is valid now".to_owned()),
        (_, true) => Standing::Trusted,
        (_, false) => Standing::Refused(faults),
    }
}

#[cfg(test)]
mod tests {
    use super::first_address;

    #[test]
    fn the_api_server_has_the_first_address_of_the_services() {
        let firsts = [
            ("10.96.0.0/12", "10.96.0.1"),
            ("10.43.0.0/16", "10.43.0.1"),
            ("fd00:10:96::/112", "fd00:10:96::1"),
            ("0.0.0.0/0", "0.0.0.1"),
        ];
        for (range, first) in firsts {
            assert_eq!(first_address(range).as_deref(), Some(first));
        }
        assert!(
            ["", "10.96.0.0", "10.96.0.0/33", "x/8", "255.255.255.255/32"].iter().all(|range| first_address(range).is_none())
        );
    }
}
