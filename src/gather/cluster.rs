//! The API of a cluster: every kind of object that holds certificates or tells who believes whom, listed page by page.
//!
//! Rules. A page goes to the decoder as it comes off the wire, as a dump in a file would: there is one way of reading objects, and no more
//! of a list is in memory than the decoder's windows. Nothing is asked but lists (GET). A list that may not be read, that fails or that
//! ends early is a defect at its place, and the others are read all the same.
//!
//! ```text
//! Login ── client ── Cluster::read ── resources   what is listed, where, and what is left out
//!          (kube)         └── list ── page        pages, retries, refusals | where the next page is
//!                               └── decode::source
//! ```

mod client;
mod list;
mod page;
mod resources;
#[cfg(test)]
mod tests;

pub use client::{Kubeconfigs, Login, NoCluster};

use crate::decode::{Decoder, Expectation, Place, source};
use crate::model::inventory::Host;
use crate::model::{
    Collect, Content, Defect, DefectKind, Document, Fact, Holding, Kubeconfig, Origin, OriginKind, Peer, SigningRequest, Slot,
};
use client::{Access, Client};
use list::{Ask, End, Lister};
use resources::{RESOURCES, Resource};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Which objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// Those of these namespaces; nothing that belongs to none.
    Namespaces(Vec<String>),
}

/// Which objects of a cluster are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Of which namespaces.
    pub scope: Scope,
    /// A label selector that they have to meet, as kubectl takes it.
    pub labels: Option<String>,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'p> {
    /// The cluster, by the name of its context.
    pub context: &'p str,
    /// What is listed: `secrets`.
    pub resource: &'static str,
    /// The objects of the cluster so far.
    pub objects: u64,
}

/// A cluster that can be asked; nobody has dialled it yet.
#[derive(Debug)]
pub struct Cluster {
    context: Arc<str>,
    access: Access,
    timeout: Duration,
}

impl Cluster {
    /// The cluster that a kubeconfig's context leads to.
    ///
    /// # Errors
    /// A kubeconfig that is absent or cannot be read, a context that leads nowhere.
    pub fn of(login: &Login<'_>) -> Result<Self, NoCluster> {
        let (context, access) = client::access(login)?;
        Ok(Self { context, access, timeout: login.timeout })
    }

    /// The name of its context.
    #[must_use]
    pub fn context(&self) -> &Arc<str> {
        &self.context
    }

    /// Reads what is selected and hands it to `out`. What cannot be read is a defect there. Keystores in it are opened by passwords in it,
    /// wherever those are listed, and by nothing that was read elsewhere.
    pub fn read(self, selection: &Selection, decoder: &Decoder, out: &mut dyn Collect, step: &mut dyn FnMut(&Progress<'_>)) {
        let server = Document::new(OriginKind::Peer, self.access.server());
        let reading = Reading { context: &self.context, server: &server, timeout: self.timeout, decoder, out, step };
        match Client::open(self.access, self.timeout) {
            Ok(mut client) => reading.run(selection, &mut client),
            Err(defect) => reading.out.holding(holding(&server, "", defect)),
        }
    }
}

/// One cluster being read.
struct Reading<'r> {
    context: &'r str,
    server: &'r Document,
    timeout: Duration,
    decoder: &'r Decoder,
    out: &'r mut dyn Collect,
    step: &'r mut dyn FnMut(&Progress<'_>),
}

impl Reading<'_> {
    fn run(self, selection: &Selection, ask: &mut dyn Ask) {
        let Reading { context, server, timeout, decoder, out, step } = self;
        let decoder = decoder.apart();
        Reading { context, server, timeout, decoder: &decoder, out: &mut *out, step }.lists(selection, ask);
        source::finish(&decoder, out);
    }

    fn lists(self, selection: &Selection, ask: &mut dyn Ask) {
        let place = Place { document: self.server.clone(), role: None, slot: Slot::Unknown, expectation: Expectation::Named };
        let mut objects = Objects { out: self.out, seen: 0, list: List::Ended, cut: Arc::default() };
        // A server that knows nothing of what is asked has not said yet what it makes of other questions.
        let (mut answered, mut heard_out, mut lost) = (false, false, None);
        for resource in RESOURCES.iter().filter(|resource| resource.is_in(&selection.scope)) {
            // Who is no longer known will not be for the rest either.
            if let Some(defect) = &lost {
                objects.out.holding(holding(self.server, resource.shown, Clone::clone(defect)));
                continue;
            }
            let mut refused = Vec::new();
            for namespace in resource.namespaces(&selection.scope) {
                let labels = resource.labels(selection.labels.as_deref());
                let mut report = |objects: u64| {
                    (self.step)(&Progress { context: self.context, resource: resource.shown, objects });
                };
                let lister =
                    Lister { resource, namespace, labels: &labels, decoder: self.decoder, place: &place, timeout: self.timeout };
                match lister.read(ask, &mut objects, &mut report) {
                    End::Absent => answered = true,
                    End::Read => (answered, heard_out) = (true, true),
                    End::Forbidden(reason) => {
                        (answered, heard_out) = (true, true);
                        refused.push((namespace, reason));
                    }
                    // A server that has never answered will not answer the next question either: nothing of it was read.
                    End::Silent(defect) if !answered => return objects.out.holding(holding(self.server, "", defect)),
                    End::Failed(defect) if !heard_out && objects.seen == 0 && is_for_all(&defect) => {
                        return objects.out.holding(holding(self.server, "", defect));
                    }
                    End::Silent(defect) | End::Failed(defect) => {
                        (answered, heard_out) = (true, true);
                        objects.out.holding(holding(self.server, &field(resource, namespace), defect.clone()));
                        if matches!(defect, DefectKind::NotAdmitted(_)) {
                            lost = Some(defect);
                            break;
                        }
                    }
                }
            }
            if let Some(reason) = refusal(resource, &refused) {
                objects.out.holding(holding(self.server, resource.shown, DefectKind::Forbidden(reason.into())));
            }
        }
        // Whoever asks may know it by default (the ClusterRole system:public-info-viewer); without it the version is unknown, as from files.
        if lost.is_none()
            && let Some(version) = list::version(ask)
        {
            objects.out.fact(Fact::Version(version));
        }
    }
}

/// Whether other questions would be answered alike: nobody knows who asks, or the selector that all of them have is none.
fn is_for_all(defect: &DefectKind) -> bool {
    match defect {
        DefectKind::NotAdmitted(_) => true,
        DefectKind::UnexpectedReply(what) => what.starts_with(list::BAD_REQUEST),
        _ => false,
    }
}

/// The field of a list that failed.
fn field(resource: &Resource, namespace: Option<&str>) -> String {
    namespace.map_or_else(|| resource.shown.to_owned(), |namespace| format!("{}[{namespace}]", resource.shown))
}

/// All refusals of one resource in one sentence.
fn refusal(resource: &Resource, refused: &[(Option<&str>, Box<str>)]) -> Option<String> {
    let names: Vec<&str> = refused.iter().filter_map(|(namespace, _)| *namespace).collect();
    let (_, reason) = refused.first()?;
    let place = match &names[..] {
        [] if resource.is_namespaced() => " in all namespaces".to_owned(),
        [] => String::new(),
        [only] => format!(" in namespace {only}"),
        several => format!(" in {} namespaces ({})", several.len(), several.join(", ")),
    };
    Some(format!("{}{place}{reason}", resource.shown))
}

fn holding(server: &Document, field: &str, defect: DefectKind) -> Holding {
    let origin = Origin { field: field.into(), ..Origin::whole(server.clone()) };
    let defect = Content::Defect(Arc::new(Defect { kind: defect, position: None }));
    Holding { origin, contents: Arc::from([defect]) }
}

/// Passes on what is found, and counts objects: a page of a list is none.
pub(super) struct Objects<'o> {
    out: &'o mut dyn Collect,
    seen: u64,
    list: List,
    /// Whether the page under way broke off: that its text has no end says nothing more then.
    cut: Arc<AtomicBool>,
}

/// Whether the next thing counted is the page itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Begins,
    Ended,
}

impl Objects<'_> {
    /// A page begins.
    fn page(&mut self, cut: Arc<AtomicBool>) {
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
