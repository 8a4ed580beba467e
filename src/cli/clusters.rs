//! Several clusters in one run. Each is judged by itself, for nobody in one dials or trusts anybody in another; then what was found is put
//! together, with the name of its context where hosts have theirs.

use super::args::Output;
use super::progress::Progress;
use crate::audit::Audit;
use crate::decode::Decoder;
use crate::gather::cluster::{Cluster, Selection};
use crate::model::inventory::Host;
use crate::model::{
    Collect, Document, Fact, Handshake, Holding, Inventory, Kubeconfig, Origin, Participant, Peer, SigningRequest,
};
use crate::report::Look;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Clusters that are read at the same time: they wait for their servers most of the time.
const AT_ONCE: usize = 8;

/// How clusters are read.
pub(super) struct Reader<'r> {
    pub(super) decoder: &'r Decoder,
    pub(super) look: &'r Look,
    pub(super) output: Output,
}

impl Reader<'_> {
    /// Reads one cluster.
    pub(super) fn one(&self, cluster: Cluster, selection: &Selection, out: &mut dyn Collect) {
        let mut progress = Progress::open(self.look, self.output);
        cluster.read(selection, self.decoder, out, &mut |now| progress.objects(now.context, now.resource, now.objects));
        progress.end();
    }

    /// Reads several, each on its own, and tells their names.
    pub(super) fn all(&self, clusters: Vec<Cluster>, selection: &Selection) -> Vec<(Arc<str>, Inventory)> {
        let progress = Mutex::new(Progress::open(self.look, self.output));
        let read = |cluster: Cluster| {
            let (name, mut found) = (Arc::clone(cluster.context()), Inventory::default());
            cluster.read(selection, self.decoder, &mut found, &mut |now| {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                progress.objects(now.context, now.resource, now.objects);
            });
            (name, found)
        };
        let (mut all, mut waiting) = (Vec::new(), clusters.into_iter());
        loop {
            let next: Vec<Cluster> = waiting.by_ref().take(AT_ONCE).collect();
            if next.is_empty() {
                break;
            }
            thread::scope(|scope| {
                let reading: Vec<_> = next.into_iter().map(|cluster| scope.spawn(|| read(cluster))).collect();
                all.extend(reading.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic))));
            });
        }
        progress.lock().unwrap_or_else(PoisonError::into_inner).end();
        all
    }
}

/// Writes a cluster's name on everything of it. The same document stays the same one.
pub(super) struct Label {
    name: Arc<str>,
    /// Old documents by where they are in memory, kept so that nothing else gets there, and new ones.
    documents: HashMap<usize, (Arc<Document>, Arc<Document>)>,
}

impl Label {
    /// The label of a cluster.
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, documents: HashMap::new() }
    }

    fn document(&mut self, old: &Arc<Document>) -> Arc<Document> {
        let name = &self.name;
        let (_, new) = self.documents.entry(Arc::as_ptr(old).addr()).or_insert_with(|| {
            let new = Document { host: Some(Arc::clone(name)), ..Document::clone(old) };
            (Arc::clone(old), Arc::new(new))
        });
        Arc::clone(new)
    }

    fn origin(&mut self, origin: &mut Origin) {
        origin.document = self.document(&origin.document);
    }

    fn participant(&self, participant: &mut Participant) {
        participant.host = Some(Arc::clone(&self.name));
    }

    /// Writes it on what was found out about the cluster.
    pub(super) fn audit(&mut self, mut audit: Audit) -> Audit {
        let mut ids = HashMap::new();
        for handshake in &mut audit.handshakes {
            let old = handshake.id();
            self.handshake(handshake);
            ids.insert(old, handshake.id());
        }
        for finding in &mut audit.findings {
            finding.origins.iter_mut().for_each(|(origin, _)| self.origin(origin));
            for id in &mut finding.handshakes {
                if let Some(new) = ids.get(id) {
                    id.clone_from(new);
                }
            }
        }
        audit
    }

    fn handshake(&mut self, handshake: &mut Handshake) {
        self.participant(&mut handshake.client);
        self.participant(&mut handshake.server);
        for side in [&mut handshake.client_side, &mut handshake.server_side] {
            side.origin.iter_mut().chain(&mut side.believes).for_each(|origin| self.origin(origin));
        }
    }
}

/// Passes on what is found, with a label.
pub(super) struct Labelled<'a> {
    /// The label.
    pub(super) label: &'a mut Label,
    /// Who gets it.
    pub(super) out: &'a mut dyn Collect,
}

impl Collect for Labelled<'_> {
    fn holding(&mut self, mut holding: Holding) {
        self.label.origin(&mut holding.origin);
        self.out.holding(holding);
    }

    fn kubeconfig(&mut self, mut kubeconfig: Kubeconfig) {
        kubeconfig.document = self.label.document(&kubeconfig.document);
        self.out.kubeconfig(kubeconfig);
    }

    fn signing_request(&mut self, mut request: SigningRequest) {
        request.document = self.label.document(&request.document);
        self.out.signing_request(request);
    }

    fn host(&mut self, host: Host) {
        self.out.host(host);
    }

    fn peer(&mut self, mut peer: Peer) {
        self.label.origin(&mut peer.origin);
        self.out.peer(peer);
    }

    fn fact(&mut self, mut fact: Fact) {
        let document = match &mut fact {
            Fact::Call(call) => Some(&mut call.document),
            Fact::Discovery(discovery) => Some(&mut discovery.document),
            Fact::BootstrapToken(token) => Some(&mut token.document),
            Fact::FrontProxy(front_proxy) => Some(&mut front_proxy.document),
            Fact::Mesh(mesh) => Some(&mut mesh.document),
            Fact::Managed(managed) => Some(&mut managed.document),
            Fact::Component(_)
            | Fact::Binding(_)
            | Fact::Version(_)
            | Fact::Service(_)
            | Fact::EndpointSlice(_)
            | Fact::Node(_)
            | Fact::Listed(_) => None,
        };
        if let Some(document) = document {
            *document = self.label.document(document);
        }
        self.out.fact(fact);
    }

    fn examined(&mut self, count: u64) {
        self.out.examined(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OriginKind, Slot};

    #[test]
    fn what_shared_a_document_shares_its_labelled_one() {
        let document = Arc::new(Document::new(OriginKind::Secret, "ns/s"));
        let origin = |field: &str| Origin { document: Arc::clone(&document), field: field.into(), role: None, slot: Slot::Key };
        let (mut label, mut found) = (Label::new("prod".into()), Inventory::default());
        let mut labelled = Labelled { label: &mut label, out: &mut found };
        for field in ["a", "b"] {
            labelled.holding(Holding { origin: origin(field), contents: Arc::from([]) });
        }
        let [first, second] = &found.holdings[..] else { panic!() };
        assert_eq!(first.origin.document.host.as_deref(), Some("prod"));
        assert!(Arc::ptr_eq(&first.origin.document, &second.origin.document));
        assert_eq!(document.host, None, "the one that was judged");
    }
}
