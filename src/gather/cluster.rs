//! The API of a cluster: every kind of object that holds certificates or tells who believes whom, listed page by page.
//!
//! Rules. A page goes to the decoder as it comes off the wire, as a dump in a file would: there is one way of reading objects, and no more
//! of a list is in memory than the decoder's windows. Nothing is asked but lists (GET). A list that may not be read, that fails or that
//! ends early is a defect at its place, and the others are read all the same.
//!
//! ```text
//! Login ── client ── Cluster::read ── resources   what is listed, where, and what is left out
//!          (kube)         │    └── objects          what comes of it, and whom the API server calls
//!                         └── list ── page          pages, retries, refusals | where the next page is
//!                               └── decode::source
//! ```

mod client;
mod list;
mod objects;
mod page;
mod resources;
#[cfg(test)]
mod tests;

pub use client::{Kubeconfigs, Login, NoCluster};

use crate::decode::{Decoder, Expectation, Place, source};
use crate::model::{Collect, Content, Defect, DefectKind, Document, Fact, Holding, Origin, OriginKind, Slot};
use client::{Access, Client};
use list::{Ask, End, Lister};
use objects::Objects;
use resources::{CALLED, RESOURCES, Resource, SERVICES};
use std::ops::ControlFlow;
use std::sync::Arc;
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

/// How far it has come.
#[derive(Default)]
struct Course {
    /// Whether the server has answered anything.
    answered: bool,
    /// Whether it has said what it makes of the questions: one that knows nothing of what is asked has not yet.
    heard_out: bool,
    /// Why nothing more is asked: who is no longer known will not be for the rest either.
    lost: Option<DefectKind>,
}

impl Reading<'_> {
    fn run(self, selection: &Selection, ask: &mut dyn Ask) {
        let Reading { context, server, timeout, decoder, out, step } = self;
        let decoder = decoder.apart();
        let mut objects = Objects::new(out);
        Lists { context, server, timeout, decoder: &decoder, step, ask, course: Course::default() }.all(selection, &mut objects);
        source::finish(&decoder, &mut objects);
    }
}

/// The lists of one cluster, one after another.
struct Lists<'r> {
    context: &'r str,
    server: &'r Document,
    timeout: Duration,
    decoder: &'r Decoder,
    step: &'r mut dyn FnMut(&Progress<'_>),
    ask: &'r mut dyn Ask,
    course: Course,
}

impl Lists<'_> {
    fn all(mut self, selection: &Selection, objects: &mut Objects<'_>) {
        for resource in RESOURCES.iter().filter(|resource| resource.is_in(&selection.scope)) {
            let labels = resource.labels(selection.labels.as_deref());
            if self.read(resource, &resource.namespaces(&selection.scope), labels.as_deref(), objects).is_break() {
                return;
            }
        }
        // Of single namespaces nothing is read that calls a Service.
        let called = if selection.scope == Scope::Everything { objects.called() } else { Vec::new() };
        let called: Vec<Option<&str>> = called.iter().map(|namespace| Some(&**namespace)).collect();
        for resource in CALLED.iter().filter(|_| !called.is_empty()) {
            if self.read(resource, &called, None, objects).is_break() {
                return;
            }
        }
        // Whoever asks may know it by default (the ClusterRole system:public-info-viewer); without it the version is unknown, as from files.
        if self.course.lost.is_none()
            && let Some(version) = list::version(self.ask)
        {
            objects.fact(Fact::Version(version));
        }
    }

    /// Reads a resource, in these namespaces. It breaks where nothing else needs to be asked: nothing of the server was read.
    fn read(
        &mut self,
        resource: &Resource,
        namespaces: &[Option<&str>],
        labels: Option<&str>,
        objects: &mut Objects<'_>,
    ) -> ControlFlow<()> {
        let Self { context, server, timeout, decoder, step, ask, course } = self;
        if let Some(defect) = &course.lost {
            objects.holding(holding(server, resource.shown, Clone::clone(defect)));
            return ControlFlow::Continue(());
        }
        let document = Document::clone(server);
        let place = Place { document, role: None, slot: Slot::Unknown, expectation: Expectation::Named };
        let mut refused = Vec::new();
        for namespace in namespaces.iter().copied() {
            let mut report = |objects: u64| step(&Progress { context, resource: resource.shown, objects });
            let lister = Lister { resource, namespace, labels, decoder, place: &place, timeout: *timeout };
            match lister.read(*ask, objects, &mut report) {
                End::Read => {
                    (course.answered, course.heard_out) = (true, true);
                    if let Some(namespace) = namespace.filter(|_| resource.name == SERVICES) {
                        objects.fact(Fact::Listed(namespace.into()));
                    }
                }
                End::Absent => course.answered = true,
                End::Forbidden(reason) => {
                    (course.answered, course.heard_out) = (true, true);
                    refused.push((namespace, reason));
                }
                // A server that has never answered will not answer the next question either: nothing of it was read.
                End::Silent(defect) if !course.answered => {
                    objects.holding(holding(server, "", defect));
                    return ControlFlow::Break(());
                }
                End::Failed(defect) if !course.heard_out && objects.seen() == 0 && is_for_all(&defect) => {
                    objects.holding(holding(server, "", defect));
                    return ControlFlow::Break(());
                }
                End::Silent(defect) | End::Failed(defect) => {
                    (course.answered, course.heard_out) = (true, true);
                    objects.holding(holding(server, &field(resource, namespace), defect.clone()));
                    if matches!(defect, DefectKind::NotAdmitted(_)) {
                        course.lost = Some(defect);
                        break;
                    }
                }
            }
        }
        if let Some(reason) = refusal(resource, &refused) {
            objects.holding(holding(server, resource.shown, DefectKind::Forbidden(reason.into())));
        }
        ControlFlow::Continue(())
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

/// Namespaces that are named in a sentence.
const NAMED: usize = 10;

/// All refusals of one resource in one sentence.
fn refusal(resource: &Resource, refused: &[(Option<&str>, Box<str>)]) -> Option<String> {
    let names: Vec<&str> = refused.iter().filter_map(|(namespace, _)| *namespace).collect();
    let (_, reason) = refused.first()?;
    let place = match &names[..] {
        [] if resource.is_namespaced() => " in all namespaces".to_owned(),
        [] => String::new(),
        [only] => format!(" in namespace {only}"),
        several => {
            let more = if several.len() > NAMED { ", …" } else { "" };
            let few = several.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            format!(" in {} namespaces ({few}{more})", several.len())
        }
    };
    Some(format!("{}{place}{reason}", resource.shown))
}

fn holding(server: &Document, field: &str, defect: DefectKind) -> Holding {
    let origin = Origin { field: field.into(), ..Origin::whole(server.clone()) };
    let defect = Content::Defect(Arc::new(Defect { kind: defect, position: None }));
    Holding { origin, contents: Arc::from([defect]) }
}
