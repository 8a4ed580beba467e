//! Walking a directory: every file below it in the order of the names, bounded in depth and number.
//!
//! Links to files are followed, each name is a place of its own; links to directories are not, so a walk never runs in a circle.

use super::files::Refusal;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// How much of a tree is walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Directories within directories.
    pub(super) depth: usize,
    /// Entries in all.
    pub(super) entries: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { depth: 32, entries: 1_000_000 }
    }
}

/// Something on the way. Paths are relative to the directory of the walk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A regular file.
    File(PathBuf),
    /// A link to a file, or to nothing, or in a circle.
    Link(PathBuf),
    /// A directory that cannot be listed.
    Refused(PathBuf, Refusal),
    /// A directory deeper than the bound.
    TooDeep(PathBuf),
    /// The bound of entries was met here; the walk is over.
    TooMany,
}

/// Walks a directory; a link given as such is followed. Devices, FIFOs and sockets on the way are no steps: nobody asked for them.
pub(super) fn walk(directory: &Path, bounds: Bounds, visit: &mut dyn FnMut(Step)) {
    let mut left = bounds.entries;
    // A stack instead of recursion, the next entry at its end.
    let mut pending = vec![Entry { path: PathBuf::new(), depth: 0, kind: Kind::Directory }];
    while let Some(entry) = pending.pop() {
        match entry.kind {
            Kind::File => visit(Step::File(entry.path)),
            Kind::Link => visit(Step::Link(entry.path)),
            Kind::Directory if entry.depth > bounds.depth => visit(Step::TooDeep(entry.path)),
            Kind::Directory => match list(directory, &entry, &mut left) {
                Ok(mut entries) => {
                    entries.sort_unstable_by(|one, other| other.path.cmp(&one.path));
                    pending.extend(entries);
                }
                Err(refusal) => visit(Step::Refused(entry.path, refusal)),
            },
        }
    }
    if left == 0 {
        visit(Step::TooMany);
    }
}

struct Entry {
    path: PathBuf,
    depth: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Link,
    Directory,
}

/// The entries of a directory that matter, as many as are left.
fn list(directory: &Path, parent: &Entry, left: &mut usize) -> Result<Vec<Entry>, Refusal> {
    let listing = fs::read_dir(directory.join(&parent.path)).map_err(|error| Refusal::from_io(&error))?;
    let mut entries = Vec::new();
    for entry in listing.take(*left) {
        *left = left.saturating_sub(1);
        let entry = entry.map_err(|error| Refusal::from_io(&error))?;
        let name = entry.file_name();
        if let Ok(kind) = entry.file_type()
            && let Some(kind) = kind_of(kind, &directory.join(&parent.path), &name)
        {
            entries.push(Entry { path: parent.path.join(&name), depth: parent.depth + 1, kind });
        }
    }
    Ok(entries)
}

fn kind_of(kind: fs::FileType, parent: &Path, name: &OsString) -> Option<Kind> {
    if kind.is_dir() {
        (!is_skipped(parent, name)).then_some(Kind::Directory)
    } else if kind.is_symlink() {
        let leads_to_a_directory = fs::metadata(parent.join(name)).is_ok_and(|target| target.is_dir());
        (!leads_to_a_directory).then_some(Kind::Link)
    } else {
        kind.is_file().then_some(Kind::File)
    }
}

/// Directories that are never walked: repositories and packages of programs; the hidden ones behind the links of a mounted Secret or
/// ConfigMap (kubernetes/kubernetes pkg/volume/util/atomic_writer.go), which would show every file twice; the file systems of
/// container images (containerd, `io.containerd.snapshotter.v1.overlayfs`); what the kernel shows as files.
fn is_skipped(parent: &Path, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let is_kernels = parent == Path::new("/") && matches!(name, b"proc" | b"sys" | b"dev");
    is_kernels || matches!(name, b".git" | b"node_modules") || name.starts_with(b"..") || name.starts_with(b"io.containerd.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::tests::empty_tree as tree;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    fn steps(directory: &Path, bounds: Bounds) -> Vec<String> {
        let mut steps = Vec::new();
        walk(directory, bounds, &mut |step| steps.push(format!("{step:?}").replace('"', "")));
        steps
    }

    #[test]
    fn files_come_in_the_order_of_their_names() {
        let directory = tree(&["b/x", "a", "c", "b/d/y", ".git/z", "node_modules/z", "..2026/z", ".hidden"]);
        symlink("a", directory.path().join("l1")).unwrap();
        symlink("b", directory.path().join("l2")).unwrap();
        symlink("nowhere", directory.path().join("l3")).unwrap();
        symlink(".", directory.path().join("b/loop")).unwrap();
        assert!(Command::new("mkfifo").arg(directory.path().join("fifo")).status().unwrap().success());
        let expected = ["File(.hidden)", "File(a)", "File(b/d/y)", "File(b/x)", "File(c)", "Link(l1)", "Link(l3)"];
        assert_eq!(steps(directory.path(), Bounds::default()), expected);
        symlink(directory.path(), directory.path().join("named")).unwrap();
        assert_eq!(steps(&directory.path().join("named"), Bounds::default()), expected, "a link that is named is followed");
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let directory = tree(&["a/b/c", "a/b/d/e", "x"]);
        assert_eq!(steps(directory.path(), Bounds { depth: 2, entries: 100 }), ["File(a/b/c)", "TooDeep(a/b/d)", "File(x)"]);
        let few = steps(directory.path(), Bounds { depth: 9, entries: 3 });
        assert_eq!(few.last().map(String::as_str), Some("TooMany"));
        assert!(few.len() <= 3, "{few:?}");
    }
}
