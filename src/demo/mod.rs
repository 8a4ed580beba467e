//! A small cluster to try kcert on: what a kubeadm control-plane node holds, a user's kubeconfig, a dump of a few Kubernetes objects.
//!
//! Real TLS servers stand beside it on loopback: an API server, etcd, a kubelet ([`Servers`]).
//!
//! [`cluster`] makes the files in memory, sound or with a few things wrong ([`cluster::AILMENTS`]); [`build`] writes the ailing one into
//! a temporary directory that goes away with its [`Demo`]. Everything in it is made anew each time and worth nothing.

pub mod cluster;
mod files;
mod kubeadm;
mod objects;
mod servers;

pub use cluster::{AILMENTS, Ailment, Health, Site};
pub use files::Entry;
pub use servers::Servers;

use crate::mint::{self, Pki};
use servers::Sockets;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// The demo's files, as long as it lives.
#[derive(Debug)]
pub struct Demo {
    directory: TempDir,
    servers: Option<Servers>,
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

    /// The servers, if some were started.
    #[must_use]
    pub fn servers(&self) -> Option<&Servers> {
        self.servers.as_ref()
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
    /// A server could not be started.
    Serve(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mint(cause) => write!(f, "{cause}"),
            Self::Write(path, cause) => write!(f, "{}: {cause}", path.display()),
            Self::Serve(cause) => write!(f, "its servers could not be started: {cause}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<mint::Error> for Error {
    fn from(cause: mint::Error) -> Self {
        Self::Mint(cause)
    }
}

/// Makes the ailing cluster as it stands at an instant, without servers.
///
/// # Errors
/// The temporary directory cannot be written.
pub fn build(at: OffsetDateTime) -> Result<Demo, Error> {
    let (directory, _, _) = make(at, Site::default())?;
    Ok(Demo { directory, servers: None })
}

/// The same with an API server, etcd and a kubelet on loopback, for as long as the demo lives.
///
/// # Errors
/// The temporary directory cannot be written, loopback cannot be listened on.
pub fn serve(at: OffsetDateTime) -> Result<Demo, Error> {
    let sockets = Sockets::bind().map_err(Error::Serve)?;
    let (directory, pki, entries) = make(at, sockets.site())?;
    let servers = Servers::start(sockets, pki, &entries)?;
    Ok(Demo { directory, servers: Some(servers) })
}

fn make(at: OffsetDateTime, site: Site) -> Result<(TempDir, Pki, Vec<Entry>), Error> {
    let directory =
        tempfile::Builder::new().prefix("kcert-demo-").tempdir().map_err(|cause| Error::Write(PathBuf::new(), cause))?;
    // Certificates know whole seconds only: rounded up, what ends in twenty days ends in no less.
    let at = at.replace_nanosecond(0).unwrap_or(at) + Duration::SECOND;
    let pki = Pki::at(at);
    let entries = cluster::entries(pki, Health::Ailing, site, &|_| None)?;
    write(directory.path(), &entries)?;
    Ok((directory, pki, entries))
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
