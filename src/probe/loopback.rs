//! Where the API server's loopback certificate may be served.

use super::conversation::Outcome;
use super::dial::{Dial, Request, Sni, VERSION};
use super::{Client, Endpoint};
use crate::model::DefectKind;
use crate::model::defect::Phase;
use crate::model::peer::LOOPBACK_NAME;
use memchr::memmem;
use std::sync::Arc;

/// The port that API servers listen on unless told otherwise.
pub const PORT: u16 = 6443;

/// Other ports that API servers are found on: MicroK8s, minikube and Docker Desktop, k3s' own API server behind its supervisor, Huawei
/// CCE, managed clusters.
pub const OTHER_PORTS: &[u16] = &[16443, 8443, 6444, 5443, 5444, 443];

impl Dial {
    /// Asks for the loopback certificate.
    #[must_use]
    pub fn loopback(endpoint: Endpoint) -> Self {
        Self { server_name: Sni::Name(LOOPBACK_NAME.into()), ..Self::new(endpoint) }
    }

    /// Asks for the loopback certificate at a host of which no port is known: where nothing listens, or something else answers, at the
    /// others of [`OTHER_PORTS`] too.
    #[must_use]
    pub fn loopback_search(endpoint: Endpoint) -> Self {
        Self { other_ports: OTHER_PORTS, ..Self::loopback(endpoint) }
    }

    /// Asks an API server for its version, as a client. `base` is the path of its URL, such as `/k8s/clusters/c-1` behind Rancher.
    #[must_use]
    pub fn api_server(endpoint: Endpoint, base: &str, client: Client) -> Self {
        let request = Request::Get(format!("{}{VERSION}", base.trim_end_matches('/')).into());
        Self { client: Some(Arc::new(client)), request, ..Self::new(endpoint) }
    }
}

/// Whether the loopback certificate came: it is the one whose subject begins so (kubernetes/apiserver,
/// pkg/server/options/serving_with_loopback.go).
pub(super) fn is_served(outcome: &Outcome) -> bool {
    const SUBJECT: &[u8] = b"apiserver-loopback-client@";
    outcome.chain.first().is_some_and(|leaf| memmem::find(leaf, SUBJECT).is_some())
}

/// Whether the host answered, and not with that: who does not answer at all would be waited for again at every port.
pub(super) fn is_worth_another_port(outcome: &Outcome) -> bool {
    let refused = matches!(&outcome.defect, Some(DefectKind::Unreachable { phase: Phase::Connect, reason }) if &**reason == "connection refused");
    !is_served(outcome) && (refused || outcome.session.is_some() || matches!(outcome.defect, Some(DefectKind::NotTls(_))))
}
