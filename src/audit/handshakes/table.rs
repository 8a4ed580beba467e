//! HANDSHAKES: the conversations between programs that find their certificates in files, one table for every distribution.
//!
//! Sources: the flags of kube-apiserver, kubelet and etcd; kubernetes/kubernetes cmd/kubeadm/app/phases/certs/certlist.go; k3s-io/k3s
//! pkg/daemons/control/deps/deps.go.

use super::super::places::{Files, anchors, components, credential, hosts_in};
use super::super::{Context, hosts, upgrade};
use super::judge::{self, Ask, Judge, Missing};
use super::servers::{has_name, is_loopback};
use crate::model::{Code, Distribution, Handshake, Holding, Participant, Party, Role, Side, Slot, Standing};
use crate::verify::Purpose;

/// A conversation on one host.
struct Row {
    client: Party,
    server: Party,
    /// The program that begins it, which judges the server.
    dials: &'static str,
    /// The program that answers, which judges the client.
    answers: &'static str,
    /// What the client presents.
    presents: Files,
    /// What the server believes of clients.
    believes: Files,
    /// What the server presents; `None` where nobody on the host says.
    serves: Option<Files>,
    /// What the client believes of servers; `None`: it does not look.
    trusts: Option<Files>,
    /// The names that are dialled.
    names: Names,
    /// The code for a server that is not signed by whom the client believes.
    server_code: Code,
    /// The code for a client that is not signed by whom the server believes.
    client_code: Code,
    /// The code for a client that may not be one.
    client_usage: Code,
    /// When the conversation takes place on a host.
    held: fn(&Context<'_>, Option<&str>) -> bool,
    /// What to say of what is not there.
    missing: [Missing; 2],
}

/// Where the names stand that a server is dialled by.
#[derive(Clone, Copy)]
enum Names {
    /// In the URLs of a client's flag, which may lead to several servers; without the flag, what kubeadm writes there.
    /// And in those that the server says are its own.
    Client { program: &'static str, flag: &'static str, kubeadm: &'static [&'static str], own: &'static [&'static str] },
    /// In the URLs that the server says are its own.
    Own { program: &'static str, flags: &'static [&'static str] },
    /// No name is looked at, or none is known.
    Unknown,
}

/// What a kubelet presents to an API server that does not look at it.
pub(super) const UNVERIFIED: &str = "without --kubelet-certificate-authority nobody looks";

const ETCD_CA: &[&[Role]] = &[&[Role::EtcdCa]];
const PEER_CA: &[&[Role]] = &[&[Role::EtcdPeerCa], &[Role::EtcdCa]];
const CLIENT_CA: &[&[Role]] = &[&[Role::ClusterCa, Role::ClientCa]];

const NO_ETCD_CLIENT: Missing = Missing {
    credential: "no etcd files: the API server's etcd client certificate",
    anchors: "no etcd files: whom etcd believes",
};
const NO_ETCD_SERVER: Missing =
    Missing { credential: "no etcd files: etcd's serving certificate", anchors: "no etcd files: the CA by which etcd is known" };
const NO_PEER: Missing = Missing { credential: "no etcd files: the peer certificate", anchors: "no etcd files: the CA of peers" };
const NO_KUBELET_CLIENT: Missing = Missing {
    credential: "apiserver-kubelet-client was not read",
    anchors: "the kubelet's clientCAFile is not among the sources",
};
const NO_KUBELET_SERVER: Missing = Missing {
    credential: "the kubelet's serving certificate was not read: it needs /var/lib/kubelet, or :10250 as a source",
    anchors: "the CA of kubelets is not among the sources",
};
const NO_FRONT_PROXY: Missing = Missing {
    credential: "front-proxy-client was not read",
    anchors: "the CA of the aggregation layer is not among the sources",
};

const ETCD_SERVER: Files = credential("etcd", "--cert-file", &[&[Role::EtcdServer]]);
const ETCD_SERVER_CA: Files = anchors("kube-apiserver", "--etcd-cafile", ETCD_CA);
const ETCD_CLIENT_CA: Files = anchors("etcd", "--trusted-ca-file", ETCD_CA);
const ETCD_PEER: Files = credential("etcd", "--peer-cert-file", &[&[Role::EtcdPeer]]);
const ETCD_PEER_CA: Files = anchors("etcd", "--peer-trusted-ca-file", PEER_CA);

/// The conversations.
const HANDSHAKES: &[Row] = &[
    Row {
        client: Party::Apiserver,
        server: Party::Etcd,
        dials: "kube-apiserver",
        answers: "etcd",
        presents: credential("kube-apiserver", "--etcd-certfile", &[&[Role::ApiserverEtcdClient]]),
        believes: ETCD_CLIENT_CA,
        serves: Some(ETCD_SERVER),
        trusts: Some(ETCD_SERVER_CA),
        names: Names::Client {
            program: "kube-apiserver",
            flag: "--etcd-servers",
            kubeadm: &["127.0.0.1"],
            own: &["--advertise-client-urls"],
        },
        server_code: Code::Untrusted,
        client_code: Code::Untrusted,
        client_usage: Code::UsageWrong,
        held: has_etcd_here,
        missing: [NO_ETCD_CLIENT, NO_ETCD_SERVER],
    },
    Row {
        client: Party::Etcd,
        server: Party::Etcd,
        dials: "etcd",
        answers: "etcd",
        presents: ETCD_PEER,
        believes: ETCD_PEER_CA,
        serves: Some(ETCD_PEER),
        trusts: Some(ETCD_PEER_CA),
        names: Names::Own { program: "etcd", flags: &["--initial-advertise-peer-urls"] },
        server_code: Code::Untrusted,
        client_code: Code::Untrusted,
        client_usage: Code::EtcdUsage,
        held: |context, host| has(context, host, Role::EtcdPeer) || components(context.inventory, "etcd", host).next().is_some(),
        missing: [NO_PEER, NO_PEER],
    },
    Row {
        client: Party::Apiserver,
        server: Party::Kubelet,
        dials: "kube-apiserver",
        answers: "kubelet",
        presents: credential("kube-apiserver", "--kubelet-client-certificate", &[&[Role::ApiserverKubeletClient]]),
        believes: anchors("kubelet", "--client-ca-file", CLIENT_CA),
        serves: Some(credential("kubelet", "--tls-cert-file", &[&[Role::KubeletServing]])),
        trusts: Some(anchors("kube-apiserver", "--kubelet-certificate-authority", &[])),
        names: Names::Unknown,
        server_code: Code::Untrusted,
        client_code: Code::Untrusted,
        client_usage: Code::UsageWrong,
        held: |context, host| has(context, host, Role::ApiserverKubeletClient) || has(context, host, Role::Apiserver),
        missing: [NO_KUBELET_CLIENT, NO_KUBELET_SERVER],
    },
    Row {
        client: Party::Apiserver,
        server: Party::ExtensionServer,
        dials: "kube-apiserver",
        answers: "kube-apiserver",
        presents: credential("kube-apiserver", "--proxy-client-cert-file", &[&[Role::FrontProxyClient]]),
        believes: anchors("kube-apiserver", "--requestheader-client-ca-file", &[&[Role::FrontProxyCa]]),
        serves: None,
        trusts: None,
        names: Names::Unknown,
        server_code: Code::Untrusted,
        client_code: Code::FrontProxyUntrusted,
        client_usage: Code::UsageWrong,
        held: |context, host| has(context, host, Role::FrontProxyClient),
        missing: [NO_FRONT_PROXY, NO_FRONT_PROXY],
    },
];

/// Whether an API server of the host has its etcd there, or one that nobody knows: k3s and MicroK8s may have SQLite or dqlite instead,
/// and etcd may have hosts of its own.
fn has_etcd_here(context: &Context<'_>, host: Option<&str>) -> bool {
    let serves = has(context, host, Role::Apiserver);
    let mut started = components(context.inventory, "kube-apiserver", host);
    let is_told = started.any(|component| component.values("--etcd-servers").any(|urls| urls.contains("https://")));
    let dials = is_told || has(context, host, Role::ApiserverEtcdClient) || (serves && is_kubeadm(context, host));
    let alone = || !serves && !dials && hosts::all(context).len() == 1;
    let stored = has(context, host, Role::EtcdServer);
    (dials && (stored || etcd_hosts(context, host).is_empty())) || (stored && alone())
}

/// The other hosts whose etcd an API server of this one dials, where it has none of its own.
fn etcd_hosts<'a>(context: &Context<'a>, host: Option<&str>) -> Vec<Option<&'a str>> {
    let values: Vec<&str> =
        components(context.inventory, "kube-apiserver", host).flat_map(|component| component.values("--etcd-servers")).collect();
    let dialled = hosts_in(&values);
    let answers = |other: Option<&str>| {
        let presented = ETCD_SERVER.on(context, other);
        other != host && presented.iter().any(|presented| dialled.iter().any(|name| has_name(presented, name)))
    };
    let others = hosts::all(context).into_iter().filter(|other| answers(*other));
    if has(context, host, Role::EtcdServer) { Vec::new() } else { others.collect() }
}

fn has(context: &Context<'_>, host: Option<&str>, role: Role) -> bool {
    // One that could not be read is one all the same.
    hosts::places(context, host, role, &[Slot::Credential]).any(|holding| hosts::host(holding) == host)
}

/// Whether kubeadm, or what is built on it, laid the host out.
pub(super) fn is_kubeadm(context: &Context<'_>, host: Option<&str>) -> bool {
    let here = context.inventory.hosts.iter().filter(|known| known.name.as_deref() == host);
    here.flat_map(|known| &known.layouts).any(|layout| matches!(layout, Distribution::Kubeadm | Distribution::Minikube))
}

/// Every conversation on every host.
pub(super) fn handshakes(context: &Context<'_>) -> Vec<Handshake> {
    let mut found = Vec::new();
    for host in hosts::all(context) {
        found.extend(HANDSHAKES.iter().filter(|row| (row.held)(context, host)).map(|row| row.handshake(context, host, host)));
    }
    found.extend(between_hosts(context));
    found
}

/// The same between hosts: each member of etcd with the next one, and the API servers with the kubelets of nodes that have none.
fn between_hosts(context: &Context<'_>) -> Vec<Handshake> {
    let hosts = hosts::all(context);
    let with = |role| -> Vec<Option<&str>> { hosts.iter().copied().filter(|host| has(context, *host, role)).collect() };
    let (members, masters) = (with(Role::EtcdPeer), with(Role::ApiserverKubeletClient));
    let nodes = hosts.iter().copied().filter(|host| has(context, *host, Role::Kubelet) && !has(context, *host, Role::Apiserver));
    let pairs = |party| HANDSHAKES.iter().filter(move |row| row.server == party);
    let ring = members.iter().zip(members.iter().cycle().skip(1)).filter(|(one, next)| one != next);
    let peers = ring.flat_map(|(one, next)| {
        pairs(Party::Etcd).filter(|row| row.client == Party::Etcd).map(|row| row.handshake(context, *one, *next))
    });
    let kubelets = nodes.flat_map(|node| {
        masters
            .iter()
            .filter(move |master| **master != node)
            .flat_map(move |master| pairs(Party::Kubelet).map(move |row| row.handshake(context, *master, node)))
    });
    let external = hosts.iter().copied().flat_map(|master| {
        let servers = etcd_hosts(context, master).into_iter();
        servers.flat_map(move |server| {
            pairs(Party::Etcd).filter(|row| row.client == Party::Apiserver).map(move |row| row.handshake(context, master, server))
        })
    });
    peers.chain(kubelets).chain(external).collect()
}

impl Row {
    fn handshake(&self, context: &Context<'_>, client: Option<&str>, server: Option<&str>) -> Handshake {
        Handshake {
            client: Participant::of(self.client).on(client),
            server: Participant::of(self.server).on(server),
            client_side: self.client_side(context, client, server),
            server_side: self.server_side(context, client, server),
        }
    }

    fn client_side(&self, context: &Context<'_>, client: Option<&str>, server: Option<&str>) -> Side {
        let ask = |presented: Option<&Holding>, anchors| {
            judge::side(
                context,
                &Ask {
                    presented,
                    anchors,
                    purpose: Purpose::Client,
                    names: Vec::new(),
                    judge: Judge::Go(upgrade::of_component(context, self.answers, server)),
                    otherwise: self.client_code,
                    usage: self.client_usage,
                    missing: self.missing[0],
                },
            )
        };
        let presented = self.presents.on(context, client);
        let believed = self.believes.on(context, server);
        super::clients::worst(presented.iter().map(|holding| ask(Some(holding), believed.clone())))
            .unwrap_or_else(|| ask(None, believed))
    }

    fn server_side(&self, context: &Context<'_>, client: Option<&str>, server: Option<&str>) -> Side {
        let Some(shown) = &self.serves else {
            return Side::only(Standing::NotAsked("each extension server is a handshake of its own".to_owned()));
        };
        let trusted = self.trusts.map(|trusts| trusts.on(context, client)).unwrap_or_default();
        if self.server == Party::Kubelet && trusted.is_empty() {
            return Side::only(Standing::NotAsked(UNVERIFIED.to_owned()));
        }
        let ask = |presented: Option<&Holding>| {
            judge::side(
                context,
                &Ask {
                    presented,
                    anchors: trusted.clone(),
                    purpose: Purpose::Server,
                    names: presented.map(|presented| self.dialled(context, client, server, presented)).unwrap_or_default(),
                    judge: Judge::Go(upgrade::of_component(context, self.dials, client)),
                    otherwise: self.server_code,
                    usage: Code::UsageWrong,
                    missing: self.missing[1],
                },
            )
        };
        let presented = current(shown.on(context, server));
        super::clients::worst(presented.iter().map(|holding| ask(Some(holding)))).unwrap_or_else(|| ask(None))
    }

    /// The names by which this server is dialled.
    fn dialled(&self, context: &Context<'_>, client: Option<&str>, server: Option<&str>, presented: &Holding) -> Vec<String> {
        let urls = |program, host, flags: &[&str]| {
            let values = components(context.inventory, program, host);
            let values: Vec<&str> = values.flat_map(|component| flags.iter().flat_map(|flag| component.values(flag))).collect();
            (!values.is_empty()).then(|| hosts_in(&values))
        };
        match self.names {
            Names::Unknown => Vec::new(),
            Names::Own { program, flags } => urls(program, server, flags).unwrap_or_default(),
            Names::Client { program, flag, kubeadm, own } => {
                let mut names = match urls(program, client, &[flag]) {
                    Some(names) => of_this_server(names, presented),
                    None if is_kubeadm(context, client) => kubeadm.iter().map(|name| (*name).to_owned()).collect(),
                    None => Vec::new(),
                };
                for name in urls(self.answers, server, own).unwrap_or_default() {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                names
            }
        }
    }
}

/// Of the names of several servers those that are this one's: loopback addresses, and what it has; if it has none, it should have one.
fn of_this_server(names: Vec<String>, presented: &Holding) -> Vec<String> {
    let (own, others): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| is_loopback(name) || has_name(presented, name));
    if own.is_empty() { others.into_iter().take(1).collect() } else { own }
}

/// A kubelet that was given a serving certificate leaves the one that it made for itself behind (kubernetes/client-go
/// util/certificate/certificate_store.go: `kubelet-server-current.pem`).
fn current(found: Vec<&Holding>) -> Vec<&Holding> {
    let rotated = |holding: &&Holding| holding.origin.document.path().ends_with("/kubelet-server-current.pem");
    let rotating: Vec<&Holding> = found.iter().copied().filter(rotated).collect();
    if rotating.is_empty() { found } else { rotating }
}
