//! Who talks to whom in a cluster, and whether they still believe each other: the relation of *trust*.
//!
//! A [`Handshake`] is one TLS conversation of the cluster, with what the one end makes of the other's certificate. Which there are is the
//! table `audit::handshakes::HANDSHAKES`; nothing here judges.

use super::{Code, Origin, Sha256};
use std::fmt;
use std::sync::Arc;
use time::OffsetDateTime;

/// A program, or a person, at one end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Who uses `admin.conf`.
    Admin,
    /// Who uses `super-admin.conf`.
    SuperAdmin,
    /// Who uses another kubeconfig.
    User,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// A cloud controller manager.
    CloudControllerManager,
    /// The kubelet.
    Kubelet,
    /// The kubelet before it has a certificate of its own.
    BootstrapKubelet,
    /// kube-proxy.
    KubeProxy,
    /// The supervisor of k3s and RKE2.
    Supervisor,
    /// kube-apiserver.
    Apiserver,
    /// etcd.
    Etcd,
    /// An API server behind the aggregation layer (an APIService).
    ExtensionServer,
    /// An admission webhook.
    Webhook,
    /// A conversion webhook of a CustomResourceDefinition.
    ConversionWebhook,
    /// A node that joins by cluster-info and a bootstrap token.
    JoiningNode,
    /// A pod with a service account.
    Workload,
    /// Istio's control plane, which signs for workloads.
    Istiod,
    /// Envoy beside a workload.
    Sidecar,
    /// Envoy at the mesh's edge.
    IngressGateway,
}

impl Party {
    /// The name of the program, or the word for the person: that of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::SuperAdmin => "super-admin",
            Self::User => "user",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::CloudControllerManager => "cloud-controller-manager",
            Self::Kubelet => "kubelet",
            Self::BootstrapKubelet => "bootstrap-kubelet",
            Self::KubeProxy => "kube-proxy",
            Self::Supervisor => "supervisor",
            Self::Apiserver => "kube-apiserver",
            Self::Etcd => "etcd",
            Self::ExtensionServer => "extension-server",
            Self::Webhook => "webhook",
            Self::ConversionWebhook => "conversion-webhook",
            Self::JoiningNode => "joining-node",
            Self::Workload => "workload",
            Self::Istiod => "istiod",
            Self::Sidecar => "sidecar",
            Self::IngressGateway => "ingress-gateway",
        }
    }
}

/// One of the two ends: which program, which of several, on which host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Participant {
    /// The program.
    pub party: Party,
    /// Which one, where there are several of its kind: the webhook's name, the context of a kubeconfig.
    pub name: Option<Arc<str>>,
    /// The host, where several are looked at.
    pub host: Option<Arc<str>>,
}

impl Participant {
    /// The only one of its kind.
    #[must_use]
    pub fn of(party: Party) -> Self {
        Self { party, name: None, host: None }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The same on a host.
    #[must_use]
    pub fn on(self, host: Option<&str>) -> Self {
        Self { host: host.map(Arc::from), ..self }
    }
}

impl fmt::Display for Participant {
    /// `kubelet`, `webhook policy.example.com`; the host is said once for both ends, see [`Handshake::id`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.party.as_str())?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// What speaks against one end of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The finding code that names it.
    pub code: Code,
    /// The certificate at fault, which need not be the one presented: a CA above it may have ended.
    pub certificate: Option<Sha256>,
    /// The facts, in words.
    pub message: String,
    /// Since when, where it is a date that made it so.
    pub since: Option<OffsetDateTime>,
}

/// What the other end makes of what one end presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is trusted.
    Trusted,
    /// Nobody looks: why.
    NotAsked(String),
    /// It is refused.
    Refused(Vec<Fault>),
    /// It is trusted now and refused by the version that is upgraded to.
    RefusedByTarget(Vec<Fault>),
    /// It cannot be told: what is missing.
    Unknown(String),
}

/// One end of a handshake: what it presents, and what the other end makes of it.
#[derive(Clone, Debug)]
pub struct Side {
    /// What the other end makes of it.
    pub standing: Standing,
    /// The certificate presented.
    pub certificate: Option<Sha256>,
    /// Where it stands.
    pub origin: Option<Origin>,
    /// The first end of a certificate on its best path: how long this side holds.
    pub until: Option<OffsetDateTime>,
    /// The program that judges: `Kubernetes 1.32, Go 1.23.3`, `Envoy`.
    pub judge: Option<String>,
    /// The names that it must be valid for.
    pub names: Vec<String>,
    /// Where what the other end believes stands.
    pub believes: Vec<Origin>,
}

impl Side {
    /// A side of which nothing but this is known.
    #[must_use]
    pub fn only(standing: Standing) -> Self {
        Self { standing, certificate: None, origin: None, until: None, judge: None, names: Vec::new(), believes: Vec::new() }
    }

    /// What speaks against it, now or by the target.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match &self.standing {
            Standing::Refused(faults) | Standing::RefusedByTarget(faults) => faults,
            _ => &[],
        }
    }
}

/// Whether a handshake comes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Both ends trust each other.
    Ok,
    /// Something that was not looked at decides it.
    Unknown,
    /// One end refuses the other, now or under the target version.
    Broken,
}

impl State {
    /// The word of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Broken => "broken",
        }
    }
}

/// One TLS conversation of the cluster, judged.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Who begins it.
    pub client: Participant,
    /// Who answers.
    pub server: Participant,
    /// What the server makes of the client.
    pub client_side: Side,
    /// What the client makes of the server.
    pub server_side: Side,
}

impl Handshake {
    /// Its name, the same from run to run: `kubelet→kube-apiserver`, with the hosts in parentheses where there are several.
    #[must_use]
    pub fn id(&self) -> String {
        let hosts = match (&self.client.host, &self.server.host) {
            (None, None) => String::new(),
            (Some(host), None) | (None, Some(host)) => format!(" ({host})"),
            (Some(client), Some(server)) if client == server => format!(" ({client})"),
            (Some(client), Some(server)) => format!(" ({client}→{server})"),
        };
        format!("{}→{}{hosts}", self.client, self.server)
    }

    /// Whether it comes off.
    #[must_use]
    pub fn state(&self) -> State {
        let of = |side: &Side| match side.standing {
            Standing::Trusted | Standing::NotAsked(_) => State::Ok,
            Standing::Unknown(_) => State::Unknown,
            Standing::Refused(_) | Standing::RefusedByTarget(_) => State::Broken,
        };
        of(&self.client_side).max(of(&self.server_side))
    }

    /// Whether it is broken by nothing but the version that is upgraded to.
    #[must_use]
    pub fn breaks_by_target(&self) -> bool {
        let sides = [&self.client_side, &self.server_side];
        sides.iter().any(|side| matches!(side.standing, Standing::RefusedByTarget(_)))
            && !sides.iter().any(|side| matches!(side.standing, Standing::Refused(_)))
    }

    /// When it breaks, by a date: the first end on either side's best path. Of one that is broken, when it broke, if a date did it.
    #[must_use]
    pub fn breaks_at(&self) -> Option<OffsetDateTime> {
        if self.state() == State::Broken {
            return self.faults().filter_map(|fault| fault.since).min();
        }
        [&self.client_side, &self.server_side].into_iter().filter_map(|side| side.until).min()
    }

    /// What speaks against either end.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.client_side.faults().iter().chain(self.server_side.faults())
    }

    /// The codes of the faults, each once.
    #[must_use]
    pub fn reasons(&self) -> Vec<Code> {
        let mut codes = Vec::new();
        for fault in self.faults().filter(|_| self.state() == State::Broken) {
            if !codes.contains(&fault.code) {
                codes.push(fault.code);
            }
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn handshake(client: Standing, server: Standing) -> Handshake {
        Handshake {
            client: Participant::of(Party::Kubelet),
            server: Participant::of(Party::Apiserver),
            client_side: Side::only(client),
            server_side: Side::only(server),
        }
    }

    fn fault(code: Code) -> Fault {
        Fault { code, certificate: None, message: String::new(), since: None }
    }

    #[test]
    fn the_worse_side_decides() {
        let not_asked = || Standing::NotAsked(String::new());
        let unknown = || Standing::Unknown(String::new());
        let refused = || Standing::Refused(vec![fault(Code::Expired), fault(Code::Expired)]);
        assert_eq!(handshake(Standing::Trusted, not_asked()).state(), State::Ok);
        assert_eq!(handshake(Standing::Trusted, unknown()).state(), State::Unknown);
        let broken = handshake(refused(), unknown());
        assert_eq!((broken.state(), broken.reasons()), (State::Broken, vec![Code::Expired]));
        let target = Standing::RefusedByTarget(vec![fault(Code::RejectedByTarget)]);
        assert!(handshake(target.clone(), Standing::Trusted).breaks_by_target());
        assert!(!handshake(target, refused()).breaks_by_target());
    }

    #[test]
    fn the_first_end_counts() {
        let mut both = handshake(Standing::Trusted, Standing::Trusted);
        both.client_side.until = Some(datetime!(2027-01-01 0:00 UTC));
        both.server_side.until = Some(datetime!(2026-12-01 0:00 UTC));
        assert_eq!(both.breaks_at(), both.server_side.until);
        both.client_side.standing = Standing::Refused(vec![fault(Code::NameMismatch)]);
        assert_eq!(both.breaks_at(), None, "no date did it");
    }

    #[test]
    fn names_tell_hosts_apart() {
        let mut one = handshake(Standing::Trusted, Standing::Trusted);
        assert_eq!(one.id(), "kubelet→kube-apiserver");
        one.client = one.client.on(Some("w1"));
        one.server = one.server.on(Some("cp-1"));
        assert_eq!(one.id(), "kubelet→kube-apiserver (w1→cp-1)");
        one.client = one.client.on(Some("cp-1"));
        assert_eq!(one.id(), "kubelet→kube-apiserver (cp-1)");
        one.server = Participant::of(Party::Webhook).named("a.b");
        assert_eq!(one.id(), "kubelet→webhook a.b (cp-1)");
    }
}
