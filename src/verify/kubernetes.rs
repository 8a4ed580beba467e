//! Which Go a Kubernetes release is built with, and so which crypto/x509 its programs judge by.

use super::GoVersion;
use std::fmt;
use std::str::FromStr;

/// A Kubernetes release: `1.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KubernetesVersion {
    /// 32 in 1.32.4.
    pub minor: u8,
    /// 4 in 1.32.4.
    pub patch: u8,
}

/// From a release on: its Go, until the next row.
struct Release {
    since: KubernetesVersion,
    go: GoVersion,
}

/// Kubernetes → Go: kubernetes/community contributors/devel/development.md, go.mod of kubernetes/apiserver's tags, and for patch
/// releases that moved to another minor of Go the pull request named.
const RELEASES: &[Release] = &[
    release(19, 0, go(15, 0)),
    release(20, 0, go(15, 5)),
    release(21, 0, go(16, 1)),
    release(22, 0, go(16, 6)),
    release(23, 0, go(17, 3)),
    // charmed-kubernetes/jenkins#1175: both branches were moved in January 2023.
    release(23, 16, go(19, 5)),
    release(24, 0, go(18, 1)),
    release(24, 10, go(19, 5)),
    // kubernetes/kubernetes#119369.
    release(24, 16, go(20, 6)),
    release(25, 0, go(19, 0)),
    // kubernetes/kubernetes#119368.
    release(25, 12, go(20, 6)),
    release(26, 0, go(19, 4)),
    // kubernetes/kubernetes#121810, #122218.
    release(26, 11, go(20, 11)),
    release(26, 12, go(20, 12)),
    release(27, 0, go(20, 2)),
    release(28, 0, go(20, 7)),
    release(29, 0, go(21, 4)),
    release(30, 0, go(22, 2)),
    release(31, 0, go(22, 5)),
    // kubernetes/kubernetes#130194.
    release(31, 7, go(23, 6)),
    release(32, 0, go(23, 3)),
    // kubernetes/kubernetes#136469, of January 2026.
    release(32, 12, go(24, 12)),
    release(33, 0, go(24, 2)),
    release(34, 0, go(24, 6)),
    release(34, 2, go(24, 9)),
    release(35, 0, go(25, 5)),
    release(36, 0, go(26, 0)),
    release(37, 0, go(26, 4)),
];

const fn release(minor: u8, patch: u8, go: GoVersion) -> Release {
    Release { since: KubernetesVersion { minor, patch }, go }
}

const fn go(minor: u8, patch: u8) -> GoVersion {
    GoVersion { minor, patch }
}

impl KubernetesVersion {
    /// The Go that it is built with, and the minor whose GODEBUG defaults hold: those of the .0 release, whatever a patch release is
    /// built with (KEP-3744). `None` for minors that are not known.
    #[must_use]
    pub fn go(self) -> Option<(GoVersion, u8)> {
        let of_minor = RELEASES.iter().filter(|release| release.since.minor == self.minor);
        let newest = of_minor.clone().rfind(|release| release.since <= self)?;
        of_minor.map(|release| (newest.go, release.go.minor)).next()
    }

    /// The first known minor release that is built with this Go or a newer one.
    #[must_use]
    pub fn first_with(go: GoVersion) -> Option<Self> {
        let first = RELEASES.iter().find(|release| release.since.patch == 0 && release.go >= go);
        first.map(|release| release.since)
    }

    /// The oldest and the newest minor known.
    #[must_use]
    pub fn known() -> (Self, Self) {
        let (first, last) = (RELEASES.first(), RELEASES.last());
        let zero = Self { minor: 0, patch: 0 };
        (first.map_or(zero, |release| release.since), last.map_or(zero, |release| release.since))
    }

    /// The version in the tag of an image or in what a server says of itself: `v1.32.4`, `v1.32.4+k3s1`, `1.30.2-eks-1`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let end = tag.find(['-', '+', '_']).unwrap_or(tag.len());
        tag.get(..end)?.parse().ok()
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            0 => write!(f, "1.{}", self.minor),
            patch => write!(f, "1.{}.{patch}", self.minor),
        }
    }
}

/// Text that names no Kubernetes release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAKubernetesVersion(Box<str>);

impl fmt::Display for NotAKubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no Kubernetes version: 1.34, v1.34 or 1.34.2", self.0)
    }
}

impl std::error::Error for NotAKubernetesVersion {}

impl FromStr for KubernetesVersion {
    type Err = NotAKubernetesVersion;

    fn from_str(text: &str) -> Result<Self, NotAKubernetesVersion> {
        let parsed = || {
            let rest = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.")?;
            let (minor, patch) = rest.split_once('.').unwrap_or((rest, "0"));
            let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
            Some(Self { minor: number(minor)?, patch: number(patch)? })
        };
        parsed().ok_or_else(|| NotAKubernetesVersion(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> KubernetesVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_read_as_people_and_servers_write_them() {
        for (text, minor, patch) in [("1.24", 24, 0), ("v1.24", 24, 0), ("1.24.3", 24, 3)] {
            assert_eq!(version(text), KubernetesVersion { minor, patch });
        }
        for tag in ["v1.32.4+k3s1", "v1.32.4-eks-99d6cc0", "1.32.4"] {
            assert_eq!(KubernetesVersion::of_tag(tag), Some(version("1.32.4")));
        }
        for text in ["", "1", "2.1", "1.", "1.x", "1.2.3.4", "1.+3", "1.32.4+k3s1", "latest"] {
            assert!(text.parse::<KubernetesVersion>().is_err(), "{text}");
        }
        assert_eq!(KubernetesVersion::of_tag("latest"), None);
    }

    #[test]
    fn patch_releases_have_a_newer_go_and_the_old_defaults() {
        assert_eq!(version("1.31").go(), Some((go(22, 5), 22)));
        assert_eq!(version("1.31.6").go(), Some((go(22, 5), 22)));
        assert_eq!(version("1.31.7").go(), Some((go(23, 6), 22)));
        assert_eq!(version("1.34.9").go(), Some((go(24, 9), 24)));
        assert_eq!((version("1.18").go(), version("1.99").go()), (None, None));
        assert_eq!(KubernetesVersion::first_with(go(18, 0)), Some(version("1.24")));
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(RELEASES.is_sorted_by(|one, next| one.since < next.since));
        for release in RELEASES {
            assert!(RELEASES.iter().any(|zero| zero.since.minor == release.since.minor && zero.since.patch == 0));
        }
    }
}
