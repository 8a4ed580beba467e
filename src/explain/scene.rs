//! Who spoke with whom: three tables over words, places and ports. What no row knows stays unknown.

use super::kind::Kind;
use super::words::Present;
use crate::model::{Participant, Party};

/// One end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// Who began it.
    Client,
    /// Who answered.
    Server,
}

impl End {
    /// The word of the JSON output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A turn of phrase that tells the scene.
struct Scene {
    words: &'static [&'static str],
    client: Option<Party>,
    server: Option<Party>,
    /// Which end wrote the line.
    writer: Option<End>,
}

const fn scene(words: &'static [&'static str], client: Option<Party>, server: Option<Party>, writer: End) -> Scene {
    Scene { words, client, server, writer: Some(writer) }
}

/// Phrases, the most telling first. Sources: apiserver pkg/admission/plugin/webhook/errors, pkg/authentication/request/x509,
/// kube-aggregator pkg/controllers/status, etcd embed/config_logging.go, Go net/http/server.go, cluster-bootstrap, istio security/pkg.
const SCENES: &[Scene] = &[
    scene(
        &["failed calling webhook", "failed calling admission webhook"],
        Some(Party::Apiserver),
        Some(Party::Webhook),
        End::Client,
    ),
    scene(&["conversion webhook for"], Some(Party::Apiserver), Some(Party::ConversionWebhook), End::Client),
    scene(&["failing or missing response from"], Some(Party::Apiserver), Some(Party::ExtensionServer), End::Client),
    scene(&["unable to authenticate the request"], None, Some(Party::Apiserver), End::Server),
    scene(
        &[":10250/containerlogs", ":10250/exec", ":10250/attach", ":10250/portforward", ":10250/run"],
        Some(Party::Apiserver),
        Some(Party::Kubelet),
        End::Client,
    ),
    scene(&[":10250/"], None, Some(Party::Kubelet), End::Client),
    scene(&["no serving certificate available for the kubelet"], None, Some(Party::Kubelet), End::Server),
    scene(&["cluster-info", "jws", "are pinned"], Some(Party::JoiningNode), Some(Party::Apiserver), End::Client),
    scene(&["rejected connection"], None, Some(Party::Etcd), End::Server),
    scene(&[":2380"], Some(Party::Etcd), Some(Party::Etcd), End::Client),
    scene(&[":2379"], None, Some(Party::Etcd), End::Client),
    scene(&["tls handshake error from", "failed to verify client"], None, None, End::Server),
    scene(
        &["existing bootstrap client certificate", "bootstrap-kubelet.conf"],
        Some(Party::Kubelet),
        Some(Party::Apiserver),
        End::Client,
    ),
    scene(
        &["istiod.istio-system.svc:15012", "xds-grpc", "istiod.istio-system.svc:15010"],
        Some(Party::Sidecar),
        Some(Party::Istiod),
        End::Client,
    ),
    scene(&["upstream connect error", "transport failure reason"], Some(Party::Sidecar), None, End::Client),
    scene(
        &["unable to connect to the server", "you must be logged in to the server"],
        Some(Party::User),
        Some(Party::Apiserver),
        End::Client,
    ),
    scene(&["kubernetes cluster unreachable"], Some(Party::User), Some(Party::Apiserver), End::Client),
    scene(
        &[
            "curl: (",
            "verify error:num",
            "verify return code",
            "pkix path",
            "error trying to connect",
            "client error (connect)",
            "ssl certificate problem",
            "error response from daemon",
            "statem_clnt",
            "server_certificate",
            "_ssl.c",
        ],
        None,
        None,
        End::Client,
    ),
    scene(
        &[
            "get \"https://",
            "get \\\"https://",
            "get https://",
            "post \"https://",
            "post \\\"https://",
            "post https://",
            "put \"https://",
            "patch \"https://",
            "delete \"https://",
            "dial tcp",
            "failed to dial",
        ],
        None,
        None,
        End::Client,
    ),
];

/// Programs by what they are called in their own logs, or in those of what runs them.
const WRITERS: &[(&[&str], Party)] = &[
    (&["system:kube-controller-manager", "kube-controller-manager", "controllermanager"], Party::ControllerManager),
    (&["system:kube-scheduler", "kube-scheduler"], Party::Scheduler),
    (&["cloud-controller-manager"], Party::CloudControllerManager),
    (&["kube-proxy["], Party::KubeProxy),
    (
        &[
            "kubelet[",
            "kubelet.go",
            "kubelet_node_status",
            "certificate_manager.go",
            "csi_plugin.go",
            "bootstrap.go",
            "failed to run kubelet",
        ],
        Party::Kubelet,
    ),
    (&["kube-apiserver"], Party::Apiserver),
    (&["etcd[", "etcdserver", "etcdmain", "embed:", "rafthttp"], Party::Etcd),
    (&["citadel", "istiod ca", "pilot-discovery"], Party::Istiod),
    (&["envoy ", "openssl_internal"], Party::Sidecar),
];

/// Ports and paths that tell the server.
const SERVERS: &[(&[&str], Party)] = &[
    (&[":6443", "/api/v1", "/apis/", "kubernetes.default", ":443/api", "/version?timeout", "/healthz"], Party::Apiserver),
    (&[":15012", "istiod."], Party::Istiod),
];

/// Kinds that tell the ends by themselves.
const TOLD: &[(&str, Option<Party>, Party)] = &[
    ("loopback-expired", Some(Party::Apiserver), Party::Apiserver),
    ("istio-ca-invalid", None, Party::Istiod),
    ("istio-ca-cannot-sign", None, Party::Istiod),
];

/// Every word of the tables.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    let scenes = SCENES.iter().flat_map(|scene| scene.words);
    let programs = WRITERS.iter().chain(SERVERS).flat_map(|(words, _)| words.iter());
    scenes.chain(programs).copied()
}

/// The ends, as far as the text tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// Who began.
    pub(super) client: Option<Participant>,
    /// Who answered.
    pub(super) server: Option<Participant>,
    /// Which of them wrote the line.
    pub(super) writer: Option<End>,
}

/// The ends of the handshake that a line of this kind with these words is about.
pub(super) fn ends(kind: &Kind, present: &Present<'_>) -> Ends {
    if let Some((_, client, server)) = TOLD.iter().find(|(id, _, _)| *id == kind.id) {
        return Ends { client: client.map(Participant::of), server: Some(Participant::of(*server)), writer: Some(End::Client) };
    }
    let scene = SCENES.iter().find(|scene| present.any(scene.words));
    let writer = scene.and_then(|scene| scene.writer);
    let program = first(WRITERS, present);
    let mut client = scene.and_then(|scene| scene.client);
    let mut server = scene.and_then(|scene| scene.server);
    match writer {
        Some(End::Server) => server = server.or(program),
        Some(End::Client) | None => {
            server = server.or_else(|| first(SERVERS, present));
            client = client.or_else(|| program.filter(|program| server != Some(*program)));
        }
    }
    Ends { client: client.map(Participant::of), server: server.map(Participant::of), writer }
}

fn first(table: &[(&[&str], Party)], present: &Present<'_>) -> Option<Party> {
    table.iter().find(|(words, _)| present.any(words)).map(|(_, party)| *party)
}
