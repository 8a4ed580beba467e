//! The verifiers that can be asked, by name.

use super::KubernetesVersion;
use std::fmt;
use std::str::FromStr;

/// A program, or a standard, that judges certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verifier {
    /// RFC 5280, to the letter.
    Rfc5280,
    /// crypto/x509 of a Go release: kube-apiserver, kubelet, etcd, istiod, kubectl.
    Go(Go),
    /// `openssl verify` of OpenSSL 3, without `-x509_strict` and `-partial_chain`.
    OpenSsl,
    /// BoringSSL as Envoy's default certificate validator calls it: Istio's sidecars and gateways.
    Envoy,
    /// rustls-webpki, the very library linked into this program: ztunnel, linkerd's proxy.
    Rustls,
}

/// A Go toolchain, and the defaults of GODEBUG that the program was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Go {
    /// The release.
    pub toolchain: GoVersion,
    /// The minor release whose GODEBUG defaults hold: that of the `go` line of the program's go.mod (go.dev/doc/godebug).
    pub godebug: u8,
    /// How it was asked for.
    asked: Asked,
}

/// How a Go was asked for, which is how it is named in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Minor,
    Patch,
    Kubernetes(KubernetesVersion),
}

/// A Go release: `1.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GoVersion {
    /// 24 in 1.24.8.
    pub minor: u8,
    /// 8 in 1.24.8.
    pub patch: u8,
}

/// The Go minors known, each with its newest known patch release (go.dev/doc/devel/release), oldest first.
const GO: &[GoVersion] = &[
    go(15, 15),
    go(16, 15),
    go(17, 13),
    go(18, 10),
    go(19, 13),
    go(20, 14),
    go(21, 13),
    go(22, 12),
    go(23, 12),
    go(24, 11),
    go(25, 5),
    go(26, 6),
    go(27, 3),
];

const fn go(minor: u8, patch: u8) -> GoVersion {
    GoVersion { minor, patch }
}

impl Verifier {
    /// The options of the question that it has nothing like, so that they have no part in its answer.
    #[must_use]
    pub fn ignored_options(self, question: &super::Question<'_>) -> Vec<&'static str> {
        let Self::Go(_) = self else { return Vec::new() };
        let given = [("--crl", !question.crls.is_empty()), ("--max-depth", question.max_depth.is_some())];
        given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option).collect()
    }

    /// The newest Go known: what is asked when nobody is named.
    #[must_use]
    pub fn newest_go() -> Self {
        let toolchain = GO.last().copied().unwrap_or(go(0, 0));
        Self::Go(Go { toolchain, godebug: toolchain.minor, asked: Asked::Minor })
    }

    /// The oldest Go known.
    #[must_use]
    pub fn oldest_go() -> Self {
        let toolchain = GO.first().copied().unwrap_or(go(0, 0));
        Self::Go(Go { toolchain, godebug: toolchain.minor, asked: Asked::Minor })
    }

    /// What people call it: `Go 1.27`, `Kubernetes 1.32, Go 1.23.3`.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Rfc5280 => "RFC 5280".to_owned(),
            Self::Go(go) => go.title(),
            Self::OpenSsl => "OpenSSL 3".to_owned(),
            Self::Envoy => "Envoy".to_owned(),
            Self::Rustls => "rustls".to_owned(),
        }
    }

    /// `all`: the standard, every Go minor, and the others.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let gos =
            GO.iter().map(|toolchain| Self::Go(Go { toolchain: *toolchain, godebug: toolchain.minor, asked: Asked::Minor }));
        let mut all = vec![Self::Rfc5280];
        all.extend(gos);
        all.extend([Self::OpenSsl, Self::Envoy, Self::Rustls]);
        all
    }
}

impl Go {
    /// That of a Kubernetes release; `None` for minors that are not known.
    #[must_use]
    pub fn of_kubernetes(version: KubernetesVersion) -> Option<Self> {
        let (toolchain, godebug) = version.go()?;
        Some(Self { toolchain, godebug, asked: Asked::Kubernetes(version) })
    }

    fn title(self) -> String {
        let GoVersion { minor, patch } = self.toolchain;
        match self.asked {
            Asked::Minor => format!("Go 1.{minor}"),
            Asked::Patch => format!("Go 1.{minor}.{patch}"),
            Asked::Kubernetes(kubernetes) => format!("Kubernetes {kubernetes}, Go 1.{minor}.{patch}"),
        }
    }
}

/// A name that is no verifier's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVerifier(Box<str>);

impl fmt::Display for UnknownVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (GO.first(), GO.last());
        let minors = first.zip(last).map_or((0, 0), |(first, last)| (first.minor, last.minor));
        let (oldest, newest) = KubernetesVersion::known();
        write!(
            f,
            "{:?} is no verifier: rfc5280, go, go1.{} to go1.{} (also with a patch level, go1.24.8), kubernetes-{oldest} to \
             kubernetes-{newest}, openssl, envoy, rustls, or all",
            self.0, minors.0, minors.1
        )
    }
}

impl std::error::Error for UnknownVerifier {}

impl FromStr for Verifier {
    type Err = UnknownVerifier;

    fn from_str(name: &str) -> Result<Self, UnknownVerifier> {
        let unknown = || UnknownVerifier(name.into());
        match name {
            "rfc5280" => Ok(Self::Rfc5280),
            "go" => Ok(Self::newest_go()),
            "openssl" => Ok(Self::OpenSsl),
            "envoy" => Ok(Self::Envoy),
            "rustls" => Ok(Self::Rustls),
            _ => go_release(name).or_else(|| kubernetes_release(name)).map(Self::Go).ok_or_else(unknown),
        }
    }
}

/// `go1.24` (its newest known patch) or `go1.24.8`.
fn go_release(name: &str) -> Option<Go> {
    let release = name.strip_prefix("go1.")?;
    let (minor, patch) = release.split_once('.').map_or((release, None), |(minor, patch)| (minor, Some(patch)));
    let minor = minor.parse().ok()?;
    let newest = GO.iter().find(|known| known.minor == minor)?;
    Some(match patch {
        Some(patch) => Go { toolchain: go(minor, patch.parse().ok()?), godebug: minor, asked: Asked::Patch },
        None => Go { toolchain: *newest, godebug: minor, asked: Asked::Minor },
    })
}

/// `kubernetes-1.32`: its .0 release; `kubernetes-1.32.4`.
fn kubernetes_release(name: &str) -> Option<Go> {
    Go::of_kubernetes(name.strip_prefix("kubernetes-")?.parse().ok()?)
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rfc5280 => f.write_str("rfc5280"),
            Self::Go(go) => go.fmt(f),
            Self::OpenSsl => f.write_str("openssl"),
            Self::Envoy => f.write_str("envoy"),
            Self::Rustls => f.write_str("rustls"),
        }
    }
}

impl fmt::Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GoVersion { minor, patch } = self.toolchain;
        match self.asked {
            Asked::Minor => write!(f, "go1.{minor}"),
            Asked::Patch => write!(f, "go1.{minor}.{patch}"),
            Asked::Kubernetes(version) => write!(f, "kubernetes-{version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_given_back() {
        for name in
            ["rfc5280", "go1.15", "go1.24.8", "go1.27", "kubernetes-1.32", "kubernetes-1.32.4", "openssl", "envoy", "rustls"]
        {
            assert_eq!(name.parse::<Verifier>().map(|verifier| verifier.to_string()).as_deref(), Ok(name));
        }
        assert_eq!("go".parse(), Ok(Verifier::newest_go()));
        for name in ["", "go1", "go1.14", "go1.28", "go1.24.", "go1.24.x", "kubernetes-1.18", "kubernetes-2.1", "all", "Go"] {
            assert!(name.parse::<Verifier>().is_err(), "{name}");
        }
    }

    #[test]
    fn kubernetes_has_its_go_and_its_defaults() {
        let Ok(Verifier::Go(go)) = "kubernetes-1.34".parse() else { panic!("no Go") };
        assert_eq!((go.toolchain, go.godebug), (GoVersion { minor: 24, patch: 6 }, 24));
    }
}
