//! One run of gathering: reads a file at a time, follows what it names, and hands everything to the collector.

use super::files::{self, Refusal};
use super::root::Root;
use crate::decode::{Decoded, Decoder, Expectation, Place, Reference, source};
use crate::model::{Collect, Content, Defect, DefectKind, Document, Holding, Origin, OriginKind, Role, Slot};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where paths lead: in the file system of this machine, or in a directory that stands for a host's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View<'v> {
    /// The directory.
    pub(super) root: Option<&'v Root>,
    /// The host's name, where several are looked at.
    pub(super) host: Option<&'v Arc<str>>,
}

/// What is known of a file before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// Its job.
    pub(super) role: Option<Role>,
    /// What it is for.
    pub(super) slot: Slot,
    /// How it was come by.
    pub(super) expectation: Expectation,
}

impl Task {
    /// A file that somebody named, and nothing else is known of.
    pub(super) const NAMED: Self = Self { role: None, slot: Slot::Unknown, expectation: Expectation::Named };
    /// A file in a directory.
    pub(super) const MET: Self = Self { role: None, slot: Slot::Unknown, expectation: Expectation::Met };

    /// A file with a job.
    pub(super) fn with((role, slot): (Role, Slot)) -> Self {
        Self { role: Some(role), slot, expectation: Expectation::Named }
    }
}

impl View<'_> {
    /// The path as the user would type it.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        self.root.map_or_else(|| path.into(), |root| root.shown(path))
    }

    /// The path to open.
    pub(super) fn resolve(&self, path: &Path) -> Result<PathBuf, Refusal> {
        self.root.map_or_else(|| Ok(path.into()), |root| root.resolve(path))
    }

    /// The document of a file; characters that are not UTF-8 are replaced for show.
    pub(super) fn document(&self, path: &Path) -> Document {
        let source = self.shown(path).to_string_lossy().into_owned();
        Document { host: self.host.cloned(), ..Document::new(OriginKind::File, source) }
    }
}

/// The run.
pub(super) struct Reader<'g> {
    decoder: &'g Decoder,
    /// Where everything goes.
    pub(super) out: &'g mut dyn Collect,
    stdin: Stdin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stdin {
    Fresh,
    Read,
}

impl<'g> Reader<'g> {
    /// A run that has read nothing yet.
    pub(super) fn new(decoder: &'g Decoder, out: &'g mut dyn Collect) -> Self {
        Self { decoder, out, stdin: Stdin::Fresh }
    }

    /// The decoder.
    pub(super) fn decoder(&self) -> &'g Decoder {
        self.decoder
    }

    /// Reads a file, and the files that it names. A refusal is the caller's to judge.
    pub(super) fn read(&mut self, view: View<'_>, path: &Path, task: Task) -> Result<(), Refusal> {
        let real = view.resolve(path)?;
        self.read_at(view, path, &real, task)
    }

    /// The same for a path that is known to be without links.
    pub(super) fn read_at(&mut self, view: View<'_>, path: &Path, real: &Path, task: Task) -> Result<(), Refusal> {
        let mut opened = files::open(real)?;
        let document = opened.describe(view.document(path));
        self.source(view, path, &mut opened.file, document, task);
        Ok(())
    }

    /// Reads a file that somebody named; a refusal is a defect there.
    pub(super) fn read_named(&mut self, view: View<'_>, path: &Path, task: Task) {
        if let Err(refusal) = self.read(view, path, task) {
            self.refused(view, path, task, refusal);
        }
    }

    /// Notes that a file could not be opened.
    pub(super) fn refused(&mut self, view: View<'_>, path: &Path, task: Task, refusal: Refusal) {
        let origin = Origin { role: task.role, slot: task.slot, ..Origin::whole(view.document(path)) };
        self.defect(origin, refusal.into_defect());
    }

    /// Notes what is wrong with a place.
    pub(super) fn defect(&mut self, origin: Origin, kind: DefectKind) {
        self.out.holding(Holding { origin, contents: [defect(kind)].into() });
    }

    /// Reads a descriptor that this process was given, such as bash's `<(command)`: it may well be a pipe.
    pub(super) fn descriptor(&mut self, path: &Path) {
        match std::fs::File::open(path) {
            Ok(mut file) => self.source(View::default(), path, &mut file, View::default().document(path), Task::NAMED),
            Err(error) => self.refused(View::default(), path, Task::NAMED, Refusal::from_io(&error)),
        }
    }

    /// Reads standard input; there is only one.
    pub(super) fn stdin(&mut self) {
        let document = Document::new(OriginKind::Stdin, "-");
        match std::mem::replace(&mut self.stdin, Stdin::Read) {
            Stdin::Fresh => self.source(View::default(), Path::new("-"), &mut io::stdin(), document, Task::NAMED),
            Stdin::Read => {
                self.defect(Origin::whole(document), DefectKind::Io("standard input was already read".into()));
            }
        }
    }

    fn source(&mut self, view: View<'_>, path: &Path, bytes: &mut (dyn io::Read + Send), document: Document, task: Task) {
        let place = Place { document, role: task.role, slot: task.slot, expectation: task.expectation };
        for reference in source::part(self.decoder, bytes, &place, self.out) {
            self.reference(view, path, &reference);
        }
    }

    /// Reads a file that a kubeconfig names: relative to the kubeconfig's directory (client-go tools/clientcmd/loader.go,
    /// `ResolveLocalPaths`).
    fn reference(&mut self, view: View<'_>, kubeconfig: &Path, reference: &Reference) {
        let path = kubeconfig.parent().unwrap_or(Path::new("")).join(&*reference.path);
        let named = Document {
            file: Some(view.shown(&path).to_string_lossy().into()),
            access: None,
            ..(*reference.origin.document).clone()
        };
        self.out.examined(1);
        let (document, contents) = match view.resolve(&path).and_then(|real| files::open(&real)) {
            Err(refusal) => (named, [defect(refusal.into_defect())].into()),
            Ok(opened) => {
                let document = opened.describe(named);
                let bytes = opened.bytes(self.decoder.limits().document_bytes);
                (document, bytes.map_or_else(|refusal| [defect(refusal.into_defect())].into(), |bytes| self.decode(&bytes)))
            }
        };
        let origin = Origin { document: Arc::new(document), ..reference.origin.clone() };
        self.out.holding(Holding { origin, contents });
    }

    fn decode(&self, bytes: &[u8]) -> Arc<[Content]> {
        match self.decoder.bytes(bytes) {
            Decoded::Contents(contents) if !contents.is_empty() => contents,
            Decoded::Keystore(keystore) => keystore.contents(),
            _ if bytes.is_empty() => [defect(DefectKind::Empty)].into(),
            _ => [defect(DefectKind::NothingFound)].into(),
        }
    }
}

fn defect(kind: DefectKind) -> Content {
    Content::Defect(Arc::new(Defect { kind, position: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;
    use crate::model::Inventory;

    #[test]
    fn standard_input_is_there_once() {
        let decoder = Decoder::new(Limits::default());
        let mut inventory = Inventory::default();
        let mut reader = Reader { decoder: &decoder, out: &mut inventory, stdin: Stdin::Read };
        reader.stdin();
        assert_eq!(&*inventory.holdings[0].origin.document.source, "-");
        assert!(
            matches!(&inventory.holdings[0].contents[0], Content::Defect(defect) if matches!(defect.kind, DefectKind::Io(_)))
        );
    }
}
