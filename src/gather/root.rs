//! A directory that stands for (a part of) a host's file system: `--root DIR`, or a copy of `/etc/kubernetes`.
//!
//! Paths here are *host paths*: absolute, as the host's own programs write them. Rule: resolving one follows symbolic links as the
//! host would, absolute ones included, and never looks at anything outside the directory, whatever `..` and links say. Nobody can
//! keep an attacker who changes the tree at this very moment from winning a race; root directories of strangers should be at rest.

use super::files::Refusal;
use crate::model::DefectKind;
use std::ffi::OsString;
use std::fs;
use std::path::{self, Component, Path, PathBuf};

/// As many symbolic links as Linux follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;
/// Entries taken from a directory of manifests or drop-ins.
const MOST_ENTRIES: usize = 1000;

/// The directory and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// The directory as the user named it.
    directory: PathBuf,
    /// The host path that it stands for: `/` for a whole file system.
    prefix: PathBuf,
    /// The directory that stands for `/`, where the directory's own path tells: `/backup` for `/backup/etc/kubernetes`.
    whole: Option<PathBuf>,
}

impl Root {
    /// A directory that stands for `/`.
    pub(super) fn whole(directory: &Path) -> Self {
        Self { directory: directory.into(), prefix: "/".into(), whole: Some(directory.into()) }
    }

    /// A directory that stands for this host path.
    pub(super) fn part(directory: &Path, prefix: &Path) -> Self {
        let whole = path::absolute(directory).ok().and_then(|absolute| strip_suffix(&absolute, prefix));
        Self { directory: directory.into(), prefix: prefix.into(), whole }
    }

    /// The directory as the user named it.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the directory's own path ends like the path that it stands for.
    pub(super) fn is_in_place(&self) -> bool {
        self.whole.is_some()
    }

    /// What tells two hosts apart.
    pub(super) fn identity(&self) -> PathBuf {
        let whole = self.whole.as_ref().unwrap_or(&self.directory);
        fs::canonicalize(whole).unwrap_or_else(|_| whole.clone())
    }

    /// Whether the directory itself holds this host path.
    pub(super) fn covers(&self, path: &Path) -> bool {
        path.starts_with(&self.prefix)
    }

    /// The host path of something below the directory.
    pub(super) fn host_path(&self, below: &Path) -> PathBuf {
        self.prefix.join(below)
    }

    /// Where a host path is in the file system of this machine, links not followed; itself when nobody knows.
    pub(super) fn shown(&self, path: &Path) -> PathBuf {
        self.locate(path).unwrap_or_else(|| path.into())
    }

    /// Whether there is something under this host path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.resolve(Path::new(path)).is_ok()
    }

    /// The place of a host path in the file system of this machine, no symbolic link left in it below the directory.
    pub(super) fn resolve(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let mut rest = reversed(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        let mut last_is_link = false;
        while let Some(step) = rest.pop() {
            match step {
                Step::Up if at.pop() => continue,
                Step::Up => return Err(Refusal::Defect(DefectKind::Link)),
                Step::Down(name) => at.push(name),
            }
            // What the directory stands for is the user's word, not a link's.
            if self.prefix.starts_with(&at) {
                continue;
            }
            let real = self.locate(&at).ok_or_else(|| outside(links))?;
            let metadata = fs::symlink_metadata(&real).map_err(|error| match Refusal::from_io(&error) {
                Refusal::Absent if last_is_link => Refusal::Dangling,
                refusal => refusal,
            })?;
            if !metadata.is_symlink() {
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Refusal::Defect(DefectKind::Link));
            }
            last_is_link |= rest.is_empty();
            let target = fs::read_link(&real).map_err(|error| Refusal::from_io(&error))?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            rest.extend(reversed(&target));
        }
        self.locate(&at).ok_or_else(|| outside(links))
    }

    /// The names in a directory in order, without hidden ones; none if it cannot be listed.
    pub(super) fn names(&self, directory: &Path) -> Vec<OsString> {
        let Ok(entries) = self.resolve(directory).map(fs::read_dir) else { return Vec::new() };
        let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut names: Vec<_> = names.filter(|name| !name.as_encoded_bytes().starts_with(b".")).take(MOST_ENTRIES).collect();
        names.sort();
        names
    }

    fn locate(&self, path: &Path) -> Option<PathBuf> {
        match path.strip_prefix(&self.prefix) {
            Ok(below) => Some(join(&self.directory, below)),
            Err(_) => self.whole.as_ref().zip(path.strip_prefix("/").ok()).map(|(whole, below)| join(whole, below)),
        }
    }
}

/// Joins without leaving a separator at the end.
fn join(directory: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { directory.into() } else { directory.join(below) }
}

fn outside(links: usize) -> Refusal {
    Refusal::Defect(if links > 0 { DefectKind::Link } else { DefectKind::Io("lies outside of the directory given".into()) })
}

/// `/backup/etc/kubernetes` without `/etc/kubernetes`.
fn strip_suffix(path: &Path, suffix: &Path) -> Option<PathBuf> {
    let depth = suffix.components().filter(|part| matches!(part, Component::Normal(_))).count();
    let ends = path.ends_with(suffix.strip_prefix("/").unwrap_or(suffix));
    path.ancestors().nth(depth).filter(|_| ends).map(PathBuf::from)
}

enum Step {
    Down(OsString),
    Up,
}

/// The steps of a path, the last one first: a stack.
fn reversed(path: &Path) -> Vec<Step> {
    let step = |part: Component<'_>| match part {
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::ParentDir => Some(Step::Up),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;
    use tempfile::{TempDir, tempdir};

    const LINK: Refusal = Refusal::Defect(DefectKind::Link);

    /// `root/etc/kubernetes/pki/ca.crt`, and `secret` beside `root`.
    fn tree() -> (TempDir, Root) {
        let directory = tempdir().unwrap();
        let pki = directory.path().join("root/etc/kubernetes/pki");
        fs::create_dir_all(&pki).unwrap();
        fs::write(pki.join("ca.crt"), "inside").unwrap();
        fs::write(directory.path().join("secret"), "outside").unwrap();
        let root = Root::whole(&directory.path().join("root"));
        (directory, root)
    }

    fn resolve(root: &Root, path: &str) -> Result<PathBuf, Refusal> {
        root.resolve(Path::new(path))
    }

    #[test]
    fn absolute_links_stay_inside() {
        let (directory, root) = tree();
        let at = |name: &str| directory.path().join("root").join(name);
        symlink("/etc/kubernetes/pki", at("pki")).unwrap();
        symlink("../etc/kubernetes/pki/ca.crt", at("etc/relative")).unwrap();
        let expected = at("etc/kubernetes/pki/ca.crt");
        assert_eq!(resolve(&root, "/pki/ca.crt"), Ok(expected.clone()));
        assert_eq!(resolve(&root, "/etc/relative"), Ok(expected.clone()));
        assert_eq!(resolve(&root, "/etc/./kubernetes/../kubernetes//pki/ca.crt"), Ok(expected));
    }

    #[test]
    fn nothing_leads_out() {
        let (directory, root) = tree();
        let at = |name: &str| directory.path().join("root").join(name);
        symlink("../secret", at("up")).unwrap();
        symlink(directory.path().join("secret"), at("absolute")).unwrap();
        assert_eq!(resolve(&root, "/../secret"), Err(LINK));
        assert_eq!(resolve(&root, "/etc/../../secret"), Err(LINK));
        assert_eq!(resolve(&root, "/up"), Err(LINK));
        assert_eq!(resolve(&root, "/absolute"), Err(Refusal::Dangling), "an absolute link starts at the root of the tree");
    }

    #[test]
    fn loops_end_and_missing_files_are_told_from_dangling_links() {
        let (directory, root) = tree();
        let at = |name: &str| directory.path().join("root").join(name);
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        symlink("x/x", at("x")).unwrap();
        symlink("gone", at("dangling")).unwrap();
        symlink("etc", at("config")).unwrap();
        assert_eq!(resolve(&root, "/a"), Err(LINK));
        assert_eq!(resolve(&root, "/x"), Err(LINK));
        assert_eq!(resolve(&root, "/dangling"), Err(Refusal::Dangling));
        assert_eq!(resolve(&root, "/config/absent"), Err(Refusal::Absent));
        assert_eq!(resolve(&root, "/etc/kubernetes/pki/ca.crt/below"), Err(Refusal::Absent));
    }

    #[test]
    fn a_part_knows_the_whole_by_its_own_path() {
        let (directory, root) = tree();
        let pki = directory.path().join("root/etc/kubernetes/pki");
        let part = Root::part(&pki, Path::new("/etc/kubernetes/pki"));
        assert_eq!(part.identity(), root.identity());
        assert_eq!(resolve(&part, "/etc/kubernetes/pki/ca.crt"), Ok(pki.join("ca.crt")));
        fs::write(directory.path().join("root/etc/other"), "").unwrap();
        assert_eq!(resolve(&part, "/etc/other"), Ok(directory.path().join("root/etc/other")));
        let copy = Root::part(&pki, Path::new("/var/lib/kubelet"));
        assert_eq!(resolve(&copy, "/var/lib/kubelet/ca.crt"), Ok(pki.join("ca.crt")));
        assert_eq!(
            resolve(&copy, "/etc/other"),
            Err(Refusal::Defect(DefectKind::Io("lies outside of the directory given".into())))
        );
        symlink("../other", pki.join("link")).unwrap();
        assert_eq!(resolve(&copy, "/var/lib/kubelet/link"), Err(LINK));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whatever links there are, what a path resolves to lies inside.
        #[test]
        fn whatever_the_links_say_the_root_is_not_left(
            links in prop::collection::vec(("[a-c](/[a-c])?", "(/|\\.\\./|\\./)?((\\.\\.|[a-c]|secret|root|etc)/){0,3}([a-c]|\\.\\.|secret)"), 1..6),
            path in "/((\\.\\.|[a-c]|secret|etc)/){0,4}([a-c]|secret|\\.\\.)",
        ) {
            let (directory, root) = tree();
            let inside = directory.path().join("root");
            for name in ["a", "b"] {
                fs::create_dir(inside.join("etc").join(name)).unwrap();
            }
            for (name, target) in links {
                let link = inside.join(name);
                // A name that is taken, or below a link, is left out.
                if link.parent().is_some_and(|parent| parent == inside || !parent.is_symlink()) {
                    symlink(target, link).ok();
                }
            }
            if let Ok(real) = root.resolve(Path::new(&path)) {
                let real = fs::canonicalize(real).unwrap();
                prop_assert!(real.starts_with(fs::canonicalize(&inside).unwrap()), "{}", real.display());
            }
        }
    }
}
