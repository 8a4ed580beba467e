//! kubeconfigs: whom they trust, whom they are, and whether they are up to date.

use super::chain::{names, reaches};
use super::findings::{Draft, Findings};
use super::trust::{self, host_of};
use super::{Context, hosts};
use crate::model::when::{date, relative};
use crate::model::{
    Certificate, Cluster, Code, Content, Credential, Evidence, GeneralName, Holding, Kubeconfig, Login, Material, Origin, Role,
    Severity, Sha256, Slot, User,
};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use time::OffsetDateTime;

/// The holdings of one entry of a kubeconfig: those whose field begins with `users[NAME].` or `clusters[NAME].`.
pub(super) fn entry<'a>(context: &Context<'a>, kubeconfig: &Kubeconfig, list: &str, name: &str) -> Vec<&'a Holding> {
    let prefix = match &*kubeconfig.within {
        "" => format!("{list}[{name}]."),
        within => format!("{within}.{list}[{name}]."),
    };
    let places = context.document(&kubeconfig.document).iter();
    places.copied().filter(|holding| holding.origin.field.starts_with(&prefix)).collect()
}

/// The client certificate of a user.
fn client<'a>(context: &Context<'a>, kubeconfig: &Kubeconfig, user: &str) -> Option<(&'a Holding, &'a Arc<Certificate>)> {
    let places = entry(context, kubeconfig, "users", user);
    let credential = places.into_iter().find(|holding| holding.origin.slot == Slot::Credential)?;
    credential.certificates().next().map(|(_, certificate)| (credential, certificate))
}

pub(super) fn ca_does_not_sign_server(context: &Context<'_>, findings: &mut Findings) {
    trust::ca_does_not_sign_peer(context, findings);
    for kubeconfig in context.kubeconfigs() {
        let host = kubeconfig.document.host.as_deref();
        let servers = || api_servers(context, host);
        for cluster in &kubeconfig.clusters {
            let bundle = entry(context, kubeconfig, "clusters", &cluster.name);
            // What the endpoint itself presented was judged already.
            let dialled: Vec<*const Holding> =
                trust::peers_of(context, &cluster.server).into_iter().map(std::ptr::from_ref).collect();
            let at_hand = servers()
                .filter(|server| belongs_to(kubeconfig, cluster, server) && !dialled.contains(&std::ptr::from_ref(*server)));
            let is_right = holds_the_ca(context, host, &bundle) || is_for_another_name(context, host, cluster, &bundle);
            for server in at_hand.filter(|_| !is_right) {
                let Some((_, certificate)) = server.certificates().next() else { continue };
                // Intermediates come with the server's own chain; the bundle is the anchor.
                if reaches(context, certificate, &bundle) == Some(false) {
                    let message = format!(
                        "the CA {} of cluster {} did not sign the API server's certificate {}",
                        names(&bundle),
                        cluster.name,
                        certificate.display_name()
                    );
                    let draft = Draft::new(Code::CaDoesNotSignServer, Severity::Critical, message).certificate(certificate.id);
                    let draft = draft.places(bundle.iter().map(|place| (place.origin.clone(), 0))).at(&server.origin, 0);
                    findings.add(draft.evidence("serverIssuer", Evidence::Text(certificate.issuer.to_string())));
                }
            }
        }
    }
}

/// The API servers' certificates at hand: of the host, or given by themselves.
fn api_servers<'c, 'a>(context: &'c Context<'a>, host: Option<&'c str>) -> impl Iterator<Item = &'a Holding> + use<'c, 'a> {
    let here = move |holding: &&Holding| host.is_none() || hosts::host(holding).is_none() || hosts::host(holding) == host;
    context.outside_secrets().filter(|holding| holding.is_api_server()).filter(here)
}

/// Whether a bundle holds the very CA that is to sign the host's API server. Then the server's certificate is at fault: `untrusted`.
fn holds_the_ca(context: &Context<'_>, host: Option<&str>, bundle: &[&Holding]) -> bool {
    let ids = |holdings: &[&Holding]| -> HashSet<Sha256> {
        holdings
            .iter()
            .flat_map(|holding| holding.certificates())
            .map(|(_, certificate)| certificate.public_key.spki_sha256)
            .collect()
    };
    let cas: Vec<&Holding> = [Role::ClusterCa, Role::ServerCa]
        .into_iter()
        .flat_map(|role| hosts::places(context, host, role, &[Slot::Credential]))
        .collect();
    !ids(&cas).is_disjoint(&ids(bundle))
}

/// Whether a bundle is for a certificate that the API server has for the dialled name apart (`--tls-sni-cert-key`).
fn is_for_another_name(context: &Context<'_>, host: Option<&str>, cluster: &Cluster, bundle: &[&Holding]) -> bool {
    let mut apart = hosts::places(context, host, Role::ApiserverSni, &[Slot::Credential]);
    apart.any(|server| {
        let leaf = server.certificates().next();
        leads_to(cluster, server) && leaf.is_some_and(|(_, leaf)| reaches(context, leaf, bundle) == Some(true))
    })
}

/// Whether a kubeconfig's cluster is the one of this API server: it has a role on the host, or dials a name of the server.
fn belongs_to(kubeconfig: &Kubeconfig, cluster: &Cluster, server: &Holding) -> bool {
    kubeconfig.role.is_some() || leads_to(cluster, server)
}

/// The ports that API servers and their load balancers listen at: kubeadm, k3s, minikube, MicroK8s, kind's and others'.
const PORTS: &[u16] = &[6443, 443, 8443, 16443, 6444, 5443, 9443];

/// Whether the address that a cluster entry dials is one that the serving certificate is for. Loopback addresses say nothing: every
/// host has them.
pub(super) fn leads_to(cluster: &Cluster, server: &Holding) -> bool {
    // Behind other ports of the same address are the API servers of other clusters (vcluster, Kamaji).
    if trust::port_of(&cluster.server).is_none_or(|port| !PORTS.contains(&port)) {
        return false;
    }
    let dialled = cluster.tls_server_name.as_deref().unwrap_or_else(|| host_of(&cluster.server));
    let address: Option<IpAddr> = dialled.parse().ok();
    if dialled == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return false;
    }
    server.certificates().next().is_some_and(|(_, certificate)| {
        certificate.sans.iter().any(|san| match san {
            GeneralName::Dns(name) => name.eq_ignore_ascii_case(dialled),
            GeneralName::Ip(ip) => Some(*ip) == address,
            _ => false,
        })
    })
}

pub(super) fn client_untrusted(context: &Context<'_>, findings: &mut Findings) {
    super::peers::client_untrusted(context, findings);
    for kubeconfig in context.kubeconfigs() {
        let host = kubeconfig.document.host.as_deref();
        let anchors = client_cas(context, host);
        for user in kubeconfig.users.iter().filter(|user| logs_in_here(context, kubeconfig, &user.name)) {
            let Some((place, certificate)) = client(context, kubeconfig, &user.name) else { continue };
            if reaches(context, certificate, &anchors) == Some(false) {
                let message =
                    format!("the client certificate {} is not signed by {}", certificate.display_name(), names(&anchors));
                let draft = Draft::new(Code::ClientUntrusted, Severity::Critical, message).certificate(certificate.id);
                findings.add(draft.at(&place.origin, 0).places(anchors.iter().map(|anchor| (anchor.origin.clone(), 0))));
            }
        }
    }
}

/// What the API servers of a host take clients from; a host that has none looks to those that have.
fn client_cas<'a>(context: &Context<'a>, host: Option<&str>) -> Vec<&'a Holding> {
    let serves = |host: Option<&str>| context.with_role(Role::Apiserver).iter().any(|server| hosts::host(server) == host);
    let masters = context.outside_secrets().filter(|holding| serves(hosts::host(holding)));
    let is_ca = |holding: &&Holding| {
        matches!(holding.origin.role, Some(Role::ClusterCa | Role::ClientCa))
            && matches!(holding.origin.slot, Slot::Credential | Slot::Trust)
    };
    let of_masters: Vec<&Holding> = if serves(host) { Vec::new() } else { masters.filter(is_ca).collect() };
    if !of_masters.is_empty() {
        return of_masters;
    }
    let roles = [Role::ClusterCa, Role::ClientCa].into_iter();
    roles.flat_map(|role| hosts::places(context, host, role, &[Slot::Credential, Slot::Trust])).collect()
}

/// Whether a user logs in to the cluster at hand, in some context. Whose kubeconfig has a job is of this cluster.
fn logs_in_here(context: &Context<'_>, kubeconfig: &Kubeconfig, user: &str) -> bool {
    let host = kubeconfig.document.host.as_deref();
    let leads = |cluster: &Cluster| api_servers(context, host).any(|server| belongs_to(kubeconfig, cluster, server));
    let mut contexts = kubeconfig.contexts.iter().filter(|entry| *entry.user == *user);
    let is_here = |name: &str| kubeconfig.clusters.iter().any(|cluster| *cluster.name == *name && leads(cluster));
    kubeconfig.role.is_some() || contexts.any(|entry| is_here(&entry.cluster))
}

pub(super) fn skip_tls_verify(context: &Context<'_>, findings: &mut Findings) {
    for kubeconfig in &context.inventory.kubeconfigs {
        for cluster in kubeconfig.clusters.iter().filter(|cluster| cluster.insecure_skip_tls_verify) {
            let message = format!("cluster {} skips the verification of {}", cluster.name, cluster.server);
            let origin = place(kubeconfig, &format!("clusters[{}].insecure-skip-tls-verify", cluster.name));
            findings.add(Draft::new(Code::SkipTlsVerify, Severity::Warning, message).at(&origin, 0));
        }
    }
    api_services(context, findings);
}

/// An APIService that skips verification trusts whoever answers; widely done for metrics-server.
fn api_services(context: &Context<'_>, findings: &mut Findings) {
    for call in context.inventory.facts.calls.iter().filter(|call| call.skips_verification) {
        let message = format!("APIService {} skips the verification of {}", call.name, call.to.server_name());
        let field = "spec.insecureSkipTLSVerify".into();
        let origin = Origin { document: Arc::clone(&call.document), field, role: None, slot: Slot::Unknown };
        let hint = "Give the APIService a caBundle, and its server a certificate for its Service.";
        findings.add(Draft::new(Code::SkipTlsVerify, Severity::Info, message).at(&origin, 0).hint(hint));
    }
}

pub(super) fn token_expired(context: &Context<'_>, findings: &mut Findings) {
    for kubeconfig in &context.inventory.kubeconfigs {
        for user in &kubeconfig.users {
            if let Some(end) = ended_token(user, context.policy.at) {
                let origin = place(kubeconfig, &format!("users[{}].token", user.name));
                findings.add(ended(context, &format!("the token of user {}", user.name), end, Severity::Critical).at(&origin, 0));
            }
        }
    }
    for holding in &context.inventory.holdings {
        for (index, content) in holding.contents.iter().enumerate() {
            let Content::Credential(credential) = content else { continue };
            let (what, expires) = match &**credential {
                Credential::Token { expires, .. } => ("a token".to_owned(), *expires),
                Credential::BootstrapToken { id, expires } => (format!("bootstrap token {id}"), *expires),
            };
            if let Some(end) = expires.filter(|end| *end < context.policy.at) {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                findings.add(ended(context, &what, end, Severity::Info).at(&holding.origin, index));
            }
        }
    }
}

/// When the token that a user logs in with ended. client-go reads the file first, if there is one (rest.Config: BearerTokenFile).
pub(super) fn ended_token(user: &User, at: OffsetDateTime) -> Option<OffsetDateTime> {
    let has_file = user.logins.iter().any(|login| matches!(login, Login::TokenFile(_)));
    user.logins.iter().filter(|_| !has_file).find_map(|login| match login {
        Login::Token { expires: Some(end), .. } if *end < at => Some(*end),
        _ => None,
    })
}

fn ended(context: &Context<'_>, what: &str, end: OffsetDateTime, severity: Severity) -> Draft {
    let message = format!("{what} ended {} ({})", date(end), relative(context.policy.at, end));
    Draft::new(Code::TokenExpired, severity, message).evidence("expires", Evidence::Time(end))
}

pub(super) fn stale_copy(context: &Context<'_>, findings: &mut Findings) {
    let mut originals: Vec<(&Kubeconfig, &Holding, &Arc<Certificate>)> = context
        .inventory
        .kubeconfigs
        .iter()
        .filter(|kubeconfig| matches!(kubeconfig.role, Some(Role::Admin | Role::SuperAdmin)))
        .flat_map(|kubeconfig| kubeconfig.users.iter().map(move |user| (kubeconfig, user)))
        .filter_map(|(kubeconfig, user)| {
            client(context, kubeconfig, &user.name).map(|(place, certificate)| (kubeconfig, place, certificate))
        })
        .collect();
    // What carries its certificate can be copied; what names files of its host cannot.
    originals.sort_by_key(|(_, place, _)| place.origin.document.file.is_some());
    for copy in context.inventory.kubeconfigs.iter().filter(|kubeconfig| kubeconfig.role.is_none()) {
        for user in &copy.users {
            let Some((place, old)) = client(context, copy, &user.name) else { continue };
            let newer = originals.iter().find(|(original, _, new)| {
                (copy.document.host.is_none() || original.document.host == copy.document.host)
                    && new.id != old.id
                    && new.subject.common_name() == old.subject.common_name()
                    && is_same_issuer(context, old, new)
                    && new.validity.not_after > old.validity.not_after
            });
            if let Some((original, origin, new)) = newer {
                let message = format!(
                    "user {} has an older certificate than {}: until {} instead of {}",
                    user.name,
                    original.document.source,
                    date(old.validity.not_after),
                    date(new.validity.not_after)
                );
                let draft = Draft::new(Code::StaleCopy, Severity::Warning, message).certificate(old.id).certificate(new.id);
                let hint = format!("Copy {} over {}.", original.document.source, copy.document.source);
                findings.add(draft.at(&place.origin, 0).at(&origin.origin, 0).hint(hint));
            }
        }
    }
}

/// Whether two certificates were issued with one key: every kubeadm cluster has a CA of the same name.
fn is_same_issuer(context: &Context<'_>, one: &Certificate, other: &Certificate) -> bool {
    let issuers = |certificate: &Certificate| {
        let nodes = context.graph.node(&certificate.id).map(|node| context.graph.issuers(node)).unwrap_or_default();
        nodes.into_iter().map(|node| context.graph.certificate(node).public_key.spki_sha256).collect::<HashSet<_>>()
    };
    let (ours, theirs) = (issuers(one), issuers(other));
    one.issuer == other.issuer && (!ours.is_disjoint(&theirs) || (ours.is_empty() && theirs.is_empty()))
}

pub(super) fn kubelet_conf_embedded(context: &Context<'_>, findings: &mut Findings) {
    for kubeconfig in context.inventory.kubeconfigs.iter().filter(|kubeconfig| kubeconfig.role == Some(Role::Kubelet)) {
        let host = kubeconfig.document.host.as_deref();
        let rotated = hosts::places(context, host, Role::Kubelet, &[Slot::Credential])
            .any(|holding| holding.origin.document.path().ends_with("kubelet-client-current.pem"));
        let severity = if rotated { Severity::Warning } else { Severity::Info };
        for user in kubeconfig.users.iter().filter(|user| user.client_certificate == Material::Embedded) {
            let message =
                format!("user {} carries its certificate in the file; the one that the kubelet rotates is not used", user.name);
            let origin = place(kubeconfig, &format!("users[{}].client-certificate-data", user.name));
            findings.add(Draft::new(Code::KubeletConfEmbedded, severity, message).at(&origin, 0));
        }
    }
}

/// A field of a kubeconfig as a place.
pub(super) fn place(kubeconfig: &Kubeconfig, field: &str) -> Origin {
    let field = match &*kubeconfig.within {
        "" => field.into(),
        within => format!("{within}.{field}").into(),
    };
    Origin { document: kubeconfig.document.clone(), field, role: kubeconfig.role, slot: Slot::Unknown }
}
