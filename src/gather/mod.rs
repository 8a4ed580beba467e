//! The disk and the API: which files to open, and what their places say about them; which objects to list ([`cluster`]).
//!
//! Rule: nothing is opened but regular files, and what cannot be read is a defect at its place; the rest is read all the same.
//!
//! ```text
//! Target ──┬── a file ───────────────────────────────┐
//!          ├── a directory ── directory, walk ───────┤
//!          ├── a host's directory ── host            ├── reader ── files ── decode::source
//!          │     ├── layouts   path → role, slot     │
//!          │     ├── components, units ── flags      │
//!          │     ├── plan      both in one list      │
//!          │     └── root      links stay inside ────┤
//!          └── standard input, KUBECONFIG ───────────┘
//! ```

pub mod cluster;
mod command;
mod components;
pub mod connection;
mod directory;
mod files;
mod flags;
mod host;
mod layouts;
pub mod lines;
pub mod passwords;
mod plan;
mod reader;
mod root;
#[cfg(test)]
mod tests;
pub mod text;
mod units;
mod walk;
mod words;

use crate::decode::{Decoder, source};
use crate::model::{Collect, DefectKind, Document, Origin, OriginKind};
use files::Refusal;
use host::Host;
use reader::{Reader, Task, View};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, or a directory: a known layout or a part of one gets roles, everything in it is read.
    Path(PathBuf),
    /// Standard input, once.
    Stdin,
    /// A directory taken as the root of a host's file system; only known layouts, and the files that its components name, are read.
    Root {
        /// The host's name in reports.
        name: Option<String>,
        /// The directory; `/` for this host.
        directory: PathBuf,
    },
    /// A `KUBECONFIG` merge list: missing files are skipped, unless none exists.
    Kubeconfigs(Vec<PathBuf>),
}

/// Looks at every target in order and hands what it finds to `out`. What cannot be read is a defect there.
pub fn gather(targets: &[Target], decoder: &Decoder, out: &mut dyn Collect) {
    let mut jobs: Vec<_> = targets.iter().map(Job::of).collect();
    name_hosts(&mut jobs);
    let mut reader = Reader::new(decoder, out);
    for job in &jobs {
        job.run(&mut reader);
    }
    source::finish(decoder, out);
}

/// Whether a known layout stands below this root.
#[must_use]
pub fn has_layout(root: &Path) -> bool {
    Host::at(root, None).has_layout()
}

/// A target, once it was looked at from outside.
enum Job<'t> {
    File(&'t Path),
    Descriptor(&'t Path),
    Directory(&'t Path),
    Host(Host),
    Stdin,
    Kubeconfigs(&'t [PathBuf]),
}

impl<'t> Job<'t> {
    fn of(target: &'t Target) -> Self {
        match target {
            Target::Stdin => Self::Stdin,
            Target::Kubeconfigs(paths) => Self::Kubeconfigs(paths),
            Target::Root { name, directory } => Self::Host(Host::at(directory, name.as_deref())),
            Target::Path(path) if is_stdin(path) => Self::Stdin,
            Target::Path(path) if is_descriptor(path) => Self::Descriptor(path),
            Target::Path(path) if path.is_dir() => Host::recognise(path).map_or(Self::Directory(path), Self::Host),
            Target::Path(path) => Self::File(path),
        }
    }

    fn run(&self, reader: &mut Reader<'_>) {
        let here = View::default();
        match self {
            Self::File(path) => reader.read_named(here, path, Task::NAMED),
            Self::Descriptor(path) => reader.descriptor(path),
            Self::Directory(path) => {
                directory::read(reader, here, path, &mut |below| (joined(path, below), Task::MET));
            }
            Self::Host(host) => host.read(reader),
            Self::Stdin => reader.stdin(),
            Self::Kubeconfigs(paths) => kubeconfigs(paths, reader),
        }
    }
}

/// Hosts get names when there are several: two directories of the same file system are one.
fn name_hosts(jobs: &mut [Job<'_>]) {
    let hosts: Vec<_> = jobs.iter_mut().filter_map(|job| if let Job::Host(host) = job { Some(host) } else { None }).collect();
    let different: HashSet<_> = hosts.iter().map(|host| host.identity()).collect();
    if different.len() > 1 {
        for host in hosts {
            host.name_by_directory();
        }
    }
}

fn joined(directory: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { directory.into() } else { directory.join(below) }
}

fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|stdin| path == Path::new(stdin))
}

/// Whether a path is a descriptor that the shell opened for us.
fn is_descriptor(path: &Path) -> bool {
    ["/dev/fd", "/proc/self/fd"].iter().any(|directory| path.parent() == Some(Path::new(directory)))
}

/// Reads a merge list as client-go does: empty entries and missing files are passed over (tools/clientcmd/loader.go).
fn kubeconfigs(paths: &[PathBuf], reader: &mut Reader<'_>) {
    let here = View::default();
    let mut absent = Vec::new();
    let named: Vec<_> = paths.iter().filter(|path| !path.as_os_str().is_empty()).collect();
    for path in &named {
        match reader.read(here, path, Task::NAMED) {
            Ok(()) => {}
            Err(Refusal::Absent) => absent.push(path.to_string_lossy()),
            Err(refusal) => reader.refused(here, path, Task::NAMED, refusal),
        }
    }
    let kind = if absent.len() == named.len() { DefectKind::Io("no such file".into()) } else { DefectKind::PassedOver };
    for path in absent {
        let document = Document::new(OriginKind::Kubeconfig, path.into_owned());
        reader.defect(Origin::whole(document), kind.clone());
    }
}
