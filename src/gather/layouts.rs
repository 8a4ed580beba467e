//! Known layouts: which files a distribution keeps where, and what each is for.
//!
//! Rule: a layout is data, one [`Layout`] in `tables`. It is recognised by its signs; of several that claim a file, the one that
//! stands first in [`tables::LAYOUTS`] wins, so the more specific ones come first.

mod tables;

use super::files::Refusal;
use super::root::Root;
use crate::model::{Distribution, Role, Slot};
use std::path::{Component, Path, PathBuf};

/// The files of one distribution on one kind of host.
#[derive(Debug)]
pub(super) struct Layout {
    /// Whose it is.
    pub(super) distribution: Distribution,
    /// Host paths; where all of one group exist, this layout is there.
    signs: &'static [&'static [&'static str]],
    /// Host paths of directories that people name or copy on their own.
    parts: &'static [&'static str],
    /// The files.
    sections: &'static [Section],
}

/// Files in one directory.
#[derive(Debug)]
struct Section {
    /// The host path of the directory.
    base: &'static str,
    rows: &'static [Row],
}

/// A file, or a certificate with its key.
#[derive(Debug)]
struct Row {
    /// Relative to the section's base; `*` stands for one whole component, in directories that are walked.
    path: &'static str,
    form: Form,
    role: Role,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// `PATH.crt`, a credential, and `PATH.key`.
    Pair,
    /// One file.
    File(Slot),
}

impl Form {
    /// What stands behind the row's path in the name of each file, and what that file is for.
    fn files(self) -> &'static [(&'static str, Slot)] {
        match self {
            Self::Pair => &[(".crt", Slot::Credential), (".key", Slot::Key)],
            Self::File(Slot::Credential) => &[("", Slot::Credential)],
            Self::File(Slot::Key) => &[("", Slot::Key)],
            Self::File(Slot::Trust) => &[("", Slot::Trust)],
            Self::File(Slot::Request | Slot::Unknown) => &[("", Slot::Unknown)],
        }
    }
}

impl Layout {
    /// Its files: host path, job, slot.
    pub(super) fn files(&self) -> impl Iterator<Item = (PathBuf, Role, Slot)> {
        self.sections.iter().flat_map(|section| {
            section.rows.iter().flat_map(move |row| {
                row.form
                    .files()
                    .iter()
                    .map(move |(end, slot)| (PathBuf::from(format!("{}/{}{end}", section.base, row.path)), row.role, *slot))
            })
        })
    }

    fn is_at(&self, root: &Root) -> bool {
        let here = |sign: &&str| root.covers(Path::new(sign)) && root.has(sign);
        self.signs.iter().any(|group| group.iter().all(here))
    }
}

/// The layouts that a root has, the more specific first.
pub(super) fn found_in(root: &Root) -> Vec<&'static Layout> {
    tables::LAYOUTS.iter().copied().filter(|layout| layout.is_at(root)).collect()
}

/// Why files of layouts below a root cannot be looked at, where that is for another reason than that they are not there.
pub(super) fn refused_in(root: &Root) -> Option<Refusal> {
    let paths = tables::LAYOUTS.iter().flat_map(|layout| layout.files()).map(|(path, _, _)| path);
    paths.filter_map(|path| root.resolve(&path).err()).find(|refusal| !matches!(refusal, Refusal::Absent))
}

/// Finds out which part of a host's file system a directory is, if it is one: the layout whose own path the directory's path ends
/// with, else the one of which most files are there.
pub(super) fn recognise(directory: &Path) -> Option<Root> {
    let parts = tables::LAYOUTS.iter().flat_map(|layout| layout.parts.iter().map(move |part| (layout, part)));
    let roots = parts.map(|(layout, part)| (layout, Root::part(directory, Path::new(part))));
    let found: Vec<_> = roots.filter(|(layout, root)| layout.is_at(root)).collect();
    let likelihood = |(layout, root): &(&&Layout, Root)| {
        let is_named_so = root.is_in_place() && !root.covers(Path::new("/"));
        let present = layout.files().filter(|(path, _, _)| root.covers(path) && root.resolve(path).is_ok()).count();
        (is_named_so, present)
    };
    // Of equals the first: `max_by_key` takes the last.
    found.into_iter().rev().max_by_key(likelihood).map(|(_, root)| root)
}

/// The distributions of layouts, each once; kubeadm not where another one is built on it.
pub(super) fn distributions(layouts: &[&Layout]) -> Vec<Distribution> {
    let mut found: Vec<_> = layouts.iter().map(|layout| layout.distribution).collect();
    found.sort_unstable();
    found.dedup();
    if found.iter().any(|distribution| matches!(distribution, Distribution::Minikube | Distribution::AckDedicated)) {
        found.retain(|distribution| *distribution != Distribution::Kubeadm);
    }
    found
}

/// Whether a host path is one that a pattern with `*` components stands for.
pub(super) fn matches(pattern: &Path, path: &Path) -> bool {
    let same = |(want, have): (Component<'_>, Component<'_>)| want.as_os_str() == "*" || want == have;
    pattern.components().count() == path.components().count() && pattern.components().zip(path.components()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decoder, Limits};
    use crate::gather::tests::empty_tree as tree;
    use crate::gather::{Target, gather};
    use crate::model::Inventory;
    use std::collections::HashSet;

    fn at_root(files: &[&str]) -> Vec<Distribution> {
        let directory = tree(files);
        distributions(&found_in(&Root::whole(directory.path())))
    }

    #[test]
    fn every_layout_is_recognised_by_its_own_files() {
        for layout in tables::LAYOUTS {
            for group in layout.signs {
                let directory = tree(&group.iter().map(|sign| &sign[1..]).collect::<Vec<_>>());
                let found = found_in(&Root::whole(directory.path()));
                assert!(found.iter().any(|other| std::ptr::eq(*other, *layout)), "{group:?}");
                for part in layout.parts.iter().filter(|part| group.iter().all(|sign| Path::new(sign).starts_with(part))) {
                    let given = directory.path().join(part.trim_start_matches('/'));
                    let root = recognise(&given).unwrap_or_else(|| panic!("{part} with {group:?}"));
                    assert!(root.covers(Path::new(part)), "{part} with {group:?} is {root:?}");
                }
            }
        }
    }

    #[test]
    fn every_file_of_a_layout_is_read_as_what_it_is() {
        for layout in tables::LAYOUTS {
            let files: Vec<_> = layout.files().filter(|(path, _, _)| !path.to_string_lossy().contains('*')).collect();
            let mut names: Vec<_> = files.iter().map(|(path, _, _)| path.to_str().unwrap()[1..].to_owned()).collect();
            names.extend(layout.signs[0].iter().map(|sign| sign[1..].to_owned()));
            let directory = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let target = Target::Root { name: None, directory: directory.path().into() };
            let mut inventory = Inventory::default();
            gather(&[target], &Decoder::new(Limits::default()), &mut inventory);
            let found = found_in(&Root::whole(directory.path()));
            for (path, _, _) in &files {
                let (_, role, slot) = found.iter().flat_map(|layout| layout.files()).find(|(first, _, _)| first == path).unwrap();
                let shown = directory.path().join(path.strip_prefix("/").unwrap());
                let mut here =
                    inventory.holdings.iter().filter(|holding| *holding.origin.document.source == *shown.to_string_lossy());
                let origin = here.next().map(|holding| (holding.origin.role, holding.origin.slot));
                assert_eq!(origin, Some((Some(role), slot)), "{}", path.display());
                assert!(here.next().is_none(), "{} was read twice", path.display());
            }
        }
    }

    #[test]
    fn tables_are_sound() {
        for layout in tables::LAYOUTS {
            assert!(layout.parts.contains(&"/") || layout.distribution == Distribution::Minikube);
            let mut seen = HashSet::new();
            for (path, _, _) in layout.files() {
                assert!(path.is_absolute() && path.components().all(|part| part.as_os_str() != ".."), "{path:?}");
                assert!(seen.insert(path.clone()), "{path:?} stands twice in {:?}", layout.distribution);
            }
        }
    }

    #[test]
    fn what_is_built_on_kubeadm_is_not_called_kubeadm() {
        assert_eq!(at_root(&["etc/kubernetes/pki/apiserver.crt"]), [Distribution::Kubeadm]);
        assert_eq!(
            at_root(&["etc/kubernetes/pki/apiserver.crt", "etc/kubernetes/pki/apiserver-ca.crt"]),
            [Distribution::AckDedicated]
        );
        assert_eq!(
            at_root(&["etc/kubernetes/admin.conf", "var/lib/minikube/certs/proxy-client-ca.crt"]),
            [Distribution::Minikube]
        );
        assert_eq!(at_root(&["etc/kubernetes/x", "etc/ssl/ca.crt"]), []);
    }

    #[test]
    fn a_copy_under_another_name_is_recognised_by_what_it_holds() {
        let directory = tree(&["backup/apiserver.crt", "tls/client-rke2-controller.crt", "some/ca.crt"]);
        let root = |name: &str| recognise(&directory.path().join(name));
        assert!(root("backup").unwrap().covers(Path::new("/etc/kubernetes/pki")));
        assert!(!root("backup").unwrap().is_in_place());
        assert!(root("tls").unwrap().covers(Path::new("/var/lib/rancher/rke2/server/tls")));
        assert_eq!(root("some"), None);
        let mixed = tree(&["kubelet.conf", "pki/kubelet-client-current.pem", "pki/kubelet.crt"]);
        assert!(recognise(mixed.path()).unwrap().covers(Path::new("/var/lib/kubelet")));
    }

    #[test]
    fn a_star_is_one_component() {
        let matches = |pattern: &str, path: &str| matches(Path::new(pattern), Path::new(path));
        assert!(matches("/a/*/c", "/a/b/c"));
        assert!(!matches("/a/*/c", "/a/b/b/c"));
        assert!(!matches("/a/*", "/a"));
    }
}
