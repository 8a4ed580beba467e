//! What was found, and where: the relation of *holding*.
//!
//! A [`Holding`] is one place (a file, a field of an object) with everything in it, in order. The same bytes at a thousand places are
//! decoded once and shared, so the memory of an inventory grows with what is different, plus a few dozen bytes a place.

use super::peer::Loopback;
use super::{
    Certificate, CertificateList, CertificationRequest, Defect, Distribution, ExtendedKeyUsage, Fact, Facts, GeneralName,
    Kubeconfig, Origin, OriginKind, Peer, PrivateKey, PublicKey, Role, SigningRequest, Slot,
};
use std::sync::Arc;
use time::OffsetDateTime;

/// One thing in a holding. Its index in the holding is `origins[].index` of the JSON output.
#[derive(Clone, Debug)]
pub enum Content {
    /// A certificate.
    Certificate(Arc<Certificate>),
    /// A private key.
    PrivateKey(Arc<PrivateKey>),
    /// A public key on its own.
    PublicKey(Arc<PublicKey>),
    /// A certification request.
    Request(Arc<CertificationRequest>),
    /// A certificate revocation list.
    Crl(Arc<CertificateList>),
    /// A credential that is no certificate.
    Credential(Arc<Credential>),
    /// Something that could not be read as it should be.
    Defect(Arc<Defect>),
}

/// A credential outside a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A JSON Web Token: what it says of itself in clear. Bound service account tokens end, legacy ones do not.
    Token {
        /// `exp`.
        expires: Option<OffsetDateTime>,
        /// `sub`.
        subject: Option<Box<str>>,
    },
    /// A bootstrap token (bootstrap.kubernetes.io/token).
    BootstrapToken {
        /// `token-id`: public by design, it names the Secret.
        id: Box<str>,
        /// `expiration`.
        expires: Option<OffsetDateTime>,
    },
}

/// One place and everything in it.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The place.
    pub origin: Origin,
    /// What is there, in order.
    pub contents: Arc<[Content]>,
}

impl Holding {
    /// The certificates with their index in the holding.
    pub fn certificates(&self) -> impl Iterator<Item = (usize, &Arc<Certificate>)> {
        self.contents.iter().enumerate().filter_map(|(index, content)| match content {
            Content::Certificate(certificate) => Some((index, certificate)),
            _ => None,
        })
    }

    /// The private keys.
    pub fn private_keys(&self) -> impl Iterator<Item = &PrivateKey> {
        self.contents.iter().filter_map(|content| match content {
            Content::PrivateKey(key) => Some(&**key),
            _ => None,
        })
    }

    /// Which PEM block or structure of several the thing with this index is, counted from 1; `None` where there is only one. Flaws
    /// between blocks are things in the holding, and no blocks.
    #[must_use]
    pub fn block(&self, index: usize) -> Option<usize> {
        let is_block = |content: &&Content| !matches!(content, Content::Defect(defect) if defect.kind.is_between_blocks());
        let several = self.contents.iter().filter(is_block).count() > 1;
        several.then(|| self.contents.iter().take(index.saturating_add(1)).filter(is_block).count())
    }

    /// Whether this is an API server's serving certificate: its role says so; or it has none, and is for servers and for the names that
    /// every distribution gives the API server's Service.
    #[must_use]
    pub fn is_api_server(&self) -> bool {
        let named_so = |certificate: &Certificate| {
            let has = |name: &str| certificate.sans.iter().any(|san| matches!(san, GeneralName::Dns(dns) if **dns == *name));
            !certificate.is_ca()
                && certificate.allows(&ExtendedKeyUsage::ServerAuth)
                && has("kubernetes")
                && has("kubernetes.default.svc")
        };
        if let Some(role) = self.origin.role {
            return role == Role::Apiserver && self.origin.slot == Slot::Credential;
        }
        let alone = matches!(self.origin.document.kind, OriginKind::File | OriginKind::Stdin | OriginKind::Peer);
        alone && self.origin.slot != Slot::Trust && self.certificates().next().is_some_and(|(_, first)| named_so(first))
    }

    /// The loopback certificate that a server presented.
    #[must_use]
    pub fn loopback(&self) -> Option<Loopback> {
        let (_, first) = self.certificates().next().filter(|_| self.origin.document.kind == OriginKind::Peer)?;
        Loopback::of(first)
    }

    /// The defects with their index in the holding.
    pub fn defects(&self) -> impl Iterator<Item = (usize, &Arc<Defect>)> {
        self.contents.iter().enumerate().filter_map(|(index, content)| match content {
            Content::Defect(defect) => Some((index, defect)),
            _ => None,
        })
    }
}

/// A host whose files were recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name (`--root NAME=DIR`), or `None` when only one was looked at.
    pub name: Option<Arc<str>>,
    /// The directory that was taken as its root, or the directory given.
    pub directory: Arc<str>,
    /// The layouts found there.
    pub layouts: Vec<Distribution>,
}

/// Everything that was gathered, in the order in which it was found.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Every place with something in it.
    pub holdings: Vec<Holding>,
    /// Every kubeconfig.
    pub kubeconfigs: Vec<Kubeconfig>,
    /// Every CertificateSigningRequest object.
    pub signing_requests: Vec<SigningRequest>,
    /// Every host with a known layout.
    pub hosts: Vec<Host>,
    /// Every conversation with a server.
    pub peers: Vec<Peer>,
    /// What was said of the cluster besides certificates.
    pub facts: Facts,
    /// Files and objects looked at, with or without anything in them.
    pub examined: u64,
}

/// Takes what is found as it is found, so that a report can be written while reading goes on.
pub trait Collect {
    /// A place with something in it. A kubeconfig's holdings come before the kubeconfig itself.
    fn holding(&mut self, holding: Holding);
    /// A kubeconfig.
    fn kubeconfig(&mut self, kubeconfig: Kubeconfig);
    /// A CertificateSigningRequest.
    fn signing_request(&mut self, request: SigningRequest);
    /// A host with a known layout.
    fn host(&mut self, host: Host);
    /// A conversation with a server; the holding with what it presented comes before it.
    fn peer(&mut self, peer: Peer);
    /// Something else that was said of the cluster.
    fn fact(&mut self, fact: Fact);
    /// So many more files or objects were looked at.
    fn examined(&mut self, count: u64);
}

impl Collect for Inventory {
    fn holding(&mut self, holding: Holding) {
        self.holdings.push(holding);
    }

    fn kubeconfig(&mut self, kubeconfig: Kubeconfig) {
        self.kubeconfigs.push(kubeconfig);
    }

    fn signing_request(&mut self, request: SigningRequest) {
        self.signing_requests.push(request);
    }

    fn host(&mut self, host: Host) {
        self.hosts.push(host);
    }

    fn peer(&mut self, peer: Peer) {
        self.peers.push(peer);
    }

    fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    fn examined(&mut self, count: u64) {
        self.examined += count;
    }
}

impl Inventory {
    /// Puts what servers presented and said into the order of their endpoints: it comes in the order in which they answer. Addresses of
    /// one endpoint stay as they were resolved.
    pub fn sort_peers(&mut self) {
        let key = |origin: &Origin| Arc::clone(&origin.document.source);
        self.peers.sort_by_cached_key(|peer| key(&peer.origin));
        self.holdings
            .sort_by_cached_key(|holding| (holding.origin.document.kind == OriginKind::Peer).then(|| key(&holding.origin)));
    }

    /// Hands everything to another collector, in order: how a worker's part joins the whole.
    pub fn drain_into(self, out: &mut dyn Collect) {
        self.hosts.into_iter().for_each(|host| out.host(host));
        self.holdings.into_iter().for_each(|holding| out.holding(holding));
        self.kubeconfigs.into_iter().for_each(|kubeconfig| out.kubeconfig(kubeconfig));
        self.signing_requests.into_iter().for_each(|request| out.signing_request(request));
        self.peers.into_iter().for_each(|peer| out.peer(peer));
        self.facts.into_facts().for_each(|fact| out.fact(fact));
        out.examined(self.examined);
    }
}
