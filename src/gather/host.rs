//! A host: the directory that stands for its file system, what is known of it, and reading it.

use super::command::Command;
use super::components::{self, Components};
use super::directory;
use super::files::Refusal;
use super::flags;
use super::layouts::{self, Layout};
use super::plan::{Flagged, Plan, Planned};
use super::reader::{Reader, Task, View};
use super::root::Root;
use crate::model::inventory;
use crate::model::{Component, Content, DefectKind, Document, Fact, Holding, Origin};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A host before it is read.
#[derive(Debug)]
pub(super) struct Host {
    root: Root,
    scope: Scope,
    name: Option<Arc<str>>,
    layouts: Vec<&'static Layout>,
}

/// Where kubeadm tells its user to copy admin.conf to (`kubeadm init`: "To start using your cluster").
const COPIES: &[&str] = &["/root/.kube/config"];

/// How much of the directory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The files of layouts and flags (`--root`).
    Known,
    /// Everything (a directory given as such).
    Everything,
}

impl Host {
    /// A directory that the user calls a root.
    pub(super) fn at(directory: &Path, name: Option<&str>) -> Self {
        let root = Root::whole(directory);
        Self { layouts: layouts::found_in(&root), root, scope: Scope::Known, name: name.map(Arc::from) }
    }

    /// A directory, if it is a known layout or a part of one.
    pub(super) fn recognise(directory: &Path) -> Option<Self> {
        let root = layouts::recognise(directory)?;
        Some(Self { layouts: layouts::found_in(&root), root, scope: Scope::Everything, name: None })
    }

    /// Whether anything about it is known.
    pub(super) fn has_layout(&self) -> bool {
        !self.layouts.is_empty()
    }

    /// What tells two hosts apart.
    pub(super) fn identity(&self) -> PathBuf {
        self.root.identity()
    }

    /// Names the host after its directory, unless the user named it.
    pub(super) fn name_by_directory(&mut self) {
        self.name.get_or_insert_with(|| self.root.directory().to_string_lossy().into());
    }

    /// Reads it.
    pub(super) fn read(&self, reader: &mut Reader<'_>) {
        let mut plan = Plan::default();
        for layout in &self.layouts {
            plan.layout(layout);
        }
        let components = components::of(&self.root, reader.decoder().limits());
        for command in &components.commands {
            plan.command(command);
        }
        if !self.layouts.is_empty() || !components.commands.is_empty() {
            reader.out.host(inventory::Host {
                name: self.name.clone(),
                directory: self.root.directory().to_string_lossy().into(),
                layouts: layouts::distributions(&self.layouts),
            });
        } else if self.scope == Scope::Known {
            let document = self.view().document(Path::new("/"));
            reader.defect(Origin::whole(document), self.nothing_found());
        }
        for command in &components.commands {
            reader.out.fact(Fact::Component(self.component(command)));
        }
        match self.scope {
            Scope::Known => {
                self.manifest_defects(components, reader);
                self.read_known(&plan, reader);
                self.read_copies(reader);
            }
            Scope::Everything => self.read_everything(&plan, reader),
        }
    }

    fn view(&self) -> View<'_> {
        View { root: Some(&self.root), host: self.name.as_ref() }
    }

    fn component(&self, command: &Command) -> Component {
        let shown = |path: &Path| self.view().document(path).source.to_string();
        Component {
            program: command.component(),
            host: self.name.clone(),
            version: command.version.clone(),
            written_in: Arc::clone(&command.written_in),
            settings: flags::settings(command, &shown),
        }
    }

    /// Why there is nothing: perhaps the directory is not even there.
    fn nothing_found(&self) -> DefectKind {
        match std::fs::metadata(self.root.directory()) {
            Ok(metadata) if metadata.is_dir() => {
                layouts::refused_in(&self.root).map_or(DefectKind::NothingFound, Refusal::into_defect)
            }
            Ok(_) => DefectKind::Io("not a directory".into()),
            Err(error) => Refusal::from_io(&error).into_defect(),
        }
    }

    fn manifest_defects(&self, components: Components, reader: &mut Reader<'_>) {
        for (path, defect) in components.defects {
            let contents = Arc::from([Content::Defect(Arc::new(defect))]);
            reader.out.holding(Holding { origin: Origin::whole(self.view().document(&path)), contents });
        }
    }

    fn read_known(&self, plan: &Plan, reader: &mut Reader<'_>) {
        // A flag may name a file of a layout by a link.
        let mut seen = HashSet::new();
        for file in plan.files() {
            let Some(task) = file.task().map(Task::with) else { continue };
            let read = self.view().resolve(&file.path).and_then(|real| {
                let fresh = seen.insert(real.clone()) || file.is_in_layout();
                if fresh { reader.read_at(self.view(), &file.path, &real, task) } else { Ok(()) }
            });
            if let Err(refusal) = read {
                self.refused(file, task, refusal, reader);
            }
        }
    }

    /// Copies of the administrator's kubeconfig, which renewals leave behind.
    fn read_copies(&self, reader: &mut Reader<'_>) {
        for path in COPIES.iter().filter(|_| self.has_layout()) {
            match reader.read(self.view(), Path::new(path), Task::MET) {
                // That there is none, or one for root's eyes alone, is nothing to report.
                Ok(()) | Err(_) => {}
            }
        }
    }

    fn read_everything(&self, plan: &Plan, reader: &mut Reader<'_>) {
        let view = self.view();
        let mut met = HashSet::new();
        directory::read(reader, view, self.root.directory(), &mut |below| {
            let path = self.root.host_path(below);
            met.insert(path.clone());
            let task = plan.task(&path).map_or(Task::MET, Task::with);
            (path, task)
        });
        for file in plan.files().iter().filter(|file| self.root.covers(&file.path) && !met.contains(&file.path)) {
            let (Some(task), Some(flag)) = (file.task().map(Task::with), file.required_by()) else { continue };
            // It may be there by way of a linked directory.
            if let Err(refusal) = reader.read(view, &file.path, task) {
                self.required(file, task, flag, refusal, reader);
            }
        }
    }

    fn refused(&self, file: &Planned, task: Task, refusal: Refusal, reader: &mut Reader<'_>) {
        match (&refusal, file.required_by()) {
            (_, Some(flag)) => self.required(file, task, flag, refusal, reader),
            (Refusal::Absent, None) => {}
            (_, None) => reader.refused(self.view(), &file.path, task, refusal),
        }
    }

    /// A file that a flag names cannot be had: the place is the flag.
    fn required(&self, file: &Planned, task: Task, flag: &Flagged, refusal: Refusal, reader: &mut Reader<'_>) {
        let missing = self.view().document(&file.path);
        let document = Document { file: Some(missing.source), source: Arc::clone(&flag.written_in), ..missing };
        let origin = Origin { field: flag.name().into(), role: task.role, slot: task.slot, ..Origin::whole(document) };
        reader.defect(origin, refusal.into_defect());
    }
}
