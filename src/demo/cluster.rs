//! The whole cluster, in memory: sound, or with the ailments that real clusters have.

use super::{Entry, kubeadm, objects};
use crate::mint::{Error, Identity, Pki, Recipe};
use crate::model::Code;
use std::net::Ipv4Addr;

/// The control-plane node's root, below the cluster's directory.
pub const NODE: &str = "node";
/// The user's kubeconfig.
pub const KUBECONFIG: &str = "home/.kube/config";
/// The Kubernetes objects.
pub const OBJECTS: &str = "objects.json";

/// Whether anything is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is.
    Sound,
    /// All of [`AILMENTS`].
    Ailing,
}

/// Where the node's servers listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The node's address.
    pub address: Ipv4Addr,
    /// The port of the API server.
    pub api_server: u16,
    /// The port of etcd.
    pub etcd: u16,
}

impl Default for Site {
    /// The ports that kubeadm gives, at an address that nobody dials.
    fn default() -> Self {
        Self { address: Ipv4Addr::new(10, 0, 0, 11), api_server: 6443, etcd: 2379 }
    }
}

/// Something wrong with the ailing cluster.
#[derive(Clone, Copy, Debug)]
pub struct Ailment {
    /// The finding code that tells.
    pub code: Code,
    /// What was done.
    pub what: &'static str,
}

/// Everything that is wrong with the ailing cluster, and nothing else is at or above warning.
pub const AILMENTS: &[Ailment] = &[
    Ailment {
        code: Code::Expired,
        what: "apiserver-etcd-client ended three days ago; so did Istio's self-signed root in istio-ca-secret",
    },
    Ailment { code: Code::Expiring, what: "admin.conf ends in twenty days" },
    Ailment { code: Code::KeyMismatch, what: "front-proxy-client.key belongs to another certificate" },
    Ailment { code: Code::KeyExposed, what: "sa.key can be read by everyone on the host" },
    Ailment { code: Code::KubeletConfEmbedded, what: "kubelet.conf carries a certificate beside kubelet-client-current.pem" },
    Ailment { code: Code::StaleCopy, what: "the user's kubeconfig is a copy of admin.conf from before its renewal" },
    Ailment { code: Code::BundleOrder, what: "the chain in Secret web/shop-tls has the intermediate first" },
    Ailment { code: Code::IstioLeafOutlivesCa, what: "workload certificates outlive Istio's root" },
];

/// Keys that are there already, by the path of their file below the cluster's directory, PKCS#8 in PEM. Fixtures have them, so that
/// their certificates come out byte for byte the same; the demo has none.
pub type KnownKeys<'k> = &'k dyn Fn(&str) -> Option<String>;

/// Every file of the cluster.
///
/// # Errors
/// A certificate cannot be made.
pub fn entries(pki: Pki, health: Health, site: Site, known: KnownKeys<'_>) -> Result<Vec<Entry>, Error> {
    let mut workshop = Workshop { pki, health, site, known, entries: Vec::new() };
    kubeadm::node(&mut workshop)?;
    objects::dump(&mut workshop)?;
    Ok(workshop.entries)
}

/// Where the files are made.
pub(super) struct Workshop<'k> {
    pub(super) pki: Pki,
    pub(super) health: Health,
    pub(super) site: Site,
    known: KnownKeys<'k>,
    pub(super) entries: Vec<Entry>,
}

impl Workshop<'_> {
    /// The value for the cluster's state.
    pub(super) fn either<T>(&self, sound: T, ailing: T) -> T {
        match self.health {
            Health::Sound => sound,
            Health::Ailing => ailing,
        }
    }

    /// Follows a recipe with the key that the path is known to have, else a fresh one.
    pub(super) fn make(&self, key_path: &str, recipe: Recipe, issuer: Option<&Identity>) -> Result<Identity, Error> {
        let recipe = match (self.known)(key_path) {
            Some(pem) => recipe.key_pem(&pem),
            None => recipe,
        };
        match issuer {
            Some(issuer) => recipe.issued_by(issuer),
            None => recipe.self_signed(),
        }
    }

    /// The same, written as `STEM.crt` and `STEM.key`.
    pub(super) fn pair(&mut self, stem: &str, recipe: Recipe, issuer: Option<&Identity>) -> Result<Identity, Error> {
        let key_path = format!("{stem}.key");
        let identity = self.make(&key_path, recipe, issuer)?;
        self.entries.push(Entry::open(format!("{stem}.crt"), identity.pem()));
        self.entries.push(Entry::secret(key_path, identity.key_pem().as_str()));
        Ok(identity)
    }
}
