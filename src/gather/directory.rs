//! Reading everything in a directory.

use super::files::Refusal;
use super::reader::{Reader, Task, View};
use super::walk::{self, Bounds, Step};
use crate::decode::Expectation;
use crate::model::DefectKind;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads every file below a directory. `locate` tells the path of each in the view, and its task, by its path below the directory.
pub(super) fn read(reader: &mut Reader<'_>, view: View<'_>, directory: &Path, locate: &mut dyn FnMut(&Path) -> (PathBuf, Task)) {
    let bounds = Bounds::default();
    walk::walk(directory, bounds, &mut |step| {
        let (below, kind) = match step {
            Step::File(below) | Step::Link(below) if is_superseded(&directory.join(&below)) => return,
            Step::File(below) => {
                let (path, task) = locate(&below);
                let read = reader.read_at(view, &path, &directory.join(&below), task);
                return judge(reader, view, &path, task, read);
            }
            Step::Link(below) => {
                let (path, task) = locate(&below);
                let read = reader.read(view, &path, task);
                return judge(reader, view, &path, task, read);
            }
            Step::Refused(below, refusal) => (below, refusal.into_defect()),
            Step::TooDeep(below) => (below, DefectKind::TooDeep(bounds.depth)),
            Step::TooMany => {
                let reason = format!("more than {} files and directories; the rest was left out", bounds.entries);
                (PathBuf::new(), DefectKind::Io(reason.into()))
            }
        };
        let (path, task) = locate(&below);
        reader.refused(view, &path, task, Refusal::Defect(kind));
    });
}

/// A file that nobody asked for may be gone, or a link to nothing or to a device; all else is worth a word.
fn judge(reader: &mut Reader<'_>, view: View<'_>, path: &Path, task: Task, read: Result<(), Refusal>) {
    match read {
        Ok(()) => {}
        Err(Refusal::Absent | Refusal::Dangling | Refusal::Defect(DefectKind::NotAFile(_)))
            if task.expectation == Expectation::Met => {}
        Err(refusal) => reader.refused(view, path, task, refusal),
    }
}

/// Whether a file is a kubelet's certificate of old: `kubelet-client-2026-11-21-18-56-59.pem`, and `kubelet-client-current.pem` beside
/// it leads to another one. Kubelets never delete them, and they have all expired.
fn is_superseded(path: &Path) -> bool {
    if path.extension().is_none_or(|extension| extension != "pem") {
        return false;
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_dated = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    ["kubelet-client-", "kubelet-server-"].iter().any(|kind| {
        name.strip_prefix(kind).is_some_and(is_dated)
            && fs::read_link(path.with_file_name(format!("{kind}current.pem")))
                .is_ok_and(|current| current.file_name().is_some_and(|current| current != name))
    })
}
