//! What comes of the lists: passed on, counted, and looked at for whom the API server calls.

use crate::model::inventory::Host;
use crate::model::{Call, Collect, DefectKind, Destination, Fact, Holding, Kubeconfig, OriginKind, Peer, SigningRequest};
use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Namespaces in which Services are looked up. Clusters have a dozen that are called; a hostile one may name as many as it has objects.
const MOST_CALLED: usize = 256;

/// Passes on what is found, counts objects (a page of a list is none), and notes whose Services are called.
pub(super) struct Objects<'o> {
    out: &'o mut dyn Collect,
    seen: u64,
    list: List,
    /// Whether the page under way broke off: that its text has no end says nothing more then.
    cut: Arc<AtomicBool>,
    called: BTreeSet<Box<str>>,
}

/// Whether the next thing counted is the page itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Begins,
    Ended,
}

impl<'o> Objects<'o> {
    /// Passes on to `out`.
    pub(super) fn new(out: &'o mut dyn Collect) -> Self {
        Self { out, seen: 0, list: List::Ended, cut: Arc::default(), called: BTreeSet::new() }
    }

    /// Objects so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// The namespaces of the Services that are called.
    pub(super) fn called(&mut self) -> Vec<Box<str>> {
        mem::take(&mut self.called).into_iter().collect()
    }

    /// A page begins.
    pub(super) fn page(&mut self, cut: Arc<AtomicBool>) {
        (self.list, self.cut) = (List::Begins, cut);
    }

    fn is_of_the_cut(&self, holding: &Holding) -> bool {
        self.cut.load(Ordering::Relaxed)
            && holding.origin.document.kind == OriginKind::Peer
            && holding.defects().any(|(_, defect)| matches!(defect.kind, DefectKind::Json(_) | DefectKind::Empty))
    }
}

impl Collect for Objects<'_> {
    fn holding(&mut self, holding: Holding) {
        if !self.is_of_the_cut(&holding) {
            self.out.holding(holding);
        }
    }

    fn kubeconfig(&mut self, kubeconfig: Kubeconfig) {
        self.out.kubeconfig(kubeconfig);
    }

    fn signing_request(&mut self, request: SigningRequest) {
        self.out.signing_request(request);
    }

    fn host(&mut self, host: Host) {
        self.out.host(host);
    }

    fn peer(&mut self, peer: Peer) {
        self.out.peer(peer);
    }

    fn fact(&mut self, fact: Fact) {
        // Nobody looks at what is served to who does not verify it.
        if let Fact::Call(Call { to: Destination::Service { namespace, .. }, skips_verification: false, .. }) = &fact
            && self.called.len() < MOST_CALLED
            && is_label(namespace)
        {
            self.called.insert(namespace.clone());
        }
        self.out.fact(fact);
    }

    fn examined(&mut self, count: u64) {
        let page = u64::from(self.list == List::Begins && count > 0);
        if page > 0 {
            self.list = List::Ended;
        }
        let objects = count.saturating_sub(page);
        self.seen = self.seen.saturating_add(objects);
        self.out.examined(objects);
    }
}

/// Whether a namespace can be called so (RFC 1123 section 2.1): anything else would lead somewhere else in the path of a question.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner)
}
