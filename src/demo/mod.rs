//! A small cluster to try kcert on: what a kubeadm control-plane node holds, a user's kubeconfig, a dump of a few Kubernetes objects.
//!
//! [`cluster`] makes the files in memory, sound or with a few things wrong ([`cluster::AILMENTS`]); [`build`] writes the ailing one into
//! a temporary directory that goes away with its [`Demo`]. Everything in it is made anew each time and worth nothing.

pub mod cluster;
mod files;
mod kubeadm;
mod objects;

pub use cluster::{AILMENTS, Ailment, Health};
pub use files::Entry;

use crate::mint::{self, Pki};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// The demo's files, as long as it lives.
#[derive(Debug)]
pub struct Demo {
    directory: TempDir,
}

impl Demo {
    /// The root of the control-plane node's file system.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.directory.path().join(cluster::NODE)
    }

    /// A user's kubeconfig: an old copy of admin.conf.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join(cluster::KUBECONFIG)
    }

    /// Secrets, ConfigMaps and webhooks, as `kubectl get -o json` prints them.
    #[must_use]
    pub fn objects(&self) -> PathBuf {
        self.directory.path().join(cluster::OBJECTS)
    }
}

/// Why there is no demo.
#[derive(Debug)]
pub enum Error {
    /// A certificate could not be made.
    Mint(mint::Error),
    /// A file could not be written.
    Write(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mint(cause) => write!(f, "{cause}"),
            Self::Write(path, cause) => write!(f, "{}: {cause}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

impl From<mint::Error> for Error {
    fn from(cause: mint::Error) -> Self {
        Self::Mint(cause)
    }
}

/// Makes the ailing cluster as it stands at an instant.
///
/// # Errors
/// The temporary directory cannot be written.
pub fn build(at: OffsetDateTime) -> Result<Demo, Error> {
    let directory =
        tempfile::Builder::new().prefix("kcert-demo-").tempdir().map_err(|cause| Error::Write(PathBuf::new(), cause))?;
    // Certificates know whole seconds only: rounded up, what ends in twenty days ends in no less.
    let at = at.replace_nanosecond(0).unwrap_or(at) + Duration::SECOND;
    let entries = cluster::entries(Pki::at(at), Health::Ailing, &|_| None)?;
    write(directory.path(), &entries)?;
    Ok(Demo { directory })
}

/// Writes files and links below a directory.
///
/// # Errors
/// Whatever keeps a file from being written.
pub fn write(directory: &Path, entries: &[Entry]) -> Result<(), Error> {
    entries.iter().try_for_each(|entry| entry.write(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_away_with_its_owner() {
        let demo = build(mint::NOW).unwrap();
        let root = demo.root();
        assert!(root.join("etc/kubernetes/pki/ca.crt").exists() && demo.kubeconfig().exists() && demo.objects().exists());
        drop(demo);
        assert!(!root.exists());
    }
}
