//! Who dials the API server by a kubeconfig: the components of a host, its administrators, people.

use super::super::trust::host_of;
use super::super::upgrade;
use super::super::{Context, kubeconfig as entries};
use super::judge::{self, Ask, Judge, Missing};
use super::servers::{ApiServer, is_loopback, reached};
use crate::model::handshake::Fault;
use crate::model::{
    Cluster, Code, Handshake, Holding, Kubeconfig, Login, Material, OriginKind, Participant, Party, Role, Side, Slot, Standing,
    User,
};
use crate::verify::Purpose;
use std::collections::HashSet;

/// Whose kubeconfig it is by its role, and the program whose Go judges the server.
const PARTIES: &[(Role, Party, &str)] = &[
    (Role::Admin, Party::Admin, "kubectl"),
    (Role::SuperAdmin, Party::SuperAdmin, "kubectl"),
    (Role::ControllerManager, Party::ControllerManager, "kube-controller-manager"),
    (Role::Scheduler, Party::Scheduler, "kube-scheduler"),
    (Role::CloudControllerManager, Party::CloudControllerManager, "cloud-controller-manager"),
    (Role::KubeProxy, Party::KubeProxy, "kube-proxy"),
    (Role::Kubelet, Party::Kubelet, "kubelet"),
    (Role::BootstrapKubelet, Party::BootstrapKubelet, "kubelet"),
    (Role::Supervisor, Party::Supervisor, "k3s"),
];

const SERVER: Missing = Missing {
    credential: "the API server's certificate is not among the sources",
    anchors: "the kubeconfig names no CA, so that the system's roots judge",
};
const CLIENT: Missing = Missing {
    credential: "the client certificate was not read",
    anchors: "whom the API server takes clients from is not among the sources",
};

/// Every kubeconfig of a known program, and those of people that lead to an API server at hand.
pub(super) fn handshakes<'a>(context: &Context<'a>, servers: &[ApiServer<'a>]) -> Vec<Handshake> {
    let mut found = Vec::new();
    for kubeconfig in &context.inventory.kubeconfigs {
        let known = PARTIES.iter().find(|(role, ..)| Some(*role) == kubeconfig.role);
        // Of a kubeconfig in an object nobody knows who uses it; one with another job is no client's of the API server.
        if known.is_none() && (!kubeconfig.within.is_empty() || kubeconfig.role.is_some()) {
            continue;
        }
        for (cluster, user, name) in logins(kubeconfig) {
            let (party, program) = known.map_or((Party::User, "kubectl"), |(_, party, program)| (*party, *program));
            if party == Party::User && !leads_here(context, kubeconfig, cluster, user, servers) {
                continue;
            }
            let client = Participant::of(party).on(kubeconfig.document.host.as_deref());
            let client = if party == Party::User { client.named(name) } else { client };
            let dials = Dials { context, kubeconfig, cluster, user, program };
            found.push(dials.handshake(client, servers));
        }
    }
    found.extend(unread(context));
    unique(found)
}

/// Components whose kubeconfig is there and could not be read.
fn unread(context: &Context<'_>) -> Vec<Handshake> {
    let mut found = Vec::new();
    for (role, party, _) in PARTIES {
        let files = context.with_role(*role).iter().copied();
        let files = files.filter(|holding| holding.origin.field.is_empty() && holding.origin.document.kind != OriginKind::Peer);
        let is_lost = |holding: &&Holding| {
            let document = &holding.origin.document;
            let mut known = context.inventory.kubeconfigs.iter();
            let is_read = known.any(|known| known.role == Some(*role) && known.document.host == document.host);
            holding.defects().next().is_some() && holding.certificates().next().is_none() && !is_read
        };
        for holding in files.filter(is_lost) {
            let side = || Side::only(Standing::Unknown("its kubeconfig was not read".to_owned()));
            found.push(Handshake {
                client: Participant::of(*party).on(holding.origin.document.host.as_deref()),
                server: Participant::of(Party::Apiserver).on(holding.origin.document.host.as_deref()),
                client_side: side(),
                server_side: side(),
            });
        }
    }
    found
}

/// The pairs of cluster and user that are used: the current context of a component; every context of a person.
fn logins(kubeconfig: &Kubeconfig) -> Vec<(&Cluster, &User, String)> {
    let current = kubeconfig.current_context.as_deref();
    let has_current = kubeconfig.contexts.iter().any(|context| Some(&*context.name) == current);
    let used = |name: &str| kubeconfig.role.is_none() || !has_current || Some(name) == current;
    let mut seen = HashSet::new();
    let contexts = kubeconfig.contexts.iter().filter(|context| used(&context.name));
    let named = contexts.filter_map(|context| {
        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?;
        let person = kubeconfig.users.iter().find(|user| user.name == context.user)?;
        seen.insert((&context.cluster, &context.user)).then(|| (cluster, person, context.name.to_string()))
    });
    named.collect()
}

/// Whether a kubeconfig of which nobody knows whose it is, is one of this cluster: it dials a name of an API server at hand that is not
/// everybody's, or believes the CA that signed one.
fn leads_here(context: &Context<'_>, kubeconfig: &Kubeconfig, cluster: &Cluster, user: &User, servers: &[ApiServer<'_>]) -> bool {
    let name = dialled(cluster);
    let by_name = !is_loopback(name) && servers.iter().any(|server| entries::leads_to(cluster, server.serving));
    let bundle = entries::entry(context, kubeconfig, "clusters", &cluster.name);
    let signed = |holding: &Holding| {
        holding.certificates().next().is_some_and(|(_, leaf)| super::super::chain::reaches(context, leaf, &bundle) == Some(true))
    };
    let by_server = || servers.iter().any(|server| signed(server.serving));
    let by_client = || {
        let places = entries::entry(context, kubeconfig, "users", &user.name);
        let leaf = places.iter().find_map(|place| Some(place.certificates().next()?.1));
        leaf.is_some_and(|leaf| {
            servers.iter().any(|server| super::super::chain::reaches(context, leaf, &server.client_cas) == Some(true))
        })
    };
    by_name || by_server() || by_client()
}

/// The name that a client expects of the server (client-go rest: `TLSClientConfig.ServerName`).
pub(super) fn dialled(cluster: &Cluster) -> &str {
    cluster.tls_server_name.as_deref().unwrap_or_else(|| host_of(&cluster.server))
}

/// A kubeconfig in use.
struct Dials<'c, 'a> {
    context: &'c Context<'a>,
    kubeconfig: &'a Kubeconfig,
    cluster: &'a Cluster,
    user: &'a User,
    program: &'static str,
}

impl<'a> Dials<'_, 'a> {
    fn handshake(&self, client: Participant, servers: &[ApiServer<'a>]) -> Handshake {
        let host = self.kubeconfig.document.host.as_deref();
        // A name is dialled whatever name is expected.
        let reached = match host_of(&self.cluster.server) {
            address if self.cluster.tls_server_name.is_some() => reached(servers, host, address),
            name => reached(servers, host, name),
        };
        let one = match reached.as_slice() {
            [only] => only.host,
            _ => None,
        };
        Handshake {
            client,
            server: Participant::of(Party::Apiserver).on(one),
            client_side: self.client_side(&reached),
            server_side: self.server_side(&reached),
        }
    }

    fn server_side(&self, servers: &[&ApiServer<'a>]) -> Side {
        if self.cluster.insecure_skip_tls_verify {
            return Side::only(Standing::NotAsked("insecure-skip-tls-verify".to_owned()));
        }
        if self.cluster.server.starts_with("http://") {
            return Side::only(Standing::NotAsked("dialled without TLS".to_owned()));
        }
        let anchors = entries::entry(self.context, self.kubeconfig, "clusters", &self.cluster.name);
        let version = upgrade::of_component(self.context, self.program, self.kubeconfig.document.host.as_deref());
        let ask = |presented: Option<&'a Holding>| Ask {
            presented,
            anchors: anchors.clone(),
            purpose: Purpose::Server,
            names: vec![dialled(self.cluster).to_owned()],
            judge: Judge::Go(version),
            otherwise: Code::CaDoesNotSignServer,
            usage: Code::UsageWrong,
            missing: SERVER,
        };
        let asked =
            |server: &&ApiServer<'a>| best(server.presented().map(|presented| judge::side(self.context, &ask(Some(presented)))));
        worst(servers.iter().filter_map(asked)).unwrap_or_else(|| judge::side(self.context, &ask(None)))
    }

    fn client_side(&self, servers: &[&ApiServer<'a>]) -> Side {
        let places = entries::entry(self.context, self.kubeconfig, "users", &self.user.name);
        let credential = places.iter().copied().find(|place| place.origin.slot == Slot::Credential);
        if self.user.client_certificate == Material::Absent {
            return self.login();
        }
        let ask = |server: Option<&&ApiServer<'a>>| Ask {
            presented: credential.filter(|place| place.certificates().next().is_some()),
            anchors: server.map(|server| server.client_cas.clone()).unwrap_or_default(),
            purpose: Purpose::Client,
            names: Vec::new(),
            judge: Judge::Go(server.map_or(upgrade::present(self.context), |server| server.version)),
            otherwise: Code::ClientUntrusted,
            usage: Code::UsageWrong,
            missing: CLIENT,
        };
        let sides = servers.iter().map(|server| judge::side(self.context, &ask(Some(server))));
        worst(sides).unwrap_or_else(|| judge::side(self.context, &ask(None)))
    }

    /// Who has no certificate logs in in another way.
    fn login(&self) -> Side {
        if let Some(end) = entries::ended_token(self.user, self.context.policy.at) {
            let message = format!("the token of user {} has ended", self.user.name);
            let fault = Fault { code: Code::TokenExpired, certificate: None, message, since: Some(end) };
            let origin = entries::place(self.kubeconfig, &format!("users[{}].token", self.user.name));
            return Side { origin: Some(origin), ..Side::only(Standing::Refused(vec![fault])) };
        }
        let how = match self.user.logins.first() {
            Some(Login::Token { .. } | Login::TokenFile(_)) => "a token",
            Some(Login::Basic(_)) => "user name and password",
            Some(Login::Exec(_) | Login::AuthProvider(_)) => "a credential plugin",
            None => "nothing",
        };
        Side::only(Standing::NotAsked(format!("logs in with {how}")))
    }
}

/// The side that stands best: one of the certificates that a server may present is enough.
pub(super) fn best(sides: impl Iterator<Item = Side>) -> Option<Side> {
    sides.reduce(|first, next| if next.standing == Standing::Trusted { next } else { first })
}

/// The side that stands worst; of those that stand, the one that ends first.
pub(super) fn worst(sides: impl Iterator<Item = Side>) -> Option<Side> {
    let rank = |side: &Side| match side.standing {
        Standing::Refused(_) => 0,
        Standing::RefusedByTarget(_) => 1,
        Standing::Unknown(_) => 2,
        Standing::Trusted | Standing::NotAsked(_) => 3,
    };
    sides.min_by_key(|side| (rank(side), side.until.is_none(), side.until))
}

/// The same handshake told twice (a kubeconfig and the file that it was linked from) is one; different ones of one name get numbers.
fn unique(handshakes: Vec<Handshake>) -> Vec<Handshake> {
    let mut seen = HashSet::new();
    let facts = |handshake: &Handshake| {
        let certificates = (handshake.client_side.certificate, handshake.server_side.certificate);
        (handshake.id(), certificates, handshake.state(), handshake.reasons())
    };
    handshakes.into_iter().filter(|handshake| seen.insert(facts(handshake))).collect()
}
